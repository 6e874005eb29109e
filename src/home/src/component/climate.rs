//! Heating and cooling: a mode, a target, what the room has.

use serde_json::Value;

use super::select::pick;
use super::{Act, Component, Refusal, cannot, is_none, parse_number, word};
use crate::action::{Action, Check, Commands, Expect, State};
use crate::call::Allowed;
use crate::discovery::{FieldError, Fields, Input, Outlet};
use crate::text;

#[derive(Debug)]
struct Climate {
    mode: Option<Outlet>,
    temperature: Option<Outlet>,
    fan_mode: Option<Outlet>,
    power: Option<Outlet>,
    inputs: Vec<Input>,
    optimistic: bool,
    modes: Vec<String>,
    fan_modes: Vec<String>,
    presets: Vec<String>,
    limits: (f64, f64),
    step: f64,
    unit: &'static str,
    on: String,
    off: String,
}

const MODES: [&str; 6] = ["auto", "off", "cool", "heat", "dry", "fan_only"];

pub(super) fn build(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    let inputs = [
        fields.input("mode_state_topic", "mode_state_template", "mode")?,
        fields.input("temperature_state_topic", "temperature_state_template", "temperature")?,
        fields.input("temperature_low_state_topic", "temperature_low_state_template", "target_temp_low")?,
        fields.input("temperature_high_state_topic", "temperature_high_state_template", "target_temp_high")?,
        fields.input("current_temperature_topic", "current_temperature_template", "current_temperature")?,
        fields.input("current_humidity_topic", "current_humidity_template", "current_humidity")?,
        fields.input("action_topic", "action_template", "hvac_action")?,
        fields.input("fan_mode_state_topic", "fan_mode_state_template", "fan_mode")?,
        fields.input("preset_mode_state_topic", "preset_mode_value_template", "preset_mode")?,
    ];
    let unit = match fields.text_or("temperature_unit", "C")?.to_uppercase().as_str() {
        "F" | "°F" => "°F",
        _ => "°C",
    };
    let limits = if unit == "°F" { (44.6, 95.0) } else { (7.0, 35.0) };
    let list = |key: &str, default: &[&str]| {
        let given = fields.texts(key)?;
        let missing = fields.get(key).is_none();
        Ok::<_, FieldError>(if missing { default.iter().map(|&mode| mode.to_owned()).collect() } else { given })
    };
    Ok(Box::new(Climate {
        mode: fields.outlet("mode_command_topic", "mode_command_template")?,
        temperature: fields.outlet("temperature_command_topic", "temperature_command_template")?,
        fan_mode: fields.outlet("fan_mode_command_topic", "fan_mode_command_template")?,
        power: fields.outlet("power_command_topic", "power_command_template")?,
        inputs: inputs.into_iter().flatten().collect(),
        optimistic: fields.boolean("optimistic", false)?,
        modes: list("modes", &MODES)?,
        fan_modes: list("fan_modes", &["auto", "low", "medium", "high"])?,
        presets: fields.texts("preset_modes")?,
        limits: fields.range(("min_temp", limits.0), ("max_temp", limits.1))?,
        step: fields.number_or("temp_step", 1.0)?.abs().max(0.01),
        unit,
        on: fields.text_or("payload_on", "ON")?,
        off: fields.text_or("payload_off", "OFF")?,
    }))
}

impl Climate {
    fn hears(&self, field: &str) -> bool {
        !self.optimistic && self.inputs.iter().any(|input| input.field == field)
    }

    fn set_mode(&self, mode: &str, state: &State) -> Act {
        let Some(outlet) = &self.mode else { return cannot("mode") };
        let publishes = vec![outlet.send(mode).map_err(super::broken)?];
        let expect = if self.hears("mode") {
            Expect::state(&[mode])
        } else {
            Expect::Assume(State { state: Some(mode.to_owned()), ..state.clone() })
        };
        Ok(Commands { publishes, expect })
    }

    /// On: the first mode that heats or cools. Devices with a power switch of their own are switched with it.
    fn turn(&self, on: bool, state: &State) -> Act {
        let has = |mode: &&str| self.modes.iter().any(|own| own == mode);
        let mode = match on {
            true => ["heat_cool", "auto", "heat", "cool"].into_iter().find(has),
            false => Some("off").filter(has),
        };
        let switch =
            |power: &Outlet| power.send(if on { self.on.as_str() } else { self.off.as_str() }).map_err(super::broken);
        match (&self.power, mode) {
            (Some(power), None) => {
                Ok(Commands { publishes: vec![switch(power)?], expect: Expect::Assume(state.clone()) })
            }
            (Some(power), Some(mode)) if !on && self.hears("mode") => {
                Ok(Commands { publishes: vec![switch(power)?], expect: Expect::state(&[mode]) })
            }
            (Some(power), Some(_)) => {
                Ok(Commands { publishes: vec![switch(power)?], expect: Expect::Assume(state.clone()) })
            }
            (None, Some(mode)) => self.set_mode(mode, state),
            (None, None) => cannot(if on { "turning on" } else { "turning off" }),
        }
    }

