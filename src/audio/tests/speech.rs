//! Real speech, noise and music through detector and endpointing. The speech is eSpeak NG's, made on the spot; where `espeak-ng` is not installed
//! those tests say so and check nothing.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

use std::io::Cursor;
use std::process::Command;

use vesta_audio::{
    EndReason, Endpoint, EndpointConfig, Endpointer, FRAME_MS, Framer, SAMPLE_RATE, Said, Vad, VadConfig, wav::Reader,
};

const VOICES: [&str; 5] = ["en-gb", "en-us", "en-gb+f3", "en-us+m4", "en-gb-scotland"];

/// 16 kHz mono speech, cut so that the first sample is already speech and the last one still is.
fn speak(voice: &str, text: &str) -> Option<Vec<i16>> {
    let output = match Command::new("espeak-ng").args(["-v", voice, "--stdout", text]).output() {
        Ok(output) if output.status.success() => output.stdout,
        _ => {
            eprintln!("espeak-ng is not installed: nothing is checked (script/setup installs it)");
            return None;
        }
    };
    let mut reader = Reader::new(Cursor::new(output)).unwrap();
    let mut samples = Vec::new();
    while let Some(run) = reader.next_samples().unwrap() {
        samples.extend(run);
    }
    let loud = |sample: &i16| sample.unsigned_abs() > 300;
    let first = samples.iter().position(loud).unwrap();
    let last = samples.iter().rposition(loud).unwrap();
    Some(samples[first..=last].to_vec())
}

fn silence(ms: u64) -> Vec<i16> {
    vec![0; usize::try_from(ms * u64::from(SAMPLE_RATE) / 1000).unwrap()]
}

fn ms(samples: &[i16]) -> u64 {
    samples.len() as u64 * 1000 / u64::from(SAMPLE_RATE)
}

/// White noise from a fixed seed (xorshift), of this RMS.
fn noise(samples: usize, rms: f64) -> Vec<f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    };
    (0..samples).map(|_| next() * rms * 12f64.sqrt()).collect()
}

fn with_noise(speech: &[i16], noise_rms: f64) -> Vec<i16> {
    speech.iter().zip(noise(speech.len(), noise_rms)).map(|(&s, n)| (f64::from(s) + n) as i16).collect()
}

