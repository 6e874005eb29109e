//! How the worker begins and ends.

use std::process::Stdio;

use tokio::process::Command;

use crate::worker::{PROGRAM, Worker, model};

/// Runs the worker on a file that is no model; its last word on standard error.
async fn refusal(arguments: &[&str]) -> String {
    let output = Command::new(PROGRAM).args(arguments).stdin(Stdio::null()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "it must not say that it is ready");
    String::from_utf8(output.stderr).unwrap().lines().last().unwrap().to_owned()
}

#[tokio::test]
async fn it_says_that_it_is_ready_and_ends_with_its_supervisor() {
    let mut worker = Worker::start(&["--name", "ears"]).await;
    assert_eq!(worker.ready["ready"]["name"], "stt-whisper");
    assert_eq!(worker.ready["ready"]["model"], "ears");
    assert_eq!(worker.ready["ready"]["languages"][0], "en");
    let client = worker.client().await;
    drop(worker.child.stdin.take());
    assert!(worker.child.wait().await.unwrap().success());
    drop(client);
}

#[tokio::test]
async fn it_brings_a_model_along() {
    // Its standard input is closed, so that it ends once it is ready.
    let output = Command::new(PROGRAM).stdin(Stdio::null()).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let ready: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(ready["ready"]["model"], "nano-en");
    assert_eq!(ready["ready"]["languages"], serde_json::json!(["en"]));
}

#[tokio::test]
async fn it_ends_on_sigterm() {
    let mut worker = Worker::start(&["--detached"]).await;
    drop(worker.child.stdin.take());
    let id = worker.child.id().unwrap().to_string();
    let client = worker.client().await;
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    assert!(worker.child.wait().await.unwrap().success());
    drop(client);
}

#[tokio::test]
async fn a_unix_socket_will_do() {
    let folder = tempfile::tempdir().unwrap();
    let uri = format!("unix://{}", folder.path().join("ears").display());
    let worker = Worker::start(&["--uri", &uri]).await;
    assert_eq!(worker.uri.to_string(), uri);
    worker.client().await;
}

#[tokio::test]
async fn what_is_no_model_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bin");
    let shown = path.to_str().unwrap();
    assert!(refusal(&["--model", shown]).await.contains("cannot open the model"));

    std::fs::write(&path, "<!DOCTYPE html><title>Not found</title>").unwrap();
    assert!(refusal(&["--model", shown]).await.contains("a web page"));

    std::fs::write(&path, b"GGUF\x03\0\0\0").unwrap();
    assert!(refusal(&["--model", shown]).await.contains("a GGUF file"));

    let whole = std::fs::read(model()).unwrap();
    let whole = zstd::decode_all(whole.as_slice()).unwrap_or(whole);
    let packed = zstd::encode_all(whole.as_slice(), 1).unwrap();
    std::fs::write(&path, &packed[..packed.len() / 2]).unwrap();
    assert!(refusal(&["--model", shown]).await.contains("damaged"));

    for length in [2, 30, 50_000, whole.len() / 2, whole.len() - 7] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let reason = refusal(&["--model", shown]).await;
        assert!(reason.starts_with("error: ") && reason.contains("pull it again"), "{length}: {reason}");
    }

    let mut nonsense = whole;
    nonsense[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    std::fs::write(&path, nonsense).unwrap();
    assert!(refusal(&["--model", shown]).await.contains("n_vocab = 4294967295"));
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_the_reason() {
    let path = model();
    let shown = path.to_str().unwrap();
    assert!(refusal(&["--model", shown, "--language", "xx"]).await.contains("does not understand \"xx\""));
    assert!(
        refusal(&["--model", shown, "--uri", "tcp://192.0.2.1:1"]).await.contains("cannot listen on tcp://192.0.2.1:1")
    );
}
