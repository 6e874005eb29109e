//! Client-side function tools, chosen by sentences.
//!
//! Until a language model chooses them, a tool is called when what was said matches one of its sentences. They come from its name
//! ("ring_bell": "ring bell"), and from texts in quotes in its description, which are templates in the HassIL format
//! (`"ring the bell [in the] {room}"`). The properties of its JSON schema are the lists that the templates name: `enum` values,
//! numbers within `minimum` and `maximum`, and free text for other strings.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use vesta_intents::{Context, Dictionary, Names};

use crate::client::{read, shortened};
use crate::error::EventError;

/// More tools than this are refused.
const MAX_TOOLS: usize = 128;
/// More sentences of one tool than this are left out.
const MAX_SENTENCES: usize = 50;

/// A tool of the client.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Tool {
    #[serde(rename = "type", default = "function")]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    parameters: Option<Value>,
}

fn function() -> String {
    "function".to_owned()
}

/// When tools are used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ToolChoice {
    /// When a sentence of theirs was said.
    #[default]
    Auto,
    /// Never.
    None,
    /// Always: the one whose sentence was said, or else the only one there is.
    Required,
    /// Always this one.
    Function(String),
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// The tool's name.
    pub name: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
}

/// The tools of a session, with their sentences.
#[derive(Debug, Clone, Default)]
pub struct Tools {
    tools: Vec<Tool>,
    sentences: Option<std::sync::Arc<Dictionary>>,
}

impl Tool {
    /// Reads a list of tools; `path` names it in errors.
    pub(crate) fn list(values: Vec<Value>, path: &str) -> Result<Vec<Self>, EventError> {
        if values.len() > MAX_TOOLS {
            let message = format!("There are {} tools; at most {MAX_TOOLS} are taken.", values.len());
            return Err(EventError::invalid("invalid_value", message).at(path));
        }
        let mut tools: Vec<Self> = Vec::with_capacity(values.len());
        for (number, value) in values.into_iter().enumerate() {
            let place = format!("{path}[{number}]");
            let tool: Self = read(value).map_err(|error| error.at(place.clone()))?;
            if tool.kind != "function" {
                let message =
                    format!("Invalid value: '{}'. Vesta calls tools of type 'function' only.", shortened(&tool.kind));
                return Err(EventError::invalid("invalid_value", message).at(format!("{place}.type")));
            }
            if tool.name.is_empty() {
                let message = format!("Missing required parameter: '{place}.name'.");
                return Err(EventError::invalid("missing_required_parameter", message).at(format!("{place}.name")));
            }
            if tools.iter().any(|other| other.name == tool.name) {
                let message = format!("There are two tools called '{}'.", shortened(&tool.name));
                return Err(EventError::invalid("invalid_value", message).at(format!("{place}.name")));
            }
            tools.push(tool);
        }
        Ok(tools)
    }

    fn to_json(&self) -> Value {
        json!({
            "type": self.kind, "name": self.name, "description": self.description, "parameters": self.parameters,
        })
    }

    /// The templates in quotes in the description, and the words of the name.
    fn templates(&self) -> Vec<String> {
        let mut templates = quoted(self.description.as_deref().unwrap_or_default());
        templates.truncate(MAX_SENTENCES);
        templates.push(words(&self.name));
        templates
    }

    fn properties(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.parameters.as_ref().and_then(|schema| schema.get("properties")?.as_object()).into_iter().flatten()
    }

    fn required(&self) -> impl Iterator<Item = &str> {
        let required = self.parameters.as_ref().and_then(|schema| schema.get("required")?.as_array());
        required.into_iter().flatten().filter_map(Value::as_str)
    }

    /// The lists that the tool's templates may name.
    fn lists(&self) -> Map<String, Value> {
        let mut lists = Map::new();
        for (name, schema) in self.properties() {
            lists.insert(name.clone(), list(schema));
        }
        lists
    }

    /// Whether all that the tool needs was said.
    fn has_all(&self, arguments: &Map<String, Value>) -> bool {
        self.required().all(|name| arguments.contains_key(name))
    }
}

/// A JSON schema as a list of the HassIL format.
fn list(schema: &Value) -> Value {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let values: Vec<Value> = values
            .iter()
            .map(|value| match value {
                Value::String(text) => json!({ "in": escaped(&words(text)), "out": text }),
                other => json!({ "in": other.to_string(), "out": other }),
            })
            .collect();
        return json!({ "values": values });
    }
    let number = |key: &str| schema.get(key).and_then(Value::as_f64);
    match schema.get("type").and_then(Value::as_str) {
        Some(kind @ ("integer" | "number")) => {
            let from = number("minimum").unwrap_or(0.0).clamp(-10_000.0, 10_000.0) as i64;
            let to = number("maximum").unwrap_or(1_000.0).clamp(-10_000.0, 10_000.0) as i64;
            let (to, tenths) = (to.max(from), (kind == "number").then_some("tenths"));
            json!({ "range": { "from": from, "to": to, "fractions": tenths } })
        }
        Some("boolean") => json!({ "values": [{ "in": "true", "out": true }, { "in": "false", "out": false }] }),
        _ => json!({ "wildcard": true }),
    }
}