    fn set_temperature(&self, wanted: f64, state: &State) -> Act {
        let Some(outlet) = &self.temperature else { return cannot("temperature") };
        let (low, high) = self.limits;
        if !(low..=high).contains(&wanted) {
            let allowed = Allowed::range(low, high);
            let [wanted, low, high] = [wanted, low, high].map(|value| text::number(value, 1));
            let why = format!("{wanted} {} is outside of {low} to {high}", self.unit);
            return Err(Refusal::InvalidValue(why, allowed));
        }
        let stepped = ((wanted / self.step).round() * self.step).clamp(low, high);
        let value = (stepped * 100.0).round() / 100.0;
        let publishes = vec![outlet.send(value).map_err(super::broken)?];
        let expect = if self.hears("temperature") {
            let tolerance = (self.step / 2.0).max(0.05) + 1e-9;
            Expect::All(vec![Check::Number { attribute: "temperature", value, tolerance }])
        } else {
            let mut assumed = state.clone();
            assumed.set("temperature", Some(value.into()));
            Expect::Assume(assumed)
        };
        Ok(Commands { publishes, expect })
    }
}

impl Component for Climate {
    fn domain(&self) -> &'static str {
        "climate"
    }

    fn inputs(&self) -> Vec<&Input> {
        self.inputs.iter().collect()
    }

    fn read(&self, field: &'static str, value: &str, state: &mut State) -> Result<(), String> {
        match field {
            "mode" if is_none(value) => state.state = None,
            "mode" if self.modes.iter().any(|mode| mode == value) => state.state = Some(value.to_owned()),
            "mode" => return Err(format!("{value:?} is none of the modes")),
            other if is_none(value) => state.set(other, None),
            "hvac_action" | "fan_mode" | "preset_mode" => {
                if value.is_empty() {
                    return Err("an empty message".to_owned());
                }
                state.set(field, Some(value.into()));
            }
            number => state.set(number, Some(parse_number(value)?.into())),
        }
        Ok(())
    }

    fn act(&self, action: &Action, state: &State) -> Act {
        match action {
            Action::TurnOn => self.turn(true, state),
            Action::TurnOff => self.turn(false, state),
            Action::SetTemperature(wanted) => self.set_temperature(*wanted, state),
            Action::SetMode(wanted) => match pick(&self.modes, wanted) {
                Some(mode) => self.set_mode(mode, state),
                None => {
                    let why = format!("{wanted:?} is none of {}", text::listing(&self.modes));
                    Err(Refusal::InvalidValue(why, Allowed::options(&self.modes)))
                }
            },
            Action::SetFanMode(wanted) => {
                let Some(outlet) = &self.fan_mode else { return cannot(word(action)) };
                let Some(mode) = pick(&self.fan_modes, wanted) else {
                    let why = format!("{wanted:?} is none of {}", text::listing(&self.fan_modes));
                    return Err(Refusal::InvalidValue(why, Allowed::options(&self.fan_modes)));
                };
                let publishes = vec![outlet.send(mode).map_err(super::broken)?];
                let expect = if self.hears("fan_mode") {
                    Expect::All(vec![Check::Text { attribute: "fan_mode", value: mode.to_owned() }])
                } else {
                    let mut assumed = state.clone();
                    assumed.set("fan_mode", Some(mode.into()));
                    Expect::Assume(assumed)
                };
                Ok(Commands { publishes, expect })
            }
            other => cannot(word(other)),
        }
    }

    fn initial(&self) -> State {
        let mut state = State::default();
        state.set("hvac_modes", Some(Value::from(self.modes.clone())));
        state.set("min_temp", Some(self.limits.0.into()));
        state.set("max_temp", Some(self.limits.1.into()));
        state.set("target_temp_step", Some(self.step.into()));
        state.set("temperature_unit", Some(self.unit.into()));
        if self.fan_mode.is_some() {
            state.set("fan_modes", Some(Value::from(self.fan_modes.clone())));
        }
        if !self.presets.is_empty() {
            state.set("preset_modes", Some(Value::from(self.presets.clone())));
        }
        state
    }

    fn features(&self) -> Vec<&'static str> {
        let all = [("temperature", self.temperature.is_some()), ("fan_mode", self.fan_mode.is_some())];
        all.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
    }
}
