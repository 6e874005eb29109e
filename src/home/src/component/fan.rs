//! Fans: on, off, speed in percent, presets.

use serde_json::Value;

use super::switch::on_or_off;
use super::{Act, Component, cannot, is_none, parse_number, word};
use crate::action::{Action, Check, Commands, Expect, State};
use crate::discovery::{FieldError, Fields, Input, Outlet};

#[derive(Debug)]
struct Fan {
    command: Outlet,
    percentage: Option<Outlet>,
    preset: Option<Outlet>,
    inputs: Vec<Input>,
    optimistic: bool,
    on: String,
    off: String,
    reset_percentage: String,
    /// The device's own speeds: lowest and highest that turn.
    low: f64,
    high: f64,
    presets: Vec<String>,
    oscillation: (String, String),
}

pub(super) fn build(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    let inputs = [
        fields.input("state_topic", "state_value_template", "state")?,
        fields.input("percentage_state_topic", "percentage_value_template", "percentage")?,
        fields.input("preset_mode_state_topic", "preset_mode_value_template", "preset_mode")?,
        fields.input("oscillation_state_topic", "oscillation_value_template", "oscillating")?,
        fields.input("direction_state_topic", "direction_value_template", "direction")?,
    ];
    let inputs: Vec<Input> = inputs.into_iter().flatten().collect();
    let (low, high) = (fields.number_or("speed_range_min", 1.0)?, fields.number_or("speed_range_max", 100.0)?);
    if low < 1.0 || high < low {
        return Err(FieldError {
            key: "speed_range_max".to_owned(),
            problem: "is below \"speed_range_min\"".to_owned(),
        });
    }
    Ok(Box::new(Fan {
        command: fields.required_outlet("command_topic", "command_template")?,
        percentage: fields.outlet("percentage_command_topic", "percentage_command_template")?,
        preset: fields.outlet("preset_mode_command_topic", "preset_mode_command_template")?,
        optimistic: fields.boolean("optimistic", !inputs.iter().any(|input| input.field == "state"))?,
        inputs,
        on: fields.text_or("payload_on", "ON")?,
        off: fields.text_or("payload_off", "OFF")?,
        reset_percentage: fields.text_or("payload_reset_percentage", "None")?,
        low,
        high,
        presets: fields.texts("preset_modes")?,
        oscillation: (
            fields.text_or("payload_oscillation_on", "oscillate_on")?,
            fields.text_or("payload_oscillation_off", "oscillate_off")?,
        ),
    }))
}

impl Fan {
    /// Percent of a speed of the device: of three speeds the second is 66 %.
    fn percent(&self, speed: f64) -> f64 {
        ((speed - self.low + 1.0) / (self.high - self.low + 1.0) * 100.0).floor().clamp(0.0, 100.0)
    }

    /// The device's speed for a percentage.
    fn speed(&self, percent: f64) -> f64 {
        (percent / 100.0 * (self.high - self.low + 1.0) + self.low - 1.0).ceil()
    }

    fn hears(&self, field: &str) -> bool {
        !self.optimistic && self.inputs.iter().any(|input| input.field == field)
    }
}

impl Component for Fan {
    fn domain(&self) -> &'static str {
        "fan"
    }

    fn inputs(&self) -> Vec<&Input> {
        self.inputs.iter().collect()
    }

    fn read(&self, field: &'static str, value: &str, state: &mut State) -> Result<(), String> {
        match field {
            "state" => state.state = on_or_off(value, &self.on, &self.off)?,
            "percentage" if value == self.reset_percentage || is_none(value) => state.set("percentage", None),
            "percentage" => {
                let speed = parse_number(value)?;
                let percent = if speed < self.low { 0.0 } else { self.percent(speed) };
                state.set("percentage", Some(percent.into()));
            }
            "oscillating" => {
                let on = on_or_off(value, &self.oscillation.0, &self.oscillation.1)?;
                state.set("oscillating", on.map(|on| (on == "on").into()));
            }
            other => state.set(other, (!is_none(value)).then(|| value.into())),
        }
        Ok(())
    }

    fn act(&self, action: &Action, state: &State) -> Act {
        let mut assumed = state.clone();
        let (publishes, checks, heard) = match action {
            Action::TurnOn | Action::TurnOff => {
                let (payload, is) = if *action == Action::TurnOn { (&self.on, "on") } else { (&self.off, "off") };
                assumed.state = Some(is.to_owned());
                (vec![self.command.send(payload.as_str())], vec![Check::state(&[is])], self.hears("state"))
            }
            Action::SetSpeed(percent) if *percent <= 0.0 => return self.act(&Action::TurnOff, state),
            Action::SetSpeed(percent) => {
                let Some(outlet) = &self.percentage else { return cannot(word(action)) };
                let speed = self.speed(*percent).clamp(self.low, self.high);
                let then = self.percent(speed);
                assumed.state = Some("on".to_owned());
                assumed.set("percentage", Some(then.into()));
                let step = 100.0 / (self.high - self.low + 1.0);
                let check = Check::Number { attribute: "percentage", value: then, tolerance: (step / 2.0).max(1.0) };
                let mut publishes = vec![outlet.send(speed as i64)];
                // Not every fan starts turning when it is told a speed.
                if !state.is("on") {
                    publishes.insert(0, self.command.send(self.on.as_str()));
                }
                (publishes, vec![check], self.hears("percentage"))
            }
            Action::SetMode(wanted) => {
                let (Some(outlet), Some(mode)) = (&self.preset, super::select::pick(&self.presets, wanted)) else {
                    return cannot(word(action));
                };
                assumed.set("preset_mode", Some(mode.into()));
                let check = Check::Text { attribute: "preset_mode", value: mode.to_owned() };
                (vec![outlet.send(mode)], vec![check], self.hears("preset_mode"))
            }
            other => return cannot(word(other)),
        };
        let publishes = publishes.into_iter().collect::<Result<Vec<_>, _>>().map_err(super::broken)?;
        Ok(Commands { publishes, expect: if heard { Expect::All(checks) } else { Expect::Assume(assumed) } })
    }

    fn initial(&self) -> State {
        let mut state = State::default();
        if self.percentage.is_some() {
            let step = 100.0 / (self.high - self.low + 1.0);
            state.set("percentage_step", Some(step.into()));
        }
        if !self.presets.is_empty() {
            state.set("preset_modes", Some(Value::from(self.presets.clone())));
        }
        state
    }

    fn features(&self) -> Vec<&'static str> {
        let mut features = Vec::new();
        if self.percentage.is_some() {
            features.push("percentage");
        }
        if self.preset.is_some() {
            features.push("preset_mode");
        }
        features
    }
}
