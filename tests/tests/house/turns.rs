//! The cases in `tests/turns/*.yaml`: what goes in, what comes out. A new file, or a new case in one, needs no code.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;
use vesta_tests::client::Listen;
use vesta_tests::program;
use vesta_tests::server::Server;
use vesta_tests::speech::{join, noise, silence, speak_as, with_noise};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    turns: Vec<Case>,
}

/// One turn, or several in one conversation's home.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// Typed sentences that bring the home into a state before.
    #[serde(default)]
    before: Vec<String>,
    /// What is typed …
    text: Option<String>,
    /// … or what is heard.
    #[serde(default)]
    heard: Vec<Sound>,
    /// Hands-free instead of push to talk.
    #[serde(default)]
    hands_free: bool,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Sound {
    Say(String),
    Voice { say: String, voice: String, words: u32 },
    Silence(f64),
    Noise { seconds: f64, level: f64 },
    InNoise { say: String, decibels: f64 },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    transcript: Option<String>,
    outcome: String,
    intent: Option<String>,
    #[serde(default)]
    slots: BTreeMap<String, Value>,
    error: Option<String>,
    /// Parts of what is said, in any letter case.
    #[serde(default)]
    said: Vec<String>,
    /// Nothing is said, and nothing done.
    #[serde(default)]
    quiet: bool,
    /// Entities' states afterwards.
    #[serde(default)]
    states: BTreeMap<String, String>,
}

/// What a turn came to.
struct Came {
    transcript: String,
    outcome: String,
    intent: Value,
    error: Option<String>,
    said: String,
    audio: bool,
    acted: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_turn_file_comes_true() {
    let folder = program::root().join("tests/turns");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(!files.is_empty());
    let server = Server::with_demo_home().await;
    let mut wrong = Vec::new();
    let mut count = 0;
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let file: File = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for case in file.turns {
            count += 1;
            for sentence in &case.before {
                server.ask(sentence).await;
            }
            let came = play(&server, &case).await;
            if let Err(why) = judge(&server, &case, &came).await {
                wrong.push(format!("{} / {}: {why}", path.file_stem().unwrap().display(), case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} turns:\n{}", wrong.len(), wrong.join("\n"));
}

async fn play(server: &Server, case: &Case) -> Came {
    if let Some(text) = &case.text {
        let answer = server.ask(text).await;
        return Came {
            transcript: text.clone(),
            outcome: answer["outcome"].as_str().unwrap_or_default().to_owned(),
            intent: answer["intent"][0].clone(),
            error: answer["error"]["code"].as_str().map(str::to_owned),
            said: answer["said"].as_str().unwrap_or_default().to_owned(),
            audio: true,
            acted: answer["actions"].as_array().is_some_and(|actions| !actions.is_empty()),
        };
    }
    let sounds: Vec<Vec<i16>> = case.heard.iter().map(sound).collect();
    let parts: Vec<&[i16]> = sounds.iter().map(Vec::as_slice).collect();
    let mut client = server.listen(if case.hands_free { Listen::File } else { Listen::PushToTalk }).await;
    client.send(&join(&parts)).await;
    client.end().await;
    client.bye().await;
    match client.turn().await {
        None => Came {
            transcript: String::new(),
            outcome: "nothing".to_owned(),
            intent: Value::Null,
            error: None,
            said: String::new(),
            audio: false,
            acted: false,
        },
        Some(turn) => Came {
            transcript: turn.transcript().to_owned(),
            outcome: turn.outcome().to_owned(),
            intent: turn.events.iter().find(|event| event["type"] == "understood").cloned().unwrap_or_default(),
            error: turn.error().map(str::to_owned),
            said: turn.said().to_owned(),
            audio: !turn.reply.is_empty(),
            acted: turn.events.iter().any(|event| event["type"] == "acted"),
        },
    }
}

fn sound(sound: &Sound) -> Vec<i16> {
    match sound {
        Sound::Say(text) => speak_as(text, "en-us", 160),
        Sound::Voice { say, voice, words } => speak_as(say, voice, *words),
        Sound::Silence(seconds) => silence(*seconds),
        Sound::Noise { seconds, level } => noise(*seconds, *level, 1),
        Sound::InNoise { say, decibels } => with_noise(&speak_as(say, "en-us", 160), *decibels, 1),
    }
}

async fn judge(server: &Server, case: &Case, came: &Came) -> Result<(), String> {
    let expect = &case.expect;
    let check = |what: &str, wanted: &str, got: &str| {
        if wanted == got { Ok(()) } else { Err(format!("{what} is {got:?} instead of {wanted:?}")) }
    };
    if let Some(transcript) = &expect.transcript {
        check("the transcript", transcript, &came.transcript)?;
    }
    check("the outcome", &expect.outcome, &came.outcome)?;
    if let Some(intent) = &expect.intent {
        check("the intent", intent, came.intent["intent"].as_str().unwrap_or_default())?;
    }
    for (slot, value) in &expect.slots {
        let got = &came.intent["slots"][slot];
        let same = got == value || got.as_f64().is_some_and(|got| Some(got) == value.as_f64());
        if !same {
            return Err(format!("slot {slot} is {got} instead of {value}"));
        }
    }
    check("the error", expect.error.as_deref().unwrap_or(""), came.error.as_deref().unwrap_or(""))?;
    for part in &expect.said {
        if !came.said.to_lowercase().contains(&part.to_lowercase()) {
            return Err(format!("{:?} does not say {part:?}", came.said));
        }
    }
    if expect.quiet && (came.acted || !came.said.is_empty()) {
        return Err(format!("said {:?}, and something was done: {}", came.said, came.acted));
    }
    if came.said.is_empty() == came.audio && case.text.is_none() {
        return Err(format!("said {:?} with audio: {}", came.said, came.audio));
    }
    for (entity, state) in &expect.states {
        check(entity, state, server.entity(entity).await["state"].as_str().unwrap_or_default())?;
    }
    Ok(())
}
