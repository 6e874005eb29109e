//! Lights with one JSON message each way (schema `json`): Zigbee2MQTT, ESPHome and others.

use serde_json::{Map, Value, json};

use super::super::color::{Hs, Xy, hs, whites, xy};
use super::super::{Act, Component, cannot, word};
use super::{Change, Scale, Tells, Warmth, assume, change, checks, lacks};
use crate::action::{Action, Commands, Expect, LightChange, Rgb, State};
use crate::discovery::{FieldError, Fields, Input, Outlet};
use crate::text::scalar;

#[derive(Debug)]
struct JsonLight {
    command: Outlet,
    state: Option<Input>,
    optimistic: bool,
    dims: bool,
    modes: Vec<String>,
    scale: Scale,
    warmth: Warmth,
    effects: Vec<String>,
}

pub(super) fn build(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    let state = fields.input("state_topic", "value_template", "state")?;
    let mut modes = fields.texts("supported_color_modes")?;
    // Older firmware says one by one what newer lists.
    for (key, mode) in [("color_temp", "color_temp"), ("hs", "hs"), ("rgb", "rgb"), ("xy", "xy")] {
        if modes.iter().all(|own| own != mode) && fields.get(key).is_some_and(|flag| *flag == Value::Bool(true)) {
            modes.push(mode.to_owned());
        }
    }
    let dims = fields.boolean("brightness", false)? || modes.iter().any(|mode| mode != "onoff");
    Ok(Box::new(JsonLight {
        command: fields.required_outlet("command_topic", "command_template")?.with_template(None),
        optimistic: fields.boolean("optimistic", state.is_none())?,
        state,
        dims,
        modes,
        scale: Scale::new(fields, "brightness_scale")?,
        warmth: Warmth::new(fields)?,
        effects: fields.texts("effect_list")?,
    }))
}

/// Modes that show colours, the one that says it most exactly first.
const COLOR_MODES: [&str; 5] = ["hs", "xy", "rgb", "rgbw", "rgbww"];

impl JsonLight {
    fn has(&self, mode: &str) -> bool {
        self.modes.iter().any(|own| own == mode)
    }

    fn color_mode(&self) -> Option<&'static str> {
        COLOR_MODES.into_iter().find(|mode| self.has(mode))
    }

    fn color(&self, rgb: Rgb) -> Option<Value> {
        let Rgb(r, g, b) = rgb;
        Some(match self.color_mode()? {
            "hs" => {
                let Hs(h, s) = hs(rgb);
                json!({ "h": h, "s": s })
            }
            "xy" => {
                let Xy(x, y) = xy(rgb);
                json!({ "x": x, "y": y })
            }
            "rgb" => json!({ "r": r, "g": g, "b": b }),
            "rgbw" => json!({ "r": r, "g": g, "b": b, "w": 0 }),
            _ => json!({ "r": r, "g": g, "b": b, "c": 0, "w": 0 }),
        })
    }

    fn message(&self, wanted: &LightChange) -> Map<String, Value> {
        let mut message = Map::new();
        message.insert("state".to_owned(), "ON".into());
        if let Some(brightness) = wanted.brightness {
            message.insert("brightness".to_owned(), self.scale.device(brightness).into());
        }
        if let Some(rgb) = wanted.color {
            message.extend(self.color(rgb).map(|color| ("color".to_owned(), color)));
        } else if let Some(kelvin) = wanted.kelvin {
            if self.has("color_temp") {
                message.insert("color_temp".to_owned(), self.warmth.device(kelvin).into());
            } else if self.has("rgbww") {
                let (cold, warm) = whites(kelvin, self.warmth.low, self.warmth.high);
                message.insert("color".to_owned(), json!({ "r": 0, "g": 0, "b": 0, "c": cold, "w": warm }));
            } else if self.has("white") {
                message.insert("white".to_owned(), self.scale.device(wanted.brightness.unwrap_or(255.0)).into());
            } else {
                message.extend(self.color(Rgb(255, 255, 255)).map(|color| ("color".to_owned(), color)));
            }
        }
        message
    }

    fn read_color(&self, mode: Option<&str>, map: &Map<String, Value>, state: &mut State) {
        let Some(color) = map.get("color").and_then(Value::as_object) else { return };
        let number = |key: &str| color.get(key).and_then(Value::as_f64);
        let byte = |key: &str| number(key).map(|channel| channel.round().clamp(0.0, 255.0) as u8);
        let by_hs = || Some(Hs(number("h").or_else(|| number("hue"))?, number("s").or_else(|| number("saturation"))?));
        let by_xy = || Some(Xy(number("x")?, number("y")?));
        let by_rgb = || Some(Rgb(byte("r")?, byte("g")?, byte("b")?));
        // A light may send several notations at once; its mode says which one it means.
        match mode {
            Some("xy") if by_xy().is_some() => by_xy().into_iter().for_each(|pair| super::set_xy(state, pair)),
            Some("rgb" | "rgbw" | "rgbww") if by_rgb().is_some() => {
                by_rgb().into_iter().for_each(|rgb| super::set_rgb(state, mode.unwrap_or("rgb"), rgb));
            }
            _ => {
                if let Some(pair) = by_hs() {
                    super::set_hs(state, pair);
                } else if let Some(rgb) = by_rgb() {
                    super::set_rgb(state, "rgb", rgb);
                } else if let Some(pair) = by_xy() {
                    super::set_xy(state, pair);
                }
            }
        }
    }
}

