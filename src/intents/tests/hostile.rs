//! Dictionaries and homes made to take time, memory or the stack: a clear error or an answer, and soon.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]

use serde_json::{Map, Value, json};
use vesta_intents::{Context, Dictionary, LoadError, NameEntry, Names, RecognizeError, check};

fn tree(sentences: &[&str], more: Value) -> String {
    let mut tree = json!({"language": "en", "intents": {"Test": {"data": [{"sentences": sentences}]}}});
    for (key, value) in more.as_object().into_iter().flatten() {
        tree[key] = value.clone();
    }
    tree.to_string()
}

fn dictionary(sentences: &[&str], more: Value) -> Result<Dictionary, LoadError> {
    Dictionary::load(&[("test.json", &tree(sentences, more))])
}

fn outcome(dictionary: &Dictionary, text: &str, names: &Names) -> Result<bool, RecognizeError> {
    dictionary.try_recognize(text, names, &Context::new()).map(|found| found.is_some())
}

fn name(text: impl Into<String>, value: usize) -> NameEntry {
    NameEntry { text: text.into(), value: value.into(), ..NameEntry::default() }
}

#[test]
fn lists_in_lists_in_lists() {
    let chain = |length: usize| {
        let mut lists = Map::new();
        for i in 0..length {
            lists.insert(format!("l{i}"), json!({"values": [format!("x {{l{}}}", i + 1)]}));
        }
        lists.insert(format!("l{length}"), json!({"values": ["end"]}));
        dictionary(&["{l0}"], json!({"lists": lists}))
    };
    assert!(outcome(&chain(50).unwrap(), &("x ".repeat(50) + "end"), &Names::default()).unwrap());
    let error = chain(100_000).unwrap_err();
    assert!(matches!(error, LoadError::TooLarge { .. }), "{error}");
}

#[test]
fn ranges_without_end() {
    let range =
        |from: i64, to: i64, step: i64| json!({"lists": {"n": {"range": {"from": from, "to": to, "step": step}}}});
    let numbers = json!({"words": {"0": "zero", "1": "one"}, "compose": [{"from": 2, "to": u64::MAX, "unit": 10, "say": "{base} {rest}"}]});
    for (from, to, step) in [(i64::MIN, i64::MAX, 1), (i64::MAX - 1, i64::MAX, 1), (0, i64::MAX, i64::MAX)] {
        let mut more = range(from, to, step);
        more["numbers"] = numbers.clone();
        let dictionary = dictionary(&["set {n}"], more).unwrap();
        let said = outcome(&dictionary, "set 9223372036854775807", &Names::default());
        assert!(said.is_ok(), "{said:?}");
        assert!(!dictionary.sample(&Names::default(), 2, 1).is_empty());
    }
    assert!(dictionary(&["set {0..99999999999999999999999:n}"], json!({})).is_err());
    let whole = dictionary(&["set {0..9223372036854775807:n}"], json!({})).unwrap();
    assert_eq!(outcome(&whole, "set 99999999999999999999999999999999999999999999", &Names::default()), Ok(false));
}

#[test]
fn number_words_that_multiply() {
    let say: Vec<String> = (0..200).map(|i| format!("{i}x {{base}} {{count}} {{rest}}")).collect();
    let numbers =
        json!({"words": {"0": "zero"}, "compose": [{"from": 1, "to": 1_000_000, "unit": 3, "say": say, "even": say}]});
    let more = json!({"numbers": numbers, "lists": {"n": {"range": {"from": 0, "to": 2000, "fractions": "tenths"}}}});
    let dictionary = dictionary(&["set {n}"], more).unwrap();
    assert_eq!(outcome(&dictionary, "set zero", &Names::default()), Ok(true));
}

#[test]
fn dozens_of_wildcards() {
    let lists = json!({"lists": {"w": {"wildcard": true}}});
    let many: String = (0..40).map(|i| format!("{{w:s{i}}} and ")).collect();
    let dictionary =
        dictionary(&[&format!("{many} end"), "{w:a}{w:b}{w:c}", "{w:a} [{w:b}] [{w:c}] x"], lists).unwrap();
    for text in ["a and ".repeat(41) + "end", "and ".repeat(1000) + "end", "x ".repeat(2000), "ab".repeat(2000)] {
        let said = outcome(&dictionary, &text, &Names::default());
        assert!(matches!(said, Ok(_) | Err(RecognizeError::TooComplex)), "{said:?}");
    }
    assert_eq!(outcome(&dictionary, "play a by b x", &Names::default()), Ok(true));
}

#[test]
fn orders_of_orders() {
    let order = |inner: &str| format!("({})", [inner; 10].join(";"));
    let dictionary = dictionary(&[&order(&order("[a|b]")), &order("[x] {name}")], json!({})).unwrap();
    let names = (0..50).fold(Names::builder(), |names, i| names.name(name("a ".repeat(i % 10 + 1), i))).build();
    for text in ["a b ".repeat(100), "a ".repeat(2000), "x a ".repeat(10)] {
        let said = outcome(&dictionary, &text, &names);
        assert!(matches!(said, Ok(_) | Err(RecognizeError::TooComplex)), "{said:?}");
    }
    let twelve = ["a"; 12].join(";");
    assert!(matches!(self::dictionary(&[&format!("({twelve})")], json!({})), Err(LoadError::TooLarge { .. })));
}

