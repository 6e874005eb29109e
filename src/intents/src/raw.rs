//! The merged tree to plain structures: no meaning yet.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::load::Faults;
use crate::numbers::NumberWords;
use crate::sources::Step::{self, Item, Key};

/// Stands for a text that is none and was reported.
pub(crate) const UNREADABLE: &str = "\u{fffd}";

/// A block of sentences that share slots, context and response.
#[derive(Debug, Default)]
pub(crate) struct RawBlock {
    /// Its number in its intent, from 0.
    pub(crate) number: usize,
    pub(crate) sentences: Vec<String>,
    pub(crate) slots: Map<String, Value>,
    pub(crate) response: Option<String>,
    pub(crate) requires_context: Map<String, Value>,
    pub(crate) excludes_context: Map<String, Value>,
    pub(crate) expansion_rules: Map<String, Value>,
    pub(crate) lists: Map<String, Value>,
    pub(crate) metadata: Option<Map<String, Value>>,
    pub(crate) required_keywords: Option<Vec<String>>,
}

#[derive(Debug, Default)]
pub(crate) struct RawIntent {
    pub(crate) data: Vec<RawBlock>,
}

/// Where the blocks of an intent are.
pub(crate) fn block_path<'a>(intent: &'a str, block: usize) -> [Step<'a>; 4] {
    [Key("intents"), Key(intent), Key("data"), Item(block)]
}

/// The same path, longer.
pub(crate) fn within<'a>(path: &[Step<'a>], more: &[Step<'a>]) -> Vec<Step<'a>> {
    [path, more].concat()
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

pub(crate) fn interpret(mut tree: Map<String, Value>, faults: &mut Faults<'_>) -> Raw {
    let mut take = |key: &str| tree.remove(key).filter(|v| !v.is_null());
    let mut raw = Raw {
        language: take("language").and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default(),
        ..Raw::default()
    };
    if let Some(value) = take("settings") {
        raw.settings = section("settings", value, faults);
    }
    if let Some(value) = take("intents") {
        for (name, value) in map("intents", &[Key("intents")], value, faults) {
            let intent = intent(&name, value, faults);
            raw.intents.push((name, intent));
        }
    }
    if let Some(value) = take("lists") {
        raw.lists = map("lists", &[Key("lists")], value, faults);
    }
    if let Some(value) = take("expansion_rules") {
        raw.rules = map("expansion_rules", &[Key("expansion_rules")], value, faults);
    }
    for (key, to) in
        [("skip_words", &mut raw.skip_words), ("joiners", &mut raw.joiners), ("command_slots", &mut raw.command_slots)]
    {
        if let Some(value) = take(key) {
            *to = texts(key, key, &[Key(key)], value, faults);
        }
    }
    if let Some(value) = take("floor_words") {
        raw.floor_words = section("floor_words", value, faults);
    }
    if let Some(value) = take("sounds") {
        raw.sounds = section("sounds", value, faults);
    }
    if let Some(value) = take("numbers") {
        raw.numbers = section("numbers", value, faults);
    }
    if let Some(value) = take("responses") {
        let mut responses = map("responses", &[Key("responses")], value, faults);
        for (key, to) in [("intents", &mut raw.responses), ("errors", &mut raw.errors)] {
            if let Some(value) = responses.remove(key).filter(|v| !v.is_null()) {
                *to = map(&format!("responses.{key}"), &[Key("responses"), Key(key)], value, faults);
            }
        }
    }
    raw
}

fn intent(name: &str, value: Value, faults: &mut Faults<'_>) -> RawIntent {
    let what = format!("intent {name}");
    let path = [Key("intents"), Key(name)];
    let blocks = match map(&what, &path, value, faults).remove("data") {
        None => Vec::new(),
        Some(Value::Array(blocks)) => blocks,
        Some(other) => {
            let message = format!("`data` must be a list of blocks with `sentences`, not {}", kind(&other));
            faults.shape(&what, &within(&path, &[Key("data")]), message);
            Vec::new()
        }
    };
    let block = |(number, value)| block(&what, number, &block_path(name, number), value, faults);
    RawIntent { data: blocks.into_iter().enumerate().filter_map(block).collect() }
}

fn block(what: &str, number: usize, path: &[Step<'_>], value: Value, faults: &mut Faults<'_>) -> Option<RawBlock> {
    let Value::Object(mut block) = value else {
        faults.shape(what, path, format!("expected a block with `sentences`, found {}", kind(&value)));
        return None;
    };
    let sentences = match block.remove("sentences") {
        Some(sentences) => texts(what, "sentences", &within(path, &[Key("sentences")]), sentences, faults),
        None => {
            faults.shape(what, path, "the block has no `sentences`; add a list of them");
            Vec::new()
        }
    };
    let response = match block.remove("response") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text),
        Some(other) => {
            let message = format!("`response` must be the key of a response, not {}", kind(&other));
            faults.shape(what, &within(path, &[Key("response")]), message);
            None
        }
    };
    let required_keywords = block
        .remove("required_keywords")
        .filter(|v| !v.is_null())
        .map(|value| texts(what, "required_keywords", &within(path, &[Key("required_keywords")]), value, faults));
    let metadata = block.remove("metadata").filter(|v| !v.is_null());
    let mut of_block = |key: &'static str, value: Option<Value>| match value {
        None => Map::new(),
        Some(Value::Object(map)) => map,
        Some(other) => {
            let message = format!("`{key}` must be a map of names to values, not {}", kind(&other));
            faults.shape(what, &within(path, &[Key(key)]), message);
            Map::new()
        }
    };
    Some(RawBlock {
        number,
        sentences,
        response,
        required_keywords,
        metadata: metadata.map(|value| of_block("metadata", Some(value))),
        slots: of_block("slots", block.remove("slots")),
        requires_context: of_block("requires_context", block.remove("requires_context")),
        excludes_context: of_block("excludes_context", block.remove("excludes_context")),
        expansion_rules: of_block("expansion_rules", block.remove("expansion_rules")),
        lists: of_block("lists", block.remove("lists")),
    })
}

