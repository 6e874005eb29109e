//! The demo home without a broker: its messages go into the core, the core's into it.

use serde_json::{Value, json};

use super::House;
use crate::call::{CallError, IntentCall, Outcome};
use crate::config::HomeConfig;

/// The core and the demo home, talking to each other.
struct Both {
    house: House,
    demo: vesta_demo_home::House,
}

impl Both {
    fn new() -> Self {
        let mut both =
            Self { house: House::new(HomeConfig::default()), demo: vesta_demo_home::House::new("homeassistant", 1) };
        let messages = both.demo.announce();
        both.hear(messages);
        both
    }

    fn hear(&mut self, messages: Vec<vesta_demo_home::Publish>) {
        for message in messages {
            self.house.send(&message.topic, message.payload.as_bytes());
        }
        self.house.settle();
    }

    /// Carries out a call to its end; with it everything that was published.
    fn call(&mut self, intent: &str, slots: Value) -> (Result<Outcome, CallError>, Vec<(String, String)>) {
        let slots = slots.as_object().cloned().unwrap_or_default().into_iter().collect();
        let id = self.house.start(&IntentCall { intent: intent.to_owned(), slots, ..IntentCall::default() });
        let published = std::mem::take(&mut self.house.published);
        let now = std::time::Duration::from_millis(self.house.now);
        for (topic, payload) in &published {
            let answers = self.demo.handle_message(topic, payload, now);
            self.hear(answers);
        }
        for _ in 0..20 {
            if let Some(reply) = self.house.reply(id) {
                return (reply, published);
            }
            self.house.now += 100;
            let moved = self.demo.tick(std::time::Duration::from_millis(self.house.now));
            self.hear(moved);
            self.house.wait(0);
        }
        (self.house.reply(id).expect("over after the deadline"), published)
    }
}

#[test]
fn the_demo_home_obeys_in_all_its_dialects() {
    let mut both = Both::new();
    let lights: Vec<String> =
        both.house.core.snapshot().entities.keys().filter(|id| id.starts_with("light.")).cloned().collect();
    assert!(lights.len() >= 8, "{lights:?}");
    for light in &lights {
        let features = both.house.core.snapshot().entities[light].features.clone();
        let mut calls = vec![("HassTurnOn", json!({ "name": light }))];
        let has = |feature: &str| features.iter().any(|own| own == feature);
        if has("brightness") {
            calls.extend(
                [1, 35, 100].map(|brightness| ("HassLightSet", json!({ "name": light, "brightness": brightness }))),
            );
        }
        if has("color") {
            calls.extend(
                ["red", "turquoise", "orange"].map(|color| ("HassLightSet", json!({ "name": light, "color": color }))),
            );
        }
        if has("color_temp") {
            calls.extend(
                [2200, 2700, 6000].map(|kelvin| ("HassLightSet", json!({ "name": light, "temperature": kelvin }))),
            );
        }
        calls.push(("HassTurnOff", json!({ "name": light })));
        for (intent, slots) in calls {
            let (reply, published) = both.call(intent, slots.clone());
            let outcome = reply.unwrap_or_else(|error| panic!("{intent} {slots}: {error}; sent {published:?}"));
            assert!(outcome.confirmed && !published.is_empty(), "{intent} {slots}: {published:?}");
        }
    }
}

