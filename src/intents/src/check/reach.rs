//! Whether every sentence can be said and is understood as its own intent.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value};

use super::Checker;
use crate::context::Context;
use crate::dictionary::Dictionary;
use crate::graph::Block;
use crate::load::shorten;
use crate::names::{NameEntry, Names};
use crate::raw::{RawBlock, RawIntent, block_path, within};
use crate::recognize::RecognizeError;
use crate::sample::{FROM_CALLER, Sample};
use crate::sources::Step::{Item, Key};

/// Sentences made up per template to see whether it can be reached.
const SAMPLES: usize = 4;
/// And more of a template that none of those reached: what says much in many ways is rarely chosen in its own.
const MORE_SAMPLES: usize = 60;

/// Says sentences made up from every template and looks at what is understood.
pub(super) fn check(checker: &mut Checker<'_>, dictionary: &Dictionary, intents: &[(String, RawIntent)]) {
    let blocks: Vec<(&str, &RawBlock)> = intents
        .iter()
        .flat_map(|(intent, definition)| definition.data.iter().map(move |block| (intent.as_str(), block)))
        .collect();
    let twice = twice(&blocks);
    let names = invented_home(dictionary);
    let mut reached: BTreeMap<usize, Reached> = BTreeMap::new();
    for (number, sample) in dictionary.sample_numbered(&names, SAMPLES, 1) {
        reached.entry(number).or_default().see(dictionary, &names, sample);
    }
    for (number, reached) in &mut reached {
        if !reached.itself && reached.refused.is_none() {
            for sample in dictionary.sample_more(*number, &names, MORE_SAMPLES, 2) {
                reached.see(dictionary, &names, sample);
            }
        }
    }
    for (number, reached) in reached {
        let Some(sentence) = dictionary.graph.sentences.get(number) else { continue };
        let Some((intent, block)) = blocks.get(sentence.block as usize) else { continue };
        let item = block.sentences.iter().position(|text| *text == sentence.text).unwrap_or_default();
        let path = within(&block_path(intent, block.number), &[Key("sentences"), Item(item)]);
        if let Some((sample, error)) = &reached.refused {
            checker.warn(&path, format!("{intent}: \"{}\" is not understood: {error}", shorten(&sample.text)));
        }
        if let Some(message) = reached.message(intent, twice.contains(sentence.text.as_str())) {
            checker.warn(&path, message);
        }
    }
}

/// Sentences that are there in several intents, which was said already.
fn twice<'r>(blocks: &[(&str, &'r RawBlock)]) -> HashSet<&'r str> {
    let plain = |block: &RawBlock| block.requires_context.is_empty() && block.excludes_context.is_empty();
    let mut seen = HashSet::new();
    let sentences = blocks.iter().filter(|(_, block)| plain(block)).flat_map(|(_, block)| &block.sentences);
    sentences.map(String::as_str).filter(|text| !seen.insert(*text)).collect()
}

/// What became of the sentences that a template makes.
#[derive(Default)]
struct Reached {
    /// Its intent was understood.
    intent: bool,
    /// The template itself was what matched.
    itself: bool,
    /// A sentence that another template of its intent took.
    covered: String,
    /// A sentence that means something else, and what.
    instead: Option<Instead>,
    /// A sentence that was not looked at to the end.
    refused: Option<(Sample, RecognizeError)>,
}

struct Instead {
    sample: Sample,
    /// The template that took it; empty where none did.
    by: String,
    meant: String,
}

impl Reached {
    fn see(&mut self, dictionary: &Dictionary, names: &Names, sample: Sample) {
        match dictionary.try_recognize(&sample.text, names, &sample.context) {
            Err(error) => self.refused = Some((sample, error)),
            Ok(Some(found)) if found.intent == sample.intent => {
                self.intent = true;
                if found.sentence == sample.sentence {
                    self.itself = true;
                } else {
                    let (text, other) = (shorten(&sample.text), shorten(&found.sentence));
                    self.covered =
                        format!("{}: never reached; \"{text}\" is understood through `{other}`", found.intent);
                }
            }
            Ok(Some(found)) => {
                let meant = format!("{} through `{}`", found.intent, shorten(&found.sentence));
                self.instead = Some(Instead { sample, by: found.sentence, meant });
            }
            Ok(None) => self.instead = Some(Instead { sample, by: String::new(), meant: "nothing".into() }),
        }
    }

    /// What is wrong; `is_known` where it was said that the same template is there twice.
    fn message(self, intent: &str, is_known: bool) -> Option<String> {
        match self.instead {
            Some(Instead { sample, by, .. }) if is_known && by == sample.sentence => None,
            Some(Instead { sample, meant, .. }) => {
                let never = if self.intent { "" } else { "never reached; " };
                Some(format!("{intent}: {never}\"{}\" is understood as {meant}", shorten(&sample.text)))
            }
            None if self.itself || self.covered.is_empty() => None,
            None => {
                let covered = self.covered;
                Some(format!("{covered}; whatever else it says is said as well by other sentences of its intent"))
            }
        }
    }
}

/// A home with one name of every kind that some sentence asks for.
fn invented_home(dictionary: &Dictionary) -> Names {
    let mut kinds: BTreeMap<String, Context> = BTreeMap::new();
    for block in &dictionary.graph.blocks {
        for context in contexts_of(block) {
            kinds.insert(Value::Object(context.clone()).to_string(), context);
        }
    }
    let mut names = Names::builder();
    for (number, (_, context)) in kinds.into_iter().enumerate() {
        let text = format!("xylo{number}");
        names = names.name(NameEntry { value: Value::from(text.as_str()), text, context, metadata: Map::new() });
    }
    names.area("quadro", "quadro").floor("tertia", "tertia").build()
}

/// Contexts that satisfy what a block demands of a name.
fn contexts_of(block: &Block) -> Vec<Context> {
    let mut contexts = vec![Context::new()];
    for (key, wanted) in block.requires.iter().filter(|(key, _)| !FROM_CALLER.contains(&key.as_str())) {
        let wanted = match wanted {
            Value::Object(map) => map.get("value").cloned().unwrap_or_default(),
            other => other.clone(),
        };
        let values = match wanted {
            Value::Null => continue,
            Value::Array(values) => values,
            one => vec![one],
        };
        contexts = contexts
            .iter()
            .flat_map(|context| {
                values.iter().take(4).map(move |value| {
                    let mut more = context.clone();
                    more.insert(key.clone(), value.clone());
                    more
                })
            })
            .take(16)
            .collect();
    }
    contexts
}
