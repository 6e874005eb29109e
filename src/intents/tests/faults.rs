//! Dictionaries, names and sentences that nobody should write: a clear error or the right answer, in bounded time.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout, reason = "a test may")]

use std::fmt::Write;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use vesta_intents::{Context, Dictionary, LoadError, MAX_TEXT_BYTES, NameEntry, Names, RecognizeError};

fn dictionary(sentences: &[&str], more: Value) -> Result<Dictionary, LoadError> {
    let mut tree = json!({"language": "en", "intents": {"Test": {"data": [{"sentences": sentences}]}}});
    for (key, value) in more.as_object().into_iter().flatten() {
        tree[key] = value.clone();
    }
    Dictionary::load(&[("test.json", &tree.to_string())])
}

fn name(text: &str, value: &str) -> NameEntry {
    NameEntry { text: text.into(), value: value.into(), ..NameEntry::default() }
}

fn meant(dictionary: &Dictionary, text: &str, names: &Names) -> Option<Value> {
    let result = dictionary.recognize(text, names, &Context::new())?;
    Some(Value::Object(result.slots.into_iter().map(|(k, s)| (k, s.value)).collect::<Map<_, _>>()))
}

#[test]
fn deep_templates_are_refused_with_a_place() {
    let deep = "[".repeat(1000) + "a" + &"]".repeat(1000);
    let error = dictionary(&[&deep], json!({})).unwrap_err().to_string();
    assert!(error.starts_with("test.json:1: intent Test: "), "{error}");
    assert!(error.contains("nested"), "{error}");
    // The same depth through rules.
    let mut rules = Map::new();
    for i in 0..1000 {
        rules.insert(format!("r{i}"), json!(format!("(a|b <r{}>)", i + 1)));
    }
    rules.insert("r1000".into(), json!("c"));
    let error = dictionary(&["<r0>"], json!({"expansion_rules": rules})).unwrap_err();
    assert!(matches!(error, LoadError::TooLarge { .. }), "{error}");
    let json_depth = "{\"intents\":".repeat(500) + &"}".repeat(500);
    assert!(Dictionary::load(&[("deep.json", &json_depth)]).is_err());
    let yaml_depth = "[".repeat(5000);
    assert!(Dictionary::load(&[("deep.yaml", &yaml_depth)]).is_err());
}

#[test]
fn rules_that_double_each_other_stay_small() {
    let mut rules = Map::new();
    for i in 0..40 {
        rules.insert(format!("s{i}"), json!(format!("<s{}><s{}>", i + 1, i + 1)));
        rules.insert(format!("a{i}"), json!(format!("(<a{}>|b <a{}>)", i + 1, i + 1)));
    }
    rules.insert("s40".into(), json!("[x]"));
    rules.insert("a40".into(), json!("c"));
    let dictionary = dictionary(&["<s0> end", "<a0>"], json!({"expansion_rules": rules})).unwrap();
    assert!(dictionary.size().parts < 1000, "{:?}", dictionary.size());
    assert!(meant(&dictionary, &("x".repeat(20) + " end"), &Names::default()).is_some());
    // More than this is given up on instead of working on for hours.
    let many = "x".repeat(4000) + " end";
    let outcome = dictionary.try_recognize(&many, &Names::default(), &Context::new());
    assert!(matches!(outcome, Err(RecognizeError::TooComplex)), "{outcome:?}");
    assert!(meant(&dictionary, &("b ".repeat(40) + "c"), &Names::default()).is_some());
    assert!(meant(&dictionary, &("b ".repeat(41) + "c"), &Names::default()).is_none());
}

#[test]
fn very_long_templates() {
    let long = "[a] ".repeat(20_000) + "end";
    let dictionary = dictionary(&[&long], json!({})).unwrap();
    let names = Names::default();
    assert!(meant(&dictionary, "a a end", &names).is_some());
    assert!(dictionary.partial("a a", &names, &Context::new()).can_continue);
}

#[test]
fn circles_are_refused_by_name() {
    let error = dictionary(&["say <a>"], json!({"expansion_rules": {"a": "x <b>", "b": "[y] <a>"}})).unwrap_err();
    assert!(matches!(&error, LoadError::Circular { path, .. } if path == "<a> → <b> → <a>"), "{error}");
    let error = dictionary(&["say {l}"], json!({"lists": {"l": {"values": [{"in": "x {l}", "out": 1}]}}})).unwrap_err();
    assert!(matches!(error, LoadError::Circular { .. }), "{error}");
}

#[test]
fn unknown_references_are_named() {
    let error = dictionary(&["say <nothing>"], json!({})).unwrap_err().to_string();
    assert_eq!(
        error,
        "test.json:1: intent Test: there is no expansion rule <nothing>; define it under `expansion_rules`"
    );
    let error = dictionary(&["say {nothing}"], json!({})).unwrap_err().to_string();
    assert!(error.contains("there is no list {nothing}"), "{error}");
}

