//! The question "what was meant?": candidates from the matcher, checked against their context, and the best of them by
//! the rules of the reference (`recognize_best` with `best_slot_name="name"` of PyPI `hassil`).

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use serde::Serialize;
use serde_json::{Map, Number, Value};

use crate::compile::{Block, CLASSES, Class, List};
use crate::context::{Context, ContextSlot, may_satisfy, none_excluded, satisfy};
use crate::dictionary::Dictionary;
use crate::matcher::{Entities, Entity, EntityKind, Found, Matcher, WORK_LIMIT};
use crate::names::{ListValue, Names};
use crate::text::{Prepared, Tracked};

/// Texts longer than this many bytes are refused: nobody says them.
pub const MAX_TEXT_BYTES: usize = 4096;

/// Among results for the same sentence the one that fills this slot is preferred.
const PREFERRED_SLOT: &str = "name";

/// A slot and what filled it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slot {
    /// The value from the list, the number, or the spoken text for a wildcard.
    pub value: Value,
    /// What was said; empty for values that come from the sentence or the context.
    pub text: String,
    /// Bytes of the text that was given.
    pub span: Range<usize>,
    /// Other values with the same spoken text: two lamps of one name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Value>,
    /// What came with the value.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

/// What was meant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recognition {
    /// The intent's name.
    pub intent: String,
    /// What fills its slots.
    pub slots: BTreeMap<String, Slot>,
    /// Key of the response; `default` where the sentence names none.
    pub response: Option<String>,
    /// Everything known about the context, with what the matched names added.
    pub context: Context,
    /// Metadata of the block of sentences.
    pub metadata: Map<String, Value>,
    /// 1 for an exact match; less for a repaired one.
    pub confidence: f32,
    /// The template that matched.
    pub sentence: String,
    /// Names that were repaired, as `(heard, meant)`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<(String, String)>,
}

/// Whether a beginning of a sentence can become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Partial {
    /// It is a sentence already.
    pub complete: bool,
    /// More words can follow. Sentences that begin with a wildcard do not count: they fit any beginning.
    pub can_continue: bool,
}

impl Partial {
    /// No sentence begins like this.
    #[must_use]
    pub fn impossible(self) -> bool {
        !self.complete && !self.can_continue
    }
}

/// Why no answer was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecognizeError {
    /// Longer than [`MAX_TEXT_BYTES`].
    #[error("the sentence has {bytes} bytes; at most {MAX_TEXT_BYTES} are understood")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Too many ways to read it.
    #[error("the sentence can be read in too many ways; simplify the templates with several wildcards or free orders")]
    TooComplex,
}

/// A candidate that passed every check.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) sentence: u32,
    pub(crate) variant: u8,
    pub(crate) chain: Vec<Entity>,
    pub(crate) context: Context,
    pub(crate) context_slots: Vec<ContextSlot>,
    pub(crate) wildcards: usize,
    pub(crate) literal: u32,
    pub(crate) wildcard_chars: usize,
    /// Length of the text that filled the preferred slot; `None` where it is not filled.
    pub(crate) preferred: Option<Preferred>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Preferred {
    /// `None` where the value is not a text: such results are not compared by length.
    chars: Option<usize>,
}

/// Why a way of reading the text is not a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejection {
    EmptyWildcard,
    LeftOver,
    Context,
}

/// The variants of a text that sentences are matched against.
pub(crate) struct Variants {
    /// Per class, in the order of trying: the variant's number and its text.
    pub(crate) texts: Vec<Prepared>,
    pub(crate) of_class: [Vec<u8>; 4],
}

/// All candidates and what they refer to.
pub(crate) struct Search {
    pub(crate) variants: Variants,
    pub(crate) entities: Entities,
    pub(crate) found: Vec<Found>,
    pub(crate) can_continue: bool,
}

