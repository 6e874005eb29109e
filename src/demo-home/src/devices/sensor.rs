//! Things that only tell: temperature and humidity, doors, windows, motion.
//!
//! For trying things out, `<base>/simulate` sets what a contact or a motion sensor sees: `ON` or `OFF`.

use std::time::Duration;

use serde_json::json;

use super::{Device, Misunderstood, on_off};
use crate::discovery::{AVAILABILITY, Identity, origin};
use crate::house::Publish;
use crate::rng::Rng;

const MEASURE_STEP: Duration = Duration::from_secs(30);

/// Temperature and humidity of one room. The device has the room's name, its entities are called `Kitchen Temperature` and so on.
pub(crate) struct RoomSensor {
    identity: Identity,
    /// °C.
    temperature: f64,
    /// Percent.
    humidity: f64,
    /// What the room stays near to: °C and percent.
    usual: (f64, f64),
    measured_at: Duration,
}

impl RoomSensor {
    pub(crate) fn new(identity: Identity, temperature: f64, humidity: f64) -> Self {
        Self { identity, temperature, humidity, usual: (temperature, humidity), measured_at: Duration::ZERO }
    }

    fn reading(&self) -> String {
        let rounded = |value: f64| (value * 10.0).round() / 10.0;
        json!({ "temperature": rounded(self.temperature), "humidity": rounded(self.humidity) }).to_string()
    }
}

impl Device for RoomSensor {
    fn configs(&self, prefix: &str) -> Vec<Publish> {
        let entity = |class: &str, name: &str, unit: &str| {
            let body = json!({
                "~": self.identity.base(),
                "name": name, "uniq_id": self.identity.unique(class),
                "stat_t": "~", "val_tpl": format!("{{{{ value_json.{class} }}}}"),
                "dev_cla": class, "unit_of_meas": unit, "stat_cla": "measurement", "sug_dsp_prc": 1,
                "avty": [{ "t": AVAILABILITY }],
                "dev": self.identity.dev("Room sensor"), "o": origin(),
            });
            self.identity.config(prefix, "sensor", class, &body)
        };
        vec![entity("temperature", "Temperature", "°C"), entity("humidity", "Humidity", "%")]
    }

    fn state(&self) -> Vec<Publish> {
        vec![Publish::retained(self.identity.base(), self.reading())]
    }

    fn due(&self) -> Option<Duration> {
        Some(self.measured_at + MEASURE_STEP)
    }

    fn tick(&mut self, now: Duration, rng: &mut Rng) -> Vec<Publish> {
        let before = self.reading();
        self.measured_at = now;
        let drift = |value: f64, usual: f64, chance: f64| value + (usual - value) * 0.05 + chance;
        self.temperature = drift(self.temperature, self.usual.0, rng.between(-0.1, 0.1));
        self.humidity = drift(self.humidity, self.usual.1, rng.between(-0.4, 0.4)).clamp(0.0, 100.0);
        if self.reading() == before { Vec::new() } else { self.state() }
    }
}

/// A door or a window. `contact` is true while it is closed, as Zigbee bridges report it.
pub(crate) struct Contact {
    identity: Identity,
    class: &'static str,
    open: bool,
}

impl Contact {
    pub(crate) fn new(identity: Identity, class: &'static str, open: bool) -> Self {
        Self { identity, class, open }
    }
}

impl Device for Contact {
    fn configs(&self, prefix: &str) -> Vec<Publish> {
        let body = json!({
            "~": self.identity.base(),
            "name": null, "uniq_id": self.identity.unique(""), "dev_cla": self.class,
            "stat_t": "~", "val_tpl": "{{ value_json.contact }}", "pl_on": false, "pl_off": true,
            "avty": [{ "t": AVAILABILITY }],
            "dev": self.identity.dev("Contact"), "o": origin(),
        });
        vec![self.identity.config(prefix, "binary_sensor", "", &body)]
    }

    fn topics(&self) -> Vec<String> {
        vec![format!("{}/simulate", self.identity.base())]
    }

    fn state(&self) -> Vec<Publish> {
        vec![Publish::retained(self.identity.base(), json!({ "contact": !self.open }).to_string())]
    }

    fn handle(&mut self, _topic: &str, payload: &str, _now: Duration) -> Result<Vec<Publish>, Misunderstood> {
        self.open = simulated(payload)?;
        Ok(self.state())
    }
}

/// Sees somebody every few minutes.
pub(crate) struct Motion {
    identity: Identity,
    moving: bool,
    next: Duration,
}

const MOTION_LASTS: Duration = Duration::from_secs(20);

impl Motion {
    pub(crate) fn new(identity: Identity) -> Self {
        Self { identity, moving: false, next: Duration::from_secs(120) }
    }
}

impl Device for Motion {
    fn configs(&self, prefix: &str) -> Vec<Publish> {
        let body = json!({
            "name": null, "unique_id": self.identity.unique(""), "device_class": "motion",
            "state_topic": format!("{}/state", self.identity.base()),
            "availability_topic": AVAILABILITY,
            "device": self.identity.device("Motion sensor"), "origin": origin(),
        });
        vec![self.identity.config(prefix, "binary_sensor", "", &body)]
    }

    fn topics(&self) -> Vec<String> {
        vec![format!("{}/simulate", self.identity.base())]
    }

    fn state(&self) -> Vec<Publish> {
        vec![Publish::retained(format!("{}/state", self.identity.base()), on_off(self.moving))]
    }

    fn handle(&mut self, _topic: &str, payload: &str, now: Duration) -> Result<Vec<Publish>, Misunderstood> {
        self.moving = simulated(payload)?;
        self.next = now + if self.moving { MOTION_LASTS } else { Duration::from_secs(120) };
        Ok(self.state())
    }

    fn due(&self) -> Option<Duration> {
        Some(self.next)
    }

    fn tick(&mut self, now: Duration, rng: &mut Rng) -> Vec<Publish> {
        self.moving = !self.moving;
        let pause = if self.moving { MOTION_LASTS } else { Duration::from_secs_f64(rng.between(120.0, 400.0)) };
        self.next = now + pause;
        self.state()
    }
}

fn simulated(payload: &str) -> Result<bool, Misunderstood> {
    match payload {
        "ON" => Ok(true),
        "OFF" => Ok(false),
        _ => Err(Misunderstood),
    }
}
