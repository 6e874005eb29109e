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
fn a_line_is_found_by_structure_and_not_by_its_words() {
    let comment =
        "language: en\n# stop (a comment\nintents:\n  A:\n    data:\n      - sentences:\n          - \"stop (\"\n";
    expect(comment, Severity::Error, &[(7, "never closed")]);
    let longer = "\
intents:
  Go: {data: [{sentences: [\"stop the music\", \"nonstop\"]}]}
  C: {data: [{sentences: [stop]}]}
  B: {data: [{sentences: [\"[now] stop\"]}]}
";
    expect(longer, Severity::Warning, &[(3, "C: never reached; \"stop\" is understood as B")]);
}

#[test]
fn quoted_folded_and_escaped_texts_have_a_line() {
    let yaml = "\
intents:
  A:
    data:
      - sentences:
          - 'it''s (bad'
          - \"folded
            over (two\"
          - \"esc\\u0061ped (x\"
          - &same plain (x
          - >-
            block (x
            y
  B:
    data:
      - sentences: [\"b [x\"]
";
    let lines: Vec<usize> = found("a.yaml", yaml).into_iter().map(|(line, ..)| line).collect();
    assert_eq!(lines, [5, 6, 8, 9, 11, 15]);
    let json = "{\n\t\"intents\": {\"A\": {\"data\": [{\"sentences\": [\n\t\t\"a \\\"b\\\"\",\n\t\t\"\\u0061 \\ud83d\\ude00 (\"\n\t]}]}}\n}";
    assert_eq!(found("a.json", json).into_iter().map(|(line, ..)| line).collect::<Vec<_>>(), [4]);
}

#[test]
fn sentences_of_several_files_are_found_in_theirs() {
    let parts = [
        ("a.yaml", "intents:\n  A:\n    data:\n      - sentences: [a, b]\n"),
        ("b.json", "{\"intents\": {\"A\": {\"data\": [\n{\"sentences\": [\"c\"]},\n{\"sentences\": [\"a (\"]}]}}}"),
    ];
    let findings = check(&parts);
    assert_eq!(findings.iter().map(|f| (f.file.as_str(), f.line)).collect::<Vec<_>>(), [("b.json", 3)]);
    let parts = [("a.yaml", "lists: {l: {values: [a]}}"), ("b.yaml", "lists:\n  l:\n    values: 5\n")];
    let findings = check(&parts);
    assert_eq!(findings.iter().map(|f| (f.file.as_str(), f.line)).collect::<Vec<_>>(), [("b.yaml", 3)]);
}

#[test]
fn what_has_the_wrong_shape_has_a_line() {
    let blocks = "\
intents:
  A:
    data:
      - sentences: \"one string\"
      - sentences:
          - fine
          - 5
          - [6]
      - slots: {}
      - sentences: [x]
        slots: [a]
        response: 7
  B: {data: {}}
  C: text
";
    let wanted = [
        (4, "`sentences` must be a list of texts, not a single one"),
        (7, "put quotes around it: \"5\""),
        (8, "must have texts in it, not a list"),
        (9, "has no `sentences`"),
        (11, "`slots` must be a map"),
        (12, "`response` must be"),
        (13, "`data` must be a list"),
        (14, "not a text"),
    ];
    expect(blocks, Severity::Error, &wanted);
    expect(blocks, Severity::Warning, &[]);
    let rest = "\
skip_words:
  - please
  - 7
responses:
  intents:
    A:
      default: 5
    B: text
  errors:
    no_intent: [a]
numbers: 5
";
    expect(rest, Severity::Error, &[(3, "`7`"), (7, "must be a text"), (8, "expected a map"), (10, "text"), (11, "5")]);
    expect("\n\n- a\n", Severity::Error, &[(3, "expected keys such as `intents:`")]);
    expect("a: 1\nb: [1, 2\n", Severity::Error, &[(2, "unclosed bracket")]);
    assert_eq!(found("a.json", "{\n\"a\": 1,}"), [(2, Severity::Error, "trailing comma".to_owned())]);
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

#[test]
fn all_that_is_wrong_is_reported_at_once() {
    let yaml = "\
intents:
  A:
    data:
      - sentences: [\"x <r>\"]
      - sentences: [\"go {nolist} <norule>\"]
      - sentences: [\"go (\"]
      - sentences: [\"y {p}\", \"z {v}\"]
        expansion_rules: {own: \"<mine>\", mine: \"a <own>\"}
        lists: {q: {values: {}}}
lists:
  l: {range: {from: 5, to: 1}}
  m: {foo: 1}
  p:
    values:
      - {out: 3}
      - \"a [b\"
      - {in: \"a <nothing>\"}
  v: {values: [\"again {v}\"]}
expansion_rules:
  r: \"<r> x\"
  u: \"<w>\"
  w: \"[<u>]\"
  n: 5
";
    let wanted = [
        (5, "there is no expansion rule <norule>; define it"),
        (5, "there is no list {nolist}; define it"),
        (6, "never closed"),
        (8, "<mine> contains itself (<mine> → <own> → <mine>)"),
        (9, "list {q}: `values` must be a list"),
        (11, "list {l}: `from` is larger than `to`"),
        (12, "list {m}: needs `values`"),
        (15, "list {p}: every value needs a text under `in`"),
        (16, "list {p}: `a [b`"),
        (17, "there is no expansion rule <nothing>"),
        (18, "{v} contains itself"),
        (20, "<r> contains itself (<r> → <r>); take the circle apart"),
        (21, "<u> contains itself (<u> → <w> → <u>)"),
        (23, "the body must be a text"),
    ];
    expect(yaml, Severity::Error, &wanted);
}

#[test]
fn nothing_is_called_unknown_where_a_file_cannot_be_read() {
    let sentences = "intents: {A: {data: [{sentences: [\"say <r> {l}\", \"a (\"]}]}}\nlists: {spare: {wildcard: true}}";
    let broken = "expansion_rules: {r: x}\nlists: {l: {values: [a]}\n";
    let findings = check(&[("a.yaml", sentences), ("b.yaml", broken)]);
    let places: Vec<_> = findings.iter().map(|f| (f.file.as_str(), f.line)).collect();
    assert_eq!(places, [("a.yaml", 1), ("b.yaml", 2)], "{findings:#?}");
}

#[test]
fn a_key_that_is_there_twice_is_named() {
    let yaml = "intents:\n  A: {data: [{sentences: [a]}]}\n  A: {data: [{sentences: [b]}]}\nlists: {}\nlists: {}\n";
    let wanted = [
        (3, "the key `A` is there twice, first in line 2; rename one of them, or merge what is under both"),
        (5, "the key `lists` is there twice, first in line 4"),
    ];
    expect(yaml, Severity::Error, &wanted);
    let json = "{\"lists\": {},\n\"lists\": {}}";
    assert!(matches!(found("a.json", json).as_slice(), [(2, Severity::Warning, message)] if message.contains("twice")));
    let inside = "lists:\n  l:\n    values:\n      - {in: a,\n         in: b}\n";
    expect(inside, Severity::Error, &[(5, "the key `in` is there twice; rename")]);
}

#[test]
fn what_the_parser_refuses_is_said_without_its_words() {
    let infinite = "lists:\n  l:\n    values:\n      - {in: a, out: .inf}\n";
    expect(
        infinite,
        Severity::Error,
        &[(4, "`.inf` is no number that can be used; write a finite one, or put quotes")],
    );
    expect("lists: *x\n", Severity::Error, &[(1, "refers to nothing")]);
    expect("a: 1\n---\nb: 2\n", Severity::Error, &[(3, "several documents")]);
}

#[test]
fn a_sentence_over_an_empty_list_can_never_be_said() {
    let yaml = "\
intents:
  A:
    data:
      - sentences: [\"a {none}\", \"b [{none}]\", \"(c|d) <r>\"]
      - sentences: [\"e {own}\", \"f {none}\"]
        lists: {own: {values: []}, none: {values: [x]}}
lists: {none: {values: []}}
expansion_rules: {r: \"({none} x|y <s>)\", s: \"{none}\"}
";
    let wanted = [(4, "A: can never be said, because the list {none} is empty"), (5, "the list {own} is empty")];
    expect(yaml, Severity::Warning, &wanted);
    let each = yaml.replace(", \"", ",\n\"");
    expect(&each, Severity::Warning, &[(4, "{none}"), (6, "{none}"), (7, "{own}")]);
}

#[test]
fn a_sentence_that_is_too_much_work_is_not_called_unreached() {
    let yaml = "intents:\n  A:\n    data:\n      - sentences: [\"([a];[a];[a];[a];[a];[a];[a];[a];[a];[a])\"]\n";
    expect(yaml, Severity::Warning, &[(4, "is not understood: the sentence can be read in too many ways; simplify")]);
}

#[test]
fn a_word_that_is_too_long_is_refused_with_the_limit() {
    let yaml = format!("intents:\n  A:\n    data:\n      - sentences: [\"{}\"]\n", "a".repeat(100_000));
    expect(&yaml, Severity::Error, &[(4, "has 100000 characters without a space; at most 65535 can be matched")]);
}
