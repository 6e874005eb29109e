//! Shows how sentences are understood: `cargo run --release -p vesta-intents --example understand -- intents/en`, one
//! sentence a line on standard input, spoken in the home of the language's tests. `name = value` on a line by itself sets
//! the context, such as `area = Kitchen`; a leading `?` explains, a leading `~` asks about a beginning.

#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a tool for developers")]

use std::io::BufRead;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use vesta_intents::{Context, Dictionary, NameEntry, Names};

fn yaml_in(folder: &Path) -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "yaml"));
    paths.sort();
    paths.into_iter().map(|p| (p.display().to_string(), std::fs::read_to_string(p).unwrap())).collect()
}

fn names(home: &Value) -> Names {
    let list = |key: &str| home.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut names = Names::builder();
    for entry in list("names") {
        let text = entry.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut context = Map::new();
        context.insert("domain".into(), entry.get("domain").cloned().unwrap_or_default());
        names = names.name(NameEntry { value: text.clone().into(), text, context, ..NameEntry::default() });
    }
    for area in list("areas") {
        names = names.area(area.as_str().unwrap_or_default(), area.clone());
    }
    for floor in list("floors") {
        names = names.floor(floor.as_str().unwrap_or_default(), floor.clone());
    }
    names.build()
}

fn main() {
    let language = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "intents/en".into()));
    let mut files = yaml_in(&language.join("sentences"));
    files.extend(yaml_in(&language));
    let parts: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let dictionary = Dictionary::load(&parts).unwrap();
    let home = std::fs::read_to_string(language.join("tests/home.yaml")).unwrap();
    let names = names(&serde_saphyr::from_str(&home).unwrap());
    let mut context = Context::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        if let Some((key, value)) = line.split_once(" = ") {
            context.insert(key.to_owned(), json!(value));
        } else if let Some(text) = line.strip_prefix('?') {
            print!("{}", dictionary.explain(text, &names, &context).unwrap());
        } else if let Some(text) = line.strip_prefix('~') {
            println!("{text}: {:?}", dictionary.partial(text, &names, &context));
        } else {
            let all = dictionary.recognize_all(&line, &names, &context);
            let all: Vec<Value> = all.iter().flatten().map(vesta_intents::cli::summary).collect();
            println!("{line}: {}", if all.is_empty() { "-".to_owned() } else { Value::from(all).to_string() });
        }
    }
}
