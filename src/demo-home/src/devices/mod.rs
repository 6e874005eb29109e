//! How each kind of device is described and behaves.
//!
//! - `light`: brightness, colour, colour temperature, in four dialects
//! - `cover`: blinds, curtains and a garage door that take their time
//! - `fan`, `climate`, `vacuum`, `speaker`: one of each
//! - `switch`: on and off, one with a power meter; a button
//! - `sensor`: temperature and humidity a room; doors, windows, motion

pub(crate) mod climate;
pub(crate) mod cover;
pub(crate) mod fan;
pub(crate) mod light;
pub(crate) mod sensor;
pub(crate) mod speaker;
pub(crate) mod switch;
pub(crate) mod vacuum;

use std::time::Duration;

use crate::house::Publish;
use crate::rng::Rng;

/// A command that a device cannot make sense of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misunderstood;

/// One device: it describes itself, obeys, and changes with time. Times are since the house was built.
pub(crate) trait Device: Send {
    /// Discovery messages, under the discovery prefix.
    fn configs(&self, prefix: &str) -> Vec<Publish>;

    /// Everything that is known about it now.
    fn state(&self) -> Vec<Publish>;

    /// Topics that it obeys.
    fn topics(&self) -> Vec<String> {
        Vec::new()
    }

    /// Obeys; returns the state that changed.
    fn handle(&mut self, _topic: &str, _payload: &str, _now: Duration) -> Result<Vec<Publish>, Misunderstood> {
        Err(Misunderstood)
    }

    /// When it next changes by itself.
    fn due(&self) -> Option<Duration> {
        None
    }

    /// Lets the time pass up to `now`; called when `due` has come.
    fn tick(&mut self, _now: Duration, _rng: &mut Rng) -> Vec<Publish> {
        Vec::new()
    }
}

/// A number from `low` to `high`, rounded; anything else is misunderstood.
pub(crate) fn number(payload: &str, low: f64, high: f64) -> Result<f64, Misunderstood> {
    let value: f64 = payload.trim().parse().map_err(|_| Misunderstood)?;
    if value.is_finite() && (low..=high).contains(&value) { Ok(value) } else { Err(Misunderstood) }
}

/// `ON` or `OFF`.
pub(crate) fn on_off(on: bool) -> &'static str {
    if on { "ON" } else { "OFF" }
}
