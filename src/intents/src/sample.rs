//! Sentences that a dictionary accepts, made up from its templates.

use serde::Serialize;
use serde_json::Value;

use crate::context::{Context, demanded};
use crate::dictionary::Dictionary;
use crate::graph::{Block, List, ListId, Node, NodeId, OfHome, Range};
use crate::list::Fractions;
use crate::names::{ListValue, Names, ValueList};

/// Said where a template has a wildcard.
const WILDCARD: &str = "lorem ipsum";
/// Stands where words of a command inside of the sentence are said (a private character of Unicode).
const COMMAND: char = '\u{e000}';
const ATTEMPTS: usize = 20;
/// How often a command for inside of a sentence is looked for.
const MORE_ATTEMPTS: usize = 100;
/// A sentence of more parts than this is none that anybody says.
const MAX_PARTS: u32 = 4_000;
/// What a context has from whoever asks, and not from a name: the speaker's area, what was said before, what was asked.
pub(crate) const FROM_CALLER: [&str; 3] = ["area", "recent", "asked"];

/// A made-up sentence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample {
    /// The intent of its template.
    pub intent: String,
    /// What could be said.
    pub text: String,
    /// The template it was made from.
    pub sentence: String,
    /// The context that the sentence needs, such as the speaker's area.
    pub context: Context,
}

/// A small generator of choices (xorshift, Marsaglia 2003): the same seed gives the same sentences.
#[derive(Debug, Clone)]
struct Choices {
    state: u64,
    /// Parts that may still be said in this sentence.
    left: u32,
}

impl Choices {
    fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, left: 0 }
    }

    fn below(&mut self, n: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        ((self.state >> 11) % (n.max(1) as u64)) as usize
    }

    fn of<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }
}

impl Dictionary {
    /// Up to `per_sentence` made-up sentences for every template, in the templates' order. `seed` chooses which; templates
    /// that cannot be said in this home (no name of the kind they need) are left out.
    #[must_use]
    pub fn sample(&self, names: &Names, per_sentence: usize, seed: u64) -> Vec<Sample> {
        self.sample_numbered(names, per_sentence, seed).into_iter().map(|(_, sample)| sample).collect()
    }

    /// The same, each with the number of its template.
    pub(crate) fn sample_numbered(&self, names: &Names, per_sentence: usize, seed: u64) -> Vec<(usize, Sample)> {
        let mut choices = Choices::new(seed);
        let mut samples = Vec::new();
        for number in 0..self.graph.sentences.len() {
            let mut own = Vec::new();
            self.sample_one(number, names, per_sentence, &mut choices, &mut own);
            samples.extend(own.into_iter().map(|sample| (number, sample)));
        }
        samples
    }

    /// The same for one template alone.
    pub(crate) fn sample_more(&self, number: usize, names: &Names, wanted: usize, seed: u64) -> Vec<Sample> {
        let mut samples = Vec::new();
        self.sample_one(number, names, wanted, &mut Choices::new(seed), &mut samples);
        samples
    }

    fn sample_one(&self, number: usize, names: &Names, wanted: usize, choices: &mut Choices, out: &mut Vec<Sample>) {
        let Some(sentence) = self.graph.sentences.get(number) else { return };
        let Some(block) = self.graph.blocks.get(sentence.block as usize) else { return };
        for _ in 0..wanted * ATTEMPTS {
            if out.len() >= wanted {
                return;
            }
            let mut text = String::new();
            choices.left = MAX_PARTS;
            if !self.say(sentence.root, block, names, choices, &mut text) {
                continue;
            }
            let Some(text) = self.with_command(text, names, choices) else { continue };
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            if text.is_empty() || out.iter().any(|s| s.text == text) {
                continue;
            }
            out.push(Sample {
                intent: block.intent.clone(),
                text,
                sentence: sentence.text.clone(),
                context: context_for(block, names, choices),
            });
        }
    }

    /// Says a command where the sentence has one inside, divided among its places.
    fn with_command(&self, text: String, names: &Names, choices: &mut Choices) -> Option<String> {
        let places = text.matches(COMMAND).count();
        if places == 0 {
            return Some(text);
        }
        let mut parts = (0..MORE_ATTEMPTS).find_map(|_| self.command(places, names, choices))?.into_iter();
        let mut said = String::new();
        for (place, before) in text.split(COMMAND).enumerate() {
            if place > 0 {
                said.push_str(&parts.next()?);
            }
            said.push_str(before);
        }
        Some(said)
    }

