//! The command line, as a user meets it.

use serde_json::{Value, json};
use vesta_tests::browser::Browser;
use vesta_tests::program::{self, Output};
use vesta_tests::server::{Server, Start};
use vesta_tests::speech::{read_wav, speak};

async fn vesta(data: &std::path::Path, arguments: &[&str]) -> Output {
    program::run(program::vesta(data).args(arguments)).await
}

/// Without a server a command runs a house of its own, and leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn commands_work_without_a_server() {
    let data = tempfile::tempdir().unwrap();
    let asked = vesta(data.path(), &["ask", "turn", "on", "the", "kitchen", "light"]).await;
    assert_eq!(asked.code, Some(0), "{asked:#?}");
    assert!(asked.stdout.to_lowercase().contains("kitchen light"), "{asked:#?}");
    let unknown = vesta(data.path(), &["ask", "tell me about quantum chromodynamics"]).await;
    assert_eq!(unknown.code, Some(1), "{unknown:#?}");
    assert!(!unknown.stdout.is_empty(), "it says that it did not understand");

    let listed = vesta(data.path(), &["turns", "list", "--json"]).await;
    assert_eq!(listed.stdout.lines().count(), 2, "{listed:#?}");
    assert!(!data.path().join("server.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn say_writes_speech() {
    let server = Server::with_demo_home().await;
    let file = server.data().join("said.wav");
    let said = vesta(server.data(), &["say", "the kitchen light is on", "-o", file.to_str().unwrap()]).await;
    assert_eq!(said.code, Some(0), "{said:#?}");
    let samples = read_wav(&std::fs::read(&file).unwrap());
    let heard = vesta_tests::transcribe::transcribe(&server, &samples, 16_000).await;
    assert!(heard.contains("kitchen light"), "it sounds like '{heard}'");
}

#[tokio::test(flavor = "multi_thread")]
async fn hear_writes_the_reply_and_turns_tell_the_story() {
    let server = Server::with_demo_home().await;
    let (file, reply) = (server.data().join("heard.wav"), server.data().join("reply.wav"));
    let mut bytes = std::io::Cursor::new(Vec::new());
    vesta_audio::wav::write(&mut bytes, 16_000, &speak("turn on the kitchen light")).unwrap();
    std::fs::write(&file, bytes.into_inner()).unwrap();
    let heard = vesta(server.data(), &["hear", file.to_str().unwrap(), "--reply", reply.to_str().unwrap()]).await;
    assert!(heard.stdout.contains("heard: turn on the kitchen light"), "{heard:#?}");
    assert!(read_wav(&std::fs::read(&reply).unwrap()).len() > 8_000);

    let shown = vesta(server.data(), &["turns", "show", "last"]).await;
    for expected in ["turn on the kitchen light", "HassTurnOn", "transcribe", "act", "ms"] {
        assert!(shown.stdout.contains(expected), "{expected}: {shown:#?}");
    }
    let folder = server.data().join("exported");
    let exported = vesta(server.data(), &["turns", "export", "last", "-o", folder.to_str().unwrap()]).await;
    assert_eq!(exported.code, Some(0), "{exported:#?}");
    let names: Vec<String> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for ending in [".wav", ".json", ".svg"] {
        assert!(names.iter().any(|name| name.ends_with(ending)), "{ending}: {names:?}");
    }

    server.ask("turn off the kitchen light").await;
    let replayed = vesta(server.data(), &["turns", "replay", "last", "--json"]).await;
    let replayed: Value = serde_json::from_str(replayed.stdout.trim()).unwrap();
    assert_eq!(replayed["changed"], serde_json::json!([]), "{replayed:#}");
    // Without the area nobody knows which light is meant.
    let asked = vesta(server.data(), &["ask", "--area", "kitchen", "turn off the light"]).await;
    assert_eq!(asked.code, Some(0), "{asked:#?}");
    let replayed = vesta(server.data(), &["turns", "replay", "last", "--json"]).await;
    let replayed: Value = serde_json::from_str(replayed.stdout.trim()).unwrap();
    assert_eq!(replayed["changed"], serde_json::json!([]), "{replayed:#}");
    assert_eq!(replayed["after"]["error"], Value::Null, "{replayed:#}");
    let list = vesta(server.data(), &["turns", "list", "--json"]).await;
    let spoken = list
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|turn| turn["source"] == "hear")
        .unwrap();
    let replayed = vesta(server.data(), &["turns", "replay", spoken["id"].as_str().unwrap(), "--json"]).await;
    let replayed: Value = serde_json::from_str(replayed.stdout.trim()).unwrap();
    assert_eq!(replayed["after"]["transcript"], "turn on the kitchen light", "{replayed:#}");
    assert_eq!(server.entity("light.kitchen_light").await["state"], "off", "a replay does nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_is_explained() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("vesta.toml"), "language = \"en\"\n\n[stt]\nmodle = \"whisper-base\"\n").unwrap();
    let checked = vesta(data.path(), &["check"]).await;
    assert_eq!(checked.code, Some(1));
    for expected in ["vesta.toml", "line 4", "Did you mean `model`"] {
        assert!(checked.stderr.contains(expected), "{expected}: {checked:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_names_what_is_missing_and_what_gets_it() {
    let data = tempfile::tempdir().unwrap();
    let checked = vesta(data.path(), &["check", "--json"]).await;
    let findings: Vec<Value> = serde_json::from_str(checked.stdout.trim()).unwrap();
    let finding = |what: &str| {
        findings.iter().find(|finding| finding["what"] == what).unwrap_or_else(|| panic!("{what}: {findings:#?}"))
    };
    assert_eq!(finding("hearing")["level"], "good");
    assert_eq!(finding("MQTT broker")["level"], "good");
    assert!(finding("speech model")["fix"].as_str().unwrap().contains("vesta models pull"));
    let owner = finding("owner");
    assert_eq!((&owner["level"], &owner["found"]), (&json!("could"), &json!("none yet")));
    assert!(owner["fix"].as_str().unwrap().starts_with("vesta serve"), "no server runs: {owner}");
    assert_eq!(checked.code, Some(0), "nothing is broken: {findings:#?}");
}

/// The fix that `vesta check` names makes the owner.
#[tokio::test(flavor = "multi_thread")]
async fn check_says_how_the_first_owner_comes_in() {
    let server = Start::new().no_demo().start().await;
    let owner = async || {
        let checked = vesta(server.data(), &["check", "--json"]).await;
        let findings: Vec<Value> = serde_json::from_str(checked.stdout.trim()).unwrap();
        findings.into_iter().find(|finding| finding["what"] == "owner").unwrap()
    };
    let none = owner().await;
    assert_eq!((&none["level"], &none["found"]), (&json!("could"), &json!("none yet")), "{none}");
    assert!(none["fix"].as_str().unwrap().starts_with("vesta pair"), "{none}");
    let pairing = vesta(server.data(), &["pair", "--json"]).await;
    let pairing: Value = serde_json::from_str(pairing.stdout.trim()).unwrap();
    Browser::enter(&server, pairing["path"].as_str().unwrap(), Some("Ida")).await;
    assert_eq!(owner().await["level"], "good");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_is_refused_and_told_where_the_first_is() {
    let server = Start::new().no_demo().start().await;
    let second = vesta(server.data(), &["serve"]).await;
    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains(&server.url), "{second:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn help_examples_and_completions_are_there() {
    let data = tempfile::tempdir().unwrap();
    let help = vesta(data.path(), &["--help"]).await;
    for command in ["serve", "ask", "hear", "say", "talk", "home", "check", "models", "turns", "completions"] {
        assert!(help.stdout.contains(command), "{command}: {}", help.stdout);
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(vesta(data.path(), &["completions", shell]).await.stdout.contains("vesta"), "{shell}");
    }
    let example = vesta(data.path(), &["config", "example"]).await.stdout;
    std::fs::write(data.path().join("vesta.toml"), example).unwrap();
    assert_eq!(vesta(data.path(), &["config", "show"]).await.code, Some(0), "the example is a valid configuration");
    let models = vesta(data.path(), &["models", "list"]).await.stdout;
    assert!(models.contains("nano-en") && models.contains("whisper-base.en"), "{models}");
    let unknown = vesta(data.path(), &["models", "pull", "whisper-bse.en"]).await;
    assert!(unknown.code == Some(1) && unknown.stderr.contains("whisper-base.en"), "{unknown:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_tells_how_it_is() {
    let server = Server::with_demo_home().await;
    server.ask("turn on the kitchen light").await;
    assert_eq!(server.get("/healthz").await["status"], "ok");
    assert!(server.text("/").await.contains("Vesta"));
    let metrics = server.text("/metrics").await;
    for name in ["vesta_turns_total", "vesta_stage_seconds_bucket", "vesta_engine_restarts", "vesta_queue_depth"] {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }
    let home = vesta(server.data(), &["home", "kitchen"]).await.stdout;
    assert!(home.contains("light.kitchen_light") && home.contains("on"), "{home}");
}
