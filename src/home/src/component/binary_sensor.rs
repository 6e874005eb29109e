//! Binary sensors: a state of on and off to read.

use std::time::Duration;

use super::sensor::expires;
use super::switch::on_or_off;
use super::{Act, Component, cannot, word};
use crate::action::{Action, State};
use crate::discovery::{FieldError, Fields, Input};

#[derive(Debug)]
struct BinarySensor {
    state: Input,
    on: String,
    off: String,
    expires: Option<Duration>,
    /// After how long an "on" is over by itself: motion sensors that never say "off".
    off_delay: Option<Duration>,
}

pub(super) fn build(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    Ok(Box::new(BinarySensor {
        state: fields.required_input("state_topic", "value_template", "state")?,
        on: fields.text_or("payload_on", "ON")?,
        off: fields.text_or("payload_off", "OFF")?,
        expires: expires(fields)?,
        off_delay: fields.number("off_delay")?.filter(|seconds| *seconds > 0.0).map(Duration::from_secs_f64),
    }))
}

impl Component for BinarySensor {
    fn domain(&self) -> &'static str {
        "binary_sensor"
    }

    fn inputs(&self) -> Vec<&Input> {
        vec![&self.state]
    }

    fn read(&self, _field: &'static str, value: &str, state: &mut State) -> Result<(), String> {
        state.state = on_or_off(value, &self.on, &self.off)?;
        Ok(())
    }

    fn act(&self, action: &Action, _state: &State) -> Act {
        cannot(word(action))
    }

    fn decay(&self, state: &State) -> Option<(Duration, Option<String>)> {
        match (self.off_delay, self.expires) {
            (Some(delay), _) if state.is("on") => Some((delay, Some("off".to_owned()))),
            (_, expires) => expires.map(|after| (after, None)),
        }
    }
}
