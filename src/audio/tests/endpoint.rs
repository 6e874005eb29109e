//! The endpointing as a state machine: probabilities in, events out.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

use proptest::prelude::*;
use vesta_audio::{EndReason, Endpoint, EndpointConfig, Endpointer, FRAME_MS, GateConfig, GateEvent, Said, SpeechGate};

const CONFIG: EndpointConfig = EndpointConfig {
    complete_ms: 200,
    unknown_ms: 500,
    nothing_ms: 2000,
    open_ms: 1200,
    min_speech_ms: 100,
    pause_ms: 80,
    max_utterance_ms: 10_000,
    no_speech_timeout_ms: 5_000,
    speech_start: 0.5,
    speech_end: 0.35,
};

/// Feeds runs of (speech or not, milliseconds, what was said); returns the events.
fn run(config: EndpointConfig, runs: &[(bool, u64, Said)]) -> Vec<Endpoint> {
    let mut endpointer = Endpointer::new(config);
    let mut events = Vec::new();
    for &(speech, ms, said) in runs {
        for _ in 0..ms / FRAME_MS {
            events.extend(endpointer.push(if speech { 0.9 } else { 0.02 }, said));
        }
    }
    events
}

fn end(at_ms: u64, speech_end_ms: u64, reason: EndReason) -> Endpoint {
    Endpoint::Ended { at_ms, speech_end_ms, reason }
}

#[test]
fn a_complete_command_ends_after_a_short_silence() {
    let events = run(CONFIG, &[(true, 1000, Said::Unknown), (false, 3000, Said::Complete)]);
    assert_eq!(
        events,
        [
            Endpoint::SpeechStarted { at_ms: 0 },
            Endpoint::SpeechPaused { at_ms: 1000 },
            end(1200, 1000, EndReason::Silence(Said::Complete)),
        ]
    );
}

#[test]
fn the_silence_depends_on_what_was_said() {
    for (said, silence_ms) in [(Said::Complete, 200), (Said::Unknown, 500), (Said::OpenEnded, 1200)] {
        let events = run(CONFIG, &[(true, 600, said), (false, 3000, said)]);
        assert_eq!(events.last(), Some(&end(600 + silence_ms, 600, EndReason::Silence(said))));
    }
}

#[test]
fn a_sound_without_words_leaves_time_to_speak() {
    let door = [
        (true, 300, Said::Nothing),
        (false, 1500, Said::Nothing),
        (true, 600, Said::Unknown),
        (false, 900, Said::Complete),
    ];
    assert_eq!(run(CONFIG, &door).last(), Some(&end(2600, 2400, EndReason::Silence(Said::Complete))));
    let only_a_door = [(true, 300, Said::Nothing), (false, 9000, Said::Nothing)];
    assert_eq!(run(CONFIG, &only_a_door).last(), Some(&end(2300, 300, EndReason::NoSpeech)));
}

#[test]
fn what_was_said_may_become_known_while_the_silence_runs() {
    let known_late = [(true, 600, Said::Unknown), (false, 160, Said::Unknown), (false, 3000, Said::Complete)];
    assert_eq!(run(CONFIG, &known_late).last(), Some(&end(800, 600, EndReason::Silence(Said::Complete))));
    let too_late = [(true, 600, Said::Unknown), (false, 400, Said::OpenEnded), (false, 3000, Said::Complete)];
    assert_eq!(run(CONFIG, &too_late).last(), Some(&end(1020, 600, EndReason::Silence(Said::Complete))));
    let revised = [(true, 600, Said::Complete), (false, 180, Said::Complete), (false, 3000, Said::OpenEnded)];
    assert_eq!(run(CONFIG, &revised).last(), Some(&end(1800, 600, EndReason::Silence(Said::OpenEnded))));
}

#[test]
fn a_pause_inside_an_unfinished_command_does_not_end_it() {
    let runs = [
        (true, 500, Said::Unknown),
        (false, 600, Said::OpenEnded),
        (true, 600, Said::OpenEnded),
        (false, 3000, Said::Complete),
    ];
    assert_eq!(
        run(CONFIG, &runs),
        [
            Endpoint::SpeechStarted { at_ms: 0 },
            Endpoint::SpeechPaused { at_ms: 500 },
            Endpoint::SpeechResumed { at_ms: 1100 },
            Endpoint::SpeechPaused { at_ms: 1700 },
            end(1900, 1700, EndReason::Silence(Said::Complete)),
        ]
    );
}

