//! Start, failure, restart, stop.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use vesta_engines::{Engine, EngineKind, EngineSpec, EngineState, Source, SpeechToText, SttOptions, WorkerCommand};

use crate::fake::{Fake, Manner, Server, info, kill_and_wait, lives, remote, until};
use vesta_wyoming::Message;

#[tokio::test]
async fn a_worker_becomes_ready_and_says_what_it_is() {
    let fake = Fake::new(EngineKind::Stt, Manner::Good);
    let engine = fake.start();
    let ready = engine.ready().await.unwrap();
    assert_eq!(ready.model.as_deref(), Some("none"));
    assert_eq!(ready.languages, ["en"]);
    assert!(ready.streams_transcripts() && ready.streams_speech());
    assert_eq!((engine.restarts(), engine.sessions()), (0, 0));
    assert_eq!(engine.state().borrow().name(), "ready");
}

#[tokio::test]
async fn a_worker_that_cannot_start_is_reported_with_its_last_words_and_tried_again() {
    let mut fake = Fake::new(EngineKind::Stt, Manner::Broken);
    fake.spec.backoff.first = Duration::from_millis(1);
    let engine = fake.start();
    let mut state = engine.state();
    let failed = until(&mut state, |state| matches!(state, EngineState::Failed { attempts: 3, .. })).await;
    let EngineState::Failed { why, stderr_tail, .. } = failed else { unreachable!() };
    assert!(why.contains("ended before it was ready"), "{why}");
    assert_eq!(stderr_tail.len(), 20);
    assert!(stderr_tail.iter().any(|line| line == "cannot open the model"), "{stderr_tail:?}");
    assert!(fake.starts() >= 3);
    let error = engine.ready().await.unwrap_err();
    assert_eq!(error.code(), "stt_unavailable");
    assert!(error.to_string().contains("cannot open the model"), "{error}");
}

#[tokio::test]
async fn a_request_to_a_worker_that_cannot_start_fails_soon_and_says_why() {
    let fake = Fake::new(EngineKind::Stt, Manner::Broken);
    let stt = SpeechToText::new(fake.start());
    let error = stt.transcribe(&[0; 320], SttOptions::default()).await.unwrap_err();
    assert_eq!(error.code(), "stt_unavailable");
    assert!(error.stderr_tail().iter().any(|line| line == "cannot open the model"), "{error}");
}

#[tokio::test]
async fn a_worker_that_never_gets_ready_is_given_up_at_the_deadline() {
    let mut fake = Fake::new(EngineKind::Tts, Manner::Silent);
    fake.spec.ready_deadline = Duration::from_millis(300);
    let engine = fake.start();
    let error = engine.ready().await.unwrap_err().to_string();
    assert!(error.contains("did not say that it is ready within 300ms"), "{error}");
}

#[tokio::test]
async fn a_missing_program_is_said_with_what_to_do() {
    let cancel = CancellationToken::new();
    let spec = EngineSpec::new(EngineKind::Stt, "stt", Source::Missing("build it with cargo".to_owned()));
    let engine = Engine::start(spec, &cancel);
    let stt = SpeechToText::new(engine.clone());
    let error = stt.transcribe(&[0; 320], SttOptions::default()).await.unwrap_err();
    assert_eq!(error.code(), "stt_unavailable");
    assert!(error.to_string().contains("build it with cargo"), "{error}");
    engine.stop().await;

    let command = WorkerCommand { program: "/nowhere/vesta-stt".into(), ..WorkerCommand::default() };
    let engine = Engine::start(EngineSpec::new(EngineKind::Stt, "stt", Source::Local(command)), &cancel);
    let error = engine.ready().await.unwrap_err().to_string();
    assert!(error.contains("cannot start /nowhere/vesta-stt"), "{error}");
}

#[tokio::test]
async fn a_killed_worker_is_replaced_twenty_times() {
    let fake = Fake::new(EngineKind::Stt, Manner::Good);
    let engine = fake.start();
    for _ in 0..20 {
        kill_and_wait(&engine).await;
    }
    assert_eq!(engine.restarts(), 20);
    assert_eq!(fake.starts(), 21);
}

#[tokio::test]
async fn a_stopped_worker_is_gone() {
    for manner in [Manner::Good, Manner::Stubborn] {
        let mut fake = Fake::new(EngineKind::Stt, manner);
        fake.spec.stop_grace = Duration::from_millis(if manner == Manner::Good { 60_000 } else { 50 });
        let engine = fake.start();
        engine.ready().await.unwrap();
        let pid = engine.pid().unwrap();
        assert!(lives(pid));
        engine.stop().await;
        assert!(!lives(pid), "{manner:?}");
        assert_eq!(engine.state().borrow().name(), "stopped");
        assert_eq!(engine.pid(), None);
        assert_eq!(engine.ready().await.unwrap_err().code(), "stt_unavailable");
    }
}

#[tokio::test]
async fn cancelling_the_program_stops_the_worker_in_order() {
    let fake = Fake::new(EngineKind::Stt, Manner::Good);
    let engine = fake.start();
    engine.ready().await.unwrap();
    let pid = engine.pid().unwrap();
    fake.cancel.cancel();
    let mut state = engine.state();
    until(&mut state, |state| matches!(state, EngineState::Stopped)).await;
    assert!(!lives(pid));
}

#[tokio::test]
async fn a_server_that_goes_and_comes_back_is_found_again() {
    let describe = |mut peer: vesta_wyoming::Connection| async move {
        while let Some(message) = peer.recv().await? {
            if message == Message::Describe {
                peer.send(Message::Info(info(false))).await?;
            }
        }
        Ok(())
    };
    let cancel = CancellationToken::new();
    let server = Server::start(None, describe).await;
    let uri = server.uri.clone();
    let engine = remote(EngineKind::Stt, &uri, &cancel);
    let ready = engine.ready().await.unwrap();
    assert_eq!(ready.languages, ["en"]);
    assert!(!ready.streams_transcripts());

    server.stop().await;
    let mut state = engine.state();
    let failed = until(&mut state, |state| matches!(state, EngineState::Failed { .. })).await;
    let EngineState::Failed { why, .. } = failed else { unreachable!() };
    assert!(why.contains(&uri.to_string()), "{why}");

    let _server = Server::start(Some(&uri), describe).await;
    engine.retry_now();
    until(&mut state, EngineState::is_ready).await;
    assert!(engine.restarts() >= 1);
}
