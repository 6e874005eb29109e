//! What is wrong with a dictionary, and where.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

use vesta_intents::{Severity, check};

const YAML: &str = r#"language: en
intents:
  A:
    data:
      - sentences:
          - "turn on [the] {name}"
          - "say <nope>"
  B:
    data:
      - sentences: ["turn on [the] {name}", "hello ({x}|there)", "broken (a"]
        slots: {unused: 1}
lists:
  unused: {values: [a]}
expansion_rules:
  spare: "x"
"#;

#[test]
fn mistakes_are_found_with_file_and_line() {
    let found: Vec<(usize, Severity, String)> = check(&[("a.yaml", YAML)])
        .into_iter()
        .map(|finding| {
            assert_eq!(finding.file, "a.yaml");
            (finding.line, finding.severity, finding.message)
        })
        .collect();
    let has = |line: usize, severity: Severity, words: &str| {
        assert!(
            found.iter().any(|(l, s, message)| (*l, *s) == (line, severity) && message.contains(words)),
            "line {line}: {words} is not among {found:#?}"
        );
    };
    has(7, Severity::Error, "<nope>");
    has(10, Severity::Error, "{x}");
    has(10, Severity::Error, "never closed");
    has(10, Severity::Warning, "already a sentence of A");
    has(13, Severity::Warning, "{unused} is never used");
    has(15, Severity::Warning, "<spare> is never used");
    assert_eq!(found.len(), 6, "{found:#?}");
}

#[test]
fn a_sentence_that_another_intent_always_takes_is_never_reached() {
    let yaml = "language: en\nintents:\n  A:\n    data:\n      - sentences: [\"stop [now]\"]\n  B:\n    data:\n      - sentences: [\"(stop|stop now)\"]\n";
    let found = check(&[("b.yaml", yaml)]);
    assert!(found.iter().any(|f| f.line == 8 && f.message.contains("never reached")), "{found:#?}");
}

#[test]
fn a_sentence_that_another_one_of_its_intent_says_as_well_is_named() {
    let yaml = "language: en\nintents:\n  A:\n    data:\n      - sentences:\n          - \"(turn|switch) on [the] {name} [please]\"\n          - \"switch on {name}\"\n          - \"(switch|flip) on {name}\"\n";
    let found = check(&[("b.yaml", yaml)]);
    let lines: Vec<usize> =
        found.iter().filter(|f| f.message.contains("other sentences of its intent")).map(|f| f.line).collect();
    assert_eq!(lines, [7], "{found:#?}");
}

#[test]
fn json_is_searched_like_yaml() {
    let json = "{\n\"language\": \"en\",\n\"intents\": {\"A\": {\"data\": [{\"sentences\": [\"a\"]}]}},\n\"lists\": {\n\"volume\": {\"wildcard\": true}\n}}";
    let found = check(&[("c.json", json)]);
    assert_eq!(found.iter().map(|f| f.line).collect::<Vec<_>>(), [5], "{found:#?}");
}

/// Line, severity and message of what is found in one file.
fn found(file: &str, text: &str) -> Vec<(usize, Severity, String)> {
    let findings = check(&[(file, text)]);
    assert!(findings.iter().all(|finding| finding.file == file && finding.line > 0), "{findings:#?}");
    findings.into_iter().map(|finding| (finding.line, finding.severity, finding.message)).collect()
}

/// Exactly these: their lines and words of their messages, in order.
fn expect(text: &str, severity: Severity, wanted: &[(usize, &str)]) {
    let found = found("a.yaml", text);
    let found: Vec<_> = found.iter().filter(|(_, of, _)| *of == severity).collect();
    assert_eq!(found.len(), wanted.len(), "{found:#?}");
    for ((line, words), (at, _, message)) in wanted.iter().zip(&found) {
        assert!(line == at && message.contains(words), "line {line}: {words} is not {found:#?}");
    }
}

#[test]
fn a_context_that_is_required_is_given() {
    let yaml = "\
intents:
  A:
    data:
      - sentences: [\"here we go\"]
        requires_context: {area: {value: Kitchen, slot: true}}
      - sentences: [\"there we go\"]
        requires_context: {area: [Hall, Attic]}
      - sentences: [\"which one\"]
        requires_context: {asked: {value: which}}
      - sentences: [\"anywhere\"]
        requires_context: {area: {slot: true}}
";
    expect(yaml, Severity::Warning, &[]);
}
