//! The tables of `tests/tables/<language>.tsv`: what is written, a tab, what is said.

use super::*;

#[test]
fn every_table_loads() {
    for tag in language::all() {
        let language = Language::new(&tag).expect("a well-formed table");
        assert!(!language.table.units.is_empty(), "{tag}");
        assert_eq!(language.table.date.months.len(), 12, "{tag}");
        assert_eq!(language.table.date.days.len(), 31, "{tag}");
    }
}

#[test]
fn what_is_written_is_said() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tables");
    let mut wrong = Vec::new();
    let mut cases = 0;
    for entry in std::fs::read_dir(folder).expect("the tables") {
        let path = entry.expect("an entry").path();
        let tag = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let language = Language::new(&tag).expect("a well-formed table");
        let text = std::fs::read_to_string(&path).expect("text");
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("## ")) {
            let (written, expected) = line.split_once('\t').expect("a tab between the two");
            let said = language.say(&written.replace("\\n", "\n"));
            cases += 1;
            if said != expected {
                wrong.push(format!("{tag}: {written:?}\n   expected {expected:?}\n   said     {said:?}"));
            }
        }
    }
    assert!(cases > 100, "only {cases} cases were found");
    assert!(wrong.is_empty(), "{} of {cases} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn nothing_that_is_written_makes_it_fail() {
    let alphabet: Vec<char> =
        "0123456789 .,:-–/%°CkWh€$#*_`[]()<>|\\\"'~^=+&@!?äß日😀\u{200d}\u{0}\n\t".chars().collect();
    let mut seed: u64 = 1;
    for tag in ["en", "de", "fr", "es", "pl", ""] {
        let language = Arc::new(Language::new(tag).expect("a language"));
        for _ in 0..400 {
            let text: String = (0..40)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    alphabet[(seed >> 33) as usize % alphabet.len()]
                })
                .collect();
            let said = language.say(&text);
            assert!(!said.contains(['\0', '\n', '😀']), "{text:?} gave {said:?}");
            let mut spoken = SpokenText::new(Arc::clone(&language));
            let mut count = spoken.push(&text).len();
            count += spoken.finish().len();
            assert!(count <= text.len());
        }
    }
}

#[test]
fn a_document_is_read_as_sentences() {
    let mut spoken = SpokenText::new(Arc::new(Language::new("en").expect("English")));
    let text = "# Status\n\nThe **kitchen** is at 21.5 °C 😀.\n\n| Room | Light |\n|---|---|\n| Hall | on |\n\n- milk\n- eggs\n\n```sh\nls\n```\nSee [docs](https://x.org/a).";
    let mut clauses = spoken.push(text);
    clauses.extend(spoken.finish());
    let said: Vec<String> = clauses.into_iter().map(|clause| clause.text).collect();
    assert_eq!(
        said,
        [
            "Status.",
            "The kitchen is at 21.5 degrees Celsius.",
            "Room, Light.",
            "Hall, on.",
            "milk.",
            "eggs.",
            "code block.",
            "See docs."
        ]
    );
}
