//! Servers built on the reference implementation, the PyPI package `wyoming`, as other people's speech engines are.

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;
use vesta_engines::{
    Engine, EngineKind, EngineSpec, EngineState, Source, SpeakOptions, SpeechToText, SttOptions, TextToSpeech,
    WorkerCommand,
};

use crate::fake::{kill, remote, speech, transcript, until};

/// The Python with the package, as `script/setup --tests` installs it; a machine without one skips these tests.
fn python() -> Option<PathBuf> {
    let cache = std::env::var_os("VESTA_CACHE").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/vesta"));
    let python = cache.or_else(home)?.join("python-peers/bin/python");
    if !python.is_file() {
        eprintln!("skipped: there is no Python with the package wyoming (script/setup --tests installs it)");
        return None;
    }
    Some(python)
}

/// The peer as a worker of its own, which is how the test finds out where it listens.
async fn start(streaming: bool, cancel: &CancellationToken) -> Option<(Engine, vesta_wyoming::Uri)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/peer.py");
    let mut args = vec![script.into_os_string()];
    args.extend(streaming.then(|| "streaming".into()));
    let command = WorkerCommand { program: python()?, args, env: Vec::new() };
    let engine = Engine::start(EngineSpec::new(EngineKind::Stt, "peer", Source::Local(command)), cancel);
    let EngineState::Ready { uri, .. } =
        until(&mut engine.state(), |state| !matches!(state, EngineState::Starting)).await
    else {
        panic!("{:?}", engine.ready().await);
    };
    Some((engine, uri))
}

#[tokio::test]
async fn speech_is_heard_by_the_reference_implementation() {
    let cancel = CancellationToken::new();
    let Some((_peer, uri)) = start(false, &cancel).await else { return };
    let engine = remote(EngineKind::Stt, &uri, &cancel);
    let ready = engine.ready().await.unwrap();
    assert_eq!(ready.languages, ["de", "en"]);
    assert!(!ready.streams_transcripts());
    let stt = SpeechToText::new(engine);
    let samples: Vec<i16> = (0..16_000).map(|place| (place % 4001) as i16 - 2000).collect();
    for (language, heard) in [(Some("de"), "de"), (Some("auto"), "None"), (None, "None")] {
        let options = SttOptions { language: language.map(str::to_owned), ..SttOptions::default() };
        let text = stt.transcribe(&samples, options).await.unwrap();
        assert_eq!(text, format!("{} in {heard}", transcript(&samples)));
    }
}

#[tokio::test]
async fn text_is_spoken_by_the_reference_implementation_whole_and_streamed() {
    let cancel = CancellationToken::new();
    for streaming in [false, true] {
        let Some((_peer, uri)) = start(streaming, &cancel).await else { return };
        let engine = remote(EngineKind::Tts, &uri, &cancel);
        assert_eq!(engine.ready().await.unwrap().streams_speech(), streaming);
        let tts = TextToSpeech::new(engine);
        let chunks = tts.say("The light is on. Grüße!", SpeakOptions::default()).await.unwrap();
        let spoken: Vec<i16> = chunks.into_iter().flat_map(|chunk| chunk.samples).collect();
        let expected = match streaming {
            true => speech("The light is on. Grüße!"),
            false => [speech("The light is on."), speech("Grüße!")].concat(),
        };
        assert_eq!(spoken, expected, "streaming: {streaming}");
    }
}

#[tokio::test]
async fn a_killed_reference_server_is_started_again_and_the_utterance_answered() {
    let cancel = CancellationToken::new();
    let Some((peer, _)) = start(false, &cancel).await else { return };
    let stt = SpeechToText::new(peer.clone());
    let samples = [7; 16_000];
    let (mut input, mut events) = stt.open(SttOptions::default());
    input.audio(&samples).await;
    kill(peer.pid().unwrap());
    input.finish().await;
    while let Some(event) = events.recv().await {
        if let vesta_engines::SttEvent::Final { text, .. } = event {
            assert_eq!(text, format!("{} in None", transcript(&samples)));
            assert_eq!(peer.restarts(), 1);
            return;
        }
    }
    panic!("no transcript");
}
