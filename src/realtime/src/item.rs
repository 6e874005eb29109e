//! The items of a conversation: messages, function calls and their outputs.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::EventError;

/// Longest text of an item, in bytes.
const MAX_TEXT: usize = 64 * 1024;
/// Parts of a message.
const MAX_PARTS: usize = 64;

/// An item as clients send it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct ItemInput {
    id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    role: Option<String>,
    content: Option<Vec<PartInput>>,
    name: Option<String>,
    call_id: Option<String>,
    arguments: Option<String>,
    output: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct PartInput {
    #[serde(rename = "type")]
    kind: Option<String>,
    text: Option<String>,
    transcript: Option<String>,
    audio: Option<String>,
}

/// Who speaks in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The person.
    User,
    /// The house.
    Assistant,
    /// Whoever made the client.
    System,
}

/// How far an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is being made.
    InProgress,
    /// It is whole.
    Completed,
    /// It was cut off.
    Incomplete,
}

/// Letters that the fastest voice says in a second.
const FASTEST: u64 = 20;

/// How samples are written.
type Write<'a> = Option<&'a dyn Fn(&[i16]) -> String>;

/// A part of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Text of the user or the system.
    InputText(String),
    /// Speech of the user; the transcript once it is known.
    InputAudio {
        /// What was said.
        transcript: Option<String>,
        /// 16 kHz mono; empty where it is no longer kept.
        samples: Vec<i16>,
    },
    /// Text of the house.
    OutputText(String),
    /// Speech of the house.
    OutputAudio {
        /// What is said; after a truncation, what was heard of it.
        transcript: String,
        /// How much audio there is, in milliseconds.
        audio_ms: u64,
    },
}

/// What an item is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Somebody says something.
    Message {
        /// Who.
        role: Role,
        /// What.
        content: Vec<Part>,
    },
    /// The house asks the client to run a tool.
    FunctionCall {
        /// Joins the call and its output.
        call_id: String,
        /// The tool.
        name: String,
        /// JSON.
        arguments: String,
    },
    /// What came of it.
    FunctionCallOutput {
        /// The call's.
        call_id: String,
        /// Any text.
        output: String,
    },
}

/// An item of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// How far it is.
    pub status: Status,
    /// What it is.
    pub kind: Kind,
}

impl ItemInput {
    /// The id of the item that is only referred to.
    pub fn reference(&self) -> Option<&str> {
        self.id.as_deref().filter(|_| self.kind.as_deref() == Some("item_reference"))
    }

    /// The item, with its speech as it was sent (base64) where it has some; `id` is for an item without one.
    ///
    /// # Errors
    /// Names the field.
    pub fn read(self, id: String, path: &str) -> Result<(Item, Option<String>), EventError> {
        let wrong =
            |field: &str, message: String| Err(EventError::invalid("invalid_value", message).at(join(path, field)));
        let missing = |field: &str| {
            let field = join(path, field);
            EventError::invalid("missing_required_parameter", format!("Missing required parameter: '{field}'."))
                .at(field)
        };
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let parts = self.content.as_deref().unwrap_or_default();
        let size = length(&self.name)
            + length(&self.call_id)
            + length(&self.arguments)
            + length(&self.output)
            + parts.iter().map(|part| length(&part.text) + length(&part.transcript)).sum::<usize>();
        if size > MAX_TEXT || parts.len() > MAX_PARTS {
            let message = format!("An item may have {MAX_PARTS} parts and {MAX_TEXT} bytes of text.");
            return wrong("content", message);
        }
        let id = match self.id {
            Some(id) if id.is_empty() || id.len() > 64 => {
                return wrong("id", "An item's id must have 1 to 64 characters.".to_owned());
            }
            Some(id) => id,
            None => id,
        };
        let mut speech = None;
        let kind = match self.kind.as_deref() {
            Some("message") => {
                let role = match self.role.as_deref() {
                    Some("user") => Role::User,
                    Some("assistant") => Role::Assistant,
                    Some("system") => Role::System,
                    Some(_) => {
                        return wrong("role", "'role' must be 'user', 'assistant' or 'system'.".to_owned());
                    }
                    None => return Err(missing("role")),
                };
                let parts = self.content.ok_or_else(|| missing("content"))?;
                let mut content = Vec::with_capacity(parts.len());
                for (number, part) in parts.into_iter().enumerate() {
                    let place = join(path, &format!("content[{number}]"));
                    content.push(part.read(role, &mut speech, &place)?);
                }
                Kind::Message { role, content }
            }
            Some("function_call") => Kind::FunctionCall {
                call_id: self.call_id.unwrap_or_else(|| id.replace("item_", "call_")),
                name: self.name.ok_or_else(|| missing("name"))?,
                arguments: self.arguments.unwrap_or_else(|| "{}".to_owned()),
            },
            Some("function_call_output") => Kind::FunctionCallOutput {
                call_id: self.call_id.ok_or_else(|| missing("call_id"))?,
                output: self.output.ok_or_else(|| missing("output"))?,
            },
            Some(other) => {
                let message = format!(
                    "Invalid value: '{}'. Vesta takes items of type 'message', 'function_call' and 'function_call_output'.",
                    crate::client::shortened(other)
                );
                return wrong("type", message);
            }
            None => return Err(missing("type")),
        };
        Ok((Item { id, status: Status::Completed, kind }, speech))
    }
}

