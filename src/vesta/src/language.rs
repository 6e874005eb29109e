//! The languages that are part of the program, and those that the owner added.

use std::path::Path;

use anyhow::{Context, bail};
use include_dir::{Dir, include_dir};
use vesta_intents::Dictionary;
use vesta_turn::Language;

static INTENTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../intents");

/// Tags of the languages that are there.
pub(crate) fn tags() -> Vec<String> {
    INTENTS.dirs().filter_map(|dir| dir.path().file_name()?.to_str().map(str::to_owned)).collect()
}

/// The language `tag`, with the owner's sentences from `<data>/intents/<tag>/` beside the built-in ones.
///
/// # Errors
/// The language is not there, or a file of it is wrong.
pub(crate) fn load(tag: &str, data: &Path) -> anyhow::Result<Language> {
    let mut parts = Vec::new();
    let base = tag.split('-').next().unwrap_or(tag);
    if let Some(dir) = INTENTS.get_dir(tag).or_else(|| INTENTS.get_dir(base)) {
        collect_built_in(dir, &mut parts);
    }
    let own = data.join("intents").join(tag);
    if own.is_dir() {
        collect_own(&own, &mut parts)?;
    }
    if parts.is_empty() {
        bail!(
            "there are no sentences for the language '{tag}'; there are {}. Set `language`, or put sentences into {}",
            tags().join(", "),
            own.display()
        );
    }
    let parts: Vec<(&str, &str)> = parts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let dictionary =
        Dictionary::load(&parts).with_context(|| format!("the sentences of the language '{tag}' are wrong"))?;
    Ok(Language::new(tag, dictionary))
}

fn collect_built_in(dir: &Dir<'_>, parts: &mut Vec<(String, String)>) {
    for file in dir.files() {
        if let (true, Some(text)) = (is_sentences(file.path()), file.contents_utf8()) {
            parts.push((file.path().display().to_string(), text.to_owned()));
        }
    }
    for dir in dir.dirs().filter(|dir| dir.path().file_name().is_some_and(|name| name != "tests")) {
        collect_built_in(dir, parts);
    }
}

fn collect_own(folder: &Path, parts: &mut Vec<(String, String)>) -> anyhow::Result<()> {
    let mut entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "tests" {
            collect_own(&path, parts)?;
        } else if is_sentences(&path) {
            let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            parts.push((path.display().to_string(), text));
        }
    }
    Ok(())
}

fn is_sentences(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "json")
}
