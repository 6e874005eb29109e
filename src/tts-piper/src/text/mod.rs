//! From written text, as it arrives, to clauses that can be spoken.
//!
//! - [`blocks`]: line structure (headings, lists, tables, code)
//! - [`split`]: sentences and clauses
//! - [`markup`], [`emoji`]: marks for the eye
//! - [`addresses`], [`clock`], [`numbers`], [`units`], [`signs`]: what is read otherwise than written
//! - [`language`]: the word tables, one file a language in `normalise/`
//! - [`rewrite`]: the tool that the others share

mod addresses;
mod blocks;
mod clock;
mod emoji;
mod language;
mod markup;
mod numbers;
mod rewrite;
mod signs;
mod split;
#[cfg(test)]
mod tables_test;
mod units;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use addresses::Addresses;
use blocks::{Blocks, Piece};
use clock::Clock;
use language::Table;
pub(crate) use language::{TableError, base};
use markup::Markup;
use numbers::NumberWords;
use signs::Signs;
pub(crate) use split::Clause;
use split::Splitter;
use units::{Forms, Units};

/// Everything known of one language, ready to use.
#[derive(Debug)]
pub(crate) struct Language {
    table: Table,
    markup: Markup,
    addresses: Addresses,
    clock: Clock,
    numbers: NumberWords,
    units: Units,
    forms: Forms,
    signs: Signs,
}

impl Language {
    /// The language of a tag ("de", "en_GB"); one without a table still has markup, emoji and addresses treated.
    ///
    /// # Errors
    /// When the language's table is malformed.
    pub(crate) fn new(tag: &str) -> Result<Self, TableError> {
        let table = Table::load(tag)?;
        let pattern = |source| TableError::Pattern { language: tag.to_owned(), source };
        Ok(Self {
            markup: Markup::new().map_err(pattern)?,
            addresses: Addresses::new(&table).map_err(pattern)?,
            clock: Clock::new(&table).map_err(pattern)?,
            numbers: NumberWords::new(&table).map_err(pattern)?,
            units: Units::new(&table).map_err(pattern)?,
            forms: Forms::new(&table).map_err(pattern)?,
            signs: Signs::new(&table).map_err(pattern)?,
            table,
        })
    }

    /// A clause as it is said; empty where nothing is left to say.
    pub(crate) fn say(&self, clause: &str) -> String {
        let table = &self.table;
        let text = self.markup.strip(clause);
        let text = self.addresses.apply(&text);
        let text = self.forms.apply_numbered(table, &text);
        let text = self.clock.apply(table, &text);
        let text = self.numbers.apply(table, &text);
        let text = self.units.apply(table, &text);
        let text = self.forms.apply(table, &text);
        let text = self.signs.apply(table, &text);
        if text.chars().any(char::is_alphanumeric) { text } else { String::new() }
    }
}

/// The languages in use, made on first use and kept.
#[derive(Debug, Default)]
pub(crate) struct Languages {
    made: Mutex<HashMap<String, Arc<Language>>>,
}

impl Languages {
    /// The language of a tag.
    ///
    /// # Errors
    /// As [`Language::new`].
    pub(crate) fn get(&self, tag: &str) -> Result<Arc<Language>, TableError> {
        let key = tag.replace('_', "-").to_lowercase();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(language) = made.get(&key) {
            return Ok(Arc::clone(language));
        }
        let language = Arc::new(Language::new(&key)?);
        made.insert(key, Arc::clone(&language));
        Ok(language)
    }
}

/// A text on its way to speech: takes pieces, gives clauses as they should be said.
#[derive(Debug)]
pub(crate) struct SpokenText {
    language: Arc<Language>,
    blocks: Blocks,
    splitter: Splitter,
}

impl SpokenText {
    /// An empty text in a language.
    pub(crate) fn new(language: Arc<Language>) -> Self {
        let splitter = Splitter::new(&language.table);
        Self { language, blocks: Blocks::default(), splitter }
    }

    /// Takes the next piece and returns the clauses that are complete.
    pub(crate) fn push(&mut self, text: &str) -> Vec<Clause> {
        let mut pieces = Vec::new();
        self.blocks.push(text, &mut pieces);
        self.read(pieces)
    }

    /// The text has ended: what is left.
    pub(crate) fn finish(&mut self) -> Vec<Clause> {
        let mut pieces = Vec::new();
        self.blocks.finish(&mut pieces);
        pieces.push(Piece::Break);
        self.read(pieces)
    }

    fn read(&mut self, pieces: Vec<Piece>) -> Vec<Clause> {
        let mut raw = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => self.splitter.push(&text, &mut raw),
                Piece::Break => self.splitter.end_sentence(&mut raw),
                Piece::Code => {
                    self.splitter.end_sentence(&mut raw);
                    if let Some(word) = self.language.table.word("code_block") {
                        raw.push(Clause { text: word.to_owned(), sentence_end: true });
                    }
                }
            }
        }
        raw.into_iter().filter_map(|clause| self.spoken(&clause)).collect()
    }

    fn spoken(&self, clause: &Clause) -> Option<Clause> {
        let mut text = self.language.say(&clause.text);
        if text.is_empty() {
            return None;
        }
        // The voice falls at a full stop; a heading or list item has none of its own.
        let ended = text
            .trim_end_matches(['"', '\'', ')', '”', '」'])
            .ends_with(|c: char| c.is_ascii_punctuation() || "。！？؟।…、，".contains(c));
        if !ended {
            text.push(if clause.sentence_end { '.' } else { ',' });
        }
        Some(Clause { text, sentence_end: clause.sentence_end })
    }
}
