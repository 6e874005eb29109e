//! Sentences with a recognition error are repaired, asked about or left alone, and never turned into something else.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout, reason = "a test may")]

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use vesta_intents::{Context, Dictionary, NameEntry, Names, Repaired, Understanding};

fn english() -> Dictionary {
    language("en")
}

fn language(tag: &str) -> Dictionary {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../intents").join(tag).join("sentences");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    let texts: Vec<(String, String)> =
        paths.iter().map(|p| (p.display().to_string(), std::fs::read_to_string(p).unwrap())).collect();
    let parts: Vec<(&str, &str)> = texts.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
    Dictionary::load(&parts).unwrap()
}

fn home() -> Names {
    let names = [
        ("Kitchen Light", "light"),
        ("Living Room Lamp", "light"),
        ("Reading Lamp", "light"),
        ("Bedside Lamp", "light"),
        ("Hallway Light", "light"),
        ("Office Fan", "fan"),
        ("Coffee Machine", "switch"),
        ("Bedroom Blinds", "cover"),
        ("Living Room Curtains", "cover"),
        ("Garage Door", "cover"),
        ("Front Door", "binary_sensor"),
        ("Heating", "climate"),
        ("Robot", "vacuum"),
        ("Speaker", "media_player"),
        ("Movie Night", "scene"),
    ];
    let mut builder = Names::builder();
    for (text, domain) in names {
        let context = Map::from_iter([("domain".to_owned(), Value::from(domain))]);
        builder = builder.name(NameEntry { text: text.into(), value: text.into(), context, ..NameEntry::default() });
    }
    for area in ["Kitchen", "Living Room", "Bedroom", "Bathroom", "Office", "Hallway", "Garage"] {
        builder = builder.area(area, area);
    }
    builder.floor("Upstairs", "Upstairs").floor("Ground Floor", "Ground Floor").build()
}

#[test]
fn misheard_names_are_repaired() {
    let (dictionary, names) = (english(), home());
    let cases = [
        ("turn on the kitchen lite", "Kitchen Light"),
        ("turn on the kichen light", "Kitchen Light"),
        ("turn off the livving room lamp", "Living Room Lamp"),
        ("open the garaje door", "Garage Door"),
        ("close the bedroom blynds", "Bedroom Blinds"),
        ("start the cofee machine", "Coffee Machine"),
    ];
    for (heard, name) in cases {
        let Repaired::Sure(result) = dictionary.repair(heard, &names, &Context::new()) else {
            panic!("{heard}: {:?}", dictionary.repair(heard, &names, &Context::new()));
        };
        assert_eq!(result.slots["name"].value, name, "{heard}");
        assert!(result.confidence < 1.0 && result.repairs.len() == 1, "{heard}: {result:?}");
    }
    let understood = dictionary.understand("turn on the kitchen lite", &names, &Context::new());
    assert!(matches!(understood, Understanding::Commands(commands) if commands.len() == 1));
    let exact = dictionary.repair("turn on the kitchen light", &names, &Context::new());
    assert!(matches!(exact, Repaired::Sure(result) if result.confidence == 1.0 && result.repairs.is_empty()));
}

