//! Several commands in one sentence: "turn off the lights and lower the blinds".
//!
//! The words that join commands come from the language (`joiners`). A part that is no command by itself may borrow the
//! beginning of the one before it ("turn off the lamp and the fan") or the end of the sentence ("turn on the kitchen and
//! bedroom lights").

use std::cell::RefCell;
use std::collections::HashMap;

use serde_json::Value;

use crate::context::Context;
use crate::dictionary::Dictionary;
use crate::names::Names;
use crate::recognize::{Partial, Recognition};
use crate::text::fold;

/// More commands in one sentence than this are not looked for.
const MAX_COMMANDS: usize = 5;
/// More joining words than this in one text and it is not taken apart.
const MAX_JOINERS: usize = 8;
/// The intent of "and the kitchen too".
const FOLLOW_UP: &str = "VestaFollowUp";

impl Dictionary {
    /// What `text` means, as one command or as several joined ones in the order of speaking. `None` when any part of it is
    /// not understood: half a sentence is never acted on.
    #[must_use]
    pub fn recognize_all(&self, text: &str, names: &Names, context: &Context) -> Option<Vec<Recognition>> {
        // What is too much as a whole is too much in parts.
        let one = self.try_recognize(text, names, context).ok()?;
        // "And turn off the light": what is said after the joining word, where that is more than just anything.
        let taken_for_anything =
            |one: &Recognition| one.metadata.get("last_resort").and_then(Value::as_bool) == Some(true);
        if one.as_ref().is_none_or(taken_for_anything)
            && let Some(rest) = self.after_joiner(text)
            && let Some(commands) = self.recognize_all(rest, names, context)
            && !commands
                .iter()
                .any(|command| taken_for_anything(command) || (one.is_some() && self.free_slots(command) > 0))
        {
            return Some(commands.into_iter().map(|command| moved(command, text.len() - rest.len())).collect());
        }
        let cuts = self.cuts(text);
        if cuts.is_empty() || cuts.len() > MAX_JOINERS {
            return one.map(|one| vec![one]);
        }
        match one {
            // A wildcard takes whatever follows, also a second command: "play jazz and turn off the light".
            // But "at seven turn on the light and raise the blinds" is all for seven.
            Some(one) if one.wildcards > 0 && self.is_all_for_later(text, &cuts, &one) => Some(vec![one]),
            Some(one) if one.wildcards > 0 => {
                let parts = self
                    .take_apart(text, &cuts, Borrow::Nothing, (names, context))
                    .or_else(|| self.counted(text, &cuts, &one, (names, context)));
                Some(parts.unwrap_or_else(|| vec![one]))
            }
            Some(one) => Some(vec![one]),
            None => self.take_apart(text, &cuts, Borrow::Beginning, (names, context)),
        }
    }

    /// As [`Dictionary::partial`], for several joined commands: what counts is the part after the last joining word.
    pub(crate) fn partial_of_several(&self, text: &str, names: &Names, context: &Context) -> Option<Partial> {
        let cuts = self.cuts(text);
        if cuts.len() > MAX_JOINERS {
            return None;
        }
        cuts.iter().rev().find_map(|(end, start)| {
            let head = text.get(..*end)?;
            let before = self.recognize_all(head, names, context)?;
            let tail = text.get(*start..)?.trim();
            let context = &after(context, before.last()?);
            let joined = text.get(*end..).map(|joined| joined.trim().to_owned());
            if tail.is_empty() {
                // "Turn on the lamp, never mind" is all that was to be said, "turn on the lamp and" is not.
                let complete = joined.is_some_and(|joined| self.partial_of_one(&joined, names, context).complete);
                return Some(Partial { complete, can_continue: true });
            }
            let mut best = self.partial_of_one(tail, names, context);
            for borrowed in borrowings(head, before.last()?, tail).into_iter().chain(joined) {
                let more = self.partial_of_one(&borrowed, names, context);
                best.complete |= more.complete;
                best.can_continue |= more.can_continue;
            }
            (!best.impossible()).then_some(best)
        })
    }