#[test]
fn optional_parts_that_are_all_alike() {
    let same = "[a] ".repeat(120) + "b";
    let nested = "[a [a [a [a [a [a [a [a ]]]]]]]] ".repeat(30) + "b";
    let dictionary =
        dictionary(&[&same, &nested, "[{name}] [{name:n2}] [{name:n3}] [{name:n4}] b"], json!({})).unwrap();
    let names = (1..60).fold(Names::builder(), |names, i| names.name(name("a ".repeat(i), i))).build();
    for text in ["a ".repeat(120) + "b", "a ".repeat(121) + "c", "a ".repeat(2000)] {
        let said = outcome(&dictionary, &text, &names);
        assert!(matches!(said, Ok(_) | Err(RecognizeError::TooComplex)), "{said:?}");
    }
    assert_eq!(outcome(&dictionary, &("a ".repeat(100) + "b"), &Names::default()), Ok(true));
}

#[test]
fn ten_thousand_names_alike() {
    let lists = json!({"lists": {"w": {"wildcard": true}}});
    let dictionary = dictionary(&["turn on {name}", "{w} {name} [{name:second}] off"], lists).unwrap();
    let equal = (0..10_000).fold(Names::builder(), |names, i| names.name(name("the lamp", i))).build();
    let found = dictionary.recognize("turn on the lamp", &equal, &Context::new()).unwrap();
    assert_eq!((found.slots["name"].value.clone(), found.slots["name"].others.len()), (json!(0), 9_999));
    let chain = (1..4_000).fold(Names::builder(), |names, i| names.name(name("a".repeat(i), i))).build();
    assert_eq!(outcome(&dictionary, &format!("turn on {}", "a".repeat(3_500)), &chain), Ok(true));
    let prefix =
        (0..10_000).fold(Names::builder(), |names, i| names.name(name(format!("the lamp in room {i}"), i))).build();
    assert_eq!(outcome(&dictionary, "turn on the lamp in room 9999", &prefix), Ok(true));
    for text in ["x ".to_owned() + &"a".repeat(4_000) + " off", "a".repeat(4_000), "the lamp in room ".repeat(200)] {
        for names in [&equal, &chain, &prefix] {
            let said = outcome(&dictionary, &text, names);
            assert!(matches!(said, Ok(_) | Err(RecognizeError::TooComplex)), "{said:?}");
            let _ = dictionary.understand(&text, names, &Context::new());
        }
    }
}

#[test]
fn tens_of_thousands_of_sentences() {
    let sentences: Vec<String> = (0..30_000).map(|i| format!("word{i} [the] {{name}} end{i}")).collect();
    let sentences: Vec<&str> = sentences.iter().map(String::as_str).collect();
    let dictionary = dictionary(&sentences, json!({})).unwrap();
    let names = Names::builder().name(name("lamp", 1)).build();
    assert_eq!(outcome(&dictionary, "word29999 the lamp end29999", &names), Ok(true));
    assert_eq!(outcome(&dictionary, "word29999 the lamp end29998", &names), Ok(false));
}

#[test]
fn what_doubles_can_be_sampled_and_checked() {
    let mut rules = Map::new();
    for i in 0..60 {
        rules.insert(format!("s{i}"), json!(format!("<s{}><s{}>", i + 1, i + 1)));
    }
    rules.insert("s60".into(), json!("[x]"));
    let text = tree(&["<s0> end", "stop"], json!({"expansion_rules": rules}));
    let dictionary = Dictionary::load(&[("test.json", &text)]).unwrap();
    assert!(dictionary.sample(&Names::default(), 3, 1).iter().any(|sample| sample.text == "stop"));
    let _ = check(&[("test.json", &text)]);
}

#[test]
fn aliases_that_multiply() {
    let mut yaml = String::from("language: en\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let again = vec![format!("*a{}", i - 1); 10].join(", ");
        yaml.push_str(&format!("a{i}: &a{i} [{again}]\n"));
    }
    let loaded = Dictionary::load(&[("bomb.yaml", &yaml)]);
    assert!(loaded.is_err(), "ten to the twelfth values");
}

#[test]
fn long_talk_is_not_repaired_for_long() {
    let sentences: Vec<String> = (0..3_000).map(|i| format!("please do thing number{i} now")).collect();
    let sentences: Vec<&str> = sentences.iter().map(String::as_str).collect();
    let dictionary =
        dictionary(&sentences, json!({"joiners": ["and", ","], "sounds": [["a", "b"], ["b", "a"]]})).unwrap();
    let names = (0..10_000).fold(Names::builder(), |names, i| names.name(name(format!("thing {i:x}q{i}"), i))).build();
    for text in
        ["please ".repeat(580), "now and ".repeat(8) + &"thing do ".repeat(400), "a, ".repeat(1300), "zq ".repeat(1300)]
    {
        let understood = dictionary.understand(&text, &names, &Context::new());
        assert!(matches!(understood, vesta_intents::Understanding::Nothing), "{text}: {understood:?}");
    }
    let joined = "and ".repeat(990) + "please do thing number5 now";
    let commands = dictionary.recognize_all(&joined, &names, &Context::new()).unwrap_or_default();
    assert_eq!(commands.len(), 1, "joining words at the beginning join nothing");
}
