//! WAV files of any usual format, read as a stream of 16 kHz mono frames in bounded memory, and written.
//!
//! The reader is our own, since files from the wild break rules that `hound` insists on: recorders that stream write 0 or
//! 0xFFFFFFFF as the data's length, others stop in the middle of a sample, put chunks of their own everywhere, or hold A-law and µ-law
//! from telephones. Such files are read as far as they go. Writing is `hound`'s.
//!
//! - [`header`]: the RIFF chunks up to the samples, and recognising what is no WAV file at all.
//! - [`sample`]: one sample of any encoding as a number from -1 to 1.
//! - [`reader`]: the stream of frames.
//!
//! Format: "Multimedia Programming Interface and Data Specifications 1.0" (IBM, Microsoft, 1991), its `WAVE_FORMAT_EXTENSIBLE`
//! addition, and EBU Tech 3306 for RF64.

pub mod header;
pub mod reader;
pub mod sample;

use std::io::{Seek, Write};

pub use header::{Encoding, WavFormat};
pub use reader::Reader;

/// What to type to turn any sound file into one that is read here.
const CONVERT: &str = "convert it first, for example with: ffmpeg -i FILE -ar 16000 -ac 1 OUT.wav";

/// Why a file cannot be heard. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum WavError {
    /// Reading or writing failed.
    #[error("cannot read or write the sound file: {0}")]
    Io(#[from] std::io::Error),
    /// There is not a single byte.
    #[error("the file is empty: record it again")]
    Empty,
    /// It is text.
    #[error("the file is a text, not a sound file; to speak a text use: vesta ask \"TEXT\"")]
    Text,
    /// It is another kind of file.
    #[error("the file is {what}, not a WAV file: {CONVERT}")]
    NotWav {
        /// What it seems to be.
        what: &'static str,
    },
    /// It ends before its samples begin.
    #[error("the file ends inside its header: it was cut off; record or copy it again")]
    HeaderCut,
    /// No chunk describes the format.
    #[error("the WAV file does not say what format its samples have (no \"fmt \" chunk before the data): {CONVERT}")]
    NoFormat,
    /// The samples have a format that is not read here.
    #[error("the WAV file holds {what}: {CONVERT}")]
    Unsupported {
        /// What it holds.
        what: String,
    },
    /// The header contradicts itself.
    #[error("the WAV file's header is damaged ({why}): record it again, or {CONVERT}")]
    Damaged {
        /// What is wrong.
        why: String,
    },
    /// There are no samples.
    #[error("the WAV file has a header but no sound: record it again")]
    NoSamples,
}

/// Writes a 16-bit mono WAV file of `rate` Hz.
///
/// # Errors
/// [`WavError::Io`] where `to` does not take it.
pub fn write(to: impl Write + Seek, rate: u32, samples: &[i16]) -> Result<(), WavError> {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let failed = |error: hound::Error| match error {
        hound::Error::IoError(error) => WavError::Io(error),
        other => WavError::Io(std::io::Error::other(other)),
    };
    let mut writer = hound::WavWriter::new(to, spec).map_err(failed)?;
    for &sample in samples {
        writer.write_sample(sample).map_err(failed)?;
    }
    writer.finalize().map_err(failed)
}
