//! Lights, in the three schemas of discovery: a topic for everything, one JSON message, templates.

mod json;
mod template;
mod topics;

use serde_json::{Value, json};

use super::color::{Hs, Xy, hs, reciprocal, rgb_of_hs, rgb_of_xy, xy};
use super::{Act, Component};
use crate::action::{Action, Check, LightChange, Rgb, State};
use crate::discovery::{FieldError, Fields};

/// Limits of the colour temperature where a light names none, in kelvin (Home Assistant's defaults).
const KELVIN: (f64, f64) = (2_000.0, 6_535.0);

pub(super) fn build(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    match fields.text_or("schema", "basic")?.as_str() {
        "basic" | "default" => topics::build(fields),
        "json" => json::build(fields),
        "template" => template::build(fields),
        other => {
            Err(FieldError { key: "schema".to_owned(), problem: format!("{other:?} is none of basic, json, template") })
        }
    }
}

/// Brightness as the device counts it. Ours goes to 255.
#[derive(Clone, Copy, Debug)]
struct Scale(f64);

impl Scale {
    fn new(fields: Fields<'_>, key: &str) -> Result<Self, FieldError> {
        match fields.number_or(key, 255.0)? {
            scale if scale >= 1.0 => Ok(Self(scale)),
            _ => Err(FieldError { key: key.to_owned(), problem: "must be at least 1".to_owned() }),
        }
    }

    /// The device's value; never 0, which would switch off.
    fn device(self, brightness: f64) -> i64 {
        (brightness / 255.0 * self.0).round().clamp(1.0, self.0) as i64
    }

    fn ours(self, device: f64) -> f64 {
        (device / self.0 * 255.0).round().clamp(0.0, 255.0)
    }

    /// One step of the device, and a half for what it rounds itself.
    fn tolerance(self) -> f64 {
        (255.0 / self.0 * 1.5).max(2.0)
    }
}

/// Colour temperature as the device counts it: kelvin, or mireds.
#[derive(Clone, Copy, Debug)]
struct Warmth {
    kelvin: bool,
    low: f64,
    high: f64,
}

impl Warmth {
    fn new(fields: Fields<'_>) -> Result<Self, FieldError> {
        let of_mireds =
            |key: &str| Ok::<_, FieldError>(fields.number(key)?.filter(|mireds| *mireds > 0.0).map(reciprocal));
        let low = fields.number("min_kelvin")?.or(of_mireds("max_mireds")?).unwrap_or(KELVIN.0);
        let high = fields.number("max_kelvin")?.or(of_mireds("min_mireds")?).unwrap_or(KELVIN.1);
        if !(low > 0.0 && low < high) {
            return Err(FieldError { key: "max_kelvin".to_owned(), problem: "is not above \"min_kelvin\"".to_owned() });
        }
        Ok(Self { kelvin: fields.boolean("color_temp_kelvin", false)?, low, high })
    }

    /// What the light can show nearest to this.
    fn clamp(self, kelvin: f64) -> f64 {
        kelvin.clamp(self.low, self.high)
    }

    fn device(self, kelvin: f64) -> i64 {
        let kelvin = self.clamp(kelvin);
        (if self.kelvin { kelvin.round() } else { reciprocal(kelvin) }) as i64
    }

    fn ours(self, device: f64) -> f64 {
        if self.kelvin { device.round() } else { reciprocal(device) }
    }

    fn limits(self, state: &mut State) {
        state.set("min_color_temp_kelvin", Some(self.low.into()));
        state.set("max_color_temp_kelvin", Some(self.high.into()));
    }
}

/// Notes a colour in all its notations.
fn set_color(state: &mut State, mode: &str, rgb: Rgb, pair: Hs) {
    let Xy(x, y) = xy(rgb);
    state.set("color_mode", Some(mode.into()));
    state.set("hs_color", Some(json!([pair.0, pair.1])));
    state.set("rgb_color", Some(json!([rgb.0, rgb.1, rgb.2])));
    state.set("xy_color", Some(json!([x, y])));
    state.set("color_temp_kelvin", None);
}

fn set_rgb(state: &mut State, mode: &str, rgb: Rgb) {
    set_color(state, mode, rgb, hs(rgb));
}