fn join(path: &str, field: &str) -> String {
    format!("{path}.{field}")
}

impl PartInput {
    fn read(self, role: Role, speech: &mut Option<String>, path: &str) -> Result<Part, EventError> {
        let text = |text: Option<String>| match text {
            Some(text) if text.len() > MAX_TEXT => {
                let message = format!("The text has {} bytes; at most {MAX_TEXT} are taken.", text.len());
                Err(EventError::invalid("string_above_max_length", message).at(join(path, "text")))
            }
            Some(text) => Ok(text),
            None => {
                let field = join(path, "text");
                let message = format!("Missing required parameter: '{field}'.");
                Err(EventError::invalid("missing_required_parameter", message).at(field))
            }
        };
        match (self.kind.as_deref().unwrap_or_default(), role) {
            ("input_text", Role::User | Role::System) => Ok(Part::InputText(text(self.text)?)),
            ("input_audio", Role::User) => {
                if let Some(audio) = self.audio {
                    *speech = Some(audio);
                }
                Ok(Part::InputAudio { transcript: self.transcript, samples: Vec::new() })
            }
            ("output_text" | "text", Role::Assistant) => Ok(Part::OutputText(text(self.text)?)),
            ("output_audio" | "audio", Role::Assistant) => {
                Ok(Part::OutputAudio { transcript: self.transcript.unwrap_or_default(), audio_ms: 0 })
            }
            ("input_image", _) => {
                let message = "Vesta cannot look at images.";
                Err(EventError::invalid("invalid_value", message).at(join(path, "type")))
            }
            (other, _) => {
                let message = format!(
                    "Invalid value: '{}'. Users write 'input_text' or speak 'input_audio', the assistant 'output_text' or \
                     'output_audio', the system 'input_text'.",
                    crate::client::shortened(other)
                );
                Err(EventError::invalid("invalid_value", message).at(join(path, "type")))
            }
        }
    }
}

impl Part {
    fn to_json(&self, audio: Write<'_>) -> Value {
        match self {
            Self::InputText(text) => json!({ "type": "input_text", "text": text }),
            Self::InputAudio { transcript, samples } => match audio.filter(|_| !samples.is_empty()) {
                Some(write) => json!({ "type": "input_audio", "transcript": transcript, "audio": write(samples) }),
                None => json!({ "type": "input_audio", "transcript": transcript }),
            },
            Self::OutputText(text) => json!({ "type": "output_text", "text": text }),
            Self::OutputAudio { transcript, .. } => json!({ "type": "output_audio", "transcript": transcript }),
        }
    }
}

impl Item {
    /// A message.
    pub fn message(id: String, role: Role, status: Status, content: Vec<Part>) -> Self {
        Self { id, status, kind: Kind::Message { role, content } }
    }

    /// As the schema writes it, without audio.
    pub fn to_json(&self) -> Value {
        self.write(None)
    }

    /// As the schema writes it, with the user's speech, which `audio` writes.
    pub fn with_audio(&self, audio: &dyn Fn(&[i16]) -> String) -> Value {
        self.write(Some(audio))
    }

