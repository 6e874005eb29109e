//! Recordings as files of every kind, written by FFmpeg's libraries, and files that are damaged.

use std::path::Path;

use reqwest::StatusCode;
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use tokio::process::Command;
use vesta_tests::program;
use vesta_tests::server::Server;
use vesta_tests::speech::{Random, speak};

use crate::openai::cache;

const COMMAND: &str = "turn on the kitchen light";

/// The command as files of every kind: names and bytes.
async fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let recording = folder.join("command.wav");
    vesta_audio::wav::write(std::fs::File::create(&recording).unwrap(), 16_000, &speak(COMMAND)).unwrap();
    let python = cache().join("python-peers/bin/python");
    let script = program::root().join("tests/peers/audio_files.py");
    let output = program::run(Command::new(python).arg(script).args([&recording, folder])).await;
    assert_eq!(output.code, Some(0), "{output:#?}");
    let names: Vec<String> = serde_json::from_str(output.stdout.trim()).unwrap();
    names.into_iter().map(|name| (name.clone(), std::fs::read(folder.join(name)).unwrap())).collect()
}

async fn transcribe(server: &Server, name: &str, file: Vec<u8>) -> (StatusCode, Value) {
    let form = Form::new().text("model", "whisper-1").part("file", Part::bytes(file).file_name(name.to_owned()));
    let url = format!("{}/v1/audio/transcriptions", server.url);
    let answer = server.http().post(url).multipart(form).send().await.unwrap_or_else(|error| panic!("{name}: {error}"));
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_every_kind_are_understood() {
    let server = Server::with_demo_home().await;
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path()).await;
    for kind in [".flac", ".m4a", ".mp4", ".webm", ".mka", ".ogg", ".mp3", ".wav"] {
        assert!(files.iter().any(|(name, _)| name.ends_with(kind)), "no {kind}");
    }
    for (name, file) in files {
        let (status, answer) = transcribe(&server, &name, file).await;
        let text = answer["text"].as_str().unwrap_or_default().to_lowercase();
        assert!(status == StatusCode::OK && text.contains(COMMAND), "{name}: {status} {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_files_are_refused_or_understood_as_far_as_they_go() {
    let server = Server::with_demo_home().await;
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random::new(7);
    let mut below = |end: usize| (random.unit() * end as f64) as usize;
    for (name, file) in files(folder.path()).await {
        let mut damaged =
            vec![file[..file.len() / 2].to_vec(), file[..below(200)].to_vec(), file[file.len() / 3..].to_vec()];
        for flips in [1, 10, 100] {
            let mut flipped = file.clone();
            // Half of them in the head, where sizes and counts stand.
            for flip in 0..flips {
                let at = if flip % 2 == 0 { below(file.len().min(400)) } else { below(file.len()) };
                flipped[at] ^= 1 << below(8);
            }
            damaged.push(flipped);
        }
        for (number, file) in damaged.into_iter().enumerate() {
            let (status, answer) = transcribe(&server, &name, file).await;
            let refused = status == StatusCode::BAD_REQUEST && answer["error"]["param"] == "file";
            assert!(
                status == StatusCode::OK || refused,
                "{name}, damage {number}: {status} {answer}\n{}",
                server.log()
            );
        }
    }
}
