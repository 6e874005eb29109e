//! What a client is told while a turn runs.

use serde::Serialize;
use serde_json::Value;

use crate::announce::AnnouncementKind;

/// One step of a turn, in the order in which it happened. Serialised as JSON with a `type`; audio travels beside it.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TurnEvent {
    /// Somebody began to speak.
    SpeechStarted {
        /// The turn's id.
        turn: String,
        /// Milliseconds of audio since the client's first sample.
        at_ms: u64,
    },
    /// The utterance is over.
    SpeechEnded {
        /// The turn's id.
        turn: String,
        /// Milliseconds of audio since the client's first sample, where speech itself ended.
        speech_end_ms: u64,
        /// Milliseconds of audio since the client's first sample, where that was decided.
        at_ms: u64,
        /// Why: `complete`, `unknown`, `open_ended`, `too_long`, `no_speech`, or `client` where the client said so.
        reason: &'static str,
    },
    /// What was understood so far, while the user still speaks.
    Partial {
        /// The turn's id.
        turn: String,
        /// The whole text so far.
        text: String,
    },
    /// What was said.
    Transcript {
        /// The turn's id.
        turn: String,
        /// The text; empty where nobody spoke.
        text: String,
        /// Milliseconds from the end of the utterance to its transcript; `None` for typed text.
        after_ms: Option<f64>,
    },
    /// What is meant by it.
    Understood {
        /// The turn's id.
        turn: String,
        /// Home Assistant's name of the intent.
        intent: String,
        /// Slot values by name.
        slots: Value,
    },
    /// What was done.
    Acted {
        /// The turn's id.
        turn: String,
        /// The result as the home reports it.
        result: Value,
    },
    /// What went wrong. Where it is spoken, a [`TurnEvent::Say`] follows.
    Failed {
        /// The turn's id.
        turn: String,
        /// Stable code.
        code: String,
        /// For a person who repairs it; English.
        detail: String,
    },
    /// What the house says.
    Say {
        /// The turn's id.
        turn: String,
        /// The sentence.
        text: String,
    },
    /// The house says something by itself. Its audio follows under the same id, then [`TurnEvent::Finished`] with the outcome
    /// `announced`.
    Announcement {
        /// The announcement's id.
        turn: String,
        /// What it is.
        kind: AnnouncementKind,
        /// What is said.
        text: String,
        /// The timer that it is about.
        timer: Option<String>,
    },
    /// A piece of the reply's audio, or of an announcement's.
    Audio {
        /// The turn's id, or the announcement's.
        turn: String,
        /// Samples a second.
        rate: u32,
        /// Mono samples. Clients get them as bytes, not as JSON.
        #[serde(skip)]
        samples: Vec<i16>,
    },
    /// The turn is over.
    Finished {
        /// The turn's id.
        turn: String,
        /// `done`, `answered`, `refused`, `nothing` or `failed`; `announced` of an announcement.
        outcome: &'static str,
    },
}
