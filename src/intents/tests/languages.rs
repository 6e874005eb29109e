//! Every folder under `intents/` is a language: its files load, and its own tests hold.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout, reason = "a test may")]

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use vesta_intents::{Context, Dictionary, NameEntry, Names};

fn languages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../intents");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(root).unwrap().map(|e| e.unwrap().path()).filter(|p| p.join("sentences").is_dir()).collect();
    folders.sort();
    folders
}

fn yaml_in(folder: &Path) -> Vec<(String, String)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<(String, String)> = entries
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "yaml"))
        .map(|p| (p.display().to_string(), std::fs::read_to_string(&p).unwrap()))
        .collect();
    files.sort();
    files
}

fn load(language: &Path) -> Dictionary {
    let mut files = yaml_in(&language.join("sentences"));
    files.extend(yaml_in(language));
    let parts: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Dictionary::load(&parts).unwrap_or_else(|error| panic!("{error}"))
}

fn read(path: &str, text: &str) -> Value {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn names(home: &Value, dictionary: &Dictionary) -> Names {
    let mut names = Names::builder();
    for entry in home["names"].as_array().into_iter().flatten() {
        let mut context = Map::new();
        context.insert("domain".into(), entry["domain"].clone());
        let text = entry["text"].as_str().unwrap();
        names = names.name(NameEntry { text: text.into(), value: text.into(), context, ..NameEntry::default() });
    }
    for area in home["areas"].as_array().into_iter().flatten() {
        names = names.area(area.as_str().unwrap(), area.clone());
    }
    let floors: Vec<&str> =
        home["floors"].as_array().into_iter().flatten().map(|floor| floor.as_str().unwrap()).collect();
    for floor in floors.iter().copied() {
        names = names.floor(floor, floor);
    }
    // As the house does it: a floor is also called by the words of its group, unless two could be meant.
    for group in dictionary.floor_words() {
        let called = |floor: &&&str| group.iter().any(|word| word.to_lowercase() == floor.to_lowercase());
        let mut meant = floors.iter().filter(called);
        let (Some(floor), None) = (meant.next(), meant.next()) else { continue };
        for word in group.iter().filter(|word| *word != *floor) {
            names = names.floor(word.as_str(), *floor);
        }
    }
    names.build()
}

struct Case<'a> {
    file: &'a str,
    value: &'a Value,
}

impl Case<'_> {
    fn text(&self) -> &str {
        self.value["text"].as_str().unwrap_or_else(|| panic!("{}: a test has no text", self.file))
    }

    fn context(&self) -> Context {
        let mut context = self.value["context"].as_object().cloned().unwrap_or_default();
        if !self.value["area"].is_null() {
            context.insert("area".to_owned(), self.value["area"].clone());
        }
        context
    }
}

fn same_number(a: &Value, b: &Value) -> bool {
    a == b || (a.as_f64().is_some() && a.as_f64() == b.as_f64())
}

fn check_one(problems: &mut Vec<String>, at: &str, wanted: &Value, got: Option<&vesta_intents::Recognition>) {
    let intent = wanted["intent"].as_str();
    let got_intent = got.map(|g| g.intent.as_str());
    if intent != got_intent {
        problems.push(format!("{at}: expected {intent:?}, got {got_intent:?} ({:?})", got.map(|g| &g.sentence)));
        return;
    }
    let Some(got) = got else { return };
    let empty = Map::new();
    let slots = wanted["slots"].as_object().unwrap_or(&empty);
    let same = slots.len() == got.slots.len()
        && slots.iter().all(|(k, v)| got.slots.get(k).is_some_and(|s| same_number(&s.value, v)));
    if !same {
        let have: Map<String, Value> = got.slots.iter().map(|(k, s)| (k.clone(), s.value.clone())).collect();
        problems.push(format!("{at}: expected slots {}, got {} ({})", json!(slots), json!(have), got.sentence));
    }
    if let Some(response) = wanted["response"].as_str()
        && got.response.as_deref() != Some(response)
    {
        problems.push(format!("{at}: expected response {response}, got {:?} ({})", got.response, got.sentence));
    }
}

