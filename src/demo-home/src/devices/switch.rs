//! Things that are on or off, and a button.

use std::time::Duration;

use serde_json::json;

use super::{Device, Misunderstood, on_off};
use crate::discovery::{AVAILABILITY, Identity, origin};
use crate::house::Publish;
use crate::rng::Rng;

/// A plug with a power meter, in JSON.
pub(crate) struct MeteredSwitch {
    identity: Identity,
    on: bool,
    /// What it draws when it is on, in watts.
    draws: f64,
    /// What it draws now, in watts.
    power: f64,
    measured_at: Duration,
}

const METER_STEP: Duration = Duration::from_secs(10);

impl MeteredSwitch {
    pub(crate) fn new(identity: Identity, draws: f64) -> Self {
        Self { identity, on: false, draws, power: 0.0, measured_at: Duration::ZERO }
    }
}

impl Device for MeteredSwitch {
    fn configs(&self, prefix: &str) -> Vec<Publish> {
        let switch = json!({
            "~": self.identity.base(),
            "name": null, "uniq_id": self.identity.unique(""),
            "stat_t": "~", "val_tpl": "{{ value_json.state }}", "cmd_t": "~/set", "dev_cla": "outlet",
            "avty_t": AVAILABILITY, "dev": self.identity.dev("Plug with meter"), "o": origin(),
        });
        let power = json!({
            "~": self.identity.base(),
            "name": "Power", "uniq_id": self.identity.unique("power"),
            "stat_t": "~", "val_tpl": "{{ value_json.power }}",
            "dev_cla": "power", "unit_of_meas": "W", "stat_cla": "measurement",
            "avty_t": AVAILABILITY, "dev": { "ids": self.identity.unique("") }, "o": origin(),
        });
        vec![
            self.identity.config(prefix, "switch", "", &switch),
            self.identity.config(prefix, "sensor", "power", &power),
        ]
    }

    fn topics(&self) -> Vec<String> {
        vec![format!("{}/set", self.identity.base())]
    }

    fn state(&self) -> Vec<Publish> {
        let body = json!({ "state": on_off(self.on), "power": (self.power * 10.0).round() / 10.0 });
        vec![Publish::retained(self.identity.base(), body.to_string())]
    }

    fn handle(&mut self, _topic: &str, payload: &str, now: Duration) -> Result<Vec<Publish>, Misunderstood> {
        self.on = match payload {
            "ON" => true,
            "OFF" => false,
            "TOGGLE" => !self.on,
            _ => return Err(Misunderstood),
        };
        self.power = if self.on { self.draws } else { 0.0 };
        self.measured_at = now;
        Ok(self.state())
    }

    fn due(&self) -> Option<Duration> {
        self.on.then_some(self.measured_at + METER_STEP)
    }

    fn tick(&mut self, now: Duration, rng: &mut Rng) -> Vec<Publish> {
        self.measured_at = now;
        self.power = self.draws * rng.between(0.97, 1.03);
        self.state()
    }
}

/// A plain plug that speaks as Tasmota does.
pub(crate) struct Socket {
    identity: Identity,
    on: bool,
}

impl Socket {
    pub(crate) fn new(identity: Identity) -> Self {
        Self { identity, on: false }
    }
}

impl Device for Socket {
    fn configs(&self, prefix: &str) -> Vec<Publish> {
        let base = self.identity.base();
        let body = json!({
            "name": null, "unique_id": self.identity.unique(""),
            "state_topic": format!("{base}/stat/POWER"), "command_topic": format!("{base}/cmnd/POWER"),
            "payload_on": "ON", "payload_off": "OFF", "state_on": "ON", "state_off": "OFF",
            "availability": [{ "topic": AVAILABILITY, "payload_available": "online", "payload_not_available": "offline" }],
            "device": self.identity.device("Plug"), "origin": origin(),
        });
        vec![self.identity.config(prefix, "switch", "", &body)]
    }

    fn topics(&self) -> Vec<String> {
        vec![format!("{}/cmnd/POWER", self.identity.base())]
    }

    fn state(&self) -> Vec<Publish> {
        vec![Publish::retained(format!("{}/stat/POWER", self.identity.base()), on_off(self.on))]
    }

    fn handle(&mut self, _topic: &str, payload: &str, _now: Duration) -> Result<Vec<Publish>, Misunderstood> {
        self.on = match payload {
            "ON" | "1" => true,
            "OFF" | "0" => false,
            "TOGGLE" | "2" => !self.on,
            _ => return Err(Misunderstood),
        };
        Ok(self.state())
    }
}

/// A button that tells nobody that it was pressed.
pub(crate) struct Button(pub(crate) Identity);

impl Device for Button {
    fn configs(&self, prefix: &str) -> Vec<Publish> {
        let body = json!({
            "name": null, "unique_id": self.0.unique(""),
            "command_topic": format!("{}/set", self.0.base()), "payload_press": "RING",
            "availability_topic": AVAILABILITY, "device": self.0.device("Chime"), "origin": origin(),
        });
        vec![self.0.config(prefix, "button", "", &body)]
    }

    fn topics(&self) -> Vec<String> {
        vec![format!("{}/set", self.0.base())]
    }

    fn state(&self) -> Vec<Publish> {
        Vec::new()
    }

    fn handle(&mut self, _topic: &str, payload: &str, _now: Duration) -> Result<Vec<Publish>, Misunderstood> {
        if payload != "RING" {
            return Err(Misunderstood);
        }
        tracing::info!(button = self.0.name, "pressed");
        Ok(Vec::new())
    }
}
