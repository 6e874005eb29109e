//! The typed events: each survives the way to the wire and back, and what makes no sense is named.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

use bytes::Bytes;
use serde_json::{Map, Value, json};
use vesta_wyoming::{
    Artifact, AsrModel, AsrProgram, AudioFormat, Event, Info, Message, Satellite, TtsProgram, TtsSpeaker, TtsVoice,
    Uri, Voice, WakeModel, WakeProgram,
};

fn event(kind: &str, data: Value) -> Event {
    let Value::Object(data) = data else { panic!("data must be an object") };
    Event { kind: kind.to_owned(), data, payload: Bytes::new() }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn info() -> Info {
    Info {
        asr: vec![AsrProgram {
            about: Artifact::installed("ears"),
            models: vec![AsrModel { about: Artifact::installed("tiny"), languages: vec!["en".to_owned()] }],
            supports_transcript_streaming: true,
            ..AsrProgram::default()
        }],
        tts: vec![TtsProgram {
            about: Artifact::installed("mouth"),
            voices: vec![TtsVoice {
                about: Artifact::installed("amy"),
                languages: vec!["en_GB".to_owned()],
                speakers: Some(vec![TtsSpeaker { name: "0".to_owned() }]),
            }],
            supports_synthesize_streaming: true,
        }],
        wake: vec![WakeProgram {
            about: Artifact::installed("wake"),
            models: vec![WakeModel {
                about: Artifact::installed("vesta"),
                languages: vec![],
                phrase: some("hey vesta"),
            }],
        }],
        satellite: Some(Box::new(Satellite { area: some("Kitchen"), has_vad: Some(true), ..Satellite::default() })),
        ..Info::default()
    }
}

fn one_of_each() -> Vec<Message> {
    let format = AudioFormat::SPEECH;
    let voice = Voice { name: some("amy"), language: None, speaker: some("3"), speed: Some(1.25) };
    vec![
        Message::Describe,
        Message::Info(info()),
        Message::SelectProgram { name: "ears".to_owned() },
        Message::Transcribe { name: some("tiny"), language: some("en") },
        Message::Transcribe { name: None, language: None },
        Message::AudioStart { format, timestamp: Some(0) },
        Message::AudioChunk { format, timestamp: None, audio: Bytes::from_static(b"\x01\x00\x02\x00") },
        Message::AudioStop { timestamp: Some(20) },
        Message::TranscriptStart { language: some("de") },
        Message::TranscriptChunk { text: "turn on".to_owned(), settled: Some(true), heard_ms: Some(640) },
        Message::TranscriptChunk { text: String::new(), settled: None, heard_ms: None },
        Message::TranscriptStop,
        Message::Transcript {
            text: "turn on the light".to_owned(),
            language: some("en"),
            extra: Map::from_iter([("context".to_owned(), json!({"id": 7}))]),
        },
        Message::Synthesize { text: "Done.".to_owned(), voice: Some(voice.clone()) },
        Message::SynthesizeStart { voice: None },
        Message::SynthesizeStart { voice: Some(voice) },
        Message::SynthesizeChunk { text: " The light".to_owned() },
        Message::SynthesizeStop,
        Message::SynthesizeStopped,
        Message::Detect { names: Some(vec!["vesta".to_owned()]) },
        Message::Detection { name: some("vesta"), timestamp: Some(123), speaker: None },
        Message::NotDetected,
        Message::VoiceStarted { timestamp: Some(5) },
        Message::VoiceStopped { timestamp: None },
        Message::Ping { text: some("hello") },
        Message::Pong { text: None },
        Message::Error { text: "no model".to_owned(), code: some("no_model") },
        Message::Played,
        Message::RunSatellite,
        Message::PauseSatellite,
        Message::StreamingStarted,
        Message::StreamingStopped,
        Message::SatelliteConnected,
        Message::SatelliteDisconnected,
        Message::RunPipeline {
            start_stage: "wake".to_owned(),
            end_stage: "tts".to_owned(),
            wake_word_name: None,
            restart_on_end: true,
            wake_word_names: Some(vec!["vesta".to_owned()]),
            announce_text: None,
        },
        Message::Unknown(event("timer-started", json!({"id": "1"}))),
    ]
}

#[test]
fn every_message_survives_the_way_to_an_event_and_back() {
    for message in one_of_each() {
        assert_eq!(Message::try_from(Event::from(message.clone())), Ok(message));
    }
}

#[test]
fn null_fields_are_as_good_as_absent_ones() {
    let detection = event("detection", json!({"name": null, "timestamp": null, "speaker": null}));
    assert_eq!(Message::try_from(detection), Ok(Message::Detection { name: None, timestamp: None, speaker: None }));
    let start = event("synthesize-start", json!({"voice": {}}));
    assert_eq!(Message::try_from(start), Ok(Message::SynthesizeStart { voice: None }));
}

#[test]
fn fields_that_make_no_sense_are_named() {
    let chunk = |rate: Value, width: u64| event("audio-chunk", json!({"rate": rate, "width": width, "channels": 1}));
    for (broken, expected) in [
        (event("transcript", json!({})), "\"text\" is missing"),
        (event("transcript", json!({"text": 5})), "\"text\" is 5, not a text"),
        (event("audio-start", json!({"width": 2, "channels": 1})), "\"rate\" is missing"),
        (chunk(json!(0), 2), "0 Hz"),
        (chunk(json!(16000), 9), "9 bytes"),
        (chunk(json!(-1), 2), "\"rate\" is -1"),
        (chunk(json!("16k"), 2), "\"rate\" is \"16k\""),
        (event("audio-stop", json!({"timestamp": -5})), "number of milliseconds"),
        (event("synthesize", json!({"text": "x", "voice": "amy"})), "not an object"),
        (event("synthesize", json!({"text": "x", "voice": {"speed": 0}})), "number above 0"),
        (event("detect", json!({"names": "vesta"})), "list of texts"),
        (event("info", json!({"asr": 5})), "malformed info"),
    ] {
        let error = Message::try_from(broken.clone()).unwrap_err();
        assert_eq!(error.kind, broken.kind);
        assert!(error.to_string().contains(expected), "{error} lacks {expected:?}");
    }
}

#[test]
fn an_info_of_few_words_is_enough() {
    let terse =
        event("info", json!({"asr": [{"name": "ears", "models": [{"name": "tiny", "languages": ["en"]}]}], "zzz": 1}));
    let Ok(Message::Info(info)) = Message::try_from(terse) else { panic!("not an info") };
    assert_eq!(info.asr[0].about.name, "ears");
    assert_eq!(info.asr[0].models[0].languages, ["en"]);
    assert!(info.asr[0].requires_external_vad && !info.asr[0].supports_transcript_streaming);
}

#[test]
fn samples_of_every_width_become_16_bit_mono() {
    let mono = |width, channels, bytes: &[u8]| AudioFormat { rate: 8000, width, channels }.to_mono(bytes);
    assert_eq!(mono(1, 1, &[128, 255, 0]), [0, 127 << 8, i16::MIN]);
    assert_eq!(mono(2, 1, &[0x34, 0x12, 0xff, 0xff, 0x77]), [0x1234, -1]);
    assert_eq!(mono(3, 1, &[0x99, 0x34, 0x12]), [0x1234]);
    assert_eq!(mono(4, 1, &[0, 0, 0x00, 0x80]), [i16::MIN]);
    assert_eq!(mono(2, 2, &[0xff, 0x7f, 0x01, 0x80]), [0]);
    assert_eq!(mono(2, 2, &[100, 0, 50, 0]), [75]);
    assert!(mono(0, 1, &[1, 2]).is_empty());
    assert_eq!(
        AudioFormat::SPEECH.to_mono(&AudioFormat::pcm16(&[i16::MIN, -1, 0, i16::MAX])),
        [i16::MIN, -1, 0, i16::MAX]
    );
    assert_eq!(AudioFormat::SPEECH.duration_ms(640), 20);
}

#[test]
fn addresses_are_read_and_written() {
    for text in ["tcp://localhost:10300", "tcp://127.0.0.1:0", "tcp://[::1]:9", "unix:///run/vesta/stt.sock"] {
        assert_eq!(text.parse::<Uri>().unwrap().to_string(), text);
    }
    assert_eq!("TCP://piper.local:10200/".parse::<Uri>().unwrap().to_string(), "tcp://piper.local:10200");
    assert_eq!(serde_json::from_value::<Uri>(json!("tcp://a:1")).unwrap(), Uri::Tcp { host: "a".to_owned(), port: 1 });
}

#[test]
fn a_text_that_is_no_address_says_what_to_write() {
    for (text, hint) in [
        ("", "tcp://host:10300"),
        ("localhost:10300", "write tcp://localhost:10300"),
        ("tcp://localhost", "the port is missing: write tcp://localhost:10300"),
        ("tcp://:10300", "the host is missing"),
        ("tcp://a b:1", "malformed"),
        ("tcp://host:http", "\"http\" is not a port"),
        ("tcp://host:70000", "from 1 to 65535"),
        ("tcp://::1:10300", "write tcp://[::1]:10300"),
        ("tcp://[::1]", "the port is missing"),
        ("http://host:1", "http:// is not spoken here"),
        ("unix://relative", "must be absolute"),
    ] {
        let error = text.parse::<Uri>().unwrap_err().to_string();
        assert!(error.contains(hint), "{error} lacks {hint:?}");
    }
}
