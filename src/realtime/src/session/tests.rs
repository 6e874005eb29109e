//! A session's events in their order, without ears, voices or time.

mod any_order;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use vesta_intents::Dictionary;
use vesta_turn::{Settings, TurnEvent};

use super::{Effect, House, LONGEST_MS, Sentence, Session, Understood};
use crate::format::AudioFormat;
use crate::ports::{Playback, Played, SessionStart};

struct Bench {
    session: Session,
    settings: Settings,
    numbers: Dictionary,
    /// Effects other than events.
    others: Vec<Effect>,
    now_ms: u64,
}

impl Bench {
    fn new() -> Self {
        Self::with(false, Value::Null)
    }

    fn with(beside: bool, session: Value) -> Self {
        let settings = Settings::default();
        let numbers = Dictionary::load(&[("en.yaml", "language: en\n")]).unwrap();
        let start = SessionStart {
            speaker: vesta_turn::Speaker { person: Some("p".to_owned()), keep_audio: None },
            language: None,
            area: None,
            source: "realtime".to_owned(),
            model: "gpt-realtime".to_owned(),
            session,
            permissions: vesta_turn::Permissions::default(),
            revoked: CancellationToken::new(),
        };
        let house = House { settings: &settings, numbers: &numbers };
        let session = Session::new(&start, "t", 1_000, beside, house).unwrap();
        let mut bench = Self { session, settings, numbers, others: Vec::new(), now_ms: 0 };
        assert_eq!(bench.kinds(), ["session.created"]);
        bench.others.clear();
        bench
    }

    fn push_to_talk() -> Self {
        let mut bench = Self::new();
        bench.client(json!({ "type": "session.update", "session": { "type": "realtime", "audio": { "input": {
            "turn_detection": null, "transcription": { "model": "whisper-1" },
        } } } }));
        assert_eq!(bench.kinds(), ["session.updated"]);
        bench.others.clear();
        bench
    }

    /// Sends an event; what follows is in `kinds` or `events`.
    fn client(&mut self, event: Value) {
        let house = House { settings: &self.settings, numbers: &self.numbers };
        self.session.client_event(&event.to_string(), self.now_ms, house);
    }

    fn ear(&mut self, event: TurnEvent) {
        let house = House { settings: &self.settings, numbers: &self.numbers };
        self.session.ear_event(event, self.now_ms, house);
    }

    fn turn(&mut self, response: &str, event: TurnEvent) {
        self.session.response_event(response, event, self.now_ms);
    }

    fn heard(&mut self, item: &str, text: &str) {
        let understood = Understood { text: Ok(text.to_owned()), samples: vec![0; 16_000] };
        self.session.transcribed(item, understood, self.now_ms);
    }

    fn events(&mut self) -> Vec<Value> {
        let mut events = Vec::new();
        while let Some(effect) = self.session.effect() {
            match effect {
                Effect::Send(event) => events.push(event),
                other => self.others.push(other),
            }
        }
        for event in &events {
            assert!(event["event_id"].as_str().is_some_and(|id| id.starts_with("event_")), "{event}");
        }
        events
    }

    fn kinds(&mut self) -> Vec<String> {
        self.events().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }

    fn error(&mut self) -> Value {
        let events = self.events();
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(events[0]["type"], "error");
        events[0]["error"].clone()
    }

    /// The response that has to be answered now, with its text.
    fn wanted_answer(&mut self) -> (String, String) {
        let answered = self.others.drain(..).find_map(|effect| match effect {
            Effect::Answer { response, text, .. } => Some((response, text)),
            _ => None,
        });
        answered.expect("an answer is wanted")
    }

    fn say(&mut self, response: &str, text: &str, milliseconds: usize) {
        let turn = "turn".to_owned();
        self.turn(response, TurnEvent::Transcript { turn: turn.clone(), text: String::new(), after_ms: None });
        self.turn(response, TurnEvent::Say { turn: turn.clone(), text: text.to_owned() });
        self.turn(response, TurnEvent::Audio { turn, rate: 24_000, samples: vec![7; milliseconds * 24] });
    }

