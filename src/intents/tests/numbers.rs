//! How numbers are said in the languages that Vesta has no sentences for (`intents/numbers`).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

use std::path::{Path, PathBuf};

use serde_json::json;
use vesta_intents::{Context, Dictionary, Names};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../intents/numbers")
}

/// A dictionary that asks for numbers as Home Assistant's do.
fn dictionary(language: &str, numbers: &str) -> Dictionary {
    let tree = json!({
        "language": language,
        "settings": {"ignore_whitespace": language.starts_with("zh") || language == "ja"},
        "intents": {
            "Percent": {"data": [{"sentences": ["x {percent:value}"]}]},
            "Temperature": {"data": [{"sentences": ["y {temperature:value}"]}]},
            "Colour": {"data": [{"sentences": ["z {colour:value}"]}]},
        },
        "lists": {
            "percent": {"range": {"from": 0, "to": 100}},
            "temperature": {"range": {"from": 0, "to": 100, "fractions": "halves"}},
            "colour": {"range": {"from": 1000, "to": 10000, "step": 100}},
        },
    });
    Dictionary::load(&[("test.json", &tree.to_string()), ("numbers.yaml", numbers)])
        .unwrap_or_else(|error| panic!("{language}: {error}"))
}

fn value(dictionary: &Dictionary, text: &str) -> Option<f64> {
    dictionary.recognize(text, &Names::default(), &Context::new())?.slots.get("value")?.value.as_f64()
}

#[test]
fn numbers_are_understood_in_words() {
    let cases = [
        ("nl", "x vijfenveertig", 45.0),
        ("nl", "y tweeëntwintig komma vijf", 22.5),
        ("nl", "z zesduizendvijfhonderd", 6500.0),
        ("ru", "x двадцать два", 22.0),
        ("ru", "x двадцати двух", 22.0),
        ("hi", "x पैंतालीस", 45.0),
        ("tr", "x KIRK BEŞ", 45.0),
        ("zh-CN", "x 五十", 50.0),
        ("zh-CN", "x 两", 2.0),
        ("zh-TW", "x 兩", 2.0),
        ("ja", "x 四十五", 45.0),
        ("it", "x ventuno", 21.0),
        ("de-CH", "x einunddreissig", 31.0),
        ("pl", "x sto", 100.0),
    ];
    for (language, text, wanted) in cases {
        let numbers = std::fs::read_to_string(folder().join(format!("{language}.yaml"))).unwrap();
        assert_eq!(value(&dictionary(language, &numbers), text), Some(wanted), "{language}: {text}");
    }
}

#[test]
fn what_a_file_says_is_understood() {
    let mut files = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        files += 1;
        let language = path.file_stem().unwrap().to_string_lossy().into_owned();
        let dictionary = dictionary(&language, &std::fs::read_to_string(&path).unwrap());
        let mut said = std::collections::BTreeSet::new();
        for sample in dictionary.sample(&Names::default(), 400, 5) {
            let number = value(&dictionary, &sample.text);
            assert!(number.is_some(), "{language}: {:?} is not understood", sample.text);
            if sample.intent == "Percent" && !sample.text.contains(|c: char| c.is_ascii_digit()) {
                said.insert(number.unwrap() as u32);
            }
        }
        assert!(said.len() >= 60, "{language}: only {} numbers up to 100 are said", said.len());
    }
    assert!(files > 40, "{files} files");
}
