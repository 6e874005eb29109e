//! Lights whose messages are made and read by templates (schema `template`).

use serde_json::{Map, Value};

use super::super::color::{Hs, hs};
use super::super::{Act, Component, broken, cannot, is_none, parse_number, word};
use super::{Change, Scale, Tells, Warmth, assume, change, checks, lacks};
use crate::action::{Action, Commands, Expect, LightChange, Rgb, State};
use crate::discovery::{FieldError, Fields, Input, Outlet};
use crate::template::Template;

#[derive(Debug)]
struct TemplateLight {
    on: Outlet,
    off: Outlet,
    inputs: Vec<Input>,
    optimistic: bool,
    warmth: Warmth,
}

/// This schema counts brightness as we do.
const SCALE: Scale = Scale(255.0);

pub(super) fn build(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    let command = |key: &str| {
        let missing = || FieldError { key: key.to_owned(), problem: "is missing".to_owned() };
        let template: Template = fields.template(key)?.ok_or_else(missing)?;
        Ok::<_, FieldError>(fields.required_outlet("command_topic", "")?.with_template(Some(template)))
    };
    let mut inputs = Vec::new();
    for (template, field) in [
        ("state_template", "state"),
        ("brightness_template", "brightness"),
        ("color_temp_template", "color_temp"),
        ("red_template", "red"),
        ("green_template", "green"),
        ("blue_template", "blue"),
        ("effect_template", "effect"),
    ] {
        if fields.get(template).is_some() {
            inputs.extend(fields.input("state_topic", template, field)?);
        }
    }
    Ok(Box::new(TemplateLight {
        on: command("command_on_template")?,
        off: command("command_off_template")?,
        optimistic: fields.boolean("optimistic", !inputs.iter().any(|input| input.field == "state"))?,
        inputs,
        warmth: Warmth::new(fields)?,
    }))
}

impl TemplateLight {
    fn hears(&self, field: &str) -> bool {
        self.inputs.iter().any(|input| input.field == field)
    }

    fn variables(&self, wanted: &LightChange) -> Map<String, Value> {
        let mut variables = Map::from_iter([("state".to_owned(), "on".into())]);
        let mut put = |key: &str, value: Value| variables.insert(key.to_owned(), value);
        if let Some(brightness) = wanted.brightness {
            put("brightness", SCALE.device(brightness).into());
        }
        if let Some(rgb) = wanted.color {
            let (Rgb(r, g, b), Hs(hue, saturation)) = (rgb, hs(rgb));
            put("red", r.into());
            put("green", g.into());
            put("blue", b.into());
            put("hue", hue.into());
            put("sat", saturation.into());
        } else if let Some(kelvin) = wanted.kelvin {
            put("color_temp", self.warmth.device(kelvin).into());
        }
        variables
    }
}

impl Component for TemplateLight {
    fn domain(&self) -> &'static str {
        "light"
    }

    fn inputs(&self) -> Vec<&Input> {
        self.inputs.iter().collect()
    }

    fn read(&self, field: &'static str, value: &str, state: &mut State) -> Result<(), String> {
        match field {
            "state" => {
                state.state = match value {
                    "on" | "off" => Some(value.to_owned()),
                    _ if is_none(value) => None,
                    _ => return Err(format!("{value:?} is neither \"on\" nor \"off\"")),
                };
            }
            _ if is_none(value) || value.is_empty() => {}
            "brightness" => super::set_brightness(state, parse_number(value)?),
            "effect" => state.set("effect", Some(value.into())),
            "color_temp" => super::set_kelvin(state, self.warmth.ours(parse_number(value)?)),
            // The channels come one by one, red first; blue completes the colour.
            channel => {
                state.set(channel, Some((parse_number(value)?.round().clamp(0.0, 255.0) as u8).into()));
                if channel == "blue" {
                    let [r, g, b] = ["red", "green", "blue"].map(|channel| {
                        let value = state.number(channel).unwrap_or(0.0) as u8;
                        state.set(channel, None);
                        value
                    });
                    super::set_rgb(state, "rgb", Rgb(r, g, b));
                }
            }
        }
        Ok(())
    }

    fn act(&self, action: &Action, state: &State) -> Act {
        match change(action) {
            None => cannot(word(action)),
            Some(Change::Off) => {
                let variables = Map::from_iter([("state".to_owned(), "off".into())]);
                let publishes = vec![self.off.send_with(Value::Null, variables).map_err(broken)?];
                let mut assumed = state.clone();
                super::set_off(&mut assumed);
                let expect = if self.optimistic { Expect::Assume(assumed) } else { Expect::state(&["off"]) };
                Ok(Commands { publishes, expect })
            }
            Some(Change::On(wanted)) => {
                let (color, kelvin) = (self.hears("blue"), self.hears("color_temp"));
                if let Some(refusal) = lacks(&wanted, self.hears("brightness"), color, kelvin) {
                    return refusal;
                }
                let publishes = vec![self.on.send_with(Value::Null, self.variables(&wanted)).map_err(broken)?];
                let expect = if self.optimistic {
                    Expect::Assume(assume(&wanted, state))
                } else {
                    Expect::All(checks(
                        &wanted,
                        SCALE,
                        self.warmth,
                        Tells { state: true, brightness: true, color, kelvin },
                    ))
                };
                Ok(Commands { publishes, expect })
            }
        }
    }

    fn initial(&self) -> State {
        let mut state = State::default();
        if self.hears("color_temp") {
            self.warmth.limits(&mut state);
        }
        state
    }

    fn features(&self) -> Vec<&'static str> {
        let all = [
            ("brightness", self.hears("brightness")),
            ("color", self.hears("blue")),
            ("color_temp", self.hears("color_temp")),
        ];
        all.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
    }
}
