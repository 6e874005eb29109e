//! `vesta intents`: what sentences mean, and whose sentences are understood.

mod add;
mod recognize;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use vesta_home::Snapshot;
use vesta_intents::cli::TestHome;
use vesta_intents::{Context, Dictionary, Names, Severity, Understanding};

use crate::cli::{DictionaryArgs, IntentsCommand};
use crate::commands::{Host, Setting, running};
use crate::{language, terminal};

/// Runs the command. `data` is what `--data` or `VESTA_DATA` says: the dictionary where the command reads one, else the
/// data folder.
pub(crate) async fn run(
    command: IntentsCommand,
    data: Option<&Path>,
    config: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    match command {
        IntentsCommand::Recognize(args) => {
            let source = Source::new(args, config);
            let homes = source.homes()?;
            recognize::run(&source.dictionary()?, &homes)
        }
        IntentsCommand::Explain { text, source, home_number, area, json } => {
            let source = Source::new(source, config);
            let dictionary = source.dictionary()?;
            let world = source.world(&dictionary, home_number, area.as_deref()).await?;
            explain(&dictionary, &text.join(" "), &world, json)
        }
        IntentsCommand::Sample { source, home_number, per_sentence, seed, intent, json } => {
            let source = Source::new(source, config);
            let dictionary = source.dictionary()?;
            let world = source.world(&dictionary, home_number, None).await?;
            let wanted = Samples { per_sentence: usize::from(per_sentence), seed, intent, json };
            sample(&dictionary, &world.names, &wanted)
        }
        IntentsCommand::Check { dictionary, json } => check(&dictionary, json),
        IntentsCommand::Add { source: crate::cli::SentenceSource::HomeAssistant, lang, wheel, json } => {
            let setting = Setting::new(data, config)?;
            add::home_assistant(&setting, lang.as_deref(), wheel.as_deref(), json).await
        }
    }
}

/// Where sentences and names come from.
struct Source<'a> {
    dictionary: Option<PathBuf>,
    home: Option<PathBuf>,
    folder: Option<PathBuf>,
    config: Option<&'a Path>,
}

/// What sentences are understood in.
struct World {
    names: Names,
    context: Context,
}

impl<'a> Source<'a> {
    /// `--data` names the dictionary here; the environment still names the data folder.
    fn new(args: DictionaryArgs, config: Option<&'a Path>) -> Self {
        let folder = std::env::var_os("VESTA_DATA").map(PathBuf::from);
        // Also a dictionary in the data folder itself can be named.
        let named = std::env::args_os().any(|one| one == "--data" || one.to_string_lossy().starts_with("--data="));
        let dictionary = args.dictionary.filter(|path| named || Some(path) != folder.as_ref());
        Self { dictionary, home: args.home, folder, config }
    }

    fn setting(&self) -> anyhow::Result<Setting> {
        Setting::new(self.folder.as_deref(), self.config)
    }

    /// The dictionary that was named, or the configured language's.
    fn dictionary(&self) -> anyhow::Result<Dictionary> {
        let Some(path) = &self.dictionary else {
            let setting = self.setting()?;
            return language::dictionary(&setting.config.language, setting.folder.path());
        };
        let parts = language::files(path)?;
        let dictionary = language::load_parts(&parts).context("the dictionary cannot be loaded")?;
        if dictionary.intents().is_empty() {
            bail!(
                "{} has no sentences in it: there is nothing under `intents`. (--data names the dictionary here; \
                 VESTA_DATA names the data folder.)",
                path.display()
            );
        }
        Ok(dictionary)
    }

    /// The homes of the file that was named.
    fn homes(&self) -> anyhow::Result<Vec<TestHome>> {
        let Some(path) = &self.home else { return Ok(Vec::new()) };
        let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        vesta_intents::cli::homes(&text).with_context(|| format!("{} is no file of homes", path.display()))
    }

    /// The home of the file that was named, or the one that `vesta ask` would speak to. With a dictionary of another
    /// origin, that is only the one of a running server.
    async fn world(&self, dictionary: &Dictionary, number: usize, area: Option<&str>) -> anyhow::Result<World> {
        if self.home.is_some() {
            let mut homes = self.homes()?;
            if number >= homes.len() {
                bail!("there is no home {number}; there are {}, counted from 0", homes.len());
            }
            let TestHome { names, mut context } = homes.swap_remove(number);
            context.extend(area.map(|area| ("area".to_owned(), Value::from(area))));
            return Ok(World { names, context });
        }
        let setting = self.setting()?;
        if self.dictionary.is_some() && running(&setting).await?.is_none() {
            terminal::remark("no server runs: names of devices and areas are not known; give some with --home");
            let context = area.map(|area| ("area".to_owned(), Value::from(area))).into_iter().collect();
            return Ok(World { names: Names::default(), context });
        }
        let host = Host::find(&setting).await?;
        let known = home_of(&host, dictionary, area).await;
        host.leave().await;
        known
    }
}

