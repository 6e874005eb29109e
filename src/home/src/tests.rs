//! Homes as data: every file in `tests/homes` is a story of messages, expectations and calls that the core is put through.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::call::{CallError, IntentCall, Outcome};
use crate::config::HomeConfig;
use crate::core::{Core, Output};

mod calls;
mod demo;
mod hostile;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    #[allow(dead_code)]
    about: String,
    #[serde(default)]
    config: HomeConfig,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Step {
    /// Messages of devices, by topic. A text goes as it is, anything else as JSON.
    Send(Vec<BTreeMap<String, Value>>),
    /// Entities and what must be found of them; null where there must be none.
    Expect(BTreeMap<String, Value>),
    /// The ids of all entities.
    Entities(Vec<String>),
    /// Milliseconds that pass.
    Wait(u64),
    Call(Box<Call>),
    /// The link breaks and comes back.
    Reconnect,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    intent: String,
    #[serde(default)]
    slots: BTreeMap<String, Value>,
    speaker_area: Option<String>,
    /// Everything that must be published, by topic, in order.
    #[serde(default)]
    publishes: Vec<BTreeMap<String, Value>>,
    /// What the devices answer. Until then the call must not be over, unless `at_once`.
    #[serde(default)]
    answers: Vec<BTreeMap<String, Value>>,
    #[serde(default)]
    at_once: bool,
    /// Code of the error.
    error: Option<String>,
    /// Parts of the error's slots.
    #[serde(default)]
    error_slots: Map<String, Value>,
    /// Parts of the outcome.
    #[serde(default)]
    outcome: Map<String, Value>,
}

/// A core with a clock and everything that it put out.
pub(crate) struct House {
    pub(crate) core: Core,
    pub(crate) now: u64,
    pub(crate) published: Vec<(String, String)>,
    pub(crate) subscribed: Vec<String>,
    replies: BTreeMap<u64, Result<Outcome, CallError>>,
    calls: u64,
}

impl House {
    pub(crate) fn new(config: HomeConfig) -> Self {
        let mut house = Self {
            core: Core::new(Arc::new(config)),
            now: 0,
            published: Vec::new(),
            subscribed: Vec::new(),
            replies: BTreeMap::new(),
            calls: 0,
        };
        house.core.connected(0);
        house.take();
        house.published.clear();
        house
    }

    fn take(&mut self) {
        while let Some(output) = self.core.poll() {
            match output {
                Output::Publish(message) => self.published.push((message.topic, message.payload)),
                Output::Reply(id, answer) => {
                    self.replies.insert(id, *answer);
                }
                Output::Subscribe(filters) => self.subscribed.extend(filters.into_iter().map(|(filter, _)| filter)),
                Output::Unsubscribe(filters) => self.subscribed.retain(|filter| !filters.contains(filter)),
                Output::Changed(_) => {}
            }
        }
    }

    pub(crate) fn send(&mut self, topic: &str, payload: &[u8]) {
        self.core.message(topic, payload, true, self.now);
    }

    pub(crate) fn settle(&mut self) {
        self.core.settle(self.now);
        self.take();
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        self.now += ms;
        self.core.tick(self.now);
        self.take();
    }

    /// Starts a call; its number.
    pub(crate) fn start(&mut self, call: &IntentCall) -> u64 {
        self.calls += 1;
        self.published.clear();
        self.core.call(self.calls, call, self.now);
        self.take();
        self.calls
    }

    pub(crate) fn reply(&mut self, id: u64) -> Option<Result<Outcome, CallError>> {
        self.replies.remove(&id)
    }
}

fn payload(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn send_all(house: &mut House, messages: &[BTreeMap<String, Value>]) {
    for (topic, value) in messages.iter().flatten() {
        house.send(topic, payload(value).as_bytes());
    }
    house.settle();
}

/// Whether everything in `expected` is in `found`; numbers up to rounding.
fn contains(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            expected.iter().all(|(key, value)| found.get(key).map_or(value.is_null(), |found| contains(found, value)))
        }
        (Value::Array(found), Value::Array(expected)) => {
            found.len() == expected.len()
                && found.iter().zip(expected).all(|(found, expected)| contains(found, expected))
        }
        (Value::Number(found), Value::Number(expected)) => match (found.as_f64(), expected.as_f64()) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-3,
            _ => false,
        },
        _ => found == expected,
    }
}

