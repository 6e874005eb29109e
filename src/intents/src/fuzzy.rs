//! Repairs of what speech recognition misheard: "turn on the kitchen lite".
//!
//! A sentence that is understood as it is stays as it is, so a repair can complete a command, but not turn one into another.
//! Words that are neither in the dictionary nor in the home's names are replaced by words that sound or are spelt alike; where
//! all words are known, a single one.
//! How words sound is the language's matter (`sounds`, a list of replacements in order; `$` stands for the end of the word).

use std::collections::HashSet;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::context::Context;
use crate::dictionary::Dictionary;
use crate::names::Names;
use crate::recognize::Recognition;
use crate::text::{Tracked, fold};

/// From this confidence on a repair may be acted on.
pub const SURE: f32 = 0.68;
/// Below this confidence a repair is not even worth a question.
const ASKABLE: f32 = 0.55;
/// A repair is only sure when the next different meaning is this much less likely.
const MARGIN: f32 = 0.12;
/// More words than this are not repaired in one sentence.
const MAX_REPAIRS: usize = 2;
/// Longer words are not repaired.
const MAX_LETTERS: usize = 40;
/// Words whose lengths differ by more letters are not taken for each other.
const MAX_LENGTH_DIFFERENCE: usize = 3;
/// Longer sentences are not repaired.
const MAX_WORDS: usize = 24;
/// Likely words tried for each that is not known.
const MAX_CHOICES: usize = 12;
/// How sure a repair is that only changes what is one word and what is two.
const RESPACED: f32 = 0.95;
/// More such repairs are not tried.
const MAX_RESPACED: usize = 8;
/// A word that is known is less likely to be wrong: "locked" is not "closed", nor "warmer" "darker", unless they are alike.
const KNOWN_WORD: f32 = 0.91;
/// What leaving out an unknown word costs: enough that it always leads to a question.
const DROP_COST: f32 = 0.35;
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

impl Attempt {
    /// The same with another word in one place.
    fn with(&self, at: usize, word: &str, confidence: f32) -> Self {
        let (mut words, mut repairs) = (self.words.clone(), self.repairs.clone());
        if let Some(place) = words.get_mut(at) {
            repairs.push((std::mem::replace(place, word.to_owned()), word.to_owned()));
        }
        Self { words, confidence, repairs }
    }
}

impl Dictionary {
    /// Everything this crate can do with a sentence: one command or several, or else the repair of a single one.
    #[must_use]
    pub fn understand(&self, text: &str, names: &Names, context: &Context) -> Understanding {
        let is_free = |commands: &[Recognition]| matches!(commands, [one] if self.free_slots(one) > 0);
        if let Some(commands) = self.recognize_all(text, names, context).filter(|commands| !is_free(commands)) {
            return Understanding::Commands(commands);
        }
        match self.repair(text, names, context) {
            Repaired::Sure(command) => Understanding::Commands(vec![*command]),
            Repaired::Unsure(meanings) => Understanding::Ask(meanings),
            Repaired::Nothing => Understanding::Nothing,
        }
    }

