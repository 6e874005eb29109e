//! Sentences to measure the understanding of, and what the reference matcher makes of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};
use vesta_intents::cli::TestHome;
use vesta_intents::{Context, Dictionary, NameEntry, Names};

use crate::program::root;

/// The version of PyPI `hassil` that results and times are compared with; `script/lib/python-peers.sh` installs it.
pub const REFERENCE: &str = "hassil 3.12.1";

/// Sentences a language that are made up.
const OWN_CASES: usize = 500;

/// A dictionary with homes, and sentences spoken in them.
pub struct Set {
    /// The language's tag.
    pub language: String,
    /// The dictionary, with number words.
    pub dictionary: Dictionary,
    /// The homes.
    pub homes: Vec<TestHome>,
    /// Number of the home, and what is said in it.
    pub cases: Vec<(usize, String)>,
    /// Holds `intents.json`, `homes.json`, `cases.jsonl` for the reference.
    folder: PathBuf,
    _made: Option<tempfile::TempDir>,
}

/// What the reference made of a sentence.
pub struct Answer {
    /// `{"intent", "slots", "response"}`, or null.
    pub result: Value,
    /// The shortest time of a few, in microseconds.
    pub us: f64,
}

/// Home Assistant's dictionaries with the sentences of its tests, as far as they lie beside the project.
pub fn conformance() -> Vec<Set> {
    let folder = std::env::var_os("VESTA_CONFORMANCE")
        .map_or_else(|| root().join("../shared/conformance/intents"), PathBuf::from);
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut folders: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.retain(|folder| folder.join("cases.jsonl").is_file());
    folders.sort();
    folders.into_iter().map(|folder| Set::read(folder, None)).collect()
}

/// Vesta's own languages, with sentences made up from their templates, in the home of their tests.
pub fn own() -> Vec<Set> {
    let entries = std::fs::read_dir(root().join("intents")).expect("the languages are part of the repository");
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    folders.retain(|folder| folder.join("sentences").is_dir());
    folders.sort();
    folders
        .into_iter()
        .map(|language| {
            let made = tempfile::tempdir().expect("a temporary folder");
            let (dictionary, tree) = own_dictionary(&language);
            let home = own_home(&language);
            let names = names_of(&home);
            let area = home["areas"][0].clone();
            let samples = dictionary.sample(&names, 1, 1);
            let step = samples.len().div_ceil(OWN_CASES).max(1);
            let cases = samples.iter().step_by(step).map(|sample| {
                json!({"home": usize::from(sample.context.contains_key("area")), "text": sample.text}).to_string()
            });
            let write = |name: &str, text: String| std::fs::write(made.path().join(name), text).expect("written");
            write("cases.jsonl", cases.collect::<Vec<_>>().join("\n"));
            write("intents.json", tree.to_string());
            let mut elsewhere = home.clone();
            elsewhere["area_context"] = area;
            write("homes.json", json!([home, elsewhere]).to_string());
            Set::read(made.path().to_owned(), Some((language, made)))
        })
        .collect()
}

impl Set {
    fn read(folder: PathBuf, own: Option<(PathBuf, tempfile::TempDir)>) -> Self {
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let place = own.as_ref().map_or(folder.as_path(), |(language, _)| language);
        let language = place.file_name().expect("a name").to_string_lossy().into_owned();
        let intents = read("intents.json");
        let numbers = if own.is_some() { String::new() } else { number_words(&language) };
        let parts = [("intents.json", intents.as_str()), ("numbers.yaml", numbers.as_str())];
        let dictionary = Dictionary::load(&parts).unwrap_or_else(|e| panic!("{language}: {e}"));
        let homes = vesta_intents::cli::homes(&read("homes.json")).expect("homes");
        let case = |line: &str| {
            let case: Value = serde_json::from_str(line).expect("JSON");
            (case["home"].as_u64().expect("a home") as usize, case["text"].as_str().expect("a text").to_owned())
        };
        let cases = read("cases.jsonl").lines().map(case).collect();
        Self { language, dictionary, homes, cases, folder, _made: own.map(|(_, made)| made) }
    }

    /// The dictionary as it is written.
    pub fn file(&self) -> PathBuf {
        self.folder.join("intents.json")
    }

    /// What the reference makes of all cases, each timed `rounds` times.
    ///
    /// # Panics
    /// The reference is not installed, or fails.
    pub fn reference(&self, rounds: usize) -> Vec<Answer> {
        let cache = std::env::var("VESTA_CACHE").unwrap_or_else(|_| format!("{}/.cache/vesta", env_home()));
        let python = Path::new(&cache).join("python-peers/bin/python");
        let output = Command::new(&python)
            .arg(root().join("tests/peers/recognize.py"))
            .arg(&self.folder)
            .arg(rounds.to_string())
            .output()
            .unwrap_or_else(|e| panic!("{}: {e}; run script/setup --tests", python.display()));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let answers: Vec<Answer> = text
            .lines()
            .skip(1)
            .map(|line| {
                let mut answer: Value = serde_json::from_str(line).expect("JSON");
                Answer { us: answer["us"].as_f64().expect("a time"), result: answer["result"].take() }
            })
            .collect();
        assert_eq!(answers.len(), self.cases.len(), "one answer a case");
        answers
    }
}

