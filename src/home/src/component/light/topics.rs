//! Lights with a topic for everything (schema `basic`).

use serde_json::{Map, Value, json};

use super::super::color::{Hs, Xy, hs, whites, xy};
use super::super::switch::on_or_off;
use super::super::{Act, Component, broken, cannot, is_none, parse_number, word};
use super::{Change, Scale, Tells, Warmth, assume, change, channels, checks, lacks};
use crate::action::{Action, Commands, Expect, LightChange, Publish, Rgb, State};
use crate::discovery::{FieldError, Fields, Input, Outlet};

#[derive(Debug)]
struct TopicsLight {
    command: Outlet,
    brightness: Option<Outlet>,
    color_temp: Option<Outlet>,
    white: Option<Outlet>,
    /// Ways to set a colour, the most exact first.
    colors: Vec<(Notation, Outlet)>,
    inputs: Vec<Input>,
    optimistic: bool,
    on: String,
    off: String,
    scale: Scale,
    white_scale: Scale,
    warmth: Warmth,
    order: Order,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notation {
    Hs,
    Xy,
    Rgb,
    Rgbw,
    Rgbww,
}

/// When the "on" goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    First,
    Last,
    /// Never: a brightness switches on.
    Brightness,
}

pub(super) fn build(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    let notations = [
        (Notation::Hs, "hs"),
        (Notation::Xy, "xy"),
        (Notation::Rgb, "rgb"),
        (Notation::Rgbww, "rgbww"),
        (Notation::Rgbw, "rgbw"),
    ];
    let mut colors = Vec::new();
    for (notation, name) in notations {
        let outlet = fields.outlet(&format!("{name}_command_topic"), &format!("{name}_command_template"))?;
        colors.extend(outlet.map(|outlet| (notation, outlet)));
    }
    let mut inputs = Vec::new();
    for (topic, template, field) in [
        ("state_topic", "state_value_template", "state"),
        ("brightness_state_topic", "brightness_value_template", "brightness"),
        ("color_mode_state_topic", "color_mode_value_template", "color_mode"),
        ("color_temp_state_topic", "color_temp_value_template", "color_temp"),
        ("hs_state_topic", "hs_value_template", "hs"),
        ("xy_state_topic", "xy_value_template", "xy"),
        ("rgb_state_topic", "rgb_value_template", "rgb"),
        ("rgbw_state_topic", "rgbw_value_template", "rgbw"),
        ("rgbww_state_topic", "rgbww_value_template", "rgbww"),
        ("effect_state_topic", "effect_value_template", "effect"),
    ] {
        inputs.extend(fields.input(topic, template, field)?);
    }
    let order = match fields.text_or("on_command_type", "last")?.as_str() {
        "last" => Order::Last,
        "first" => Order::First,
        "brightness" => Order::Brightness,
        other => {
            let problem = format!("{other:?} is none of last, first, brightness");
            return Err(FieldError { key: "on_command_type".to_owned(), problem });
        }
    };
    Ok(Box::new(TopicsLight {
        command: fields.required_outlet("command_topic", "command_template")?.with_template(None),
        brightness: fields.outlet("brightness_command_topic", "brightness_command_template")?,
        color_temp: fields.outlet("color_temp_command_topic", "color_temp_command_template")?,
        white: fields.outlet("white_command_topic", "white_command_template")?,
        colors,
        optimistic: fields.boolean("optimistic", !inputs.iter().any(|input| input.field == "state"))?,
        inputs,
        on: fields.text_or("payload_on", "ON")?,
        off: fields.text_or("payload_off", "OFF")?,
        scale: Scale::new(fields, "brightness_scale")?,
        white_scale: Scale::new(fields, "white_scale")?,
        warmth: Warmth::new(fields)?,
        order,
    }))
}

impl TopicsLight {
    fn hears(&self, field: &str) -> bool {
        self.inputs.iter().any(|input| input.field == field)
    }