/// JSON payloads are compared as JSON: the order of keys does not matter.
fn same_payload(found: &str, expected: &Value) -> bool {
    match expected {
        Value::String(text) => found == text,
        expected => serde_json::from_str::<Value>(found)
            .is_ok_and(|found| contains(&found, expected) && contains(expected, &found)),
    }
}

fn run(name: &str, story: &Story) {
    let mut house = House::new(story.config.clone());
    for (number, step) in story.steps.iter().enumerate() {
        let place = format!("{name}, step {}", number + 1);
        match step {
            Step::Send(messages) => send_all(&mut house, messages),
            Step::Wait(ms) => house.wait(*ms),
            Step::Reconnect => {
                house.core.disconnected("test".to_owned());
                house.take();
                house.core.connected(house.now);
                house.take();
            }
            Step::Expect(expected) => {
                let snapshot = house.core.snapshot();
                for (id, expected) in expected {
                    let found = snapshot.entities.get(id);
                    let found = found.map_or(Value::Null, |entity| serde_json::to_value(entity).unwrap());
                    let all: Vec<_> = snapshot.entities.keys().collect();
                    assert!(
                        contains(&found, expected),
                        "{place}: {id} is {found:#}\nexpected {expected:#}\nof {all:?}"
                    );
                }
            }
            Step::Entities(expected) => {
                let found: Vec<_> = house.core.snapshot().entities.keys().cloned().collect();
                assert_eq!(&found, expected, "{place}");
            }
            Step::Call(call) => run_call(&mut house, call, &place),
        }
    }
}

fn run_call(house: &mut House, call: &Call, place: &str) {
    let place = format!("{place}, {}", call.intent);
    let id = house.start(&IntentCall {
        intent: call.intent.clone(),
        slots: call.slots.clone(),
        speaker_area: call.speaker_area.clone(),
        ..IntentCall::default()
    });
    let expected: Vec<(&String, &Value)> = call.publishes.iter().flatten().collect();
    let same = house.published.len() == expected.len()
        && house
            .published
            .iter()
            .zip(&expected)
            .all(|((topic, payload), (wanted, value))| topic == *wanted && same_payload(payload, value));
    assert!(same, "{place}: published {:#?}\nexpected {expected:#?}", house.published);
    let mut reply = house.reply(id);
    if call.at_once || call.error.is_some() && call.publishes.is_empty() {
        assert!(reply.is_some(), "{place}: not answered at once");
    } else if !call.publishes.is_empty() {
        assert!(reply.is_none(), "{place}: over before a device answered: {reply:?}");
        house.published.clear();
        send_all(house, &call.answers);
        reply = house.reply(id);
        if call.error.is_some() {
            assert!(reply.is_none(), "{place}: over before the deadline: {reply:?}");
            house.wait(2_000);
            reply = house.reply(id);
        }
        assert!(house.published.is_empty(), "{place}: published again: {:?}", house.published);
    }
    match (reply, &call.error) {
        (Some(Ok(outcome)), None) => {
            let found = serde_json::to_value(&outcome).unwrap();
            let expected = Value::Object(call.outcome.clone());
            assert!(contains(&found, &expected), "{place}: outcome {found:#}\nexpected {expected:#}");
        }
        (Some(Err(error)), Some(code)) => {
            assert_eq!(error.code(), code, "{place}: {error}");
            let (found, expected) = (Value::Object(error.slots()), Value::Object(call.error_slots.clone()));
            assert!(contains(&found, &expected), "{place}: slots {found:#}\nexpected {expected:#}");
        }
        (reply, error) => panic!("{place}: {reply:?}, expected error {error:?}"),
    }
}

#[test]
fn every_story_holds() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/homes");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10, "stories are missing in {}", folder.display());
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let story: Story = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        run(&name, &story);
    }
}
