//! Sounds that are no commands: noises, music-like sound, talk about other things. All of it is made here, from seeds.

use std::f64::consts::TAU;

use crate::program;
use crate::speech::{RATE, Random, silence, speak_as};

/// A sound of this kind: `(seconds, seed)` to samples of any level.
type Make = fn(f64, u64) -> Vec<f64>;

/// Noises by name.
pub const NOISES: [(&str, Make); 8] = [
    ("white", white),
    ("pink", pink),
    ("brown", brown),
    ("hum", hum),
    ("fan", fan),
    ("knocks", knocks),
    ("rain", rain),
    ("motor", motor),
];

/// Music-like sounds by name.
pub const MUSIC: [(&str, Make); 5] =
    [("chords", chords), ("melody", melody), ("beat", beat), ("organ", organ), ("arpeggio", arpeggio)];

fn count(seconds: f64) -> usize {
    (seconds * RATE as f64) as usize
}

/// Close to normally distributed with deviation 1.
fn normal(random: &mut Random) -> f64 {
    (0..12).map(|_| random.unit()).sum::<f64>() - 6.0
}

fn white(seconds: f64, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    (0..count(seconds)).map(|_| normal(&mut random)).collect()
}

/// Voss's way: generators that change every sample, every second one, every fourth, …, added up.
fn pink(seconds: f64, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let mut rows = [0.0; 10];
    (1..=count(seconds))
        .map(|index| {
            let row = (index.trailing_zeros() as usize).min(rows.len() - 1);
            rows[row] = normal(&mut random);
            rows.iter().sum::<f64>() + normal(&mut random)
        })
        .collect()
}

fn brown(seconds: f64, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let mut level = 0.0;
    (0..count(seconds))
        .map(|_| {
            level = level * 0.995 + normal(&mut random);
            level
        })
        .collect()
}

/// Mains hum with its overtones.
fn hum(seconds: f64, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let phases: Vec<f64> = (0..8).map(|_| random.unit()).collect();
    times(seconds)
        .map(|time| {
            let tones = phases.iter().enumerate().map(|(index, phase)| {
                let overtone = (index + 1) as f64;
                (TAU * (50.0 * overtone * time + phase)).sin() / overtone
            });
            tones.sum::<f64>() + 0.05 * normal(&mut random)
        })
        .collect()
}

/// Pink noise that swells slowly, with the tone of the blades.
fn fan(seconds: f64, seed: u64) -> Vec<f64> {
    let air = pink(seconds, seed);
    let blades = 80.0 + (seed % 60) as f64;
    let swell = |time: f64| 1.0 + 0.3 * (TAU * 0.4 * time).sin();
    air.iter().zip(times(seconds)).map(|(air, time)| swell(time) * (air + 1.5 * (TAU * blades * time).sin())).collect()
}

/// Knocks, clicks and clatter at random moments, on a faint floor.
fn knocks(seconds: f64, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let mut samples: Vec<f64> = (0..count(seconds)).map(|_| 0.02 * normal(&mut random)).collect();
    let mut at = 0.0;
    while at < seconds {
        at += 0.1 + 1.4 * random.unit();
        let (hertz, decay, force) = (120.0 + 2500.0 * random.unit(), 15.0 + 120.0 * random.unit(), 0.3 + random.unit());
        let start = count(at).min(samples.len());
        for (index, sample) in samples[start..].iter_mut().take(RATE / 3).enumerate() {
            let time = index as f64 / RATE as f64;
            *sample += force * (-decay * time).exp() * ((TAU * hertz * time).sin() + 0.4 * normal(&mut random));
        }
    }
    samples
}

/// Many drops over a hiss.
fn rain(seconds: f64, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let (mut last, mut drop) = (0.0, 0.0);
    (0..count(seconds))
        .map(|_| {
            let now = normal(&mut random);
            let hiss = now - 0.9 * last;
            last = now;
            drop *= 0.97;
            if random.unit() < 0.002 {
                drop += 4.0 * random.unit();
            }
            0.3 * hiss + drop * now
        })
        .collect()
}

/// A vacuum cleaner or a blender: a buzz whose pitch wanders, and hiss.
fn motor(seconds: f64, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let base = 90.0 + 160.0 * random.unit();
    let mut phase = 0.0;
    times(seconds)
        .map(|time| {
            phase += base * (1.0 + 0.15 * (TAU * 0.23 * time).sin()) / RATE as f64;
            let buzz: f64 =
                (1..=12).map(|overtone| (TAU * phase * f64::from(overtone)).sin() / f64::from(overtone)).sum();
            buzz + 0.5 * normal(&mut random)
        })
        .collect()
}