impl Dictionary {
    /// What `text` means in a home with these names and this context (such as `{"area": "kitchen"}` for the speaker's
    /// room). `None` when no sentence matches, and for texts that [`Dictionary::try_recognize`] refuses.
    #[must_use]
    pub fn recognize(&self, text: &str, names: &Names, context: &Context) -> Option<Recognition> {
        self.try_recognize(text, names, context).ok().flatten()
    }

    /// As [`Dictionary::recognize`], with the reason where a text is refused.
    ///
    /// # Errors
    /// [`RecognizeError`] for texts that are too long or can be read in too many ways.
    pub fn try_recognize(
        &self,
        text: &str,
        names: &Names,
        context: &Context,
    ) -> Result<Option<Recognition>, RecognizeError> {
        let search = self.search(text, names, context)?;
        let candidates = self.candidates(&search, names, context);
        Ok(best(&candidates, self).map(|candidate| self.finish(candidate, &search, names, &candidates)))
    }

    /// Whether `text`, heard so far, is a sentence (or several joined ones), can become one, or neither.
    #[must_use]
    pub fn partial(&self, text: &str, names: &Names, context: &Context) -> Partial {
        let one = self.partial_of_one(text, names, context);
        if one.complete {
            return one;
        }
        match self.partial_of_several(text, names, context) {
            Some(several) => {
                Partial { complete: several.complete, can_continue: one.can_continue || several.can_continue }
            }
            None => one,
        }
    }

    pub(crate) fn partial_of_one(&self, text: &str, names: &Names, context: &Context) -> Partial {
        let Ok(search) = self.search(text, names, context) else {
            return Partial { complete: false, can_continue: false };
        };
        let complete = !self.candidates(&search, names, context).is_empty();
        let can_continue = search.can_continue || self.ends_in_skip_word(text, names, context);
        Partial { complete, can_continue }
    }

    /// "could" is the beginning of the skip words "could you".
    fn ends_in_skip_word(&self, text: &str, names: &Names, context: &Context) -> bool {
        let said = Tracked::new(text).text();
        let folded: Vec<char> = crate::text::fold(&said).chars().collect();
        let starts = (0..folded.len()).filter(|i| *i == 0 || folded.get(i - 1).is_some_and(|c| *c == ' '));
        for start in starts {
            let tail = folded.get(start..).unwrap_or_default();
            if tail.is_empty() || !self.skip_words.iter().any(|word| word.len() > tail.len() && word.starts_with(tail))
            {
                continue;
            }
            let head: String = said.chars().take(start).collect();
            if let Ok(search) = self.search(&head, names, context) {
                return search.can_continue || !self.candidates(&search, names, context).is_empty();
            }
        }
        false
    }

