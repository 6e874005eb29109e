//! `vesta turns`: what was said and done.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde_json::{Value, json};
use vesta_store::{Store, TurnFilter, TurnRecord};

use crate::cli::TurnsCommand;
use crate::commands::{Host, Setting};
use crate::remote::{Listen, Told};
use crate::terminal;

pub(crate) async fn run(setting: Setting, command: TurnsCommand) -> anyhow::Result<ExitCode> {
    let store = Store::open(setting.folder.path()).context("the store cannot be opened")?;
    match command {
        TurnsCommand::List { limit, outcome, json } => list(&store, limit, outcome, json).await?,
        TurnsCommand::Show { turn, json } => show(&find(&store, &turn).await?, json)?,
        TurnsCommand::Export { turn, output } => export(&find(&store, &turn).await?, output)?,
        TurnsCommand::Replay { turn, json } => replay(&setting, find(&store, &turn).await?, json).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(store: &Store, limit: usize, outcome: Option<String>, json: bool) -> anyhow::Result<()> {
    let turns = store.turns(TurnFilter { limit, outcome, ..TurnFilter::default() }).await?;
    if turns.is_empty() && !json {
        terminal::line("no turns yet; `vesta ask \"what time is it\"` makes one");
    }
    for turn in turns {
        if json {
            terminal::json(&turn)?;
        } else {
            let said = turn.transcript.as_deref().unwrap_or("");
            let answered = turn.spoken.as_deref().unwrap_or("");
            terminal::line(format!(
                "{}  {}  {:<9} {said:?} → {answered:?}",
                turn.id,
                when(turn.started_at_ms),
                turn.outcome
            ));
        }
    }
    Ok(())
}

fn when(milliseconds: i64) -> String {
    let zone = jiff::tz::TimeZone::system();
    Timestamp::from_millisecond(milliseconds)
        .map_or_else(|_| "?".to_owned(), |time| time.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// A turn by its id, the beginning of its id, or `last`.
async fn find(store: &Store, wanted: &str) -> anyhow::Result<TurnRecord> {
    let found = if wanted == "last" {
        store.turns(TurnFilter { limit: 1, ..TurnFilter::default() }).await?
    } else {
        store.turns(TurnFilter { id_prefix: Some(wanted.to_owned()), limit: 2, ..TurnFilter::default() }).await?
    };
    match found.as_slice() {
        [] => bail!("there is no turn '{wanted}'; `vesta turns list` shows them"),
        [turn] => store.turn(&turn.id).await?.with_context(|| format!("turn {} was deleted just now", turn.id)),
        _ => bail!("'{wanted}' begins several ids; write more of it"),
    }
}

fn show(turn: &TurnRecord, json: bool) -> anyhow::Result<()> {
    if json {
        return terminal::json(turn);
    }
    let line = |name: &str, value: &str| terminal::line(format!("{name:<11} {value}"));
    line("turn", &turn.id);
    line("when", &when(turn.started_at_ms));
    line("from", &format!("{} ({}, {})", turn.source, turn.mode, turn.language));
    line("heard", turn.transcript.as_deref().unwrap_or("(nothing)"));
    if let Some(intent) = &turn.intent {
        line("understood", &intent.to_string());
    }
    if let Some(action) = &turn.action {
        line("done", &action.to_string());
    }
    line(
        "outcome",
        &match &turn.error_code {
            Some(code) => format!("{} ({code})", turn.outcome),
            None => turn.outcome.clone(),
        },
    );
    line("said", turn.spoken.as_deref().unwrap_or("(nothing)"));
    terminal::line("");
    terminal::line(vesta_store::waterfall::terminal(turn, terminal::width()).trim_end());
    Ok(())
}

fn export(turn: &TurnRecord, output: Option<PathBuf>) -> anyhow::Result<()> {
    let folder = output.unwrap_or_else(|| PathBuf::from(format!("turn-{}", turn.id)));
    for file in vesta_store::export(turn, &folder)? {
        terminal::line(file.display().to_string());
    }
    Ok(())
}

/// What a turn came to, as far as two runs of it can be compared.
#[derive(Debug, Clone, Default, PartialEq)]
struct Course {
    transcript: Option<String>,
    intent: Option<Value>,
    error: Option<String>,
    milliseconds: Option<f64>,
}

async fn replay(setting: &Setting, turn: TurnRecord, json: bool) -> anyhow::Result<()> {
    let before = Course {
        transcript: turn.transcript.clone(),
        intent: turn.intent.clone(),
        error: turn.error_code.clone(),
        milliseconds: turn
            .stages
            .iter()
            .find(|stage| stage.name == "transcribe")
            .map(|stage| stage.end_ms - stage.start_ms),
    };
    let host = Host::find(setting).await?;
    let after = match (&turn.heard, turn.mode.as_str(), &turn.transcript) {
        (Some(heard), ..) => hear_again(&host, &heard.samples, turn.mode == "hands_free", area(&turn)).await,
        (None, "text", Some(text)) => ask_again(&host, text, area(&turn)).await,
        _ => Err(anyhow::anyhow!(
            "turn {} has no audio: `[turns] keep_audio` was off, or it was deleted to save space",
            turn.id
        )),
    };
    host.leave().await;
    let after = after?;
    let rows = [
        ("transcript", json!(before.transcript), json!(after.transcript)),
        ("intent", json!(before.intent), json!(after.intent)),
        ("error", json!(before.error), json!(after.error)),
    ];
    if json {
        let changed: Vec<&str> =
            rows.iter().filter(|(_, before, after)| before != after).map(|(name, ..)| *name).collect();
        return terminal::json(&json!({
            "turn": turn.id, "changed": changed,
            "before": { "transcript": before.transcript, "intent": before.intent, "error": before.error, "transcribe_ms": before.milliseconds },
            "after": { "transcript": after.transcript, "intent": after.intent, "error": after.error, "transcribe_ms": after.milliseconds },
        }));
    }
    for (name, before, after) in &rows {
        if before == after {
            terminal::line(format!("  {name:<11} {after}"));
        } else {
            terminal::line(format!("- {name:<11} {before}"));
            terminal::line(format!("+ {name:<11} {after}"));
        }
    }
    if let (Some(before), Some(after)) = (before.milliseconds, after.milliseconds) {
        terminal::line(format!("  transcribed {after:.1} ms after the end of speech, then {before:.1} ms"));
    }
    Ok(())
}

/// Id of the area that the turn was spoken in, where it is known.
fn area(turn: &TurnRecord) -> Option<&str> {
    turn.events.iter().find(|event| event.name == "area")?.detail.as_str()
}

async fn hear_again(host: &Host, samples: &[i16], hands_free: bool, area: Option<&str>) -> anyhow::Result<Course> {
    let area = area.map(str::to_owned);
    let listen = Listen { hands_free, as_fast: true, source: "replay", rehearse: true, mute: true, area };
    let (mut speaker, mut listener) = host.server.listen(&listen).await?;
    let sending = async {
        for piece in samples.chunks(vesta_audio::FRAME_SAMPLES) {
            speaker.audio(piece).await?;
        }
        speaker.end().await?;
        speaker.bye().await
    };
    let collecting = async {
        let mut course = Course::default();
        while let Some(told) = listener.next().await? {
            if let Told::Event(event) = told {
                course.take(&event);
            }
        }
        anyhow::Ok(course)
    };
    let (sent, course) = tokio::join!(sending, collecting);
    sent?;
    course
}

async fn ask_again(host: &Host, text: &str, area: Option<&str>) -> anyhow::Result<Course> {
    let answer = host.server.ask(text, area, true).await?;
    let mut intents = answer["intent"].as_array().cloned().unwrap_or_default();
    let intent = if intents.len() > 1 { Some(Value::Array(intents)) } else { intents.pop() };
    Ok(Course {
        transcript: Some(text.to_owned()),
        intent,
        error: answer["error"]["code"].as_str().map(str::to_owned),
        milliseconds: None,
    })
}

impl Course {
    fn take(&mut self, event: &Value) {
        match event["type"].as_str() {
            Some("transcript") => {
                self.transcript = event["text"].as_str().map(str::to_owned);
                self.milliseconds = event["after_ms"].as_f64();
            }
            Some("understood") => {
                let intent = json!({ "intent": event["intent"], "slots": event["slots"] });
                self.intent = Some(match self.intent.take() {
                    None => intent,
                    Some(Value::Array(mut list)) => {
                        list.push(intent);
                        Value::Array(list)
                    }
                    Some(first) => json!([first, intent]),
                });
            }
            Some("failed") => self.error = event["code"].as_str().map(str::to_owned),
            _ => {}
        }
    }
}
