//! Everything that can go wrong in a turn, under stable codes that each language words for itself.

use jiff::Zoned;
use serde_json::{Map, Value, json};
use thiserror::Error;
use vesta_engines::EngineError;
use vesta_home::CallError;
use vesta_home::lists::ListError;
use vesta_home::timers::TimerError;
use vesta_store::StoreError;

use crate::clock;

/// Why a turn did not do what was asked.
#[derive(Debug, Error)]
pub enum TurnError {
    /// A speech engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The home could not do it.
    #[error(transparent)]
    Home(#[from] CallError),
    /// Something about a timer cannot be done.
    #[error(transparent)]
    Timer(#[from] TimerError),
    /// Something about a list cannot be done.
    #[error(transparent)]
    List(#[from] ListError),
    /// A follow-up or a correction without a recent turn that it could be about.
    #[error("there is nothing recent that this could be about")]
    NothingRecent,
    /// The last turn cannot be undone.
    #[error("the last turn cannot be undone")]
    CannotUndo,
    /// Nobody else is there to hear an announcement.
    #[error("no other client is there to hear it")]
    NobodyListens,
    /// The record could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No sentence matches what was said.
    #[error("no sentence matches '{text}'")]
    NotUnderstood {
        /// What was said.
        text: String,
    },
    /// What was said is close to several things.
    #[error("'{text}' may be about {}", .names.join(" or "))]
    Unsure {
        /// What was said.
        text: String,
        /// What it may be about.
        names: Vec<String>,
    },
    /// The user addressed the house and then nothing was heard.
    #[error("nothing was heard")]
    NothingHeard,
    /// The transcript did not come in time.
    #[error("the transcript did not come within {seconds} s")]
    TranscriptTimeout {
        /// The deadline.
        seconds: u64,
    },
    /// The house itself is at fault.
    #[error("{0}")]
    Internal(String),
}

impl TurnError {
    /// The stable code, in `snake_case`; `intents/<lang>/errors.yaml` words it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Engine(error) => error.code(),
            Self::Home(error) => error.code(),
            Self::Timer(error) => error.code(),
            Self::List(error) => error.code(),
            Self::NothingRecent => "nothing_recent",
            Self::CannotUndo => "cannot_undo",
            Self::NobodyListens => "nobody_listens",
            Self::Store(_) => "store_failed",
            Self::NotUnderstood { .. } => "not_understood",
            Self::Unsure { .. } => "did_you_mean",
            Self::NothingHeard => "nothing_heard",
            Self::TranscriptTimeout { .. } => "stt_timeout",
            Self::Internal(_) => "internal",
        }
    }

    /// What the spoken sentence may name.
    pub fn slots(&self) -> Map<String, Value> {
        match self {
            Self::Home(error) => error.slots(),
            Self::Timer(error) => {
                let mut slots = error.slots();
                clock::tell_times(&mut slots, &Zoned::now());
                slots
            }
            Self::List(error) => error.slots(),
            Self::Unsure { names, .. } => Map::from_iter([("names".to_owned(), json!(names))]),
            Self::NotUnderstood { text } => Map::from_iter([("text".to_owned(), Value::from(text.as_str()))]),
            _ => Map::new(),
        }
    }

    /// Whether the house refused something it understood, rather than failed.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Home(error) => !matches!(error.code(), "no_answer" | "broker_down"),
            Self::NotUnderstood { .. }
            | Self::Unsure { .. }
            | Self::Timer(_)
            | Self::List(_)
            | Self::NothingRecent
            | Self::CannotUndo
            | Self::NobodyListens => true,
            _ => false,
        }
    }
}