    fn finished(&mut self, response: &str) {
        self.turn(response, TurnEvent::Finished { turn: "turn".to_owned(), outcome: "done" });
    }

    fn type_in(&mut self, text: &str) {
        self.client(json!({ "type": "conversation.item.create", "item": {
            "type": "message", "role": "user", "content": [{ "type": "input_text", "text": text }],
        } }));
    }
}

fn speech(milliseconds: usize) -> Value {
    let audio = AudioFormat::Pcm.write(&vec![100; milliseconds * 24]);
    json!({ "type": "input_audio_buffer.append", "audio": audio })
}

const SPOKEN: [&str; 11] = [
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
];

#[test]
fn a_session_begins_with_the_schemas_defaults() {
    let mut bench = Bench::new();
    bench.client(json!({ "type": "session.update", "session": { "type": "realtime" } }));
    let session = bench.events().remove(0)["session"].clone();
    assert_eq!(session["model"], "gpt-realtime");
    assert_eq!(session["expires_at"], 1_000 + 3_600);
    assert_eq!(session["output_modalities"], json!(["audio"]));
    assert_eq!(session["audio"]["input"]["format"], json!({ "type": "audio/pcm", "rate": 24_000 }));
    assert_eq!(
        session["audio"]["input"]["turn_detection"],
        json!({
            "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
            "idle_timeout_ms": null, "create_response": true, "interrupt_response": true,
        })
    );
    assert_eq!(session["tool_choice"], "auto");
}

#[test]
fn an_update_that_is_wrong_changes_nothing() {
    let mut bench = Bench::new();
    let wrong = json!({ "type": "session.update", "event_id": "mine", "session": {
        "type": "realtime", "instructions": "be brief", "audio": { "output": { "format": { "type": "audio/mp3" } } },
    } });
    bench.client(wrong);
    let error = bench.error();
    assert_eq!(error["param"], "session.audio.output.format.type");
    assert_eq!((error["event_id"].as_str(), error["code"].as_str()), (Some("mine"), Some("invalid_value")));
    bench.client(json!({ "type": "session.update", "session": { "type": "realtime" } }));
    assert_eq!(bench.events()[0]["session"]["instructions"], "");
}

#[test]
fn a_typed_turn_is_told_in_the_published_order() {
    let mut bench = Bench::new();
    bench.type_in("turn on the light");
    assert_eq!(bench.kinds(), ["conversation.item.added", "conversation.item.done"]);
    bench.client(json!({ "type": "response.create" }));
    assert_eq!(bench.kinds(), ["response.created", "rate_limits.updated"]);
    let (response, text) = bench.wanted_answer();
    assert_eq!(text, "turn on the light");
    bench.say(&response, "The light is on.", 150);
    bench.finished(&response);
    let events = bench.events();
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, SPOKEN);
    let done = &events[10]["response"];
    assert_eq!(done["status"], "completed");
    assert_eq!(done["output"][0]["content"], json!([{ "type": "output_audio", "transcript": "The light is on." }]));
    assert_eq!(done["metadata"], json!({ "vesta_turn": "turn", "vesta_outcome": "done" }));
    for event in &events[..10] {
        assert!(
            event["response_id"] == response.as_str() || event["type"].as_str().unwrap().starts_with("conversation")
        );
    }
}

#[test]
fn a_response_in_writing_has_text_parts_and_no_audio() {
    let mut bench = Bench::new();
    bench.type_in("hello");
    bench.client(json!({ "type": "response.create", "response": {
        "output_modalities": ["text"], "conversation": "none", "metadata": { "mine": "1" },
    } }));
    let created = bench.events().into_iter().find(|event| event["type"] == "response.created").unwrap();
    assert_eq!(created["response"]["conversation_id"], Value::Null);
    let (response, _) = bench.wanted_answer();
    bench.turn(&response, TurnEvent::Say { turn: "t".to_owned(), text: "Hi.".to_owned() });
    bench.finished(&response);
    let events = bench.events();
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.done"
        ]
    );
    assert_eq!(events[6]["response"]["metadata"]["mine"], "1");
    bench.client(json!({ "type": "conversation.item.retrieve", "item_id": events[0]["item"]["id"] }));
    assert_eq!(bench.error()["code"], "item_retrieve_invalid_item_id", "it is beside the conversation");
}

