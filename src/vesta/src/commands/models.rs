//! `vesta models`: list, pull, verify, remove and choose models.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::json;
use vesta_models::{Check, Kind, Listed, Model, Models, Progress, State, Step};

use crate::cli::{self, ModelsCommand};
use crate::commands::Setting;

use crate::terminal;
use crate::workers::SpeechModel;

/// The speech model that is part of the speech-to-text worker.
pub(crate) const BUILT_IN_MODEL: &str = "nano-en";

pub(crate) async fn run(setting: Setting, command: ModelsCommand) -> anyhow::Result<ExitCode> {
    let models = open(&setting)?;
    match command {
        ModelsCommand::List { kind, language, json } => list(&models, kind, language.as_deref(), json),
        ModelsCommand::Pull { names, json } => pull(&models, &names, json).await,
        ModelsCommand::Verify { names, json } => verify(&models, names, json),
        ModelsCommand::Remove { names } => remove(&models, &names),
        ModelsCommand::Use { name } => choose(&setting, &models, &name),
    }
}

/// The models of the data folder, from the configured mirror if there is one.
pub(crate) fn open(setting: &Setting) -> anyhow::Result<Models> {
    let mirror = std::env::var("VESTA_MODELS_MIRROR").ok().or_else(|| setting.config.models.mirror.clone());
    Ok(Models::open(setting.folder.path())?.with_mirror(mirror)?)
}

/// The speech model that is used: the configured one, the chosen one, or the one that is part of Vesta.
pub(crate) fn speech_model(setting: &Setting) -> anyhow::Result<SpeechModel> {
    let models = open(setting)?;
    let installed = match &setting.config.stt.model {
        Some(name) if name != BUILT_IN_MODEL => Some(models.installed(name).context("[stt] model")?),
        Some(_) => None,
        None => models.chosen(Kind::Stt)?,
    };
    if let Some(model) = installed {
        return Ok(SpeechModel { name: model.name, path: Some(model.path), audio_ctx: model.audio_ctx });
    }
    let audio_ctx = models.find(BUILT_IN_MODEL)?.audio_ctx;
    Ok(SpeechModel { name: BUILT_IN_MODEL.to_owned(), path: None, audio_ctx })
}

fn kind(kind: cli::Kind) -> Kind {
    match kind {
        cli::Kind::Stt => Kind::Stt,
        cli::Kind::Tts => Kind::Tts,
        cli::Kind::Wake => Kind::Wake,
        cli::Kind::Chat => Kind::Chat,
    }
}

