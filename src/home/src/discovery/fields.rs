//! Typed reading of a discovery payload; every error names the key.

use serde_json::{Map, Value};

use crate::action::Publish;
use crate::template::{Payload, Template};
use crate::text::scalar;
use crate::topic;

/// Longest text that is kept of a payload, in bytes.
const MAX_TEXT: usize = 4 * 1024;
/// Longest list that is kept of a payload.
const MAX_LIST: usize = 500;

/// A key that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key {key:?}: {problem}")]
pub(crate) struct FieldError {
    pub(crate) key: String,
    pub(crate) problem: String,
}

/// The keys of one entity's announcement, with full names and topics.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a Map<String, Value>);

/// Where messages come from and what they mean.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    /// Topic filter.
    pub(crate) topic: String,
    pub(crate) qos: u8,
    pub(crate) template: Option<Template>,
    /// What the message says, in the component's own terms.
    pub(crate) field: &'static str,
}

impl Input {
    /// The message's meaning as text.
    pub(crate) fn read(&self, payload: &Payload<'_>) -> Result<String, String> {
        match &self.template {
            Some(template) => template.read(payload),
            None => Ok(payload.text.to_owned()),
        }
    }
}

/// Where commands go to.
#[derive(Clone, Debug)]
pub(crate) struct Outlet {
    topic: String,
    template: Option<Template>,
    qos: u8,
    retain: bool,
}

impl Outlet {
    /// The message that carries `value`, through the command template where there is one.
    pub(crate) fn send(&self, value: impl Into<Value>) -> Result<Publish, String> {
        self.send_with(value, Map::new())
    }

    /// As [`Outlet::send`], with more variables for the template.
    pub(crate) fn send_with(&self, value: impl Into<Value>, mut more: Map<String, Value>) -> Result<Publish, String> {
        let value = value.into();
        let payload = match &self.template {
            Some(template) => {
                more.insert("value".to_owned(), value);
                template.write(more)?
            }
            None => scalar(&value).unwrap_or_else(|| value.to_string()),
        };
        Ok(self.raw(payload))
    }

    /// The message with exactly this payload.
    pub(crate) fn raw(&self, payload: String) -> Publish {
        Publish { topic: self.topic.clone(), payload, qos: self.qos, retain: self.retain }
    }

    pub(crate) fn with_template(self, template: Option<Template>) -> Self {
        Self { template, ..self }
    }
}

impl<'a> Fields<'a> {
    fn error<T>(key: &str, problem: impl Into<String>) -> Result<T, FieldError> {
        Err(FieldError { key: key.to_owned(), problem: problem.into() })
    }

    /// The value, unless it is missing or null.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// Whether the key is there and null, which has a meaning of its own for some keys.
    pub(crate) fn is_null(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(Value::is_null)
    }

