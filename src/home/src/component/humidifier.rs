//! Humidifiers and dehumidifiers: on, off, a target humidity, a mode.

use super::switch::on_or_off;
use super::{Act, Component, Refusal, cannot, is_none, word};
use crate::action::{Action, Check, Commands, Expect, State};
use crate::call::Allowed;
use crate::discovery::{FieldError, Fields, Input, Outlet};
use crate::text;

#[derive(Debug)]
struct Humidifier {
    command: Outlet,
    target: Outlet,
    mode: Option<Outlet>,
    modes: Vec<String>,
    inputs: Vec<Input>,
    on: String,
    off: String,
    limits: (f64, f64),
}

pub(super) fn build(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    let inputs = [
        fields.input("state_topic", "state_value_template", "state")?,
        fields.input("target_humidity_state_topic", "target_humidity_state_template", "humidity")?,
        fields.input("current_humidity_topic", "current_humidity_template", "current_humidity")?,
        fields.input("mode_state_topic", "mode_state_template", "mode")?,
    ];
    Ok(Box::new(Humidifier {
        command: fields.required_outlet("command_topic", "command_template")?,
        target: fields.required_outlet("target_humidity_command_topic", "target_humidity_command_template")?,
        mode: fields.outlet("mode_command_topic", "mode_command_template")?,
        modes: fields.texts("modes")?,
        inputs: inputs.into_iter().flatten().collect(),
        on: fields.text_or("payload_on", "ON")?,
        off: fields.text_or("payload_off", "OFF")?,
        limits: fields.range(("min_humidity", 0.0), ("max_humidity", 100.0))?,
    }))
}

impl Humidifier {
    fn hears(&self, field: &str) -> bool {
        self.inputs.iter().any(|input| input.field == field)
    }
}

impl Component for Humidifier {
    fn domain(&self) -> &'static str {
        "humidifier"
    }

    fn inputs(&self) -> Vec<&Input> {
        self.inputs.iter().collect()
    }

    fn read(&self, field: &'static str, value: &str, state: &mut State) -> Result<(), String> {
        match field {
            "state" => state.state = on_or_off(value, &self.on, &self.off)?,
            "mode" => state.set("mode", (!is_none(value)).then(|| value.into())),
            number if is_none(value) => state.set(number, None),
            number => state.set(number, Some(super::parse_number(value)?.into())),
        }
        Ok(())
    }

    fn act(&self, action: &Action, state: &State) -> Act {
        let mut assumed = state.clone();
        let (publish, check, heard) = match action {
            Action::TurnOn | Action::TurnOff => {
                let (payload, is) = if *action == Action::TurnOn { (&self.on, "on") } else { (&self.off, "off") };
                assumed.state = Some(is.to_owned());
                (self.command.send(payload.as_str()), Check::state(&[is]), self.hears("state"))
            }
            Action::SetHumidity(percent) => {
                let (low, high) = self.limits;
                if !(low..=high).contains(percent) {
                    let why = format!("{percent} % is outside of {low} to {high}");
                    return Err(Refusal::InvalidValue(why, Allowed::range(low, high)));
                }
                assumed.set("humidity", Some((*percent).into()));
                let check = Check::Number { attribute: "humidity", value: *percent, tolerance: 1.0 };
                (self.target.send(text::number(*percent, 0)), check, self.hears("humidity"))
            }
            Action::SetMode(wanted) => {
                let (Some(outlet), Some(mode)) = (&self.mode, super::select::pick(&self.modes, wanted)) else {
                    return cannot(word(action));
                };
                assumed.set("mode", Some(mode.into()));
                (outlet.send(mode), Check::Text { attribute: "mode", value: mode.to_owned() }, self.hears("mode"))
            }
            other => return cannot(word(other)),
        };
        let publishes = vec![publish.map_err(super::broken)?];
        let expect = if heard { Expect::All(vec![check]) } else { Expect::Assume(assumed) };
        Ok(Commands { publishes, expect })
    }

    fn initial(&self) -> State {
        let mut state = State::default();
        state.set("min_humidity", Some(self.limits.0.into()));
        state.set("max_humidity", Some(self.limits.1.into()));
        if !self.modes.is_empty() {
            state.set("available_modes", Some(self.modes.clone().into()));
        }
        state
    }
}