fn list(models: &Models, wanted: Option<cli::Kind>, language: Option<&str>, json: bool) -> anyhow::Result<ExitCode> {
    let speaks = |model: &Model| {
        language.is_none_or(|tag| {
            model.languages.iter().any(|known| {
                known == tag || known.starts_with(&format!("{tag}-")) || known.starts_with(&format!("{tag}_"))
            })
        })
    };
    let listed: Vec<Listed> = models
        .list()?
        .into_iter()
        .filter(|listed| wanted.is_none_or(|wanted| listed.model.kind == kind(wanted)) && speaks(&listed.model))
        .collect();
    if json {
        for listed in &listed {
            terminal::json(&json!({
                "model": listed.model, "state": state(listed), "in_use": listed.in_use, "on_disk": listed.on_disk,
            }))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    for kind in Kind::ALL {
        let mut of_kind = listed.iter().filter(|listed| listed.model.kind == kind).peekable();
        if of_kind.peek().is_some() {
            terminal::line(format!("\n{kind}"));
        }
        for listed in of_kind {
            let model = &listed.model;
            let mark = if listed.in_use { "*" } else { " " };
            let size = if model.builtin { String::new() } else { HumanBytes(model.size()).to_string() };
            let languages = match model.languages.as_slice() {
                [] => String::new(),
                few if few.len() <= 3 => few.join(" "),
                many => format!("{} languages", many.len()),
            };
            terminal::line(format!(
                "{mark} {:<34} {:<11} {size:>11}  {languages:<14} {}",
                model.name,
                state(listed),
                model.licence
            ));
        }
    }
    terminal::line("\n* is in use. `vesta models pull NAME` gets one, `vesta models use NAME` puts it to use.");
    Ok(ExitCode::SUCCESS)
}

fn state(listed: &Listed) -> &'static str {
    match listed.state {
        State::Installed => "installed",
        State::Partial => "interrupted",
        State::BuiltIn => "built in",
        State::Available => "available",
    }
}

async fn pull(models: &Models, names: &[String], json: bool) -> anyhow::Result<ExitCode> {
    // Every name is looked up before the first byte is fetched.
    for name in names {
        let model = models.find(name)?;
        if !json {
            let terms = model.licence_url.as_ref().map_or(String::new(), |url| format!(", {url}"));
            terminal::remark(format!("{name}: {} ({}{terms})", HumanBytes(model.size()), model.licence));
            if !model.notes.is_empty() {
                terminal::remark(format!("  {}", model.notes));
            }
        }
    }
    for name in names {
        let bar = if json { ProgressBar::hidden() } else { bar() };
        let mut tell = |progress: Progress| show(&bar, &progress, json);
        let pulled = tokio::select! {
            pulled = models.pull(name, &mut tell) => pulled?,
            _ = tokio::signal::ctrl_c() => {
                bar.abandon_with_message("stopped; the same command goes on from here");
                return Ok(ExitCode::from(130));
            }
        };
        bar.finish_and_clear();
        if json {
            terminal::json(&json!({ "model": name, "done": true, "fetched": pulled.fetched, "bytes": pulled.bytes }))?;
        } else if pulled.fetched == 0 {
            terminal::line(format!("{name} is here already"));
        } else {
            terminal::line(format!(
                "{name} is here ({}); `vesta models use {name}` puts it to use",
                HumanBytes(pulled.bytes)
            ));
        }
        if !pulled.recorded.is_empty() && !json {
            terminal::remark(format!(
                "  first pull: the checksum of {} is recorded and enforced from now on",
                pulled.recorded.join(", ")
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{msg:30!} {bar:30} {bytes:>10} / {total_bytes:<10} {binary_bytes_per_sec:>12} {eta:>5}",
    );
    let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    if std::io::stderr().is_terminal() {
        bar.enable_steady_tick(Duration::from_millis(200));
    }
    bar
}

fn show(bar: &ProgressBar, progress: &Progress, json: bool) {
    if json {
        let step = match &progress.step {
            Step::Connecting { .. } => "connecting",
            Step::Checking => "checking",
            Step::Receiving { .. } => "receiving",
            Step::Retrying { .. } => "retrying",
            Step::Finishing => "finishing",
            Step::FileDone => "file_done",
        };
        let line = json!({
            "model": progress.model, "file": progress.file, "step": step, "bytes": progress.bytes, "total": progress.total,
            "bytes_per_second": progress.rate, "eta_s": progress.eta.map(|eta| eta.as_secs_f64()),
        });
        let _ = terminal::json(&line);
        return;
    }
    bar.set_length(progress.total);
    bar.set_position(progress.bytes);
    let file = format!("{} ({}/{})", progress.file, progress.number, progress.files);
    match &progress.step {
        Step::Connecting { .. } => bar.set_message(format!("{file} …")),
        Step::Checking => bar.set_message(format!("{file}: checking")),
        Step::Receiving { from: 0 } | Step::FileDone => bar.set_message(file),
        Step::Receiving { from } => bar.set_message(format!("{file} from {}", HumanBytes(*from))),
        Step::Retrying { why, attempt, pause } => {
            bar.println(format!("  attempt {attempt}: {why}; again in {:.1} s", pause.as_secs_f64()));
        }
        Step::Finishing => bar.set_message(format!("{file}: finishing")),
    }
}

fn verify(models: &Models, names: Vec<String>, json: bool) -> anyhow::Result<ExitCode> {
    let names = if names.is_empty() {
        let installed =
            models.list()?.into_iter().filter(|listed| matches!(listed.state, State::Installed | State::Partial));
        installed.map(|listed| listed.model.name).collect()
    } else {
        names
    };
    let mut all_good = true;
    for name in &names {
        let bar = if json { ProgressBar::hidden() } else { bar() };
        bar.set_message(name.clone());
        let checks = models.verify(name, &mut |read, total| {
            bar.set_length(total);
            bar.set_position(read);
        })?;
        bar.finish_and_clear();
        for (file, check) in checks {
            let (good, found) = describe(&check, name);
            all_good &= good;
            if json {
                terminal::json(&json!({ "model": name, "file": file, "good": good, "found": found }))?;
            } else {
                terminal::line(format!("{} {name}/{file}: {found}", if good { "✓" } else { "✗" }));
            }
        }
    }
    if names.is_empty() && !json {
        terminal::line("no models are installed; `vesta models list` shows what there is");
    }
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn describe(check: &Check, name: &str) -> (bool, String) {
    let again = format!("vesta models remove {name} && vesta models pull {name}");
    match check {
        Check::Good => (true, "good".to_owned()),
        Check::Unknown { sha256 } => (true, format!("looks right; nothing to compare it with (SHA-256 {sha256})")),
        Check::Missing => (false, format!("missing; {again}")),
        Check::Wrong { expected, actual } => {
            (false, format!("damaged: SHA-256 {actual} instead of {expected}; {again}"))
        }
        Check::NotAModel { why } => (false, format!("no model: {why}; {again}")),
    }
}

fn remove(models: &Models, names: &[String]) -> anyhow::Result<ExitCode> {
    for name in names {
        let freed = models.remove(name)?;
        terminal::line(format!("{name} is removed, {} are free again", HumanBytes(freed)));
    }
    Ok(ExitCode::SUCCESS)
}

fn choose(setting: &Setting, models: &Models, name: &str) -> anyhow::Result<ExitCode> {
    let kind = models.choose(name)?;
    terminal::line(format!("{name} is in use for {kind}"));
    if setting.folder.running().is_some() {
        terminal::remark("a server that runs uses it after a restart");
    }
    Ok(ExitCode::SUCCESS)
}
