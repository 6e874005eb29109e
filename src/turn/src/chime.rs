//! The sounds before an announcement, made of a few partials like a struck bar's.

use std::f32::consts::TAU;

/// Frequencies relative to the lowest, and their strengths.
const PARTIALS: [(f32, f32); 3] = [(1.0, 0.6), (2.76, 0.25), (5.4, 0.1)];
/// Peak of the whole, of full scale.
const LEVEL: f32 = 0.4;

/// Strokes as (start in seconds, frequency in hertz).
const ALARM: [(f32, f32); 6] =
    [(0.0, 880.0), (0.16, 1108.7), (0.32, 1318.5), (0.8, 880.0), (0.96, 1108.7), (1.12, 1318.5)];
const CALL: [(f32, f32); 2] = [(0.0, 784.0), (0.22, 587.3)];
/// How long a stroke sounds, in seconds, and how fast it dies away.
const STROKE: f32 = 0.6;
const DECAY: f32 = 7.0;

/// A timer is over: twice three rising strokes, `rate` samples a second.
pub(crate) fn alarm(rate: u32) -> Vec<i16> {
    strokes(&ALARM, rate)
}

/// Listen: two falling strokes.
pub(crate) fn call(rate: u32) -> Vec<i16> {
    strokes(&CALL, rate)
}

fn strokes(strokes: &[(f32, f32)], rate: u32) -> Vec<i16> {
    let rate = rate as f32;
    let last = strokes.iter().map(|(start, _)| start + STROKE).fold(0.0, f32::max);
    let sample = |at: usize| {
        let now = at as f32 / rate;
        let sum: f32 = strokes
            .iter()
            .filter(|(start, _)| (*start..start + STROKE).contains(&now))
            .map(|(start, frequency)| {
                let since = now - start;
                let tone = |(times, strength): &(f32, f32)| {
                    // A partial above half the sample rate would come back as another tone.
                    let hertz = frequency * times;
                    if hertz * 2.0 < rate { strength * (TAU * hertz * since).sin() } else { 0.0 }
                };
                // A soft beginning and an end in silence, so that nothing clicks.
                let shape = (since / 0.004).min(1.0) * (-DECAY * since).exp() * ((STROKE - since) / 0.05).min(1.0);
                shape * PARTIALS.iter().map(tone).sum::<f32>()
            })
            .sum();
        (sum.clamp(-1.0, 1.0) * LEVEL * f32::from(i16::MAX)) as i16
    };
    (0..(last * rate) as usize).map(sample).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chime_is_heard_and_ends_in_silence() {
        for rate in [16_000, 22_050, 48_000] {
            for sound in [alarm(rate), call(rate)] {
                let seconds = sound.len() as f32 / rate as f32;
                assert!((0.5..3.0).contains(&seconds), "{seconds}");
                let loudest = sound.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
                assert!((3_000..20_000).contains(&loudest), "{loudest}");
                assert!(sound.iter().rev().take(rate as usize / 1_000).all(|sample| sample.unsigned_abs() < 200));
            }
        }
    }
}
