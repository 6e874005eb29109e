//! Repairs of what speech recognition misheard: "turn on the kitchen lite".
//!
//! Only words that are neither in the dictionary nor in the home's names are ever replaced, each by a word that sounds or is
//! spelt alike; everything else stays as it was heard. So a repair can complete a command, but not turn one into another.
//! How words sound is the language's matter (`sounds`, a list of replacements in order; `$` stands for the end of the word).

use std::collections::HashSet;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::context::Context;
use crate::dictionary::Dictionary;
use crate::graph::{Graph, List, Node};
use crate::names::Names;
use crate::recognize::Recognition;
use crate::text::{Tracked, fold};

/// From this confidence on a repair may be acted on.
pub const SURE: f32 = 0.72;
/// Below this confidence a repair is not even worth a question.
const ASKABLE: f32 = 0.55;
/// A repair is only sure when the next different meaning is this much less likely.
const MARGIN: f32 = 0.08;
/// More words than this are not repaired in one sentence.
const MAX_REPAIRS: usize = 2;
/// Likely words tried for each that is not known.
const MAX_CHOICES: usize = 6;
/// What leaving out an unknown word costs: enough that it always leads to a question.
const DROP_COST: f32 = 0.3;
/// Words less alike than this are not tried.
const MIN_LIKENESS: f32 = 0.5;
/// Length in characters from which on one different letter weighs little.
const LONG_WORD: usize = 8;

/// What a sentence that matches nothing exactly may have meant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Repaired {
    /// One meaning, likely enough to act on: its `confidence` is at least [`SURE`] and its `repairs` say what was changed.
    Sure(Box<Recognition>),
    /// Meanings to ask about ("did you mean the living room lamp?"), the likeliest first, at most three.
    Unsure(Vec<Recognition>),
    /// Nothing comes close.
    Nothing,
}

/// What to do with a sentence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Understanding {
    /// Do this, in this order. A single command may be a repaired one: its `confidence` says so.
    Commands(Vec<Recognition>),
    /// Ask which of these was meant, the likeliest first.
    Ask(Vec<Recognition>),
    /// Nothing the dictionary knows.
    Nothing,
}

/// The words of a dictionary, and how its language sounds.
#[derive(Debug, Default)]
pub(crate) struct Words {
    known: HashSet<String>,
    /// Words that may stand in for an unknown one, with their sound.
    choices: Vec<(String, String)>,
    sounds: Vec<(String, String)>,
}

impl Words {
    pub(crate) fn new(graph: &Graph, sounds: Vec<(String, String)>) -> Self {
        let mut words = Self { sounds, ..Self::default() };
        let mut add = |text: &str| {
            for word in text.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|w| !w.is_empty()) {
                words.known.insert(word.to_owned());
            }
        };
        for node in &graph.nodes {
            if let Node::Text(literal) = node {
                add(&literal.text);
            }
        }
        for list in &graph.lists {
            match list {
                List::Values { values, .. } => values.index.iter().take(10_000).for_each(|(text, _)| add(text)),
                List::Range(range) => range.words.index.iter().for_each(|(text, _)| add(text)),
                _ => {}
            }
        }
        let mut choices: Vec<String> = words.known.iter().filter(|w| w.chars().count() > 2).cloned().collect();
        choices.sort();
        words.choices = choices.into_iter().map(|word| (words.sound(&word), word)).map(|(s, w)| (w, s)).collect();
        words
    }

    fn is_known(&self, word: &str, home: &HashSet<String>) -> bool {
        let known = |part: &str| self.known.contains(part) || home.contains(part);
        // Templates write "light[s]", so a word may be two of their parts.
        known(word)
            || word.chars().all(|c| !c.is_alphabetic())
            || word.char_indices().skip(1).any(|(at, _)| {
                word.get(..at).is_some_and(known) && word.get(at..).is_some_and(|s| self.known.contains(s))
            })
    }

    /// How a word sounds, roughly: the language's replacements, then doubled letters made single.
    fn sound(&self, word: &str) -> String {
        let mut sound = word.to_owned();
        for (from, to) in &self.sounds {
            match from.strip_suffix('$') {
                Some(ending) => {
                    if sound.len() > ending.len()
                        && let Some(stem) = sound.strip_suffix(ending)
                    {
                        sound = format!("{stem}{to}");
                    }
                }
                None => sound = sound.replace(from.as_str(), to),
            }
        }
        let mut single = String::with_capacity(sound.len());
        for c in sound.chars() {
            if !single.ends_with(c) {
                single.push(c);
            }
        }
        single
    }
}

/// From 0 to 1: the better of how alike two words are spelt and how alike they sound.
fn likeness(a: (&str, &str), b: (&str, &str)) -> f32 {
    let spelt = strsim::normalized_damerau_levenshtein(a.0, b.0);
    let sound = strsim::normalized_damerau_levenshtein(a.1, b.1);
    // Equal sound is not quite the same as equal spelling.
    spelt.max(sound.min(0.95)) as f32
}

struct Attempt {
    words: Vec<String>,
    confidence: f32,
    repairs: Vec<(String, String)>,
}

