//! The house without a broker: what it says about itself and how it behaves, over hours in milliseconds.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing helper is a failing test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use vesta_demo_home::{House, Publish};

/// A house with the state topics as a broker would keep them.
struct Home {
    house: House,
    topics: BTreeMap<String, String>,
    now: Duration,
}

impl Home {
    fn new() -> Self {
        let house = House::new("homeassistant", 7);
        let topics = house.announce().into_iter().map(|message| (message.topic, message.payload)).collect();
        Self { house, topics, now: Duration::ZERO }
    }

    fn keep(&mut self, messages: Vec<Publish>) -> usize {
        let count = messages.len();
        self.topics.extend(messages.into_iter().map(|message| (message.topic, message.payload)));
        count
    }

    /// Sends a command; returns how many messages answer it.
    fn send(&mut self, topic: &str, payload: &str) -> usize {
        let replies = self.house.handle_message(topic, payload, self.now);
        self.keep(replies)
    }

    /// Lets time pass as the driver does, from one due time to the next.
    fn pass(&mut self, time: Duration) -> Vec<Publish> {
        let end = self.now + time;
        let mut said = Vec::new();
        while let Some(due) = self.house.next_tick().filter(|due| *due <= end) {
            assert!(due >= self.now, "time runs forwards");
            self.now = due;
            let messages = self.house.tick(due);
            assert!(self.house.next_tick().is_none_or(|next| next > due), "a tick makes progress");
            said.extend(messages.clone());
            self.keep(messages);
        }
        self.now = end;
        said
    }

    fn text(&self, topic: &str) -> &str {
        self.topics.get(topic).unwrap_or_else(|| panic!("nothing on {topic}"))
    }

    fn json(&self, topic: &str) -> Value {
        serde_json::from_str(self.text(topic)).expect("JSON")
    }

    fn number(&self, topic: &str) -> f64 {
        self.text(topic).parse().expect("a number")
    }
}

/// All entity descriptions, with `~` filled in: component, then fields.
fn entities(house: &House) -> Vec<(String, serde_json::Map<String, Value>)> {
    let mut entities = Vec::new();
    for message in house.announce().iter().filter(|message| message.topic.starts_with("homeassistant/")) {
        let body: Value = serde_json::from_str(&message.payload).expect("descriptions are JSON");
        let component = message.topic.split('/').nth(1).unwrap().to_owned();
        let base = body.get("~").and_then(Value::as_str).unwrap_or("~").to_owned();
        let fill = |fields: &serde_json::Map<String, Value>| {
            fields
                .iter()
                .map(|(key, value)| match value.as_str() {
                    Some(text) if text.starts_with('~') => (key.clone(), Value::from(text.replacen('~', &base, 1))),
                    _ => (key.clone(), value.clone()),
                })
                .collect::<serde_json::Map<_, _>>()
        };
        match body.get("cmps").or_else(|| body.get("components")).and_then(Value::as_object) {
            Some(components) => entities.extend(components.values().map(|fields| {
                let fields = fields.as_object().unwrap();
                (fields["p"].as_str().unwrap().to_owned(), fill(fields))
            })),
            None => entities.push((component, fill(body.as_object().unwrap()))),
        }
    }
    entities
}

