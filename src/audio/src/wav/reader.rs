//! The samples of a WAV file as a stream of 16 kHz mono audio. Never more than about a quarter of a second is held.

use std::io::Read;

use super::header::{self, fill};
use super::{WavError, WavFormat, sample};
use crate::{Frame, Framer, Resampler, SAMPLE_RATE};

/// How many samples of all channels are read at a time.
const BLOCK_FRAMES: usize = 4096;

/// Chunks that recorders put behind the samples. Behind samples of unknown length only these end them.
const TRAILERS: [&[u8; 4]; 16] = [
    b"LIST", b"INFO", b"fact", b"cue ", b"smpl", b"inst", b"bext", b"iXML", b"id3 ", b"ID3 ", b"PEAK", b"JUNK",
    b"junk", b"afsp", b"_PMX", b"axml",
];

/// A WAV file that is being read.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    format: WavFormat,
    resampler: Resampler,
    framer: Framer,
    left: Left,
    /// Bytes that were read ahead and are samples after all.
    ahead: Vec<u8>,
    /// Samples of all channels read so far.
    heard: u64,
    truncated: bool,
}

/// How many bytes of samples are still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// This many, according to the header.
    Bytes(u64),
    /// All that come.
    ToTheEnd,
    /// None.
    Nothing,
}

impl<R: Read> Reader<R> {
    /// Reads the header. Hand in a buffered reader where reads are costly.
    ///
    /// # Errors
    /// [`WavError`] says what the file is instead, or what is wrong with it.
    pub fn new(mut from: R) -> Result<Reader<R>, WavError> {
        let header = header::read(&mut from)?;
        let resampler = Resampler::new(header.format.rate, SAMPLE_RATE)
            .map_err(|error| WavError::Damaged { why: error.to_string() })?;
        let mut reader = Reader {
            from,
            format: header.format,
            resampler,
            framer: Framer::new(),
            left: header.data_bytes.map_or(Left::ToTheEnd, Left::Bytes),
            ahead: Vec::new(),
            heard: 0,
            truncated: false,
        };
        if reader.left == Left::ToTheEnd {
            let least = reader.format.frame_bytes();
            reader.look_for_trailer(least, |id| TRAILERS.contains(&id))?;
        }
        if reader.left == Left::Nothing { Err(WavError::NoSamples) } else { Ok(reader) }
    }

    /// What the header says about the samples.
    pub fn format(&self) -> WavFormat {
        self.format
    }

    /// Whether the file ended before the header said that it would. Known once the end is reached.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// How much has been read so far, in milliseconds.
    pub fn heard_ms(&self) -> u64 {
        self.heard.saturating_mul(1000) / u64::from(self.format.rate)
    }

    /// The next run of 16 kHz mono samples, a fraction of a second at usual rates; `None` at the end.
    ///
    /// # Errors
    /// [`WavError::NoSamples`] where the file ends without a single one, [`WavError::Io`] where reading fails.
    pub fn next_samples(&mut self) -> Result<Option<Vec<i16>>, WavError> {
        let frame_bytes = self.format.frame_bytes();
        let mut samples = Vec::new();
        while self.left != Left::Nothing {
            let block = self.read_block(BLOCK_FRAMES * frame_bytes)?;
            let encoding = self.format.encoding;
            let channels = f32::from(self.format.channels);
            let whole = block.chunks_exact(frame_bytes);
            self.heard += whole.len() as u64;
            let mono = whole.map(|frame| {
                frame.chunks_exact(encoding.bytes()).map(|bytes| sample::decode(encoding, bytes)).sum::<f32>()
                    / channels
            });
            self.resampler.process_f32(mono, &mut samples);
            if self.left == Left::Nothing {
                if self.heard == 0 {
                    return Err(WavError::NoSamples);
                }
                samples.extend(self.resampler.flush());
            }
            if !samples.is_empty() {
                return Ok(Some(samples));
            }
        }
        Ok(None)
    }

    /// The next frames, at least one; the file's last one is padded with silence. `None` at the end.
    ///
    /// # Errors
    /// As [`Reader::next_samples`].
    pub fn next_frames(&mut self) -> Result<Option<Vec<Frame>>, WavError> {
        while let Some(samples) = self.next_samples()? {
            let frames: Vec<Frame> = self.framer.push(&samples).collect();
            if !frames.is_empty() {
                return Ok(Some(frames));
            }
        }
        Ok(self.framer.flush().map(|last| vec![last]))
    }

    /// The next bytes of samples, at most `most`; fewer only where they end.
    fn read_block(&mut self, most: usize) -> Result<Vec<u8>, WavError> {
        let most = match self.left {
            Left::Bytes(bytes) => most.min(usize::try_from(bytes).unwrap_or(most)),
            Left::ToTheEnd => most,
            Left::Nothing => 0,
        };
        let mut block = std::mem::take(&mut self.ahead);
        let ahead = block.len().min(most);
        self.ahead = block.split_off(ahead);
        block.resize(most, 0);
        let got = ahead + fill(&mut self.from, block.get_mut(ahead..).unwrap_or_default())?;
        block.truncate(got);
        match &mut self.left {
            Left::Bytes(bytes) => {
                *bytes = bytes.saturating_sub(got as u64);
                if got < most {
                    self.truncated = true;
                    self.left = Left::Nothing;
                } else if *bytes == 0 {
                    self.left = Left::Nothing;
                    // Where no other chunk follows, the header's length is too short: the rest is sound as well.
                    let whole = got % self.format.frame_bytes() == 0;
                    if whole {
                        self.left = Left::ToTheEnd;
                        self.look_for_trailer(8, |id| {
                            id.iter().all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'_'))
                        })?;
                    }
                }
            }
            left => {
                if got < most {
                    *left = Left::Nothing;
                }
            }
        }
        Ok(block)
    }

    /// Looks at what comes next: a chunk's name or fewer than `least` bytes end the samples, anything else is samples.
    fn look_for_trailer(&mut self, least: usize, is_name: impl Fn(&[u8; 4]) -> bool) -> Result<(), WavError> {
        let mut next = [0; 8];
        let got = fill(&mut self.from, &mut next)?;
        let ends = match next {
            _ if got < least => true,
            // Nobody describes a recording in 64 MiB: such a length means that these are loud samples.
            [a, b, c, d, size @ ..] if is_name(&[a, b, c, d]) => u32::from_le_bytes(size) < 1 << 26,
            // An odd length is padded to an even one, so that the name comes one byte later.
            [0, a, b, c, d, ..] => is_name(&[a, b, c, d]),
            _ => false,
        };
        if ends {
            self.left = Left::Nothing;
        } else {
            self.ahead.extend(next.iter().take(got));
        }
        Ok(())
    }
}
