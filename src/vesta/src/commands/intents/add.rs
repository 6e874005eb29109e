//! Takes Home Assistant's sentences out of the PyPI package `home-assistant-intents`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use anyhow::{Context, bail};
use serde_json::json;
use tokio::process::Command;
use vesta_intents::Dictionary;

use crate::commands::{Setting, running};
use crate::{home_assistant, language, terminal};

const PACKAGE: &str = "home-assistant-intents";
/// The package's folder with one file a language, `de.json`.
const FOLDER: &str = "home_assistant_intents/data/";
/// A larger file is no dictionary, in bytes; the largest so far has 0.3 MB.
const MAX_FILE: u64 = 64 << 20;
/// The licence under which the Open Home Foundation publishes the sentences; the wheel's own metadata names its code's.
const LICENCE: &str = "CC BY 4.0";
const LICENCE_URL: &str = "https://creativecommons.org/licenses/by/4.0/";
const SOURCE_URL: &str = "https://github.com/OHF-Voice/intents";
/// Prints where the package is installed, and its version.
const FIND_INSTALLED: &str = "import importlib.util as u, importlib.metadata as m
s = u.find_spec('home_assistant_intents')
if s and s.submodule_search_locations:
    print(list(s.submodule_search_locations)[0]); print(m.version('home-assistant-intents'))";
const PYTHONS: [&str; 2] = ["python3", "python"];
const HOW_TO_GET_IT: &str = "get the file home_assistant_intents-…-py3-none-any.whl from https://pypi.org/project/home-assistant-intents/#files, \
     and name it with --wheel FILE";