    /// Runs the matcher over every variant of the text.
    pub(crate) fn search(&self, text: &str, names: &Names, context: &Context) -> Result<Search, RecognizeError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(RecognizeError::TooLong { bytes: text.len() });
        }
        let variants = self.variants(text);
        let block_open = self.open_blocks(context, &variants);
        let mut entities = Entities::default();
        let mut found = Vec::new();
        let mut work = 0;
        let mut can_continue = false;
        for (number, prepared) in variants.texts.iter().enumerate() {
            let mut matcher = Matcher::new(
                &self.graph,
                names,
                prepared,
                self.ignore_whitespace,
                &mut entities,
                &mut work,
                &block_open,
            );
            for class in CLASSES {
                let tried = variants.of_class.get(class as usize).map_or(&[] as &[u8], Vec::as_slice);
                if !tried.contains(&(number as u8)) {
                    continue;
                }
                let before = matcher.can_continue;
                matcher.run(class, number as u8, &mut found);
                if matches!(class, Class::WildcardOnly | Class::WildcardFirst) {
                    matcher.can_continue = before;
                }
            }
            can_continue |= matcher.can_continue;
        }
        if work > WORK_LIMIT {
            return Err(RecognizeError::TooComplex);
        }
        Ok(Search { variants, entities, found, can_continue })
    }

    /// Blocks that the context outside of the sentence does not rule out.
    fn open_blocks(&self, context: &Context, variants: &Variants) -> Vec<bool> {
        let words: HashSet<&str> = variants.texts.last().map(|t| t.folded.split(' ').collect()).unwrap_or_default();
        self.graph
            .blocks
            .iter()
            .map(|block| {
                let keyword = block
                    .required_keywords
                    .as_ref()
                    .is_none_or(|keywords| keywords.iter().any(|k| words.contains(crate::text::fold(k).as_str())));
                keyword
                    && (context.is_empty()
                        || (may_satisfy(&block.requires, context) && none_excluded(&block.excludes, context)))
            })
            .collect()
    }

    /// The text with all skip words in (0) and out (last), and with those at one end only for wildcards.
    pub(crate) fn variants(&self, text: &str) -> Variants {
        let with = Tracked::new(text);
        let finish = |mut tracked: Tracked| {
            if self.ignore_whitespace {
                tracked.remove_unspaced();
            } else {
                tracked.close_word();
            }
            tracked.finish()
        };
        let mut without = with.clone();
        without.remove_skip_words(&self.skip_words, self.ignore_whitespace);
        if without.same_text(&with) {
            // No skip words anywhere, so none at the ends either.
            return Variants { texts: vec![finish(with)], of_class: [vec![0], vec![0], vec![0], vec![0]] };
        }
        let mut tail_removed = with.clone();
        tail_removed.remove_trailing_skip_words(&self.skip_words, self.ignore_whitespace);
        let mut head_removed = with.clone();
        head_removed.remove_leading_skip_words(&self.skip_words, self.ignore_whitespace);
        // A variant that equals the text without any skip words is tried with them first, too.
        let tries = |own: &Tracked, number: u8| if own.same_text(&without) { vec![0, number] } else { vec![number] };
        let of_class = [vec![0, 3], tries(&with, 0), tries(&tail_removed, 1), tries(&head_removed, 2)];
        Variants { texts: vec![finish(with), finish(tail_removed), finish(head_removed), finish(without)], of_class }
    }

    /// The candidates in the order in which the reference would find them.
    pub(crate) fn candidates(&self, search: &Search, names: &Names, context: &Context) -> Vec<Candidate> {
        let mut found = search.found.clone();
        found.sort_by_key(|f| (f.sentence, f.variant));
        found.iter().filter_map(|f| self.check(f, search, names, context).ok()).collect()
    }

    pub(crate) fn block_of(&self, sentence: u32) -> Option<&Block> {
        let block = self.graph.sentences.get(sentence as usize)?.block;
        self.graph.blocks.get(block as usize)
    }

    pub(crate) fn list_value<'a>(&'a self, names: &'a Names, list: u32, number: u32) -> Option<&'a ListValue> {
        match self.graph.lists.get(list as usize)? {
            List::Values { values, .. } => values.value(number),
            List::Names => names.names.value(number),
            List::Areas => names.areas.value(number),
            List::Floors => names.floors.value(number),
            List::Range(_) | List::Wildcard => None,
        }
    }

    /// Checks a way of reading the text against everything that its sentence demands.
    pub(crate) fn check(
        &self,
        found: &Found,
        search: &Search,
        names: &Names,
        context: &Context,
    ) -> Result<Candidate, Rejection> {
        let text = search.variants.texts.get(found.variant as usize).ok_or(Rejection::LeftOver)?;
        let block = self.block_of(found.sentence).ok_or(Rejection::LeftOver)?;
        let mut chain = search.entities.chain(found.way.entity);
        if found.way.open
            && let Some(last) = chain.last_mut()
        {
            last.start = found.way.pos;
            last.end = text.len() as u32;
        }
        let mut all = context.clone();
        let mut candidate = Candidate {
            sentence: found.sentence,
            variant: found.variant,
            chain: Vec::new(),
            context: Context::new(),
            context_slots: Vec::new(),
            wildcards: 0,
            literal: found.way.literal,
            wildcard_chars: 0,
            preferred: None,
        };
        for entity in &chain {
            match entity.kind {
                EntityKind::Wildcard { .. } => {
                    let said = text.plain_between(entity.start as usize, entity.end as usize, entity.broken);
                    let said = said.trim();
                    if said.is_empty() {
                        return Err(Rejection::EmptyWildcard);
                    }
                    if !entity.capture {
                        candidate.wildcards += 1;
                        candidate.wildcard_chars += said.chars().count();
                    }
                }
                EntityKind::Value { list, number } => {
                    if let Some(value) = self.list_value(names, list, number) {
                        if !value.fits(&block.requires, &block.excludes) {
                            return Err(Rejection::Context);
                        }
                        for (key, added) in value.context().into_iter().flatten() {
                            all.insert(key.clone(), added.clone());
                        }
                    }
                }
                EntityKind::Number { .. } => {}
            }
        }
        if !none_excluded(&block.excludes, &all) {
            return Err(Rejection::Context);
        }
        candidate.context_slots = satisfy(&block.requires, &all).ok_or(Rejection::Context)?;
        candidate.preferred = self.preferred(&chain, block, names, text, &candidate.context_slots);
        candidate.context = all;
        candidate.chain = chain;
        Ok(candidate)
    }

    fn preferred(
        &self,
        chain: &[Entity],
        block: &Block,
        names: &Names,
        text: &Prepared,
        from_context: &[ContextSlot],
    ) -> Option<Preferred> {
        let is_preferred = |e: &&Entity| {
            !e.capture && self.graph.slots.get(e.slot as usize).is_some_and(|slot| slot == PREFERRED_SLOT)
        };
        if let Some(slot) = from_context.iter().find(|slot| slot.name == PREFERRED_SLOT)
            && !chain.iter().any(|e| is_preferred(&e))
        {
            return Some(Preferred { chars: slot.value.is_string().then(|| slot.text.chars().count()) });
        }
        match chain.iter().rev().find(is_preferred) {
            None => block.slots.get(PREFERRED_SLOT).map(|v| Preferred { chars: v.is_string().then_some(0) }),
            Some(entity) => match entity.kind {
                EntityKind::Wildcard { .. } => None,
                EntityKind::Number { .. } => Some(Preferred { chars: None }),
                EntityKind::Value { list, number } => {
                    let value = self.list_value(names, list, number)?;
                    let is_text = value.is_text();
                    let chars = text.count_chars(entity.start as usize, entity.end as usize);
                    Some(Preferred { chars: is_text.then_some(chars) })
                }
            },
        }
    }

    /// Turns the chosen candidate into the result.
    pub(crate) fn finish(
        &self,
        candidate: &Candidate,
        search: &Search,
        names: &Names,
        all: &[Candidate],
    ) -> Recognition {
        let mut slots = BTreeMap::new();
        let (intent, response, metadata, fixed) = match self.block_of(candidate.sentence) {
            Some(block) => (
                block.intent.clone(),
                block.response.clone(),
                block.metadata.clone().unwrap_or_default(),
                Some(&block.slots),
            ),
            None => (String::new(), None, Map::new(), None),
        };
        if let Some(text) = search.variants.texts.get(candidate.variant as usize) {
            for entity in candidate.chain.iter().filter(|e| !e.capture) {
                let Some(name) = self.graph.slots.get(entity.slot as usize) else { continue };
                slots.insert(name.clone(), self.slot(entity, text, names));
            }
        }
        let from_outside = |value: &Value, text: &str| Slot {
            value: value.clone(),
            text: text.to_owned(),
            span: 0..0,
            others: Vec::new(),
            metadata: Map::new(),
        };
        let matched: Vec<String> = slots.keys().cloned().collect();
        for (name, value) in fixed.into_iter().flatten() {
            if !slots.contains_key(name) {
                slots.insert(name.clone(), from_outside(value, ""));
            }
        }
        for slot in &candidate.context_slots {
            if !matched.contains(&slot.name) {
                slots.insert(slot.name.clone(), from_outside(&slot.value, &slot.text));
            }
        }
        self.note_others(&mut slots, candidate, all, names);
        Recognition {
            intent,
            slots,
            response: response.or_else(|| Some("default".to_owned())),
            context: candidate.context.clone(),
            metadata,
            confidence: 1.0,
            sentence: self.graph.sentences.get(candidate.sentence as usize).map(|s| s.text.clone()).unwrap_or_default(),
            repairs: Vec::new(),
        }
    }

    /// Values that would fill the same slot from the same words.
    fn note_others(&self, slots: &mut BTreeMap<String, Slot>, chosen: &Candidate, all: &[Candidate], names: &Names) {
        for other in all {
            if other.sentence != chosen.sentence
                || other.variant != chosen.variant
                || other.chain.len() != chosen.chain.len()
            {
                continue;
            }
            for (mine, theirs) in chosen.chain.iter().zip(&other.chain) {
                let same_words = (mine.slot, mine.start, mine.end) == (theirs.slot, theirs.start, theirs.end);
                let EntityKind::Value { list, number } = theirs.kind else { continue };
                if !same_words || mine.kind == theirs.kind {
                    continue;
                }
                let Some(value) = self.list_value(names, list, number).and_then(ListValue::value) else { continue };
                let name = self.graph.slots.get(mine.slot as usize);
                if let Some(slot) = name.and_then(|name| slots.get_mut(name))
                    && slot.value != value
                    && !slot.others.contains(&value)
                {
                    slot.others.push(value);
                }
            }
        }
    }

    fn slot(&self, entity: &Entity, text: &Prepared, names: &Names) -> Slot {
        let (start, end) = (entity.start as usize, entity.end as usize);
        let said = text.plain_between(start, end, entity.broken);
        let mut metadata = Map::new();
        let value = match entity.kind {
            EntityKind::Wildcard { .. } => Value::String(said.trim().to_owned()),
            EntityKind::Number { bits } => number_value(f64::from_bits(bits)),
            EntityKind::Value { list, number } => match self.list_value(names, list, number) {
                Some(value) => {
                    metadata = value.metadata().cloned().unwrap_or_default();
                    value.value().unwrap_or_else(|| Value::String(said.clone()))
                }
                None => Value::Null,
            },
        };
        Slot { value, text: said.trim().to_owned(), span: text.original_span(start, end), others: Vec::new(), metadata }
    }
}

