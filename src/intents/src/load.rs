//! Files to one merged tree, and the tree to plain structures: no meaning yet.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::names::{ListValue, Out, ValueList};
use crate::numbers::NumberWords;
use crate::sources::Sources;
use crate::template::{self, TemplateError};

/// A file with more nodes than this is refused.
const MAX_NODES: usize = 20_000_000;
const MAX_SCALAR_BYTES: usize = 512 * 1024 * 1024;

/// Why a dictionary cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Not text.
    #[error("{file}: not UTF-8 at byte {at}; save the file as UTF-8")]
    NotUtf8 {
        /// The file's name.
        file: String,
        /// Offset of the first bad byte.
        at: usize,
    },
    /// Neither YAML nor JSON.
    #[error("{file}: {message}")]
    Syntax {
        /// The file's name.
        file: String,
        /// What the parser said, with line and column.
        message: String,
    },
    /// The tree is not a dictionary.
    #[error("{place}: {message}")]
    Shape {
        /// File, or intent, list or rule.
        place: String,
        /// What was expected.
        message: String,
    },
    /// A template that cannot be read.
    #[error("{place}: `{template}`: {error}")]
    Template {
        /// File and line where known, with the intent, list or rule.
        place: String,
        /// The template, shortened.
        template: String,
        /// What is wrong with it.
        error: TemplateError,
    },
    /// A reference to an expansion rule that does not exist.
    #[error("{place}: there is no expansion rule <{name}>; define it under `expansion_rules`")]
    UnknownRule {
        /// Where it is used.
        place: String,
        /// The rule's name.
        name: String,
    },
    /// A reference to a list that does not exist.
    #[error("{place}: there is no list {{{name}}}; define it under `lists`")]
    UnknownList {
        /// Where it is used.
        place: String,
        /// The list's name.
        name: String,
    },
    /// A rule or list that contains itself.
    #[error("{place}: {name} contains itself ({path}); take the circle apart")]
    Circular {
        /// Where it is used.
        place: String,
        /// The rule or list.
        name: String,
        /// The way round.
        path: String,
    },
    /// Too large or too deep.
    #[error("{place}: {message}")]
    TooLarge {
        /// Where.
        place: String,
        /// Which limit, and what to do.
        message: String,
    },
}

/// Reads every part and merges them: maps by key, lists one behind the other, the last of anything else wins.
pub(crate) fn merge_parts(parts: &[(&str, &str)]) -> Result<Map<String, Value>, LoadError> {
    let mut merged = Map::new();
    for (file, text) in parts {
        match read(file, text)? {
            Value::Object(map) => merge(&mut merged, map, file)?,
            Value::Null => {}
            _ => {
                return Err(LoadError::Shape {
                    place: (*file).to_owned(),
                    message: "expected keys such as `intents:` at the top, found a list or a single value".into(),
                });
            }
        }
    }
    Ok(merged)
}

fn read(file: &str, text: &str) -> Result<Value, LoadError> {
    let text = text.trim_start_matches('\u{feff}');
    let syntax = |message: String| LoadError::Syntax { file: file.to_owned(), message };
    if text.trim_start().starts_with('{') {
        // JSON is read as such: faster, and its messages are about JSON.
        if let Ok(value) = serde_json::from_str(text) {
            return Ok(value);
        }
        if file.ends_with(".json") {
            return serde_json::from_str(text).map_err(|error| syntax(error.to_string()));
        }
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: MAX_NODES,
            max_events: MAX_NODES * 2,
            max_total_scalar_bytes: MAX_SCALAR_BYTES,
            max_depth: 100,
        },
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| syntax(error.to_string()))
}