#[test]
fn alternatives_that_multiply_to_billions_are_matched() {
    let sentence = "[a|b|c] ".repeat(40) + "end";
    let dictionary = dictionary(&[&sentence], json!({})).unwrap();
    let names = Names::default();
    assert!(meant(&dictionary, &("a b c ".repeat(10) + "end"), &names).is_some());
    assert!(meant(&dictionary, &("a b c ".repeat(10) + "x"), &names).is_none());
    assert!(meant(&dictionary, &("a ".repeat(41) + "end"), &names).is_none());
}

#[test]
fn orders_are_limited() {
    let many: Vec<String> = (0..30).map(|i| format!("w{i}")).collect();
    let error = dictionary(&[&format!("({})", many.join(";"))], json!({})).unwrap_err();
    assert!(matches!(error, LoadError::TooLarge { .. }), "{error}");
    let ten = dictionary(&["(a;b;c;d;e;f;g;h;i;j)"], json!({})).unwrap();
    assert!(meant(&ten, "j i h g f e d c b a", &Names::default()).is_some());
    assert!(meant(&ten, "j i h g f e d c b", &Names::default()).is_none());
}

#[test]
fn many_wildcards_stay_bounded() {
    let lists = json!({"lists": {"w": {"wildcard": true}}});
    let dictionary = dictionary(&["{w:a} x {w:b} x {w:c} x {w:d} x {w:e} x {w:f}"], lists).unwrap();
    let text = "x ".repeat(2000);
    let outcome = dictionary.try_recognize(&text, &Names::default(), &Context::new());
    assert!(matches!(outcome, Err(RecognizeError::TooComplex)), "{outcome:?}");
    let found = dictionary.recognize("1 x 2 x 3 x 4 x 5 x 6", &Names::default(), &Context::new()).unwrap();
    assert_eq!(found.slots["f"].value, "6");
}

#[test]
fn long_texts_are_refused() {
    let dictionary = dictionary(&["say {name}"], json!({})).unwrap();
    let text = "a".repeat(100_000);
    let outcome = dictionary.try_recognize(&text, &Names::default(), &Context::new());
    assert_eq!(outcome, Err(RecognizeError::TooLong { bytes: 100_000 }));
    assert!(dictionary.partial(&text, &Names::default(), &Context::new()).impossible());
    assert_eq!(meant(&dictionary, &"a b-".repeat(MAX_TEXT_BYTES / 4), &Names::default()), None);
}

