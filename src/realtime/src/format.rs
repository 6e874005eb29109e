//! How audio is written in events, and the way to and from it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use vesta_audio::{Resampler, SAMPLE_RATE};

use crate::g711;

/// A format of the published schema, always mono.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioFormat {
    /// 16-bit little-endian samples, 24 kHz.
    Pcm,
    /// G.711 u-law, 8 kHz.
    Ulaw,
    /// G.711 A-law, 8 kHz.
    Alaw,
}

impl AudioFormat {
    /// By the schema's name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "audio/pcm" => Some(Self::Pcm),
            "audio/pcmu" => Some(Self::Ulaw),
            "audio/pcma" => Some(Self::Alaw),
            _ => None,
        }
    }

    /// Samples a second.
    pub fn rate(self) -> u32 {
        match self {
            Self::Pcm => 24_000,
            Self::Ulaw | Self::Alaw => 8_000,
        }
    }

    /// Milliseconds of so many bytes.
    pub fn milliseconds(self, bytes: u64) -> u64 {
        match self {
            Self::Pcm => bytes / 48,
            Self::Ulaw | Self::Alaw => bytes / 8,
        }
    }

    /// As the schema writes it.
    pub fn to_json(self) -> Value {
        match self {
            Self::Pcm => json!({ "type": "audio/pcm", "rate": 24_000 }),
            Self::Ulaw => json!({ "type": "audio/pcmu" }),
            Self::Alaw => json!({ "type": "audio/pcma" }),
        }
    }

    fn read(self, bytes: &[u8]) -> Vec<i16> {
        match self {
            Self::Pcm => bytes.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect(),
            Self::Ulaw => bytes.iter().map(|code| g711::from_ulaw(*code)).collect(),
            Self::Alaw => bytes.iter().map(|code| g711::from_alaw(*code)).collect(),
        }
    }

    /// Samples of this format's rate as base64.
    pub fn write(self, samples: &[i16]) -> String {
        let bytes: Vec<u8> = match self {
            Self::Pcm => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
            Self::Ulaw => samples.iter().map(|sample| g711::to_ulaw(*sample)).collect(),
            Self::Alaw => samples.iter().map(|sample| g711::to_alaw(*sample)).collect(),
        };
        STANDARD.encode(bytes)
    }
}

/// Base64 to bytes.
pub(crate) fn bytes(base64: &str) -> Option<Vec<u8>> {
    STANDARD.decode(base64).ok()
}

/// From a client's format to the ear's 16 kHz, as a stream.
pub(crate) struct Decoder {
    format: AudioFormat,
    resampler: Option<Resampler>,
    /// Half a sample that waits for its other half.
    odd: Option<u8>,
}

impl Decoder {
    pub(crate) fn new(format: AudioFormat) -> Self {
        Self { format, resampler: Resampler::new(format.rate(), SAMPLE_RATE).ok(), odd: None }
    }

    pub(crate) fn push(&mut self, mut bytes: Vec<u8>) -> Vec<i16> {
        if self.format == AudioFormat::Pcm {
            if let Some(odd) = self.odd.take() {
                bytes.insert(0, odd);
            }
            if bytes.len() % 2 == 1 {
                self.odd = bytes.pop();
            }
        }
        let samples = self.format.read(&bytes);
        self.resampler.as_mut().map_or_else(Vec::new, |resampler| resampler.process(&samples))
    }

    /// What waits for more audio, which does not come.
    pub(crate) fn flush(&mut self) -> Vec<i16> {
        self.odd = None;
        self.resampler.as_mut().map_or_else(Vec::new, Resampler::flush)
    }
}

/// A whole recording from one rate to another.
pub(crate) fn resampled(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
    let Ok(mut resampler) = Resampler::new(from, to) else { return Vec::new() };
    let mut out = resampler.process(samples);
    out.extend(resampler.flush());
    out
}

/// From the voice's rate to a client's format, as a stream.
pub(crate) struct Encoder {
    format: AudioFormat,
    from: u32,
    resampler: Option<Resampler>,
    /// Samples given out so far.
    given: u64,
}

impl Encoder {
    pub(crate) fn new(format: AudioFormat, from: u32) -> Self {
        Self { format, from, resampler: Resampler::new(from, format.rate()).ok(), given: 0 }
    }

    /// Pieces of base64, each of at most 200 ms.
    pub(crate) fn push(&mut self, rate: u32, samples: &[i16]) -> Vec<String> {
        // Engines do not change their rate within a reply; one that did is followed.
        let mut made = Vec::new();
        if rate != self.from {
            made = self.resampler.as_mut().map_or_else(Vec::new, Resampler::flush);
            (self.from, self.resampler) = (rate, Resampler::new(rate, self.format.rate()).ok());
        }
        made.extend(self.resampler.as_mut().map_or_else(Vec::new, |resampler| resampler.process(samples)));
        self.cut(&made)
    }

    pub(crate) fn flush(&mut self) -> Vec<String> {
        let rest = self.resampler.as_mut().map_or_else(Vec::new, Resampler::flush);
        self.cut(&rest)
    }

    /// Milliseconds given out so far.
    pub(crate) fn given_ms(&self) -> u64 {
        self.given * 1000 / u64::from(self.format.rate())
    }

    fn cut(&mut self, samples: &[i16]) -> Vec<String> {
        self.given += samples.len() as u64;
        samples.chunks(self.format.rate() as usize / 5).map(|piece| self.format.write(piece)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, milliseconds: u32) -> Vec<i16> {
        let sample = |n: u32| (f64::from(n) * 440.0 * std::f64::consts::TAU / f64::from(rate)).sin() * 8_000.0;
        (0..rate * milliseconds / 1000).map(|n| sample(n) as i16).collect()
    }

    #[test]
    fn audio_survives_the_way_through_every_format() {
        for format in [AudioFormat::Pcm, AudioFormat::Ulaw, AudioFormat::Alaw] {
            let heard = tone(SAMPLE_RATE, 500);
            let mut encoder = Encoder::new(format, SAMPLE_RATE);
            let mut pieces = encoder.push(SAMPLE_RATE, &heard);
            pieces.extend(encoder.flush());
            assert_eq!(encoder.given_ms(), 500);
            let mut decoder = Decoder::new(format);
            let mut back: Vec<i16> = pieces.iter().flat_map(|piece| decoder.push(bytes(piece).unwrap())).collect();
            back.extend(decoder.flush());
            assert_eq!(back.len(), heard.len());
            let middle = 1_000..7_000;
            let error: f64 = middle.clone().map(|n| f64::from(heard[n] - back[n]).powi(2)).sum();
            let power: f64 = middle.map(|n| f64::from(heard[n]).powi(2)).sum();
            assert!(error < power / 1_000.0, "{format:?}: {:.1} dB", 10.0 * (power / error).log10());
        }
    }

    #[test]
    fn a_sample_may_be_cut_in_two() {
        let mut whole = Decoder::new(AudioFormat::Pcm);
        let mut cut = Decoder::new(AudioFormat::Pcm);
        let bytes: Vec<u8> = tone(24_000, 100).iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut expected = whole.push(bytes.clone());
        expected.extend(whole.flush());
        let mut got = cut.push(bytes[..1001].to_vec());
        got.extend(cut.push(bytes[1001..].to_vec()));
        got.extend(cut.flush());
        assert_eq!(got, expected);
    }
}