#[test]
fn the_demo_home_does_everything_that_it_shows() {
    let mut both = Both::new();
    for (intent, slots) in [
        ("HassTurnOff", json!({ "name": "Bedroom Blinds" })),
        ("HassSetPosition", json!({ "name": "Bedroom Blinds", "position": 40 })),
        ("HassSetPosition", json!({ "name": "Living Room Curtains", "position": 40 })),
        ("HassStopMoving", json!({ "name": "Living Room Curtains" })),
        ("HassTurnOn", json!({ "name": "Garage Door" })),
        ("HassTurnOn", json!({ "name": "Office Fan" })),
        ("HassFanSetSpeed", json!({ "name": "Office Fan", "percentage": 75 })),
        ("HassTurnOff", json!({ "name": "Office Fan" })),
        ("HassClimateSetTemperature", json!({ "temperature": 19.5 })),
        ("HassVacuumStart", json!({})),
        ("HassVacuumPause", json!({})),
        ("HassVacuumReturnToBase", json!({ "name": "Robot Vacuum" })),
        ("HassVacuumCleanArea", json!({ "area": "kitchen" })),
        ("HassSetVolume", json!({ "name": "Speaker", "volume_level": 70 })),
        ("HassSetVolumeRelative", json!({ "volume_step": "up" })),
        ("HassMediaUnpause", json!({})),
        ("HassMediaPause", json!({ "name": "Speaker" })),
        ("HassMediaPlayerMute", json!({})),
        ("HassMediaPlayerUnmute", json!({ "name": "Speaker" })),
        ("HassMediaSearchAndPlay", json!({ "search_query": "jazz radio" })),
        ("HassTurnOn", json!({ "name": "Coffee Machine" })),
        ("HassTurnOn", json!({ "area": "kitchen" })),
        ("HassTurnOff", json!({ "area": "kitchen" })),
        ("HassTurnOff", json!({ "name": "all", "domain": "light" })),
    ] {
        let (reply, published) = both.call(intent, slots.clone());
        let outcome = reply.unwrap_or_else(|error| panic!("{intent} {slots}: {error}; sent {published:?}"));
        assert!(outcome.confirmed && !published.is_empty(), "{intent} {slots}: {published:?}");
    }
    // Buttons and scenes tell nothing: said as such.
    for name in ["Movie Night", "Doorbell"] {
        let (reply, published) = both.call("HassTurnOn", json!({ "name": name }));
        assert!(!reply.unwrap().confirmed && published.len() == 1, "{name}: {published:?}");
    }
    for (intent, slots) in [
        ("HassGetState", json!({ "domain": "binary_sensor", "device_class": "window", "state": "on" })),
        ("HassClimateGetTemperature", json!({ "area": "Bedroom" })),
        ("HassGetState", json!({ "name": "Garage Door" })),
    ] {
        let (reply, published) = both.call(intent, slots);
        assert!(reply.unwrap().read_only && published.is_empty());
    }
}

#[test]
fn nothing_in_the_demo_home_is_misunderstood() {
    let mut both = Both::new();
    let unavailable: Vec<String> = both
        .house
        .core
        .snapshot()
        .entities
        .values()
        .filter(|entity| {
            !entity.available || (entity.state.is_none() && !["button", "scene"].contains(&entity.domain.as_str()))
        })
        .map(|entity| entity.id.clone())
        .collect();
    assert!(unavailable.is_empty(), "{unavailable:?}");
    let areas: Vec<String> = both.house.core.snapshot().areas.iter().map(|area| area.id.clone()).collect();
    assert!(areas.contains(&"living_room".to_owned()), "{areas:?}");
    let goodbye = both.demo.goodbye();
    both.hear(goodbye);
    assert!(both.house.core.snapshot().entities.values().all(|entity| !entity.available));
    let withdrawn = both.demo.withdraw();
    both.hear(withdrawn);
    assert!(both.house.core.snapshot().entities.is_empty());
}

#[test]
fn a_garage_door_without_a_sensor_tells_by_its_motor() {
    let mut both = Both::new();
    let asked = json!({ "domain": "binary_sensor", "device_class": ["garage_door", "garage"], "state": "on" });
    let shut = both.call("HassGetState", asked.clone()).0.unwrap();
    assert_eq!((shut.matched.len(), shut.unmatched.len()), (0, 1), "{shut:?}");
    both.call("HassTurnOn", json!({ "name": "cover.garage_door" })).0.unwrap();
    let open = both.call("HassGetState", asked).0.unwrap();
    assert_eq!(open.matched.first().map(|view| view.name.as_str()), Some("Garage Door"), "{open:?}");
    // What no cover is like either is still missing.
    let smoke = json!({ "domain": "binary_sensor", "device_class": "vibration" });
    assert!(matches!(both.call("HassGetState", smoke).0, Err(CallError::NoneInArea { .. })));
}
