use std::time::Duration;

use vesta_audio::FRAME_SAMPLES;

use super::*;

/// Tokens are positions in this list.
const WORDS: [&str; 8] = [" turn", " on", " the", " kitchen", " light", " lamp", " please", " stop"];

struct Table;

impl Vocabulary for Table {
    fn text(&self, token: i32) -> &[u8] {
        WORDS[token as usize].as_bytes()
    }
}

const OPTIONS: ListenerOptions = ListenerOptions {
    thresholds: Thresholds {
        sure: Some(-0.4),
        no_speech: 0.6,
        no_speech_alone: 1.0,
        log_probability: -1.0,
        compression: 2.4,
        voiced_ms: 60,
    },
    max_window: ms(20_000),
    keep_agreed: false,
    big: false,
    alternatives: true,
    believe: false,
};

fn listener(options: ListenerOptions) -> Listener<Table> {
    Listener::new(options, Table, Some(0))
}

fn speak(listener: &mut Listener<Table>, milliseconds: usize) {
    for _ in 0..milliseconds / 20 {
        listener.hear(&[1000; FRAME_SAMPLES], true);
    }
}

fn pause(listener: &mut Listener<Table>, milliseconds: usize) {
    for _ in 0..milliseconds / 20 {
        listener.hear(&[1; FRAME_SAMPLES], false);
    }
}

fn heard(tokens: &[i32]) -> Heard {
    Heard { tokens: tokens.to_vec(), mean_log_probability: -0.1, took: Duration::from_millis(40), ..Heard::default() }
}

/// The order that the listener has for a decoder, and how much audio is there for it.
fn ordered(listener: &mut Listener<Table>) -> (Order, usize) {
    match listener.next(None) {
        Next::Decode(order) => {
            let covers = order.audio.copy().len();
            (order, covers)
        }
        other => panic!("expected an order, not {other:?}"),
    }
}

fn waits(listener: &mut Listener<Table>, covers: Option<usize>) -> bool {
    matches!(listener.next(covers), Next::Wait)
}

fn transcript(listener: &mut Listener<Table>) -> Transcript {
    match listener.next(None) {
        Next::Done(transcript) => transcript,
        other => panic!("expected the transcript, not {other:?}"),
    }
}

#[test]
fn silence_is_never_decoded_and_takes_no_room() {
    let mut listener = listener(OPTIONS);
    for _ in 0..600 {
        pause(&mut listener, 100);
        assert!(waits(&mut listener, None));
    }
    assert!(listener.part.window.len() <= 2 * LEAD);
    assert_eq!(listener.taken_ms(), 60_000);
    listener.stop();
    assert_eq!(transcript(&mut listener).text, "");
}

#[test]
fn a_click_is_not_worth_a_decode() {
    let mut listener = listener(OPTIONS);
    pause(&mut listener, 400);
    speak(&mut listener, 40);
    pause(&mut listener, 400);
    assert!(waits(&mut listener, None));
    listener.stop();
    assert_eq!(transcript(&mut listener).text, "");
}

#[test]
fn words_are_told_once_two_decodes_agree_and_the_end_is_free() {
    let mut listener = listener(OPTIONS);
    pause(&mut listener, 200);
    speak(&mut listener, 280);
    assert!(waits(&mut listener, None), "too early for a first decode");
    speak(&mut listener, 40);
    let (order, covers) = ordered(&mut listener);
    assert_eq!(order.purpose, Purpose::Partial);
    let chunk = listener.decoded(&heard(&[0, 1]), covers).unwrap();
    assert_eq!((chunk.text.as_str(), chunk.settled, chunk.heard_ms), ("", false, 520));

    assert!(waits(&mut listener, None), "nothing new yet");
    speak(&mut listener, 500);
    let (_, covers) = ordered(&mut listener);
    let chunk = listener.decoded(&heard(&[0, 1, 2, 3]), covers).unwrap();
    assert_eq!((chunk.text.as_str(), chunk.settled), ("turn on", false));

    speak(&mut listener, 100);
    pause(&mut listener, 40);
    assert!(waits(&mut listener, None), "the end of the word may still sound");
    pause(&mut listener, 20);
    let (_, covers) = ordered(&mut listener);
    let chunk = listener.decoded(&heard(&[0, 1, 2, 3, 4]), covers).unwrap();
    assert_eq!((chunk.text.as_str(), chunk.settled), (" the kitchen", false));

    assert!(waits(&mut listener, None), "to be confirmed on a little more audio");
    pause(&mut listener, 60);
    let (_, covers) = ordered(&mut listener);
    let chunk = listener.decoded(&heard(&[0, 1, 2, 3, 4]), covers).unwrap();
    assert_eq!((chunk.text.as_str(), chunk.settled), (" light", true));

    pause(&mut listener, 500);
    assert!(waits(&mut listener, None), "nothing is computed for silence");
    listener.stop();
    let transcript = transcript(&mut listener);
    assert_eq!(transcript.text, "turn on the kitchen light");
    assert_eq!(transcript.rest, "");
}

