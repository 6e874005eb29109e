//! Numbers: a value within limits.

use serde_json::Value;

use super::{Act, Component, Refusal, cannot, is_none, word};
use crate::action::{Action, Check, Commands, Expect, State};
use crate::call::Allowed;
use crate::discovery::{FieldError, Fields, Input, Outlet};
use crate::text;

#[derive(Debug)]
struct Number {
    command: Outlet,
    state: Option<Input>,
    optimistic: bool,
    min: f64,
    max: f64,
    step: f64,
    unit: Option<String>,
    /// Payload that means "unknown".
    reset: String,
}

pub(super) fn build(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    let state = fields.input("state_topic", "value_template", "state")?;
    let (min, max) = fields.range(("min", 1.0), ("max", 100.0))?;
    Ok(Box::new(Number {
        command: fields.required_outlet("command_topic", "command_template")?,
        optimistic: fields.boolean("optimistic", state.is_none())?,
        state,
        min,
        max,
        step: fields.number_or("step", 1.0)?.abs().max(1e-3),
        unit: fields.text("unit_of_measurement")?.filter(|unit| !unit.is_empty()),
        reset: fields.text_or("payload_reset", "None")?,
    }))
}

impl Component for Number {
    fn domain(&self) -> &'static str {
        "number"
    }

    fn inputs(&self) -> Vec<&Input> {
        self.state.iter().collect()
    }

    fn read(&self, _field: &'static str, value: &str, state: &mut State) -> Result<(), String> {
        if value == self.reset || is_none(value) {
            state.state = None;
            return Ok(());
        }
        let number = super::parse_number(value)?;
        if number < self.min || number > self.max {
            return Err(format!("{number} is outside of {} to {}", self.min, self.max));
        }
        state.state = Some(text::number(number, 6));
        Ok(())
    }

    fn act(&self, action: &Action, state: &State) -> Act {
        let Action::SetValue(value) = action else { return cannot(word(action)) };
        if !(self.min..=self.max).contains(value) {
            let [value, low, high] = [*value, self.min, self.max].map(|value| text::number(value, 3));
            let why = format!("{value} is outside of {low} to {high}");
            return Err(Refusal::InvalidValue(why, Allowed::range(self.min, self.max)));
        }
        let stepped = self.min + ((value - self.min) / self.step).round() * self.step;
        let stepped = text::number(stepped.min(self.max), 6);
        let value: f64 = stepped.parse().unwrap_or(*value);
        // Whole numbers go out as whole numbers: many devices do not read "50.0".
        let json = if value.fract() == 0.0 { Value::from(value as i64) } else { Value::from(value) };
        let publishes = vec![self.command.send(json).map_err(super::broken)?];
        let expect = if self.optimistic {
            Expect::Assume(State { state: Some(stepped), ..state.clone() })
        } else {
            Expect::All(vec![Check::StateNumber { value, tolerance: self.step / 2.0 + 1e-9 }])
        };
        Ok(Commands { publishes, expect })
    }

    fn initial(&self) -> State {
        let mut state = State::default();
        state.set("min", Some(self.min.into()));
        state.set("max", Some(self.max.into()));
        state.set("step", Some(self.step.into()));
        state
    }

    fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }
}
