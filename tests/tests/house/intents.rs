//! `vesta intents`, as a user meets it.

use std::io::{Seek, Write};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use vesta_tests::program::{self, Output};
use vesta_tests::server::Server;

async fn vesta(data: &Path, arguments: &[&str]) -> Output {
    program::run(program::vesta(data).args(arguments)).await
}

async fn recognize(data: &Path, arguments: &[&str], input: &[u8]) -> (Option<i32>, Vec<Value>, String) {
    let mut command = program::vesta(data);
    command.args(["intents", "recognize"]).args(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    let writing = tokio::spawn(async move { stdin.write_all(&input).await });
    let output = child.wait_with_output().await.unwrap();
    writing.await.unwrap().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output.status.code(), lines, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn dictionary() -> Value {
    json!({
        "language": "nl",
        "intents": {
            "HassTurnOn": {"data": [
                {"sentences": ["<zet> {name} aan"]},
                {"sentences": ["<zet> [het] licht in [de] {area} aan"], "slots": {"domain": "light"}, "response": "area"},
            ]},
            "HassGetCurrentTime": {"data": [{"sentences": ["hoe laat is het"]}]},
        },
        "expansion_rules": {"zet": "(zet|doe)"},
        "responses": {
            "intents": {
                "HassTurnOn": {"default": "{{ slots.name }} staat aan", "area": "{% if no %}{% else: %}Licht aan{% endif %}"},
                "HassGetCurrentTime": {"default": "{{ 'nu' if slots.time.hour < 24 }}"},
            },
            "errors": {"no_intent": "Dat heb ik niet begrepen"},
        },
    })
}

/// A wheel as the package index has it, with one language in it.
fn wheel(path: &Path) {
    let mut file = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    for (name, text) in [
        ("home_assistant_intents/__init__.py", String::new()),
        ("home_assistant_intents/data/nl.json", dictionary().to_string()),
        ("home_assistant_intents-2026.1.2.dist-info/METADATA", "Name: home-assistant-intents\n".to_owned()),
    ] {
        file.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
    file.finish().unwrap().rewind().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sentences_come_back_as_meanings_in_order() {
    let data = tempfile::tempdir().unwrap();
    let (file, homes) = (data.path().join("nl.json"), data.path().join("homes.json"));
    std::fs::write(&file, dictionary().to_string()).unwrap();
    let written = json!([
        {"names": [], "areas": ["Keuken"], "floors": [], "area_context": null},
        {"names": [{"in": "Lamp", "out": "light.lamp", "context": {"domain": "light"}}], "areas": [], "floors": []},
    ]);
    std::fs::write(&homes, written.to_string()).unwrap();
    let arguments = ["--data", file.to_str().unwrap(), "--home", homes.to_str().unwrap()];
    let input = b"{\"home\": 0, \"text\": \"Doe het licht in de keuken aan!\"}\n{\"home\": 1, \"text\": \"zet lamp aan\"}\n\
        {\"home\": 0, \"text\": \"zet lamp aan\"}\nnonsense\n{\"home\": 7, \"text\": \"x\"}\n{\"text\": \"hoe laat is het\"}";
    let (code, lines, stderr) = recognize(data.path(), &arguments, input).await;
    assert_eq!(lines.len(), 6, "{stderr}");
    assert_eq!(
        lines[0],
        json!({"intent": "HassTurnOn", "slots": {"area": "Keuken", "domain": "light"}, "response": "area"})
    );
    assert_eq!(lines[1], json!({"intent": "HassTurnOn", "slots": {"name": "light.lamp"}, "response": "default"}));
    assert_eq!(lines[2], Value::Null);
    assert!(lines[3]["error"].as_str().unwrap().starts_with("line 4: not JSON"), "{lines:#?}");
    assert!(lines[4]["error"].as_str().unwrap().starts_with("line 5: there is no home 7"), "{lines:#?}");
    assert_eq!(lines[5]["intent"], "HassGetCurrentTime");
    assert_eq!(code, Some(1));
    assert!(stderr.contains("line 4") && stderr.contains("line 5"), "{stderr}");
}

/// Equality of JSON, where 5 and 5.0 are the same number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        _ => a == b,
    }
}

/// The cases in `shared/conformance`, where they are there.
#[tokio::test(flavor = "multi_thread")]
async fn conformance_cases_are_answered_as_by_the_reference() {
    let data = tempfile::tempdir().unwrap();
    for language in ["en", "de", "fr"] {
        let folder = program::root().join("../shared/conformance/intents").join(language);
        let Ok(cases) = std::fs::read_to_string(folder.join("cases.jsonl")) else { continue };
        let (file, homes) = (folder.join("intents.json"), folder.join("homes.json"));
        let arguments = ["--data", file.to_str().unwrap(), "--home", homes.to_str().unwrap()];
        let (code, lines, stderr) = recognize(data.path(), &arguments, cases.as_bytes()).await;
        assert_eq!(code, Some(0), "{stderr}");
        let cases: Vec<Value> = cases.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), cases.len());
        let different = cases.iter().zip(&lines).filter(|(case, line)| !same(&case["expect"], line)).count();
        assert!(different * 200 <= cases.len(), "{language}: {different} of {} differ", cases.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_and_sample_speak_of_the_home_that_is_there() {
    let server = Server::with_demo_home().await;
    let explained = vesta(server.data(), &["intents", "explain", "turn on the kitchen light"]).await;
    assert_eq!(explained.code, Some(0), "{explained:#?}");
    for expected in ["HassTurnOn", "light.kitchen_light", "lost: ", "so far     complete"] {
        assert!(explained.stdout.contains(expected), "{expected}: {explained:#?}");
    }
    let repaired = vesta(server.data(), &["intents", "explain", "turn on the kitchen lite", "--json"]).await;
    let repaired: Value = serde_json::from_str(repaired.stdout.trim()).unwrap();
    assert_eq!(repaired["explanation"]["chosen"], Value::Null);
    assert_eq!(
        repaired["understanding"]["Commands"][0]["slots"]["name"]["value"], "light.kitchen_light",
        "{repaired:#}"
    );
    let unknown = vesta(server.data(), &["intents", "explain", "purple monkey dishwasher"]).await;
    assert_eq!(unknown.code, Some(1), "{unknown:#?}");

    let made_up = vesta(server.data(), &["intents", "sample", "--intent", "HassTurnOn", "--json"]).await;
    let first: Value = serde_json::from_str(made_up.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(first["intent"], "HassTurnOn");
    let understood = vesta(server.data(), &["intents", "explain", first["text"].as_str().unwrap()]).await;
    assert!(understood.stdout.contains("HassTurnOn"), "{understood:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_names_file_and_line() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("xx");
    std::fs::create_dir(&folder).unwrap();
    let text = "language: en\nintents:\n  Stop:\n    data:\n      - sentences:\n          - stop <nowhere>\n";
    std::fs::write(folder.join("stop.yaml"), text).unwrap();
    let checked = vesta(data.path(), &["intents", "check", folder.to_str().unwrap()]).await;
    assert_eq!(checked.code, Some(1), "{checked:#?}");
    assert!(checked.stdout.contains("stop.yaml:6: error:") && checked.stdout.contains("<nowhere>"), "{checked:#?}");
    let english = program::root().join("intents/en");
    let checked = vesta(data.path(), &["intents", "check", english.to_str().unwrap()]).await;
    assert_eq!(checked.code, Some(0), "{checked:#?}");
    let missing = vesta(data.path(), &["intents", "check", "/no/such/folder"]).await;
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("/no/such/folder"), "{missing:#?}");
}

/// A language without sentences of its own is understood and answered with those that were added.
#[tokio::test(flavor = "multi_thread")]
async fn sentences_are_added_from_a_wheel() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("home_assistant_intents-2026.1.2-py3-none-any.whl");
    wheel(&file);
    let add = ["intents", "add", "homeassistant", "--wheel", file.to_str().unwrap(), "--lang"];
    let added = vesta(data.path(), &[&add[..], &["nl"]].concat()).await;
    assert_eq!(added.code, Some(0), "{added:#?}");
    for expected in ["CC BY 4.0", "Open Home Foundation", "language = \"nl\""] {
        assert!(added.stdout.contains(expected), "{expected}: {added:#?}");
    }
    let notice = std::fs::read_to_string(data.path().join("intents/nl/homeassistant.licence.txt")).unwrap();
    assert!(notice.contains("CC BY 4.0") && notice.contains("2026.1.2"), "{notice}");

    for (said, answer) in [
        ("zet kitchen light aan", "Kitchen Light staat aan"),
        ("doe het licht in de kitchen aan", "Licht aan"),
        ("hoe laat is het", "Nu"),
        ("blabla", "Dat heb ik niet begrepen"),
    ] {
        let asked = program::run(program::vesta(data.path()).env("VESTA__LANGUAGE", "nl").args(["ask", said])).await;
        assert_eq!(asked.stdout.trim(), answer, "{asked:#?}");
    }

    // What was added stays where it cannot be added again, whoever is to blame.
    let own = data.path().join("intents/nl/own.yaml");
    std::fs::write(&own, "intents: [").unwrap();
    let broken = vesta(data.path(), &[&add[..], &["nl"]].concat()).await;
    assert!(broken.code == Some(1) && broken.stderr.contains("already cannot be loaded"), "{broken:#?}");
    assert!(data.path().join("intents/nl/homeassistant.json").is_file());
    std::fs::remove_file(&own).unwrap();

    let missing = vesta(data.path(), &[&add[..], &["tlh"]].concat()).await;
    assert!(missing.code == Some(1) && missing.stderr.contains("it has them for nl"), "{missing:#?}");
    std::fs::write(&file, "no zip").unwrap();
    let damaged = vesta(data.path(), &[&add[..], &["nl"]].concat()).await;
    assert!(damaged.code == Some(1) && damaged.stderr.contains("is no wheel"), "{damaged:#?}");
    let no_python = program::run(program::vesta(data.path()).env("PATH", data.path()).args(&add[..3])).await;
    assert!(no_python.code == Some(1) && no_python.stderr.contains("--wheel FILE"), "{no_python:#?}");
}

/// Where there are sentences of the language already, both are understood.
#[tokio::test(flavor = "multi_thread")]
async fn added_sentences_stand_beside_the_built_in_ones() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("intents/en");
    std::fs::create_dir_all(&folder).unwrap();
    // `the` and `name` are rules of the built-in sentences, too, with other contents.
    let more = json!({
        "language": "en",
        "intents": {"HassTurnOn": {"data": [{"sentences": ["illuminate <the> <name>"]}]}},
        "expansion_rules": {"the": "thy", "name": "{name}"},
        "responses": {"intents": {"HassTurnOn": {"default": "Let there be light"}}},
    });
    std::fs::write(folder.join("homeassistant.json"), more.to_string()).unwrap();
    for said in ["illuminate thy kitchen light", "turn on the kitchen light"] {
        let asked = vesta(data.path(), &["ask", said]).await;
        assert_eq!(asked.code, Some(0), "{asked:#?}");
        assert!(asked.stdout.contains("Kitchen Light"), "the built-in answer: {asked:#?}");
    }
}
