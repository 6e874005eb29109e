//! What clients send: the client events of OpenAI's Realtime API under their general-availability names.
//!
//! Unknown fields are ignored; an event that is unknown or does not fit its schema is an [`EventError`] that names the field.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::SessionUpdate;
use crate::error::EventError;
use crate::item::ItemInput;

/// Longest text of an event, in bytes: two minutes of 24 kHz audio in one piece.
pub const MAX_EVENT: usize = 8 * 1024 * 1024;
/// Longest id of a request, in bytes.
const MAX_REQUEST_ID: usize = 64;

/// A client event.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientEvent {
    /// The client's name for the event.
    pub event_id: Option<String>,
    /// What it asks for.
    pub action: Action,
}

/// What a client event asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// `session.update`
    UpdateSession(Box<SessionUpdate>),
    /// `input_audio_buffer.append`, with its base64.
    AppendAudio(String),
    /// `input_audio_buffer.commit`, with the client's id of what was said where it must be done once only.
    CommitAudio(Option<String>),
    /// `input_audio_buffer.clear`
    ClearAudio,
    /// `output_audio_buffer.clear`
    ClearOutput,
    /// `conversation.item.create`
    CreateItem {
        /// The item.
        item: ItemInput,
        /// The item that it is to follow, `root` for the beginning; the end where absent.
        previous: Option<String>,
    },
    /// `conversation.item.retrieve`
    RetrieveItem(String),
    /// `conversation.item.delete`
    DeleteItem(String),
    /// `conversation.item.truncate`
    TruncateItem {
        /// The assistant's message.
        item: String,
        /// Which of its parts.
        content_index: u64,
        /// How much of it was heard, in milliseconds.
        audio_end_ms: u64,
    },
    /// `response.create`
    CreateResponse(Box<ResponseParams>),
    /// `response.cancel`; the response in progress where no id is given.
    CancelResponse(Option<String>),
}

/// What `response.create` may say about the response.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct ResponseParams {
    /// `auto`, or `none` for a response beside the conversation.
    pub conversation: Option<String>,
    /// What to answer, instead of the conversation.
    pub input: Option<Vec<ItemInput>>,
    /// `["audio"]` or `["text"]`.
    pub output_modalities: Option<Vec<String>>,
    /// The voice and format of this response.
    pub audio: Option<crate::config::AudioUpdate>,
    /// The tools of this response.
    pub tools: Option<Vec<Value>>,
    /// The choice of tools for this response.
    pub tool_choice: Option<Value>,
    /// Given back with the response.
    pub metadata: Option<serde_json::Map<String, Value>>,
    /// A number or `inf`.
    pub max_output_tokens: Option<Value>,
}

#[derive(Deserialize)]
struct Append {
    audio: String,
}

#[derive(Deserialize)]
struct Update {
    session: SessionUpdate,
}

#[derive(Deserialize)]
struct Create {
    item: ItemInput,
    previous_item_id: Option<String>,
}

#[derive(Deserialize)]
struct Commit {
    vesta_request_id: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    item_id: String,
}

#[derive(Deserialize)]
struct Truncate {
    item_id: String,
    content_index: u64,
    audio_end_ms: u64,
}

#[derive(Deserialize)]
struct Respond {
    #[serde(default)]
    response: Option<ResponseParams>,
}

#[derive(Deserialize)]
struct Cancel {
    response_id: Option<String>,
}

/// Reads one event.
///
/// # Errors
/// With the `event_id` where it could be read.
pub fn parse(text: &str) -> Result<ClientEvent, EventError> {
    if text.len() > MAX_EVENT {
        let message =
            format!("The event has {} bytes; at most {MAX_EVENT} are taken. Send audio in smaller pieces.", text.len());
        return Err(EventError::invalid("event_too_large", message));
    }
    let value: Value = serde_json::from_str(text).map_err(|error| {
        EventError::invalid("invalid_json", format!("The event is no JSON that can be read: {error}."))
    })?;
    let event_id = value.get("event_id").and_then(Value::as_str).map(str::to_owned);
    let action = action(value).map_err(|error| error.caused_by(event_id.as_deref()))?;
    Ok(ClientEvent { event_id, action })
}

