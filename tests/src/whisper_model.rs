//! Whisper models of any size with random weights, for benchmarks of the work that a real model would cause without downloading one.
//!
//! The file format is that of whisper.cpp's `convert-pt-to-ggml.py`: header, mel filters, vocabulary, tensors. What such a model writes
//! means nothing; what it costs is what a model of its shape costs. It depends on the position more than on the audio, so that decodes of a
//! growing clip agree on their beginnings, as those of a trained model do.

use std::fs::File;
use std::io::{BufWriter, Result, Write};
use std::path::Path;

/// "ggml" as a little-endian number.
const MAGIC: i32 = 0x6767_6d6c;
/// Frequency bins of a 400-point transform.
const BINS: usize = 201;

/// A Whisper model's dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WhisperShape {
    /// Tokens; 51,864 for an English model, 51,865 for a multilingual one.
    pub vocabulary: usize,
    /// Encoder positions, 20 ms each.
    pub audio_ctx: usize,
    /// Decoder positions.
    pub text_ctx: usize,
    /// Width of encoder and decoder.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Encoder layers.
    pub encoder_layers: usize,
    /// Decoder layers.
    pub decoder_layers: usize,
    /// Mel bands.
    pub mels: usize,
}

impl WhisperShape {
    /// Whisper base.en (Radford et al. 2022, table 1): 74 million parameters, 148 MB.
    pub const BASE_EN: WhisperShape = WhisperShape {
        vocabulary: 51_864,
        audio_ctx: 1500,
        text_ctx: 448,
        width: 512,
        heads: 8,
        encoder_layers: 6,
        decoder_layers: 6,
        mels: 80,
    };
}

/// Writes a model of this shape, the same for the same seed. Weights are 16-bit floats, scaled so that activations stay in range.
///
/// # Errors
/// What the system says when the file cannot be written.
pub fn write_random_whisper(path: &Path, shape: WhisperShape, seed: u64) -> Result<()> {
    let mut file = Writer { file: BufWriter::with_capacity(1 << 20, File::create(path)?), random: Random(seed) };
    let WhisperShape { vocabulary, audio_ctx, text_ctx, width, heads, encoder_layers, decoder_layers, mels } = shape;
    file.numbers(&[MAGIC])?;
    file.sizes(&[
        vocabulary,
        audio_ctx,
        width,
        heads,
        encoder_layers,
        text_ctx,
        width,
        heads,
        decoder_layers,
        mels,
        1,
    ])?;
    file.mel_filters(mels)?;
    file.vocabulary(vocabulary)?;

    file.floats("encoder.positional_embedding", &[audio_ctx, width], 0.02)?;
    file.matrix("encoder.conv1.weight", &[width, mels, 3])?;
    file.floats("encoder.conv1.bias", &[width, 1], 0.0)?;
    file.matrix("encoder.conv2.weight", &[width, width, 3])?;
    file.floats("encoder.conv2.bias", &[width, 1], 0.0)?;
    file.norm("encoder.ln_post", width)?;
    for layer in 0..encoder_layers {
        let block = format!("encoder.blocks.{layer}");
        file.attention(&format!("{block}.attn"), width)?;
        file.feed_forward(&block, width)?;
    }
    file.floats("decoder.positional_embedding", &[text_ctx, width], 4.0)?;
    file.halves("decoder.token_embedding.weight", &[vocabulary, width], 0.5)?;
    file.norm("decoder.ln", width)?;
    for layer in 0..decoder_layers {
        let block = format!("decoder.blocks.{layer}");
        file.attention(&format!("{block}.attn"), width)?;
        file.attention(&format!("{block}.cross_attn"), width)?;
        file.feed_forward(&block, width)?;
    }
    file.file.flush()
}

/// Splitmix64 (Steele et al. 2014): small, fast, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// About normally distributed with deviation 1: the sum of four uniform 16-bit numbers, scaled.
    fn normal(&mut self) -> f32 {
        let bits = self.next();
        let sum: u32 = (0..4).map(|part| (bits >> (16 * part)) as u32 & 0xffff).sum();
        (sum as f32 / 65_536.0 - 2.0) * 3f32.sqrt()
    }
}

struct Writer {
    file: BufWriter<File>,
    random: Random,
}

impl Writer {
    fn numbers(&mut self, numbers: &[i32]) -> Result<()> {
        numbers.iter().try_for_each(|number| self.file.write_all(&number.to_le_bytes()))
    }

    fn sizes(&mut self, sizes: &[usize]) -> Result<()> {
        sizes.iter().try_for_each(|&size| self.numbers(&[i32::try_from(size).unwrap_or(i32::MAX)]))
    }

    /// Triangles over the bins, wider towards the top, each with an area of about one.
    fn mel_filters(&mut self, mels: usize) -> Result<()> {
        self.sizes(&[mels, BINS])?;
        let edge = |band: usize| (BINS - 1) as f32 * (band as f32 / (mels + 1) as f32).powf(1.6);
        for band in 0..mels {
            let (low, middle, high) = (edge(band), edge(band + 1), edge(band + 2));
            for bin in 0..BINS {
                let bin = bin as f32;
                let rising = (bin - low) / (middle - low).max(0.5);
                let falling = (high - bin) / (high - middle).max(0.5);
                let weight = rising.min(falling).max(0.0) * 0.025 / (high - low).max(1.0);
                self.file.write_all(&weight.to_le_bytes())?;
            }
        }
        Ok(())
    }

