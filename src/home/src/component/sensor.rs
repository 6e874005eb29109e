//! Sensors and device trackers: a state to read.

use std::time::Duration;

use serde_json::Value;

use super::{Act, Component, cannot, is_none, word};
use crate::action::{Action, State};
use crate::discovery::{FieldError, Fields, Input};
use crate::text;

#[derive(Debug)]
struct Sensor {
    domain: &'static str,
    state: Input,
    unit: Option<String>,
    /// Whether only numbers are states.
    numeric: bool,
    precision: Option<usize>,
    options: Vec<String>,
    expires: Option<Duration>,
    /// Payloads that stand for another state.
    means: Vec<(String, &'static str)>,
}

/// Device classes whose state is a text or a time.
const NOT_NUMERIC: [&str; 4] = ["enum", "date", "timestamp", "uptime"];

pub(super) fn build(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    let unit = fields.text("unit_of_measurement")?.filter(|unit| !unit.is_empty());
    let class = fields.text("device_class")?;
    let classed = class.as_deref().is_some_and(|class| !NOT_NUMERIC.contains(&class));
    let numeric = unit.is_some() || classed || fields.get("state_class").is_some();
    Ok(Box::new(Sensor {
        domain: "sensor",
        state: fields.required_input("state_topic", "value_template", "state")?,
        unit,
        numeric,
        precision: fields.number("suggested_display_precision")?.map(|places| places.clamp(0.0, 6.0) as usize),
        options: fields.texts("options")?,
        expires: expires(fields)?,
        means: Vec::new(),
    }))
}

pub(super) fn build_tracker(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    let means = vec![
        (fields.text_or("payload_home", "home")?, "home"),
        (fields.text_or("payload_not_home", "not_home")?, "not_home"),
        (fields.text_or("payload_reset", "None")?, "None"),
    ];
    Ok(Box::new(Sensor {
        domain: "device_tracker",
        state: fields.required_input("state_topic", "value_template", "state")?,
        unit: None,
        numeric: false,
        precision: None,
        options: Vec::new(),
        expires: None,
        means,
    }))
}

/// After how long without a message the state is unknown again.
pub(super) fn expires(fields: Fields<'_>) -> Result<Option<Duration>, FieldError> {
    Ok(fields.number("expire_after")?.filter(|seconds| *seconds > 0.0).map(Duration::from_secs_f64))
}

impl Component for Sensor {
    fn domain(&self) -> &'static str {
        self.domain
    }

    fn inputs(&self) -> Vec<&Input> {
        vec![&self.state]
    }

    fn read(&self, _field: &'static str, value: &str, state: &mut State) -> Result<(), String> {
        let value = match self.means.iter().find(|(payload, _)| payload == value) {
            Some((_, meaning)) => *meaning,
            None => value,
        };
        if is_none(value) {
            state.state = None;
            return Ok(());
        }
        if self.numeric {
            if value.is_empty() {
                return Err("an empty message is not a number".to_owned());
            }
            let number = super::parse_number(value)?;
            state.state = Some(match self.precision {
                Some(places) => text::number(number, places),
                None => value.trim().to_owned(),
            });
            return Ok(());
        }
        if !self.options.is_empty() && !self.options.iter().any(|option| option == value) {
            return Err(format!("{value:?} is none of the options"));
        }
        // Longer texts are not states but documents (Home Assistant's own limit).
        if value.chars().count() > 255 {
            return Err(format!("a state of {} bytes is too long", value.len()));
        }
        state.state = Some(value.to_owned());
        Ok(())
    }

    fn act(&self, action: &Action, _state: &State) -> Act {
        cannot(word(action))
    }

    fn initial(&self) -> State {
        let mut state = State::default();
        if !self.options.is_empty() {
            state.set("options", Some(self.options.clone().into()));
        }
        if let Some(unit) = &self.unit {
            state.set("unit_of_measurement", Some(Value::from(unit.as_str())));
        }
        state
    }

    fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    fn decay(&self, _state: &State) -> Option<(Duration, Option<String>)> {
        self.expires.map(|after| (after, None))
    }
}