    /// The parts of an enumeration: "milk, eggs and bread" has three.
    #[must_use]
    pub fn parts<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let mut parts = Vec::new();
        let mut from = 0;
        for (end, next) in self.cuts(text) {
            // Of several joining words in a row (", and") only the first ends a part.
            if end >= from {
                parts.extend(text.get(from..end));
            }
            from = next;
        }
        parts.extend(text.get(from..));
        let marks = |c: char| c.is_whitespace() || self.marks.contains(&c);
        parts.into_iter().map(|part| part.trim_matches(marks)).filter(|part| !part.is_empty()).collect()
    }

    /// What follows all the joining words that a text begins with, so that none is left at its beginning.
    fn after_joiner<'a>(&self, text: &'a str) -> Option<&'a str> {
        let mut rest = text.trim_start();
        loop {
            let longest = self.joiners.first().map_or(0, Vec::len);
            let begun: Vec<String> = rest.split_whitespace().take(longest).map(bare).collect();
            let Some(joiner) = self.joiners.iter().find(|joiner| begun.starts_with(joiner)) else { break };
            for _ in joiner {
                rest = rest.split_once(char::is_whitespace)?.1.trim_start();
            }
        }
        (rest.len() < text.trim_start().len() && !rest.is_empty()).then_some(rest)
    }

    /// Where joining words stand: the end of what is before, the start of what is after.
    fn cuts(&self, text: &str) -> Vec<(usize, usize)> {
        let mut words: Vec<(usize, usize, String)> = Vec::new();
        let mut at = 0;
        for word in text.split(char::is_whitespace) {
            if !word.is_empty() {
                words.push((at, at + word.len(), bare(word)));
            }
            at += word.len() + text.get(at + word.len()..).and_then(|r| r.chars().next()).map_or(0, char::len_utf8);
        }
        let joins_at = |i: usize| {
            self.joiners.iter().find(|joiner| {
                joiner.iter().enumerate().all(|(k, part)| words.get(i + k).is_some_and(|(_, _, word)| word == part))
            })
        };
        let mut cuts = Vec::new();
        let mut i = 1;
        while i < words.len() {
            let Some((from, before, _)) = i.checked_sub(1).and_then(|b| words.get(b)) else { break };
            let after_mark = text.get(*from..*before).is_some_and(|word| word.ends_with(self.marks.as_slice()));
            match joins_at(i) {
                Some(joiner) => {
                    let start = words.get(i + joiner.len()).map_or(text.len(), |(start, ..)| *start);
                    cuts.push((*before, start));
                    i += joiner.len();
                }
                None => {
                    if after_mark && let Some((start, ..)) = words.get(i) {
                        cuts.push((*before, *start));
                    }
                    i += 1;
                }
            }
        }
        cuts
    }

    /// From left to right, the longest first command that leaves a rest which is understood.
    fn take_apart(
        &self,
        text: &str,
        cuts: &[(usize, usize)],
        borrow: Borrow,
        world: (&Names, &Context),
    ) -> Option<Vec<Recognition>> {
        let known = RefCell::default();
        let job = Apart { dictionary: self, text, borrow, world, known: &known };
        job.from((0, 0), cuts, None, 0).map(|parts| parts.into_iter().map(|(_, part)| part).collect())
    }

    /// The parts of a sentence whose wildcard took a number and a joining word: in "set a timer for 5 minutes and another
    /// for ten minutes" nobody named a timer "5 minutes and another". Only what comes last may have words of its own, so
    /// "two eggs and milk" stays one enumeration for one list.
    fn counted(
        &self,
        text: &str,
        cuts: &[(usize, usize)],
        one: &Recognition,
        world: (&Names, &Context),
    ) -> Option<Vec<Recognition>> {
        let took = |(from, to): (usize, usize)| {
            one.slots.values().any(|slot| {
                slot.value.as_str() == Some(&slot.text)
                    && slot.span.start < from
                    && to < slot.span.end
                    && slot.text.split_whitespace().any(|word| self.says_number(word))
            })
        };
        if !cuts.iter().any(|cut| took(*cut)) {
            return None;
        }
        let parts = self.take_apart(text, cuts, Borrow::Beginning, world)?;
        let (_, before) = parts.split_last()?;
        (!before.is_empty() && before.iter().all(|part| part.wildcards == 0)).then_some(parts)
    }
}

