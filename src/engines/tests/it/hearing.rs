//! Speech to text, with workers that die.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use vesta_engines::{EngineKind, SpeechToText, SttEvent, SttOptions};
use vesta_wyoming::{Connection, Error, Message};

use crate::fake::{Fake, Heard, Manner, Server, info, kill, remote, transcript};

/// Samples that are all different from their neighbours: a lost, doubled or swapped block changes the sum.
fn audio(seconds: usize) -> Vec<i16> {
    (0..seconds * 16_000).map(|place| ((place * 7919) % 65_521) as u16 as i16).collect()
}

async fn final_text(events: &mut mpsc::Receiver<SttEvent>) -> String {
    loop {
        match events.recv().await.expect("an end") {
            SttEvent::Final { text, .. } => return text,
            SttEvent::Failed(error) => panic!("{error}"),
            SttEvent::Partial { .. } | SttEvent::Retrying { .. } => {}
        }
    }
}

#[tokio::test]
async fn partial_transcripts_grow_and_the_final_one_has_heard_everything() {
    let fake = Fake::new(EngineKind::Stt, Manner::Good);
    let stt = SpeechToText::new(fake.start());
    let samples = audio(1);
    let (mut input, mut events) = stt.open(SttOptions { language: Some("en".to_owned()), ..SttOptions::default() });
    input.audio(&samples).await;
    let mut heard = 0;
    while heard < 1000 {
        let Some(SttEvent::Partial { text, settled, heard_ms }) = events.recv().await else { panic!("no partial") };
        assert!(settled && heard_ms > heard);
        heard = heard_ms;
        assert_eq!(text.split_whitespace().count() as u64, heard_ms / 100);
    }
    input.finish().await;
    let Some(SttEvent::Final { text, language, .. }) = events.recv().await else { panic!("no transcript") };
    assert_eq!(text, transcript(&samples));
    assert_eq!(language.as_deref(), Some("en"));
    assert_eq!(events.recv().await, None);
    assert_eq!(stt.engine().sessions(), 0);
}

#[tokio::test]
async fn an_utterance_survives_twenty_killed_workers() {
    let fake = Fake::new(EngineKind::Stt, Manner::Good);
    let engine = fake.start();
    engine.ready().await.unwrap();
    let stt = SpeechToText::new(engine.clone());
    let samples = audio(3);
    let (mut input, mut events) = stt.open(SttOptions::default());
    let mut blocks = samples.chunks(2000);
    let mut retries = 0;
    for block in blocks.by_ref().take(20) {
        input.audio(block).await;
        loop {
            match events.recv().await.expect("an event") {
                SttEvent::Partial { .. } => break,
                SttEvent::Retrying { .. } => retries += 1,
                other => panic!("{other:?}"),
            }
        }
        kill(engine.pid().expect("a worker that has just answered"));
        // The loss is noticed, and the kept audio is on its way again, before the next block.
        let before = retries;
        while retries == before {
            if let SttEvent::Retrying { .. } = events.recv().await.expect("an event") {
                retries += 1;
            }
        }
    }
    for block in blocks {
        input.audio(block).await;
    }
    input.finish().await;
    assert_eq!(final_text(&mut events).await, transcript(&samples));
    assert_eq!(retries, 20);
    assert_eq!(fake.starts(), 21);
}

#[tokio::test]
async fn twenty_utterances_each_survive_a_kill_after_their_end() {
    let fake = Fake::new(EngineKind::Stt, Manner::Good);
    let engine = fake.start();
    let stt = SpeechToText::new(engine.clone());
    let samples = audio(1);
    for _ in 0..20 {
        engine.ready().await.unwrap();
        let (mut input, mut events) = stt.open(SttOptions::default());
        input.audio(&samples).await;
        assert!(matches!(events.recv().await, Some(SttEvent::Partial { .. })));
        kill(engine.pid().expect("a worker that has just answered"));
        input.finish().await;
        assert_eq!(final_text(&mut events).await, transcript(&samples));
    }
}