#[test]
fn words_told_too_early_are_told_anew() {
    let mut listener = listener(OPTIONS);
    speak(&mut listener, 400);
    let (_, covers) = ordered(&mut listener);
    listener.decoded(&heard(&[0, 1]), covers);
    speak(&mut listener, 400);
    let (_, covers) = ordered(&mut listener);
    assert_eq!(listener.decoded(&heard(&[0, 1]), covers).unwrap().text, "turn on");
    pause(&mut listener, 60);
    let (_, covers) = ordered(&mut listener);
    let chunk = listener.decoded(&heard(&[0, 4, 1]), covers).unwrap();
    assert_eq!((chunk.text.as_str(), chunk.anew, chunk.settled), ("", false, false), "once is not enough");
    pause(&mut listener, 60);
    let (_, covers) = ordered(&mut listener);
    let chunk = listener.decoded(&heard(&[0, 4, 1]), covers).unwrap();
    assert_eq!((chunk.text.as_str(), chunk.anew, chunk.settled), ("turn light on", true, true));
    listener.stop();
    assert_eq!(transcript(&mut listener).text, "turn light on");
}

#[test]
fn a_decode_that_covers_all_speech_is_awaited_at_the_end_and_another_is_given_up() {
    let mut covering = listener(OPTIONS);
    speak(&mut covering, 600);
    pause(&mut covering, 60);
    let (_, covers) = ordered(&mut covering);
    pause(&mut covering, 40);
    covering.stop();
    assert!(waits(&mut covering, Some(covers)));
    covering.decoded(&heard(&[7]), covers);
    assert_eq!(transcript(&mut covering).text, "stop");

    let mut missing = listener(OPTIONS);
    speak(&mut missing, 600);
    let (_, covers) = ordered(&mut missing);
    speak(&mut missing, 100);
    missing.stop();
    assert!(matches!(missing.next(Some(covers)), Next::Abort));
    let (order, covers) = ordered(&mut missing);
    assert_eq!(order.purpose, Purpose::Final);
    assert_eq!(missing.decoded(&heard(&[7]), covers), None);
    let transcript = transcript(&mut missing);
    assert_eq!((transcript.text.as_str(), transcript.rest.as_str()), ("stop", "stop"));
}

#[test]
fn the_confirming_decode_is_not_awaited_at_the_end() {
    let mut listener = listener(OPTIONS);
    speak(&mut listener, 600);
    pause(&mut listener, 60);
    let (_, covers) = ordered(&mut listener);
    listener.decoded(&heard(&[7]), covers);
    pause(&mut listener, 60);
    let (_, covers) = ordered(&mut listener);
    listener.stop();
    assert!(matches!(listener.next(Some(covers)), Next::Abort));
    assert_eq!(transcript(&mut listener).text, "stop");
}

#[test]
fn a_slow_decode_is_given_up_when_a_pause_begins_that_it_misses() {
    let mut listener = listener(OPTIONS);
    speak(&mut listener, 400);
    let (_, covers) = ordered(&mut listener);
    let slow = Heard { took: Duration::from_millis(400), ..heard(&[0]) };
    listener.decoded(&slow, covers);
    speak(&mut listener, 800);
    let (_, covers) = ordered(&mut listener);
    speak(&mut listener, 100);
    pause(&mut listener, 80);
    assert!(waits(&mut listener, Some(covers)), "it may be the middle of a word");
    pause(&mut listener, 20);
    assert!(matches!(listener.next(Some(covers)), Next::Abort));
    let (_, now) = ordered(&mut listener);
    assert!(now > covers);
}