impl Tools {
    /// The tools with their sentences. A template that cannot be read is a text in quotes that is none: it is left out.
    /// `numbers` knows how numbers are said.
    pub fn new(tools: Vec<Tool>, numbers: &Dictionary) -> Result<Self, EventError> {
        if tools.is_empty() {
            return Ok(Self::default());
        }
        let mut intents = Map::new();
        for tool in &tools {
            let lists = tool.lists();
            let fits = |sentence: &String| {
                let alone = json!({ "intents": { "x": { "data": [{ "sentences": [sentence], "lists": lists }] } } });
                numbers.beside(&alone.to_string()).is_ok()
            };
            let sentences: Vec<String> = tool.templates().into_iter().filter(fits).collect();
            if !sentences.is_empty() {
                intents.insert(tool.name.clone(), json!({ "data": [{ "sentences": sentences, "lists": lists }] }));
            }
        }
        let all = json!({ "intents": intents }).to_string();
        let sentences = numbers.beside(&all).map_err(|error| {
            EventError::invalid("invalid_value", format!("The tools' sentences cannot be used: {error}"))
                .at("session.tools")
        })?;
        Ok(Self { tools, sentences: Some(std::sync::Arc::new(sentences)) })
    }

    /// As the schema writes them.
    pub fn to_json(&self) -> Value {
        Value::Array(self.tools.iter().map(Tool::to_json).collect())
    }

    fn named(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name == name)
    }

    /// The tool that is called for `text`; `None` where none is.
    pub fn choose(&self, text: &str, choice: &ToolChoice) -> Option<ToolCall> {
        match choice {
            ToolChoice::None => None,
            ToolChoice::Auto => self.said(text).filter(|call| self.is_complete(call)),
            ToolChoice::Required => self.said(text).or_else(|| match self.tools.as_slice() {
                [only] => Some(filled(only, text)),
                _ => None,
            }),
            ToolChoice::Function(name) => {
                let said = self.said(text).filter(|call| call.name == *name);
                said.or_else(|| self.named(name).map(|tool| filled(tool, text)))
            }
        }
    }

    /// The tool of which a sentence was said.
    fn said(&self, text: &str) -> Option<ToolCall> {
        let names = Names::builder().build();
        let meant = self.sentences.as_ref()?.recognize(text, &names, &Context::new())?;
        let arguments = meant.slots.into_iter().map(|(name, slot)| (name, slot.value)).collect();
        Some(ToolCall { name: meant.intent, arguments })
    }

    fn is_complete(&self, call: &ToolCall) -> bool {
        self.named(&call.name).is_some_and(|tool| tool.has_all(&call.arguments))
    }
}

/// A tool that is called whatever was said: a single required text is what was said.
fn filled(tool: &Tool, text: &str) -> ToolCall {
    let mut arguments = Map::new();
    let mut required = tool.required();
    if let (Some(name), None) = (required.next(), required.next())
        && let Some((_, schema)) = tool.properties().find(|(property, _)| *property == name)
        && schema.get("type").and_then(Value::as_str) == Some("string")
        && schema.get("enum").is_none()
    {
        arguments.insert(name.to_owned(), Value::from(text));
    }
    ToolCall { name: tool.name.clone(), arguments }
}

impl ToolChoice {
    /// Reads a choice; `path` names it in errors.
    pub(crate) fn read(value: &Value, path: &str) -> Result<Self, EventError> {
        let name = || value.get("name").and_then(Value::as_str);
        match (value.as_str(), value.get("type").and_then(Value::as_str)) {
            (Some("auto"), _) => Ok(Self::Auto),
            (Some("none"), _) => Ok(Self::None),
            (Some("required"), _) => Ok(Self::Required),
            (None, Some("function")) if name().is_some() => Ok(Self::Function(name().unwrap_or_default().to_owned())),
            _ => {
                let message =
                    "'tool_choice' must be 'auto', 'none', 'required' or {\"type\": \"function\", \"name\": …}.";
                Err(EventError::invalid("invalid_value", message).at(path))
            }
        }
    }

    /// Refuses a tool that does not exist.
    pub(crate) fn check(&self, tools: &Tools, path: &str) -> Result<(), EventError> {
        match self {
            Self::Function(name) if tools.named(name).is_none() => {
                let message = format!("There is no tool called '{}' in 'tools'.", shortened(name));
                Err(EventError::invalid("invalid_value", message).at(path))
            }
            _ => Ok(()),
        }
    }

    /// As the schema writes it.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Auto => json!("auto"),
            Self::None => json!("none"),
            Self::Required => json!("required"),
            Self::Function(name) => json!({ "type": "function", "name": name }),
        }
    }
}

