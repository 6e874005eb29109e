use serde_json::json;

use super::*;

const LIMIT: Duration = Duration::from_secs(60);

fn call(intent: &str, slots: Value) -> Call {
    let slots = serde_json::from_value(slots).unwrap();
    let intent = IntentCall { intent: intent.to_owned(), slots, ..IntentCall::default() };
    Call { intent, response: None, spoken: Map::new() }
}

fn meaning(intent: &str, slots: Value) -> Meaning {
    Meaning { text: String::new(), calls: vec![call(intent, slots)] }
}

fn lamps() -> Asked {
    let lamp = |name: &str, id: &str| (name.to_owned(), meaning("HassTurnOn", json!({ "name": id })));
    Asked::Meaning(vec![lamp("Desk Lamp", "light.desk"), lamp("Floor Lamp", "light.floor")])
}

/// The ids that a sentence comes to be about.
fn about(dialogs: &Dialogs, said: &Meaning, now: Instant) -> Result<Vec<Value>, &'static str> {
    let dictionary = Dictionary::load(&[("none.yaml", "language: en\nintents: {}\n")]).unwrap();
    let world = World { home: &Snapshot::default(), dictionary: &dictionary };
    let steps = dialogs.steps("me", said, &world, now, LIMIT).map_err(|error| error.code())?;
    Ok(steps.into_iter().map(|step| step.call.intent.slots["name"].clone()).collect())
}

#[test]
fn a_repair_that_was_asked_about_is_confirmed_or_chosen() {
    let mut dialogs = Dialogs::default();
    let now = Instant::now();
    dialogs.ask("me", lamps(), now);
    assert_eq!(dialogs.context("me", now, LIMIT)["asked"], "which");
    let choose = |slots: Value| about(&dialogs, &meaning("VestaChoose", slots), now);
    assert_eq!(choose(json!({ "number": 2 })).unwrap(), ["light.floor"]);
    assert_eq!(choose(json!({ "number": -1 })).unwrap(), ["light.floor"]);
    assert_eq!(choose(json!({ "name": "light.desk" })).unwrap(), ["light.desk"]);
    assert_eq!(choose(json!({ "number": 3 })), Err("nothing_recent"));
    let answer = |text: &str, addressed| dialogs.answer("me", text, addressed, now, LIMIT).map(|meaning| meaning.calls);
    assert_eq!(answer("the desk one please", true).unwrap()[0].intent.slots["name"], "light.desk");
    assert!(answer("the desk one please", false).is_none(), "too long for something overheard");
    assert!(answer("the lamp", true).is_none(), "both are lamps");

    let Asked::Meaning(mut one) = lamps() else { unreachable!() };
    one.truncate(1);
    dialogs.ask("me", Asked::Meaning(one), now);
    assert_eq!(dialogs.context("me", now, LIMIT)["asked"], "whether");
    assert_eq!(about(&dialogs, &meaning("VestaConfirm", json!({})), now).unwrap(), ["light.desk"]);
}

#[test]
fn a_conversation_forgets_and_is_nobody_elses() {
    let mut dialogs = Dialogs::default();
    let now = Instant::now();
    dialogs.ask("me", lamps(), now);
    let late = now + LIMIT + Duration::from_millis(1);
    assert!(dialogs.context("me", late, LIMIT).is_empty());
    assert!(dialogs.context("you", now, LIMIT).is_empty());
    assert_eq!(about(&dialogs, &meaning("VestaConfirm", json!({})), late), Err("nothing_recent"));
    assert_eq!(about(&dialogs, &meaning("VestaUndo", json!({})), now), Err("nothing_recent"));
    dialogs.ask("", lamps(), now);
    assert!(dialogs.context("", now, LIMIT).is_empty(), "a stranger each time");
    for number in 0..2 * MOST {
        dialogs.ask(&number.to_string(), lamps(), now + Duration::from_millis(number as u64));
    }
    assert!(dialogs.dialogs.len() <= MOST);
    assert!(!dialogs.context("511", now + Duration::from_millis(512), LIMIT).is_empty());
}