fn chords(seconds: f64, seed: u64) -> Vec<f64> {
    crate::speech::music(seconds, 8000.0, seed).into_iter().map(f64::from).collect()
}

/// A semitone above 110 Hz.
fn pitch(semitone: f64) -> f64 {
    110.0 * 2f64.powf(semitone / 12.0)
}

/// One voice with vibrato that walks up and down a major scale, in the range of a singer.
fn melody(seconds: f64, seed: u64) -> Vec<f64> {
    const SCALE: [f64; 8] = [0.0, 2.0, 4.0, 5.0, 7.0, 9.0, 11.0, 12.0];
    let mut random = Random::new(seed);
    let (mut step, mut left, mut phase, mut since) = (3i32, 0usize, 0.0, 0usize);
    times(seconds)
        .map(|time| {
            if left == 0 {
                left = RATE / 8 * (1 + (random.unit() * 6.0) as usize);
                step = (step + (random.unit() * 5.0) as i32 - 2).clamp(0, 7);
                since = 0;
            }
            (left, since) = (left - 1, since + 1);
            let hertz = pitch(12.0 + SCALE[step as usize]) * (1.0 + 0.012 * (TAU * 5.5 * time).sin());
            phase += hertz / RATE as f64;
            let attack = (since as f64 / 400.0).min(1.0) * (left as f64 / 400.0).min(1.0);
            let overtones = [1.0, 0.6, 0.4, 0.25, 0.2, 0.1];
            let tone =
                overtones.iter().enumerate().map(|(index, part)| part * (TAU * phase * (index + 1) as f64).sin());
            attack * tone.sum::<f64>()
        })
        .collect()
}

/// Bass drum, snare and cymbal.
fn beat(seconds: f64, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let tempo = 1.5 + random.unit();
    times(seconds)
        .map(|time| {
            let (place, bar) = ((time * tempo).fract() / tempo, (time * tempo) as u64 % 4);
            let drum = (-20.0 * place).exp() * (TAU * (60.0 + 60.0 * (-30.0 * place).exp()) * place).sin();
            let snare = if bar % 2 == 1 { (-25.0 * place).exp() * normal(&mut random) * 0.6 } else { 0.0 };
            let cymbal = (-60.0 * ((time * tempo * 2.0).fract() / tempo)).exp() * normal(&mut random) * 0.2;
            2.0 * drum + snare + cymbal
        })
        .collect()
}

/// Held chords of many overtones that change every few seconds.
fn organ(seconds: f64, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let roots: Vec<f64> = (0..=(seconds / 2.5) as usize).map(|_| (random.unit() * 12.0).floor()).collect();
    times(seconds)
        .map(|time| {
            let root = roots[((time / 2.5) as usize).min(roots.len() - 1)];
            let tone = |semitone: f64| -> f64 {
                let hertz = pitch(root + semitone);
                (1..=5).map(|overtone| (TAU * hertz * time * f64::from(overtone)).sin() / f64::from(overtone)).sum()
            };
            tone(0.0) + tone(4.0) + tone(7.0) + 0.5 * tone(-12.0)
        })
        .collect()
}

/// Plucked notes, eight a second.
fn arpeggio(seconds: f64, seed: u64) -> Vec<f64> {
    const NOTES: [f64; 6] = [0.0, 4.0, 7.0, 12.0, 16.0, 19.0];
    let mut random = Random::new(seed);
    let (mut hertz, mut index) = (220.0, 0usize);
    times(seconds)
        .map(|time| {
            if index.is_multiple_of(RATE / 8) {
                hertz = pitch(NOTES[(random.unit() * 6.0) as usize % 6] + 12.0 * (time / 4.0).floor().rem_euclid(2.0));
            }
            let place = (index % (RATE / 8)) as f64 / RATE as f64;
            index += 1;
            (-14.0 * place).exp() * ((TAU * hertz * place).sin() + 0.5 * (TAU * 2.0 * hertz * place).sin())
        })
        .collect()
}

fn times(seconds: f64) -> impl Iterator<Item = f64> {
    (0..count(seconds)).map(|index| index as f64 / RATE as f64)
}