    /// A text; numbers and booleans are taken in their text form.
    pub(crate) fn text(&self, key: &str) -> Result<Option<String>, FieldError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match scalar(value) {
            Some(text) if text.len() > MAX_TEXT => Self::error(key, format!("{} bytes are too long", text.len())),
            Some(text) => Ok(Some(text)),
            None => Self::error(key, "must be a text"),
        }
    }

    /// A text, or this one where the key is missing.
    pub(crate) fn text_or(&self, key: &str, default: &str) -> Result<String, FieldError> {
        Ok(self.text(key)?.unwrap_or_else(|| default.to_owned()))
    }

    /// A payload that means "cannot do this" where it is null.
    pub(crate) fn payload_or(&self, key: &str, default: &str) -> Result<Option<String>, FieldError> {
        if self.is_null(key) { Ok(None) } else { self.text_or(key, default).map(Some) }
    }

    /// A finite number.
    pub(crate) fn number(&self, key: &str) -> Result<Option<f64>, FieldError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = value.as_f64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
        match number.filter(|number: &f64| number.is_finite() && number.abs() < 1e12) {
            Some(number) => Ok(Some(number)),
            None => Self::error(key, "must be a number"),
        }
    }

    pub(crate) fn number_or(&self, key: &str, default: f64) -> Result<f64, FieldError> {
        Ok(self.number(key)?.unwrap_or(default))
    }

    /// A pair of limits of which the lower is below the upper.
    pub(crate) fn range(&self, low: (&str, f64), high: (&str, f64)) -> Result<(f64, f64), FieldError> {
        let pair = (self.number_or(low.0, low.1)?, self.number_or(high.0, high.1)?);
        if pair.0 < pair.1 { Ok(pair) } else { Self::error(high.0, format!("must be greater than {:?}", low.0)) }
    }

    /// Yes or no, in the spellings that devices use.
    pub(crate) fn boolean(&self, key: &str, default: bool) -> Result<bool, FieldError> {
        let Some(value) = self.get(key) else { return Ok(default) };
        match scalar(value).unwrap_or_default().to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" | "enable" => Ok(true),
            "false" | "no" | "off" | "0" | "disable" => Ok(false),
            _ => Self::error(key, "must be true or false"),
        }
    }

    /// A list of texts; a single text is a list of one.
    pub(crate) fn texts(&self, key: &str) -> Result<Vec<String>, FieldError> {
        match self.get(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) if items.len() > MAX_LIST => {
                Self::error(key, format!("{} items are too many (at most {MAX_LIST})", items.len()))
            }
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| scalar(item).filter(|text| text.len() <= MAX_TEXT))
                .collect::<Option<_>>()
                .map_or_else(|| Self::error(key, "must be a list of texts"), Ok),
            Some(value) => {
                scalar(value).map_or_else(|| Self::error(key, "must be a list of texts"), |text| Ok(vec![text]))
            }
        }
    }

    /// A compiled template.
    pub(crate) fn template(&self, key: &str) -> Result<Option<Template>, FieldError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let Some(source) = value.as_str() else { return Self::error(key, "must be a template") };
        Template::compile(source).map(Some).or_else(|problem| Self::error(key, problem))
    }

    fn qos(&self) -> Result<u8, FieldError> {
        match self.number("qos")? {
            None => Ok(0),
            Some(qos) if [0.0, 1.0, 2.0].contains(&qos) => Ok(qos as u8),
            Some(_) => Self::error("qos", "must be 0, 1 or 2"),
        }
    }

    /// Messages from the topic under `key`, read through the template under `template` where there is one.
    pub(crate) fn input(&self, key: &str, template: &str, field: &'static str) -> Result<Option<Input>, FieldError> {
        let Some(filter) = self.text(key)? else { return Ok(None) };
        if !topic::is_filter(&filter) {
            return Self::error(key, format!("{filter:?} is no topic filter"));
        }
        Ok(Some(Input { topic: filter, qos: self.qos()?, template: self.template(template)?, field }))
    }

    /// Commands to the topic under `key`, through the template under `template` where there is one.
    pub(crate) fn outlet(&self, key: &str, template: &str) -> Result<Option<Outlet>, FieldError> {
        let Some(name) = self.text(key)? else { return Ok(None) };
        if !topic::is_name(&name) {
            return Self::error(key, format!("{name:?} is no topic to publish to"));
        }
        let retain = self.boolean("retain", false)?;
        Ok(Some(Outlet { topic: name, template: self.template(template)?, qos: self.qos()?, retain }))
    }

    /// As [`Fields::outlet`], for a key without which the entity is of no use.
    pub(crate) fn required_outlet(&self, key: &str, template: &str) -> Result<Outlet, FieldError> {
        match self.outlet(key, template)? {
            Some(outlet) => Ok(outlet),
            None => Self::error(key, "is missing"),
        }
    }

    /// As [`Fields::input`], for a key without which the entity is of no use.
    pub(crate) fn required_input(&self, key: &str, template: &str, field: &'static str) -> Result<Input, FieldError> {
        match self.input(key, template, field)? {
            Some(input) => Ok(input),
            None => Self::error(key, "is missing"),
        }
    }
}
