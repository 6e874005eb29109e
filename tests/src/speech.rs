//! Speech, noise and silence, 16 kHz mono.

use std::io::Cursor;
use std::process::Command;

use vesta_audio::wav;

/// Samples a second.
pub const RATE: usize = 16_000;

/// `text` as eSpeak NG speaks it in `voice` (such as `en-us` or `en-gb+f2`) at `words` a minute.
///
/// # Panics
/// `espeak-ng` is not installed; `script/setup --tests` installs it.
pub fn speak_as(text: &str, voice: &str, words: u32) -> Vec<i16> {
    let output = Command::new("espeak-ng")
        .args(["--stdout", "-v", voice, "-s", &words.to_string(), text])
        .output()
        .expect("espeak-ng is installed by script/setup --tests");
    assert!(output.status.success(), "espeak-ng: {}", String::from_utf8_lossy(&output.stderr));
    read_wav(&output.stdout)
}

/// `text` in the usual voice.
pub fn speak(text: &str) -> Vec<i16> {
    speak_as(text, "en-us", 160)
}

/// The samples of a WAV file of any kind, as 16 kHz mono.
pub fn read_wav(bytes: &[u8]) -> Vec<i16> {
    let mut reader = wav::Reader::new(Cursor::new(bytes)).expect("a WAV file");
    let mut samples = Vec::new();
    while let Some(piece) = reader.next_samples().expect("a WAV file") {
        samples.extend(piece);
    }
    samples
}

/// Silence.
pub fn silence(seconds: f64) -> Vec<i16> {
    vec![0; (seconds * RATE as f64) as usize]
}

/// Parts one after the other.
pub fn join(parts: &[&[i16]]) -> Vec<i16> {
    parts.concat()
}

/// A generator of numbers that look random: SplitMix64 (Steele, Lea and Flood, 2014).
pub struct Random(u64);

impl Random {
    /// A generator that always gives the same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// White noise whose samples have the standard deviation `level`.
pub fn noise(seconds: f64, level: f64, seed: u64) -> Vec<i16> {
    let mut random = Random::new(seed);
    let count = (seconds * RATE as f64) as usize;
    // The sum of twelve uniform numbers is close to a normal distribution of variance 1.
    (0..count).map(|_| (level * ((0..12).map(|_| random.unit()).sum::<f64>() - 6.0)) as i16).collect()
}

/// Chords that change twice a second, with a beat: music as far as a recogniser is concerned.
pub fn music(seconds: f64, level: f64, seed: u64) -> Vec<i16> {
    let mut random = Random::new(seed);
    let count = (seconds * RATE as f64) as usize;
    let mut chord = [0.0; 4];
    (0..count)
        .map(|index| {
            if index % (RATE / 2) == 0 {
                let root = 110.0 * 2f64.powf((random.unit() * 24.0).floor() / 12.0);
                chord = [root, root * 5.0 / 4.0, root * 3.0 / 2.0, root * 2.0];
            }
            let time = index as f64 / RATE as f64;
            let decay = (-3.0 * (time * 2.0).fract()).exp();
            let tone: f64 = chord.iter().map(|hertz| (std::f64::consts::TAU * hertz * time).sin()).sum();
            (level * tone / 4.0 * (0.3 + decay)) as i16
        })
        .collect()
}

/// `speech` with noise at a signal-to-noise ratio of `decibels` over its loud parts.
pub fn with_noise(speech: &[i16], decibels: f64, seed: u64) -> Vec<i16> {
    let loud: Vec<f64> = speech.iter().map(|sample| f64::from(*sample)).filter(|sample| sample.abs() > 100.0).collect();
    let power = loud.iter().map(|sample| sample * sample).sum::<f64>() / loud.len().max(1) as f64;
    let level = (power / 10f64.powf(decibels / 10.0)).sqrt();
    let noise = noise(speech.len() as f64 / RATE as f64 + 1.0, level, seed);
    speech.iter().zip(noise).map(|(speech, noise)| speech.saturating_add(noise)).collect()
}
