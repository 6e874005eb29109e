//! Speech and other sounds, made on the spot.

use std::io::Cursor;
use std::process::Command;

use vesta_audio::wav;

/// eSpeak NG's wave file of a text.
pub(crate) fn wave(text: &str) -> Vec<u8> {
    let spoken = Command::new("espeak-ng").args(["-v", "en-us", "--stdout", text]).output();
    let spoken = spoken.expect("espeak-ng is installed by script/setup");
    assert!(spoken.status.success(), "{}", String::from_utf8_lossy(&spoken.stderr));
    spoken.stdout
}

/// A text spoken, 16 kHz mono, from its first sound to its last.
pub(crate) fn say(text: &str) -> Vec<i16> {
    let mut reader = wav::Reader::new(Cursor::new(wave(text))).unwrap();
    let mut samples = Vec::new();
    while let Some(more) = reader.next_samples().unwrap() {
        samples.extend(more);
    }
    let loud = |sample: &i16| sample.unsigned_abs() > 200;
    let first = samples.iter().position(loud).unwrap();
    let last = samples.iter().rposition(loud).unwrap();
    samples[first..=last].to_vec()
}

/// White noise of this loudness, the same every time (a linear congruential generator).
pub(crate) fn noise(seconds: usize, loudness: i32) -> Vec<i16> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as i32 - 32_768
    };
    (0..seconds * 16_000).map(|_| (next() * loudness / 32_768) as i16).collect()
}

/// A tune of decaying notes with overtones.
pub(crate) fn tune(seconds: usize) -> Vec<i16> {
    let notes = [262.0, 330.0, 392.0, 523.0, 440.0, 349.0];
    (0..seconds * 16_000)
        .map(|n| {
            let time = n as f32 / 16_000.0;
            let beat = time * 3.0;
            let phase = notes[beat as usize % notes.len()] * time * std::f32::consts::TAU;
            let tone = phase.sin() + 0.5 * (2.0 * phase).sin() + 0.3 * (3.0 * phase).sin();
            (tone * (-3.0 * beat.fract()).exp() * 4000.0) as i16
        })
        .collect()
}