impl Component for JsonLight {
    fn domain(&self) -> &'static str {
        "light"
    }

    fn inputs(&self) -> Vec<&Input> {
        self.state.iter().collect()
    }

    fn read(&self, _field: &'static str, value: &str, state: &mut State) -> Result<(), String> {
        let map: Map<String, Value> =
            serde_json::from_str(value).map_err(|error| format!("not a JSON object: {error}"))?;
        match map.get("state") {
            Some(Value::Null) => state.state = None,
            Some(word) => match scalar(word).unwrap_or_default().to_uppercase().as_str() {
                "ON" | "TRUE" => state.state = Some("on".to_owned()),
                "OFF" | "FALSE" => state.state = Some("off".to_owned()),
                _ => return Err(format!("{word} is neither \"ON\" nor \"OFF\"")),
            },
            None => {}
        }
        if let Some(brightness) = map.get("brightness").and_then(Value::as_f64).filter(|value| *value > 0.0) {
            super::set_brightness(state, self.scale.ours(brightness));
        }
        if let Some(effect) = map.get("effect").filter(|effect| effect.is_string()) {
            state.set("effect", Some(effect.clone()));
        }
        let mode = map.get("color_mode").and_then(Value::as_str);
        let warm = map.get("color_temp").and_then(Value::as_f64).filter(|value| *value > 0.0);
        match (mode, warm) {
            (Some("color_temp"), Some(warm)) => super::set_kelvin(state, self.warmth.ours(warm)),
            (None, Some(warm)) if self.has("color_temp") && !map.contains_key("color") => {
                super::set_kelvin(state, self.warmth.ours(warm));
            }
            (Some(plain @ ("brightness" | "onoff" | "white")), _) => state.set("color_mode", Some(plain.into())),
            _ => self.read_color(mode, &map, state),
        }
        Ok(())
    }

    fn act(&self, action: &Action, state: &State) -> Act {
        match change(action) {
            None => cannot(word(action)),
            Some(Change::Off) => {
                let publishes = vec![self.command.raw(r#"{"state":"OFF"}"#.to_owned())];
                let mut assumed = state.clone();
                super::set_off(&mut assumed);
                let expect = if self.optimistic { Expect::Assume(assumed) } else { Expect::state(&["off"]) };
                Ok(Commands { publishes, expect })
            }
            Some(Change::On(wanted)) => {
                let kelvin = ["color_temp", "rgbww", "white"].iter().any(|mode| self.has(mode));
                if let Some(refusal) = lacks(&wanted, self.dims, self.color_mode().is_some(), kelvin) {
                    return refusal;
                }
                let publishes = vec![self.command.raw(Value::Object(self.message(&wanted)).to_string())];
                let expect = if self.optimistic {
                    Expect::Assume(assume(&wanted, state))
                } else {
                    let tells = Tells { state: true, brightness: true, color: true, kelvin: self.has("color_temp") };
                    Expect::All(checks(&wanted, self.scale, self.warmth, tells))
                };
                Ok(Commands { publishes, expect })
            }
        }
    }

    fn initial(&self) -> State {
        let mut state = State::default();
        if self.has("color_temp") {
            self.warmth.limits(&mut state);
        }
        if !self.modes.is_empty() {
            state.set("supported_color_modes", Some(self.modes.clone().into()));
        }
        if !self.effects.is_empty() {
            state.set("effect_list", Some(self.effects.clone().into()));
        }
        state
    }

    fn features(&self) -> Vec<&'static str> {
        let all = [
            ("brightness", self.dims),
            ("color", self.color_mode().is_some()),
            ("color_temp", ["color_temp", "rgbww", "white"].iter().any(|mode| self.has(mode))),
        ];
        all.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
    }
}
