//! What is wrong with a dictionary, by file and line.

mod circles;
mod reach;
mod references;

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::dictionary::Dictionary;
use crate::list::list;
use crate::load::{Faults, LoadError, is_twice, merge_parts};
use crate::raw::{Raw, RawIntent, block_path, interpret, within};
use crate::respond::{NO_KEYS, NO_TEXT};
use crate::sources::Step::{Item, Key};
use crate::sources::{Place, Sources, Step};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The dictionary cannot be used like this.
    Error,
    /// It works, but probably not as meant.
    Warning,
}

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The file, as it was named when it was handed over; empty where it is not known.
    pub file: String,
    /// Line from 1; 0 where it is not known.
    pub line: usize,
    /// How bad it is.
    pub severity: Severity,
    /// What it is, and what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}:", self.file)?;
            if self.line > 0 {
                write!(f, "{}:", self.line)?;
            }
            write!(f, " ")?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}", self.message)
    }
}

/// Checks the files of one dictionary: templates and lists that cannot be read, rules and lists that are unknown, unused
/// or contain themselves, sentences that can never be reached because others win, responses that are missing or broken.
/// Sorted by file and line.
#[must_use]
pub fn check(parts: &[(&str, &str)]) -> Vec<Finding> {
    let sources = Sources::new(parts);
    let mut checker = Checker { sources: &sources, findings: BTreeSet::new() };
    let mut faults = Faults::all(&sources);
    let tree = merge_parts(&mut faults);
    let is_map = |key: &&str| tree.get(*key).is_none_or(|value| value.is_object() || value.is_null());
    // Where something could not be read, it may have had what seems to be unknown.
    let complete = faults.found.is_empty() && ["expansion_rules", "lists"].iter().all(is_map);
    checker.twice(&faults);
    let mut raw = interpret(tree, &mut faults);
    references::check(&mut checker, &raw, complete, &mut faults);
    responses(&raw, &mut faults);
    if complete {
        checker.missing_responses(&raw);
    }
    lists(std::mem::take(&mut raw.lists), &raw.intents, &mut faults);
    for fault in faults.found {
        checker.fault(&fault);
    }
    if checker.findings.iter().any(|finding| finding.severity == Severity::Error) {
        return checker.findings.into_iter().collect();
    }
    match Dictionary::load(parts) {
        Err(error) => checker.fault(&error),
        Ok(dictionary) => {
            for (number, slot) in raw.command_slots.iter().enumerate() {
                if !dictionary.graph.slots.contains(slot) {
                    let message = format!("no sentence has a slot `{slot}`, which is named in command_slots");
                    checker.warn(&[Key("command_slots"), Item(number)], message);
                }
            }
            checker.broken_responses(&dictionary);
            reach::check(&mut checker, &dictionary, &raw.intents);
        }
    }
    checker.findings.into_iter().collect()
}

struct Checker<'a> {
    sources: &'a Sources<'a>,
    findings: BTreeSet<Finding>,
}

impl Checker<'_> {
    fn warn(&mut self, path: &[Step<'_>], message: String) {
        self.add(self.sources.find(path), Severity::Warning, message);
    }

    fn error(&mut self, path: &[Step<'_>], message: String) {
        self.add(self.sources.find(path), Severity::Error, message);
    }

    fn add(&mut self, place: Option<Place>, severity: Severity, message: String) {
        let (file, line) = place.unwrap_or_default();
        self.findings.insert(Finding { file, line, severity, message });
    }

    fn fault(&mut self, fault: &LoadError) {
        let message = fault.to_string();
        let (place, message) = self.sources.split(&message);
        if let (Some((file, 0)), LoadError::Syntax { .. }) = (&place, fault)
            && let Some((at, message)) = message.strip_prefix("line ").and_then(|message| message.split_once(": "))
            && let Some(line) = at.split(',').next().and_then(|line| line.parse().ok())
        {
            return self.add(Some((file.clone(), line)), Severity::Error, message.to_owned());
        }
        self.add(place, Severity::Error, message.to_owned());
    }

    /// Keys that are in one map twice. YAML refuses them; of JSON, only the last is read.
    fn twice(&mut self, faults: &Faults<'_>) {
        for ((file, _), marks) in self.sources.parts.iter().zip(self.sources.marks()) {
            let unreadable =
                faults.found.iter().any(|fault| matches!(fault, LoadError::Syntax { file: of, .. } if of == file));
            for twice in &marks.twice {
                let place = Some(((*file).to_owned(), twice.second as usize));
                let message = is_twice(twice);
                if unreadable {
                    self.add(place, Severity::Error, message);
                } else {
                    self.add(place, Severity::Warning, format!("{message}; only this one is read"));
                }
            }
        }
    }

    fn missing_responses(&mut self, raw: &Raw) {
        if raw.responses.is_empty() {
            return;
        }
        for (intent, definition) in &raw.intents {
            for block in &definition.data {
                let key = block.response.as_deref().unwrap_or("default");
                if raw.responses.get(intent).and_then(|keys| keys.get(key)).is_none() {
                    let path = block_path(intent, block.number);
                    let path = match &block.response {
                        Some(_) => within(&path, &[Key("response")]),
                        None => within(&path, &[Key("sentences"), Item(0)]),
                    };
                    self.warn(&path, format!("{intent} has no response `{key}`; add it to the responses"));
                }
            }
        }
    }

    fn broken_responses(&mut self, dictionary: &Dictionary) {
        for (name, message) in dictionary.responses.broken() {
            let steps: Vec<&str> = name.splitn(3, '/').collect();
            let path: Vec<Step<'_>> = match steps.as_slice() {
                ["intent", intent, key] => vec![Key("responses"), Key("intents"), Key(intent), Key(key)],
                [_, code @ ..] => {
                    [Key("responses"), Key("errors")].into_iter().chain(code.first().map(|c| Key(c))).collect()
                }
                [] => Vec::new(),
            };
            self.warn(&path, format!("the template {name} is broken: {message}"));
        }
    }
}

/// Responses and spoken errors that are no templates.
fn responses(raw: &Raw, faults: &mut Faults<'_>) {
    let mut text = |path: &[Step<'_>], key: &str, value: &Value| {
        if !value.is_string() {
            faults.shape(&format!("response {key}"), path, NO_TEXT);
        }
    };
    for (code, template) in &raw.errors {
        text(&[Key("responses"), Key("errors"), Key(code)], code, template);
    }
    for (intent, keys) in &raw.responses {
        for (key, template) in keys.as_object().into_iter().flatten() {
            text(&[Key("responses"), Key("intents"), Key(intent), Key(key)], key, template);
        }
    }
    for (intent, _) in raw.responses.iter().filter(|(_, keys)| !keys.is_object()) {
        faults.shape(&format!("response {intent}"), &[Key("responses"), Key("intents"), Key(intent)], NO_KEYS);
    }
}

/// Reads the definitions of all lists, used or not.
fn lists(of_all: Map<String, Value>, intents: &[(String, RawIntent)], faults: &mut Faults<'_>) {
    for (name, definition) in of_all {
        list(&name, &[Key("lists"), Key(&name)], definition, faults);
    }
    for (intent, definition) in intents {
        for block in &definition.data {
            for (name, definition) in &block.lists {
                let path = within(&block_path(intent, block.number), &[Key("lists"), Key(name)]);
                list(name, &path, definition.clone(), faults);
            }
        }
    }
}
