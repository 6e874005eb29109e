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

/// An intent and its slots.
type Did = (String, Value);

/// What is done for a sentence of these commands after "turn off the bathroom light": how much is undone, and each call.
fn after_the_bathroom(calls: &[(&str, Value)]) -> Result<(usize, Vec<Did>), &'static str> {
    let mut dialogs = Dialogs::default();
    let now = Instant::now();
    let off = call("HassTurnOff", json!({ "name": "light.bathroom" }));
    let undo = call("HassTurnOn", json!({ "name": "light.bathroom" })).intent;
    let done =
        Done { call: off, kind: "light".to_owned(), entities: vec!["light.bathroom".to_owned()], undo: vec![undo] };
    dialogs.remember("me", vec![done], now);
    let calls = calls.iter().map(|(intent, slots)| call(intent, slots.clone())).collect();
    let dictionary = Dictionary::load(&[("none.yaml", "language: en\nintents: {}\n")]).unwrap();
    let world = World { home: &Snapshot::default(), dictionary: &dictionary };
    let said = Meaning { text: String::new(), calls };
    let steps = dialogs.steps("me", &said, &world, now, LIMIT).map_err(|error| error.code())?;
    let undone = steps.iter().map(|step| step.undo.len()).sum();
    Ok((undone, steps.into_iter().map(|step| (step.call.intent.intent, json!(step.call.intent.slots))).collect()))
}

#[test]
fn a_pronoun_means_what_the_same_sentence_is_about() {
    let to = |slots: Value| ("HassLightSet", slots);
    let it = || to(json!({ "target": "recent", "brightness": 30 }));
    let second = |first: (&str, Value)| after_the_bathroom(&[first, it()]).map(|(_, steps)| steps[1].1.clone());
    let named = second(("HassTurnOn", json!({ "name": "light.bedroom" })));
    assert_eq!(named.unwrap(), json!({ "name": "light.bedroom", "brightness": 30 }));
    let room = second(("HassTurnOn", json!({ "area": "bedroom", "domain": "light" })));
    assert_eq!(room.unwrap(), json!({ "area": "bedroom", "domain": "light", "brightness": 30 }));
    let time = second(("HassGetCurrentTime", json!({})));
    assert_eq!(time.unwrap(), json!({ "name": "light.bathroom", "brightness": 30 }), "the time is nothing to dim");
    let timer = second(("HassStartTimer", json!({ "name": "pasta", "minutes": 5 })));
    assert_eq!(timer.unwrap(), json!({ "name": "light.bathroom", "brightness": 30 }), "nor is a timer");

    let off = ("HassTurnOff", json!({ "target": "recent" }));
    let warm = ("HassClimateSetTemperature", json!({ "area": "bedroom", "temperature": 20 }));
    assert_eq!(after_the_bathroom(&[warm, off.clone()]), Err("nothing_recent"), "not all of the bedroom");
    let red = to(json!({ "area": "bedroom", "color": "red" }));
    let steps = after_the_bathroom(&[red, off]).unwrap().1;
    assert_eq!(steps[1], ("HassTurnOff".to_owned(), json!({ "area": "bedroom", "domain": "light" })));
    let pause = ("HassPauseTimer", json!({ "target": "recent" }));
    let set = ("HassStartTimer", json!({ "minutes": 5 }));
    assert_eq!(after_the_bathroom(&[set, pause]), Err("nothing_recent"), "no older timer");
}

#[test]
fn a_correction_within_a_sentence_replaces_the_command_before_it() {
    let on = |name: &str| ("HassTurnOn", json!({ "name": name }));
    let done = |name: &str| ("HassTurnOn".to_owned(), json!({ "name": name }));
    let no = |slots: Value| ("VestaCorrect", slots);
    let said = |calls: &[(&str, Value)]| after_the_bathroom(calls).unwrap();
    let hall = || no(json!({ "name": "light.hall" }));
    assert_eq!(said(&[on("light.kitchen"), hall()]), (0, vec![done("light.hall")]));
    assert_eq!(
        said(&[on("light.desk"), on("light.kitchen"), hall()]),
        (0, vec![done("light.desk"), done("light.hall")])
    );
    let twice = [on("light.kitchen"), hall(), no(json!({ "name": "light.attic" }))];
    assert_eq!(said(&twice), (0, vec![done("light.attic")]));
    let off = said(&[on("light.kitchen"), no(json!({ "intent": "HassTurnOff" }))]);
    assert_eq!(off, (0, vec![("HassTurnOff".to_owned(), json!({ "name": "light.kitchen" }))]));
    // The first corrects the last turn, the second the first: the last turn is undone once.
    let last = [hall(), no(json!({ "name": "light.attic" }))];
    let attic = ("HassTurnOff".to_owned(), json!({ "name": "light.attic" }));
    assert_eq!(said(&last), (1, vec![attic]));
    let too = said(&[on("light.kitchen"), ("VestaFollowUp", json!({ "name": "light.hall" }))]);
    assert_eq!(too, (0, vec![done("light.kitchen"), done("light.hall")]));
    let timer = ("HassStartTimer", json!({ "minutes": 5 }));
    let corrected = said(&[timer.clone(), no(json!({ "minutes": 6 }))]);
    assert_eq!(corrected, (0, vec![("HassStartTimer".to_owned(), json!({ "minutes": 6 }))]));
    let nonsense = after_the_bathroom(&[timer, no(json!({ "intent": "HassTurnOff" }))]);
    assert_eq!(nonsense, Err("nothing_recent"));
}
