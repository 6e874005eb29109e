//! The question "what was meant?": candidates from the matcher, checked against their context, and the best of them by
//! the rules of the reference (`recognize_best` with `best_slot_name="name"` of PyPI `hassil`).

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::candidate::{Candidate, best};
use crate::command::Tried;
use crate::context::{Context, may_satisfy, none_excluded};
use crate::dictionary::Dictionary;
use crate::graph::{Block, CLASSES, Class};
use crate::matcher::{Matcher, WORK_LIMIT};
use crate::names::Names;
use crate::prepared::Prepared;
use crate::required::{Open, Possible};
use crate::text::Tracked;
use crate::way::{Entities, Found};

/// Texts longer than this many bytes are refused: nobody says them.
pub const MAX_TEXT_BYTES: usize = 4096;

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
    /// Wildcards in it: slots that take any words.
    pub wildcards: usize,
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

/// What a search is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// What the text is. Whether it can go on is not found out.
    Whole,
    /// Whether the text is the beginning of something, too.
    Beginning,
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
    /// What was tried as the command inside of a sentence.
    pub(crate) commands: Tried,
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
        let search = self.search(text, names, context, Wanted::Whole)?;
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
        let search = match self.search(text, names, context, Wanted::Beginning) {
            Ok(search) => search,
            Err(RecognizeError::TooLong { .. }) => return Partial { complete: false, can_continue: false },
            // Whole sentences are found with less work. What follows is not known, so it may.
            Err(RecognizeError::TooComplex) => {
                return Partial { complete: self.recognize(text, names, context).is_some(), can_continue: true };
            }
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
            if let Ok(search) = self.search(&head, names, context, Wanted::Beginning) {
                return search.can_continue || !self.candidates(&search, names, context).is_empty();
            }
        }
        false
    }

    /// Runs the matcher over every variant of the text.
    pub(crate) fn search(
        &self,
        text: &str,
        names: &Names,
        context: &Context,
        wanted: Wanted,
    ) -> Result<Search, RecognizeError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(RecognizeError::TooLong { bytes: text.len() });
        }
        let variants = self.variants(text);
        let mut open = Open::new(self.graph.blocks.len());
        let words: HashSet<&str> = match variants.texts.last().filter(|_| self.graph.has_keywords) {
            Some(text) => text.folded.split(' ').collect(),
            None => HashSet::new(),
        };
        let mut entities = Entities::default();
        let mut found = Vec::new();
        let mut work = 0;
        let mut can_continue = false;
        for (number, prepared) in variants.texts.iter().enumerate() {
            let mut is_open = |block| open.find(block, |block| self.may_be_meant(block, context, &words));
            let alive = match wanted {
                Wanted::Whole => self.graph.required.alive(&prepared.folded, &mut is_open, &self.graph.trees),
                Wanted::Beginning => None,
            };
            if alive.is_none() {
                (0..self.graph.blocks.len() as u32).for_each(|block| {
                    is_open(block);
                });
            }
            let possible = Possible { open: &open, alive };
            let mut matcher =
                Matcher::new(&self.graph, names, prepared, self.ignore_whitespace, &mut entities, &mut work, possible);
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
        Ok(Search { variants, entities, found, can_continue, commands: Tried::default() })
    }

    /// Whether neither the context outside of the sentence nor missing keywords rule out a block.
    fn may_be_meant(&self, block: u32, context: &Context, words: &HashSet<&str>) -> bool {
        let Some(block) = self.graph.blocks.get(block as usize) else { return false };
        let has_keyword =
            |keywords: &Vec<String>| keywords.iter().any(|k| words.contains(crate::text::fold(k).as_str()));
        may_satisfy(&block.requires, context)
            && none_excluded(&block.excludes, context)
            && block.required_keywords.as_ref().is_none_or(has_keyword)
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
        let mut candidates: Vec<Candidate> =
            found.iter().filter_map(|f| self.check(f, search, names, context).ok()).collect();
        if self.graph.has_last_resorts {
            let is_last = |candidate: &Candidate| self.block_of(candidate.sentence).is_some_and(Block::is_last_resort);
            if candidates.iter().any(|candidate| !is_last(candidate)) {
                candidates.retain(|candidate| !is_last(candidate));
            }
        }
        candidates
    }
}