/// A list of texts. What is none is [`UNREADABLE`], so that those behind it keep their numbers.
fn texts(what: &str, key: &str, path: &[Step<'_>], value: Value, faults: &mut Faults<'_>) -> Vec<String> {
    let items = match value {
        Value::Array(items) => items,
        other => {
            let message = match &other {
                Value::String(_) => {
                    format!("`{key}` must be a list of texts, not a single one; put it in brackets: [\"…\"]")
                }
                other => format!("`{key}` must be a list of texts, not {}", kind(other)),
            };
            faults.shape(what, path, message);
            return Vec::new();
        }
    };
    let text = |(number, item)| match item {
        Value::String(text) => text,
        other => {
            let message = match &other {
                Value::Number(_) | Value::Bool(_) => {
                    format!("`{other}` in `{key}` is {}, not a text; put quotes around it: \"{other}\"", kind(&other))
                }
                _ => format!("`{key}` must have texts in it, not {}", kind(&other)),
            };
            faults.shape(what, &within(path, &[Item(number)]), message);
            UNREADABLE.to_owned()
        }
    };
    items.into_iter().enumerate().map(text).collect()
}

/// What a value is, for messages.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

fn section<T: serde::de::DeserializeOwned + Default>(key: &str, value: Value, faults: &mut Faults<'_>) -> T {
    typed(key, &[Key(key)], value, faults).unwrap_or_default()
}

pub(crate) fn typed<T: serde::de::DeserializeOwned>(
    what: &str,
    path: &[Step<'_>],
    value: Value,
    faults: &mut Faults<'_>,
) -> Option<T> {
    serde_json::from_value(value).map_err(|error| faults.shape(what, path, error.to_string())).ok()
}

fn map(what: &str, path: &[Step<'_>], value: Value, faults: &mut Faults<'_>) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => {
            faults.shape(what, path, format!("expected a map of names to definitions, not {}", kind(&other)));
            Map::new()
        }
    }
}