fn action(value: Value) -> Result<Action, EventError> {
    if !value.is_object() {
        return Err(EventError::invalid("invalid_type", "The event must be a JSON object with a `type`."));
    }
    let Some(kind) = value.get("type") else {
        let message = "Missing required parameter: 'type'.";
        return Err(EventError::invalid("missing_required_parameter", message).at("type"));
    };
    let Some(kind) = kind.as_str().map(str::to_owned) else {
        return Err(EventError::invalid("invalid_type", "'type' must be a string.").at("type"));
    };
    Ok(match kind.as_str() {
        "session.update" => Action::UpdateSession(Box::new(read::<Update>(value)?.session)),
        "input_audio_buffer.append" => Action::AppendAudio(read::<Append>(value)?.audio),
        "input_audio_buffer.commit" => Action::CommitAudio(request_id(read::<Commit>(value)?.vesta_request_id)?),
        "input_audio_buffer.clear" => Action::ClearAudio,
        "output_audio_buffer.clear" => Action::ClearOutput,
        "conversation.item.create" => {
            let Create { item, previous_item_id } = read(value)?;
            Action::CreateItem { item, previous: previous_item_id }
        }
        "conversation.item.retrieve" => Action::RetrieveItem(read::<Named>(value)?.item_id),
        "conversation.item.delete" => Action::DeleteItem(read::<Named>(value)?.item_id),
        "conversation.item.truncate" => {
            let Truncate { item_id, content_index, audio_end_ms } = read(value)?;
            Action::TruncateItem { item: item_id, content_index, audio_end_ms }
        }
        "response.create" => Action::CreateResponse(Box::new(read::<Respond>(value)?.response.unwrap_or_default())),
        "response.cancel" => Action::CancelResponse(read::<Cancel>(value)?.response_id),
        _ => {
            let message = format!("Invalid value: '{}'. There is no such event.", shortened(&kind));
            return Err(EventError::invalid("invalid_value", message).at("type"));
        }
    })
}

/// A client's id of something that must be done once only.
fn request_id(id: Option<String>) -> Result<Option<String>, EventError> {
    if id.as_ref().is_some_and(|id| id.is_empty() || id.len() > MAX_REQUEST_ID) {
        let message = format!("'vesta_request_id' must have 1 to {MAX_REQUEST_ID} bytes; a UUID will do.");
        return Err(EventError::invalid("invalid_value", message).at("vesta_request_id"));
    }
    Ok(id)
}

/// A value as a type of the schema; the error names the field by its path.
pub(crate) fn read<T: DeserializeOwned>(value: Value) -> Result<T, EventError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let reason = error.into_inner().to_string();
        let missing = reason.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        match missing {
            Some(field) => {
                let param = if path == "." { field.to_owned() } else { format!("{path}.{field}") };
                EventError::invalid("missing_required_parameter", format!("Missing required parameter: '{param}'."))
                    .at(param)
            }
            None => {
                EventError::invalid("invalid_type", format!("'{path}' does not fit: {}.", shortened(&reason))).at(path)
            }
        }
    })
}

/// A text from outside, short enough to be repeated.
pub(crate) fn shortened(text: &str) -> String {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(text: &str) -> (String, Option<String>, Option<String>) {
        let error = parse(text).unwrap_err();
        (error.code.unwrap(), error.param, error.event_id)
    }

    #[test]
    fn what_is_wrong_with_an_event_is_named_by_its_path() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(code("{"), ("invalid_json".to_owned(), None, None));
        assert_eq!(code("[]"), ("invalid_type".to_owned(), None, None));
        assert_eq!(code(r#"{"event_id":"e1"}"#), ("missing_required_parameter".to_owned(), some("type"), some("e1")));
        assert_eq!(code(r#"{"type":"session.upgrade"}"#), ("invalid_value".to_owned(), some("type"), None));
        assert_eq!(
            code(r#"{"type":"input_audio_buffer.append","event_id":"e2"}"#),
            ("missing_required_parameter".to_owned(), some("audio"), some("e2"))
        );
        assert_eq!(
            code(r#"{"type":"session.update","session":{"type":"realtime","audio":{"output":{"speed":"fast"}}}}"#),
            ("invalid_type".to_owned(), some("session.audio.output.speed"), None)
        );
        assert_eq!(
            code(r#"{"type":"conversation.item.truncate","item_id":"i","content_index":0,"audio_end_ms":-1}"#).1,
            some("audio_end_ms")
        );
    }

    #[test]
    fn unknown_fields_are_ignored() {
        let event = parse(r#"{"type":"response.cancel","event_id":"e","shoe_size":42}"#).unwrap();
        assert_eq!(event, ClientEvent { event_id: Some("e".to_owned()), action: Action::CancelResponse(None) });
        assert!(parse(r#"{"type":"response.create","response":{"metadata":{"a":"b"},"unheard_of":[1]}}"#).is_ok());
    }

    #[test]
    fn deep_json_is_refused_and_not_recursed_into() {
        let deep = format!(r#"{{"type":"response.create","response":{}"#, "[".repeat(100_000));
        assert_eq!(code(&deep).0, "invalid_json");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_fall(text in ".{0,200}") {
            let _ = parse(&text);
        }

        #[test]
        fn the_event_id_comes_back_with_every_error(id in "[a-z0-9_]{1,32}", kind in "[a-z_.]{1,40}") {
            let text = serde_json::json!({ "type": kind, "event_id": id }).to_string();
            match parse(&text) {
                Ok(event) => prop_assert_eq!(event.event_id, Some(id)),
                Err(error) => prop_assert_eq!(error.event_id, Some(id)),
            }
        }
    }
}