impl Dictionary {
    /// Everything this crate can do with a sentence: one command or several, or else the repair of a single one.
    #[must_use]
    pub fn understand(&self, text: &str, names: &Names, context: &Context) -> Understanding {
        if let Some(commands) = self.recognize_all(text, names, context) {
            return Understanding::Commands(commands);
        }
        match self.repair(text, names, context) {
            Repaired::Sure(command) => Understanding::Commands(vec![*command]),
            Repaired::Unsure(meanings) => Understanding::Ask(meanings),
            Repaired::Nothing => Understanding::Nothing,
        }
    }

    /// What a text may have meant that [`Dictionary::recognize`] does not understand. For a text that it does understand
    /// the answer is that result, with confidence 1.
    #[must_use]
    pub fn repair(&self, text: &str, names: &Names, context: &Context) -> Repaired {
        if let Some(exact) = self.recognize(text, names, context) {
            return Repaired::Sure(Box::new(exact));
        }
        let home = names.words();
        let said = fold(&Tracked::new(text).text());
        let words: Vec<&str> = said.split(' ').filter(|w| !w.is_empty()).collect();
        let unknown: Vec<usize> =
            words.iter().enumerate().filter(|(_, w)| !self.words.is_known(w, home)).map(|(i, _)| i).collect();
        if unknown.is_empty() || unknown.len() > MAX_REPAIRS || unknown.len() * 2 > words.len() {
            return Repaired::Nothing;
        }
        let mut results: Vec<Recognition> = Vec::new();
        for attempt in self.attempts(&words, &unknown, home) {
            if let Some(mut result) = self.recognize(&attempt.words.join(" "), names, context) {
                result.confidence = attempt.confidence;
                result.repairs = attempt.repairs;
                for slot in result.slots.values_mut() {
                    // Spans of the repaired text mean nothing in the one that was heard.
                    slot.span = 0..0;
                }
                match results.iter_mut().find(|r| same_meaning(r, &result)) {
                    Some(known) if known.confidence >= result.confidence => {}
                    Some(known) => *known = result,
                    None => results.push(result),
                }
            }
        }
        results.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        results.retain(|r| r.confidence >= ASKABLE);
        let next = results.get(1).map_or(0.0, |r| r.confidence);
        match results.first() {
            None => Repaired::Nothing,
            Some(first) if first.confidence >= SURE && first.confidence - next >= MARGIN => {
                Repaired::Sure(Box::new(results.swap_remove(0)))
            }
            Some(_) => {
                results.truncate(3);
                Repaired::Unsure(results)
            }
        }
    }

    /// All ways to replace the unknown words.
    fn attempts(&self, words: &[&str], unknown: &[usize], home: &HashSet<String>) -> Vec<Attempt> {
        let start =
            Attempt { words: words.iter().map(|w| (*w).to_owned()).collect(), confidence: 1.0, repairs: Vec::new() };
        let mut attempts = vec![start];
        for at in unknown {
            let Some(heard) = words.get(*at) else { continue };
            let mut next = Vec::new();
            for attempt in &attempts {
                for (word, likeness) in self.alike(heard, home) {
                    let mut repaired = attempt.words.clone();
                    if let Some(place) = repaired.get_mut(*at) {
                        place.clone_from(&word);
                    }
                    let mut repairs = attempt.repairs.clone();
                    repairs.push(((*heard).to_owned(), word));
                    next.push(Attempt { words: repaired, confidence: attempt.confidence * likeness, repairs });
                }
                let mut dropped = attempt.words.clone();
                if let Some(place) = dropped.get_mut(*at) {
                    place.clear();
                }
                let mut repairs = attempt.repairs.clone();
                repairs.push(((*heard).to_owned(), String::new()));
                next.push(Attempt { words: dropped, confidence: attempt.confidence - DROP_COST, repairs });
            }
            attempts = next;
        }
        attempts
    }

    /// The known words most like `heard`. Names of the home come first among equals: they are what is talked about.
    fn alike(&self, heard: &str, home: &HashSet<String>) -> Vec<(String, f32)> {
        let sound = self.words.sound(heard);
        let long = heard.chars().count().min(LONG_WORD) as f32 / LONG_WORD as f32;
        let mut alike: Vec<(String, f32)> = Vec::new();
        let mut consider = |word: &str, word_sound: &str| {
            let likeness = likeness((heard, &sound), (word, word_sound));
            if likeness >= MIN_LIKENESS {
                // In a long word the same share of wrong letters leaves more to go by.
                alike.push((word.to_owned(), likeness + (1.0 - likeness) * 0.3 * long));
            }
        };
        for word in home {
            consider(word, &self.words.sound(word));
        }
        for (word, word_sound) in self.words.choices.iter().filter(|(word, _)| !home.contains(word)) {
            consider(word, word_sound);
        }
        alike.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        alike.truncate(MAX_CHOICES);
        alike
    }
}

fn same_meaning(a: &Recognition, b: &Recognition) -> bool {
    let values =
        |r: &Recognition| r.slots.iter().map(|(k, s)| (k.clone(), s.value.clone())).collect::<Map<String, Value>>();
    a.intent == b.intent && values(a) == values(b)
}