fn set_hs(state: &mut State, pair: Hs) {
    set_color(state, "hs", rgb_of_hs(pair), pair);
}

fn set_xy(state: &mut State, pair: Xy) {
    set_rgb(state, "xy", rgb_of_xy(pair));
}

fn set_kelvin(state: &mut State, kelvin: f64) {
    state.set("color_mode", Some("color_temp".into()));
    state.set("color_temp_kelvin", Some(kelvin.into()));
    for key in ["hs_color", "rgb_color", "xy_color"] {
        state.set(key, None);
    }
}

/// A lamp that is off has a brightness for the next time, but shows none.
fn set_off(state: &mut State) {
    state.state = Some("off".to_owned());
    state.set("brightness", None);
}

fn set_brightness(state: &mut State, brightness: f64) {
    state.set("brightness", Some(Value::from(brightness.round().clamp(0.0, 255.0) as u64)));
}

/// What to change; a brightness of nothing is off.
fn change(action: &Action) -> Option<Change> {
    match action {
        Action::TurnOn => Some(Change::On(LightChange::default())),
        Action::TurnOff => Some(Change::Off),
        Action::Light(LightChange { brightness: Some(brightness), .. }) if *brightness <= 0.0 => Some(Change::Off),
        Action::Light(change) => Some(Change::On(change.clone())),
        _ => None,
    }
}

enum Change {
    On(LightChange),
    Off,
}

/// How the state must answer a change, as far as the light tells about each.
fn checks(change: &LightChange, scale: Scale, warmth: Warmth, tells: Tells) -> Vec<Check> {
    let mut checks = Vec::new();
    if tells.state {
        checks.push(Check::state(&["on"]));
    }
    if let Some(brightness) = change.brightness.filter(|_| tells.brightness) {
        let value = scale.ours(scale.device(brightness) as f64);
        checks.push(Check::Number { attribute: "brightness", value, tolerance: scale.tolerance() });
    }
    if let Some(rgb) = change.color.filter(|_| tells.color) {
        let Hs(hue, saturation) = hs(rgb);
        checks.push(Check::Color { hue, saturation });
    }
    if let Some(kelvin) = change.kelvin.filter(|_| tells.kelvin && change.color.is_none()) {
        let value = warmth.clamp(kelvin);
        // Mireds are whole numbers: at 6500 K one step is 43 K.
        checks.push(Check::Number { attribute: "color_temp_kelvin", value, tolerance: value * 0.03 });
    }
    checks
}

/// What a light's topics tell about it.
#[derive(Clone, Copy, Debug, Default)]
struct Tells {
    state: bool,
    brightness: bool,
    color: bool,
    kelvin: bool,
}

/// What is assumed of a light that tells nothing.
fn assume(change: &LightChange, state: &State) -> State {
    let mut assumed = state.clone();
    assumed.state = Some("on".to_owned());
    if let Some(brightness) = change.brightness {
        set_brightness(&mut assumed, brightness);
    }
    if let Some(rgb) = change.color {
        set_rgb(&mut assumed, "rgb", rgb);
    } else if let Some(kelvin) = change.kelvin {
        set_kelvin(&mut assumed, kelvin);
    }
    assumed
}

/// The refusal of what this light lacks, if it lacks something that was asked for.
fn lacks(change: &LightChange, brightness: bool, color: bool, kelvin: bool) -> Option<Act> {
    let missing = [
        (change.color.is_some() && !color, "colour"),
        (change.kelvin.is_some() && change.color.is_none() && !kelvin && !color, "colour temperature"),
        (change.brightness.is_some() && !brightness, "brightness"),
    ];
    missing.into_iter().find(|(missing, _)| *missing).map(|(_, what)| super::cannot(what))
}

/// Numbers separated by commas.
fn channels<const N: usize>(value: &str) -> Result<[f64; N], String> {
    let numbers: Option<Vec<f64>> = value.split(',').map(|part| part.trim().parse().ok()).collect();
    numbers
        .filter(|numbers| numbers.iter().all(|number| number.is_finite()))
        .and_then(|numbers| numbers.try_into().ok())
        .ok_or_else(|| format!("{value:?} is not {N} numbers"))
}
