//! Any sentence in any home: an answer, with slots that lie in the text, and the same word about whether it is complete.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use vesta_intents::{Context, Dictionary, NameEntry, Names};

const SENTENCES: &str = r#"
language: en
skip_words: [please, could you]
joiners: [and, ",", and then]
command_slots: [command]
sounds: [[ph, f], [ite$, ait]]
numbers:
  words: {0: zero, 1: one, 2: two, 20: twenty}
  compose: [{from: 21, to: 99, unit: 10, say: "{base}-{rest}"}]
  halves: "{whole} and a half"
lists:
  colour: {values: [red, {in: "[dark] blue", out: blue}, "sky-blue"]}
  level: {range: {from: 0, to: 100, step: 5}}
  degrees: {range: {from: 5, to: 30, fractions: halves}}
  anything: {wildcard: true}
expansion_rules:
  the: "(the|my|all [of] the)"
  set: "(set|make|turn)"
intents:
  On: {data: [{sentences: ["turn on [<the>] {name}", "[<the>] {name} on", "<the> light[s] (in|of) [<the>] {area} on"]}]}
  Colour: {data: [{sentences: ["<set> [<the>] {name} [to] {colour}", "({colour};[<the>] {name};now)"], requires_context: {domain: light}}]}
  Level: {data: [{sentences: ["<set> {name} to {level}[ ](%|percent)", "{area}licht auf {degrees} [grad]"]}]}
  Play: {data: [{sentences: ["play {anything}", "play {anything} in [<the>] {area}", "{anything} by {anything:artist} [please]"]}]}
  Later: {data: [{sentences: ["{anything:command} in {level} minutes", "{anything:command} later {anything:command}"]}]}
  Here: {data: [{sentences: ["stop [it] [here]"], requires_context: {area: {slot: true}}, response: here}]}
"#;

fn dictionary() -> &'static Dictionary {
    static DICTIONARY: OnceLock<Dictionary> = OnceLock::new();
    DICTIONARY.get_or_init(|| Dictionary::load(&[("fuzz.yaml", SENTENCES)]).expect("it is well-formed"))
}

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let said = lines.next().unwrap_or_default();
    let mut names = Names::builder();
    for (number, name) in lines.take(20).enumerate() {
        let mut context = Context::new();
        context.insert("domain".into(), if number % 2 == 0 { "light".into() } else { "fan".into() });
        names = names.name(NameEntry { text: name.into(), value: number.into(), context, ..NameEntry::default() });
        names = if number % 3 == 0 { names.area(name, number) } else { names };
    }
    let names = names.build();
    let mut context = Context::new();
    context.insert("area".into(), "kitchen".into());
    let dictionary = dictionary();
    let whole = dictionary.try_recognize(said, &names, &context);
    let partial = dictionary.partial(said, &names, &context);
    if let Ok(Some(found)) = whole {
        assert!(partial.complete, "{said:?} is understood, but not complete");
        for slot in found.slots.values() {
            assert!(said.get(slot.span.clone()).is_some(), "{slot:?} is not in {said:?}");
        }
    }
    let _ = dictionary.understand(said, &names, &context);
    let _ = dictionary.explain(said, &names, &context);
});
