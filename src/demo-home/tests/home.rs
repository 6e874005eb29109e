//! The demo home as Vesta's own home reads it: every device is found, has a state, and obeys.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a failing helper is a failing test")]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};
use vesta_broker::{Broker, BrokerConfig};
use vesta_demo_home::DemoConfig;
use vesta_home::{Home, HomeConfig, IntentCall, MqttConfig, Outcome};

const PATIENCE: Duration = Duration::from_secs(60);

/// A broker, the demo home and a home that has seen all of it. Everything ends with it.
struct House {
    home: Home,
    _end: DropGuard,
    _broker: Broker,
    _folder: tempfile::TempDir,
}

/// Entities of the demo home, the speaker that the home makes of its parts not counted.
const ENTITIES: usize = 47;

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let broker = Broker::start(BrokerConfig { listen, ..BrokerConfig::new(folder.path()) }).await.unwrap();
        let cancel = CancellationToken::new();
        let demo = DemoConfig { mqtt_url: broker.url(), ..DemoConfig::default() };
        tokio::spawn(vesta_demo_home::run(demo, cancel.clone()));
        let mqtt = MqttConfig { url: broker.url(), ..MqttConfig::default() };
        let home = vesta_home::start(HomeConfig { mqtt, ..HomeConfig::default() }, cancel.clone()).await.unwrap();
        let mut changes = home.changes();
        let complete = async {
            loop {
                let snapshot = home.snapshot();
                let known =
                    |domain: &str, state: Option<&String>| state.is_some() || ["button", "scene"].contains(&domain);
                let ready = snapshot.entities.values().filter(|e| e.available && known(&e.domain, e.state.as_ref()));
                if ready.count() > ENTITIES {
                    return;
                }
                let _ = changes.recv().await;
            }
        };
        if tokio::time::timeout(PATIENCE, complete).await.is_err() {
            let snapshot = home.snapshot();
            let found: Vec<_> = snapshot.entities.values().map(|e| (&e.id, e.available, &e.state)).collect();
            panic!("{} entities: {found:#?}", found.len());
        }
        Self { home, _end: cancel.drop_guard(), _broker: broker, _folder: folder }
    }

    async fn call(&self, intent: &str, slots: Value) -> Outcome {
        let slots: BTreeMap<String, Value> = serde_json::from_value(slots).unwrap();
        let call = IntentCall { intent: intent.into(), slots, deadline: Some(PATIENCE), ..IntentCall::default() };
        self.home.call(call).await.unwrap_or_else(|error| panic!("{intent}: {error}"))
    }

    fn state(&self, id: &str) -> String {
        self.home.snapshot().entities.get(id).unwrap_or_else(|| panic!("no {id}")).state.clone().unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_found_in_its_room_and_obeys() {
    let house = House::new().await;
    let snapshot = house.home.snapshot();
    let areas: Vec<&str> = snapshot.areas.iter().map(|area| area.name.as_str()).collect();
    for area in ["Kitchen", "Living Room", "Bedroom", "Bathroom", "Office", "Hallway", "Garage"] {
        assert!(areas.contains(&area), "{area} is missing: {areas:?}");
    }
    let entity =
        |id: &str| snapshot.entities.get(id).unwrap_or_else(|| panic!("no {id} in {:#?}", snapshot.entities.keys()));
    assert_eq!(entity("light.kitchen_light").name, "Kitchen Light");
    assert_eq!(entity("sensor.living_room_temperature").unit.as_deref(), Some("°C"));
    assert_eq!(house.state("binary_sensor.kitchen_window"), "off");
    assert_eq!(house.state("binary_sensor.bedroom_window"), "on");
    assert_eq!(entity("climate.heating").number("temperature"), Some(21.0));
    assert_eq!(entity("scene.movie_night").name, "Movie Night");
    assert_eq!(entity("media_player.speaker").name, "Speaker");

    let lights = [
        "kitchen_light",
        "living_room_lamp",
        "living_room_light",
        "bedroom_light",
        "bedside_lamp",
        "bathroom_light",
        "office_light",
        "desk_lamp",
        "hallway_light",
        "garage_light",
    ];
    for light in lights.map(|light| format!("light.{light}")) {
        for (intent, state) in [("HassTurnOn", "on"), ("HassTurnOff", "off")] {
            let outcome = house.call(intent, json!({ "name": light })).await;
            assert!(outcome.confirmed, "{light} {intent}");
            assert_eq!(house.state(&light), state, "{light}");
        }
    }
    for light in ["kitchen_light", "living_room_lamp", "bedroom_light", "bedside_lamp", "desk_lamp"] {
        let id = format!("light.{light}");
        assert!(house.call("HassLightSet", json!({ "name": id, "brightness": 40 })).await.confirmed, "{id}");
        let brightness = house.home.snapshot().entities.get(&id).unwrap().number("brightness").unwrap();
        assert!((100.0..=104.0).contains(&brightness), "{id}: {brightness}");
    }
    for light in ["light.kitchen_light", "light.living_room_lamp", "light.office_light"] {
        assert!(house.call("HassLightSet", json!({ "name": light, "color": "red" })).await.confirmed, "{light}");
    }
    for light in ["light.kitchen_light", "light.living_room_lamp", "light.bedroom_light"] {
        assert!(house.call("HassLightSet", json!({ "name": light, "temperature": 4_000 })).await.confirmed, "{light}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_moves_plays_and_cleans_obeys() {
    let house = House::new().await;
    let done = async |intent: &str, slots: Value| {
        let outcome = house.call(intent, slots.clone()).await;
        assert!(outcome.confirmed, "{intent} {slots}: {outcome:#?}");
    };
    done("HassTurnOn", json!({ "name": "switch.coffee_machine" })).await;
    done("HassTurnOn", json!({ "name": "switch.socket" })).await;
    done("HassSetPosition", json!({ "name": "cover.bedroom_blinds", "position": 90 })).await;
    done("HassSetPosition", json!({ "name": "cover.living_room_curtains", "position": 90 })).await;
    done("HassTurnOn", json!({ "name": "cover.garage_door" })).await;
    done("HassTurnOn", json!({ "name": "fan.office_fan" })).await;
    done("HassFanSetSpeed", json!({ "name": "fan.office_fan", "percentage": 75 })).await;
    done("HassClimateSetTemperature", json!({ "name": "climate.heating", "temperature": 19.5 })).await;
    done("HassSetVolume", json!({ "name": "media_player.speaker", "volume_level": 45 })).await;
    done("HassMediaUnpause", json!({ "name": "media_player.speaker" })).await;
    // Skipping is a press of a button: no state must follow from it.
    house.call("HassMediaNext", json!({ "name": "media_player.speaker" })).await;
    done("HassMediaPause", json!({ "name": "media_player.speaker" })).await;
    done("HassMediaPlayerMute", json!({ "name": "media_player.speaker" })).await;
    done("HassVacuumCleanArea", json!({ "area": "Kitchen" })).await;
    assert_eq!(house.state("vacuum.robot_vacuum"), "cleaning");
    done("HassVacuumPause", json!({ "name": "vacuum.robot_vacuum" })).await;
    done("HassVacuumReturnToBase", json!({ "name": "vacuum.robot_vacuum" })).await;
    house.call("HassTurnOn", json!({ "name": "scene.good_night" })).await;
    house.call("HassTurnOn", json!({ "name": "button.doorbell" })).await;
    let heating = house.home.snapshot().entities.get("climate.heating").unwrap().number("temperature");
    assert_eq!(heating, Some(19.5));
}
