//! The same results as the reference matcher on Home Assistant's dictionaries. The cases are data beside the project; where
//! they are missing there is nothing to compare.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout, reason = "a test may")]

use std::path::{Path, PathBuf};

use serde_json::Value;
use vesta_intents::Dictionary;
use vesta_intents::cli::{homes, recognize_line};

fn cases_root() -> PathBuf {
    std::env::var_os("VESTA_CONFORMANCE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/intents"),
        PathBuf::from,
    )
}

/// How the language says numbers, as `vesta intents recognize` adds it to a dictionary that does not tell.
fn number_words(own: &Path, language: &str) -> String {
    let base = language.split('-').next().unwrap_or(language);
    let files = [language, base].map(|tag| [format!("numbers/{tag}.yaml"), format!("{tag}/sentences/numbers.yaml")]);
    files.iter().flatten().find_map(|file| std::fs::read_to_string(own.join(file)).ok()).unwrap_or_default()
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x.as_f64() == y.as_f64(),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| same(v, w)))
        }
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(v, w)| same(v, w)),
        _ => a == b,
    }
}

#[test]
fn same_as_the_reference() {
    let root = cases_root();
    let Ok(entries) = std::fs::read_dir(&root) else { return };
    let mut folders: Vec<PathBuf> =
        entries.map(|e| e.unwrap().path()).filter(|p| p.join("cases.jsonl").is_file()).collect();
    folders.sort();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../intents");
    let (mut all, mut all_wrong) = (0, 0);
    let mut below = Vec::new();
    for folder in &folders {
        let language = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let intents = read("intents.json");
        let words = number_words(&own, &language);
        let dictionary = Dictionary::load(&[("intents.json", &intents), ("numbers.yaml", &words)]).unwrap();
        let homes = homes(&read("homes.json")).unwrap();
        let cases = read("cases.jsonl");
        let mut wrong = Vec::new();
        for line in cases.lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let got = recognize_line(&dictionary, &homes, line).unwrap();
            if !same(&got, &case["expect"]) {
                wrong.push(format!("{line}\n   got {got}"));
            }
        }
        let count = cases.lines().count();
        let share = 100.0 * (count - wrong.len()) as f64 / count as f64;
        println!("{language}: {share:.2} % of {count} the same");
        for difference in &wrong {
            println!("  {difference}");
        }
        if share < 99.5 {
            below.push(format!("{language} {share:.2} %"));
        }
        all += count;
        all_wrong += wrong.len();
    }
    let share = 100.0 * (all - all_wrong) as f64 / all.max(1) as f64;
    println!("{share:.3} % of {all} the same");
    assert!(below.is_empty(), "below 99.5 %: {}", below.join(", "));
    assert!(folders.is_empty() || share >= 99.9, "{share:.3} % of {all}");
}
