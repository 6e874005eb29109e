//! Any text as a template, a rule and a list value: it loads or is refused with a message, and what loads can be spoken to.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vesta_intents::{Context, Dictionary, NameEntry, Names};

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let (first, second, rule, value, said) = (next(), next(), next(), next(), next());
    let tree = serde_json::json!({
        "language": "en",
        "intents": {"Fuzz": {"data": [
            {"sentences": [first, second]},
            {"sentences": [first], "requires_context": {"domain": "light"}, "expansion_rules": {"b": rule}},
        ]}},
        "lists": {
            "a": {"values": [value, {"in": second, "out": 1}]},
            "n": {"range": {"from": 0, "to": 100, "fractions": "halves"}},
            "w": {"wildcard": true},
        },
        "expansion_rules": {"a": rule, "b": "x"},
        "skip_words": ["please"],
    })
    .to_string();
    for finding in vesta_intents::check(&[("fuzz.json", &tree)]) {
        assert!(!finding.message.is_empty());
    }
    let dictionary = match Dictionary::load(&[("fuzz.json", &tree)]) {
        Ok(dictionary) => dictionary,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let entry = NameEntry { text: value.to_owned(), value: "x".into(), ..NameEntry::default() };
    let names = Names::builder().name(entry).area(second, "y").build();
    for sentence in [said, first, value] {
        let _ = dictionary.try_recognize(sentence, &names, &Context::new());
        let _ = dictionary.partial(sentence, &names, &Context::new());
    }
    for sample in dictionary.sample(&names, 2, 1) {
        let _ = dictionary.try_recognize(&sample.text, &names, &sample.context);
    }
});
