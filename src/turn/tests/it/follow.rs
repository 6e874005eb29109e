//! Corrections, follow-ups and answers, in the demo home.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use vesta_broker::Broker;
use vesta_demo_home::DemoConfig;
use vesta_home::Entity;

use crate::house::{House, PATIENCE, broker};

const ME: &str = "phone";
/// Entities of the demo home.
const ENTITIES: usize = 47;

/// The demo home, as a house that has seen all of it.
struct Demo {
    house: House,
    showing: JoinHandle<()>,
    cancel: CancellationToken,
    broker: Broker,
}

impl Demo {
    async fn open(folder: &Path) -> Self {
        let broker = broker(folder).await;
        let cancel = CancellationToken::new();
        let config = DemoConfig { mqtt_url: broker.url(), ..DemoConfig::default() };
        let gone = cancel.clone();
        let showing = tokio::spawn(async move { vesta_demo_home::run(config, gone).await.unwrap() });
        let house = House::at(folder, "en", &broker.url()).await;
        let demo = Self { house, showing, cancel, broker };
        demo.there().await;
        demo
    }

    async fn close(self) {
        self.house.close().await;
        self.cancel.cancel();
        self.showing.await.unwrap();
        self.broker.stop().await;
    }

    /// Waits until all of the demo home answers.
    async fn there(&self) {
        let home = &self.house.assistant.parts().home;
        let mut changes = home.changes();
        let waited = async {
            loop {
                let snapshot = home.snapshot();
                if snapshot.entities.len() >= ENTITIES && snapshot.entities.values().all(|entity| entity.available) {
                    return;
                }
                let _ = changes.recv().await;
            }
        };
        timeout(PATIENCE, waited).await.expect("the demo home is there in time");
    }

    async fn until(&self, id: &str, holds: impl Fn(&Entity) -> bool) -> Arc<Entity> {
        let home = &self.house.assistant.parts().home;
        let mut changes = home.changes();
        let waited = async {
            loop {
                let snapshot = home.snapshot();
                if let Some(entity) = snapshot.entities.get(id).filter(|entity| holds(entity)) {
                    return entity.clone();
                }
                let _ = changes.recv().await;
            }
        };
        timeout(PATIENCE, waited).await.unwrap_or_else(|_| panic!("{id}: nothing happened"))
    }

    /// Types a sentence that must be done or answered.
    async fn say(&self, text: &str) -> String {
        let answer = self.house.ask(ME, text).await;
        assert_eq!(answer.error, "", "{text}: {}", answer.said);
        answer.said
    }

    async fn is(&self, id: &str, state: &str) {
        self.until(id, |entity| entity.state.as_deref() == Some(state)).await;
    }
}

#[tokio::test]
async fn a_correction_puts_back_what_was_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::open(folder.path()).await;
    demo.say("turn off all the lights").await;
    demo.say("turn on the kitchen light").await;
    demo.is("light.kitchen_light", "on").await;
    let said = demo.say("no, the bedroom").await;
    assert!(said.contains("bedroom"), "{said}");
    demo.is("light.kitchen_light", "off").await;
    demo.is("light.bedroom_light", "on").await;
    demo.say("thank you").await;
    demo.say("I meant the living room lamp").await;
    demo.is("light.bedroom_light", "off").await;
    demo.is("light.living_room_lamp", "on").await;
    demo.say("no, off").await;
    demo.is("light.living_room_lamp", "off").await;
    demo.say("make the living room lamp blue").await;
    let said = demo.say("no, red").await;
    assert!(said.contains("red"), "{said}");
    demo.until("light.living_room_lamp", |lamp| lamp.attributes.get("rgb_color") == Some(&json!([255, 0, 0]))).await;
    demo.close().await;
}

