//! One event as it is on the wire: a type, a JSON object and raw bytes.

use bytes::Bytes;
use serde_json::{Map, Value};

/// An untyped event. [`Message`](crate::Message) is the typed form.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// The event's type, such as `audio-chunk`.
    pub kind: String,
    /// Its fields.
    pub data: Map<String, Value>,
    /// Its raw bytes; empty where the event has none.
    pub payload: Bytes,
}

impl Event {
    /// An event of this type without fields or payload.
    pub fn new(kind: impl Into<String>) -> Event {
        Event { kind: kind.into(), ..Event::default() }
    }

    /// The same event with this field set. `None` and JSON null leave the field out.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Event {
        match value.into() {
            Value::Null => {}
            value => {
                self.data.insert(field.to_owned(), value);
            }
        }
        self
    }

    /// The same event with this payload.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Bytes>) -> Event {
        self.payload = payload.into();
        self
    }
}