/// What stands in straight or curly double quotes.
fn quoted(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find(['"', '“']) {
        let after = rest.get(open..).unwrap_or_default();
        let after = after.get(after.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
        let Some(close) = after.find(['"', '”']) else { break };
        let inside = after.get(..close).unwrap_or_default().trim();
        if inside.contains(char::is_alphabetic) {
            found.push(inside.to_owned());
        }
        let close = after.get(close..).unwrap_or_default();
        rest = close.get(close.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
    }
    found
}

/// A program's name as words: `ringBell` and `ring_bell` are "ring bell".
fn words(name: &str) -> String {
    let mut words = String::new();
    let mut before = ' ';
    for letter in name.chars() {
        match letter {
            '_' | '-' | '.' | ' ' => words.push(' '),
            _ if letter.is_uppercase() && before.is_lowercase() => {
                words.push(' ');
                words.extend(letter.to_lowercase());
            }
            _ => words.extend(letter.to_lowercase()),
        }
        before = letter;
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text that means itself in a template.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if "()[]{}<>|:;\\".contains(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// What a tool's output says aloud: a sentence, or one in a JSON object's usual places; `None` where there is none.
pub fn sentence_of(output: &str) -> Option<String> {
    const PLACES: [&str; 8] = ["sentence", "speech", "say", "message", "text", "answer", "result", "output"];
    let output = output.trim();
    if output.is_empty() {
        return None;
    }
    match serde_json::from_str::<Value>(output) {
        Ok(Value::String(text)) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Ok(Value::Object(fields)) => PLACES.iter().find_map(|place| {
            fields.get(*place)?.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
        }),
        Ok(Value::Number(number)) => Some(number.to_string()),
        Ok(_) => None,
        Err(_) => Some(output.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: &str = "language: en\nnumbers: {words: {5: five, 7: seven}}\nskip_words: [please]\n";

    fn tools(values: Value) -> Tools {
        let numbers = Dictionary::load(&[("en.yaml", NUMBERS)]).unwrap();
        let Value::Array(values) = values else { panic!("not a list") };
        Tools::new(Tool::list(values, "session.tools").unwrap(), &numbers).unwrap()
    }

    fn bell() -> Value {
        json!({
            "type": "function", "name": "ring_bell",
            "description": "Rings a bell. Say \"ring the bell [in the] {room}\" or \"ring {times} times in the {room}\".",
            "parameters": {
                "type": "object", "required": ["room"],
                "properties": {
                    "room": { "type": "string", "enum": ["kitchen", "living_room"] },
                    "times": { "type": "integer", "minimum": 1, "maximum": 10 }
                }
            }
        })
    }

    fn note() -> Value {
        json!({
            "type": "function", "name": "takeNote", "description": "\"note [that] {text}\"",
            "parameters": { "type": "object", "properties": { "text": { "type": "string" } }, "required": ["text"] }
        })
    }

    fn arguments(call: Option<ToolCall>) -> Option<(String, Value)> {
        call.map(|call| (call.name, Value::Object(call.arguments)))
    }

    #[test]
    fn sentences_in_the_description_fill_the_arguments() {
        let tools = tools(json!([bell(), note()]));
        let choose = |text| arguments(tools.choose(text, &ToolChoice::Auto));
        let ring = |arguments| Some(("ring_bell".to_owned(), arguments));
        assert_eq!(choose("Ring the bell in the living room."), ring(json!({ "room": "living_room" })));
        assert_eq!(choose("please ring five times in the kitchen"), ring(json!({ "room": "kitchen", "times": 5 })));
        assert_eq!(choose("ring 7 times in the kitchen"), ring(json!({ "room": "kitchen", "times": 7 })));
        let noted = json!({ "text": "milk is out" });
        assert_eq!(choose("note that milk is out"), Some(("takeNote".to_owned(), noted)));
        assert_eq!(choose("turn on the light"), None);
        assert_eq!(choose("ring bell"), None, "the room is missing");
    }

    #[test]
    fn the_choice_is_kept_to() {
        let tools = tools(json!([note()]));
        let choose = |text, choice: &ToolChoice| arguments(tools.choose(text, choice));
        assert_eq!(choose("note that it rains", &ToolChoice::None), None);
        let all = |text: &str| Some(("takeNote".to_owned(), json!({ "text": text })));
        assert_eq!(choose("it rains", &ToolChoice::Required), all("it rains"));
        assert_eq!(choose("it rains", &ToolChoice::Function("takeNote".to_owned())), all("it rains"));
        assert!(ToolChoice::Function("other".to_owned()).check(&tools, "tool_choice").is_err());
    }

    #[test]
    fn a_template_that_is_none_is_left_out() {
        let broken = json!({
            "type": "function", "name": "open_door", "description": "\"open [the door\" \"open {nothing}\" \"open up\"",
        });
        let tools = tools(json!([broken]));
        assert!(tools.choose("open up", &ToolChoice::Auto).is_some());
        assert!(tools.choose("open door", &ToolChoice::Auto).is_some());
    }

    #[test]
    fn an_output_is_said_where_it_has_a_sentence() {
        assert_eq!(sentence_of("The bell rang.").as_deref(), Some("The bell rang."));
        assert_eq!(sentence_of(r#"{"ok":true,"message":"It rang."}"#).as_deref(), Some("It rang."));
        assert_eq!(sentence_of(r#""Done.""#).as_deref(), Some("Done."));
        assert_eq!(sentence_of(r#"{"ok":true}"#), None);
        assert_eq!(sentence_of("  "), None);
    }
}