/// Where the package is.
enum Package {
    Wheel(PathBuf),
    /// Downloaded; the folder goes when this does.
    Downloaded(PathBuf, #[expect(dead_code, reason = "held until the file was read")] tempfile::TempDir),
    Installed {
        folder: PathBuf,
        version: Option<String>,
    },
}

/// What was found in it.
struct Found {
    tag: String,
    text: String,
    version: Option<String>,
    from: String,
}

pub(super) async fn home_assistant(
    setting: &Setting,
    wanted: Option<&str>,
    wheel: Option<&Path>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let wanted = tag(wanted.unwrap_or(&setting.config.language))?;
    let package = find(wheel).await?;
    let found = take(&package, &wanted)?;
    let dictionary = Dictionary::load(&[(found.from.as_str(), found.text.as_str())])
        .context("the dictionary in this package cannot be read by this version of Vesta")?;
    if dictionary.intents().is_empty() {
        bail!("{} has no sentences in it; nothing was changed", found.from);
    }
    let folder = setting.folder.path().join("intents").join(&found.tag);
    let path = folder.join(home_assistant::FILE);
    let licence = folder.join("homeassistant.licence.txt");
    let before = [&path, &licence].map(|file| (file, std::fs::read(file).ok()));
    let package = format!("{PACKAGE} {}", found.version.as_deref().unwrap_or("(of unknown version)"));
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    write(&licence, &notice(&found.tag, &package))?;
    write(&path, &found.text)?;
    // It must also work beside the sentences that are there already.
    if let Err(error) = language::dictionary(&found.tag, setting.folder.path()) {
        for (file, text) in before {
            let _ = text.map_or_else(|| std::fs::remove_file(file), |text| std::fs::write(file, text));
        }
        let others = std::fs::read_dir(&folder).is_ok_and(|mut files| files.next().is_some());
        // What is broken without them is not their fault.
        let why = match language::dictionary(&found.tag, setting.folder.path()) {
            Err(_) if others => "the sentences that are there already cannot be loaded",
            _ => "Home Assistant's sentences do not go with your own",
        };
        return Err(error.context(format!("{why}; everything is as it was")));
    }

    let (intents, sentences) = (dictionary.intents().len(), dictionary.size().sentences);
    if json {
        terminal::json(&json!({
            "language": found.tag, "file": path, "intents": intents, "sentences": sentences,
            "package": PACKAGE, "version": found.version, "source": SOURCE_URL,
            "licence": LICENCE, "licence_url": LICENCE_URL,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    terminal::line(format!("{sentences} sentences for {intents} intents in '{}', from {}", found.tag, found.from));
    terminal::line(format!("  {}", path.display()));
    terminal::line(format!(
        "  Sentences from Home Assistant ({SOURCE_URL}) by the Open Home Foundation and its contributors,\n  licensed \
         {LICENCE} ({LICENCE_URL}): whoever passes them on names them and the licence."
    ));
    if !speaks(&setting.config.language, &found.tag) {
        terminal::line(format!(
            "To speak it, set `language = \"{}\"` in {}.",
            found.tag,
            setting.folder.config().display()
        ));
    }
    if running(setting).await?.is_some() {
        terminal::line("The running server takes notice when it is started again.");
    }
    Ok(ExitCode::SUCCESS)
}

/// A language tag as the package writes it: `pt_br` is `pt-br`, and later found as `pt-BR`.
fn tag(wanted: &str) -> anyhow::Result<String> {
    let tag = wanted.trim().replace('_', "-");
    if tag.is_empty() || !tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        bail!("'{wanted}' is no language; write a tag such as de or pt-BR");
    }
    Ok(tag)
}

fn speaks(configured: &str, tag: &str) -> bool {
    configured.eq_ignore_ascii_case(tag) || configured.split('-').next() == Some(tag)
}

async fn find(wheel: Option<&Path>) -> anyhow::Result<Package> {
    if let Some(wheel) = wheel {
        return Ok(Package::Wheel(wheel.to_owned()));
    }
    let mut python = None;
    for program in PYTHONS {
        let Ok(output) = call(program, &["-c", FIND_INSTALLED]).await else { continue };
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut lines = printed.lines();
        if let Some(folder) = lines.next().filter(|line| !line.is_empty()) {
            let version = lines.next().map(str::to_owned);
            return Ok(Package::Installed { folder: folder.into(), version });
        }
        if output.status.success() {
            python.get_or_insert(program);
        }
    }
    match python {
        Some(python) => download(python).await,
        None => {
            bail!("there is no Python here to download the sentences with; install Python with pip, or {HOW_TO_GET_IT}")
        }
    }
}

async fn download(python: &str) -> anyhow::Result<Package> {
    if !call(python, &["-m", "pip", "--version"]).await.is_ok_and(|output| output.status.success()) {
        bail!("{python} has no pip to download the sentences with; install pip (python3-pip), or {HOW_TO_GET_IT}");
    }
    terminal::remark(format!("downloading {PACKAGE} (0.8 MB) with pip"));
    let folder = tempfile::tempdir().context("no temporary folder could be made")?;
    let place = folder.path().to_string_lossy();
    let arguments =
        ["-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input", "-q", "-d", &place, PACKAGE];
    let output = call(python, &arguments).await.with_context(|| format!("{python} cannot be started"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let reason = said.lines().rev().find(|line| line.starts_with("ERROR")).or_else(|| said.lines().last());
        bail!(
            "pip could not download {PACKAGE}: {}\nTry again later, or {HOW_TO_GET_IT}",
            reason.unwrap_or("it says nothing")
        );
    }
    let files = std::fs::read_dir(folder.path())?.collect::<Result<Vec<_>, _>>()?;
    let wheel = files.iter().map(std::fs::DirEntry::path).find(|path| path.extension().is_some_and(|e| e == "whl"));
    let wheel = wheel.with_context(|| format!("pip has left no wheel; {HOW_TO_GET_IT}"))?;
    Ok(Package::Downloaded(wheel, folder))
}

async fn call(program: &str, arguments: &[&str]) -> std::io::Result<std::process::Output> {
    Command::new(program).args(arguments).stdin(Stdio::null()).kill_on_drop(true).output().await
}

fn take(package: &Package, wanted: &str) -> anyhow::Result<Found> {
    match package {
        Package::Wheel(wheel) | Package::Downloaded(wheel, _) => from_wheel(wheel, wanted),
        Package::Installed { folder, version } => {
            let data = folder.join("data");
            let entries = std::fs::read_dir(&data).with_context(|| format!("{} cannot be read", data.display()))?;
            let names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
            let tag = choose(wanted, names.iter().filter_map(|name| name.strip_suffix(".json")))?;
            let path = data.join(format!("{tag}.json"));
            let file = File::open(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            let text = read(file, &path.display().to_string())?;
            Ok(Found { tag, text, version: version.clone(), from: path.display().to_string() })
        }
    }
}

fn from_wheel(wheel: &Path, wanted: &str) -> anyhow::Result<Found> {
    let shown = wheel.display();
    let file = File::open(wheel).with_context(|| format!("{shown} cannot be read"))?;
    let mut archive = zip::ZipArchive::new(file).with_context(|| format!("{shown} is no wheel, or is damaged"))?;
    let names: Vec<String> = archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
    let languages = || names.iter().filter_map(|name| name.strip_prefix(FOLDER)?.strip_suffix(".json"));
    if languages().next().is_none() {
        bail!("{shown} is not the package {PACKAGE}: it has no {FOLDER}");
    }
    let tag = choose(wanted, languages())?;
    let name = format!("{FOLDER}{tag}.json");
    let entry = archive.by_name(&name).with_context(|| format!("{name} in {shown} cannot be read"))?;
    let text = read(entry, &format!("{name} in {shown}"))?;
    let version = names.iter().find_map(|name| {
        let (info, file) = name.split_once('/')?;
        (file == "METADATA").then(|| info.strip_suffix(".dist-info")?.rsplit_once('-').map(|(_, v)| v.to_owned()))?
    });
    Ok(Found { tag, text, version, from: format!("{name} in {shown}") })
}

/// The package's own spelling of the wanted tag, or of its language where there is nothing for the region.
fn choose<'a>(wanted: &str, there: impl Iterator<Item = &'a str>) -> anyhow::Result<String> {
    let mut there: Vec<&str> = there.collect();
    there.sort_unstable();
    let base = wanted.split('-').next().unwrap_or(wanted);
    let found = [wanted, base].into_iter().find_map(|tag| there.iter().find(|known| known.eq_ignore_ascii_case(tag)));
    match found {
        Some(tag) => Ok((*tag).to_owned()),
        None => bail!("Home Assistant has no sentences for '{wanted}'; it has them for {}", there.join(", ")),
    }
}

fn read(source: impl Read, what: &str) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    source.take(MAX_FILE + 1).read_to_end(&mut bytes).with_context(|| format!("{what} cannot be unpacked"))?;
    if bytes.len() as u64 > MAX_FILE {
        bail!("{what} is larger than {} MB, so it is no dictionary", MAX_FILE >> 20);
    }
    String::from_utf8(bytes).with_context(|| format!("{what} is no text"))
}

/// What goes beside the sentences, so that their origin stays with them.
fn notice(tag: &str, package: &str) -> String {
    format!(
        "{file} holds sentences in the language '{tag}' from Home Assistant's intents.\n\n\
         Authors: the Open Home Foundation and the contributors to {SOURCE_URL}\n\
         Licence of the sentences: {LICENCE}, {LICENCE_URL}\n\
         Taken unchanged from the Python package {package}, https://pypi.org/project/{PACKAGE}/\n",
        file = home_assistant::FILE,
    )
}

/// Writes a file so that there is never half of it.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let draft = path.with_extension("draft");
    let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, path));
    written.with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_found_however_they_are_written() {
        let there = || ["de", "de-CH", "pt", "pt-BR", "zh-CN"].into_iter();
        for (wanted, found) in [("de", "de"), ("DE", "de"), ("de_ch", "de-CH"), ("pt-br", "pt-BR"), ("de-AT", "de")] {
            assert_eq!(choose(&tag(wanted).unwrap(), there()).unwrap(), found);
        }
        let missing = choose("tlh", there()).unwrap_err().to_string();
        assert!(missing.contains("tlh") && missing.contains("zh-CN"), "{missing}");
        assert!(tag("../../etc").is_err() && tag("").is_err());
    }
}
