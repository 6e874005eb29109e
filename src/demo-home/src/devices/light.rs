//! Lights in four dialects: JSON, separate topics, one JSON state with separate commands, and plain on and off.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Device, Misunderstood, number, on_off};
use crate::discovery::{AVAILABILITY, Identity, origin};
use crate::house::Publish;

/// What a light can do and how it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// JSON both ways, brightness to 254, colour and colour temperature in mireds, as Zigbee bridges do.
    JsonColour,
    /// JSON both ways, brightness to 255, colour temperature in kelvin.
    JsonWhite,
    /// JSON both ways, brightness only.
    JsonDimmer,
    /// A topic for everything, brightness to 100, colour, colour temperature in kelvin.
    TopicsColour,
    /// A topic for everything, brightness to 255.
    TopicsDimmer,
    /// One JSON state read by templates, a command topic for each thing, brightness to 100.
    TemplatesDimmer,
    /// `1` and `0`.
    OnOff,
}

const MIN_KELVIN: f64 = 2_000.0;
const MAX_KELVIN: f64 = 6_500.0;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Shade {
    /// Colour temperature in kelvin.
    White(f64),
    Colour([u8; 3]),
}

/// A light.
pub(crate) struct Light {
    identity: Identity,
    dialect: Dialect,
    on: bool,
    /// 1 to 255.
    brightness: f64,
    shade: Shade,
}

impl Light {
    pub(crate) fn new(identity: Identity, dialect: Dialect) -> Self {
        Self { identity, dialect, on: false, brightness: 255.0, shade: Shade::White(2_700.0) }
    }

