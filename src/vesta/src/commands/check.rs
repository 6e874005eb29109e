//! `vesta check`: what is missing, what that means, and the command that mends it.

use std::process::ExitCode;

use anyhow::Context;
use reqwest::Method;
use serde::Serialize;
use vesta_models::{Kind, Models};
use vesta_reach::{Way, WayReport, WayState};
use vesta_server::Status;

use crate::cli::JsonArgs;
use crate::commands::{Host, Setting};
use crate::sound::{self, Tried};
use crate::{language, reach, terminal};

/// How good something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    /// As it should be.
    Good,
    /// Works, and could be better.
    Could,
    /// Does not work.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    level: Level,
    /// What is there.
    found: String,
    /// What that means for the user.
    means: Option<String>,
    /// What mends it.
    fix: Option<String>,
}

/// Room that a large model and a month of recordings need.
const COMFORTABLE_SPACE: u64 = 5_000_000_000;
const LEAST_SPACE: u64 = 200_000_000;

pub(crate) async fn run(setting: Setting, args: JsonArgs) -> anyhow::Result<ExitCode> {
    let mut findings = vec![configuration(&setting), sentences(&setting), disk(&setting)];
    findings.extend(models(&setting));
    match Host::find(&setting).await {
        Ok(host) => {
            if host.is_own() {
                findings.extend(addresses(&setting));
                findings.extend(vesta_reach::examine(&reach::settings(&setting)).await.into_iter().map(way));
            } else if let Ok(report) = host.server.reach().await {
                findings.extend(report.ways.into_iter().flatten().map(way));
            }
            findings.push(owner(&host).await);
            let status = host.status_when_ready().await;
            host.leave().await;
            match status {
                Ok(status) => findings.extend(parts(&status)),
                Err(error) => {
                    findings.push(bad("server", format!("{error:#}"), "Nothing works without it.", "vesta serve"));
                }
            }
        }
        Err(error) => findings.push(bad(
            "server",
            format!("{error:#}"),
            "Nothing works without it.",
            "mend what the message says, then: vesta serve",
        )),
    }
    findings.extend(devices().await);
    let worst = findings.iter().any(|finding| finding.level == Level::Bad);
    if args.json {
        terminal::json(&findings)?;
    } else {
        findings.iter().for_each(print);
    }
    Ok(if worst { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print(finding: &Finding) {
    let mark = match finding.level {
        Level::Good => "✓",
        Level::Could => "·",
        Level::Bad => "✗",
    };
    terminal::line(format!("{mark} {:<14} {}", finding.what, finding.found));
    for note in finding.means.iter().chain(&finding.fix.as_ref().map(|fix| format!("→ {fix}"))) {
        terminal::line(format!("  {:<14} {note}", ""));
    }
}

fn good(what: &'static str, found: impl Into<String>) -> Finding {
    Finding { what, level: Level::Good, found: found.into(), means: None, fix: None }
}

fn could(what: &'static str, found: impl Into<String>, means: &str, fix: &str) -> Finding {
    Finding { what, level: Level::Could, found: found.into(), means: Some(means.to_owned()), fix: Some(fix.to_owned()) }
}

fn bad(what: &'static str, found: impl Into<String>, means: &str, fix: &str) -> Finding {
    Finding { level: Level::Bad, ..could(what, found, means, fix) }
}

/// A configuration with a fault never gets here: it is refused before any command runs.
fn configuration(setting: &Setting) -> Finding {
    let file = setting.folder.config();
    if setting.configured {
        good("configuration", "read and valid")
    } else {
        good("configuration", format!("defaults; to change something: vesta config example > {}", file.display()))
    }
}

fn sentences(setting: &Setting) -> Finding {
    match language::load(&setting.config.language, setting.folder.path()) {
        Ok(language) => good("language", language.tag()),
        Err(error) => {
            bad("language", format!("{error:#}"), "Nothing that is said is understood.", "set `language` in vesta.toml")
        }
    }
}

fn disk(setting: &Setting) -> Finding {
    let path = setting.folder.path();
    let place = path.display();
    match fs4::available_space(path) {
        Err(error) => {
            bad("disk", format!("{place}: {error}"), "Whether there is room is not known.", "check the file system")
        }
        Ok(space) => {
            let found = format!("{place}, {:.1} GB free", space as f64 / 1e9);
            match space {
                ..LEAST_SPACE => bad(
                    "disk",
                    found,
                    "Turns can soon not be kept.",
                    "make room, or move the folder and name it with --data",
                ),
                LEAST_SPACE..COMFORTABLE_SPACE => {
                    could("disk", found, "Too little for large models.", "make room before `vesta models pull`")
                }
                _ => good("disk", found),
            }
        }
    }
}

fn models(setting: &Setting) -> Vec<Finding> {
    let models: Models = match super::models::open(setting) {
        Ok(models) => models,
        Err(error) => {
            return vec![bad("models", error.to_string(), "Models cannot be read.", "check the folder's permissions")];
        }
    };
    let mut findings = Vec::new();
    if setting.config.stt.uri.is_none() {
        findings.push(match crate::commands::speech_model(setting) {
            Ok(model) if model.name == crate::commands::BUILT_IN_MODEL => could(
                "speech model",
                format!("{} (part of Vesta)", model.name),
                "Made for clear speech of English home commands; it knows about a thousand words.",
                "vesta models pull whisper-base.en && vesta models use whisper-base.en",
            ),
            Ok(model) => good("speech model", model.name),
            Err(error) => bad(
                "speech model",
                format!("{error:#}"),
                "Nothing that is spoken is understood.",
                "vesta models pull whisper-base.en && vesta models use whisper-base.en",
            ),
        });
    }
    if setting.config.tts.uri.is_none() {
        findings.push(match models.chosen(Kind::Tts) {
            Err(error) => bad(
                "voice",
                error.to_string(),
                "The voice that was chosen is not there; eSpeak NG speaks instead.",
                "do what the message says",
            ),
            Ok(Some(voice)) => good("voice", voice.name),
            Ok(None) => could(
                "voice",
                "eSpeak NG",
                "Clear, and it sounds like a machine.",
                "vesta models list --kind tts, then vesta models pull NAME && vesta models use NAME",
            ),
        });
    }
    findings
}

/// Whether the configured addresses are free for the server.
fn addresses(setting: &Setting) -> Vec<Finding> {
    let free = |what, key: &str, address| match std::net::TcpListener::bind(address) {
        Ok(_) => good(what, format!("{address} is free for the server")),
        Err(error) => {
            let fix = format!("end what uses it, or set {key} in vesta.toml");
            bad(what, format!("{address}: {error}"), "The server cannot start.", &fix)
        }
    };
    let mut findings = vec![free("web address", "[server] listen", setting.config.server.listen)];
    if setting.config.mqtt.url.is_none() {
        findings.push(free("broker address", "[broker] listen", setting.config.broker.listen));
    }
    findings
}

/// Whether somebody has come in as the owner.
async fn owner(host: &Host) -> Finding {
    let found = async {
        let auth = host.server.call(Method::GET, "/api/auth", None).await?;
        auth["owned"].as_bool().context("the server does not say whether it has an owner")
    };
    match found.await {
        Ok(true) => good("owner", "has signed in"),
        Ok(false) => could(
            "owner",
            "none yet",
            "Nobody can use the app; whoever opens the owner's link is the first.",
            if host.is_own() {
                "vesta serve, which prints the link at its start"
            } else {
                "vesta pair, which shows the link and its QR code"
            },
        ),
        Err(error) => bad(
            "owner",
            format!("{error:#}"),
            "Whether anybody can sign in is not known.",
            "check people.db in the data folder, and the server's log",
        ),
    }
}

/// A way to the house. What works and could be better has a remark; only what is needed makes the check fail.
fn way(report: WayReport) -> Finding {
    let level = match report.state {
        WayState::Ready if report.fix.is_none() => Level::Good,
        WayState::Failed if !matches!(report.way, Way::Doorstep | Way::Mdns | Way::Proxy) => Level::Bad,
        _ => Level::Could,
    };
    Finding { what: reach::title(report.way), level, found: report.found, means: report.means, fix: report.fix }
}

/// What the server says of itself.
fn parts(status: &Status) -> Vec<Finding> {
    let mut findings = Vec::new();
    for engine in &status.engines {
        let (what, means) = match engine.name.as_str() {
            "stt" => ("hearing", "Speech is not understood; writing still works."),
            _ => ("speaking", "Answers are only written."),
        };
        findings.push(match engine.state.as_str() {
            "ready" => good(what, format!("ready at {}", engine.detail)),
            state => bad(
                what,
                format!("{state}: {}", engine.detail),
                means,
                "do what the message says; the engine is tried again by itself",
            ),
        });
    }
    let place = if status.broker.embedded { "inside Vesta" } else { "yours" };
    findings.push(match status.link.as_str() {
        "connected" => good("MQTT broker", format!("{} ({place})", status.broker.url)),
        why => bad(
            "MQTT broker",
            format!("{}: {why}", status.broker.url),
            "No device can be reached.",
            "start the broker, or correct [mqtt] in vesta.toml; without `url` Vesta runs its own",
        ),
    });
    findings.push(if status.entities == 0 {
        could(
            "devices",
            "none yet",
            "There is nothing to switch.",
            "let devices announce themselves over MQTT (docs/devices.md), or try: vesta serve --demo-home",
        )
    } else {
        good("devices", format!("{} in {} areas, {} of them answer", status.entities, status.areas, status.available))
    });
    findings
}

/// Sound devices: they are opened and used for a moment, for one that is listed may still be taken or broken.
async fn devices() -> Vec<Finding> {
    let means = "`vesta talk` needs it; phones and satellites bring their own.";
    let one = |what, tried: Tried| match tried {
        Tried::Works(name) => good(what, format!("{name}, works")),
        Tried::None => could(what, "none", means, "plug one in, or use a machine that has one"),
        Tried::Fails { name, why } => could(
            what,
            format!("{name} does not work: {why}"),
            means,
            "end what uses it, choose another in the system's sound settings, or see `vesta talk --list`",
        ),
    };
    vec![one("microphone", sound::try_microphone().await), one("loudspeaker", sound::try_loudspeaker().await)]
}