#[test]
fn doubtful_words_are_not_told() {
    let mut listener = listener(OPTIONS);
    speak(&mut listener, 600);
    pause(&mut listener, 60);
    let unsure = Heard { mean_log_probability: -2.0, ..heard(&[0, 1]) };
    let (_, covers) = ordered(&mut listener);
    listener.decoded(&unsure, covers);
    pause(&mut listener, 60);
    let (_, covers) = ordered(&mut listener);
    let chunk = listener.decoded(&unsure, covers).unwrap();
    assert_eq!((chunk.text.as_str(), chunk.settled), ("", true), "everything heard is nothing");
    listener.stop();
    assert_eq!(transcript(&mut listener).text, "");
}

#[test]
fn decodes_that_never_agree_are_not_repeated_for_ever() {
    let mut listener = listener(OPTIONS);
    speak(&mut listener, 600);
    let mut decodes = 0;
    for _ in 0..50 {
        pause(&mut listener, 20);
        if let Next::Decode(order) = listener.next(None) {
            decodes += 1;
            listener.decoded(&heard(&[decodes % 2]), order.audio.copy().len());
        }
    }
    assert!((2..=4).contains(&decodes), "{decodes}");
}

#[test]
fn a_short_pause_does_not_cut_a_sentence_and_a_long_one_does() {
    let mut listener = listener(OPTIONS);
    speak(&mut listener, 900);
    pause(&mut listener, 700);
    speak(&mut listener, 900);
    assert!(listener.waiting.is_empty());
    pause(&mut listener, 1500);
    assert_eq!(listener.waiting.len(), 1);
    let (order, covers) = ordered(&mut listener);
    assert_eq!(order.purpose, Purpose::Window);
    assert!(covers >= ms(2500), "the pause is inside the window");
    let chunk = listener.decoded(&heard(&[0, 1, 2, 3, 4]), covers).unwrap();
    assert_eq!(chunk.text, "turn on the kitchen light");
    speak(&mut listener, 500);
    listener.stop();
    let (order, covers) = ordered(&mut listener);
    assert_eq!(order.purpose, Purpose::Final);
    listener.decoded(&heard(&[6]), covers);
    let transcript = transcript(&mut listener);
    assert_eq!((transcript.text.as_str(), transcript.rest.as_str()), ("turn on the kitchen light please", " please"));
}

#[test]
fn an_hour_of_talk_stays_within_bounds() {
    let mut listener = listener(OPTIONS);
    let mut windows = 0;
    let mut longest = 0;
    for second in 0..3600 {
        speak(&mut listener, 1000);
        while let Next::Decode(order) = listener.next(None) {
            let covers = order.audio.copy().len();
            longest = longest.max(covers);
            windows += usize::from(order.purpose == Purpose::Window);
            listener.decoded(&heard(&[second % 8]), covers);
        }
        assert!(!listener.is_full());
    }
    assert!(longest <= OPTIONS.max_window);
    assert!((180..400).contains(&windows), "{windows}");
    listener.stop();
    while let Next::Decode(order) = listener.next(None) {
        listener.decoded(&heard(&[7]), order.audio.copy().len());
    }
    assert!(transcript(&mut listener).text.split(' ').count() >= windows);
}

#[test]
fn a_client_faster_than_the_decoder_is_held_back() {
    let mut listener = listener(OPTIONS);
    speak(&mut listener, 19_000);
    assert!(!listener.is_full());
    speak(&mut listener, 22_000);
    assert!(listener.is_full());
}

#[test]
fn music_is_not_decoded_in_ever_longer_windows() {
    let mut listener = listener(OPTIONS);
    for _ in 0..600 {
        speak(&mut listener, 100);
        if let Next::Decode(order) = listener.next(None) {
            let covers = order.audio.copy().len();
            assert!(covers <= FRUITLESS + ms(1000), "{covers}");
            listener.decoded(&heard(&[]), covers);
        }
    }
}