/// Whether a part that is no command by itself may use the beginning of the one before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Borrow {
    Nothing,
    Beginning,
}

/// A sentence that is being taken apart.
struct Apart<'a> {
    dictionary: &'a Dictionary,
    text: &'a str,
    borrow: Borrow,
    world: (&'a Names, &'a Context),
    /// What was looked for already: the same words are part of many ways to take a sentence apart.
    known: &'a RefCell<Known>,
}

/// What words mean, by the words and by what was recent when they were said.
type Known = HashMap<(String, Option<String>), Option<Recognition>>;

/// A part and what it means; what was borrowed for it is in the text.
type Part = (String, Recognition);

/// Where a part stands.
#[derive(Clone, Copy, Default)]
struct Place<'a> {
    /// The part before it.
    before: Option<(&'a str, &'a Recognition)>,
    /// The part with the words that join it to the one before.
    joined: Option<&'a str>,
    /// What comes after it.
    after: Option<&'a str>,
}

impl Apart<'_> {
    /// `joint` is where the words begin that join this part to the one before, `start` where they end.
    fn from(
        &self,
        (joint, start): (usize, usize),
        cuts: &[(usize, usize)],
        before: Option<(&str, &Recognition)>,
        depth: usize,
    ) -> Option<Vec<Part>> {
        if depth >= MAX_COMMANDS {
            return None;
        }
        // The whole is what is being taken apart: it is no part of itself.
        let place = |end, after| Place { before, joined: self.text.get(joint..end).map(str::trim), after };
        if depth > 0
            && let Some(part) = self.text.get(start..)
            && let Some(whole) = self.read(part.trim(), place(self.text.len(), None))
        {
            let apart = self.inside((start, self.text.len()), cuts, &whole, depth);
            return Some(apart.unwrap_or_else(|| vec![whole]));
        }
        for (i, (end, next)) in cuts.iter().enumerate().rev() {
            let Some(part) = self.text.get(start..*end) else { continue };
            let Some(head) = self.read(part.trim(), place(*end, self.text.get(*next..))) else { continue };
            let later = cuts.get(i + 1..).unwrap_or_default();
            let apart = self.inside((start, *end), cuts.get(..i).unwrap_or_default(), &head, depth);
            for mut parts in apart.into_iter().chain([vec![head]]) {
                let last = parts.last().map(|(said, last)| (said.as_str(), last));
                if let Some(rest) = self.from((*end, *next), later, last, depth + parts.len()) {
                    parts.extend(rest);
                    return Some(parts);
                }
            }
        }
        None
    }

    /// The commands that a part with a wildcard has swallowed: no timer is called "turn on the light and set a".
    fn inside(
        &self,
        (start, end): (usize, usize),
        cuts: &[(usize, usize)],
        whole: &Part,
        depth: usize,
    ) -> Option<Vec<Part>> {
        if whole.1.wildcards == 0 || cuts.is_empty() || (start == 0 && end == self.text.len()) {
            return None;
        }
        let text = self.text.get(start..end)?;
        let cuts: Vec<(usize, usize)> =
            cuts.iter().filter_map(|(end, next)| Some((end.checked_sub(start)?, next.checked_sub(start)?))).collect();
        let parts = Apart { text, borrow: Borrow::Nothing, ..*self }.from((0, 0), &cuts, None, 0)?;
        (depth + parts.len() <= MAX_COMMANDS).then_some(parts)
    }

    fn read(&self, part: &str, Place { before, joined, after: rest }: Place<'_>) -> Option<Part> {
        let context = before.map(|(_, last)| after(self.world.1, last));
        let context = context.as_ref().unwrap_or(self.world.1);
        let recent = context.get("recent").and_then(Value::as_str).map(str::to_owned);
        let read = |text: String| {
            let key = (text, recent.clone());
            if let Some(known) = self.known.borrow().get(&key) {
                return known.clone().map(|result| (key.0, result));
            }
            let result = self.dictionary.recognize(&key.0, self.world.0, context);
            self.known.borrow_mut().insert(key.clone(), result.clone());
            result.map(|result| (key.0, result))
        };
        let with_joint = || before.and(joined).and_then(|joined| read(joined.to_owned()));
        if let Some(found) = read(part.to_owned()) {
            // "The one in the hall" is one more; "no wait, the one in the hall" is another.
            let corrects = || with_joint().filter(|joined| joined.1.intent != FOLLOW_UP);
            return if found.1.intent == FOLLOW_UP { corrects().or(Some(found)) } else { Some(found) };
        }
        if self.borrow == Borrow::Nothing {
            return None;
        }
        // "Turn on the kitchen light and the bedroom": a light there, not everything there is. "… no wait, the bedroom light" is no
        // second lamp.
        let follows = with_joint();
        let of_a_place = |found: &Part| found.1.slots.keys().any(|slot| matches!(slot.as_str(), "area" | "floor"));
        if follows.as_ref().is_some_and(|found| found.1.intent != FOLLOW_UP || of_a_place(found)) {
            return follows;
        }
        // "Mach das Licht im Bad an und in einer Stunde aus": all of it but the last word, for what is to be done later.
        let all_but_last = before.map(|(head, _)| shorter(head)).filter(|most| !most.is_empty());
        let later = |found: &Part| found.1.wildcards > self.dictionary.free_slots(&found.1);
        if let Some(found) = all_but_last.and_then(|most| read(format!("{most} {part}"))).filter(later) {
            return Some(found);
        }
        let beginnings = before.map(|(head, last)| borrowings(head, last, part)).unwrap_or_default();
        let borrowed = beginnings.into_iter().chain(rest.map(|rest| endings(part, rest)).unwrap_or_default());
        borrowed.map(read).find(Option::is_some).flatten().or(follows)
    }
}