#[tokio::test]
async fn audio_that_kills_every_worker_is_given_up() {
    let fake = Fake::new(EngineKind::Stt, Manner::Poisoned);
    let stt = SpeechToText::new(fake.start());
    let options = SttOptions { retries: 2, ..SttOptions::default() };
    let error = stt.transcribe(&audio(1), options).await.unwrap_err();
    assert_eq!(error.code(), "stt_died");
    assert!(error.to_string().contains("failed 3 times"), "{error}");
}

#[tokio::test]
async fn a_worker_that_hangs_is_replaced_and_the_utterance_answered() {
    let fake = Fake::new(EngineKind::Stt, Manner::FirstHangs);
    let stt = SpeechToText::new(fake.start());
    let samples = audio(1);
    let (mut input, mut events) =
        stt.open(SttOptions { answer_deadline: Duration::from_millis(100), ..SttOptions::default() });
    input.audio(&samples).await;
    input.finish().await;
    assert_eq!(final_text(&mut events).await, transcript(&samples));
    assert_eq!(fake.starts(), 2);
}

#[tokio::test]
async fn audio_beyond_what_is_kept_is_heard_but_cannot_be_repeated() {
    let fake = Fake::new(EngineKind::Stt, Manner::Good);
    let engine = fake.start();
    let stt = SpeechToText::new(engine.clone());
    let samples = audio(4);
    let options = SttOptions { keep: Duration::from_secs(1), ..SttOptions::default() };
    assert_eq!(stt.transcribe(&samples, options.clone()).await.unwrap(), transcript(&samples));

    let (mut input, mut events) = stt.open(options);
    for block in samples.chunks(1600) {
        input.audio(block).await;
    }
    let mut heard = 0;
    while heard < 4000 {
        if let SttEvent::Partial { heard_ms, .. } = events.recv().await.expect("an event") {
            heard = heard_ms;
        }
    }
    kill(engine.pid().unwrap());
    let Some(SttEvent::Failed(error)) = events.recv().await else { panic!("no failure") };
    assert_eq!(error.code(), "stt_too_long");
}

