//! What the house says: templates (Jinja, through minijinja) from the language's files.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::Kwargs;
use minijinja::{AutoEscape, Environment, ErrorKind, State, UndefinedBehavior};
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
        environment.set_unknown_method_callback(method);
        environment.add_filter("int", whole_or);
        environment.add_filter("float", number_or);
        environment.add_function("state_attr", state_attr);
        let (mut templates, mut broken, mut codes) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let mut add = |name: String, path: &[&str], template: Value| {
            let Value::String(source) = template else {
                return Err((steps(path), NO_TEXT.to_owned()));
            };
            let source = without_colons(source);
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

/// Jinja allows a colon at the end of a statement (`{% if on: %}`), as Python has it.
fn without_colons(source: String) -> String {
    if !source.contains(':') {
        return source;
    }
    let mut parts = source.split("%}").map(str::to_owned).collect::<Vec<_>>();
    let last = parts.len().saturating_sub(1);
    for part in parts.iter_mut().take(last) {
        let statement = part.trim_end_matches(['-', '+']);
        let mark = part.get(statement.len()..).unwrap_or_default().to_owned();
        if let Some(statement) = statement.trim_end().strip_suffix(':') {
            *part = format!("{statement} {mark}");
        }
    }
    parts.join("%}")
}

/// Methods that Python's values have, as templates written for it call them.
fn method(
    state: &mut State<'_, '_>,
    value: &minijinja::Value,
    name: &str,
    args: &[minijinja::Value],
) -> Result<minijinja::Value, minijinja::Error> {
    match name {
        // Of a date: 0 for Monday.
        "weekday" if args.is_empty() => {
            let day = value.get_attr("weekday").ok().and_then(|day| i64::try_from(day).ok());
            day.map(|day| (day - 1).into()).ok_or_else(|| minijinja::Error::from(ErrorKind::UnknownMethod))
        }
        "is_integer" if args.is_empty() => {
            let number = f64::try_from(value.clone())?;
            Ok((number.fract() == 0.0).into())
        }
        _ => minijinja_contrib::pycompat::unknown_method_callback(state, value, name, args),
    }
}

/// As in Jinja: what is no number is the default, or 0.
fn number_or(value: minijinja::Value, default: Option<minijinja::Value>, named: Kwargs) -> minijinja::Value {
    to_number(value, default.or_else(|| named.get("default").ok()))
}

fn to_number(value: minijinja::Value, default: Option<minijinja::Value>) -> minijinja::Value {
    let text = || value.as_str()?.trim().parse::<f64>().ok();
    let number = f64::try_from(value.clone()).ok().or_else(text);
    number.map_or_else(|| default.unwrap_or_else(|| 0.0.into()), Into::into)
}

/// The same for whole numbers, cut towards zero.
fn whole_or(value: minijinja::Value, default: Option<minijinja::Value>, named: Kwargs) -> minijinja::Value {
    if value.is_integer() {
        return value;
    }
    let default = default.or_else(|| named.get("default").ok()).unwrap_or_else(|| 0.into());
    match f64::try_from(to_number(value, Some(default.clone()))) {
        Ok(number) if number.is_finite() => (number.trunc() as i64).into(),
        _ => default,
    }
}

/// Home Assistant's function of this name, for the entities that the response is about; `none` for others.
fn state_attr(state: &State<'_, '_>, entity: &str, attribute: &str) -> minijinja::Value {
    let lists = state.lookup("query").map(|query| ["matched", "unmatched"].map(|list| query.get_attr(list)));
    let of_query = lists.into_iter().flatten().flatten().filter_map(|list| list.try_iter().ok()).flatten();
    let mut entities = state.lookup("state").into_iter().chain(of_query);
    let is_meant = |one: &minijinja::Value| one.get_attr("entity_id").is_ok_and(|id| id.as_str() == Some(entity));
    let found = entities.find(is_meant).and_then(|one| one.get_attr("attributes").ok()?.get_attr(attribute).ok());
    found.filter(|value| !value.is_undefined()).unwrap_or_else(|| ().into())
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