    fn write(&self, audio: Write<'_>) -> Value {
        let (id, status) = (&self.id, self.status);
        match &self.kind {
            Kind::Message { role, content } => {
                let content: Vec<Value> = content.iter().map(|part| part.to_json(audio)).collect();
                json!({
                    "id": id, "object": "realtime.item", "type": "message", "status": status, "role": role,
                    "content": content,
                })
            }
            Kind::FunctionCall { call_id, name, arguments } => json!({
                "id": id, "object": "realtime.item", "type": "function_call", "status": status,
                "call_id": call_id, "name": name, "arguments": arguments,
            }),
            Kind::FunctionCallOutput { call_id, output } => json!({
                "id": id, "object": "realtime.item", "type": "function_call_output", "status": status,
                "call_id": call_id, "output": output,
            }),
        }
    }

    /// What the user wrote or said; `None` where it is not known yet, or for other items.
    pub fn user_text(&self) -> Option<String> {
        let Kind::Message { role: Role::User, content } = &self.kind else { return None };
        let texts: Option<Vec<&str>> = content
            .iter()
            .map(|part| match part {
                Part::InputText(text) => Some(text.as_str()),
                Part::InputAudio { transcript, .. } => transcript.as_deref(),
                _ => Some(""),
            })
            .collect();
        Some(texts?.join(" ").trim().to_owned())
    }

    /// Cuts the house's speech to what was heard of it: whole words, in proportion to the time.
    ///
    /// # Errors
    /// Where it is no speech of the house, or there is less audio than that.
    pub fn truncate(&mut self, content_index: u64, heard_ms: u64) -> Result<(), EventError> {
        let whole = self.status == Status::Completed;
        let wrong = |message: String, param: &str| Err(EventError::invalid("invalid_value", message).at(param));
        let part = match &mut self.kind {
            Kind::Message { role: Role::Assistant, content } => {
                usize::try_from(content_index).ok().and_then(|index| content.get_mut(index))
            }
            _ => return wrong("Only the assistant's messages can be truncated.".to_owned(), "item_id"),
        };
        let Some(Part::OutputAudio { transcript, audio_ms }) = part else {
            return wrong(format!("The item has no audio at content index {content_index}."), "content_index");
        };
        if heard_ms > *audio_ms {
            let message = format!("Audio content of {audio_ms}ms is already shorter than {heard_ms}ms.");
            return wrong(message, "audio_end_ms");
        }
        *transcript = heard_words(transcript, heard_ms, *audio_ms, whole);
        *audio_ms = heard_ms;
        Ok(())
    }
}

/// The words of a text that are over after a part of its time. Where not all of it was spoken (`whole` is false) nobody knows how
/// long it would have been: no more than a fast voice says in that time.
fn heard_words(text: &str, heard_ms: u64, spoken_ms: u64, whole: bool) -> String {
    if whole && heard_ms >= spoken_ms {
        return text.to_owned();
    }
    let share = text.chars().count() as u64 * heard_ms.min(spoken_ms) / spoken_ms.max(1);
    let letters = if whole { share } else { share.min(heard_ms * FASTEST / 1000) };
    let mut end = 0;
    for (count, (at, letter)) in text.char_indices().enumerate() {
        if count as u64 > letters {
            break;
        }
        if letter.is_whitespace() {
            end = at;
        }
    }
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_ends_with_a_whole_word() {
        let text = "I turned on the kitchen light.";
        assert_eq!(heard_words(text, 1_000, 1_000, true), text);
        assert_eq!(heard_words(text, 500, 1_000, true), "I turned on the");
        assert_eq!(heard_words(text, 0, 1_000, true), "");
        assert_eq!(heard_words("", 10, 1_000, true), "");
        assert_eq!(heard_words("Grüß Gott", 999, 1_000, true), "Grüß");
        let long = "And on it goes. ".repeat(100);
        assert_eq!(heard_words(&long, 1_000, 1_000, false), "And on it goes. And");
    }

    #[test]
    fn only_heard_speech_of_the_house_can_be_truncated() {
        let part = Part::OutputAudio { transcript: "one two three four".to_owned(), audio_ms: 1_000 };
        let mut item = Item::message("a".to_owned(), Role::Assistant, Status::Completed, vec![part]);
        assert_eq!(item.truncate(0, 1_001).unwrap_err().param.as_deref(), Some("audio_end_ms"));
        assert_eq!(item.truncate(1, 10).unwrap_err().param.as_deref(), Some("content_index"));
        item.truncate(0, 500).unwrap();
        assert_eq!(item.to_json()["content"][0]["transcript"], "one two");
        let mut user = Item::message("u".to_owned(), Role::User, Status::Completed, Vec::new());
        assert_eq!(user.truncate(0, 0).unwrap_err().param.as_deref(), Some("item_id"));
    }
}