/// Whole numbers as such.
fn number_value(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return Value::Number(Number::from(value as i64));
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// The best candidate: one that names a device by the longest text, then the fewest wildcards, the most literal text, the
/// least text in wildcards, and the intent's name.
pub(crate) fn best<'a>(candidates: &'a [Candidate], dictionary: &Dictionary) -> Option<&'a Candidate> {
    let mut kept: Vec<&Candidate> = Vec::new();
    let mut slot_found = false;
    let mut best_chars: Option<usize> = None;
    for candidate in candidates {
        match candidate.preferred {
            None if slot_found => continue,
            None => {}
            Some(preferred) => {
                if !slot_found {
                    slot_found = true;
                    kept.clear();
                }
                if let Some(chars) = preferred.chars {
                    match best_chars {
                        Some(best) if chars < best => continue,
                        Some(best) if chars == best => {}
                        _ => {
                            best_chars = Some(chars);
                            kept.clear();
                        }
                    }
                }
            }
        }
        kept.push(candidate);
    }
    let name = |c: &Candidate| dictionary.block_of(c.sentence).map(|b| b.intent.as_str()).unwrap_or_default();
    kept.into_iter().min_by(|a, b| {
        (a.wildcards, std::cmp::Reverse(a.literal), a.wildcard_chars, name(a)).cmp(&(
            b.wildcards,
            std::cmp::Reverse(b.literal),
            b.wildcard_chars,
            name(b),
        ))
    })
}