    /// Distinct pronounceable words, each with the space before it; the special tokens behind them are whisper.cpp's own.
    fn vocabulary(&mut self, tokens: usize) -> Result<()> {
        const CONSONANTS: &[u8] = b"bdfghklmnprstvz";
        const VOWELS: &[u8] = b"aeiou";
        let words = tokens.min(50_256);
        self.sizes(&[words])?;
        for number in 0..words {
            let mut entry = vec![b' '];
            let mut rest = number;
            while number > 0 && (rest > 0 || entry.len() < 3) {
                let syllable = rest % (CONSONANTS.len() * VOWELS.len());
                entry.extend(CONSONANTS.get(syllable / VOWELS.len()));
                entry.extend(VOWELS.get(syllable % VOWELS.len()));
                rest /= CONSONANTS.len() * VOWELS.len();
            }
            self.sizes(&[entry.len()])?;
            self.file.write_all(&entry)?;
        }
        Ok(())
    }

    fn attention(&mut self, name: &str, width: usize) -> Result<()> {
        self.norm(&format!("{name}_ln"), width)?;
        for part in ["query", "key", "value", "out"] {
            let scale = if part == "out" && name.ends_with("cross_attn") { 0.02 } else { 1.0 };
            self.halves(&format!("{name}.{part}.weight"), &[width, width], scale / (width as f32).sqrt())?;
            if part != "key" {
                self.floats(&format!("{name}.{part}.bias"), &[width], 0.0)?;
            }
        }
        Ok(())
    }

    fn feed_forward(&mut self, block: &str, width: usize) -> Result<()> {
        self.norm(&format!("{block}.mlp_ln"), width)?;
        self.matrix(&format!("{block}.mlp.0.weight"), &[4 * width, width])?;
        self.floats(&format!("{block}.mlp.0.bias"), &[4 * width], 0.0)?;
        self.matrix(&format!("{block}.mlp.2.weight"), &[width, 4 * width])?;
        self.floats(&format!("{block}.mlp.2.bias"), &[width], 0.0)
    }

    fn norm(&mut self, name: &str, width: usize) -> Result<()> {
        self.head(&format!("{name}.weight"), &[width], 0)?;
        (0..width).try_for_each(|_| self.file.write_all(&1f32.to_le_bytes()))?;
        self.floats(&format!("{name}.bias"), &[width], 0.0)
    }

    /// A weight matrix that keeps the size of what it is multiplied with.
    fn matrix(&mut self, name: &str, shape: &[usize]) -> Result<()> {
        let inputs: usize = shape.iter().skip(1).product();
        self.halves(name, shape, 1.0 / (inputs as f32).sqrt())
    }

    fn halves(&mut self, name: &str, shape: &[usize], deviation: f32) -> Result<()> {
        self.head(name, shape, 1)?;
        for _ in 0..shape.iter().product() {
            let bits = half(self.random.normal() * deviation);
            self.file.write_all(&bits.to_le_bytes())?;
        }
        Ok(())
    }

    fn floats(&mut self, name: &str, shape: &[usize], deviation: f32) -> Result<()> {
        self.head(name, shape, 0)?;
        for _ in 0..shape.iter().product() {
            let value = if deviation == 0.0 { 0.0 } else { self.random.normal() * deviation };
            self.file.write_all(&value.to_le_bytes())?;
        }
        Ok(())
    }

    /// A tensor's head: dimensions (innermost first), name, and 0 for 32-bit or 1 for 16-bit floats.
    fn head(&mut self, name: &str, shape: &[usize], kind: i32) -> Result<()> {
        self.sizes(&[shape.len(), name.len()])?;
        self.numbers(&[kind])?;
        let innermost_first: Vec<usize> = shape.iter().rev().copied().collect();
        self.sizes(&innermost_first)?;
        self.file.write_all(name.as_bytes())
    }
}

/// A number as a 16-bit float (IEEE 754 binary16), cut off; below the smallest normal one it becomes 0, above the largest the largest.
fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    match (bits >> 23 & 0xff) as i32 - 127 + 15 {
        exponent if exponent <= 0 => sign,
        exponent if exponent >= 31 => sign | 0x7bff,
        exponent => sign | (exponent as u16) << 10 | (bits >> 13) as u16 & 0x3ff,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_what_the_standard_says() {
        assert_eq!([half(1.0), half(-2.0), half(0.5), half(0.0)], [0x3c00, 0xc000, 0x3800, 0]);
        assert_eq!([half(1e-9), half(1e9)], [0, 0x7bff]);
    }

    #[test]
    fn the_same_seed_gives_the_same_file_and_another_one_does_not() {
        let shape = WhisperShape {
            width: 16,
            heads: 2,
            encoder_layers: 1,
            decoder_layers: 1,
            audio_ctx: 10,
            text_ctx: 10,
            ..WhisperShape::BASE_EN
        };
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, seed| {
            let path = folder.path().join(name);
            write_random_whisper(&path, shape, seed).unwrap();
            std::fs::read(path).unwrap()
        };
        let first = write("a", 1);
        assert_eq!(first, write("b", 1));
        assert_ne!(first, write("c", 2));
    }
}
