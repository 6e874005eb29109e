//! The languages that are part of the program, and those that the owner added.

use std::path::Path;

use anyhow::{Context, bail};
use include_dir::{Dir, include_dir};
use vesta_intents::{Dictionary, LoadError};
use vesta_turn::Language;

use crate::home_assistant;

static INTENTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../intents");

/// Tags of the languages that are there.
pub(crate) fn tags() -> Vec<String> {
    let languages = INTENTS.dirs().filter(|dir| INTENTS.contains(dir.path().join("sentences")));
    languages.filter_map(|dir| dir.path().file_name()?.to_str().map(str::to_owned)).collect()
}

/// How numbers are said in a language, for dictionaries that do not tell: the file's name and its text.
pub(crate) fn numbers(tag: &str) -> Option<(String, &'static str)> {
    let base = tag.split('-').next().unwrap_or(tag);
    let files = [tag, base].map(|tag| [format!("numbers/{tag}.yaml"), format!("{tag}/sentences/numbers.yaml")]);
    let file = files.iter().flatten().find_map(|name| INTENTS.get_file(name))?;
    Some((file.path().display().to_string(), file.contents_utf8()?))
}

/// Loads the files of one dictionary. Where they do not tell how numbers are said, the program's own words for their
/// language are used.
///
/// # Errors
/// As [`Dictionary::load`].
pub(crate) fn load_parts(parts: &[(String, String)]) -> Result<Dictionary, LoadError> {
    let mut parts: Vec<(&str, &str)> = parts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let dictionary = Dictionary::load(&parts)?;
    let Some((name, text)) = numbers(dictionary.language()).filter(|_| !dictionary.has_numbers()) else {
        return Ok(dictionary);
    };
    parts.push((&name, text));
    Dictionary::load(&parts)
}

/// The language `tag`, with the owner's sentences from `<data>/intents/<tag>/` beside the built-in ones; where the region
/// has none of its own (`de-AT`), those of the language (`de`). Home Assistant's dictionary, if it was added, comes last:
/// of sentences that fit equally well the others win, and so do their answers.
///
/// # Errors
/// The language is not there, or a file of it is wrong.
pub(crate) fn load(tag: &str, data: &Path) -> anyhow::Result<Language> {
    Ok(Language::new(tag, dictionary(tag, data)?))
}

/// The sentences of [`load`] alone.
///
/// # Errors
/// As there.
pub(crate) fn dictionary(tag: &str, data: &Path) -> anyhow::Result<Dictionary> {
    let mut parts = Vec::new();
    let base = tag.split('-').next().unwrap_or(tag);
    if let Some(dir) = INTENTS.get_dir(tag).or_else(|| INTENTS.get_dir(base)) {
        collect_built_in(dir, &mut parts);
    }
    let folder = data.join("intents");
    let own = [tag, base].map(|tag| folder.join(tag)).into_iter().find(|own| own.is_dir());
    if let Some(own) = &own {
        collect_folder(own, &mut parts)?;
    }
    if parts.is_empty() {
        bail!(
            "there are no sentences for the language '{tag}'; there are {}. Set `language`, put sentences into {}, or \
             add Home Assistant's: vesta intents add homeassistant --lang {tag}",
            tags().join(", "),
            folder.join(tag).display()
        );
    }
    load_parts(&arrange(parts)?).with_context(|| format!("the sentences of the language '{tag}' are wrong"))
}

/// Puts Home Assistant's dictionary around the others: what it says before them, what it understands after them.
fn arrange(parts: Vec<(String, String)>) -> anyhow::Result<Vec<(String, String)>> {
    let is_added = |name: &str| Path::new(name).file_name().is_some_and(|name| name == home_assistant::FILE);
    let (added, mut parts): (Vec<_>, Vec<_>) = parts.into_iter().partition(|(name, _)| is_added(name));
    for (name, text) in added {
        let adapted = home_assistant::adapt(&text).with_context(|| {
            format!("{name} is damaged; add it again with `vesta intents add homeassistant`, or delete it")
        })?;
        parts.insert(0, (name.clone(), adapted.said.to_string()));
        parts.push((name, adapted.understood.to_string()));
    }
    Ok(parts)
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

/// The files of a dictionary: a file, or what is in a folder except its `tests`. In the order of their names.
///
/// # Errors
/// There is none, or one cannot be read.
pub(crate) fn files(path: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let mut parts = Vec::new();
    if path.is_dir() {
        collect_folder(path, &mut parts)?;
        if parts.is_empty() {
            bail!("{} has no sentences in it: no .yaml, .yml or .json file", path.display());
        }
    } else {
        parts.push((path.display().to_string(), read(path)?));
    }
    Ok(parts)
}

fn collect_folder(folder: &Path, parts: &mut Vec<(String, String)>) -> anyhow::Result<()> {
    let unreadable = || format!("{} cannot be read", folder.display());
    let entries = std::fs::read_dir(folder).with_context(unreadable)?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>().with_context(unreadable)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            if entry.file_name() != "tests" {
                collect_folder(&path, parts)?;
            }
        } else if is_sentences(&path) {
            parts.push((path.display().to_string(), read(&path)?));
        }
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count() + 1;
        anyhow::anyhow!("{}:{line}: not UTF-8; save the file as UTF-8", path.display())
    })
}

fn is_sentences(path: &Path) -> bool {
    path.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_no_language_and_go_with_dictionaries_that_have_none() {
        assert!(tags().contains(&"en".to_owned()) && !tags().contains(&"numbers".to_owned()));
        assert!(numbers("nl-BE").is_some_and(|(name, _)| name == "numbers/nl.yaml"));
        assert!(numbers("de-CH").is_some_and(|(name, _)| name == "numbers/de-CH.yaml"));
        assert!(numbers("de-AT").is_some_and(|(name, _)| name == "de/sentences/numbers.yaml"));
        assert!(numbers("tlh").is_none());
        let dictionary = |language: &str| {
            let text = format!(
                "language: {language}\nintents: {{Set: {{data: [{{sentences: ['zet op {{0..100:level}}']}}]}}}}"
            );
            load_parts(&[("a.yaml".to_owned(), text)]).unwrap()
        };
        let meant = |language: &str| {
            let names = vesta_intents::Names::default();
            dictionary(language).recognize("zet op vijfenveertig", &names, &vesta_intents::Context::new()).is_some()
        };
        assert!(meant("nl") && !meant("tlh"));
    }
}
