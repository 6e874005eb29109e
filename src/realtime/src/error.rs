//! What a client is told when one of its events cannot be carried out: the `error` event's fields.

use serde::Serialize;

/// An error of the published schema: `{type, code, message, param, event_id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventError {
    /// `invalid_request_error` or `server_error`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Stable code.
    pub code: Option<String>,
    /// What is wrong and what to do about it.
    pub message: String,
    /// Which part of the event, as a path: `session.audio.input.format.rate`.
    pub param: Option<String>,
    /// The `event_id` that the client gave to the event, where it gave one.
    pub event_id: Option<String>,
}

impl EventError {
    /// The client's event is at fault.
    pub fn invalid(code: &str, message: impl Into<String>) -> Self {
        Self {
            kind: "invalid_request_error",
            code: Some(code.to_owned()),
            message: message.into(),
            param: None,
            event_id: None,
        }
    }

    /// Names the part of the event that is at fault.
    #[must_use]
    pub fn at(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Names the event that is at fault.
    #[must_use]
    pub fn caused_by(mut self, event_id: Option<&str>) -> Self {
        self.event_id = event_id.map(str::to_owned);
        self
    }
}

impl std::fmt::Display for EventError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        match &self.param {
            Some(param) => write!(f, " ({param})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for EventError {}
