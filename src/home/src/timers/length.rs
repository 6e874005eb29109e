//! Lengths as intents give them, and as they are spoken.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::TimerError;

/// Longest time a timer may run: a week, in milliseconds.
pub const MAX_LENGTH_MS: u64 = 7 * 24 * HOUR_MS;

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// A length in whole hours, minutes and seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// Whole hours.
    pub hours: u64,
    /// Minutes, 0 to 59.
    pub minutes: u64,
    /// Seconds, 0 to 59.
    pub seconds: u64,
}

impl Parts {
    /// Of a length in milliseconds, to the nearest second.
    pub fn exact(ms: u64) -> Self {
        let seconds = ms.saturating_add(SECOND_MS / 2) / SECOND_MS;
        Self { hours: seconds / 3_600, minutes: seconds / 60 % 60, seconds: seconds % 60 }
    }

    /// As people say it: from ten minutes on without seconds, from ten hours on without minutes.
    pub fn spoken(ms: u64) -> Self {
        let nearest = |unit: u64| ms.saturating_add(unit / 2) / unit * unit;
        Self::exact(match ms {
            _ if ms >= 10 * HOUR_MS => nearest(HOUR_MS),
            _ if ms >= 10 * MINUTE_MS => nearest(MINUTE_MS),
            // What is left of a running timer is never none.
            _ => nearest(SECOND_MS).max(SECOND_MS),
        })
    }
}

/// The length in slots such as `hours`, `minutes` and `seconds`, or `start_hours` and so on with the prefix `start_`, in
/// milliseconds; `None` where no such slot is given. What is given more than once is added up; numbers may have fractions.
///
/// # Errors
/// [`TimerError::NoLength`] where it is nothing, less, or no number; [`TimerError::TooLong`] above [`MAX_LENGTH_MS`].
pub fn given(slots: &BTreeMap<String, Value>, prefix: &str) -> Result<Option<u64>, TimerError> {
    let mut sum = 0.0;
    let mut any = false;
    for (unit, ms) in [("hours", HOUR_MS), ("minutes", MINUTE_MS), ("seconds", SECOND_MS)] {
        let Some(value) = slots.get(&format!("{prefix}{unit}")) else { continue };
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number: &f64| number.is_finite()).ok_or(TimerError::NoLength)?;
        sum += number * ms as f64;
        any = true;
    }
    if !any {
        return Ok(None);
    }
    if sum < SECOND_MS as f64 {
        return Err(TimerError::NoLength);
    }
    if sum > MAX_LENGTH_MS as f64 {
        return Err(TimerError::TooLong);
    }
    Ok(Some((sum / SECOND_MS as f64).round() as u64 * SECOND_MS))
}