#[test]
fn a_list_of_a_million_values() {
    let mut text = String::from(
        r#"{"language":"en","intents":{"Test":{"data":[{"sentences":["say {many}"]}]}},"lists":{"many":{"values":["#,
    );
    for i in 0..1_000_000 {
        let comma = if i == 0 { "" } else { "," };
        write!(text, r#"{comma}"value {i}""#).unwrap();
    }
    text.push_str("]}}}");
    let dictionary = Dictionary::load(&[("many.json", &text)]).unwrap();
    assert_eq!(meant(&dictionary, "say value 987654", &Names::default()), Some(json!({"many": "value 987654"})));
    assert_eq!(meant(&dictionary, "say value 1000000", &Names::default()), None);
    assert!(dictionary.partial("say value 98", &Names::default(), &Context::new()).can_continue);
}

#[test]
fn bytes_that_are_no_text() {
    let error = Dictionary::load_bytes(&[("good.yaml", b"language: en"), ("bad.yaml", b"intents: \xff")]).unwrap_err();
    assert_eq!(error.to_string(), "bad.yaml: not UTF-8 at byte 9; save the file as UTF-8");
}

#[test]
fn files_that_are_no_dictionary() {
    let load = |text: &str| Dictionary::load(&[("x.yaml", text)]).unwrap_err().to_string();
    assert!(load("intents: [1, 2").starts_with("x.yaml: "), "{}", load("intents: [1, 2"));
    assert!(load("- a").contains("expected keys"));
    assert!(load("intents: {A: {data: [{sentences: 3}]}}").contains("intent A"));
    assert!(load("intents: 3").contains("intents"));
    assert!(
        load("lists: {l: {range: {from: 5, to: 1}}}\nintents: {A: {data: [{sentences: ['x {l}']}]}}")
            .contains("larger")
    );
    assert!(load("lists: {l: {}}\nintents: {A: {data: [{sentences: ['x {l}']}]}}").contains("wildcard"));
    assert!(Dictionary::load(&[]).is_ok_and(|d| d.recognize("x", &Names::default(), &Context::new()).is_none()));
}

#[test]
fn names_like_regular_expressions() {
    let dictionary = dictionary(&["turn on [the] {name}"], json!({})).unwrap();
    let odd = ["a.*b", "(lamp)", "[x]", "c++", "50%", "a|b", "{name}", "^$", "\\d", "TV: left", "A.C.", "x"];
    let names = odd.iter().fold(Names::builder(), |b, n| b.name(name(n, n))).build();
    for text in odd {
        assert_eq!(meant(&dictionary, &format!("turn on {text}"), &names), Some(json!({"name": text})), "{text}");
    }
    assert_eq!(meant(&dictionary, "turn on axxb", &names), None);
}

#[test]
fn names_may_begin_anywhere_in_a_choice() {
    let dictionary =
        dictionary(&["([the] |){area} light", "(upstairs|{area}) lamp", "[big] [{name}] (x|{area}) end"], json!({}))
            .unwrap();
    let names = Names::builder().area("Kitchen", "kitchen").name(name("fan", "fan")).build();
    for text in ["kitchen lamp", "the kitchen light", "kitchen end", "fan kitchen end", "big fan x end"] {
        assert!(meant(&dictionary, text, &names).is_some(), "{text}");
    }
}

#[test]
fn equal_names_and_names_of_areas() {
    let dictionary = dictionary(&["turn on [the] {name}", "turn on [the] {area}"], json!({})).unwrap();
    let names = Names::builder()
        .name(name("Lamp", "light.a"))
        .name(name("lamp", "light.b"))
        .name(name("Kitchen", "light.k"))
        .name(name("", "light.empty"))
        .name(name("   ", "light.blank"))
        .area("Kitchen", "kitchen")
        .build();
    let lamp = dictionary.recognize("turn on the lamp", &names, &Context::new()).unwrap();
    assert_eq!((&lamp.slots["name"].value, &lamp.slots["name"].others), (&json!("light.a"), &vec![json!("light.b")]));
    // A device wins over a room of the same name, as with the reference.
    assert_eq!(meant(&dictionary, "turn on the kitchen", &names), Some(json!({"name": "light.k"})));
    assert_eq!(meant(&dictionary, "turn on the", &names), None);
}

#[test]
fn other_scripts_and_forms() {
    let names = Names::builder()
        .name(name("IŞIK", "tr"))
        .name(name("ΦΩΣ", "el"))
        .name(name("Straße", "de"))
        .name(name("cafe\u{301}", "fr"))
        .name(name("客厅灯", "zh"))
        .build();
    let spaced = dictionary(&["an {name}"], json!({})).unwrap();
    for (said, wanted) in [("ışık", "tr"), ("işik", "tr"), ("φως", "el"), ("STRAßE", "de"), ("CAF\u{c9}", "fr")]
    {
        assert_eq!(meant(&spaced, &format!("an {said}"), &names), Some(json!({"name": wanted})), "{said}");
    }
    let unspaced = dictionary(&["打开{name}[吧]"], json!({"settings": {"ignore_whitespace": true}})).unwrap();
    assert_eq!(meant(&unspaced, "打开 客厅灯 吧。", &names), Some(json!({"name": "zh"})));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_template_loads_or_is_refused(template in "[ab {}<>()\\[\\]|;:@.\\\\]{0,40}", text in "[ab .?-]{0,20}") {
        if let Ok(dictionary) = dictionary(&[&template], json!({"lists": {"a": {"wildcard": true}}, "expansion_rules": {"b": "a [b]"}})) {
            let names = Names::builder().name(name("a b", "x")).build();
            let whole = dictionary.recognize(&text, &names, &Context::new());
            let partial = dictionary.partial(&text, &names, &Context::new());
            prop_assert_eq!(whole.is_some(), partial.complete);
        }
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,60}") {
        let lists = json!({"lists": {"w": {"wildcard": true}, "n": {"range": {"from": 0, "to": 100, "fractions": "halves"}}}});
        let dictionary = dictionary(&["say {w} [to {name}]", "{n} (a;{w};b)", "x{name}y"], lists).unwrap();
        let names = Names::builder().name(name(&text, "x")).build();
        for said in [text.clone(), format!("say {text}"), format!("say a to {text}"), format!("7 a {text} b")] {
            if let Some(result) = dictionary.recognize(&said, &names, &Context::new()) {
                for slot in result.slots.values() {
                    prop_assert!(said.get(slot.span.clone()).is_some(), "span {:?} of {said:?}", slot.span);
                }
            }
        }
    }

    #[test]
    fn what_can_continue_was_not_impossible_before(cut in 0_usize..40) {
        let dictionary = dictionary(&["turn (on|off) [the] {name} [now]"], json!({})).unwrap();
        let names = Names::builder().name(name("kitchen light", "x")).build();
        let whole = "turn off the kitchen light now";
        let part: String = whole.chars().take(cut).collect();
        let partial = dictionary.partial(&part, &names, &Context::new());
        prop_assert!(!partial.impossible(), "{part:?}");
    }
}
