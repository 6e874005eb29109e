//! A fan with four speeds, presets and oscillation, one JSON state read by templates.

use std::time::Duration;

use serde_json::json;

use super::{Device, Misunderstood, number, on_off};
use crate::discovery::{AVAILABILITY, Identity, origin};
use crate::house::Publish;

const SPEEDS: f64 = 4.0;
const PRESETS: [&str; 2] = ["breeze", "sleep"];

/// A fan.
pub(crate) struct Fan {
    identity: Identity,
    on: bool,
    /// 1 to 4.
    speed: u8,
    preset: Option<&'static str>,
    oscillating: bool,
}

impl Fan {
    pub(crate) fn new(identity: Identity) -> Self {
        Self { identity, on: false, speed: 2, preset: None, oscillating: false }
    }

    fn topic(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.identity.base())
    }
}

impl Device for Fan {
    fn configs(&self, prefix: &str) -> Vec<Publish> {
        let body = json!({
            "~": self.identity.base(),
            "name": null,
            "uniq_id": self.identity.unique(""),
            "stat_t": "~", "stat_val_tpl": "{{ value_json.state }}", "cmd_t": "~/set",
            "pct_stat_t": "~", "pct_val_tpl": "{{ value_json.speed }}", "pct_cmd_t": "~/speed/set",
            "spd_rng_min": 1, "spd_rng_max": SPEEDS as u64,
            "pr_mode_stat_t": "~", "pr_mode_val_tpl": "{{ value_json.preset }}", "pr_mode_cmd_t": "~/preset/set",
            "pr_modes": PRESETS,
            "osc_stat_t": "~", "osc_val_tpl": "{{ value_json.oscillation }}", "osc_cmd_t": "~/oscillation/set",
            "avty_t": AVAILABILITY,
            "dev": self.identity.dev("Pedestal fan"),
            "o": origin(),
        });
        vec![self.identity.config(prefix, "fan", "", &body)]
    }

    fn topics(&self) -> Vec<String> {
        ["/set", "/speed/set", "/preset/set", "/oscillation/set"].iter().map(|suffix| self.topic(suffix)).collect()
    }

    fn state(&self) -> Vec<Publish> {
        let body = json!({
            "state": on_off(self.on),
            "speed": if self.on { self.speed } else { 0 },
            "preset": self.preset.unwrap_or("None"),
            "oscillation": if self.oscillating { "oscillate_on" } else { "oscillate_off" },
        });
        vec![Publish::retained(self.topic(""), body.to_string())]
    }

    fn handle(&mut self, topic: &str, payload: &str, _now: Duration) -> Result<Vec<Publish>, Misunderstood> {
        match (topic.strip_prefix(&self.identity.base()).ok_or(Misunderstood)?, payload) {
            ("/set", "ON") => self.on = true,
            ("/set", "OFF") => self.on = false,
            ("/speed/set", speed) => {
                let speed = number(speed, 0.0, SPEEDS)?.round() as u8;
                self.on = speed > 0;
                self.preset = None;
                self.speed = if self.on { speed } else { self.speed };
            }
            ("/preset/set", preset) => {
                self.preset = Some(PRESETS.into_iter().find(|known| *known == preset).ok_or(Misunderstood)?);
                self.on = true;
            }
            ("/oscillation/set", "oscillate_on") => self.oscillating = true,
            ("/oscillation/set", "oscillate_off") => self.oscillating = false,
            _ => return Err(Misunderstood),
        }
        Ok(self.state())
    }
}
