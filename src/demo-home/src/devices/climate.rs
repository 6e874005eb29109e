//! Heating: modes, presets, a target, and a room that warms up and cools down slowly.

use std::time::Duration;

use serde_json::json;

use super::{Device, Misunderstood, number};
use crate::discovery::{AVAILABILITY, Identity, origin};
use crate::house::Publish;
use crate::rng::Rng;

const MODES: [&str; 3] = ["off", "heat", "auto"];
const PRESETS: [&str; 2] = ["comfort", "eco"];
const COOLEST: f64 = 5.0;
const WARMEST: f64 = 30.0;
/// Temperature that the room falls to without heating, in °C.
const OUTSIDE: f64 = 14.0;
const STEP: Duration = Duration::from_secs(10);

/// A thermostat.
pub(crate) struct Heating {
    identity: Identity,
    mode: &'static str,
    preset: &'static str,
    /// °C.
    target: f64,
    /// °C.
    current: f64,
    moved_at: Duration,
}

impl Heating {
    pub(crate) fn new(identity: Identity) -> Self {
        Self { identity, mode: "heat", preset: "comfort", target: 21.0, current: 20.4, moved_at: Duration::ZERO }
    }

    fn topic(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.identity.base())
    }

    fn wanted(&self) -> f64 {
        if self.preset == "eco" { self.target - 3.0 } else { self.target }
    }

    fn action(&self) -> &'static str {
        match self.mode {
            "off" => "off",
            _ if self.current < self.wanted() => "heating",
            _ => "idle",
        }
    }
}

impl Device for Heating {
    fn configs(&self, prefix: &str) -> Vec<Publish> {
        let body = json!({
            "name": null,
            "unique_id": self.identity.unique(""),
            "modes": MODES,
            "mode_state_topic": self.topic("/mode"), "mode_command_topic": self.topic("/mode/set"),
            "preset_modes": PRESETS,
            "preset_mode_state_topic": self.topic("/preset"), "preset_mode_command_topic": self.topic("/preset/set"),
            "temperature_state_topic": self.topic("/target"), "temperature_command_topic": self.topic("/target/set"),
            "temperature_command_template": "{\"target\": {{ value }}}",
            "current_temperature_topic": self.topic("/current"),
            "current_temperature_template": "{{ value_json.temperature | round(1) }}",
            "action_topic": self.topic("/action"),
            "temperature_unit": "C", "temp_step": 0.5, "precision": 0.1, "min_temp": COOLEST, "max_temp": WARMEST,
            "availability_mode": "all",
            "availability": [
                { "topic": AVAILABILITY },
                {
                    "topic": self.topic("/link"), "value_template": "{{ value_json.state }}",
                    "payload_available": "up", "payload_not_available": "down",
                },
            ],
            "device": self.identity.device("Thermostat"),
            "origin": origin(),
        });
        vec![self.identity.config(prefix, "climate", "", &body)]
    }

    fn topics(&self) -> Vec<String> {
        ["/mode/set", "/preset/set", "/target/set"].iter().map(|suffix| self.topic(suffix)).collect()
    }

    fn state(&self) -> Vec<Publish> {
        vec![
            Publish::retained(self.topic("/link"), json!({ "state": "up" }).to_string()),
            Publish::retained(self.topic("/current"), json!({ "temperature": self.current }).to_string()),
            Publish::retained(self.topic("/target"), self.target.to_string()),
            Publish::retained(self.topic("/preset"), self.preset),
            Publish::retained(self.topic("/action"), self.action()),
            Publish::retained(self.topic("/mode"), self.mode),
        ]
    }

    fn handle(&mut self, topic: &str, payload: &str, _now: Duration) -> Result<Vec<Publish>, Misunderstood> {
        let known = |words: &[&'static str]| words.iter().copied().find(|word| *word == payload).ok_or(Misunderstood);
        match topic.strip_prefix(&self.identity.base()).ok_or(Misunderstood)? {
            "/mode/set" => self.mode = known(&MODES)?,
            "/preset/set" => self.preset = known(&PRESETS)?,
            "/target/set" => {
                let message: serde_json::Value = serde_json::from_str(payload).map_err(|_| Misunderstood)?;
                let target = message.get("target").ok_or(Misunderstood)?.to_string();
                self.target = (number(&target, COOLEST, WARMEST)? * 2.0).round() / 2.0;
            }
            _ => return Err(Misunderstood),
        }
        Ok(self.state())
    }

    fn due(&self) -> Option<Duration> {
        Some(self.moved_at + STEP)
    }

    fn tick(&mut self, now: Duration, rng: &mut Rng) -> Vec<Publish> {
        let seconds = now.saturating_sub(self.moved_at).as_secs_f64();
        self.moved_at = now;
        let drift = match self.action() {
            "heating" => 0.005,
            _ if self.current > OUTSIDE => -0.001,
            _ => 0.0,
        };
        self.current = (self.current + drift * seconds + rng.between(-0.01, 0.01)).clamp(OUTSIDE - 1.0, WARMEST);
        vec![
            Publish::retained(self.topic("/current"), json!({ "temperature": self.current }).to_string()),
            Publish::retained(self.topic("/action"), self.action()),
        ]
    }
}
