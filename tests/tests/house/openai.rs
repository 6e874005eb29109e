//! OpenAI's own clients, with only the base URL and the key changed: the Python and npm packages, and the Agents SDK.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;
use vesta_tests::program;
use vesta_tests::realtime::resampled;
use vesta_tests::server::Server;
use vesta_tests::speech::speak;

pub(crate) fn cache() -> PathBuf {
    let cache = std::env::var_os("VESTA_CACHE").map(PathBuf::from).or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        Some(cache.unwrap_or(std::env::home_dir()?.join(".cache")).join("vesta"))
    });
    cache.unwrap()
}

/// A spoken command as `command.wav` and `command.pcm`, 24 kHz.
fn spoken(folder: &Path) -> (String, String) {
    let samples = resampled(&speak("turn on the kitchen light"), 24_000);
    let (wav, pcm) = (folder.join("command.wav"), folder.join("command.pcm"));
    vesta_audio::wav::write(std::fs::File::create(&wav).unwrap(), 24_000, &samples).unwrap();
    std::fs::write(&pcm, samples.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<u8>>()).unwrap();
    (wav.to_str().unwrap().to_owned(), pcm.to_str().unwrap().to_owned())
}

/// A script of `tests/peers/node`, run where its packages are.
async fn node(script: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Value {
    let folder = cache().join("openai-peers");
    assert!(folder.join("installed").is_file(), "{} is missing; run: script/setup --tests", folder.display());
    let script = std::fs::File::open(program::root().join("tests/peers/node").join(script)).unwrap();
    let mut command = Command::new("node");
    command.args(["--input-type=module", "-"]).args(arguments).current_dir(folder).envs(environment.iter().copied());
    let output = program::run(command.stdin(Stdio::from(script)).kill_on_drop(true)).await;
    assert_eq!(output.code, Some(0), "{output:#?}");
    serde_json::from_str(output.stdout.trim().lines().last().unwrap()).unwrap()
}

fn contains(text: &Value, part: &str) {
    assert!(text.as_str().is_some_and(|text| text.to_lowercase().contains(part)), "'{part}' is missing in {text}");
}

const COMMAND: &str = "turn on the kitchen light";

#[tokio::test(flavor = "multi_thread")]
async fn the_python_package_works_unchanged() {
    let server = Server::with_demo_home().await;
    let folder = tempfile::tempdir().unwrap();
    let (wav, _) = spoken(folder.path());
    let python = cache().join("python-peers/bin/python");
    let script = program::root().join("tests/peers/openai_client.py");
    let base = format!("{}/v1", server.url);
    let output = program::run(Command::new(python).arg(script).args([&base, &server.token, &wav])).await;
    assert_eq!(output.code, Some(0), "{output:#?}\n{}", server.log());
    let results: Value = serde_json::from_str(output.stdout.trim()).unwrap();

    assert!(results["models"].as_array().unwrap().iter().any(|model| model == "vesta"), "{results:#}");
    contains(&results["typed"]["said"], "kitchen light");
    assert_eq!(results["typed"]["audio_ms"], 0, "it was asked for text");
    for how in ["push_to_talk", "hands_free"] {
        let result = &results[how];
        contains(&result["said"], "kitchen light");
        assert_eq!(result["status"], "completed", "{result:#}");
        assert!(result["audio_ms"].as_u64() > Some(500), "{result:#}");
    }
    assert_eq!(results["tool"]["arguments"]["room"], "kitchen");
    assert_eq!(results["tool"]["after"]["said"], "The kitchen bell rang.");
    let interrupted = &results["interrupted"];
    assert!(
        interrupted["kept"].as_str().unwrap().len() < interrupted["said"].as_str().unwrap().len(),
        "{interrupted:#}"
    );
    assert_eq!(results["refused"]["event_id"], "mine");
    let heard = &results["transcriptions"];
    for form in ["json", "text", "srt", "vtt", "verbose", "deltas", "done"] {
        contains(&heard[form], COMMAND);
    }
    contains(&heard["srt"], "-->");
    contains(&heard["vtt"], "webvtt");
    for form in ["mp3", "opus", "wav"] {
        contains(&results["speech"][form], COMMAND);
    }
    assert!(results["speech"]["pcm_ms"].as_u64() > Some(500), "{results:#}");
    server.becomes("light.kitchen_light", "on").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agents_sdk_works_unchanged_over_a_websocket() {
    let server = Server::with_demo_home().await;
    let folder = tempfile::tempdir().unwrap();
    let (_, pcm) = spoken(folder.path());
    let url = format!("{}/v1/realtime?model=gpt-realtime", server.url.replacen("http", "ws", 1));
    let results = node("agents.mjs", &[&url, &server.token, &pcm], &[]).await;
    contains(&results["typed"]["said"], "kitchen light");
    assert!(results["typed"]["audio_bytes"].as_u64() > Some(24_000), "{results:#}");
    contains(&results["spoken"]["said"], "kitchen light");
    assert_eq!(results["tool"]["rung"][0], "kitchen", "{results:#}");
    assert_eq!(results["tool"]["said"], "The kitchen bell rang.");
    assert_eq!(results["interrupted"]["told"], true, "{results:#}");
    assert_eq!(results["failed"].as_array().unwrap().len(), 0, "{results:#}");
    server.becomes("light.kitchen_light", "on").await;
}

/// The file of this name somewhere in a folder.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    std::fs::read_dir(folder).ok()?.flatten().find_map(|entry| {
        let path = entry.path();
        if path.is_dir() { find(&path, name) } else { (entry.file_name() == name).then_some(path) }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_npm_package_works_unchanged_over_tls() {
    let server = Server::with_demo_home().await;
    let folder = tempfile::tempdir().unwrap();
    let (wav, pcm) = spoken(folder.path());
    let reach = server.get("/api/reach").await;
    let link = reach["links"]["secure"][0]["url"].as_str().unwrap_or_else(|| panic!("no link: {reach:#}")).to_owned();
    let port = link.rsplit(':').next().unwrap();
    let base = format!("https://localhost:{port}/v1");
    let authority = find(server.data(), "authority.pem").expect("the house's certificate authority");
    let trust = [("NODE_EXTRA_CA_CERTS", authority.to_str().unwrap())];
    let results = node("openai_client.mjs", &[&base, &server.token, &wav, &pcm], &trust).await;
    assert_eq!(results["spoken"]["heard"], COMMAND, "{results:#}");
    contains(&results["spoken"]["said"], "kitchen light");
    contains(&results["typed"]["said"], "kitchen light");
    assert_eq!(results["failed"].as_array().unwrap().len(), 0, "{results:#}");
    for how in ["transcription", "streamed", "speech"] {
        contains(&results[how], COMMAND);
    }
}
