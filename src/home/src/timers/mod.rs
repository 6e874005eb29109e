//! Timers and commands for later, as a pure state machine: it is told the time, and what it hands out is to be kept on disk
//! before it is told to anybody.
//!
//! - [`Timers`]: all timers of the house: started, found, changed, due
//! - [`which`]: which of them somebody means
//! - [`length`]: lengths as intents give them, and as they are spoken
//! - [`view`]: a timer as responses, apps and language models read it
//!
//! Time has two sources, because neither is enough: the steady clock of the running program is right whatever is done to
//! the wall clock, and the wall clock goes on while the program does not run. A timer that was started in this run counts
//! on the steady clock; one that was taken over from an earlier run counts on the wall clock, and so does what is for a time
//! of day: an alarm, or a command for later at ten.

mod length;
mod machine;
mod view;
mod which;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::model::AreaId;
use crate::permissions::Permissions;

pub use length::{MAX_LENGTH_MS, Parts, given};
pub use machine::{Due, Request, Timers};
pub use view::TimerView;
pub use which::{Kind, Which};

/// Most timers at one time.
pub const MAX_TIMERS: usize = 100;

/// The time by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since any fixed moment of this run, never set back.
    pub steady_ms: u64,
    /// Milliseconds since 1970, as far as the machine knows.
    pub unix_ms: i64,
}

/// A timer as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timer {
    /// Its id.
    pub id: String,
    /// What it is for, as it was said: "pasta".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The room that it is for or was set in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<AreaId>,
    /// The client that set it: it rings there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// What is to be done when it is over, instead of ringing: the words of a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// What whoever set it may do: the command may do no more.
    #[serde(default)]
    pub permissions: Permissions,
    /// The language of whoever set it (BCP 47), where it is not the household's: the command is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// How long it was started for, in milliseconds. It is called by this: "the ten minute timer".
    pub length_ms: u64,
    /// Whether it is for a time of day instead of a length: it keeps to the wall clock, whatever is done to that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_clock: bool,
    /// How it stands.
    pub state: TimerState,
}

impl Timer {
    /// Whether it rings at a time of day: an alarm, or with a name a reminder.
    pub fn rings_by_clock(&self) -> bool {
        self.by_clock && self.command.is_none()
    }

    /// Whether it is an alarm: it rings at a time of day, for nothing in particular.
    pub fn is_alarm(&self) -> bool {
        self.rings_by_clock() && self.name.is_none()
    }

    /// Whether it reminds somebody of something.
    pub fn is_reminder(&self) -> bool {
        self.name.is_some() && self.command.is_none()
    }
}

/// How a timer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerState {
    /// It runs.
    Running {
        /// When it ends, in milliseconds since 1970.
        ends_ms: i64,
    },
    /// It stands still.
    Paused {
        /// What is left, in milliseconds.
        left_ms: u64,
    },
    /// It is over and was not acknowledged yet.
    Ringing {
        /// When it ended, in milliseconds since 1970.
        since_ms: i64,
        /// How often it has rung and been heard.
        rung: u32,
    },
}

/// Why something about a timer was not done.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TimerError {
    /// There is no timer at all, or none that fits.
    #[error("there is no such timer")]
    None {
        /// How many there are.
        timers: usize,
    },
    /// No alarm is set, or none that fits.
    #[error("there is no such alarm")]
    NoAlarm,
    /// There is no reminder, or none that fits.
    #[error("there is no such reminder")]
    NoReminder,
    /// Several fit.
    #[error("several timers fit: say its name or how long it was set for")]
    Several {
        /// Those that fit.
        timers: Vec<TimerView>,
    },
    /// There are [`MAX_TIMERS`] already.
    #[error("there are {MAX_TIMERS} timers already; cancel some")]
    TooMany,
    /// Nothing, or less.
    #[error("a timer needs a length of at least a second")]
    NoLength,
    /// It was for a time of today that is over.
    #[error("that time of today is over")]
    Past,
    /// It was to be again and again.
    #[error("a timer or an alarm is for once")]
    Repeats,
    /// Two different lengths were given: "a ten minute timer for five minutes".
    #[error("two different lengths were given")]
    TwoLengths,
    /// Longer than [`MAX_LENGTH_MS`].
    #[error("a timer can run for {} days at most", MAX_LENGTH_MS / 86_400_000)]
    TooLong,
    /// More is to be taken off than is left.
    #[error("there is less left on the timer than that")]
    TooShort {
        /// The timer.
        timer: Box<TimerView>,
    },
    /// It runs already, stands still already, or is over.
    #[error("the timer is {is} already")]
    Already {
        /// `running`, `paused` or `ringing`.
        is: &'static str,
        /// The timer.
        timer: Box<TimerView>,
    },
}

impl TimerError {
    /// Stable name of the error, for spoken sentences.
    pub fn code(&self) -> &'static str {
        match self {
            Self::None { .. } => "no_timer",
            Self::NoAlarm => "no_alarm",
            Self::NoReminder => "no_reminder",
            Self::Several { .. } => "several_timers",
            Self::TooMany => "too_many_timers",
            Self::NoLength => "timer_without_length",
            Self::Past => "timer_past",
            Self::Repeats => "timer_repeats",
            Self::TwoLengths => "timer_two_lengths",
            Self::TooLong => "timer_too_long",
            Self::TooShort { .. } => "timer_too_short",
            Self::Already { .. } => "timer_already",
        }
    }

    /// Values for the spoken sentence.
    pub fn slots(&self) -> Map<String, Value> {
        let slots = match self {
            Self::None { timers } => json!({ "count": timers }),
            Self::Several { timers } => json!({ "timers": timers, "count": timers.len() }),
            Self::TooMany => json!({ "most": MAX_TIMERS }),
            Self::NoLength | Self::TwoLengths | Self::Past | Self::Repeats | Self::NoAlarm | Self::NoReminder => {
                json!({})
            }
            Self::TooLong => json!({ "days": MAX_LENGTH_MS / 86_400_000 }),
            Self::TooShort { timer } => json!({ "timer": timer }),
            Self::Already { is, timer } => json!({ "is": is, "timer": timer }),
        };
        match slots {
            Value::Object(slots) => slots,
            _ => Map::new(),
        }
    }
}

#[cfg(test)]
mod tests;
