//! Every folder under `intents/` is a language: its files load, and its own tests hold.

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

fn names(home: &Value) -> Names {
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
    for floor in home["floors"].as_array().into_iter().flatten() {
        names = names.floor(floor.as_str().unwrap(), floor.clone());
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
        let area = &self.value["area"];
        if area.is_null() { Map::new() } else { Map::from_iter([("area".to_owned(), area.clone())]) }
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
        let names = names(&home.unwrap_or_else(|| panic!("{} needs tests/home.yaml", language.display())));
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
