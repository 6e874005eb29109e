//! A vacuum robot that speaks like Valetudo: rooms as numbered segments, a battery that empties and charges.
//!
//! Topics and payloads after <https://valetudo.cloud/pages/integrations/mqtt>.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Device, Misunderstood};
use crate::discovery::{AVAILABILITY, Identity, origin};
use crate::house::Publish;
use crate::rng::Rng;

const STEP: Duration = Duration::from_secs(1);
/// Time for one room.
const ROOM: Duration = Duration::from_secs(20);
/// Time for the way back to the dock.
const WAY_HOME: Duration = Duration::from_secs(5);
/// Battery used in a second of cleaning and gained in a second of charging, in percent.
const USED: f64 = 0.05;
const GAINED: f64 = 0.1;
/// It goes home by itself below this battery level, in percent.
const LOW: f64 = 15.0;
const FAN_SPEEDS: [&str; 4] = ["low", "medium", "high", "max"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Activity {
    Docked,
    Cleaning,
    Paused,
    Returning,
    Idle,
}

impl Activity {
    fn word(self) -> &'static str {
        match self {
            Self::Docked => "docked",
            Self::Cleaning => "cleaning",
            Self::Paused => "paused",
            Self::Returning => "returning",
            Self::Idle => "idle",
        }
    }
}

/// A vacuum robot.
pub(crate) struct Vacuum {
    identity: Identity,
    /// Rooms by segment number.
    segments: &'static [(&'static str, &'static str)],
    activity: Activity,
    /// Segments still to clean, the current one first.
    queue: VecDeque<&'static str>,
    /// Time left for the current segment, or for the way home.
    left: Duration,
    /// Percent.
    battery: f64,
    fan_speed: &'static str,
    moved_at: Duration,
}

impl Vacuum {
    pub(crate) fn new(identity: Identity, segments: &'static [(&'static str, &'static str)]) -> Self {
        Self {
            identity,
            segments,
            activity: Activity::Docked,
            queue: VecDeque::new(),
            left: Duration::ZERO,
            battery: 100.0,
            fan_speed: "medium",
            moved_at: Duration::ZERO,
        }
    }

    fn topic(&self, suffix: &str) -> String {
        format!("valetudo/vesta-demo-{}{suffix}", self.identity.id)
    }

    fn segment_name(&self, id: &str) -> Option<&'static str> {
        self.segments.iter().find(|(known, _)| *known == id).map(|(_, name)| *name)
    }

    fn clean(&mut self, queue: VecDeque<&'static str>) {
        self.queue = queue;
        self.left = ROOM;
        self.activity = Activity::Cleaning;
    }

    fn operate(&mut self, payload: &str) -> Result<(), Misunderstood> {
        match payload {
            "START" if self.activity == Activity::Paused && !self.queue.is_empty() => {
                self.activity = Activity::Cleaning;
            }
            "START" if self.activity == Activity::Cleaning => {}
            "START" => self.clean(self.segments.iter().map(|(id, _)| *id).collect()),
            "PAUSE" if self.activity == Activity::Cleaning => self.activity = Activity::Paused,
            "PAUSE" if self.activity == Activity::Returning => self.stop(),
            "STOP" if self.activity != Activity::Docked => self.stop(),
            "HOME" if self.activity != Activity::Docked => self.go_home(),
            // Beeping changes nothing that can be seen.
            "PAUSE" | "STOP" | "HOME" | "LOCATE" => {}
            _ => return Err(Misunderstood),
        }
        Ok(())
    }

    fn stop(&mut self) {
        self.queue.clear();
        self.activity = Activity::Idle;
    }

    fn go_home(&mut self) {
        self.queue.clear();
        self.left = WAY_HOME;
        self.activity = Activity::Returning;
    }

    /// `{"segment_ids": ["1", "2"]}`; numbers are taken as well.
    fn clean_segments(&mut self, message: &Value) -> Result<(), Misunderstood> {
        let ids = message
            .get("segment_ids")
            .or_else(|| message.get("segments"))
            .and_then(Value::as_array)
            .ok_or(Misunderstood)?;
        let known = |id: &Value| {
            let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
            self.segments.iter().map(|(known, _)| *known).find(|known| *known == id)
        };
        let queue: VecDeque<_> = ids.iter().map(known).collect::<Option<_>>().ok_or(Misunderstood)?;
        if queue.is_empty() {
            return Err(Misunderstood);
        }
        self.clean(queue);
        Ok(())
    }

    fn advance(&mut self, now: Duration) {
        let mut time = now.saturating_sub(self.moved_at);
        self.moved_at = now;
        let seconds = time.as_secs_f64();
        match self.activity {
            Activity::Docked => self.battery = (self.battery + GAINED * seconds).min(100.0),
            Activity::Cleaning | Activity::Returning => self.battery = (self.battery - USED * seconds).max(1.0),
            Activity::Paused | Activity::Idle => {}
        }
        if self.activity == Activity::Cleaning && self.battery < LOW {
            self.go_home();
        }
        while self.activity == Activity::Cleaning && time >= self.left {
            time -= self.left;
            self.queue.pop_front();
            self.left = ROOM;
            if self.queue.is_empty() {
                self.go_home();
            }
        }
        if self.activity == Activity::Returning && time >= self.left {
            self.activity = Activity::Docked;
        } else if matches!(self.activity, Activity::Cleaning | Activity::Returning) {
            self.left -= time;
        }
    }
}