    fn topic(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.identity.base())
    }

    fn is_json(&self) -> bool {
        matches!(self.dialect, Dialect::JsonColour | Dialect::JsonWhite | Dialect::JsonDimmer)
    }

    /// Top of the brightness scale.
    fn scale(&self) -> f64 {
        match self.dialect {
            Dialect::JsonColour => 254.0,
            Dialect::TopicsColour | Dialect::TemplatesDimmer => 100.0,
            _ => 255.0,
        }
    }

    fn scaled_brightness(&self) -> u64 {
        (self.brightness * self.scale() / 255.0).round().max(1.0) as u64
    }

    fn set_brightness(&mut self, scaled: f64) {
        // Zero switches off and keeps the brightness for the next time.
        self.on = scaled > 0.0;
        if self.on {
            self.brightness = (scaled * 255.0 / self.scale()).clamp(1.0, 255.0);
        }
    }

    fn switch(&mut self, payload: &str) -> Result<(), Misunderstood> {
        self.on = match payload {
            "ON" | "1" => true,
            "OFF" | "0" => false,
            "TOGGLE" => !self.on,
            _ => return Err(Misunderstood),
        };
        Ok(())
    }

    /// Understands the whole message before anything changes.
    fn handle_json(&mut self, payload: &str) -> Result<(), Misunderstood> {
        let message: Map<String, Value> = serde_json::from_str(payload).map_err(|_| Misunderstood)?;
        let mut after = Self { ..*self };
        if let Some(state) = message.get("state") {
            after.switch(state.as_str().ok_or(Misunderstood)?)?;
        }
        if let Some(brightness) = message.get("brightness") {
            let brightness =
                brightness.as_f64().filter(|value| (0.0..=self.scale()).contains(value)).ok_or(Misunderstood)?;
            after.set_brightness(brightness);
        }
        if let Some(color) = message.get("color").filter(|_| self.dialect == Dialect::JsonColour) {
            let part = |name: &str| color.get(name).and_then(Value::as_u64).and_then(|part| u8::try_from(part).ok());
            let (Some(r), Some(g), Some(b)) = (part("r"), part("g"), part("b")) else { return Err(Misunderstood) };
            after.shade = Shade::Colour([r, g, b]);
        }
        if let Some(temperature) = message.get("color_temp").filter(|_| self.dialect != Dialect::JsonDimmer) {
            let value = temperature.as_f64().filter(|value| *value > 0.0).ok_or(Misunderstood)?;
            let kelvin = if self.dialect == Dialect::JsonColour { 1e6 / value } else { value };
            after.shade = Shade::White(kelvin.clamp(MIN_KELVIN, MAX_KELVIN));
        }
        *self = after;
        Ok(())
    }

    fn handle_topics(&mut self, topic: &str, payload: &str) -> Result<(), Misunderstood> {
        match topic.strip_prefix(&self.identity.base()).ok_or(Misunderstood)? {
            "/set" | "/cmnd/POWER" => self.switch(payload),
            "/brightness/set" | "/cmnd/Dimmer" => {
                let brightness = number(payload, 0.0, self.scale())?;
                self.set_brightness(brightness);
                Ok(())
            }
            "/rgb/set" => {
                let parts: Vec<u8> = payload
                    .split(',')
                    .map(|part| part.trim().parse().map_err(|_| Misunderstood))
                    .collect::<Result<_, _>>()?;
                let [r, g, b] = parts.try_into().map_err(|_| Misunderstood)?;
                self.shade = Shade::Colour([r, g, b]);
                self.on = true;
                Ok(())
            }
            "/white/set" => {
                self.shade = Shade::White(number(payload, 1.0, 100_000.0)?.clamp(MIN_KELVIN, MAX_KELVIN));
                self.on = true;
                Ok(())
            }
            _ => Err(Misunderstood),
        }
    }

    fn json_state(&self) -> Value {
        let mut state = json!({ "state": on_off(self.on), "brightness": self.scaled_brightness() });
        let Some(fields) = state.as_object_mut() else { return state };
        match (self.dialect, self.shade) {
            (Dialect::JsonColour, Shade::Colour([r, g, b])) => {
                fields.insert("color_mode".into(), "rgb".into());
                fields.insert("color".into(), json!({ "r": r, "g": g, "b": b }));
            }
            (Dialect::JsonColour, Shade::White(kelvin)) => {
                fields.insert("color_mode".into(), "color_temp".into());
                fields.insert("color_temp".into(), json!((1e6 / kelvin).round() as u64));
            }
            (Dialect::JsonWhite, Shade::White(kelvin)) => {
                fields.insert("color_mode".into(), "color_temp".into());
                fields.insert("color_temp".into(), json!(kelvin.round() as u64));
            }
            _ => {
                fields.insert("color_mode".into(), "brightness".into());
            }
        }
        state
    }

    fn json_config(&self) -> Value {
        let modes: &[&str] = match self.dialect {
            Dialect::JsonColour => &["color_temp", "rgb"],
            Dialect::JsonWhite => &["color_temp"],
            _ => &["brightness"],
        };
        let mut config = json!({
            "~": self.identity.base(),
            "schema": "json",
            "name": null,
            "uniq_id": self.identity.unique(""),
            "stat_t": "~",
            "cmd_t": "~/set",
            "brightness": true,
            "bri_scl": self.scale() as u64,
            "sup_clrm": modes,
            "avty": [{ "t": AVAILABILITY }],
            "dev": self.identity.dev("Bulb"),
            "o": origin(),
        });
        let Some(fields) = config.as_object_mut() else { return config };
        match self.dialect {
            Dialect::JsonColour => {
                fields.insert("min_mirs".into(), json!((1e6 / MAX_KELVIN).round() as u64));
                fields.insert("max_mirs".into(), json!((1e6 / MIN_KELVIN).round() as u64));
            }
            Dialect::JsonWhite => {
                fields.insert("clr_temp_k".into(), true.into());
                fields.insert("min_k".into(), json!(MIN_KELVIN as u64));
                fields.insert("max_k".into(), json!(MAX_KELVIN as u64));
            }
            _ => {}
        }
        config
    }

    fn topics_config(&self) -> Value {
        let mut config = json!({
            "name": null,
            "unique_id": self.identity.unique(""),
            "availability_topic": AVAILABILITY,
            "device": self.identity.device("Lamp"),
            "origin": origin(),
        });
        let own = match self.dialect {
            Dialect::OnOff => json!({
                "state_topic": self.topic("/state"), "command_topic": self.topic("/set"),
                "payload_on": "1", "payload_off": "0",
            }),
            Dialect::TemplatesDimmer => json!({
                "stat_t": self.topic("/stat/STATE"), "stat_val_tpl": "{{ value_json.POWER }}",
                "cmd_t": self.topic("/cmnd/POWER"),
                "bri_stat_t": self.topic("/stat/STATE"), "bri_val_tpl": "{{ value_json.Dimmer }}",
                "bri_cmd_t": self.topic("/cmnd/Dimmer"), "bri_scl": 100, "on_cmd_type": "brightness",
            }),
            _ => json!({
                "state_topic": self.topic("/state"), "command_topic": self.topic("/set"),
                "brightness_state_topic": self.topic("/brightness"),
                "brightness_command_topic": self.topic("/brightness/set"),
                "brightness_scale": self.scale() as u64,
            }),
        };
        let colour = json!({
            "rgb_state_topic": self.topic("/rgb"), "rgb_command_topic": self.topic("/rgb/set"),
            "color_temp_state_topic": self.topic("/white"), "color_temp_command_topic": self.topic("/white/set"),
            "color_temp_kelvin": true, "min_kelvin": MIN_KELVIN as u64, "max_kelvin": MAX_KELVIN as u64,
            "color_mode_state_topic": self.topic("/mode"),
        });
        let parts = [Some(own), (self.dialect == Dialect::TopicsColour).then_some(colour)];
        if let Some(fields) = config.as_object_mut() {
            for part in parts.into_iter().flatten() {
                fields.extend(part.as_object().cloned().unwrap_or_default());
            }
        }
        config
    }
}