/// Root mean square.
fn power(samples: &[f64]) -> f64 {
    (samples.iter().map(|sample| sample * sample).sum::<f64>() / samples.len().max(1) as f64).sqrt().max(1e-9)
}

/// Samples with their root mean square at `decibels` of full scale.
pub fn at_level(samples: &[f64], decibels: f64) -> Vec<i16> {
    let gain = 32_768.0 * 10f64.powf(decibels / 20.0) / power(samples);
    samples.iter().map(|sample| (sample * gain).clamp(-32_768.0, 32_767.0) as i16).collect()
}

/// Noises, one kind after the other, from barely audible to loud; the last kind is a crowd of `voices`.
pub fn noises(seconds: f64, piece: f64, voices: &[Vec<i16>]) -> Vec<i16> {
    const LEVELS: [f64; 4] = [-55.0, -38.0, -27.0, -18.0];
    let kinds = NOISES.len() + 1;
    pieces(seconds, piece, |number| {
        let level = LEVELS[(number / kinds + number) % LEVELS.len()];
        match NOISES.get(number % kinds) {
            Some((_, make)) => at_level(&make(piece, number as u64), level),
            None => at_level(&crowd(piece, voices, number), level),
        }
    })
}

/// Music-like sounds, one kind after the other, soft and loud.
pub fn musics(seconds: f64, piece: f64) -> Vec<i16> {
    const LEVELS: [f64; 3] = [-40.0, -28.0, -18.0];
    pieces(seconds, piece, |number| {
        at_level(&MUSIC[number % MUSIC.len()].1(piece, number as u64), LEVELS[number % LEVELS.len()])
    })
}

/// Talk about other things, a second or two between the sentences.
pub fn talk(seconds: f64, clips: &[Vec<i16>]) -> Vec<i16> {
    let mut random = Random::new(5);
    let mut samples = Vec::with_capacity(count(seconds));
    for clip in clips.iter().cycle() {
        samples.extend(clip);
        samples.extend(silence(0.8 + 1.4 * random.unit()));
        if samples.len() >= count(seconds) {
            break;
        }
    }
    samples.truncate(count(seconds));
    samples
}

fn pieces(seconds: f64, piece: f64, make: impl Fn(usize) -> Vec<i16>) -> Vec<i16> {
    let mut samples: Vec<i16> = (0..(seconds / piece).ceil() as usize).flat_map(make).collect();
    samples.truncate(count(seconds));
    samples
}

/// Five people who talk at once.
fn crowd(seconds: f64, voices: &[Vec<i16>], seed: usize) -> Vec<f64> {
    let mut sum = vec![0.0; count(seconds)];
    for person in 0..5 {
        let words =
            voices.iter().cycle().skip((seed * 7 + person * 11) % voices.len().max(1)).take(voices.len()).flatten();
        for (sample, word) in sum.iter_mut().zip(words) {
            *sample += f64::from(*word);
        }
    }
    sum
}

/// `speech` with a noise so far below the mean power of its loud parts.
pub fn with_sound(speech: &[i16], sound: &[f64], decibels: f64) -> Vec<i16> {
    let loud: Vec<f64> = speech.iter().map(|sample| f64::from(*sample)).filter(|sample| sample.abs() > 100.0).collect();
    let gain = power(&loud) / 10f64.powf(decibels / 20.0) / power(sound);
    speech
        .iter()
        .zip(sound)
        .map(|(speech, sound)| (f64::from(*speech) + sound * gain).clamp(-32_768.0, 32_767.0) as i16)
        .collect()
}

/// One of the noises, the crowd among them, of this length.
pub fn some_noise(number: usize, samples: usize, voices: &[Vec<i16>]) -> Vec<f64> {
    let seconds = samples as f64 / RATE as f64 + 0.1;
    match NOISES.get(number % (NOISES.len() + 1)) {
        Some((_, make)) => make(seconds, 1000 + number as u64),
        None => crowd(seconds, voices, number),
    }
}

/// The sentences of `tests/data/unrelated.txt`, spoken.
pub fn unrelated() -> Vec<Vec<i16>> {
    let text =
        std::fs::read_to_string(program::root().join("tests/data/unrelated.txt")).expect("unrelated.txt is read");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('|')).map(|(voice, sentence)| speak_as(sentence, voice, 165)).collect()
}
