//! A timer as responses, apps and language models read it.

use serde::{Deserialize, Serialize};

use super::length::Parts;
use super::{Timer, TimerState};
use crate::permissions::Permissions;

/// A timer at one moment. Names beginning with `start_` and `rounded_`, `is_active` and `total_seconds_left` are Home
/// Assistant's, so that the responses of its dictionaries can be spoken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimerView {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub name: Option<String>,
    /// Id of the room it is for or was set in.
    pub area: Option<String>,
    /// The client that set it.
    pub client: Option<String>,
    /// The words of the command that is done when it is over.
    pub command: Option<String>,
    /// What whoever set it may do.
    #[serde(skip)]
    pub permissions: Permissions,
    /// The language of whoever set it (BCP 47), where it is not the household's.
    #[serde(skip)]
    pub language: Option<String>,
    /// Whether it runs.
    pub is_active: bool,
    /// Whether it is over and rings.
    pub is_ringing: bool,
    /// Whether it is for a time of day instead of a length.
    #[serde(default)]
    pub by_clock: bool,
    /// Milliseconds since 1970 at which it ends or ended; `None` while it stands still.
    pub ends_ms: Option<i64>,
    /// How long it was started for, in milliseconds.
    pub length_ms: u64,
    /// What is left when this is made, in milliseconds.
    pub left_ms: u64,
    /// Whole hours it was started for.
    pub start_hours: u64,
    /// And minutes.
    pub start_minutes: u64,
    /// And seconds.
    pub start_seconds: u64,
    /// What is left, in seconds.
    pub total_seconds_left: u64,
    /// What is left as people say it: hours,
    pub rounded_hours_left: u64,
    /// minutes,
    pub rounded_minutes_left: u64,
    /// and seconds.
    pub rounded_seconds_left: u64,
}

impl TimerView {
    /// A timer of which `left_ms` milliseconds are left.
    pub(super) fn new(timer: &Timer, left_ms: u64, unix_ms: i64) -> Self {
        let start = Parts::exact(timer.length_ms);
        let left = if left_ms == 0 { Parts::default() } else { Parts::spoken(left_ms) };
        let ends_ms = match timer.state {
            TimerState::Running { .. } => Some(unix_ms.saturating_add_unsigned(left_ms)),
            TimerState::Paused { .. } => None,
            TimerState::Ringing { since_ms, .. } => Some(since_ms),
        };
        Self {
            id: timer.id.clone(),
            name: timer.name.clone(),
            area: timer.area.clone(),
            client: timer.client.clone(),
            command: timer.command.clone(),
            permissions: timer.permissions,
            language: timer.language.clone(),
            is_active: matches!(timer.state, TimerState::Running { .. }),
            is_ringing: matches!(timer.state, TimerState::Ringing { .. }),
            by_clock: timer.by_clock,
            ends_ms,
            length_ms: timer.length_ms,
            left_ms,
            start_hours: start.hours,
            start_minutes: start.minutes,
            start_seconds: start.seconds,
            total_seconds_left: left_ms.div_ceil(1_000),
            rounded_hours_left: left.hours,
            rounded_minutes_left: left.minutes,
            rounded_seconds_left: left.seconds,
        }
    }
}