#[test]
fn a_word_that_begins_just_before_the_end_is_waited_for() {
    let runs = [
        (true, 500, Said::Complete),
        (false, 180, Said::Complete),
        (true, 300, Said::Complete),
        (false, 600, Said::Complete),
    ];
    assert_eq!(run(CONFIG, &runs).last(), Some(&end(1180, 980, EndReason::Silence(Said::Complete))));
    let click = [
        (true, 500, Said::Complete),
        (false, 180, Said::Complete),
        (true, 40, Said::Complete),
        (false, 600, Said::Complete),
    ];
    assert_eq!(run(CONFIG, &click).last(), Some(&end(780, 500, EndReason::Silence(Said::Complete))));
}

#[test]
fn a_short_word_in_the_first_frame_counts() {
    for ms in [100, 160, 240] {
        let events = run(CONFIG, &[(true, ms, Said::Nothing), (false, 2000, Said::Complete)]);
        assert_eq!(events.first(), Some(&Endpoint::SpeechStarted { at_ms: 0 }), "{ms} ms");
        assert_eq!(events.last(), Some(&end(ms + 200, ms, EndReason::Silence(Said::Complete))), "{ms} ms");
    }
}

#[test]
fn clicks_begin_nothing_however_many() {
    let clicks: Vec<_> = (0..20).flat_map(|_| [(true, 60, Said::Nothing), (false, 140, Said::Nothing)]).collect();
    assert_eq!(run(CONFIG, &clicks), []);
}

#[test]
fn the_closure_inside_a_word_neither_splits_it_nor_hides_its_beginning() {
    let events = run(CONFIG, &[(true, 60, Said::Nothing), (false, 40, Said::Nothing), (true, 200, Said::Nothing)]);
    assert_eq!(events, [Endpoint::SpeechStarted { at_ms: 0 }]);
    let inside = run(CONFIG, &[(true, 200, Said::Unknown), (false, 60, Said::Unknown), (true, 200, Said::Unknown)]);
    assert_eq!(inside, [Endpoint::SpeechStarted { at_ms: 0 }]);
}

#[test]
fn nobody_speaking_ends_in_no_speech_or_never() {
    assert_eq!(run(CONFIG, &[(false, 60_000, Said::Nothing)]), [end(5000, 0, EndReason::NoSpeech)]);
    let patient = EndpointConfig { no_speech_timeout_ms: 0, ..CONFIG };
    assert_eq!(run(patient, &[(false, 3_600_000, Said::Nothing)]), []);
}

#[test]
fn a_word_at_the_last_moment_is_still_heard() {
    let events =
        run(CONFIG, &[(false, 4960, Said::Nothing), (true, 400, Said::Nothing), (false, 1000, Said::Complete)]);
    assert_eq!(events.last(), Some(&end(5560, 5360, EndReason::Silence(Said::Complete))));
}

#[test]
fn endless_speech_ends_at_the_longest_utterance() {
    let events = run(CONFIG, &[(false, 1000, Said::Nothing), (true, 60_000, Said::OpenEnded)]);
    assert_eq!(events, [Endpoint::SpeechStarted { at_ms: 1000 }, end(11_000, 11_000, EndReason::TooLong)]);
}

