//! Samples to audio files, piece by piece as they are spoken.

use std::io::Cursor;
use std::num::NonZeroU32;

use mp3lame_encoder::{Bitrate, FlushGap, MonoPcm, Quality};
use ogg::PacketWriter;
use ogg::writing::PacketWriteEndInfo;
use vesta_audio::{Resampler, wav};

use crate::say::MAX_SECONDS;

/// Samples a second of everything that is made here.
const RATE: u32 = 24_000;
/// Samples in a frame of Opus: 20 ms.
const OPUS_FRAME: usize = 480;
/// Longest packet of Opus for a frame (RFC 6716, section 3.2).
const OPUS_PACKET: usize = 1275;
/// Opus in Ogg counts at 48 kHz whatever the rate (RFC 7845).
const GRANULES: u64 = 2;
/// The stream's number within its Ogg file, of which it is the only one.
const SERIAL: u32 = 1;
/// Bytes that LAME may have waiting.
const LAME_WAITING: usize = 7200;

/// A format that speech is delivered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Mp3,
    Opus,
    Wav,
    Pcm,
}

impl Format {
    /// By OpenAI's name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "mp3" => Some(Self::Mp3),
            "opus" => Some(Self::Opus),
            "wav" => Some(Self::Wav),
            "pcm" => Some(Self::Pcm),
            _ => None,
        }
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Mp3 => "audio/mpeg",
            Self::Opus => "audio/ogg; codecs=opus",
            Self::Wav => "audio/wav",
            Self::Pcm => "audio/pcm",
        }
    }
}

/// Makes a file of a format. What cannot be made has a reason in words.
pub(crate) struct Encoder {
    from: u32,
    resampler: Resampler,
    kind: Kind,
}

enum Kind {
    Mp3(mp3lame_encoder::Encoder),
    Opus(Box<Opus>),
    /// A WAV file begins with its length, so it is made when all of it is known.
    Wav(Vec<i16>),
    Pcm,
}

impl Encoder {
    /// A file of speech that comes at `from` samples a second.
    pub(crate) fn new(format: Format, from: u32) -> Result<Self, String> {
        let kind = match format {
            Format::Mp3 => Kind::Mp3(mp3()?),
            Format::Opus => Kind::Opus(Box::new(Opus::new()?)),
            Format::Wav => Kind::Wav(Vec::new()),
            Format::Pcm => Kind::Pcm,
        };
        Ok(Self { from, resampler: resampler(from)?, kind })
    }

    /// The bytes that more speech makes.
    pub(crate) fn push(&mut self, rate: u32, samples: &[i16]) -> Result<Vec<u8>, String> {
        let mut ready = Vec::new();
        if rate != self.from {
            ready = self.resampler.flush();
            (self.from, self.resampler) = (rate, resampler(rate)?);
        }
        ready.extend(self.resampler.process(samples));
        self.kind.push(&ready)
    }

    /// The bytes that are left when nothing more is said.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, String> {
        let rest = self.resampler.flush();
        let mut bytes = self.kind.push(&rest)?;
        match self.kind {
            Kind::Mp3(mut encoder) => {
                // LAME takes a buffer without room for one without bounds, and writes over whatever lies there.
                bytes.reserve(LAME_WAITING);
                encoder.flush_to_vec::<FlushGap>(&mut bytes).map_err(|error| error.to_string())?;
            }
            Kind::Opus(opus) => bytes.extend(opus.finish()?),
            Kind::Wav(samples) => {
                let mut file = Cursor::new(Vec::new());
                wav::write(&mut file, RATE, &samples).map_err(|error| error.to_string())?;
                bytes = file.into_inner();
            }
            Kind::Pcm => {}
        }
        Ok(bytes)
    }
}

fn resampler(from: u32) -> Result<Resampler, String> {
    Resampler::new(from, RATE).map_err(|error| error.to_string())
}