    /// A command, in so many parts, that needs nothing but its own words.
    fn command(&self, parts: usize, names: &Names, choices: &mut Choices) -> Option<Vec<String>> {
        let sentence = choices.of(&self.graph.sentences)?;
        let block = self.graph.blocks.get(sentence.block as usize)?;
        if block.requires.keys().any(|key| FROM_CALLER.contains(&key.as_str())) {
            return None;
        }
        let mut command = String::new();
        if !self.say(sentence.root, block, names, choices, &mut command) {
            return None;
        }
        // Free words and numbers could be read together with what stands around them, and so could a timer.
        let free = command.contains([COMMAND])
            || command.contains(WILDCARD)
            || command.split(' ').any(|word| self.says_number(word));
        let found = self.recognize(&command, names, &Context::new()).filter(|_| !free)?;
        if !found.slots.keys().any(|slot| matches!(slot.as_str(), "name" | "area"))
            || !self.is_command(&command, names, &Context::new())
        {
            return None;
        }
        let mut words: Vec<&str> = command.split_whitespace().collect();
        let mut said = Vec::new();
        for later in (0..parts).rev() {
            let most = words.len().checked_sub(later).filter(|most| *most > 0)?;
            let count = if later == 0 { most } else { choices.below(most) + 1 };
            said.push(words.drain(..count).collect::<Vec<_>>().join(" "));
        }
        if said.iter().rev().skip(1).any(|part| self.ends_in_joiner(part)) {
            return None;
        }
        // Nor may it be another sentence with anything at all beside or inside of it: "play … on the radio".
        let beside =
            [format!("{WILDCARD} {command}"), format!("{command} {WILDCARD}"), said.join(&format!(" {WILDCARD} "))];
        let is_more = |text: &String| *text != command && self.recognize(text, names, &Context::new()).is_some();
        (!beside.iter().any(is_more)).then_some(said)
    }

    /// The list that a list stands for in a home.
    fn list_said(&self, list: ListId, names: &Names) -> Option<&List> {
        let list = self.graph.lists.get(list as usize)?;
        let List::OfHome(of_home) = list else { return Some(list) };
        self.graph.instead_of(*of_home, names).map_or(Some(list), |own| self.graph.lists.get(own as usize))
    }

    fn say(&self, id: NodeId, block: &Block, names: &Names, choices: &mut Choices, out: &mut String) -> bool {
        if choices.left == 0 {
            return false;
        }
        choices.left -= 1;
        match self.graph.node(id) {
            Node::Never => false,
            Node::Text(literal) => {
                out.push_str(&literal.text);
                true
            }
            Node::Sequence(items) => items.iter().all(|item| self.say(*item, block, names, choices, out)),
            Node::Alternative(items) => {
                choices.of(items).is_some_and(|item| self.say(*item, block, names, choices, out))
            }
            Node::Permutation(items) => {
                let mut left = items.to_vec();
                while !left.is_empty() {
                    let item = left.remove(choices.below(left.len()));
                    if !self.say(item, block, names, choices, out) {
                        return false;
                    }
                }
                true
            }
            Node::List(used) => match self.list_said(used.list, names) {
                Some(List::Wildcard) if self.is_command_slot(used.slot) => {
                    out.push(COMMAND);
                    true
                }
                Some(List::Wildcard) => {
                    out.push_str(WILDCARD);
                    true
                }
                Some(List::Range(range)) => say_number(range, choices, out),
                Some(List::Values { values, nodes }) => {
                    let Some(number) = choose(values, block, choices) else { return false };
                    match (nodes.get(&number), values.value(number)) {
                        (Some(node), _) => self.say(*node, block, names, choices, out),
                        (None, Some(value)) => {
                            out.push_str(&value.text);
                            true
                        }
                        _ => false,
                    }
                }
                Some(List::OfHome(of_home)) => {
                    say_name(names.of(*of_home), *of_home == OfHome::Names, block, choices, out)
                }
                None => false,
            },
        }
    }
}

fn choose(values: &ValueList, block: &Block, choices: &mut Choices) -> Option<u32> {
    for _ in 0..ATTEMPTS {
        let number = choices.below(values.values.len()) as u32;
        if values.value(number).is_some_and(|value| value.fits(&block.requires, &block.excludes)) {
            return Some(number);
        }
    }
    None
}

fn say_name(values: &ValueList, is_name: bool, block: &Block, choices: &mut Choices, out: &mut String) -> bool {
    let Some(value) = choose(values, block, choices).and_then(|number| values.value(number)) else { return false };
    // Everything that is demanded and does not come from elsewhere, the name must bring.
    let brings = |key: &str| value.context().is_some_and(|context| context.contains_key(key));
    if is_name && !block.requires.keys().all(|key| FROM_CALLER.contains(&key.as_str()) || brings(key)) {
        return false;
    }
    out.push_str(&value.text);
    true
}

fn say_number(range: &Range, choices: &mut Choices, out: &mut String) -> bool {
    let words: Vec<&str> = range.words.index.iter().map(|(text, _)| text).collect();
    if !words.is_empty() && (!range.raw.digits || choices.below(2) == 0) {
        return choices.of(&words).is_some_and(|word| {
            out.push_str(word);
            true
        });
    }
    let steps = usize::try_from(range.raw.steps()).unwrap_or(usize::MAX);
    let step = choices.below(steps.saturating_add(1)) as i64;
    let number = range.raw.from.saturating_add(range.raw.step.saturating_mul(step)).min(range.raw.to);
    out.push_str(&number.to_string());
    if range.raw.fractions == Some(Fractions::Halves) && choices.below(4) == 0 {
        out.push_str(".5");
    }
    range.raw.digits
}

/// What the block demands of its context and no word of it can provide.
fn context_for(block: &Block, names: &Names, choices: &mut Choices) -> Context {
    let mut context = Context::new();
    for key in FROM_CALLER {
        let Some(wanted) = block.requires.get(key) else { continue };
        let value = match demanded(wanted) {
            Some(Value::Array(any)) => choices.of(any).cloned(),
            Some(one) => Some(one.clone()),
            None if key == "area" => choices.of(&names.areas.values).and_then(ListValue::value),
            None => None,
        };
        if let Some(value) = value {
            context.insert(key.to_owned(), value);
        }
    }
    context
}