#[test]
fn push_to_talk_commits_transcribes_and_answers() {
    let mut bench = Bench::push_to_talk();
    bench.client(json!({ "type": "input_audio_buffer.commit" }));
    assert_eq!(bench.error()["code"], "input_audio_buffer_commit_empty");
    bench.client(speech(500));
    bench.ear(TurnEvent::SpeechStarted { turn: "a".to_owned(), at_ms: 0 });
    bench.ear(TurnEvent::Partial { turn: "a".to_owned(), text: "turn on".to_owned() });
    bench.client(json!({ "type": "input_audio_buffer.commit" }));
    bench.client(json!({ "type": "response.create" }));
    let events = bench.events();
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "conversation.item.input_audio_transcription.delta",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "rate_limits.updated"
        ]
    );
    let item = events[1]["item_id"].as_str().unwrap().to_owned();
    assert_eq!(events[0]["item_id"], item.as_str());
    assert!(matches!(bench.others.last(), Some(Effect::Commit)));
    bench.ear(TurnEvent::SpeechEnded { turn: "a".to_owned(), speech_end_ms: 500, at_ms: 500, reason: "client" });
    bench.heard(&item, "turn on the light");
    let events = bench.events();
    assert_eq!(events[0]["delta"], " the light");
    assert_eq!(events[1]["type"], "conversation.item.input_audio_transcription.completed");
    assert_eq!(events[1]["usage"], json!({ "type": "duration", "seconds": 1.0 }));
    assert_eq!(bench.wanted_answer().1, "turn on the light");
    bench.client(json!({ "type": "conversation.item.retrieve", "item_id": item }));
    let retrieved = bench.events().remove(0);
    assert_eq!(retrieved["item"]["content"][0]["transcript"], "turn on the light");
    assert_eq!(retrieved["item"]["content"][0]["audio"].as_str().unwrap().len(), 64_000, "a second of 24 kHz");
}

#[test]
fn what_must_be_done_once_keeps_its_id_up_to_the_answer() {
    let once = |bench: &mut Bench| {
        let found = bench.others.drain(..).find_map(|effect| match effect {
            Effect::Answer { once, .. } => Some(once),
            _ => None,
        });
        found.expect("an answer is wanted")
    };
    let mut bench = Bench::push_to_talk();
    let commit = |id: Value| json!({ "type": "input_audio_buffer.commit", "vesta_request_id": id });
    bench.client(speech(500));
    for wrong in [json!(""), json!("x".repeat(65)), json!(7)] {
        bench.client(commit(wrong));
        assert_eq!(bench.error()["param"], "vesta_request_id");
    }
    bench.client(commit(json!("mine")));
    let item = bench.events()[0]["item_id"].as_str().unwrap().to_owned();
    bench.client(json!({ "type": "response.create" }));
    bench.heard(&item, "turn on the light");
    bench.kinds();
    assert_eq!(once(&mut bench).as_deref(), Some("mine"));
    bench.client(json!({ "type": "response.cancel" }));

    // The next utterance is another one.
    bench.client(speech(500));
    bench.client(json!({ "type": "input_audio_buffer.commit" }));
    let item = bench.events().iter().find(|event| event["type"] == "input_audio_buffer.committed").unwrap()["item_id"]
        .as_str()
        .unwrap()
        .to_owned();
    bench.client(json!({ "type": "response.create" }));
    bench.heard(&item, "turn off the light");
    bench.kinds();
    assert_eq!(once(&mut bench), None);

    // Hands-free: the ear says which item it is.
    let mut bench = Bench::new();
    bench.client(speech(500));
    bench.client(commit(json!("other")));
    bench.ear(TurnEvent::SpeechStarted { turn: "a".to_owned(), at_ms: 0 });
    bench.ear(TurnEvent::SpeechEnded { turn: "a".to_owned(), speech_end_ms: 400, at_ms: 400, reason: "client" });
    let item = bench.session.item_of("a").unwrap();
    bench.client(json!({ "type": "response.create" }));
    bench.heard(&item, "turn on the light");
    bench.kinds();
    assert_eq!(once(&mut bench).as_deref(), Some("other"));
}

