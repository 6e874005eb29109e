//! Whether a device can be reached, as its availability topics tell.

use serde_json::{Map, Value};

use super::fields::{FieldError, Fields, Input};

/// Most availability topics of one entity.
const MAX_TOPICS: usize = 20;

/// How several availability topics count together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    All,
    Any,
    Latest,
}

/// One availability topic.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) input: Input,
    available: String,
    not_available: String,
}

/// The availability topics of an entity.
#[derive(Clone, Debug)]
pub(crate) struct Availability {
    pub(crate) mode: Mode,
    pub(crate) sources: Vec<Source>,
}

impl Availability {
    pub(crate) fn new(fields: Fields<'_>) -> Result<Self, FieldError> {
        let mode = match fields.text("availability_mode")?.as_deref() {
            None | Some("latest") => Mode::Latest,
            Some("all") => Mode::All,
            Some("any") => Mode::Any,
            Some(other) => {
                return Err(FieldError {
                    key: "availability_mode".to_owned(),
                    problem: format!("{other:?} is none of all, any, latest"),
                });
            }
        };
        let mut sources = Vec::new();
        if let Some(input) = fields.input("availability_topic", "availability_template", "")? {
            sources.push(Source::new(input, fields)?);
        }
        let listed: Vec<&Map<String, Value>> = match fields.get("availability") {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_object).collect(),
            Some(Value::Object(item)) => vec![item],
            _ => Vec::new(),
        };
        if listed.len() > MAX_TOPICS {
            return Err(FieldError {
                key: "availability".to_owned(),
                problem: format!("more than {MAX_TOPICS} topics"),
            });
        }
        for item in listed {
            let item = Fields(item);
            sources.push(Source::new(item.required_input("topic", "value_template", "")?, item)?);
        }
        Ok(Self { mode, sources })
    }

    /// What is known before the first message: an entity with availability topics is not available until one says so.
    pub(crate) fn initial(&self) -> Vec<Option<bool>> {
        vec![None; self.sources.len()]
    }

    /// The whole, given what each source said last and which source spoke last.
    pub(crate) fn overall(&self, said: &[Option<bool>], latest: Option<usize>) -> bool {
        if self.sources.is_empty() {
            return true;
        }
        match self.mode {
            Mode::All => said.iter().all(|said| *said == Some(true)),
            Mode::Any => said.contains(&Some(true)),
            Mode::Latest => latest.and_then(|at| said.get(at)) == Some(&Some(true)),
        }
    }
}

impl Source {
    fn new(input: Input, fields: Fields<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            input,
            available: fields.text_or("payload_available", "online")?,
            not_available: fields.text_or("payload_not_available", "offline")?,
        })
    }

    /// What a message says; `None` where it is neither payload.
    pub(crate) fn meaning(&self, text: &str) -> Option<bool> {
        if text == self.available {
            Some(true)
        } else if text == self.not_available {
            Some(false)
        } else {
            None
        }
    }
}
