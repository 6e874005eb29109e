//! Covers that take their time: a position every 150 ms while they move.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Device, Misunderstood, number};
use crate::discovery::{AVAILABILITY, Identity, origin};
use crate::house::Publish;
use crate::rng::Rng;

const STEP: Duration = Duration::from_millis(150);

/// How a cover speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// A topic for everything; `OPEN`, `CLOSE`, `STOP`.
    Topics,
    /// One JSON state, a JSON position command, commands in small letters.
    Json,
    /// Opens and closes, knows no position in between.
    Door,
}

/// A cover.
pub(crate) struct Cover {
    identity: Identity,
    dialect: Dialect,
    class: &'static str,
    /// Time from closed to open.
    travel: Duration,
    /// 0 closed, 100 open.
    position: f64,
    target: Option<f64>,
    moved_at: Duration,
}

impl Cover {
    pub(crate) fn new(identity: Identity, dialect: Dialect, class: &'static str, travel: Duration) -> Self {
        let position = if dialect == Dialect::Door { 0.0 } else { 100.0 };
        Self { identity, dialect, class, travel, position, target: None, moved_at: Duration::ZERO }
    }

    fn topic(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.identity.base())
    }

    fn word(&self) -> &'static str {
        match self.target {
            Some(target) if target > self.position => "opening",
            Some(_) => "closing",
            None if self.position <= 0.0 => "closed",
            None if self.position < 100.0 && self.dialect == Dialect::Door => "stopped",
            None => "open",
        }
    }

    /// Moves along until `now`.
    fn advance(&mut self, now: Duration) {
        let Some(target) = self.target else { return };
        let way = 100.0 * now.saturating_sub(self.moved_at).as_secs_f64() / self.travel.as_secs_f64();
        self.moved_at = now;
        if (target - self.position).abs() <= way {
            self.position = target;
            self.target = None;
        } else {
            self.position += way.copysign(target - self.position);
        }
    }

    fn go(&mut self, target: f64, now: Duration) {
        self.moved_at = now;
        self.target = ((target - self.position).abs() > f64::EPSILON).then_some(target);
    }
}

impl Device for Cover {
    fn configs(&self, prefix: &str) -> Vec<Publish> {
        let mut config = match self.dialect {
            Dialect::Topics => json!({
                "command_topic": self.topic("/set"), "state_topic": self.topic("/state"),
                "position_topic": self.topic("/position"), "set_position_topic": self.topic("/position/set"),
                "device": self.identity.device("Roller blind"),
            }),
            Dialect::Json => json!({
                "~": self.identity.base(),
                "cmd_t": "~/set", "pl_open": "open", "pl_cls": "close", "pl_stop": "stop",
                "stat_t": "~", "val_tpl": "{{ value_json.state }}",
                "pos_t": "~", "pos_tpl": "{{ value_json.position }}",
                "set_pos_t": "~/set", "set_pos_tpl": "{\"position\": {{ position }}}",
                "dev": self.identity.dev("Curtain rail"),
            }),
            Dialect::Door => json!({
                "command_topic": self.topic("/set"), "state_topic": self.topic("/state"), "qos": 1,
                "device": self.identity.device("Door drive"),
            }),
        };
        let shared = json!({
            "name": null, "unique_id": self.identity.unique(""), "device_class": self.class,
            "availability_topic": AVAILABILITY, "origin": origin(),
        });
        if let (Some(config), Value::Object(shared)) = (config.as_object_mut(), shared) {
            config.extend(shared);
        }
        vec![self.identity.config(prefix, "cover", "", &config)]
    }

    fn topics(&self) -> Vec<String> {
        match self.dialect {
            Dialect::Topics => vec![self.topic("/set"), self.topic("/position/set")],
            Dialect::Json | Dialect::Door => vec![self.topic("/set")],
        }
    }

    fn state(&self) -> Vec<Publish> {
        let position = self.position.round() as u64;
        match self.dialect {
            Dialect::Topics => vec![
                Publish::retained(self.topic("/position"), position.to_string()),
                Publish::retained(self.topic("/state"), self.word()),
            ],
            Dialect::Json => {
                let body = json!({ "state": self.word(), "position": position });
                vec![Publish::retained(self.topic(""), body.to_string())]
            }
            Dialect::Door => vec![Publish::retained(self.topic("/state"), self.word())],
        }
    }

    fn handle(&mut self, topic: &str, payload: &str, now: Duration) -> Result<Vec<Publish>, Misunderstood> {
        self.advance(now);
        let json_position = || {
            let message: Value = serde_json::from_str(payload).ok()?;
            message.get("position")?.as_f64().filter(|position| (0.0..=100.0).contains(position))
        };
        if topic.ends_with("/position/set") {
            let position = number(payload, 0.0, 100.0)?;
            self.go(position, now);
        } else if self.dialect == Dialect::Json && payload.starts_with('{') {
            let position = json_position().ok_or(Misunderstood)?;
            self.go(position, now);
        } else {
            match payload.to_ascii_uppercase().as_str() {
                "OPEN" => self.go(100.0, now),
                "CLOSE" => self.go(0.0, now),
                "STOP" => self.target = None,
                _ => return Err(Misunderstood),
            }
        }
        Ok(self.state())
    }

    fn due(&self) -> Option<Duration> {
        self.target.map(|_| self.moved_at + STEP)
    }

    fn tick(&mut self, now: Duration, _rng: &mut Rng) -> Vec<Publish> {
        self.advance(now);
        match self.dialect {
            // A door without positions has nothing to say until it arrives.
            Dialect::Door if self.target.is_some() => Vec::new(),
            _ => self.state(),
        }
    }
}
