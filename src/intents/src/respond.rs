//! What the house says: templates (Jinja, through minijinja) from the language's files.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use serde_json::{Map, Value};

/// What a response template can use.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ResponseInput {
    /// Slot names to what should be said for them.
    pub slots: Map<String, Value>,
    /// The queried entity: `state`, `state_with_unit`, `name`, `domain`, `attributes`.
    pub state: Option<Value>,
    /// `{"matched": [...], "unmatched": [...]}`, each an entity as in `state`.
    pub query: Value,
}

/// Why nothing can be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RespondError {
    /// The language's files have no such response.
    #[error("there is no response `{key}` for {intent}; add it to responses.yaml")]
    Missing {
        /// The intent.
        intent: String,
        /// The response's key.
        key: String,
    },
    /// The template fails with these values.
    #[error("the response `{key}` of {intent} fails: {message}")]
    Template {
        /// The intent.
        intent: String,
        /// The response's key.
        key: String,
        /// What minijinja says.
        message: String,
    },
}

/// What is wrong with a response that is no template at all.
pub(crate) const NO_TEXT: &str = "the template must be a text; put quotes around it";
/// What is wrong with an intent's responses that are none.
pub(crate) const NO_KEYS: &str = "expected a map of response keys to templates";

/// Below `responses` in the files.
fn steps(path: &[&str]) -> Vec<String> {
    ["responses"].iter().chain(path).map(|step| (*step).to_owned()).collect()
}

/// All responses and spoken errors of a language.
#[derive(Debug)]
pub(crate) struct Responses {
    /// Compiles a template when it is first said: all of English, compiled, took 2 MB, and a home says few of them.
    environment: Environment<'static>,
    templates: Arc<BTreeMap<String, String>>,
    codes: Vec<String>,
    /// Templates that do not compile: their sentence is missing, the rest of the language is not.
    broken: BTreeMap<String, String>,
}

impl Responses {
    /// Checks all templates; the error says where one is that is no template at all.
    pub(crate) fn new(intents: Map<String, Value>, errors: Map<String, Value>) -> Result<Self, (Vec<String>, String)> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        let (mut templates, mut broken, mut codes) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let mut add = |name: String, path: &[&str], template: Value| {
            let Value::String(source) = template else {
                return Err((steps(path), NO_TEXT.to_owned()));
            };
            match environment.template_from_named_str(&name, &source) {
                Ok(_) => _ = templates.insert(name, source),
                Err(error) => _ = broken.insert(name, plainly(&error)),
            }
            Ok(())
        };
        for (intent, keys) in intents {
            let Value::Object(keys) = keys else {
                return Err((steps(&["intents", &intent]), NO_KEYS.into()));
            };
            for (key, template) in keys {
                add(format!("intent/{intent}/{key}"), &["intents", &intent, &key], template)?;
            }
        }
        for (code, template) in errors {
            add(format!("error/{code}"), &["errors", &code], template)?;
            codes.push(code);
        }
        codes.sort();
        let templates = Arc::new(templates);
        let sources = Arc::clone(&templates);
        environment.set_loader(move |name| Ok(sources.get(name).cloned()));
        Ok(Self { environment, templates, codes, broken })
    }

    /// Whether there is a response under this key, also one that does not compile.
    pub(crate) fn has(&self, intent: &str, key: &str) -> bool {
        let name = format!("intent/{intent}/{key}");
        self.templates.contains_key(&name) || self.broken.contains_key(&name)
    }

    /// Templates that do not compile, with the reason.
    pub(crate) fn broken(&self) -> impl Iterator<Item = (&str, &str)> {
        self.broken.iter().map(|(name, message)| (name.as_str(), message.as_str()))
    }

    pub(crate) fn respond(&self, intent: &str, key: &str, input: &ResponseInput) -> Result<String, RespondError> {
        let name = format!("intent/{intent}/{key}");
        let Ok(template) = self.environment.get_template(&name) else {
            let (intent, key) = (intent.to_owned(), key.to_owned());
            return Err(match self.broken.get(&name) {
                Some(message) => RespondError::Template { intent, key, message: message.clone() },
                None => RespondError::Missing { intent, key },
            });
        };
        let values = minijinja::Value::from(minijinja::value::Serde(input));
        let rendered = template.render(values);
        rendered.map(|text| tidy(&text)).map_err(|error| RespondError::Template {
            intent: intent.to_owned(),
            key: key.to_owned(),
            message: plainly(&error),
        })
    }

    pub(crate) fn error(&self, code: &str, slots: &Map<String, Value>) -> Option<String> {
        let template = self.environment.get_template(&format!("error/{code}")).ok()?;
        let mut values = slots.clone();
        values.insert("slots".into(), Value::Object(slots.clone()));
        let values = minijinja::Value::from(minijinja::value::Serde(values));
        template.render(values).ok().map(|text| tidy(&text))
    }

    pub(crate) fn error_codes(&self) -> Vec<&str> {
        self.codes.iter().map(String::as_str).collect()
    }
}

/// The message without the excerpt of the template.
fn plainly(error: &minijinja::Error) -> String {
    let line = error.line().map(|line| format!(" in line {line}")).unwrap_or_default();
    format!("{}{line}", error.detail().map_or_else(|| error.kind().to_string(), str::to_owned))
}

/// White space that comes from the layout of a template is not spoken.
fn tidy(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
