//! The lists of a dictionary, as they are written.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::load::Faults;
use crate::names::{ListValue, Out, ValueList};
use crate::raw::{kind, typed, within};
use crate::sources::Step::{self, Item, Key};
use crate::template;

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
    fn check(self) -> Result<Self, &'static str> {
        if self.from > self.to {
            return Err("`from` is larger than `to`; exchange them");
        }
        if self.step <= 0 {
            return Err("`step` must be 1 or more");
        }
        if !self.digits && !self.words {
            return Err("at least one of `digits` and `words` must be true");
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
        range.check().ok()
    }
}

/// Reads the definition of a list, which is under `path`.
pub(crate) fn list(name: &str, path: &[Step<'_>], value: Value, faults: &mut Faults<'_>) -> Option<RawList> {
    let what = format!("list {{{name}}}");
    let Value::Object(mut definition) = value else {
        let message = format!("needs `values`, `range` or `wildcard: true`, but is {}", kind(&value));
        faults.shape(&what, path, message);
        return None;
    };
    if let Some(values) = definition.remove("values") {
        let path = within(path, &[Key("values")]);
        let Value::Array(values) = values else {
            faults.shape(&what, &path, format!("`values` must be a list, not {}", kind(&values)));
            return None;
        };
        let count = values.len();
        let read = |(number, value)| list_value(&what, &path, number, value, faults);
        let values: Vec<ListValue> = values.into_iter().enumerate().filter_map(read).collect();
        return (values.len() == count).then(|| RawList::Values(ValueList::new(values)));
    }
    if let Some(range) = definition.remove("range") {
        let path = within(path, &[Key("range")]);
        let range: RawRange = typed(&what, &path, range, faults)?;
        return range.check().map_err(|message| faults.shape(&what, &path, message)).ok().map(RawList::Range);
    }
    if definition.get("wildcard").and_then(Value::as_bool) == Some(true) {
        return Some(RawList::Wildcard);
    }
    faults.shape(&what, path, "needs `values`, `range` or `wildcard: true`");
    None
}

fn list_value(
    what: &str,
    path: &[Step<'_>],
    number: usize,
    value: Value,
    faults: &mut Faults<'_>,
) -> Option<ListValue> {
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
                    faults.shape(what, &within(path, &[Item(number)]), "every value needs a text under `in`");
                    return None;
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
        other => {
            let message = format!("a value must be a text or a map with `in` and `out`, not {}", kind(&other));
            faults.shape(what, &within(path, &[Item(number)]), message);
            return None;
        }
    };
    let mut entry = ListValue::new(&text, out, context, metadata);
    if template::is_template(&text) {
        let parsed = template::parse(&text)
            .map_err(|error| faults.template(what, &within(path, &[Item(number)]), &text, error))
            .ok()?;
        entry.is_template = true;
        entry.template = Some(Box::new(parsed));
    }
    Some(entry)
}