    fn tells(&self) -> Tells {
        let color = ["hs", "xy", "rgb", "rgbw", "rgbww"].iter().any(|field| self.hears(field));
        Tells {
            state: self.hears("state"),
            brightness: self.hears("brightness"),
            color,
            kelvin: self.hears("color_temp"),
        }
    }

    fn send_color(&self, rgb: Rgb, kelvin_white: f64) -> Option<Result<Publish, String>> {
        let (notation, outlet) = self.colors.first()?;
        let Rgb(r, g, b) = rgb;
        let (Hs(hue, saturation), Xy(x, y)) = (hs(rgb), xy(rgb));
        let named =
            |pairs: &[(&str, Value)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        let (text, variables): (String, Map<String, Value>) = match notation {
            Notation::Hs => (format!("{hue},{saturation}"), named(&[("hue", hue.into()), ("sat", saturation.into())])),
            Notation::Xy => (format!("{x},{y}"), named(&[("x", x.into()), ("y", y.into())])),
            Notation::Rgb => {
                (format!("{r},{g},{b}"), named(&[("red", r.into()), ("green", g.into()), ("blue", b.into())]))
            }
            Notation::Rgbw => (
                format!("{r},{g},{b},0"),
                named(&[("red", r.into()), ("green", g.into()), ("blue", b.into()), ("white", 0.into())]),
            ),
            Notation::Rgbww => {
                // A plain white belongs to the white channels.
                let white = saturation < 1.0;
                let (cold, warm) = if white { whites(kelvin_white, self.warmth.low, self.warmth.high) } else { (0, 0) };
                let [r, g, b] = if white { [0, 0, 0] } else { [r, g, b] };
                let pairs = [("red", r), ("green", g), ("blue", b), ("cold_white", cold), ("warm_white", warm)];
                let text = pairs.map(|(_, channel)| channel.to_string()).join(",");
                (text, named(&pairs.map(|(key, channel)| (key, Value::from(channel)))))
            }
        };
        Some(outlet.send_with(text, variables))
    }

    fn turn_on(&self, wanted: &LightChange, state: &State) -> Result<Vec<Publish>, String> {
        let mut rest = Vec::new();
        if let Some(rgb) = wanted.color {
            rest.extend(self.send_color(rgb, self.warmth.high).transpose()?);
        } else if let Some(kelvin) = wanted.kelvin {
            match (&self.color_temp, &self.white) {
                (Some(outlet), _) => rest.push(outlet.send(self.warmth.device(kelvin))?),
                (None, Some(white)) => {
                    let full = state.number("brightness").unwrap_or(255.0);
                    rest.push(white.send(self.white_scale.device(wanted.brightness.unwrap_or(full)))?);
                }
                (None, None) => rest.extend(self.send_color(Rgb(255, 255, 255), kelvin).transpose()?),
            }
        }
        let brightness = match (wanted.brightness, self.order) {
            (None, Order::Brightness) => Some(state.number("brightness").unwrap_or(255.0)),
            (given, _) => given,
        };
        if let (Some(brightness), Some(outlet)) = (brightness, &self.brightness) {
            rest.push(outlet.send(self.scale.device(brightness))?);
        }
        match self.order {
            Order::First => rest.insert(0, self.command.raw(self.on.clone())),
            Order::Last => rest.push(self.command.raw(self.on.clone())),
            Order::Brightness if self.brightness.is_none() => rest.push(self.command.raw(self.on.clone())),
            Order::Brightness => {}
        }
        Ok(rest)
    }
}

impl Component for TopicsLight {
    fn domain(&self) -> &'static str {
        "light"
    }

    fn inputs(&self) -> Vec<&Input> {
        self.inputs.iter().collect()
    }

