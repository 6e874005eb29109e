//! Everything in front of the samples: the RIFF chunks, and recognising what is no WAV file at all.

use std::io::Read;

use super::WavError;

/// Rates in Hz that audio has.
const RATES: std::ops::RangeInclusive<u32> = 1_000..=384_000;
const MAX_CHANNELS: u16 = 64;
/// The longest format description that is looked at; longer ones are skipped over at their end.
const MAX_FMT: usize = 64;
/// The last 14 bytes of every subformat GUID of `WAVE_FORMAT_EXTENSIBLE`; the first two hold the format's number.
const SUBFORMAT_TAIL: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];

/// How a sample is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Unsigned, 8 bits.
    Unsigned8,
    /// Signed little-endian in this many bytes (2 to 4).
    Signed(u8),
    /// Floating point in 4 bytes.
    Float32,
    /// Floating point in 8 bytes.
    Float64,
    /// G.711 A-law.
    ALaw,
    /// G.711 µ-law.
    MuLaw,
}

impl Encoding {
    /// Bytes a sample.
    pub fn bytes(self) -> usize {
        match self {
            Encoding::Unsigned8 | Encoding::ALaw | Encoding::MuLaw => 1,
            Encoding::Signed(bytes) => usize::from(bytes),
            Encoding::Float32 => 4,
            Encoding::Float64 => 8,
        }
    }
}

/// What a WAV file says about its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WavFormat {
    /// Samples a second and channel.
    pub rate: u32,
    /// Interleaved channels.
    pub channels: u16,
    /// How each sample is written.
    pub encoding: Encoding,
}

impl WavFormat {
    /// The bytes of one sample of all channels.
    pub fn frame_bytes(self) -> usize {
        usize::from(self.channels) * self.encoding.bytes()
    }
}

/// The samples' format, and how many bytes of them the header promises; `None` where it does not know.
pub(super) struct Header {
    pub(super) format: WavFormat,
    pub(super) data_bytes: Option<u64>,
}

/// Reads up to the first byte of the samples.
pub(super) fn read(from: &mut impl Read) -> Result<Header, WavError> {
    let mut start = [0; 12];
    let got = fill(from, &mut start)?;
    let long_sizes = match start {
        _ if got == 0 => return Err(WavError::Empty),
        [b'R', b'I', b'F', b'F', .., b'W', b'A', b'V', b'E'] => false,
        [b'R', b'F', b'6', b'4', .., b'W', b'A', b'V', b'E'] | [b'B', b'W', b'6', b'4', .., b'W', b'A', b'V', b'E'] => {
            true
        }
        [b'R', b'I', b'F', b'F', ..] if got < 12 => return Err(WavError::HeaderCut),
        _ => return Err(recognise(start.get(..got).unwrap_or_default(), from)),
    };
    let (mut format, mut long_data_bytes) = (None, None);
    loop {
        let mut head = [0; 8];
        match fill(from, &mut head)? {
            8 => {}
            0 if format.is_some() => return Err(WavError::NoSamples),
            _ => return Err(WavError::HeaderCut),
        }
        let [a, b, c, d, size @ ..] = head;
        let size = u32::from_le_bytes(size);
        match &[a, b, c, d] {
            b"data" => {
                let Some(format) = format else { return Err(WavError::NoFormat) };
                let data_bytes = match size {
                    u32::MAX if long_sizes => long_data_bytes,
                    0 | 0x7fff_f000.. => None,
                    bytes => Some(u64::from(bytes)),
                };
                return Ok(Header { format, data_bytes });
            }
            b"fmt " => format = Some(parse_format(&read_chunk(from, size, MAX_FMT)?)?),
            b"ds64" if long_sizes => {
                let chunk = read_chunk(from, size, MAX_FMT)?;
                long_data_bytes = chunk.get(8..16).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
            }
            _ => skip(from, u64::from(size) + u64::from(size % 2))?,
        }
    }
}

/// A chunk's content, or its first `most` bytes.
fn read_chunk(from: &mut impl Read, size: u32, most: usize) -> Result<Vec<u8>, WavError> {
    let kept = most.min(usize::try_from(size).unwrap_or(usize::MAX));
    let mut chunk = vec![0; kept];
    if fill(from, &mut chunk)? < kept {
        return Err(WavError::HeaderCut);
    }
    skip(from, u64::from(size) + u64::from(size % 2) - kept as u64)?;
    Ok(chunk)
}