fn merge(base: &mut Map<String, Value>, new: Map<String, Value>, file: &str) -> Result<(), LoadError> {
    for (key, value) in new {
        match (base.get_mut(&key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new, file)?,
            (Some(Value::Array(old)), Value::Array(new)) => old.extend(new),
            (Some(Value::Object(_) | Value::Array(_)), Value::Null) => {}
            (Some(Value::Object(_)), _) => return Err(mismatch(file, &key, "a map")),
            (Some(Value::Array(_)), _) => return Err(mismatch(file, &key, "a list")),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
    Ok(())
}

fn mismatch(file: &str, key: &str, expected: &str) -> LoadError {
    LoadError::Shape { place: file.to_owned(), message: format!("`{key}` must be {expected}, as in the other files") }
}

/// A block of sentences that share slots, context and response.
#[derive(Debug, Deserialize)]
pub(crate) struct RawBlock {
    pub(crate) sentences: Vec<String>,
    #[serde(default)]
    pub(crate) slots: Map<String, Value>,
    #[serde(default)]
    pub(crate) response: Option<String>,
    #[serde(default)]
    pub(crate) requires_context: Map<String, Value>,
    #[serde(default)]
    pub(crate) excludes_context: Map<String, Value>,
    #[serde(default)]
    pub(crate) expansion_rules: Map<String, Value>,
    #[serde(default)]
    pub(crate) lists: Map<String, Value>,
    #[serde(default)]
    pub(crate) metadata: Option<Map<String, Value>>,
    #[serde(default)]
    pub(crate) required_keywords: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RawIntent {
    #[serde(default)]
    pub(crate) data: Vec<RawBlock>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct RawSettings {
    #[serde(default)]
    pub(crate) ignore_whitespace: bool,
}

/// The merged dictionary.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    pub(crate) language: String,
    pub(crate) settings: RawSettings,
    pub(crate) intents: Vec<(String, RawIntent)>,
    pub(crate) lists: Map<String, Value>,
    pub(crate) rules: Map<String, Value>,
    pub(crate) skip_words: Vec<String>,
    pub(crate) numbers: NumberWords,
    pub(crate) responses: Map<String, Value>,
    pub(crate) errors: Map<String, Value>,
    pub(crate) joiners: Vec<String>,
    pub(crate) floor_words: Vec<Vec<String>>,
    pub(crate) command_slots: Vec<String>,
    pub(crate) sounds: Vec<(String, String)>,
}

pub(crate) fn interpret(mut tree: Map<String, Value>) -> Result<Raw, LoadError> {
    let mut take = |key: &str| tree.remove(key).filter(|v| !v.is_null());
    let mut raw = Raw {
        language: take("language").and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default(),
        ..Raw::default()
    };
    if let Some(value) = take("settings") {
        raw.settings = typed("settings", value)?;
    }
    if let Some(value) = take("intents") {
        for (name, value) in map("intents", value)? {
            let intent = typed(&format!("intent {name}"), value)?;
            raw.intents.push((name, intent));
        }
    }
    if let Some(value) = take("lists") {
        raw.lists = map("lists", value)?;
    }
    if let Some(value) = take("expansion_rules") {
        raw.rules = map("expansion_rules", value)?;
    }
    if let Some(value) = take("skip_words") {
        raw.skip_words = typed("skip_words", value)?;
    }
    if let Some(value) = take("joiners") {
        raw.joiners = typed("joiners", value)?;
    }
    if let Some(value) = take("floor_words") {
        raw.floor_words = typed("floor_words", value)?;
    }
    if let Some(value) = take("command_slots") {
        raw.command_slots = typed("command_slots", value)?;
    }
    if let Some(value) = take("sounds") {
        raw.sounds = typed("sounds", value)?;
    }
    if let Some(value) = take("numbers") {
        raw.numbers = typed("numbers", value)?;
    }
    if let Some(value) = take("responses") {
        let mut responses = map("responses", value)?;
        if let Some(value) = responses.remove("intents").filter(|v| !v.is_null()) {
            raw.responses = map("responses.intents", value)?;
        }
        if let Some(value) = responses.remove("errors").filter(|v| !v.is_null()) {
            raw.errors = map("responses.errors", value)?;
        }
    }
    Ok(raw)
}

fn typed<T: serde::de::DeserializeOwned>(place: &str, value: Value) -> Result<T, LoadError> {
    serde_json::from_value(value)
        .map_err(|error| LoadError::Shape { place: place.to_owned(), message: error.to_string() })
}

fn map(place: &str, value: Value) -> Result<Map<String, Value>, LoadError> {
    match value {
        Value::Object(map) => Ok(map),
        _ => {
            Err(LoadError::Shape { place: place.to_owned(), message: "expected a map of names to definitions".into() })
        }
    }
}

/// A list as it is written, before its templates are compiled.
#[derive(Debug, Clone)]
pub(crate) enum RawList {
    Values(ValueList),
    Range(RawRange),
    Wildcard,
}

/// A range of numbers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct RawRange {
    pub(crate) from: i64,
    pub(crate) to: i64,
    #[serde(default = "one")]
    pub(crate) step: i64,
    #[serde(default)]
    pub(crate) multiplier: Option<f64>,
    #[serde(default)]
    pub(crate) fractions: Option<Fractions>,
    #[serde(default = "yes")]
    pub(crate) digits: bool,
    #[serde(default = "yes")]
    pub(crate) words: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fractions {
    Halves,
    Tenths,
}

fn one() -> i64 {
    1
}

fn yes() -> bool {
    true
}

impl RawRange {
    fn check(self, place: &str) -> Result<Self, LoadError> {
        let wrong = |message: &str| LoadError::Shape { place: place.to_owned(), message: message.to_owned() };
        if self.from > self.to {
            return Err(wrong("`from` is larger than `to`"));
        }
        if self.step <= 0 {
            return Err(wrong("`step` must be 1 or more"));
        }
        if !self.digits && !self.words {
            return Err(wrong("at least one of `digits` and `words` must be true"));
        }
        Ok(self)
    }

    /// The number of steps from the first number to the last.
    pub(crate) fn steps(&self) -> u64 {
        self.to.abs_diff(self.from) / self.step.unsigned_abs().max(1)
    }

    /// `{1..5:slot}` and `{0..100,10:slot}` are ranges without a definition.
    pub(crate) fn inline(name: &str) -> Option<Self> {
        let (from, rest) = name.split_once("..")?;
        let (to, step) = rest.split_once(',').unwrap_or((rest, "1"));
        let number = |text: &str| text.chars().all(|c| c.is_ascii_digit()).then(|| text.parse::<i64>().ok()).flatten();
        let range = Self {
            from: number(from)?,
            to: number(to)?,
            step: number(step)?,
            multiplier: None,
            fractions: None,
            digits: true,
            words: true,
        };
        range.check(name).ok()
    }
}

/// Reads the definition of a list.
pub(crate) fn list(name: &str, value: Value, sources: &Sources<'_>) -> Result<RawList, LoadError> {
    let place = format!("list {{{name}}}");
    let mut definition = map(&place, value)?;
    if let Some(values) = definition.remove("values") {
        let Value::Array(values) = values else {
            return Err(LoadError::Shape { place, message: "`values` must be a list".into() });
        };
        let values =
            values.into_iter().map(|value| list_value(&place, value, sources)).collect::<Result<Vec<_>, _>>()?;
        return Ok(RawList::Values(ValueList::new(values)));
    }
    if let Some(range) = definition.remove("range") {
        let range: RawRange = typed(&place, range)?;
        return Ok(RawList::Range(range.check(&place)?));
    }
    if definition.get("wildcard").and_then(Value::as_bool) == Some(true) {
        return Ok(RawList::Wildcard);
    }
    Err(LoadError::Shape { place, message: "needs `values`, `range` or `wildcard: true`".into() })
}

fn list_value(place: &str, value: Value, sources: &Sources<'_>) -> Result<ListValue, LoadError> {
    let (text, out, context, metadata) = match value {
        Value::String(text) => {
            let out = if template::is_template(&text) { Out::Spoken } else { Out::Written };
            (text, out, Map::new(), Map::new())
        }
        Value::Object(mut entry) => {
            let text = match entry.remove("in") {
                Some(Value::String(text)) => text,
                Some(Value::Number(number)) => number.to_string(),
                _ => {
                    return Err(LoadError::Shape {
                        place: place.to_owned(),
                        message: "every value needs a text under `in`".into(),
                    });
                }
            };
            let sub = |value: Option<Value>| match value {
                Some(Value::Object(map)) => map,
                _ => Map::new(),
            };
            let out = entry.remove("out").filter(|v| !v.is_null());
            let out = out.map_or(Out::Spoken, |value| Out::Value(Box::new(value)));
            (text, out, sub(entry.remove("context")), sub(entry.remove("metadata")))
        }
        Value::Number(number) => {
            (number.to_string(), Out::Value(Box::new(Value::Number(number))), Map::new(), Map::new())
        }
        _ => {
            return Err(LoadError::Shape {
                place: place.to_owned(),
                message: "a value must be a text or a map with `in` and `out`".into(),
            });
        }
    };
    let mut entry = ListValue::new(&text, out, context, metadata);
    if template::is_template(&text) {
        let parsed = template::parse(&text).map_err(|error| template_error(place, &text, error, sources))?;
        entry.is_template = true;
        entry.template = Some(Box::new(parsed));
    }
    Ok(entry)
}

pub(crate) fn template_error(what: &str, text: &str, error: TemplateError, sources: &Sources<'_>) -> LoadError {
    LoadError::Template { place: sources.place(what, text), template: shorten(text), error }
}

/// The first 80 characters.
pub(crate) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