#[test]
fn audio_that_was_cleared_is_never_answered() {
    let mut bench = Bench::push_to_talk();
    bench.client(speech(500));
    bench.client(json!({ "type": "input_audio_buffer.clear" }));
    assert_eq!(bench.kinds(), ["input_audio_buffer.cleared"]);
    bench.client(speech(200));
    bench.client(json!({ "type": "input_audio_buffer.commit" }));
    let item = bench.events()[0]["item_id"].as_str().unwrap().to_owned();
    // The ear is behind: it hears the cleared audio first.
    bench.ear(TurnEvent::SpeechStarted { turn: "cleared".to_owned(), at_ms: 0 });
    bench.ear(TurnEvent::SpeechStarted { turn: "kept".to_owned(), at_ms: 500 });
    assert_eq!(bench.session.item_of("kept"), Some(item));
}

#[test]
fn an_utterance_found_by_the_ear_is_answered_by_itself() {
    let mut bench = Bench::new();
    bench.client(speech(2_000));
    bench.ear(TurnEvent::SpeechStarted { turn: "a".to_owned(), at_ms: 900 });
    let started = bench.events().remove(0);
    assert_eq!(
        (&started["type"], &started["audio_start_ms"]),
        (&json!("input_audio_buffer.speech_started"), &json!(600))
    );
    bench.ear(TurnEvent::SpeechEnded { turn: "a".to_owned(), speech_end_ms: 1_500, at_ms: 2_000, reason: "complete" });
    let events = bench.events();
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "rate_limits.updated"
        ]
    );
    assert_eq!(events[0]["audio_end_ms"], 2_000);
    let item = started["item_id"].as_str().unwrap();
    assert!(events[..2].iter().all(|event| event["item_id"] == item));
    bench.heard(item, "stop");
    assert_eq!(bench.kinds(), Vec::<String>::new(), "nobody asked for a transcript");
    assert_eq!(bench.wanted_answer().1, "stop");
}

#[test]
fn speaking_over_an_answer_cancels_it_and_the_history_keeps_what_was_heard() {
    let mut bench = Bench::new();
    bench.type_in("what time is it");
    bench.client(json!({ "type": "response.create" }));
    bench.kinds();
    let (response, _) = bench.wanted_answer();
    bench.say(&response, "It is half past nine in the evening.", 2_000);
    let item = bench.events()[0]["item"]["id"].as_str().unwrap().to_owned();
    bench.ear(TurnEvent::SpeechStarted { turn: "a".to_owned(), at_ms: 0 });
    let events = bench.events();
    let done = events.last().unwrap();
    assert_eq!(done["response"]["status"], "cancelled");
    assert_eq!(done["response"]["status_details"], json!({ "type": "cancelled", "reason": "turn_detected" }));
    assert_eq!(done["response"]["output"][0]["status"], "incomplete");
    assert!(matches!(bench.others.pop(), Some(Effect::Cancel { .. })));
    let truncate = |ms: u64| {
        json!({
            "type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": ms,
        })
    };
    bench.client(truncate(60_000));
    assert_eq!(bench.error()["param"], "audio_end_ms");
    bench.client(truncate(1_000));
    assert_eq!(bench.kinds(), ["conversation.item.truncated"]);
    bench.client(json!({ "type": "conversation.item.retrieve", "item_id": item }));
    assert_eq!(bench.events()[0]["item"]["content"][0]["transcript"], "It is half past");
    // What the turn still tells goes nowhere.
    bench.finished(&response);
    assert_eq!(bench.kinds(), Vec::<String>::new());
}

#[test]
fn a_message_that_is_cut_while_it_is_said_stays_cut() {
    let mut bench = Bench::new();
    bench.type_in("what time is it");
    bench.client(json!({ "type": "response.create" }));
    bench.kinds();
    let (response, _) = bench.wanted_answer();
    bench.say(&response, "It is half past nine in the evening.", 2_000);
    let item = bench.events()[0]["item"]["id"].as_str().unwrap().to_owned();
    bench.client(json!({
        "type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": 1_000,
    }));
    assert_eq!(bench.kinds(), ["conversation.item.truncated"]);
    bench.finished(&response);
    bench.kinds();
    bench.client(json!({ "type": "conversation.item.retrieve", "item_id": item }));
    assert_eq!(bench.events()[0]["item"]["content"][0]["transcript"], "It is half past");
}