fn env_home() -> String {
    std::env::var("HOME").unwrap_or_default()
}

/// How the language says numbers, from the repository; empty where it is not known.
pub fn number_words(language: &str) -> String {
    let base = language.split('-').next().unwrap_or(language);
    let names = [language, base].map(|tag| [format!("numbers/{tag}.yaml"), format!("{tag}/sentences/numbers.yaml")]);
    names
        .iter()
        .flatten()
        .find_map(|name| std::fs::read_to_string(root().join("intents").join(name)).ok())
        .unwrap_or_default()
}

/// One of Vesta's own languages by its folder: loaded, and as one tree.
pub fn own_dictionary(language: &Path) -> (Dictionary, Value) {
    let mut files = yaml_in(&language.join("sentences"));
    files.extend(yaml_in(language));
    let mut tree = json!({});
    for (_, text) in &files {
        merge(&mut tree, parse(text));
    }
    let parts: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    (Dictionary::load(&parts).unwrap_or_else(|error| panic!("{error}")), tree)
}

/// The home that a language's tests are spoken in, in the form of a `homes.json`.
pub fn own_home(language: &Path) -> Value {
    let text = std::fs::read_to_string(language.join("tests/home.yaml")).expect("every language has a home");
    let mut home = parse(&text);
    let names: Vec<Value> = home["names"].as_array().into_iter().flatten().map(name_of).collect();
    home["names"] = Value::Array(names);
    home["area_context"] = Value::Null;
    home
}

fn name_of(name: &Value) -> Value {
    json!({"in": name["text"], "out": name["text"], "context": {"domain": name["domain"]}})
}

/// The names of a home in the form of a `homes.json`.
pub fn names_of(home: &Value) -> Names {
    let homes = vesta_intents::cli::homes(&home.to_string()).expect("a home");
    homes.into_iter().next().expect("one home").names
}

fn yaml_in(folder: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder).expect("a language's folder");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let yaml = paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let read = |path: PathBuf| (path.display().to_string(), std::fs::read_to_string(&path).expect("readable"));
    let sorted: BTreeMap<String, String> = yaml.map(read).collect();
    sorted.into_iter().collect()
}

fn parse(text: &str) -> Value {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).expect("YAML")
}

fn merge(base: &mut Value, new: Value) {
    match (base, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in new {
                match old.get_mut(&key) {
                    Some(known) => merge(known, value),
                    None => {
                        old.insert(key, value);
                    }
                }
            }
        }
        (Value::Array(old), Value::Array(mut new)) => old.append(&mut new),
        (base, new) => *base = new,
    }
}

/// A home with this many names, all lights and fans, in ten rooms; and a thousand sentences about them.
pub fn large_home(count: usize) -> (Names, Vec<String>) {
    let rooms = ["kitchen", "office", "hall", "attic", "garage", "cellar", "study", "nursery", "porch", "den"];
    let things = ["light", "lamp", "fan", "plug", "blind", "sensor", "heater", "speaker", "spot", "strip"];
    let templates = [
        "turn on the {}",
        "set the {} to fifty percent",
        "is the {} on",
        "turn off all lights in the {}",
        "what is the state of {}",
        "dim {} to 20 %",
        "please toggle the {}",
    ];
    let mut names = Names::builder();
    let mut said = Vec::with_capacity(count);
    for i in 0..count {
        let thing = things[i / 10 % 10];
        let text = format!("{} {thing} {}", rooms[i % 10], i / 100 + 1);
        let domain = if thing == "fan" { "fan" } else { "light" };
        let context: Context = Map::from_iter([("domain".to_owned(), json!(domain))]);
        said.push(text.clone());
        names = names.name(NameEntry { text, value: json!(i), context, ..NameEntry::default() });
    }
    for room in rooms {
        names = names.area(room, room);
    }
    let sentence = |i: usize| templates[i % templates.len()].replace("{}", &said[(i * 7919) % said.len()]);
    (names.build(), (0..1000).map(sentence).collect())
}

/// Equality in which `1` and `1.0` are the same number.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x.as_f64() == y.as_f64(),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, v)| y.get(key).is_some_and(|w| same(v, w)))
        }
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(v, w)| same(v, w)),
        _ => a == b,
    }
}
