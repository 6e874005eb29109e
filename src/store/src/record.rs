//! A turn as it is kept.

use std::time::Duration;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

/// Everything about one turn of a conversation. Times inside it are milliseconds since the turn began.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TurnRecord {
    /// Time-ordered id (UUID version 7, RFC 9562).
    pub id: String,
    /// When the turn began: Unix time in milliseconds.
    pub started_at_ms: i64,
    /// Where it came from: `ask`, `hear`, `talk`, …
    pub source: String,
    /// `text`, `hands_free` or `push_to_talk`.
    pub mode: String,
    /// Language code, such as `en`.
    pub language: String,
    /// What was understood of the speech, or what was typed.
    pub transcript: Option<String>,
    /// The intent with its slots.
    pub intent: Option<Value>,
    /// What was done at home.
    pub action: Option<Value>,
    /// `done`, `answered`, `refused`, `nothing`, `failed`, or `running` while it is none of these.
    pub outcome: String,
    /// Stable code of what went wrong.
    pub error_code: Option<String>,
    /// What was said in reply.
    pub spoken: Option<String>,
    /// What happened, in order.
    pub events: Vec<TurnEvent>,
    /// How long each part of the work took.
    pub stages: Vec<Stage>,
    /// What was heard. Lists of turns come without audio.
    #[serde(skip_deserializing)]
    pub heard: Option<Audio>,
    /// What the reply sounded like. Lists of turns come without audio.
    #[serde(skip_deserializing)]
    pub reply: Option<Audio>,
    /// The settings that the turn ran with.
    pub settings: Value,
    /// Id of the person who spoke; `None` where nobody is known to have (a microphone in the room).
    pub person: Option<String>,
    /// What somebody said went wrong, perhaps empty; `None` where nobody said that anything did.
    pub went_wrong: Option<String>,
}

/// Something that happened at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TurnEvent {
    /// Milliseconds since the turn began.
    pub at_ms: f64,
    /// What happened, in `snake_case`.
    pub name: String,
    /// More about it; null where there is nothing to say.
    #[serde(default)]
    pub detail: Value,
}

/// A part of the work.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// What was worked on, in `snake_case`.
    pub name: String,
    /// Milliseconds since the turn began.
    pub start_ms: f64,
    /// Milliseconds since the turn began.
    pub end_ms: f64,
}

/// Mono audio. Serialised without its samples: rate, their number, and the length in seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Audio {
    /// Samples a second.
    pub rate: u32,
    /// 16-bit samples.
    pub samples: Vec<i16>,
}

impl Audio {
    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        if self.rate == 0 { 0.0 } else { self.samples.len() as f64 / f64::from(self.rate) }
    }
}

impl Serialize for Audio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Audio", 3)?;
        fields.serialize_field("rate", &self.rate)?;
        fields.serialize_field("samples", &self.samples.len())?;
        fields.serialize_field("seconds", &self.seconds())?;
        fields.end()
    }
}

/// Which audio of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioKind {
    /// What was heard.
    Heard,
    /// What the reply sounded like.
    Reply,
}

impl AudioKind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Heard => "heard",
            Self::Reply => "reply",
        }
    }
}

/// Which turns are wanted, the newest first. What is `None` does not matter.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnFilter {
    /// At most this many.
    pub limit: usize,
    /// With this outcome.
    pub outcome: Option<String>,
    /// From this source.
    pub source: Option<String>,
    /// Whose id begins so.
    pub id_prefix: Option<String>,
    /// That began at this Unix time in milliseconds or later.
    pub since_ms: Option<i64>,
    /// That began before this Unix time in milliseconds.
    pub before_ms: Option<i64>,
    /// Of this person.
    pub person: Option<String>,
    /// In whose transcript or answer this occurs, whatever the case.
    pub text: Option<String>,
    /// Only those that somebody said went wrong.
    pub went_wrong: bool,
}

impl Default for TurnFilter {
    fn default() -> Self {
        Self {
            limit: 50,
            outcome: None,
            source: None,
            id_prefix: None,
            since_ms: None,
            before_ms: None,
            person: None,
            text: None,
            went_wrong: false,
        }
    }
}

/// How much is kept. Zero is no limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retention {
    /// Older turns are deleted.
    pub max_age: Duration,
    /// Above this size of the database the oldest audio is deleted, and when there is none left, the oldest turns.
    pub max_bytes: u64,
}

/// What a [`Retention`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deleted {
    /// Turns that are gone.
    pub turns: u64,
    /// Recordings that are gone while their turn is still there.
    pub recordings: u64,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Usage {
    /// Turns.
    pub turns: u64,
    /// Recordings, at most two a turn.
    pub recordings: u64,
    /// Bytes in use inside the database.
    pub bytes: u64,
}