fn parse_format(chunk: &[u8]) -> Result<WavFormat, WavError> {
    let damaged = |why: String| WavError::Damaged { why };
    let short = |at: usize| match chunk.get(at..at + 2) {
        Some(&[low, high]) => Ok(u16::from_le_bytes([low, high])),
        _ => Err(damaged(format!("its format description has only {} bytes", chunk.len()))),
    };
    let (mut tag, channels, block, bits) = (short(0)?, short(2)?, short(12)?, short(14)?);
    let rate = u32::from(short(4)?) | u32::from(short(6)?) << 16;
    if tag == 0xfffe {
        match chunk.get(24..40).and_then(|guid| guid.split_first_chunk::<2>()) {
            Some((number, tail)) if tail == SUBFORMAT_TAIL => tag = u16::from_le_bytes(*number),
            Some(_) => return Err(WavError::Unsupported { what: "samples of a format of its maker's own".to_owned() }),
            None => return Err(damaged("its extended format description is cut off".to_owned())),
        }
    }
    if channels == 0 || channels > MAX_CHANNELS {
        return Err(damaged(format!("it says {channels} channels, 1 to {MAX_CHANNELS} are possible")));
    }
    if !RATES.contains(&rate) {
        return Err(damaged(format!("it says {rate} samples a second, 1000 to 384000 are possible")));
    }
    // Padded samples, such as 20 bits in 3 bytes, are aligned to the top: the container's size is what counts.
    let container = match (block % channels, block / channels) {
        (0, bytes @ 1..=8) if bytes * 8 >= bits => bytes,
        _ => bits.div_ceil(8),
    };
    let encoding = encoding(tag, container, bits)?;
    Ok(WavFormat { rate, channels, encoding })
}

fn encoding(tag: u16, container: u16, bits: u16) -> Result<Encoding, WavError> {
    let unsupported = |what: String| Err(WavError::Unsupported { what });
    match (tag, container) {
        _ if bits == 0 => Err(WavError::Damaged { why: "it says 0 bits a sample".to_owned() }),
        (1, 1) => Ok(Encoding::Unsigned8),
        (1, 2) => Ok(Encoding::Signed(2)),
        (1, 3) => Ok(Encoding::Signed(3)),
        (1, 4) => Ok(Encoding::Signed(4)),
        (3, 4) => Ok(Encoding::Float32),
        (3, 8) => Ok(Encoding::Float64),
        (6, 1) => Ok(Encoding::ALaw),
        (7, 1) => Ok(Encoding::MuLaw),
        (1 | 3 | 6 | 7, _) => unsupported(format!("samples of {bits} bits, which is not read here")),
        (2 | 0x11 | 0x31 | 0x45 | 0x50 | 0x55 | 0xff | 0x1610, _) => {
            let name = match tag {
                2 => "Microsoft ADPCM",
                0x11 => "IMA ADPCM",
                0x31 => "GSM 6.10",
                0x45 => "G.726 ADPCM",
                0x50 => "MPEG audio",
                0x55 => "MP3",
                _ => "AAC",
            };
            unsupported(format!("{name} inside, which is not read here"))
        }
        _ => unsupported(format!("samples of format number {tag:#06x}, which is not read here")),
    }
}

/// What a file that does not begin as a WAV file seems to be.
fn recognise(start: &[u8], from: &mut impl Read) -> WavError {
    let what = match start {
        [b'R', b'I', b'F', b'X', ..] => "a big-endian RIFX file",
        [b'R', b'I', b'F', b'F', .., b'A', b'V', b'I', b' '] => "an AVI video",
        [b'R', b'I', b'F', b'F', ..] => "a RIFF file of another kind",
        [b'I', b'D', b'3', ..] | [0xff, 0xe3 | 0xf2 | 0xf3 | 0xfa | 0xfb, ..] => "an MP3 file",
        [b'f', b'L', b'a', b'C', ..] => "a FLAC file",
        [b'O', b'g', b'g', b'S', ..] => "an Ogg file (Opus or Vorbis)",
        [b'F', b'O', b'R', b'M', ..] => "an AIFF file",
        [b'.', b's', b'n', b'd', ..] => "a Sun audio file",
        [b'r', b'i', b'f', b'f', ..] => "a Wave64 file",
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => "an MP4 or M4A file",
        [0x1a, 0x45, 0xdf, 0xa3, ..] => "a WebM or Matroska file",
        [0x1f, 0x8b, ..] | [b'P', b'K', 3, 4, ..] => "a compressed archive (unpack it first)",
        _ if looks_like_text(start, from) => return WavError::Text,
        _ => "of an unknown kind (raw samples need a header)",
    };
    WavError::NotWav { what }
}

/// Whether the file's first part is readable text: UTF-8 without control characters, the usual spaces excepted.
fn looks_like_text(start: &[u8], from: &mut impl Read) -> bool {
    let mut more = [0; 500];
    let got = fill(from, &mut more).unwrap_or(0);
    let sample = [start, more.get(..got).unwrap_or_default()].concat();
    let readable = match std::str::from_utf8(&sample) {
        Ok(text) => text,
        // A character that the sample's end cuts in two is no fault.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(sample.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !readable.is_empty() && readable.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\x0c'))
}

/// Reads until `buffer` is full or the file ends; returns how much was read.
pub(super) fn fill(from: &mut impl Read, buffer: &mut [u8]) -> Result<usize, WavError> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}

/// Reads over `bytes` bytes, or to the file's end.
fn skip(from: &mut impl Read, bytes: u64) -> Result<(), WavError> {
    std::io::copy(&mut from.take(bytes), &mut std::io::sink())?;
    Ok(())
}