impl Kind {
    fn push(&mut self, samples: &[i16]) -> Result<Vec<u8>, String> {
        match self {
            Self::Mp3(encoder) => {
                let mut bytes = Vec::new();
                if !samples.is_empty() {
                    // LAME's own bound: 1.25 bytes a sample, and what waits.
                    bytes.reserve(samples.len() * 5 / 4 + LAME_WAITING);
                    encoder.encode_to_vec(MonoPcm(samples), &mut bytes).map_err(|error| error.to_string())?;
                }
                Ok(bytes)
            }
            Self::Opus(opus) => opus.push(samples),
            Self::Wav(all) => {
                if all.len() + samples.len() > MAX_SECONDS as usize * RATE as usize {
                    let minutes = MAX_SECONDS / 60;
                    return Err(format!(
                        "the speech would be longer than the {minutes} minutes of a WAV file; send the text in pieces, or ask for mp3, opus or pcm"
                    ));
                }
                all.extend_from_slice(samples);
                Ok(Vec::new())
            }
            Self::Pcm => Ok(samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()),
        }
    }
}

fn mp3() -> Result<mp3lame_encoder::Encoder, String> {
    let why = |error: mp3lame_encoder::BuildError| format!("the MP3 encoder refuses: {error}");
    let builder = mp3lame_encoder::Builder::new().ok_or("there is no memory for the MP3 encoder")?;
    let builder = builder.with_sample_rate(RATE).map_err(why)?.with_num_channels(1).map_err(why)?;
    let builder = builder.with_output_sample_rate(NonZeroU32::new(RATE)).map_err(why)?;
    let builder = builder.with_brate(Bitrate::Kbps64).map_err(why)?.with_quality(Quality::Good).map_err(why)?;
    builder.with_to_write_vbr_tag(false).map_err(why)?.build().map_err(why)
}

/// Opus in Ogg (RFC 7845).
struct Opus {
    encoder: opus::Encoder,
    file: PacketWriter<'static, Vec<u8>>,
    /// Samples that wait for the rest of their frame.
    waiting: Vec<i16>,
    /// Samples in all, and packed.
    taken: u64,
    packed: u64,
    /// Samples that the encoder is late.
    delay: u64,
    /// The last packet, kept back until it is known whether it is the last one.
    last: Option<Vec<u8>>,
}

impl Opus {
    fn new() -> Result<Self, String> {
        let why = |error: opus::Error| format!("the Opus encoder refuses: {error}");
        let mut encoder = opus::Encoder::new(RATE, opus::Channels::Mono, opus::Application::Audio).map_err(why)?;
        encoder.set_bitrate(opus::Bitrate::Bits(32_000)).map_err(why)?;
        let delay = encoder.get_lookahead().map_err(why)?.unsigned_abs();
        let mut opus = Self {
            encoder,
            file: PacketWriter::new(Vec::new()),
            waiting: Vec::new(),
            taken: 0,
            packed: 0,
            delay: u64::from(delay),
            last: None,
        };
        let skip = u16::try_from(u64::from(delay) * GRANULES).unwrap_or(u16::MAX);
        opus.write(head(skip), PacketWriteEndInfo::EndPage, 0)?;
        opus.write(tags(), PacketWriteEndInfo::EndPage, 0)?;
        Ok(opus)
    }

    fn push(&mut self, samples: &[i16]) -> Result<Vec<u8>, String> {
        self.taken += samples.len() as u64;
        self.waiting.extend_from_slice(samples);
        self.pack()?;
        Ok(std::mem::take(self.file.inner_mut()))
    }

