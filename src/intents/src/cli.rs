//! What the program's `intents` commands do, without reading or writing anything themselves.

use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::dictionary::Dictionary;
use crate::names::{NameEntry, Names};
use crate::recognize::Recognition;

/// A home as in a `homes.json` file.
#[derive(Debug, Clone)]
pub struct TestHome {
    /// Its names.
    pub names: Names,
    /// The context that its sentences are spoken in: `{"area": …}`, null where the speaker's room is not known.
    pub context: Context,
}

/// A line or file that is not what the commands expect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InputError(String);

/// Reads homes: a list of `{"names": [{"in", "out", "context"}], "areas": [], "floors": [], "area_context"}`, or a single one.
///
/// # Errors
/// [`InputError`] naming the home and what is wrong with it.
pub fn homes(text: &str) -> Result<Vec<TestHome>, InputError> {
    let value: Value = serde_json::from_str(text).map_err(|error| InputError(format!("homes: {error}")))?;
    match value {
        Value::Array(homes) => homes
            .iter()
            .enumerate()
            .map(|(i, home)| test_home(home).map_err(|e| InputError(format!("home {i}: {e}"))))
            .collect(),
        Value::Object(_) => Ok(vec![test_home(&value)?]),
        _ => Err(InputError("homes: expected a list of homes".into())),
    }
}

fn test_home(home: &Value) -> Result<TestHome, InputError> {
    let mut names = Names::builder();
    for entry in entries(home, "names")? {
        let (text, value, context) = match entry {
            Value::String(text) => (text.as_str(), Value::from(text.as_str()), Map::new()),
            Value::Object(map) => {
                let text = map
                    .get("in")
                    .and_then(Value::as_str)
                    .ok_or_else(|| InputError("a name has no text under `in`".into()))?;
                let value = map.get("out").cloned().unwrap_or_else(|| Value::from(text));
                (text, value, map.get("context").and_then(Value::as_object).cloned().unwrap_or_default())
            }
            _ => return Err(InputError("a name must be a text or a map with `in` and `out`".into())),
        };
        names = names.name(NameEntry { text: text.to_owned(), value, context, metadata: Map::new() });
    }
    for area in entries(home, "areas")? {
        let (text, value) = plain(area)?;
        names = names.area(text, value);
    }
    for floor in entries(home, "floors")? {
        let (text, value) = plain(floor)?;
        names = names.floor(text, value);
    }
    let mut context = Context::new();
    if let Some(area) = home.get("area_context") {
        context.insert("area".to_owned(), area.clone());
    }
    Ok(TestHome { names: names.build(), context })
}

fn entries<'a>(home: &'a Value, key: &str) -> Result<&'a [Value], InputError> {
    match home.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(values)) => Ok(values),
        Some(_) => Err(InputError(format!("`{key}` must be a list"))),
    }
}

fn plain(entry: &Value) -> Result<(&str, Value), InputError> {
    match entry {
        Value::String(text) => Ok((text, Value::from(text.as_str()))),
        Value::Object(map) => {
            let text = map.get("in").and_then(Value::as_str);
            let text = text.ok_or_else(|| InputError("an area or floor has no text under `in`".into()))?;
            Ok((text, map.get("out").cloned().unwrap_or_else(|| Value::from(text))))
        }
        _ => Err(InputError("an area or floor must be a text".into())),
    }
}

/// Answers one line `{"home": n, "text": "…"}` with `{"intent", "slots", "response"}` or null. The home may be left out
/// where there is only one.
///
/// # Errors
/// [`InputError`] for lines that are not of this form, for homes that do not exist, and for sentences that are too long or can be read in
/// too many ways.
pub fn recognize_line(dictionary: &Dictionary, homes: &[TestHome], line: &str) -> Result<Value, InputError> {
    let case: Value = serde_json::from_str(line).map_err(|error| InputError(format!("not JSON: {error}")))?;
    let text = case.get("text").and_then(Value::as_str).ok_or_else(|| InputError("the line has no `text`".into()))?;
    let number = match case.get("home") {
        None | Some(Value::Null) => 0,
        Some(number) => number
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
            .ok_or_else(|| InputError(format!("`home` must be the number of a home, from 0; it is {number}")))?,
    };
    let (empty_names, empty_context) = (Names::default(), Context::new());
    let (names, context) = match homes.get(number) {
        Some(home) => (&home.names, &home.context),
        None if homes.is_empty() => (&empty_names, &empty_context),
        None => return Err(InputError(format!("there is no home {number}; there are {}", homes.len()))),
    };
    let found = dictionary.try_recognize(text, names, context).map_err(|refused| InputError(refused.to_string()))?;
    Ok(found.map_or(Value::Null, |found| summary(&found)))
}

/// A result in the form that the commands print.
#[must_use]
pub fn summary(recognition: &Recognition) -> Value {
    let slots: Map<String, Value> =
        recognition.slots.iter().map(|(name, slot)| (name.clone(), slot.value.clone())).collect();
    json!({"intent": recognition.intent, "slots": slots, "response": recognition.response})
}