impl Device for Light {
    fn configs(&self, prefix: &str) -> Vec<Publish> {
        let body = if self.is_json() { self.json_config() } else { self.topics_config() };
        vec![self.identity.config(prefix, "light", "", &body)]
    }

    fn topics(&self) -> Vec<String> {
        let suffixes: &[&str] = match self.dialect {
            Dialect::TopicsColour => &["/set", "/brightness/set", "/rgb/set", "/white/set"],
            Dialect::TopicsDimmer => &["/set", "/brightness/set"],
            Dialect::TemplatesDimmer => &["/cmnd/POWER", "/cmnd/Dimmer"],
            _ => &["/set"],
        };
        suffixes.iter().map(|suffix| self.topic(suffix)).collect()
    }

    fn state(&self) -> Vec<Publish> {
        let mut state = Vec::new();
        let mut say = |suffix: &str, payload: String| state.push(Publish::retained(self.topic(suffix), payload));
        match self.dialect {
            _ if self.is_json() => say("", self.json_state().to_string()),
            Dialect::OnOff => say("/state", if self.on { "1" } else { "0" }.into()),
            Dialect::TemplatesDimmer => {
                let body = json!({ "POWER": on_off(self.on), "Dimmer": self.scaled_brightness() });
                say("/stat/STATE", body.to_string());
            }
            _ => {
                say("/brightness", self.scaled_brightness().to_string());
                if self.dialect == Dialect::TopicsColour {
                    match self.shade {
                        Shade::White(kelvin) => {
                            say("/white", (kelvin.round() as u64).to_string());
                            say("/mode", "color_temp".into());
                        }
                        Shade::Colour([r, g, b]) => {
                            say("/rgb", format!("{r},{g},{b}"));
                            say("/mode", "rgb".into());
                        }
                    }
                }
                say("/state", on_off(self.on).into());
            }
        }
        state
    }

    fn handle(&mut self, topic: &str, payload: &str, _now: Duration) -> Result<Vec<Publish>, Misunderstood> {
        if self.is_json() {
            self.handle_json(payload)?;
        } else {
            self.handle_topics(topic, payload)?;
        }
        Ok(self.state())
    }
}