    fn pack(&mut self) -> Result<(), String> {
        while let Some(frame) = self.waiting.get(..OPUS_FRAME) {
            let packet = self.encoder.encode_vec(frame, OPUS_PACKET).map_err(|error| error.to_string())?;
            self.waiting.drain(..OPUS_FRAME);
            if let Some(before) = self.last.replace(packet) {
                // A page a packet: whoever listens while it is made hears it at once.
                let granule = self.packed * GRANULES;
                self.write(before, PacketWriteEndInfo::EndPage, granule)?;
            }
            self.packed += OPUS_FRAME as u64;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>, String> {
        // The encoder is late by its delay: so much silence brings out the end.
        let end = self.taken + self.delay;
        let missing = end.saturating_sub(self.packed).next_multiple_of(OPUS_FRAME as u64);
        self.waiting.resize(usize::try_from(missing).unwrap_or_default(), 0);
        self.pack()?;
        if let Some(last) = self.last.take() {
            self.write(last, PacketWriteEndInfo::EndStream, end * GRANULES)?;
        }
        Ok(self.file.into_inner())
    }

    fn write(&mut self, packet: Vec<u8>, end: PacketWriteEndInfo, granule: u64) -> Result<(), String> {
        self.file.write_packet(packet, SERIAL, end, granule).map_err(|error| error.to_string())
    }
}

/// The identification header (RFC 7845, section 5.1); `skip` samples of 48 kHz are to be left out at the start.
fn head(skip: u16) -> Vec<u8> {
    let mut head = b"OpusHead\x01\x01".to_vec();
    head.extend(skip.to_le_bytes());
    head.extend(RATE.to_le_bytes());
    // No gain, one channel in the first mapping family.
    head.extend([0, 0, 0]);
    head
}

/// The comment header (RFC 7845, section 5.2).
fn tags() -> Vec<u8> {
    let vendor = concat!("vesta ", env!("CARGO_PKG_VERSION"));
    let mut tags = b"OpusTags".to_vec();
    tags.extend((vendor.len() as u32).to_le_bytes());
    tags.extend(vendor.as_bytes());
    tags.extend(0u32.to_le_bytes());
    tags
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::decode::decode;

    fn tone() -> Vec<i16> {
        (0..22_050)
            .map(|n| ((f64::from(n) * 440.0 * std::f64::consts::TAU / 22_050.0).sin() * 9_000.0) as i16)
            .collect()
    }

    #[test]
    fn every_format_can_be_read_again() {
        for format in [Format::Mp3, Format::Opus, Format::Wav] {
            let mut encoder = Encoder::new(format, 22_050).unwrap();
            let mut file = Vec::new();
            for piece in tone().chunks(1_000) {
                file.extend(encoder.push(22_050, piece).unwrap());
            }
            file.extend(encoder.finish().unwrap());
            let back = decode(file).unwrap();
            let milliseconds = back.len() as f64 / 16.0;
            // MP3 has no place for the exact length.
            let spare = if format == Format::Mp3 { 120.0 } else { 1.0 };
            assert!((milliseconds - 1_000.0).abs() <= spare, "{format:?}: {milliseconds} ms");
            let loud: Vec<i16> = back.into_iter().filter(|sample| sample.abs() > 1_000).collect();
            let crossings = loud.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
            assert!((860..=920).contains(&crossings), "{format:?}: {crossings} zero crossings, 880 are expected");
        }
    }

    #[test]
    fn where_nothing_was_said_the_file_is_empty_and_the_encoder_well() {
        for format in [Format::Mp3, Format::Opus, Format::Wav, Format::Pcm] {
            let file = Encoder::new(format, 22_050).unwrap().finish().unwrap();
            assert!(file.len() < LAME_WAITING, "{format:?}");
            let mut hardly = Encoder::new(format, 22_050).unwrap();
            let mut file = hardly.push(22_050, &[1]).unwrap();
            file.extend(hardly.finish().unwrap());
            assert!(file.len() < LAME_WAITING, "{format:?}");
        }
    }

    #[test]
    fn raw_samples_have_no_header() {
        let mut encoder = Encoder::new(Format::Pcm, 24_000).unwrap();
        assert_eq!(encoder.push(24_000, &[1, -2]).unwrap(), [1, 0, 0xfe, 0xff]);
        assert!(encoder.finish().unwrap().is_empty());
    }
}