    fn read(&self, field: &'static str, value: &str, state: &mut State) -> Result<(), String> {
        if value.is_empty() {
            return Err("an empty message".to_owned());
        }
        let byte = |channel: f64| channel.round().clamp(0.0, 255.0) as u8;
        match field {
            "state" => state.state = on_or_off(value, &self.on, &self.off)?,
            _ if is_none(value) => {}
            "brightness" => super::set_brightness(state, self.scale.ours(parse_number(value)?)),
            "color_mode" => state.set("color_mode", Some(value.into())),
            "effect" => state.set("effect", Some(value.into())),
            "color_temp" => {
                let kelvin = self.warmth.ours(parse_number(value)?);
                self.keep_mode(state, |state| super::set_kelvin(state, kelvin));
            }
            "hs" => {
                let [hue, saturation] = channels(value)?;
                self.keep_mode(state, |state| super::set_hs(state, Hs(hue, saturation)));
            }
            "xy" => {
                let [x, y] = channels(value)?;
                self.keep_mode(state, |state| super::set_xy(state, Xy(x, y)));
            }
            "rgb" => self.read_rgb(state, "rgb", channels::<3>(value)?.map(byte)),
            "rgbw" => {
                let [r, g, b, _] = channels::<4>(value)?.map(byte);
                self.read_rgb(state, "rgbw", [r, g, b]);
            }
            "rgbww" => {
                let [r, g, b, cold, warm] = channels::<5>(value)?.map(byte);
                let white = [r, g, b] == [0, 0, 0] && (cold > 0 || warm > 0);
                self.read_rgb(state, "rgbww", if white { [255; 3] } else { [r, g, b] });
            }
            _ => {}
        }
        Ok(())
    }

    fn act(&self, action: &Action, state: &State) -> Act {
        match change(action) {
            None => cannot(word(action)),
            Some(Change::Off) => {
                let publishes = vec![self.command.raw(self.off.clone())];
                let mut assumed = state.clone();
                super::set_off(&mut assumed);
                let expect = if self.optimistic { Expect::Assume(assumed) } else { Expect::state(&["off"]) };
                Ok(Commands { publishes, expect })
            }
            Some(Change::On(wanted)) => {
                let color = !self.colors.is_empty();
                let kelvin = self.color_temp.is_some() || self.white.is_some();
                if let Some(refusal) = lacks(&wanted, self.brightness.is_some(), color, kelvin) {
                    return refusal;
                }
                let publishes = self.turn_on(&wanted, state).map_err(broken)?;
                let expect = if self.optimistic {
                    Expect::Assume(assume(&wanted, state))
                } else {
                    Expect::All(checks(&wanted, self.scale, self.warmth, self.tells()))
                };
                Ok(Commands { publishes, expect })
            }
        }
    }

    fn initial(&self) -> State {
        let mut state = State::default();
        if self.color_temp.is_some() {
            self.warmth.limits(&mut state);
        }
        let modes: Vec<&str> = self.features();
        state.set("supported_color_modes", Some(json!(modes)));
        state
    }

    fn features(&self) -> Vec<&'static str> {
        let all = [
            ("brightness", self.brightness.is_some()),
            ("color", !self.colors.is_empty()),
            ("color_temp", self.color_temp.is_some() || self.white.is_some()),
        ];
        all.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
    }
}

impl TopicsLight {
    /// Where the light tells its colour mode, the other topics do not decide it.
    fn keep_mode(&self, state: &mut State, set: impl FnOnce(&mut State)) {
        let mode = state.attributes.get("color_mode").cloned().filter(|_| self.hears("color_mode"));
        set(state);
        if mode.is_some() {
            state.set("color_mode", mode);
        }
    }

    fn read_rgb(&self, state: &mut State, mode: &str, [r, g, b]: [u8; 3]) {
        // Where there is no topic for it, the brightness is in the channels.
        if !self.hears("brightness") {
            super::set_brightness(state, f64::from(r.max(g).max(b)));
        }
        self.keep_mode(state, |state| super::set_rgb(state, mode, Rgb(r, g, b)));
    }
}