async fn home_of(host: &Host, dictionary: &Dictionary, area: Option<&str>) -> anyhow::Result<World> {
    let area = host.area(area).await?;
    let mut home = host.server.home().await?;
    let mut take = |key: &str| home.get_mut(key).map(Value::take).unwrap_or_default();
    let snapshot = Snapshot {
        version: 0,
        areas: serde_json::from_value(take("areas")).context("the server's areas cannot be read")?,
        floors: serde_json::from_value(take("floors")).context("the server's floors cannot be read")?,
        entities: serde_json::from_value::<std::collections::BTreeMap<_, _>>(take("entities"))
            .context("the server's devices cannot be read")?
            .into_iter()
            .map(|(id, entity)| (id, Arc::new(entity)))
            .collect(),
    };
    let context = area.map(|area| ("area".to_owned(), Value::from(area))).into_iter().collect();
    Ok(World { names: vesta_turn::names_of(&snapshot, dictionary), context })
}

fn explain(dictionary: &Dictionary, text: &str, world: &World, json: bool) -> anyhow::Result<ExitCode> {
    let explanation = dictionary.explain(text, &world.names, &world.context)?;
    let partial = dictionary.partial(text, &world.names, &world.context);
    let understanding = dictionary.understand(text, &world.names, &world.context);
    let understood = !matches!(understanding, Understanding::Nothing);
    let code = if understood { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if json {
        terminal::json(&json!({"explanation": explanation, "partial": partial, "understanding": understanding}))?;
        return Ok(code);
    }
    terminal::line(explanation.to_string().trim_end());
    let tell = |label: &str, recognition: &vesta_intents::Recognition| {
        let meaning = vesta_intents::cli::summary(recognition);
        let repairs: Vec<_> =
            recognition.repairs.iter().map(|(heard, meant)| format!(" ({heard} → {meant})")).collect();
        terminal::line(format!(
            "{label:9} {} {} confidence {:.2}{}",
            recognition.intent,
            meaning["slots"],
            recognition.confidence,
            repairs.concat()
        ));
    };
    match &understanding {
        Understanding::Commands(commands) if commands.len() > 1 => {
            commands.iter().for_each(|command| tell("command", command));
        }
        // Exact matches are in the explanation already.
        Understanding::Commands(commands) => {
            commands.iter().filter(|command| !command.repairs.is_empty()).for_each(|command| tell("repaired", command));
        }
        Understanding::Ask(meanings) => meanings.iter().for_each(|meaning| tell("perhaps", meaning)),
        Understanding::Nothing => {}
    }
    let heard = match (partial.complete, partial.can_continue) {
        (true, true) => "complete, and more words may follow",
        (true, false) => "complete",
        (false, true) => "the beginning of a sentence",
        (false, false) => "neither a sentence nor the beginning of one",
    };
    terminal::line(format!("so far     {heard}"));
    Ok(code)
}

struct Samples {
    per_sentence: usize,
    seed: u64,
    intent: Option<String>,
    json: bool,
}

fn sample(dictionary: &Dictionary, names: &Names, wanted: &Samples) -> anyhow::Result<ExitCode> {
    if let Some(intent) = &wanted.intent
        && !dictionary.intents().contains(&intent.as_str())
    {
        bail!("there is no intent '{intent}'; there are: {}", dictionary.intents().join(", "));
    }
    let samples = dictionary.sample(names, wanted.per_sentence, wanted.seed);
    let mut written = 0;
    for sample in samples.iter().filter(|sample| wanted.intent.as_ref().is_none_or(|intent| *intent == sample.intent)) {
        written += 1;
        if wanted.json {
            terminal::json(sample)?;
        } else {
            terminal::line(&sample.text);
        }
    }
    if written == 0 {
        terminal::remark("nothing can be said in this home: it has no names of the kinds that the sentences need");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn check(dictionary: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let parts = language::files(dictionary)?;
    let parts: Vec<(&str, &str)> = parts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let findings = vesta_intents::check(&parts);
    for finding in &findings {
        if json {
            terminal::json(finding)?;
        } else {
            terminal::line(finding.to_string());
        }
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    terminal::remark(format!(
        "{}: {}, {}",
        count(parts.len(), "file"),
        count(errors, "error"),
        count(findings.len() - errors, "warning")
    ));
    Ok(if errors > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