#[tokio::test]
async fn follow_ups_are_about_what_was_said_before() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::open(folder.path()).await;
    demo.say("turn off all the lights").await;
    demo.say("turn on the lights in the bedroom").await;
    let said = demo.say("and the kitchen too").await;
    assert_eq!(said, "Turned on the lights in the kitchen.");
    demo.is("light.kitchen_light", "on").await;
    demo.is("light.bedroom_light", "on").await;
    demo.say("turn them off again").await;
    demo.is("light.kitchen_light", "off").await;
    demo.is("light.bedroom_light", "on").await;
    demo.say("set the living room lamp to fifty percent").await;
    let said = demo.say("a bit brighter").await;
    assert_eq!(said, "The Living Room Lamp is at 60 percent.");
    demo.say("make it red").await;
    demo.until("light.living_room_lamp", |lamp| lamp.attributes.get("rgb_color") == Some(&json!([255, 0, 0]))).await;
    demo.say("undo that").await;
    demo.until("light.living_room_lamp", |lamp| lamp.attributes.get("rgb_color") != Some(&json!([255, 0, 0]))).await;
    let said = demo.say("is the kitchen window open").await;
    assert!(said.starts_with("No"), "{said}");
    let said = demo.say("and the bedroom window").await;
    assert!(said.starts_with("Yes"), "{said}");
    let said = demo.say("what is the temperature in the kitchen").await;
    assert!(said.contains("kitchen"), "{said}");
    let said = demo.say("and in the bedroom").await;
    assert!(said.contains("bedroom"), "{said}");
    demo.close().await;
}

#[tokio::test]
async fn what_could_not_be_done_can_be_corrected() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::open(folder.path()).await;
    demo.say("turn off the office fan").await;
    let none = demo.house.ask(ME, "turn on the fan in the kitchen").await;
    assert_eq!((none.error.as_str(), none.said.as_str()), ("none_in_area", "There is no fan in the kitchen."));
    assert_eq!(demo.house.ask(ME, "turn it off").await.error, "nothing_recent", "nothing was turned on");
    demo.house.ask(ME, "turn on the fan in the kitchen").await;
    demo.say("I meant the office").await;
    demo.is("fan.office_fan", "on").await;
    demo.close().await;
}

#[tokio::test]
async fn nothing_is_guessed_without_a_recent_turn_or_for_somebody_else() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::open(folder.path()).await;
    for text in ["and the kitchen too", "no, the bedroom", "undo that", "the second one"] {
        assert_eq!(demo.house.ask(ME, text).await.error, "not_understood", "{text}");
    }
    demo.say("turn on the kitchen light").await;
    assert_eq!(demo.house.ask("another", "and the bedroom too").await.error, "not_understood");
    demo.close().await;
}

#[tokio::test]
async fn a_question_of_the_house_is_answered_in_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::open(folder.path()).await;
    demo.say("turn off all the lights").await;
    let which = demo.house.ask(ME, "turn on the light").await;
    assert_eq!(which.error, "ambiguous", "{}", which.said);
    demo.say("the desk lamp").await;
    demo.is("light.desk_lamp", "on").await;
    let which = demo.house.ask(ME, "turn on the light").await;
    assert_eq!(which.error, "ambiguous", "{}", which.said);
    let which = demo.house.ask(ME, "turn on the light").await;
    assert_eq!(which.error, "ambiguous", "{}", which.said);
    // No name, but words that only one of them has.
    demo.say("garage please").await;
    demo.is("light.garage_light", "on").await;
    demo.close().await;
}

#[tokio::test]
async fn what_is_said_within_a_sentence_is_about_that_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::open(folder.path()).await;
    demo.say("turn off all the lights").await;
    demo.say("turn off the bathroom light").await;
    let said = demo.say("turn on the bedroom light and set it to 30 percent").await;
    assert!(said.contains("30") && !said.contains("Bathroom"), "{said}");
    demo.is("light.bedroom_light", "on").await;
    demo.is("light.bathroom_light", "off").await;

    demo.say("turn off the bedroom light").await;
    demo.say("turn on the kitchen light, no, the bathroom light").await;
    demo.is("light.bathroom_light", "on").await;
    demo.is("light.kitchen_light", "off").await;
    demo.is("light.bedroom_light", "off").await;
    // A room in place of a lamp is the lights of it.
    demo.say("turn off the bathroom light").await;
    demo.say("turn on the kitchen light, no, the office").await;
    demo.is("light.office_light", "on").await;
    demo.is("fan.office_fan", "off").await;
    demo.is("light.kitchen_light", "off").await;
    demo.is("light.bathroom_light", "off").await;
    demo.close().await;
}