#[test]
fn two_close_names_are_asked_about() {
    let dictionary = english();
    let light = |name: &str| NameEntry {
        text: name.into(),
        value: name.into(),
        context: Map::from_iter([("domain".to_owned(), Value::from("light"))]),
        ..NameEntry::default()
    };
    let names = Names::builder().name(light("Marta Lamp")).name(light("Marla Lamp")).build();
    match dictionary.repair("turn on the marpa lamp", &names, &Context::new()) {
        Repaired::Unsure(results) => {
            let mut names: Vec<&Value> = results.iter().take(2).map(|r| &r.slots["name"].value).collect();
            names.sort_by_key(|n| n.to_string());
            assert_eq!(names, ["Marla Lamp", "Marta Lamp"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_something_else_stays_it() {
    let (dictionary, names) = (english(), home());
    let others = [
        "don't turn on the kitchen light",
        "never turn on the kitchen light",
        "the weather in london is lovely today",
        "we should lamp the office tomorrow",
        "she said that the kitchen looked nice",
        "i was reading a book about robots",
        "turn on the radiator in the castle of the king",
        "open the bottle",
        "turn on the dishwasher",
    ];
    for text in others {
        let outcome = dictionary.repair(text, &names, &Context::new());
        assert!(!matches!(outcome, Repaired::Sure(_)), "{text}: {outcome:?}");
    }
}

#[test]
fn a_known_word_is_not_turned_into_its_opposite() {
    let (dictionary, names) = (english(), home());
    for text in ["is the front door locked", "make the living room light warmer", "set two timers"] {
        let outcome = dictionary.understand(text, &names, &Context::new());
        let repaired = |all: &[vesta_intents::Recognition]| all.iter().any(|one| !one.repairs.is_empty());
        assert!(!matches!(&outcome, Understanding::Commands(all) if repaired(all)), "{text}: {outcome:?}");
    }
    let german = language("de");
    for text in ["mach weiter", "auf wie viel Grad steht die Heizung"] {
        let outcome = german.repair(text, &names, &Context::new());
        assert!(!matches!(&outcome, Repaired::Sure(one) if !one.repairs.is_empty()), "{text}: {outcome:?}");
    }
}

#[test]
fn a_name_of_any_words_swallows_no_command() {
    let (dictionary, names) = (english(), home());
    let cases: [(&str, &[&str]); 5] = [
        (
            "turn on the kitchen light and set a timer for three minutes and open the living room curtains",
            &["HassTurnOn", "HassStartTimer", "HassTurnOn"],
        ),
        ("set a timer for 5 minutes and another for ten minutes", &["HassStartTimer", "HassStartTimer"]),
        ("set a pasta and sauce timer for ten minutes", &["HassStartTimer"]),
        ("add two eggs and milk to the shopping list", &["HassListAddItem"]),
        (
            "turn off the kitchen light and add milk and two eggs to the shopping list",
            &["HassTurnOff", "HassListAddItem"],
        ),
    ];
    for (text, intents) in cases {
        let all = dictionary.recognize_all(text, &names, &Context::new()).unwrap();
        assert_eq!(all.iter().map(|one| one.intent.as_str()).collect::<Vec<_>>(), intents, "{text}");
    }
    let timers = dictionary.recognize_all(cases[1].0, &names, &Context::new()).unwrap();
    assert_eq!(timers.iter().map(|one| one.slots["minutes"].value.clone()).collect::<Vec<_>>(), [5, 10]);
    let first = dictionary.recognize_all(cases[0].0, &names, &Context::new()).unwrap();
    assert!(!first[1].slots.contains_key("name"));
}

/// One wrong, missing, doubled or swapped letter in a word of the home's names.
fn misheard(text: &str, step: usize) -> Option<String> {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let long: Vec<usize> = words
        .iter()
        .enumerate()
        .filter(|(_, w)| w.chars().count() > 3 && w.chars().all(char::is_alphabetic))
        .map(|(i, _)| i)
        .collect();
    let at = *long.get(step % long.len().max(1))?;
    let mut letters: Vec<char> = words[at].chars().collect();
    let place = 1 + step % (letters.len() - 2);
    match step % 4 {
        0 => letters[place] = char::from(b'a' + (step % 26) as u8),
        1 => {
            letters.remove(place);
        }
        2 => letters.insert(place, letters[place]),
        _ => letters.swap(place, place + 1),
    }
    words[at] = letters.into_iter().collect();
    let changed = words.join(" ");
    (changed != text).then_some(changed)
}

#[test]
fn a_thousand_errors_are_repaired_and_hardly_any_wrongly() {
    let (dictionary, names) = (english(), home());
    let (mut right, mut wrong, mut asked, mut count) = (0, Vec::new(), 0, 0);
    for (step, sample) in dictionary.sample(&names, 6, 11).into_iter().enumerate() {
        if count == 1000 {
            break;
        }
        let Some(heard) = misheard(&sample.text.to_lowercase(), step) else { continue };
        let Some(meant) = dictionary.recognize(&sample.text, &names, &sample.context) else { continue };
        if dictionary.recognize(&heard, &names, &sample.context).is_some() || meant.slots.contains_key("search_query") {
            continue;
        }
        count += 1;
        let values = |r: &vesta_intents::Recognition| -> Vec<(String, Value)> {
            r.slots.iter().map(|(k, s)| (k.clone(), s.value.clone())).collect()
        };
        match dictionary.repair(&heard, &names, &sample.context) {
            Repaired::Sure(result) if result.intent == meant.intent && values(&result) == values(&meant) => right += 1,
            Repaired::Sure(result) => {
                wrong.push(format!("{heard} ({}): {} {:?}", sample.text, result.intent, values(&result)));
            }
            Repaired::Unsure(_) => asked += 1,
            Repaired::Nothing => {}
        }
    }
    println!("of {count}: {right} repaired, {asked} asked about, {} wrong", wrong.len());
    assert_eq!(count, 1000);
    assert!(wrong.len() <= 5, "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(right >= 850, "{right} right");
}
