//! The format of raw samples inside events.

use bytes::{BufMut, Bytes, BytesMut};

/// How the raw samples of an `audio-chunk` are laid out: interleaved, little-endian; one-byte samples are unsigned, wider ones signed
/// (as the reference implementation converts them).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct AudioFormat {
    /// Samples a second and channel.
    pub rate: u32,
    /// Bytes a sample.
    pub width: u16,
    /// Interleaved channels.
    pub channels: u16,
}

impl AudioFormat {
    /// What Vesta hears in: 16 kHz, 16 bits, mono.
    pub const SPEECH: AudioFormat = AudioFormat::mono16(16_000);

    /// 16 bits, mono, at this rate in Hz.
    pub const fn mono16(rate: u32) -> AudioFormat {
        AudioFormat { rate, width: 2, channels: 1 }
    }

    /// Whether the numbers make sense: 1 to 768,000 Hz, 1 to 4 bytes, 1 to 64 channels.
    pub fn is_plausible(self) -> bool {
        (1..=768_000).contains(&self.rate) && (1..=4).contains(&self.width) && (1..=64).contains(&self.channels)
    }

    /// The bytes of one sample of all channels.
    pub fn frame_bytes(self) -> usize {
        usize::from(self.width) * usize::from(self.channels)
    }

    /// How long `bytes` of this format last, in milliseconds (rounded down).
    pub fn duration_ms(self, bytes: usize) -> u64 {
        let frames = (bytes / self.frame_bytes().max(1)) as u64;
        frames.saturating_mul(1000) / u64::from(self.rate.max(1))
    }

    /// The samples as 16-bit mono at the same rate: channels are averaged, wider samples lose their lowest bits. Bytes at the end that
    /// do not make up a whole sample of every channel are left out; a format that is not plausible gives no samples.
    pub fn to_mono(self, audio: &[u8]) -> Vec<i16> {
        if !self.is_plausible() {
            return Vec::new();
        }
        let channels = i32::from(self.channels);
        audio
            .chunks_exact(self.frame_bytes())
            .map(|frame| {
                let sum: i32 = frame.chunks_exact(usize::from(self.width)).map(sample16).sum();
                i16::try_from(sum / channels).unwrap_or_default()
            })
            .collect()
    }

    /// 16-bit samples as the bytes of an `audio-chunk` of width 2.
    pub fn pcm16(samples: &[i16]) -> Bytes {
        let mut bytes = BytesMut::with_capacity(samples.len() * 2);
        for &sample in samples {
            bytes.put_i16_le(sample);
        }
        bytes.freeze()
    }
}

/// One little-endian sample of any width, scaled to 16 bits.
fn sample16(bytes: &[u8]) -> i32 {
    match bytes {
        [only] => (i32::from(*only) - 128) << 8,
        [.., low, high] => i32::from(i16::from_le_bytes([*low, *high])),
        [] => 0,
    }
}