#[test]
fn every_topic_in_a_description_is_obeyed_or_published() {
    let house = House::new("homeassistant", 1);
    let obeyed: BTreeSet<String> = house.subscriptions().into_iter().collect();
    let published: BTreeSet<String> = house.announce().into_iter().map(|message| message.topic).collect();
    let mut checked = 0;
    for (component, fields) in entities(&house) {
        for (key, value) in &fields {
            let Some(topic) = value.as_str() else { continue };
            let is_command = ["cmd_t", "set_pos_t", "set_fan_spd_t"].iter().any(|end| key.ends_with(end))
                || key.ends_with("command_topic")
                || key == "set_position_topic";
            if is_command {
                assert!(obeyed.contains(topic), "{component}: {key} {topic} is not obeyed");
                checked += 1;
            } else if key.ends_with("_t") || key.ends_with("_topic") {
                // The lamp that is white now has no colour to tell yet.
                assert!(
                    published.contains(topic) || topic.ends_with("/rgb"),
                    "{component}: {key} {topic} is never published"
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 100, "{checked}");
}

#[test]
fn descriptions_have_all_kinds_of_entities_and_ids_of_their_own() {
    let entities = entities(&House::new("homeassistant", 1));
    let kinds: BTreeSet<&str> = entities.iter().map(|(component, _)| component.as_str()).collect();
    let expected = [
        "binary_sensor",
        "button",
        "climate",
        "cover",
        "fan",
        "light",
        "number",
        "scene",
        "select",
        "sensor",
        "switch",
        "vacuum",
    ];
    assert_eq!(kinds, expected.into());
    let ids: BTreeSet<&str> = entities
        .iter()
        .map(|(_, fields)| fields.get("unique_id").or_else(|| fields.get("uniq_id")).unwrap().as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), entities.len());
}

#[test]
fn rooms_are_suggested_and_the_house_is_there_last() {
    let messages = House::new("ha", 1).announce();
    let text: String = messages.iter().map(|message| message.payload.as_str()).collect();
    for area in ["Kitchen", "Living Room", "Bedroom", "Bathroom", "Office", "Hallway", "Garage"] {
        assert!(
            text.contains(&format!("\"suggested_area\":\"{area}\"")) || text.contains(&format!("\"sa\":\"{area}\"")),
            "{area}"
        );
    }
    assert!(messages.iter().all(|message| message.retain && !message.payload.is_empty()));
    assert!(messages.iter().any(|message| message.topic.starts_with("ha/light/")));
    assert_eq!(
        messages.last().unwrap(),
        &Publish { topic: "vesta-demo/availability".into(), payload: "online".into(), retain: true }
    );
}

#[test]
fn a_json_light_takes_brightness_colour_and_warmth() {
    let mut home = Home::new();
    let topic = "vesta-demo/kitchen_light";
    let set = "vesta-demo/kitchen_light/set";
    assert_eq!(home.json(topic)["state"], "OFF");
    assert_eq!(home.send(set, r#"{"state":"ON","brightness":127}"#), 1);
    assert_eq!((&home.json(topic)["state"], &home.json(topic)["brightness"]), (&"ON".into(), &127.into()));
    home.send(set, r#"{"state":"ON","color":{"r":255,"g":0,"b":10}}"#);
    assert_eq!(home.json(topic)["color_mode"], "rgb");
    assert_eq!(home.json(topic)["color"]["b"], 10);
    home.send(set, r#"{"color_temp":250}"#);
    assert_eq!((&home.json(topic)["color_mode"], &home.json(topic)["color_temp"]), (&"color_temp".into(), &250.into()));
    home.send(set, r#"{"state":"OFF"}"#);
    home.send(set, r#"{"state":"ON"}"#);
    assert_eq!(home.json(topic)["brightness"], 127, "the brightness is kept while it is off");
    home.send(set, r#"{"brightness":0}"#);
    assert_eq!(home.json(topic)["state"], "OFF");
}

#[test]
fn a_light_of_separate_topics_answers_on_them() {
    let mut home = Home::new();
    home.send("vesta-demo/living_room_lamp/brightness/set", "40");
    assert_eq!(home.text("vesta-demo/living_room_lamp/state"), "ON");
    assert_eq!(home.text("vesta-demo/living_room_lamp/brightness"), "40");
    home.send("vesta-demo/living_room_lamp/rgb/set", "1,2,3");
    assert_eq!(
        (home.text("vesta-demo/living_room_lamp/rgb"), home.text("vesta-demo/living_room_lamp/mode")),
        ("1,2,3", "rgb")
    );
    home.send("vesta-demo/living_room_lamp/white/set", "3000");
    assert_eq!(home.text("vesta-demo/living_room_lamp/white"), "3000");
    assert_eq!(home.text("vesta-demo/living_room_lamp/mode"), "color_temp");
    home.send("vesta-demo/bedside_lamp/cmnd/Dimmer", "30");
    assert_eq!(home.json("vesta-demo/bedside_lamp/stat/STATE"), serde_json::json!({ "POWER": "ON", "Dimmer": 30 }));
    home.send("vesta-demo/hallway_light/set", "1");
    assert_eq!(home.text("vesta-demo/hallway_light/state"), "1");
}

#[test]
fn every_brightness_of_every_scale_comes_back_as_it_was_set() {
    let mut home = Home::new();
    for level in 1..=100 {
        home.send("vesta-demo/living_room_lamp/brightness/set", &level.to_string());
        assert_eq!(home.number("vesta-demo/living_room_lamp/brightness"), f64::from(level));
    }
    for level in 1..=254 {
        home.send("vesta-demo/kitchen_light/set", &format!("{{\"brightness\":{level}}}"));
        assert_eq!(home.json("vesta-demo/kitchen_light")["brightness"], level);
    }
}

#[test]
fn nonsense_changes_nothing_and_is_not_answered() {
    let mut home = Home::new();
    let before = home.house.announce();
    let topics = home.house.subscriptions();
    for topic in topics.iter().filter(|topic| *topic != "homeassistant/status") {
        for payload in [
            "",
            "maybe",
            "{",
            "[]",
            "{\"state\":5}",
            "{\"position\":500}",
            "1e99",
            "-1",
            "NaN",
            "{\"segment_ids\":[\"99\"]}",
            "{\"color_temp\":\"warm\"}",
        ] {
            home.send(topic, payload);
        }
    }
    home.send("vesta-demo/unknown/set", "ON");
    // A light may take any JSON object that asks for nothing as a request for its state; the state must be the same.
    assert_eq!(home.house.announce(), before);
}

#[test]
fn blinds_move_at_their_pace_and_stop_on_the_way() {
    let mut home = Home::new();
    let position = "vesta-demo/bedroom_blinds/position";
    let state = "vesta-demo/bedroom_blinds/state";
    assert_eq!((home.number(position), home.text(state)), (100.0, "open"));
    home.send("vesta-demo/bedroom_blinds/set", "CLOSE");
    assert_eq!(home.text(state), "closing", "answered at once");

    let on_the_way = home.pass(Duration::from_secs(3));
    let positions: Vec<u32> = on_the_way
        .iter()
        .filter(|message| message.topic == position)
        .map(|message| message.payload.parse().unwrap())
        .collect();
    assert_eq!(positions.len(), 20, "one every 150 ms");
    assert!(positions.is_sorted_by(|a, b| a > b), "{positions:?}");
    assert_eq!(home.number(position), 50.0);
    home.send("vesta-demo/bedroom_blinds/set", "STOP");
    home.pass(Duration::from_secs(60));
    assert_eq!((home.number(position), home.text(state)), (50.0, "open"));

    home.send("vesta-demo/bedroom_blinds/position/set", "25");
    home.pass(Duration::from_secs(1));
    home.send("vesta-demo/bedroom_blinds/set", "OPEN");
    assert_eq!(home.text(state), "opening", "turns round on the way");
    home.pass(Duration::from_secs(6));
    assert_eq!((home.number(position), home.text(state)), (100.0, "open"));
    home.send("vesta-demo/bedroom_blinds/set", "CLOSE");
    home.pass(Duration::from_millis(6_100));
    assert_eq!((home.number(position), home.text(state)), (0.0, "closed"));
}

#[test]
fn curtains_and_garage_door_speak_their_own_way() {
    let mut home = Home::new();
    home.send("vesta-demo/living_room_curtains/set", "{\"position\": 30}");
    home.pass(Duration::from_secs(5));
    assert_eq!(home.json("vesta-demo/living_room_curtains"), serde_json::json!({ "state": "open", "position": 30 }));
    home.send("vesta-demo/living_room_curtains/set", "close");
    home.pass(Duration::from_secs(5));
    assert_eq!(home.json("vesta-demo/living_room_curtains")["state"], "closed");

    assert_eq!(home.text("vesta-demo/garage_door/state"), "closed");
    home.send("vesta-demo/garage_door/set", "OPEN");
    assert_eq!(home.text("vesta-demo/garage_door/state"), "opening");
    home.pass(Duration::from_secs(9));
    assert_eq!(home.text("vesta-demo/garage_door/state"), "open");
    home.send("vesta-demo/garage_door/set", "CLOSE");
    home.pass(Duration::from_secs(2));
    home.send("vesta-demo/garage_door/set", "STOP");
    assert_eq!(home.text("vesta-demo/garage_door/state"), "stopped");
}

#[test]
fn the_fan_has_speeds_presets_and_oscillation() {
    let mut home = Home::new();
    let fan = "vesta-demo/office_fan";
    home.send("vesta-demo/office_fan/speed/set", "3");
    assert_eq!((&home.json(fan)["state"], &home.json(fan)["speed"]), (&"ON".into(), &3.into()));
    home.send("vesta-demo/office_fan/set", "OFF");
    assert_eq!(home.json(fan)["speed"], 0);
    home.send("vesta-demo/office_fan/preset/set", "sleep");
    home.send("vesta-demo/office_fan/oscillation/set", "oscillate_on");
    assert_eq!((&home.json(fan)["preset"], &home.json(fan)["oscillation"]), (&"sleep".into(), &"oscillate_on".into()));
    assert_eq!(home.json(fan)["speed"], 3, "back at the speed it had");
}

#[test]
fn the_room_warms_up_slowly_and_cools_down_without_heating() {
    let mut home = Home::new();
    let current = |home: &Home| home.json("vesta-demo/heating/current")["temperature"].as_f64().unwrap();
    home.send("vesta-demo/heating/target/set", "{\"target\": 23.0}");
    assert_eq!((home.text("vesta-demo/heating/target"), home.text("vesta-demo/heating/action")), ("23", "heating"));
    let start = current(&home);
    home.pass(Duration::from_secs(60));
    assert!(current(&home) > start && current(&home) < start + 1.0, "{start} {}", current(&home));
    home.pass(Duration::from_secs(3_600));
    assert!((current(&home) - 23.0).abs() < 0.3, "{}", current(&home));
    home.send("vesta-demo/heating/mode/set", "off");
    assert_eq!(home.text("vesta-demo/heating/action"), "off");
    home.pass(Duration::from_secs(3_600));
    assert!(current(&home) < 21.0, "{}", current(&home));
    home.send("vesta-demo/heating/target/set", "{\"target\": 99}");
    assert_eq!(home.text("vesta-demo/heating/target"), "23", "beyond what it can do");
}

#[test]
fn the_robot_cleans_rooms_goes_home_and_charges() {
    let mut home = Home::new();
    let base = "valetudo/vesta-demo-robot";
    let state = |home: &Home| home.json(&format!("{base}/hass/state"))["state"].as_str().unwrap().to_owned();
    let room = |home: &Home| home.json(&format!("{base}/hass/attributes"))["current_segment"].clone();
    assert_eq!(home.json(&format!("{base}/MapData/segments"))["1"], "Kitchen");

    home.send(
        &format!("{base}/MapSegmentationCapability/clean/set"),
        r#"{"segment_ids":["4","1"],"iterations":1,"customOrder":true}"#,
    );
    assert_eq!((state(&home), room(&home)), ("cleaning".into(), "Bathroom".into()));
    home.pass(Duration::from_secs(25));
    assert_eq!(room(&home), "Kitchen");
    home.send(&format!("{base}/BasicControlCapability/operation/set"), "PAUSE");
    home.pass(Duration::from_secs(600));
    assert_eq!((state(&home), room(&home)), ("paused".into(), "Kitchen".into()));
    home.send(&format!("{base}/BasicControlCapability/operation/set"), "START");
    home.pass(Duration::from_secs(16));
    assert_eq!(state(&home), "returning");
    home.pass(Duration::from_secs(6));
    assert_eq!(state(&home), "docked");
    assert!(home.number(&format!("{base}/BatteryStateAttribute/level")) < 100.0);
    home.pass(Duration::from_secs(600));
    assert_eq!(home.number(&format!("{base}/BatteryStateAttribute/level")), 100.0);

    home.send(&format!("{base}/BasicControlCapability/operation/set"), "START");
    home.send(&format!("{base}/BasicControlCapability/operation/set"), "HOME");
    assert_eq!(state(&home), "returning");
    home.send(&format!("{base}/FanSpeedControlCapability/preset/set"), "max");
    assert_eq!(home.json(&format!("{base}/hass/state"))["fan_speed"], "max");
}

#[test]
fn an_empty_robot_goes_home_by_itself() {
    let mut home = Home::new();
    let base = "valetudo/vesta-demo-robot";
    let ids: Vec<String> = (0..200).map(|number| (number % 6 + 1).to_string()).collect();
    home.send(
        &format!("{base}/MapSegmentationCapability/clean/set"),
        &serde_json::json!({ "segment_ids": ids }).to_string(),
    );
    home.pass(Duration::from_secs(1_690));
    assert_eq!(home.json(&format!("{base}/hass/state"))["state"], "cleaning");
    home.pass(Duration::from_secs(20));
    assert_eq!(home.json(&format!("{base}/hass/state"))["state"], "docked");
}

#[test]
fn the_speaker_plays_skips_and_mutes() {
    let mut home = Home::new();
    let speaker = "vesta-demo/speaker";
    home.send("vesta-demo/speaker/volume/set", "55");
    home.send("vesta-demo/speaker/mute/set", "ON");
    home.send("vesta-demo/speaker/button/set", "play");
    home.send("vesta-demo/speaker/button/set", "previous");
    let expected = serde_json::json!({
        "volume": 55, "mute": "ON", "station": "Jazz Radio", "playback": "playing", "track": "Track 12",
    });
    assert_eq!(home.json(speaker), expected);
    home.send("vesta-demo/speaker/button/set", "next");
    home.send("vesta-demo/speaker/button/set", "pause");
    assert_eq!((&home.json(speaker)["track"], &home.json(speaker)["playback"]), (&"Track 1".into(), &"paused".into()));
    home.send("vesta-demo/speaker/station/set", "News Radio");
    assert_eq!(
        (&home.json(speaker)["station"], &home.json(speaker)["playback"]),
        (&"News Radio".into(), &"playing".into())
    );
}

#[test]
fn plugs_meter_and_sensors_can_be_simulated() {
    let mut home = Home::new();
    home.send("vesta-demo/coffee_machine/set", "ON");
    assert_eq!(home.json("vesta-demo/coffee_machine"), serde_json::json!({ "state": "ON", "power": 1250.0 }));
    home.send("vesta-demo/coffee_machine/set", "OFF");
    assert_eq!(home.json("vesta-demo/coffee_machine")["power"], 0.0);
    home.send("vesta-demo/socket/cmnd/POWER", "TOGGLE");
    assert_eq!(home.text("vesta-demo/socket/stat/POWER"), "ON");
    home.send("vesta-demo/kitchen_window/simulate", "ON");
    assert_eq!(home.json("vesta-demo/kitchen_window")["contact"], false);
    home.send("vesta-demo/hallway_motion/simulate", "ON");
    assert_eq!(home.text("vesta-demo/hallway_motion/state"), "ON");
    home.pass(Duration::from_secs(25));
    assert_eq!(home.text("vesta-demo/hallway_motion/state"), "OFF");
    assert_eq!(home.send("vesta-demo/doorbell/set", "RING"), 0, "a button has no state");
}

#[test]
fn a_scene_does_all_its_steps() {
    let mut home = Home::new();
    home.send("vesta-demo/scene/good_morning/set", "ON");
    assert_eq!(home.json("vesta-demo/bedroom_light")["color_temp"], 4_000);
    assert_eq!(home.json("vesta-demo/kitchen_light")["state"], "ON");
    assert_eq!(home.json("vesta-demo/coffee_machine")["state"], "ON");
    assert!(home.send("vesta-demo/scene/movie_night/set", "ON") >= 4);
    assert_eq!(home.text("vesta-demo/living_room_lamp/brightness"), "20");
    assert_eq!(home.json("vesta-demo/living_room_curtains")["state"], "closing");
    assert!(home.send("vesta-demo/scene/good_night/set", "ON") >= 11, "every step is understood");
    assert_eq!(home.send("vesta-demo/scene/good_night/set", "OFF"), 0);
}

#[test]
fn a_birth_message_is_answered_with_everything() {
    let mut home = Home::new();
    let all = home.house.announce().len();
    assert_eq!(home.send("homeassistant/status", "online"), all);
    assert_eq!(home.send("homeassistant/status", "offline"), 0);
    assert_eq!(
        home.house.withdraw().iter().filter(|message| message.payload.is_empty() && message.retain).count(),
        all
    );
}

#[test]
fn the_same_seed_gives_the_same_day_and_another_seed_another() {
    let day = |seed| {
        let mut home = Home { house: House::new("homeassistant", seed), ..Home::new() };
        home.pass(Duration::from_secs(24 * 3_600))
    };
    let messages = day(1);
    assert_eq!(messages, day(1));
    assert_ne!(messages, day(2));
    assert!(messages.len() < 60_000, "a quiet house is quiet: {}", messages.len());
}