#[test]
fn every_language_understands_its_own_tests() {
    let mut problems = Vec::new();
    let mut count = 0;
    let languages = languages();
    assert!(!languages.is_empty(), "no language found");
    for language in languages {
        let dictionary = load(&language);
        assert_eq!(Some(dictionary.language()), language.file_name().and_then(|n| n.to_str()));
        let files = yaml_in(&language.join("tests"));
        let home = files.iter().find(|(name, _)| name.ends_with("/home.yaml")).map(|(n, t)| read(n, t));
        let names = names(&home.unwrap_or_else(|| panic!("{} needs tests/home.yaml", language.display())), &dictionary);
        for (file, text) in files.iter().filter(|(name, _)| !name.ends_with("/home.yaml")) {
            let tree = read(file, text);
            for value in tree["tests"].as_array().into_iter().flatten() {
                let case = Case { file, value };
                count += 1;
                let got = dictionary.recognize(case.text(), &names, &case.context());
                check_one(&mut problems, case.text(), value, got.as_ref());
            }
            for value in tree["several"].as_array().into_iter().flatten() {
                let case = Case { file, value };
                count += 1;
                let got = dictionary.recognize_all(case.text(), &names, &case.context());
                match (value["intents"].as_array(), &got) {
                    (None, None) => {}
                    (Some(wanted), Some(got)) if wanted.len() == got.len() => {
                        for (wanted, got) in wanted.iter().zip(got) {
                            check_one(&mut problems, case.text(), wanted, Some(got));
                        }
                    }
                    (wanted, got) => problems.push(format!("{}: expected {wanted:?}, got {got:?}", case.text())),
                }
            }
            for value in tree["partial"].as_array().into_iter().flatten() {
                let case = Case { file, value };
                count += 1;
                let got = dictionary.partial(case.text(), &names, &case.context());
                if value.get("complete").is_none() && value.get("can_continue").is_none() {
                    problems.push(format!("partial {:?}: nothing is expected of it", case.text()));
                }
                let complete = value["complete"].as_bool().unwrap_or(got.complete);
                let can_continue = value["can_continue"].as_bool().unwrap_or(got.can_continue);
                if (complete, can_continue) != (got.complete, got.can_continue) {
                    problems.push(format!("partial {:?}: got {got:?}", case.text()));
                }
            }
        }
    }
    assert!(count > 0, "no tests found");
    assert!(problems.is_empty(), "{} of {count} fail:\n{}", problems.len(), problems.join("\n"));
}

fn parts_of(language: &Path) -> Vec<(String, String)> {
    let mut files = yaml_in(&language.join("sentences"));
    files.extend(yaml_in(language));
    files
}

#[test]
fn every_language_is_free_of_findings() {
    for language in languages() {
        let files = parts_of(&language);
        let parts: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let findings: Vec<String> = vesta_intents::check(&parts).iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
    }
}

#[test]
fn what_a_template_makes_is_understood_as_its_intent() {
    for language in languages() {
        let dictionary = load(&language);
        let files = yaml_in(&language.join("tests"));
        let (path, text) = files.iter().find(|(name, _)| name.ends_with("/home.yaml")).unwrap();
        let names = names(&read(path, text), &dictionary);
        let samples = dictionary.sample(&names, 8, 7);
        assert!(samples.len() > 500, "only {} samples", samples.len());
        let mut wrong = Vec::new();
        for sample in &samples {
            let got = dictionary.recognize(&sample.text, &names, &sample.context).map(|r| r.intent);
            if got.as_deref() != Some(&sample.intent) {
                wrong.push(format!("{}: \"{}\" is {got:?} (from `{}`)", sample.intent, sample.text, sample.sentence));
            }
            let partial = dictionary.partial(&sample.text, &names, &sample.context);
            assert!(partial.complete, "{}", sample.text);
        }
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), samples.len(), wrong.join("\n"));
    }
}