/// A server of another make: only whole transcripts, and only after `transcribe` came first.
async fn plain(mut peer: Connection) -> Result<(), Error> {
    let mut heard = Heard::default();
    let mut asked = None;
    while let Some(message) = peer.recv().await? {
        match message {
            Message::Describe => peer.send(Message::Info(info(false))).await?,
            Message::Transcribe { language, .. } => asked = Some(language.unwrap_or_else(|| "auto".to_owned())),
            Message::AudioChunk { audio, .. } => heard.push(&audio),
            Message::AudioStop { .. } => {
                let text = format!("{} in {}", heard.text(), asked.take().expect("transcribe comes first"));
                peer.send(Message::transcript(text, None)).await?;
                return Ok(());
            }
            _ => {}
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_server_without_partial_transcripts_works() {
    let server = Server::start(None, plain).await;
    let cancel = CancellationToken::new();
    let stt = SpeechToText::new(remote(EngineKind::Stt, &server.uri, &cancel));
    let samples = audio(1);
    for (language, asked) in [(Some("de"), "de"), (Some("auto"), "auto"), (None, "auto")] {
        let options = SttOptions { language: language.map(str::to_owned), ..SttOptions::default() };
        let text = stt.transcribe(&samples, options).await.unwrap();
        assert_eq!(text, format!("{} in {asked}", transcript(&samples)));
    }
}

/// The last event of a transcription by a server that answers with these extra fields.
async fn final_with(extra: serde_json::Value) -> SttEvent {
    let server = Server::start(None, move |mut peer| {
        let extra = extra.as_object().cloned().unwrap_or_default();
        async move {
            while let Some(message) = peer.recv().await? {
                match message {
                    Message::Describe => peer.send(Message::Info(info(false))).await?,
                    Message::AudioStop { .. } => {
                        let (text, extra) = ("the light of".to_owned(), extra.clone());
                        peer.send(Message::Transcript { text, language: None, extra }).await?;
                    }
                    _ => {}
                }
            }
            Ok(())
        }
    })
    .await;
    let cancel = CancellationToken::new();
    let stt = SpeechToText::new(remote(EngineKind::Stt, &server.uri, &cancel));
    let (mut input, mut events) = stt.open(SttOptions::default());
    input.audio(&audio(1)).await;
    input.finish().await;
    events.recv().await.expect("an event")
}

#[tokio::test]
async fn what_else_may_have_been_said_is_passed_on_the_likeliest_first() {
    let event = final_with(serde_json::json!({
        "log_probability": -0.5, "sure": false,
        "alternatives": [{"text": "the lights off", "log_probability": -3}, {"text": " the light off ", "log_probability": -0.75}],
    }));
    let SttEvent::Final { text, log_probability, sure, alternatives, .. } = event.await else {
        panic!("no transcript")
    };
    assert_eq!((text.as_str(), log_probability, sure), ("the light of", Some(-0.5), Some(false)));
    let told: Vec<(&str, f64)> =
        alternatives.iter().map(|other| (other.text.as_str(), other.log_probability)).collect();
    assert_eq!(told, [("the light off", -0.75), ("the lights off", -3.0)]);
}

#[tokio::test]
async fn extra_fields_that_make_no_sense_do_no_harm() {
    let many = vec![serde_json::json!({"text": "word", "log_probability": -1.0}); 10_000];
    let senseless = [
        serde_json::json!({"log_probability": "high", "sure": 1, "alternatives": "none"}),
        serde_json::json!({"log_probability": 2.5, "alternatives": [1, null, {}, {"text": 3}, {"text": "a"}]}),
        serde_json::json!({"alternatives": [{"text": " ", "log_probability": -1}, {"text": "a", "log_probability": 7}]}),
        serde_json::json!({"alternatives": many}),
    ];
    for extra in senseless {
        let event = final_with(extra).await;
        let SttEvent::Final { text, log_probability, sure, alternatives, .. } = event else { panic!("no transcript") };
        assert_eq!((text.as_str(), log_probability, sure), ("the light of", None, None));
        assert!(alternatives.len() <= 64 && alternatives.iter().all(|other| other.text == "word"), "{alternatives:?}");
    }
}

#[tokio::test]
async fn an_engines_own_error_is_passed_on() {
    let server = Server::start(None, |mut peer| async move {
        while let Some(message) = peer.recv().await? {
            match message {
                Message::Describe => peer.send(Message::Info(info(false))).await?,
                Message::AudioStop { .. } => peer.send(Message::error("no-model", "load a model first")).await?,
                _ => {}
            }
        }
        Ok(())
    })
    .await;
    let cancel = CancellationToken::new();
    let stt = SpeechToText::new(remote(EngineKind::Stt, &server.uri, &cancel));
    let error = stt.transcribe(&audio(1), SttOptions::default()).await.unwrap_err();
    assert_eq!(error.code(), "stt_refused");
    assert!(error.to_string().contains("load a model first"), "{error}");
}

#[tokio::test]
async fn leaving_either_half_closes_the_connection_at_once() {
    let closed = Arc::new(Notify::new());
    let told = Arc::clone(&closed);
    let server = Server::start(None, move |mut peer| {
        let told = Arc::clone(&told);
        async move {
            let mut listening = false;
            while let Some(message) = peer.recv().await? {
                match message {
                    Message::Describe => peer.send(Message::Info(info(true))).await?,
                    Message::AudioChunk { .. } if !listening => {
                        listening = true;
                        let (text, heard_ms) = ("heard".to_owned(), Some(1));
                        peer.send(Message::TranscriptChunk { text, settled: None, heard_ms }).await?;
                    }
                    _ => {}
                }
            }
            if listening {
                told.notify_one();
            }
            Ok(())
        }
    })
    .await;
    let cancel = CancellationToken::new();
    let stt = SpeechToText::new(remote(EngineKind::Stt, &server.uri, &cancel));

    let (mut input, mut events) = stt.open(SttOptions::default());
    input.audio(&[1; 320]).await;
    events.recv().await.expect("it listens");
    drop(input);
    closed.notified().await;
    assert_eq!(events.recv().await, None);

    let (mut input, mut events) = stt.open(SttOptions::default());
    input.audio(&[1; 320]).await;
    events.recv().await.expect("it listens");
    drop(events);
    closed.notified().await;
}