#[test]
fn only_one_response_speaks_in_the_conversation() {
    let mut bench = Bench::new();
    bench.type_in("hello");
    bench.client(json!({ "type": "response.create" }));
    bench.kinds();
    bench.client(json!({ "type": "response.create", "event_id": "second" }));
    let error = bench.error();
    assert_eq!(error["code"], "conversation_already_has_active_response");
    assert_eq!(error["event_id"], "second");
    bench.client(json!({ "type": "response.cancel" }));
    let done = bench.events().pop().unwrap();
    assert_eq!(done["response"]["status_details"]["reason"], "client_cancelled");
    bench.client(json!({ "type": "response.cancel" }));
    assert_eq!(bench.error()["code"], "response_cancel_not_active");
}

#[test]
fn a_tool_of_the_client_is_called_and_its_output_is_said() {
    let mut bench = Bench::new();
    bench.client(json!({ "type": "session.update", "session": { "type": "realtime", "tools": [{
        "type": "function", "name": "ring_bell", "description": "\"ring the bell [in the] {room}\"",
        "parameters": { "type": "object", "properties": { "room": { "type": "string", "enum": ["kitchen", "hall"] } },
            "required": ["room"] },
    }] } }));
    bench.type_in("ring the bell in the kitchen");
    bench.kinds();
    bench.client(json!({ "type": "response.create" }));
    let events = bench.events();
    let kinds: Vec<&str> = events.iter().skip(2).map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "response.output_item.added",
            "conversation.item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done"
        ]
    );
    let call = &events[5];
    assert_eq!((&call["name"], &call["arguments"]), (&json!("ring_bell"), &json!(r#"{"room":"kitchen"}"#)));
    assert!(bench.others.iter().any(|effect| matches!(effect, Effect::HandOver { .. })));
    bench.client(json!({ "type": "conversation.item.create", "item": {
        "type": "function_call_output", "call_id": call["call_id"], "output": "The bell rang.",
    } }));
    bench.client(json!({ "type": "response.create" }));
    bench.kinds();
    let said = bench.others.pop();
    let Some(Effect::Say { sentence, .. }) = said else { panic!("nothing is said: {said:?}") };
    assert_eq!(sentence, Sentence::Words("The bell rang.".to_owned()));
}

#[test]
fn silence_beside_the_events_cuts_the_history_too() {
    let mut bench = Bench::with(true, json!({ "type": "realtime", "audio": { "input": { "turn_detection": null } } }));
    bench.type_in("what time is it");
    bench.client(json!({ "type": "response.create" }));
    bench.kinds();
    let (response, _) = bench.wanted_answer();
    bench.say(&response, "It is half past nine in the evening.", 2_000);
    bench.finished(&response);
    let kinds = bench.kinds();
    assert!(!kinds.contains(&"response.output_audio.delta".to_owned()), "audio is beside the events");
    assert!(matches!(&bench.others[..], [Effect::Play(Playback::Audio { .. }), Effect::Play(Playback::End { .. })]));
    bench.session.played(Played::Started { response: response.clone() }, 0);
    bench.client(json!({ "type": "output_audio_buffer.clear" }));
    assert!(matches!(bench.others.last(), Some(Effect::Play(Playback::End { .. }))));
    assert_eq!(bench.kinds(), ["output_audio_buffer.started"]);
    assert!(matches!(bench.others.last(), Some(Effect::Play(Playback::Clear))));
    bench.session.played(Played::Cleared { response, played_ms: 1_000 }, 0);
    assert_eq!(bench.kinds(), ["output_audio_buffer.cleared", "conversation.item.truncated"]);
}

#[test]
fn a_muted_track_is_not_recognised_and_what_nobody_committed_is_forgotten() {
    let mut bench = Bench::with(true, json!({ "type": "realtime", "audio": { "input": { "turn_detection": null } } }));
    for _ in 0..100 {
        bench.session.heard_beside(vec![3; 320]);
    }
    bench.kinds();
    assert!(bench.others.is_empty(), "nothing to recognise");
    bench.session.heard_beside(vec![500; 320]);
    bench.kinds();
    let heard: Vec<usize> = bench
        .others
        .drain(..)
        .map(|effect| match effect {
            Effect::Hear(samples) => samples.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(heard, [4_800, 320], "the beginning of the word, too");
    for _ in 0..3_000 {
        bench.session.heard_beside(vec![500; 320]);
    }
    bench.kinds();
    assert!(bench.others.drain(..).any(|effect| matches!(effect, Effect::Forget)));

    // Silence alone can be committed, and is answered without a word.
    bench.client(json!({ "type": "input_audio_buffer.clear" }));
    bench.session.heard_beside(vec![0; 16_000]);
    bench.client(json!({ "type": "input_audio_buffer.commit" }));
    bench.client(json!({ "type": "response.create" }));
    let kinds = bench.kinds();
    assert!(
        kinds.contains(&"input_audio_buffer.committed".to_owned()) && kinds.contains(&"response.created".to_owned())
    );
    assert_eq!(bench.wanted_answer().1, "");
}

#[test]
fn after_a_long_silence_the_house_asks() {
    let detection = json!({ "type": "server_vad", "idle_timeout_ms": 5_000 });
    let session = json!({ "type": "realtime", "audio": { "input": { "turn_detection": detection } } });
    let mut bench = Bench::with(false, session);
    assert_eq!(bench.session.deadline_ms(), LONGEST_MS, "nothing was answered yet");
    bench.type_in("hello");
    bench.client(json!({ "type": "response.create" }));
    bench.kinds();
    let (response, _) = bench.wanted_answer();
    bench.say(&response, "Hello.", 1_000);
    bench.finished(&response);
    bench.kinds();
    assert_eq!(bench.session.deadline_ms(), 6_000, "after what is played");
    bench.session.timeout(6_000);
    assert_eq!(
        bench.kinds(),
        [
            "input_audio_buffer.timeout_triggered",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "rate_limits.updated"
        ]
    );
    assert!(matches!(bench.others.pop(), Some(Effect::Say { sentence: Sentence::NothingHeard, .. })));
}

#[test]
fn a_session_ends_after_an_hour_and_says_so() {
    let mut bench = Bench::new();
    bench.session.timeout(LONGEST_MS);
    assert_eq!(bench.error()["code"], "session_expired");
    assert!(matches!(bench.others.pop(), Some(Effect::End)));
}

#[test]
fn a_transcription_session_answers_nothing() {
    let mut bench = Bench::with(
        false,
        json!({
            "type": "transcription", "audio": { "input": { "transcription": { "model": "whisper-1" } } },
        }),
    );
    bench.client(speech(1_000));
    bench.ear(TurnEvent::SpeechStarted { turn: "a".to_owned(), at_ms: 0 });
    let item = bench.events()[0]["item_id"].as_str().unwrap().to_owned();
    bench.ear(TurnEvent::SpeechEnded { turn: "a".to_owned(), speech_end_ms: 500, at_ms: 900, reason: "complete" });
    bench.heard(&item, "hello");
    let kinds = bench.kinds();
    assert_eq!(kinds.last().unwrap(), "conversation.item.input_audio_transcription.completed");
    assert!(!kinds.contains(&"response.created".to_owned()));
    bench.client(json!({ "type": "response.create" }));
    assert_eq!(bench.error()["type"], "invalid_request_error");
}

#[test]
fn a_client_that_has_gone_wrong_is_held_back() {
    let mut bench = Bench::new();
    bench.type_in("hello");
    for _ in 0..300 {
        bench.client(json!({ "type": "response.create" }));
        bench.client(json!({ "type": "response.cancel" }));
    }
    bench.kinds();
    bench.client(json!({ "type": "response.create" }));
    assert_eq!(bench.error()["code"], "rate_limit_exceeded");
    bench.now_ms = 60_000;
    bench.client(json!({ "type": "response.create" }));
    assert_eq!(bench.kinds()[0], "response.created");
}
