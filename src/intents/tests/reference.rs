//! What the reference (PyPI `hassil` 3.12.1) makes of corners of the format: every expected value is what it gave.

#![allow(clippy::unwrap_used, reason = "a test may")]

use serde_json::{Map, Value, json};
use vesta_intents::{Context, Dictionary, Names};

/// Intent and slots, or `null`.
fn meant(dictionary: &Dictionary, names: &Names, text: &str) -> Value {
    let found = dictionary.recognize(text, names, &Context::new());
    found.map_or(Value::Null, |found| {
        let slots: Map<String, Value> = found.slots.into_iter().map(|(name, slot)| (name, slot.value)).collect();
        json!([found.intent, slots])
    })
}

fn check(dictionary: &str, names: &Names, cases: &[(&str, Value)]) {
    let dictionary = Dictionary::load(&[("a.yaml", dictionary)]).unwrap();
    for (text, expected) in cases {
        assert_eq!(meant(&dictionary, names, text), *expected, "{text}");
    }
}

#[test]
fn an_elided_article_ends_a_word() {
    let dictionary = "language: it\nexpansion_rules: {le: \"(il|la|l'|nell'|dell')\"}\n\
                      intents: {On: {data: [{sentences: ['accendi [<le>] {area}']}]}}";
    let names = Names::builder().area("ingresso", "hall").build();
    let hall = json!(["On", {"area": "hall"}]);
    check(
        dictionary,
        &names,
        &[
            ("accendi l'ingresso", hall.clone()),
            ("accendi nell’ingresso", hall.clone()),
            ("accendi nell’ ingresso", hall.clone()),
            ("accendi la ingresso", hall),
            ("accendi laingresso", Value::Null),
        ],
    );
}

#[test]
fn dashes_and_ellipses_at_words_go_and_hyphens_stay() {
    let dictionary = "language: en\nlists: {degrees: {range: {from: -10, to: 10}}}\nintents: {On: {data: [{sentences: ['turn on [the] air-conditioner', 'set {degrees}']}]}}";
    let on = json!(["On", {}]);
    check(
        dictionary,
        &Names::default(),
        &[
            ("turn on the air-conditioner…", on.clone()),
            ("turn on the air-conditioner —", on.clone()),
            ("– turn on the air-conditioner", on),
            ("set -5", json!(["On", {"degrees": -5}])),
        ],
    );
}

#[test]
fn numbers_below_zero_have_words() {
    let dictionary = "language: en\nnumbers: {words: {0: zero, 5: five, 10: ten}, negatives: 'minus {number}'}\n\
                      lists: {degrees: {range: {from: -10, to: 10}}}\n\
                      intents: {Set: {data: [{sentences: ['set {degrees}']}]}}";
    check(
        dictionary,
        &Names::default(),
        &[
            ("set minus five", json!(["Set", {"degrees": -5}])),
            ("set minus ten", json!(["Set", {"degrees": -10}])),
            ("set minus ten and a half", Value::Null),
            ("set five", json!(["Set", {"degrees": 5}])),
        ],
    );
}

#[test]
fn a_dictionary_has_areas_of_its_own_where_the_home_has_none() {
    let dictionary = "language: en\nlists: {area: {values: [{in: '[big ]kitchen', out: kitchen}, bath]}}\n\
                      intents: {Go: {data: [{sentences: ['go to [the] {area}']}]}}";
    check(
        dictionary,
        &Names::default(),
        &[
            ("go to the big kitchen", json!(["Go", {"area": "kitchen"}])),
            ("go to bath", json!(["Go", {"area": "bath"}])),
        ],
    );
    let names = Names::builder().area("office", "work").build();
    check(dictionary, &names, &[("go to office", json!(["Go", {"area": "work"}])), ("go to bath", Value::Null)]);
    let samples = Dictionary::load(&[("a.yaml", dictionary)]).unwrap().sample(&Names::default(), 4, 1);
    assert!(samples.iter().any(|sample| sample.text.ends_with("kitchen")), "{samples:?}");
}

#[test]
fn a_wildcard_that_a_block_brings_itself_loses_skip_words_at_its_end() {
    let local = "language: en\nskip_words: [now]\n\
                 intents: {Say: {data: [{sentences: ['say {words}'], lists: {words: {wildcard: true}}}]}}";
    check(local, &Names::default(), &[("say hi now", json!(["Say", {"words": "hi"}]))]);
    let global = "language: en\nskip_words: [now]\nlists: {words: {wildcard: true}}\nintents: {Say: {data: [{sentences: ['say {words}']}]}}";
    check(global, &Names::default(), &[("say hi now", json!(["Say", {"words": "hi now"}]))]);
}