#[test]
fn every_response_can_be_spoken() {
    use vesta_intents::ResponseInput;
    for language in languages() {
        let dictionary = load(&language);
        let files = yaml_in(&language.join("tests"));
        let (path, text) = files.iter().find(|(name, _)| name.ends_with("/home.yaml")).unwrap();
        let names = names(&read(path, text), &dictionary);
        let view = json!({"name": "Kitchen Light", "state": "on", "state_with_unit": "on", "domain": "light", "attributes": {}});
        let nothing = json!({"matched": [], "unmatched": []});
        for sample in dictionary.sample(&names, 1, 3) {
            let Some(result) = dictionary.recognize(&sample.text, &names, &sample.context) else { continue };
            let slots: Map<String, Value> =
                result.slots.iter().map(|(k, s)| (k.clone(), s.text.clone().into())).collect();
            let key = result.response.unwrap();
            for (state, query) in [
                (Some(view.clone()), json!({"matched": [view], "unmatched": [view, view]})),
                (None, nothing.clone()),
                (None, json!({"matched": vec![view.clone(); 9], "unmatched": []})),
            ] {
                let input = ResponseInput { slots: slots.clone(), state, query };
                let said = dictionary.respond(&result.intent, &key, &input).unwrap_or_else(|e| panic!("{e}"));
                assert!(
                    !said.is_empty() && !said.contains("none") && !said.contains("undefined"),
                    "{}: {said:?}",
                    sample.text
                );
            }
        }
    }
}

/// Kinds of things that Home Assistant's sentences ask for.
const DOMAINS: [&str; 24] = [
    "alarm_control_panel",
    "automation",
    "binary_sensor",
    "button",
    "camera",
    "climate",
    "cover",
    "device_tracker",
    "fan",
    "humidifier",
    "lawn_mower",
    "light",
    "lock",
    "media_player",
    "number",
    "scene",
    "script",
    "select",
    "sensor",
    "siren",
    "todo",
    "vacuum",
    "valve",
    "weather",
];

fn timer(name: Option<&str>, minutes: u64) -> Value {
    json!({
        "id": "t", "name": name, "command": null, "is_active": true, "is_ringing": false, "start_hours": 0,
        "start_minutes": minutes, "start_seconds": 0, "rounded_hours_left": 1, "rounded_minutes_left": minutes,
        "rounded_seconds_left": 0,
    })
}

/// What is said about timers and lists is made of lengths and enumerations: nothing of it is empty, and every part is there.
#[test]
fn timers_and_lists_are_spoken_with_all_that_matters() {
    use vesta_intents::ResponseInput;
    for language in languages() {
        let dictionary = load(&language);
        let say = |intent: &str, key: &str, slots: Value| {
            let slots = slots.as_object().cloned().unwrap_or_default();
            let input = ResponseInput { slots, ..ResponseInput::default() };
            dictionary.respond(intent, key, &input).unwrap_or_else(|error| panic!("{error}"))
        };
        let (pasta, plain) = (timer(Some("Pasta"), 8), timer(None, 23));
        let started = |timer: &Value| json!({"timer": timer, "name": timer["name"], "given": {"hours": 2, "minutes": 30, "seconds": 0}});
        for (said, parts) in [
            (say("HassStartTimer", "default", started(&pasta)), vec!["Pasta", "2", "30"]),
            (
                say(
                    "HassStartTimer",
                    "default",
                    json!({"timer": plain, "given": {"hours": 0, "minutes": 23, "seconds": 0}}),
                ),
                vec!["23"],
            ),
            (say("HassStartTimer", "command", started(&plain)), vec!["2", "30"]),
            (say("HassStartTimer", "finished", started(&pasta)), vec!["Pasta"]),
            (say("HassStartTimer", "finished", json!({"timer": plain})), vec!["23"]),
            (say("HassStartTimer", "late", json!({"timer": pasta, "minutes_late": 5})), vec!["Pasta", "5"]),
            (
                say("HassStartTimer", "too_late", json!({"command": "Light off", "minutes_late": 45})),
                vec!["Light off", "45"],
            ),
            (say("HassCancelTimer", "default", json!({"timer": pasta})), vec!["Pasta"]),
            (say("HassIncreaseTimer", "default", json!({"timer": pasta})), vec!["Pasta", "8"]),
            (say("HassPauseTimer", "default", json!({"timer": plain})), vec!["23"]),
            (say("HassTimerStatus", "default", json!({"timers": [pasta]})), vec!["Pasta", "8"]),
            (say("HassTimerStatus", "default", json!({"timers": [pasta, plain]})), vec!["Pasta", "8", "23"]),
            (say("HassCancelAllTimers", "default", json!({"canceled": 7})), vec!["7"]),
            (
                say("HassListAddItem", "item_added", json!({"items": ["Milk", "Eggs", "Bread"], "id": "shopping"})),
                vec!["Milk, Eggs", "Bread"],
            ),
            (
                say("HassListRemoveItem", "item_deleted", json!({"items": ["Milk"], "list": "Camp", "id": "camp"})),
                vec!["Milk", "Camp"],
            ),
            (
                say("VestaListItems", "default", json!({"items": ["Milk", "Eggs"], "id": "shopping"})),
                vec!["2", "Milk", "Eggs"],
            ),
            (
                say(
                    "HassGetWeather",
                    "default",
                    json!({"weather": {"temperature": 12.25, "humidity": 80.6, "raining": true}}),
                ),
                vec!["12", "81"],
            ),
        ] {
            for part in parts {
                assert!(said.contains(part), "{}: {said:?} has no {part:?}", dictionary.language());
            }
            assert!(said.ends_with(['.', '!']) && !said.contains("  ") && !said.contains(" ."), "{said:?}");
        }
        let none = [("HassTimerStatus", "timers"), ("VestaListItems", "items")];
        for (intent, slot) in none {
            assert!(!say(intent, "default", json!({ slot: [] })).is_empty());
        }
        let several = json!({"timers": [pasta, plain], "count": 2}).as_object().cloned().unwrap_or_default();
        let said = dictionary.error("several_timers", &several).unwrap_or_default();
        assert!(said.contains("Pasta") && said.contains("23") && said.ends_with('?'), "{said}");
    }
}

