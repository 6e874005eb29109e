//! A loudspeaker: volume, mute, stations, and buttons to play, pause and skip. MQTT discovery knows no media player, so such
//! devices show themselves as a group of simple entities.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Device, Misunderstood, number, on_off};
use crate::discovery::{AVAILABILITY, Identity, origin};
use crate::house::Publish;

const STATIONS: [&str; 4] = ["Jazz Radio", "News Radio", "Classic Radio", "Rock Radio"];
const TRACKS: u32 = 12;

/// A loudspeaker.
pub(crate) struct Speaker {
    identity: Identity,
    /// 0 to 100.
    volume: u8,
    muted: bool,
    playing: bool,
    station: &'static str,
    /// From 1.
    track: u32,
}

impl Speaker {
    pub(crate) fn new(identity: Identity) -> Self {
        Self { identity, volume: 30, muted: false, playing: false, station: STATIONS[0], track: 1 }
    }

    fn topic(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.identity.base())
    }

    /// One of its entities: the parts that all have, then its own.
    fn component(&self, platform: &str, part: &str, name: &str, own: Value) -> Value {
        let mut component = json!({ "p": platform, "name": name, "unique_id": self.identity.unique(part) });
        if let (Some(fields), Value::Object(own)) = (component.as_object_mut(), own) {
            fields.extend(own);
        }
        component
    }

    fn button(&self, part: &str, name: &str, icon: &str) -> Value {
        let own = json!({ "command_topic": "~/button/set", "payload_press": part, "icon": icon });
        self.component("button", part, name, own)
    }

    fn sensor(&self, part: &str, name: &str, icon: &str) -> Value {
        let template = format!("{{{{ value_json.{part} }}}}");
        self.component("sensor", part, name, json!({ "state_topic": "~", "value_template": template, "icon": icon }))
    }
}

impl Device for Speaker {
    fn configs(&self, prefix: &str) -> Vec<Publish> {
        let volume = json!({
            "state_topic": "~", "value_template": "{{ value_json.volume }}", "command_topic": "~/volume/set",
            "min": 0, "max": 100, "step": 1, "unit_of_measurement": "%", "mode": "slider", "icon": "mdi:volume-high",
        });
        let mute = json!({
            "state_topic": "~", "value_template": "{{ value_json.mute }}", "command_topic": "~/mute/set",
            "icon": "mdi:volume-off",
        });
        let station = json!({
            "state_topic": "~", "value_template": "{{ value_json.station }}", "command_topic": "~/station/set",
            "options": STATIONS, "icon": "mdi:radio",
        });
        let body = json!({
            "~": self.identity.base(),
            "device": self.identity.device("Loudspeaker"),
            "origin": origin(),
            "availability_topic": AVAILABILITY,
            "components": {
                "volume": self.component("number", "volume", "Volume", volume),
                "mute": self.component("switch", "mute", "Mute", mute),
                "station": self.component("select", "station", "Station", station),
                "play": self.button("play", "Play", "mdi:play"),
                "pause": self.button("pause", "Pause", "mdi:pause"),
                "next": self.button("next", "Next", "mdi:skip-next"),
                "previous": self.button("previous", "Previous", "mdi:skip-previous"),
                "playback": self.sensor("playback", "Playback", "mdi:play-circle"),
                "track": self.sensor("track", "Track", "mdi:music"),
            },
        });
        vec![self.identity.device_config(prefix, &body)]
    }

    fn topics(&self) -> Vec<String> {
        ["/volume/set", "/mute/set", "/station/set", "/button/set"].iter().map(|suffix| self.topic(suffix)).collect()
    }

    fn state(&self) -> Vec<Publish> {
        let body = json!({
            "volume": self.volume,
            "mute": on_off(self.muted),
            "station": self.station,
            "playback": if self.playing { "playing" } else { "paused" },
            "track": format!("Track {}", self.track),
        });
        vec![Publish::retained(self.topic(""), body.to_string())]
    }

    fn handle(&mut self, topic: &str, payload: &str, _now: Duration) -> Result<Vec<Publish>, Misunderstood> {
        match (topic.strip_prefix(&self.identity.base()).ok_or(Misunderstood)?, payload) {
            ("/volume/set", volume) => self.volume = number(volume, 0.0, 100.0)?.round() as u8,
            ("/mute/set", "ON") => self.muted = true,
            ("/mute/set", "OFF") => self.muted = false,
            ("/station/set", station) => {
                self.station = STATIONS.into_iter().find(|known| *known == station).ok_or(Misunderstood)?;
                self.track = 1;
                self.playing = true;
            }
            ("/button/set", "play") => self.playing = true,
            ("/button/set", "pause") => self.playing = false,
            ("/button/set", "next") => self.track = self.track % TRACKS + 1,
            ("/button/set", "previous") => self.track = (self.track + TRACKS - 2) % TRACKS + 1,
            _ => return Err(Misunderstood),
        }
        Ok(self.state())
    }
}