#[test]
fn the_settings_are_read_from_configuration_and_unknown_ones_refused() {
    let config: EndpointConfig = serde_json::from_str(r#"{"open_ms": 2000}"#).unwrap();
    assert_eq!(config, EndpointConfig { open_ms: 2000, ..EndpointConfig::default() });
    assert!(serde_json::from_str::<EndpointConfig>(r#"{"opened_ms": 2000}"#).is_err());
}

#[test]
fn a_gate_has_hysteresis() {
    let mut gate = SpeechGate::new(GateConfig { min_speech_ms: 20, ..GateConfig::default() });
    let mut push = |speech: f32| gate.push(speech);
    assert_eq!(push(0.45), None);
    assert_eq!(push(0.55), Some(GateEvent::Started { at_ms: 20 }));
    for _ in 0..50 {
        assert_eq!(push(0.4), None);
    }
    let ended: Vec<_> = (0..10).filter_map(|_| push(0.3)).collect();
    assert_eq!(ended, [GateEvent::Ended { at_ms: 1040 }]);
}

fn any_said() -> impl Strategy<Value = Said> {
    prop::sample::select(vec![Said::Nothing, Said::Complete, Said::OpenEnded, Said::Unknown])
}

/// Minutes of stretches of speech, noise and silence.
fn any_stream() -> impl Strategy<Value = Vec<(f32, Said)>> {
    let stretch = (prop_oneof![Just(0.0f32), Just(0.9), 0.0f32..1.0], 1usize..120, any_said());
    prop::collection::vec(stretch, 1..40).prop_map(|stretches| {
        stretches.into_iter().flat_map(|(speech, frames, said)| vec![(speech, said); frames]).collect()
    })
}

fn at(event: &Endpoint) -> u64 {
    match *event {
        Endpoint::SpeechStarted { at_ms } | Endpoint::SpeechPaused { at_ms } | Endpoint::SpeechResumed { at_ms } => {
            at_ms
        }
        Endpoint::Ended { at_ms, .. } => at_ms,
    }
}

proptest! {
    #[test]
    fn events_alternate_in_order_and_nothing_follows_the_end(stream in any_stream()) {
        let mut endpointer = Endpointer::new(CONFIG);
        let mut last: Option<Endpoint> = None;
        for (frame, (speech, said)) in stream.into_iter().enumerate() {
            let had_ended = endpointer.has_ended();
            let Some(event) = endpointer.push(speech, said) else { continue };
            prop_assert!(!had_ended);
            let now_ms = (frame as u64 + 1) * FRAME_MS;
            prop_assert!(at(&event) <= now_ms);
            prop_assert!(last.as_ref().is_none_or(|last| at(last) <= at(&event)));
            let in_order = matches!(
                (last, event),
                (None, Endpoint::SpeechStarted { .. } | Endpoint::Ended { reason: EndReason::NoSpeech, speech_end_ms: 0, .. })
                    | (Some(Endpoint::SpeechStarted { .. } | Endpoint::SpeechResumed { .. }), Endpoint::SpeechPaused { .. })
                    | (Some(Endpoint::SpeechStarted { .. } | Endpoint::SpeechResumed { .. }), Endpoint::Ended { reason: EndReason::TooLong, .. })
                    | (Some(Endpoint::SpeechPaused { .. }), Endpoint::SpeechResumed { .. })
                    | (Some(Endpoint::SpeechPaused { .. }), Endpoint::Ended { .. })
            );
            prop_assert!(in_order, "{:?} after {:?}", event, last);
            if let Endpoint::Ended { at_ms, speech_end_ms, reason } = event {
                prop_assert_eq!(at_ms, now_ms);
                prop_assert!(speech_end_ms <= at_ms);
                prop_assert_ne!(reason, EndReason::Silence(Said::Nothing));
                if let EndReason::Silence(said) = reason {
                    prop_assert!(at_ms - speech_end_ms >= CONFIG.silence_ms(said));
                }
            }
            last = Some(event);
        }
    }

    #[test]
    fn every_turn_ends_in_time(stream in any_stream()) {
        let mut endpointer = Endpointer::new(CONFIG);
        let mut began_ms = None;
        let longest = CONFIG.no_speech_timeout_ms + CONFIG.max_utterance_ms + 1000;
        let forever = stream.iter().copied().cycle().take(usize::try_from(longest / FRAME_MS).unwrap());
        for (speech, said) in forever {
            match endpointer.push(speech, said) {
                Some(Endpoint::SpeechStarted { at_ms }) => began_ms = Some(at_ms),
                Some(Endpoint::Ended { at_ms, .. }) => {
                    let latest = began_ms.map_or(CONFIG.no_speech_timeout_ms + 500, |began| began + CONFIG.max_utterance_ms);
                    prop_assert!(at_ms <= latest, "ended at {} instead of {}", at_ms, latest);
                    return Ok(());
                }
                _ => {}
            }
        }
        prop_assert!(false, "never ended");
    }

    #[test]
    fn silence_never_begins_a_turn(quiet in prop::collection::vec(0.0f32..0.49, 1..2000), said in any_said()) {
        let mut endpointer = Endpointer::new(EndpointConfig { no_speech_timeout_ms: 0, ..CONFIG });
        for speech in quiet {
            prop_assert_eq!(endpointer.push(speech, said), None);
        }
    }

    #[test]
    fn a_gate_opens_and_closes_by_turns(stream in prop::collection::vec(0.0f32..1.0, 1..2000)) {
        let mut gate = SpeechGate::new(GateConfig::default());
        let (mut open, mut last_ms) = (false, 0);
        for speech in stream {
            match gate.push(speech) {
                Some(GateEvent::Started { at_ms }) => {
                    prop_assert!(!open && at_ms >= last_ms);
                    (open, last_ms) = (true, at_ms);
                }
                Some(GateEvent::Ended { at_ms }) => {
                    prop_assert!(open && at_ms > last_ms);
                    (open, last_ms) = (false, at_ms);
                }
                None => {}
            }
            prop_assert_eq!(gate.is_open(), open);
        }
    }
}
