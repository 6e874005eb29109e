//! Framing, pre-roll and resampling: nothing is lost, and nothing depends on how the stream was cut.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

use proptest::prelude::*;
use vesta_audio::{FRAME_SAMPLES, Frame, Framer, PreRoll, ResampleError, Resampler};

fn sine(hz: f64, rate: u32, seconds: f64, amplitude: f64) -> Vec<i16> {
    let samples = (seconds * f64::from(rate)).round() as usize;
    let step = std::f64::consts::TAU * hz / f64::from(rate);
    (0..samples).map(|n| ((n as f64 * step).sin() * amplitude).round() as i16).collect()
}

/// A sine of this frequency fitted to the middle of `heard`: its distance from everything else in dB, its amplitude, and how late it is in
/// seconds.
fn fit(heard: &[i16], hz: f64, rate: u32) -> (f64, f64, f64) {
    let omega = std::f64::consts::TAU * hz / f64::from(rate);
    // A tenth of a second holds whole periods of the frequencies used, so that sine and cosine are orthogonal.
    let period = rate as usize / 10;
    let middle = heard.len() / 4..heard.len() / 4 + period;
    let wave = |n: usize| ((n as f64 * omega).sin(), (n as f64 * omega).cos());
    let (mut sine, mut cosine, mut power) = (0.0, 0.0, 0.0);
    for n in middle.clone() {
        let (s, c) = wave(n);
        let heard = f64::from(heard[n]);
        sine += heard * s * 2.0 / period as f64;
        cosine += heard * c * 2.0 / period as f64;
        power += heard * heard;
    }
    let residue: f64 = middle.map(|n| (f64::from(heard[n]) - wave(n).0 * sine - wave(n).1 * cosine).powi(2)).sum();
    (10.0 * (power / residue.max(1e-9)).log10(), sine.hypot(cosine), -cosine.atan2(sine) / (std::f64::consts::TAU * hz))
}

#[test]
fn a_sine_keeps_its_shape_its_length_and_its_place_between_all_usual_rates() {
    for from in [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000] {
        for to in [8_000, 16_000, 24_000, 48_000] {
            let mut resampler = Resampler::new(from, to).unwrap();
            let mut heard = resampler.process(&sine(1000.0, from, 1.0, 20_000.0));
            heard.extend(resampler.flush());
            assert_eq!(heard.len(), to as usize, "{from} to {to}");
            let (snr_db, amplitude, late) = fit(&heard, 1000.0, to);
            assert!(snr_db > 70.0, "{from} to {to}: {snr_db} dB");
            assert!((19_900.0..20_100.0).contains(&amplitude), "{from} to {to}: amplitude {amplitude}");
            // The filter's delay is cut off in whole samples.
            assert!(late.abs() < 0.51 / f64::from(from.min(to)), "{from} to {to}: {late} s late");
        }
    }
}

#[test]
fn what_the_new_rate_cannot_hold_is_removed_instead_of_folded_back() {
    let mut resampler = Resampler::new(48_000, 16_000).unwrap();
    let mut heard = resampler.process(&sine(12_000.0, 48_000, 1.0, 20_000.0));
    heard.extend(resampler.flush());
    let loudest = heard[800..15_200].iter().map(|sample| sample.unsigned_abs()).max().unwrap();
    assert!(loudest < 20, "{loudest}");
}

#[test]
fn telephone_speech_keeps_its_band() {
    let mut resampler = Resampler::new(8_000, 16_000).unwrap();
    let mut heard = resampler.process(&sine(3_400.0, 8_000, 1.0, 20_000.0));
    heard.extend(resampler.flush());
    let (snr_db, amplitude, _) = fit(&heard, 3_400.0, 16_000);
    assert!(snr_db > 50.0 && amplitude > 18_000.0, "{snr_db} dB, amplitude {amplitude}");
}

#[test]
fn loud_samples_are_clipped_and_not_wrapped() {
    let square: Vec<i16> = (0..48_000).map(|n| if n / 50 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
    let heard = Resampler::new(48_000, 16_000).unwrap().process(&square);
    let jumps = heard.windows(2).filter(|pair| (i32::from(pair[0]) - i32::from(pair[1])).abs() > 60_000).count();
    assert!(jumps < heard.len() / 10, "{jumps} jumps");
}

#[test]
fn a_flushed_resampler_starts_anew() {
    let mut resampler = Resampler::new(44_100, 16_000).unwrap();
    let clip = sine(440.0, 44_100, 0.3, 9_000.0);
    let mut run = || [resampler.process(&clip), resampler.flush()].concat();
    assert_eq!(run(), run());
    assert!(resampler.flush().is_empty());
}

#[test]
fn rates_that_audio_does_not_have_are_refused() {
    for (from, to) in [(0, 16_000), (16_000, 0), (999, 16_000), (4_000_000_000, 16_000)] {
        let error = Resampler::new(from, to).unwrap_err();
        assert!(matches!(error, ResampleError::Rate(_)), "{error}");
    }
}

#[test]
fn a_pre_roll_keeps_the_last_frames_in_order() {
    let mut ring = PreRoll::new(50);
    let frame = |n: i16| -> Frame { [n; FRAME_SAMPLES] };
    for n in 0..10 {
        ring.push(frame(n));
    }
    assert_eq!(ring.held_ms(), 60);
    assert_eq!(ring.drain().map(|frame| frame[0]).collect::<Vec<_>>(), [7, 8, 9]);
    assert_eq!(ring.held_ms(), 0);
    let mut nothing = PreRoll::new(0);
    nothing.push(frame(1));
    assert_eq!(nothing.drain().count(), 0);
}

#[test]
fn frames_that_nobody_looks_at_do_not_shift_the_stream() {
    let mut framer = Framer::new();
    let samples: Vec<i16> = (0..1000).collect();
    assert!(framer.push(&samples).next().is_some());
    assert_eq!(framer.waiting(), 1000 - 3 * FRAME_SAMPLES);
    assert_eq!(framer.flush().unwrap()[0], 960);
    assert!(framer.flush().is_none());
}

proptest! {
    #[test]
    fn framing_loses_and_invents_nothing(runs in prop::collection::vec(prop::collection::vec(any::<i16>(), 0..900), 0..12)) {
        let mut framer = Framer::new();
        let mut framed: Vec<i16> = Vec::new();
        for run in &runs {
            framed.extend(framer.push(run).flatten());
        }
        framed.extend(framer.flush().into_iter().flatten());
        let mut meant = runs.concat();
        prop_assert_eq!(framed.len(), meant.len().next_multiple_of(FRAME_SAMPLES));
        meant.resize(framed.len(), 0);
        prop_assert_eq!(framed, meant);
    }

    #[test]
    fn resampling_does_not_depend_on_how_the_stream_is_cut(
        from in prop::sample::select(vec![8_000u32, 16_000, 22_050, 44_100, 48_000]),
        length in 0usize..5_000,
        cuts in prop::collection::vec(1usize..1_500, 1..10),
    ) {
        let samples = sine(700.0, from, length as f64 / f64::from(from), 12_000.0);
        let mut whole = Resampler::new(from, 16_000).unwrap();
        let meant = [whole.process(&samples), whole.flush()].concat();
        let mut cut = Resampler::new(from, 16_000).unwrap();
        let (mut heard, mut rest, mut cuts) = (Vec::new(), samples.as_slice(), cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            heard.extend(cut.process(piece));
            rest = after;
        }
        heard.extend(cut.flush());
        prop_assert_eq!(heard.len(), samples.len() * 16_000 / from as usize);
        prop_assert_eq!(heard, meant);
    }
}
