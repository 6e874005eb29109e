//! The house: messages and times in, messages out. No socket, no clock.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;

use crate::devices::Device;
use crate::discovery::{AVAILABILITY, BASE, origin};
use crate::plan::{self, Scene};
use crate::rng::Rng;

/// A message to publish, with QoS 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// Topic name.
    pub topic: String,
    /// Payload; an empty one removes a retained message.
    pub payload: String,
    /// Whether the broker keeps it for those who come later.
    pub retain: bool,
}

impl Publish {
    pub(crate) fn retained(topic: impl Into<String>, payload: impl Into<String>) -> Self {
        Self { topic: topic.into(), payload: payload.into(), retain: true }
    }
}

/// A house full of devices. The same seed and the same input give the same output.
pub struct House {
    prefix: String,
    devices: Vec<Box<dyn Device>>,
    scenes: Vec<Scene>,
    /// Which device obeys which topic.
    routes: HashMap<String, usize>,
    rng: Rng,
}

impl House {
    /// A house whose devices are announced under `prefix` (usually `homeassistant`).
    pub fn new(prefix: &str, seed: u64) -> Self {
        let devices = plan::devices();
        let routes = devices
            .iter()
            .enumerate()
            .flat_map(|(index, device)| device.topics().into_iter().map(move |topic| (topic, index)))
            .collect();
        Self { prefix: prefix.to_owned(), devices, scenes: plan::scenes(), routes, rng: Rng::new(seed) }
    }

    /// Topics to subscribe to: commands, and the birth message of those who read discovery.
    pub fn subscriptions(&self) -> Vec<String> {
        let mut topics: Vec<String> = self.routes.keys().cloned().collect();
        topics.extend(self.scenes.iter().map(scene_topic));
        topics.push(self.birth_topic());
        topics.sort();
        topics
    }

    /// Where the last will goes, and what it says.
    pub fn will(&self) -> Publish {
        Publish::retained(AVAILABILITY, "offline")
    }

    /// Everything a newcomer needs: descriptions, then states, then that the house is there.
    pub fn announce(&self) -> Vec<Publish> {
        let mut messages = self.configs();
        messages.extend(self.devices.iter().flat_map(|device| device.state()));
        messages.push(Publish::retained(AVAILABILITY, "online"));
        messages
    }

    /// Withdraws all descriptions, so that the devices disappear from the homes that showed them.
    pub fn withdraw(&self) -> Vec<Publish> {
        self.announce().into_iter().map(|message| Publish { payload: String::new(), ..message }).collect()
    }

    /// Says goodbye.
    pub fn goodbye(&self) -> Vec<Publish> {
        vec![self.will()]
    }

    /// Obeys a message that arrived at `now`, the time since the house was built.
    pub fn handle_message(&mut self, topic: &str, payload: &str, now: Duration) -> Vec<Publish> {
        if topic == self.birth_topic() {
            return if payload == "online" { self.announce() } else { Vec::new() };
        }
        if let Some(scene) = self.scenes.iter().find(|scene| scene_topic(scene) == topic) {
            let steps = if payload == "ON" { scene.steps } else { &[] };
            return steps
                .iter()
                .flat_map(|(topic, payload)| self.command(&format!("{BASE}/{topic}"), payload, now))
                .collect();
        }
        self.command(topic, payload, now)
    }

    /// When [`House::tick`] is next worth calling; time since the house was built.
    pub fn next_tick(&self) -> Option<Duration> {
        self.devices.iter().filter_map(|device| device.due()).min()
    }

    /// Lets time pass: covers move, rooms warm up, the robot cleans.
    pub fn tick(&mut self, now: Duration) -> Vec<Publish> {
        let mut messages = Vec::new();
        for device in &mut self.devices {
            if device.due().is_some_and(|due| due <= now) {
                messages.extend(device.tick(now, &mut self.rng));
            }
        }
        messages
    }

    fn command(&mut self, topic: &str, payload: &str, now: Duration) -> Vec<Publish> {
        let Some(device) = self.routes.get(topic).and_then(|index| self.devices.get_mut(*index)) else {
            return Vec::new();
        };
        device.handle(topic, payload, now).unwrap_or_else(|_| {
            tracing::warn!(topic, payload, "the demo home does not understand this command");
            Vec::new()
        })
    }

    fn configs(&self) -> Vec<Publish> {
        let mut configs: Vec<Publish> = self.devices.iter().flat_map(|device| device.configs(&self.prefix)).collect();
        configs.extend(self.scenes.iter().map(|scene| {
            let identity = &scene.identity;
            let body = json!({
                "name": identity.name, "unique_id": identity.unique(""),
                "command_topic": scene_topic(scene), "payload_on": "ON",
                "availability_topic": AVAILABILITY,
                // One device for all scenes, named so that a scene is not called after it.
                "device": { "identifiers": ["vesta_demo_scenes"], "manufacturer": "Vesta" },
                "origin": origin(),
            });
            identity.config(&self.prefix, "scene", "", &body)
        }));
        configs
    }

    fn birth_topic(&self) -> String {
        format!("{}/status", self.prefix)
    }
}

fn scene_topic(scene: &Scene) -> String {
    format!("{BASE}/scene/{}/set", scene.identity.id)
}