/// What a part is understood in: `recent` is what the part before it is about, where that says so.
fn after(context: &Context, last: &Recognition) -> Context {
    let mut context = context.clone();
    let domain = || {
        let said = last.slots.get("domain").map(|slot| &slot.value).or_else(|| last.context.get("domain"))?;
        said.as_str().or_else(|| said.as_array()?.first()?.as_str())
    };
    let lists = ["HassList", "HassShoppingList", "VestaList"];
    let recent = match last.intent.as_str() {
        timer if timer.contains("Timer") => Some("timer"),
        list if lists.iter().any(|prefix| list.starts_with(prefix)) => Some("list"),
        _ => domain(),
    };
    if let Some(recent) = recent {
        context.insert("recent".to_owned(), recent.into());
    }
    context
}

/// `tail` with the beginning of the command before it: everything up to its first name, or else without its last words.
fn borrowings(head: &str, last: &Recognition, tail: &str) -> Vec<String> {
    let first_slot = last.slots.values().filter(|s| !s.span.is_empty()).map(|s| s.span.start).min();
    let mut beginning = first_slot.and_then(|at| head.get(..at)).unwrap_or_else(|| shorter(head)).trim_end();
    let mut attempts = Vec::new();
    while !beginning.is_empty() && attempts.len() < 4 {
        attempts.push(format!("{beginning} {tail}"));
        beginning = shorter(beginning);
    }
    attempts
}

/// `part` with the last word or the last two of what comes after it.
fn endings(part: &str, rest: &str) -> Vec<String> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    (1..=2)
        .filter(|count| words.len() > *count)
        .filter_map(|count| words.get(words.len() - count..))
        .map(|ending| format!("{part} {}", ending.join(" ")))
        .collect()
}

impl Dictionary {
    /// Whether words end in one that joins commands.
    pub(crate) fn ends_in_joiner(&self, words: &str) -> bool {
        let folded: Vec<String> = words.split_whitespace().map(bare).collect();
        self.joiners.iter().any(|joiner| folded.ends_with(joiner))
    }
}

fn bare(word: &str) -> String {
    fold(word.trim_matches(|c: char| !c.is_alphanumeric()))
}

/// The same with its spans so many bytes further on.
fn moved(mut command: Recognition, by: usize) -> Recognition {
    for slot in command.slots.values_mut().filter(|slot| !slot.span.is_empty()) {
        slot.span = slot.span.start + by..slot.span.end + by;
    }
    command
}

/// Without the last word.
fn shorter(text: &str) -> &str {
    text.rsplit_once(char::is_whitespace).map_or("", |(head, _)| head.trim_end())
}
