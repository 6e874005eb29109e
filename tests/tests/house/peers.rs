//! The reference implementation of the Wyoming protocol (PyPI `wyoming`), as client and as server.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use vesta_tests::client::Listen;
use vesta_tests::program;
use vesta_tests::server::{Server, Start};
use vesta_tests::speech::speak;

/// The Python that script/setup --tests gave the package to.
fn python() -> PathBuf {
    let cache = std::env::var_os("VESTA_CACHE").map(PathBuf::from).or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        Some(cache.unwrap_or(std::env::home_dir()?.join(".cache")).join("vesta"))
    });
    let python = cache.unwrap().join("python-peers/bin/python");
    assert!(python.is_file(), "{} is missing; run: script/setup --tests", python.display());
    python
}

fn script(name: &str) -> PathBuf {
    program::root().join("tests/peers").join(name)
}

async fn run(arguments: &[&str], script_name: &str) -> Value {
    let output = program::run(Command::new(python()).arg(script(script_name)).args(arguments)).await;
    assert_eq!(output.code, Some(0), "{output:#?}");
    serde_json::from_str(output.stdout.trim()).unwrap()
}

async fn uri(server: &Server, engine: &str) -> String {
    let status = server.get("/api/status").await;
    let engines = status["engines"].as_array().unwrap();
    engines.iter().find(|entry| entry["name"] == engine).unwrap()["detail"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_client_drives_both_workers() {
    let server = Server::with_demo_home().await;
    let folder = tempfile::tempdir().unwrap();
    let pcm = folder.path().join("heard.pcm");
    let bytes: Vec<u8> = speak("turn on the kitchen light").iter().flat_map(|sample| sample.to_le_bytes()).collect();
    std::fs::write(&pcm, bytes).unwrap();

    let heard = run(&["transcribe", &uri(&server, "stt").await, pcm.to_str().unwrap()], "client.py").await;
    assert_eq!(heard["text"], "turn on the kitchen light", "{heard:#}");
    assert!(heard["events"].as_array().unwrap().iter().any(|event| event == "transcript-start"), "{heard:#}");

    let tts = uri(&server, "tts").await;
    for how in ["synthesize", "synthesize-streaming"] {
        let spoken = run(&[how, &tts, "The kitchen light is on. Everything else is off."], "client.py").await;
        assert!(spoken["seconds"].as_f64() > Some(1.0), "{how}: {spoken:#}");
        assert_eq!(spoken["events"].as_array().unwrap().first().unwrap(), "audio-start", "{how}");
    }
    let info = run(&["describe", &tts], "client.py").await;
    assert!(!info["voices"].as_array().unwrap().is_empty(), "{info:#}");
}

/// A server of the reference implementation that runs until it is dropped.
async fn reference_server(text: &str) -> (Child, String) {
    let mut child = Command::new(python())
        .arg(script("server.py"))
        .arg(text)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let uri = lines.next_line().await.unwrap().expect("the server's address");
    (child, uri)
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_speech_engine_is_used() {
    let (_reference, uri) = reference_server("turn on the kitchen light").await;
    let server = Start::new().env("VESTA_STT__URI", &uri).start().await;
    server.settled().await;
    for listen in [Listen::PushToTalk, Listen::File] {
        let mut client = server.listen(listen).await;
        client.send(&speak("whatever is said here")).await;
        client.end().await;
        client.bye().await;
        let turn = client.turn().await.unwrap();
        assert_eq!((turn.transcript(), turn.outcome()), ("turn on the kitchen light", "done"), "{:#?}", turn.events);
    }
}