    /// What a text may have meant that [`Dictionary::recognize`] does not understand. For a text that it does understand
    /// the answer is that result, with confidence 1; but where a wildcard took words that nobody knows, or words beside a name of the
    /// home, and a repair needs no wildcard, both are asked about: "put on the wall" may be music or the hall.
    #[must_use]
    pub fn repair(&self, text: &str, names: &Names, context: &Context) -> Repaired {
        let Ok(exact) = self.try_recognize(text, names, context) else { return Repaired::Nothing };
        if let Some(exact) = exact.as_ref().filter(|exact| self.free_slots(exact) == 0) {
            return Repaired::Sure(Box::new(exact.clone()));
        }
        let home = names.words();
        let said = fold(&Tracked::new(text).text());
        let mut words: Vec<&str> = said.split(' ').filter(|w| !w.is_empty()).collect();
        if words.len() > MAX_WORDS {
            // Nobody commands a house like this.
            words.clear();
        }
        // "Put on the like upstairs" is no music: who says a name of the home means the home.
        let of_the_home = words.iter().any(|word| home.contains(*word));
        let mut results: Vec<Recognition> = Vec::new();
        for attempt in self.attempts(&words, home, exact.is_some() && !of_the_home) {
            if let Some(mut result) = self.recognize(&attempt.words.join(" "), names, context) {
                // Nor is a word to be left out that the exact result has a place for: "play classical music" is not "play music".
                let leaves_out = || attempt.repairs.iter().any(|(_, meant)| meant.is_empty());
                if exact.is_some() && (self.free_slots(&result) > 0 || leaves_out()) {
                    continue;
                }
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
        let likely = results.first().map_or(0.0, |first| first.confidence);
        // A known word for another, and any words taken for a name: too little of that was said to act on it.
        let guessed = results.first().is_some_and(|first| {
            let known = |heard: &str| !heard.contains(' ') && self.words.is_known(heard, home);
            self.free_slots(first) > 0 && first.repairs.iter().any(|(heard, _)| known(heard))
        });
        match exact {
            Some(exact) if likely < ASKABLE => Repaired::Sure(Box::new(exact)),
            Some(exact) => {
                results.truncate(2);
                results.push(exact);
                Repaired::Unsure(results)
            }
            None if likely >= SURE && likely - next >= MARGIN && !guessed => {
                Repaired::Sure(Box::new(results.swap_remove(0)))
            }
            None if results.is_empty() => Repaired::Nothing,
            None => {
                results.truncate(3);
                Repaired::Unsure(results)
            }
        }
    }

    /// All ways to repair a text: words written apart or together that should not be, then words that nobody knows
    /// replaced; or, where all are known, any one of them.
    fn attempts(&self, words: &[&str], home: &HashSet<String>, only_unknown: bool) -> Vec<Attempt> {
        let whole =
            Attempt { words: words.iter().map(|w| (*w).to_owned()).collect(), confidence: 1.0, repairs: Vec::new() };
        let mut starts = self.respaced(&whole, home);
        starts.insert(0, whole);
        let mut attempts = Vec::new();
        for start in starts {
            let unknown: Vec<usize> = (0..start.words.len())
                .filter(|at| start.words.get(*at).is_some_and(|word| !self.words.is_known(word, home)))
                .collect();
            if unknown.len() > MAX_REPAIRS || (unknown.len() > 1 && unknown.len() * 2 > start.words.len()) {
                continue;
            }
            if !unknown.is_empty() {
                attempts.extend(self.replaced(start, &unknown, home));
            } else if !start.repairs.is_empty() {
                attempts.push(start);
            } else if !only_unknown && start.words.len() > 1 {
                for at in 0..start.words.len() {
                    attempts.extend(self.one_replaced(&start, at, home));
                }
            }
        }
        attempts
    }

    /// Two words as one, or one as two, where that gives words that are known.
    fn respaced(&self, start: &Attempt, home: &HashSet<String>) -> Vec<Attempt> {
        let known = |word: &str| word.chars().count() > 2 && (home.contains(word) || self.words.known.contains(word));
        let change = |from: usize, count: usize, to: Vec<String>| {
            let heard = start.words.get(from..from + count).unwrap_or_default().join(" ");
            let mut words = start.words.clone();
            words.splice(from..from + count, to.iter().cloned());
            Attempt { words, confidence: RESPACED, repairs: vec![(heard, to.join(" "))] }
        };
        let mut respaced = Vec::new();
        for (at, word) in start.words.iter().enumerate() {
            if let Some(joined) = start.words.get(at + 1).map(|next| format!("{word}{next}")).filter(|word| known(word))
            {
                respaced.push(change(at, 2, vec![joined]));
            }
            if self.words.is_known(word, home) {
                continue;
            }
            for (cut, _) in word.char_indices().skip(3) {
                let (head, tail) = word.split_at_checked(cut).unwrap_or_default();
                if known(head) && known(tail) {
                    respaced.push(change(at, 1, vec![head.to_owned(), tail.to_owned()]));
                }
            }
        }
        respaced.truncate(MAX_RESPACED);
        respaced
    }

    /// All ways to replace the unknown words.
    fn replaced(&self, start: Attempt, unknown: &[usize], home: &HashSet<String>) -> Vec<Attempt> {
        let mut attempts = vec![start];
        for at in unknown {
            let mut next = Vec::new();
            for attempt in &attempts {
                let Some(heard) = attempt.words.get(*at) else { continue };
                for (word, likeness) in self.alike(heard, home) {
                    next.push(attempt.with(*at, &word, attempt.confidence * likeness));
                }
                next.push(attempt.with(*at, "", attempt.confidence - DROP_COST));
            }
            attempts = next;
        }
        attempts
    }

    /// Ways to replace a word that is known, but not here.
    fn one_replaced(&self, start: &Attempt, at: usize, home: &HashSet<String>) -> Vec<Attempt> {
        let Some(heard) = start.words.get(at).filter(|word| word.chars().all(char::is_alphabetic)) else {
            return Vec::new();
        };
        let alike = self.alike(heard, home).into_iter().filter(|(word, _)| word != heard);
        alike.map(|(word, likeness)| start.with(at, &word, likeness * KNOWN_WORD)).collect()
    }

    /// The known words most like `heard`. Names of the home come first among equals: they are what is talked about.
    fn alike(&self, heard: &str, home: &HashSet<String>) -> Vec<(String, f32)> {
        let sound = self.words.sound(heard);
        let long = heard.chars().count().min(LONG_WORD) as f32 / LONG_WORD as f32;
        let mut alike: Vec<(String, f32)> = Vec::new();
        let length = heard.chars().count();
        if length > MAX_LETTERS {
            return Vec::new();
        }
        let far = |word: &str| length.abs_diff(word.chars().count()) > MAX_LENGTH_DIFFERENCE;
        let mut consider = |word: &str, word_sound: &str| {
            let likeness = likeness((heard, &sound), (word, word_sound));
            if likeness >= MIN_LIKENESS {
                // In a long word the same share of wrong letters leaves more to go by.
                alike.push((word.to_owned(), likeness + (1.0 - likeness) * 0.3 * long));
            }
        };
        for word in home.iter().filter(|word| !far(word)) {
            consider(word, &self.words.sound(word));
        }
        for (word, word_sound) in self.words.choices.iter().filter(|(word, _)| !far(word) && !home.contains(word)) {
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