impl Device for Vacuum {
    fn configs(&self, prefix: &str) -> Vec<Publish> {
        let body = json!({
            "dev": self.identity.dev("Robot with Valetudo's topics"),
            "o": origin(),
            "avty_t": AVAILABILITY,
            "cmps": {
                "vacuum": {
                    "p": "vacuum",
                    "name": null,
                    "uniq_id": self.identity.unique("vacuum"),
                    "cmd_t": self.topic("/BasicControlCapability/operation/set"),
                    "pl_strt": "START", "pl_paus": "PAUSE", "pl_stop": "STOP", "pl_ret": "HOME", "pl_loc": "LOCATE",
                    "stat_t": self.topic("/hass/state"),
                    "json_attr_t": self.topic("/hass/attributes"),
                    "set_fan_spd_t": self.topic("/FanSpeedControlCapability/preset/set"),
                    "fanspd_lst": FAN_SPEEDS,
                    "send_cmd_t": self.topic("/hass/command"),
                    "sup_feat": ["start", "pause", "stop", "return_home", "locate", "fan_speed", "send_command", "status"],
                },
                "battery": {
                    "p": "sensor",
                    "name": "Battery",
                    "uniq_id": self.identity.unique("battery"),
                    "dev_cla": "battery", "unit_of_meas": "%", "stat_cla": "measurement", "ent_cat": "diagnostic",
                    "stat_t": self.topic("/BatteryStateAttribute/level"),
                },
            },
        });
        vec![self.identity.device_config(prefix, &body)]
    }

    fn topics(&self) -> Vec<String> {
        [
            "/BasicControlCapability/operation/set",
            "/MapSegmentationCapability/clean/set",
            "/FanSpeedControlCapability/preset/set",
            "/LocateCapability/locate/set",
            "/hass/command",
        ]
        .iter()
        .map(|suffix| self.topic(suffix))
        .collect()
    }

    fn state(&self) -> Vec<Publish> {
        let segments: Map<String, Value> =
            self.segments.iter().map(|(id, name)| ((*id).to_owned(), Value::from(*name))).collect();
        let current = self.queue.front().and_then(|id| self.segment_name(id));
        let state = json!({ "state": self.activity.word(), "fan_speed": self.fan_speed });
        let attributes = json!({
            "segments": &segments, "current_segment": current, "battery_level": self.battery.round() as u64,
        });
        vec![
            Publish::retained(self.topic("/MapData/segments"), Value::from(segments).to_string()),
            Publish::retained(self.topic("/BatteryStateAttribute/level"), (self.battery.round() as u64).to_string()),
            Publish::retained(self.topic("/hass/attributes"), attributes.to_string()),
            Publish::retained(self.topic("/hass/state"), state.to_string()),
        ]
    }

    fn handle(&mut self, topic: &str, payload: &str, now: Duration) -> Result<Vec<Publish>, Misunderstood> {
        self.advance(now);
        let json = || serde_json::from_str::<Value>(payload).map_err(|_| Misunderstood);
        match topic.strip_prefix(&self.topic("")).ok_or(Misunderstood)? {
            "/BasicControlCapability/operation/set" => self.operate(payload)?,
            "/MapSegmentationCapability/clean/set" => self.clean_segments(&json()?)?,
            // Home Assistant's send_command: the command's name and its parameters in one object.
            "/hass/command" => {
                let message = json()?;
                match message.get("command").and_then(Value::as_str) {
                    Some("clean_segments" | "segment_clean" | "app_segment_clean") => self.clean_segments(&message)?,
                    _ => return Err(Misunderstood),
                }
            }
            "/FanSpeedControlCapability/preset/set" => {
                self.fan_speed = FAN_SPEEDS.into_iter().find(|known| *known == payload).ok_or(Misunderstood)?;
            }
            "/LocateCapability/locate/set" if payload == "PERFORM" => {}
            _ => return Err(Misunderstood),
        }
        Ok(self.state())
    }

    fn due(&self) -> Option<Duration> {
        let busy = matches!(self.activity, Activity::Cleaning | Activity::Returning)
            || (self.activity == Activity::Docked && self.battery < 100.0);
        busy.then_some(self.moved_at + STEP)
    }

    fn tick(&mut self, now: Duration, _rng: &mut Rng) -> Vec<Publish> {
        let shown = |vacuum: &Self| (vacuum.activity, vacuum.queue.front().copied(), vacuum.battery.round() as u64);
        let before = shown(self);
        self.advance(now);
        if shown(self) == before { Vec::new() } else { self.state() }
    }
}