#[test]
fn the_words_agreed_on_begin_the_next_decode_of_a_big_model() {
    let mut listener = listener(ListenerOptions { keep_agreed: true, big: true, ..OPTIONS });
    speak(&mut listener, 600);
    let (order, covers) = ordered(&mut listener);
    assert!(order.task.certain.is_empty());
    listener.decoded(&heard(&[0, 1, 5]), covers);
    speak(&mut listener, 400);
    let (_, covers) = ordered(&mut listener);
    listener.decoded(&heard(&[0, 1, 2]), covers);
    speak(&mut listener, 100);
    listener.stop();
    assert_eq!(ordered(&mut listener).0.task.certain, [0, 1]);
}

#[test]
fn a_repetitive_decode_of_a_big_model_is_tried_once_more_with_the_whole_context() {
    let mut listener = listener(ListenerOptions { big: true, ..OPTIONS });
    speak(&mut listener, 600);
    listener.stop();
    let (order, covers) = ordered(&mut listener);
    assert!(!order.task.whole_context);
    let looped = Heard { looped: true, ..heard(&[0, 0, 0]) };
    listener.decoded(&looped, covers);
    let (order, covers) = ordered(&mut listener);
    assert!(order.task.whole_context);
    listener.decoded(&looped, covers);
    assert_eq!(transcript(&mut listener).text, "");
}

#[test]
fn the_language_is_decided_by_two_decodes() {
    let mut listener = Listener::new(OPTIONS, Table, None);
    speak(&mut listener, 600);
    let in_language = |language| Heard { language, ..heard(&[0]) };
    for (language, asked) in [(3, None), (5, None), (5, None), (7, Some(5))] {
        let (order, covers) = ordered(&mut listener);
        assert_eq!(order.task.language, asked);
        listener.decoded(&in_language(language), covers);
        speak(&mut listener, 400);
    }
    assert_eq!(listener.language(), Some(5));
}

#[test]
fn a_transcript_tells_what_else_may_have_been_said_and_how_sure_it_is() {
    let unsure = Heard {
        log_probability: -1.5,
        judged: 3,
        // Another text, the same once more, and nothing at all.
        alternatives: vec![(vec![0, 2], -2.0), (vec![0, 1], -2.5), (vec![0, 2], -2.6), (Vec::new(), -3.0)],
        ..heard(&[0, 1])
    };
    let mut listener = listener(OPTIONS);
    speak(&mut listener, 600);
    let (order, covers) = ordered(&mut listener);
    assert!(!order.task.alternatives, "somebody still speaks: more words will come");
    listener.decoded(&heard(&[0]), covers);
    pause(&mut listener, 80);
    let (order, covers) = ordered(&mut listener);
    assert!(order.task.alternatives, "this may become the transcript");
    listener.decoded(&unsure, covers);
    listener.stop();
    let told = transcript(&mut listener);
    assert_eq!((told.log_probability, told.sure), (Some(-1.5), Some(false)));
    let other = Alternative { text: format!("{}{}", WORDS[0], WORDS[2]).trim().to_owned(), log_probability: -2.0 };
    assert_eq!(told.alternatives, [other]);
}

#[test]
fn where_nothing_was_said_nothing_else_may_have_been_said() {
    let doubtful = Heard {
        mean_log_probability: -2.0,
        log_probability: -6.0,
        judged: 3,
        alternatives: vec![(vec![0, 2], -6.5)],
        ..heard(&[0, 1])
    };
    let mut listener = listener(OPTIONS);
    speak(&mut listener, 600);
    pause(&mut listener, 80);
    let (_, covers) = ordered(&mut listener);
    listener.decoded(&doubtful, covers);
    listener.stop();
    assert_eq!(transcript(&mut listener), Transcript { language: Some(0), ..Transcript::default() });
}

#[test]
fn audio_that_ends_without_a_pause_is_listened_to_for_alternatives() {
    for (options, again) in [(OPTIONS, true), (ListenerOptions { alternatives: false, ..OPTIONS }, false)] {
        let mut listener = listener(options);
        speak(&mut listener, 600);
        let (order, covers) = ordered(&mut listener);
        assert!(!order.task.alternatives);
        listener.decoded(&heard(&[0, 1]), covers);
        listener.stop();
        if again {
            let (order, covers) = ordered(&mut listener);
            assert_eq!((order.purpose, order.task.alternatives), (Purpose::Final, true));
            listener.decoded(&heard(&[0, 1]), covers);
        }
        assert_eq!(transcript(&mut listener).text, "turn on");
    }
}
