//! Calls in circumstances that a story cannot tell: no link, several at a time, removal in between.

use serde_json::json;

use super::House;
use crate::call::IntentCall;
use crate::config::HomeConfig;

fn lamps(count: usize) -> House {
    let mut house = House::new(HomeConfig::default());
    for number in 0..count {
        let config = json!({ "name": format!("Lamp {number}"), "command_topic": format!("l{number}/set"), "state_topic": format!("l{number}") });
        house.send(&format!("homeassistant/light/l{number}/config"), config.to_string().as_bytes());
        house.send(&format!("l{number}"), b"OFF");
    }
    house.settle();
    house
}

fn turn_on(name: &str) -> IntentCall {
    IntentCall {
        intent: "HassTurnOn".to_owned(),
        slots: [("name".to_owned(), name.into())].into(),
        ..IntentCall::default()
    }
}

#[test]
fn without_a_link_nothing_is_published_then_or_later() {
    let mut house = lamps(1);
    house.core.disconnected("pulled the plug".to_owned());
    let id = house.start(&turn_on("Lamp 0"));
    let error = house.reply(id).unwrap().unwrap_err();
    assert_eq!((error.code(), house.published.len()), ("broker_down", 0));
    assert!(error.to_string().contains("pulled the plug"));
    house.core.connected(house.now);
    house.settle();
    assert!(house.published.iter().all(|(topic, _)| topic == "homeassistant/status"), "{:?}", house.published);
}

#[test]
fn a_link_that_breaks_before_the_answer_is_said_as_such_and_nothing_is_sent_twice() {
    let mut house = lamps(1);
    let id = house.start(&turn_on("Lamp 0"));
    assert_eq!(house.published.len(), 1);
    house.core.disconnected("gone".to_owned());
    house.wait(1_999);
    assert!(house.reply(id).is_none());
    house.wait(1);
    assert_eq!(house.reply(id).unwrap().unwrap_err().code(), "broker_down");
    assert_eq!(house.published.len(), 1);
}

#[test]
fn a_link_that_comes_back_in_time_still_confirms() {
    let mut house = lamps(1);
    let id = house.start(&turn_on("Lamp 0"));
    house.core.disconnected("gone".to_owned());
    house.core.connected(house.now);
    house.send("l0", b"ON");
    house.settle();
    assert!(house.reply(id).unwrap().unwrap().confirmed);
    let commands = house.published.iter().filter(|(topic, _)| topic == "l0/set").count();
    assert_eq!(commands, 1);
}

#[test]
fn calls_at_the_same_time_are_answered_each_for_itself() {
    let mut house = lamps(3);
    let calls: Vec<u64> = (0..3).map(|number| house.start(&turn_on(&format!("Lamp {number}")))).collect();
    house.send("l2", b"ON");
    house.send("l0", b"ON");
    house.settle();
    assert!(house.reply(calls[0]).unwrap().is_ok());
    assert!(house.reply(calls[1]).is_none());
    assert!(house.reply(calls[2]).unwrap().is_ok());
    house.wait(2_000);
    assert_eq!(house.reply(calls[1]).unwrap().unwrap_err().code(), "no_answer");
}

#[test]
fn a_device_that_is_removed_while_it_is_waited_for_gives_no_answer() {
    let mut house = lamps(1);
    let id = house.start(&turn_on("Lamp 0"));
    house.send("homeassistant/light/l0/config", b"");
    house.settle();
    assert!(house.core.snapshot().entities.is_empty());
    house.wait(2_000);
    assert_eq!(house.reply(id).unwrap().unwrap_err().code(), "no_answer");
}

#[test]
fn topics_are_subscribed_while_somebody_needs_them() {
    let mut house = lamps(2);
    assert!(house.subscribed.contains(&"l0".to_owned()));
    house.send("homeassistant/light/l0/config", b"");
    house.settle();
    assert!(!house.subscribed.contains(&"l0".to_owned()));
    assert!(house.subscribed.contains(&"l1".to_owned()));
}

#[test]
fn the_version_grows_with_names_and_not_with_states() {
    let mut house = lamps(1);
    let before = house.core.snapshot().version;
    house.send("l0", b"ON");
    house.settle();
    assert_eq!(house.core.snapshot().version, before);
    house.send(
        "homeassistant/light/l0/config",
        json!({ "name": "New", "command_topic": "l0/set", "state_topic": "l0" }).to_string().as_bytes(),
    );
    house.settle();
    assert_eq!(house.core.snapshot().version, before + 1);
    assert_eq!(house.core.snapshot().entities["light.lamp_0"].state.as_deref(), Some("on"));
}

#[test]
fn the_number_of_entities_is_bounded() {
    let mut house = House::new(HomeConfig { max_entities: 5, ..HomeConfig::default() });
    for number in 0..50 {
        house.send(&format!("homeassistant/switch/s{number}/config"), br#"{"command_topic":"x"}"#);
    }
    house.settle();
    assert_eq!(house.core.snapshot().entities.len(), 5);
}

#[test]
#[ignore = "prints a figure: cargo nextest run --release -p vesta-home --run-ignored only --no-capture"]
fn how_long_a_large_home_takes() {
    const COUNT: usize = 10_000;
    let started = std::time::Instant::now();
    let mut house = House::new(HomeConfig::default());
    for number in 0..COUNT {
        let config = json!({ "name": format!("Lamp {number}"), "uniq_id": format!("u{number}"), "command_topic": format!("l{number}/set"), "state_topic": format!("l{number}") });
        house.send(&format!("homeassistant/light/l{number}/config"), config.to_string().as_bytes());
        // As often as the driver does it at most.
        if number % 512 == 0 {
            house.settle();
        }
    }
    house.settle();
    println!("{COUNT} announcements: {:?}", started.elapsed());
    let started = std::time::Instant::now();
    for number in 0..1_000 {
        // As in the driver, somebody holds the last picture, so that the next one is a copy.
        let held = std::sync::Arc::clone(house.core.snapshot());
        house.send(&format!("l{number}"), b"ON");
        house.settle();
        drop(held);
    }
    println!(
        "one of 1000 state messages, each with its own picture of {COUNT} entities: {:?}",
        started.elapsed() / 1_000
    );
    let started = std::time::Instant::now();
    let id = house.start(&turn_on("Lamp 9999"));
    house.send("l9999", b"ON");
    house.settle();
    assert!(house.reply(id).unwrap().is_ok());
    println!("one command by name: {:?}", started.elapsed());
}