fn rms(samples: &[i16]) -> f64 {
    (samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
}

/// Runs a stream through detector and endpointing. `said` is told the time in milliseconds.
fn run(config: EndpointConfig, samples: &[i16], said: impl Fn(u64) -> Said) -> Vec<Endpoint> {
    let (mut vad, mut endpointer, mut framer) =
        (Vad::new(VadConfig::default()), Endpointer::new(config), Framer::new());
    let mut events = Vec::new();
    for (number, frame) in framer.push(samples).enumerate() {
        let speech = vad.push(&frame);
        assert!((0.0..=1.0).contains(&speech));
        events.extend(endpointer.push(speech, said(number as u64 * FRAME_MS)));
    }
    events
}

fn end(events: &[Endpoint]) -> (u64, u64, EndReason) {
    match events.last() {
        Some(&Endpoint::Ended { at_ms, speech_end_ms, reason }) => (at_ms, speech_end_ms, reason),
        other => panic!("the turn did not end: {other:?} of {events:?}"),
    }
}

#[test]
fn short_words_spoken_in_the_first_frame_are_heard() {
    for voice in VOICES {
        for word in ["stop", "yes", "off", "no", "on", "pause"] {
            let Some(speech) = speak(voice, word) else { return };
            let events = run(EndpointConfig::default(), &[speech.clone(), silence(3000)].concat(), |_| Said::Complete);
            let what = format!("{word} by {voice}: {events:?}");
            assert!(matches!(events[0], Endpoint::SpeechStarted { at_ms } if at_ms <= 160), "{what}");
            let (at_ms, speech_end_ms, reason) = end(&events);
            assert_eq!(reason, EndReason::Silence(Said::Complete), "{what}");
            let truth = ms(&speech);
            assert!(speech_end_ms + 120 >= truth && speech_end_ms <= truth + 60, "speech ended at {truth}; {what}");
            assert!(at_ms <= truth + 260, "speech ended at {truth}; {what}");
        }
    }
}

#[test]
fn the_pause_is_reported_early_enough_to_work_ahead() {
    for voice in VOICES {
        let Some(speech) = speak(voice, "turn on the kitchen light") else { return };
        let samples = [silence(700), speech.clone(), silence(3000)].concat();
        let truth = 700 + ms(&speech);
        let (mut vad, mut endpointer, mut framer) =
            (Vad::new(VadConfig::default()), Endpointer::new(EndpointConfig::default()), Framer::new());
        let mut last_pause = 0;
        for frame in framer.push(&samples) {
            if let Some(Endpoint::SpeechPaused { .. }) = endpointer.push(vad.push(&frame), Said::Complete) {
                last_pause = endpointer.now_ms();
            }
        }
        assert!(
            last_pause > 0 && last_pause <= truth + 140,
            "{voice}: reported at {last_pause}, speech ended at {truth}"
        );
    }
}

#[test]
fn a_pause_of_six_tenths_inside_a_command_does_not_cut_it() {
    for voice in VOICES {
        let (Some(first), Some(second)) = (speak(voice, "turn on the"), speak(voice, "kitchen light")) else { return };
        let samples = [silence(300), first.clone(), silence(600), second.clone(), silence(3000)].concat();
        let middle = 300 + ms(&first) + 700;
        let truth = 900 + ms(&first) + ms(&second);
        for known in [Said::OpenEnded, Said::Unknown] {
            let said = |now_ms| if now_ms < middle { known } else { Said::Complete };
            let events = run(EndpointConfig::default(), &samples, said);
            let (at_ms, speech_end_ms, _) = end(&events);
            assert!(
                speech_end_ms + 120 >= truth && at_ms <= truth + 260,
                "{voice}: {events:?}, speech ended at {truth}"
            );
            assert!(events.iter().any(|event| matches!(event, Endpoint::SpeechResumed { .. })), "{voice}: {events:?}");
        }
    }
}

#[test]
fn speech_in_noise_begins_and_ends_where_it_should() {
    for voice in VOICES {
        let Some(speech) = speak(voice, "set the bedroom lamp to fifty percent") else { return };
        let clean = [silence(1500), speech.clone(), silence(3000)].concat();
        // 10 dB below the speech.
        let noisy = with_noise(&clean, rms(&speech) / 10f64.sqrt());
        let truth = 1500 + ms(&speech);
        let said = |now_ms| match now_ms {
            0..2000 => Said::Nothing,
            now_ms if now_ms < truth => Said::OpenEnded,
            _ => Said::Complete,
        };
        let events = run(EndpointConfig::default(), &noisy, said);
        let (at_ms, _, reason) = end(&events);
        assert_eq!(reason, EndReason::Silence(Said::Complete), "{voice}: {events:?}");
        assert!(at_ms + 150 >= truth && at_ms <= truth + 400, "{voice}: {events:?}, speech ended at {truth}");
    }
}

#[test]
fn half_a_minute_of_silence_is_silence() {
    let config = EndpointConfig { no_speech_timeout_ms: 30_000, ..EndpointConfig::default() };
    let digital = run(config, &silence(31_000), |_| Said::Nothing);
    assert_eq!(digital, [Endpoint::Ended { at_ms: 30_000, speech_end_ms: 0, reason: EndReason::NoSpeech }]);
    let room = with_noise(&silence(31_000), 20.0);
    assert_eq!(run(config, &room, |_| Said::Nothing), digital);
}

/// Feeds half a minute, beginning anew after each end, and returns for how long somebody was believed to speak.
fn believed_ms(samples: &[i16]) -> u64 {
    let mut vad = Vad::new(VadConfig::default());
    let config = EndpointConfig { no_speech_timeout_ms: 0, ..EndpointConfig::default() };
    let mut endpointer = Endpointer::new(config);
    let (mut framer, mut began_ms, mut believed) = (Framer::new(), 0, 0);
    for frame in framer.push(samples) {
        match endpointer.push(vad.push(&frame), Said::Nothing) {
            Some(Endpoint::SpeechStarted { at_ms }) => began_ms = at_ms,
            Some(Endpoint::Ended { speech_end_ms, reason, .. }) => {
                assert!(matches!(reason, EndReason::NoSpeech | EndReason::TooLong), "{reason:?}");
                believed += speech_end_ms - began_ms;
                endpointer = Endpointer::new(config);
            }
            _ => {}
        }
    }
    believed
}

#[test]
fn half_a_minute_of_noise_is_hardly_ever_taken_for_speech() {
    let length = 30 * SAMPLE_RATE as usize;
    let white = with_noise(&silence(30_000), 1500.0);
    assert!(believed_ms(&white) < 1000, "white noise: {} ms", believed_ms(&white));
    let mut sum = 0.0;
    let rumble: Vec<i16> = noise(length, 300.0)
        .into_iter()
        .map(|value| {
            sum = sum * 0.995 + value;
            sum as i16
        })
        .collect();
    assert!(believed_ms(&rumble) < 1000, "rumble: {} ms", believed_ms(&rumble));
    let hum: Vec<i16> = (0..length)
        .map(|n| {
            let t = n as f64 * std::f64::consts::TAU / f64::from(SAMPLE_RATE);
            ((50.0 * t).sin() * 4000.0 + (150.0 * t).sin() * 2000.0) as i16
        })
        .collect();
    assert!(believed_ms(&hum) < 1000, "hum: {} ms", believed_ms(&hum));
}

#[test]
fn music_that_is_taken_for_speech_ends_at_the_longest_utterance() {
    // Four chords of three sawtooth voices, a new one every half second.
    let roots = [220.0, 174.6, 261.6, 196.0];
    let music: Vec<i16> = (0..30 * SAMPLE_RATE as usize)
        .map(|n| {
            let t = n as f64 / f64::from(SAMPLE_RATE);
            let (beat, within) = ((t * 2.0) as usize, (t * 2.0).fract());
            let root = roots[beat % 4];
            let chord: f64 = [1.0, 1.26, 1.5].iter().map(|third| (t * root * third).fract() - 0.5).sum();
            (chord * 6000.0 * (-within * 3.0).exp()) as i16
        })
        .collect();
    let config = EndpointConfig::default();
    let (at_ms, _, _) = end(&run(config, &music, |_| Said::Nothing));
    assert!(at_ms <= config.no_speech_timeout_ms + config.max_utterance_ms);
}

#[test]
fn clicks_and_beeps_shorter_than_a_syllable_begin_nothing() {
    for length_ms in [2, 10, 30, 59] {
        let burst = with_noise(&silence(length_ms), 8000.0);
        let beep: Vec<i16> = (0..burst.len()).map(|n| ((n as f64 * 0.314).sin() * 16_000.0) as i16).collect();
        for sound in [burst, beep] {
            let samples = [silence(1010), sound, silence(2000)].concat();
            assert_eq!(run(EndpointConfig::default(), &samples, |_| Said::Nothing), [], "{length_ms} ms");
        }
    }
}