#[test]
fn every_stable_error_can_be_spoken() {
    let codes = [
        "no_such_name",
        "no_such_area",
        "not_there",
        "state_unknown",
        "lights_off",
        "left_out",
        "none_in_area",
        "ambiguous",
        "not_supported",
        "unavailable",
        "no_answer",
        "broker_down",
        "invalid_value",
        "unknown_intent",
        "not_understood",
        "stt_unavailable",
        "tts_unavailable",
        "did_you_mean",
        "stt_died",
        "stt_refused",
        "stt_protocol",
        "stt_too_long",
        "tts_died",
        "tts_timeout",
        "tts_refused",
        "tts_protocol",
        "tts_too_long",
        "stt_timeout",
        "nothing_heard",
        "no_llm",
        "internal",
        "timeout",
        "cancelled",
        "store_failed",
        "nothing_recent",
        "cannot_undo",
        "nobody_listens",
        "no_timer",
        "several_timers",
        "too_many_timers",
        "timer_without_length",
        "timer_too_long",
        "timer_two_lengths",
        "timer_too_short",
        "timer_already",
        "no_list",
        "not_on_list",
        "list_full",
        "too_many_lists",
        "nothing_for_list",
    ];
    for language in languages() {
        let dictionary = load(&language);
        for code in codes {
            let bare = dictionary.error(code, &Map::new());
            assert!(bare.as_ref().is_some_and(|s| s.ends_with(['.', '?'])), "{code}: {bare:?}");
        }
        let candidates =
            json!([{"id": "light.a", "name": "Desk Lamp", "area": "Office"}, {"id": "light.b", "name": "Lamp"}]);
        let slots: Map<String, Value> =
            Map::from_iter([("name".to_owned(), json!("lamp")), ("candidates".to_owned(), candidates)]);
        for domain in DOMAINS {
            let slots = Map::from_iter([("domain".to_owned(), json!(domain))]);
            let said = dictionary.error("none_in_area", &slots).unwrap();
            let anything = dictionary.error("none_in_area", &Map::new()).unwrap();
            assert!(said != anything, "{} has no word for {domain}: {said}", dictionary.language());
        }
        let said = dictionary.error("ambiguous", &slots).unwrap();
        assert!(said.contains("Desk Lamp"), "{said}");
        let slots: Map<String, Value> =
            Map::from_iter([("domain".to_owned(), json!("fan")), ("area".to_owned(), json!("Kitchen"))]);
        let said = dictionary.error("none_in_area", &slots).unwrap();
        assert!(said.to_lowercase().contains("kitchen"), "{said}");
    }
}
