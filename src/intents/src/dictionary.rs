//! A loaded dictionary.

use serde_json::{Map, Value};

use crate::compile::compile;
use crate::context::{Context, may_satisfy};
use crate::graph::{Graph, List, Node};
use crate::load::{Faults, LoadError, merge_parts};
use crate::numbers::NumberWords;
use crate::raw::{Raw, interpret};
use crate::respond::Responses;
use crate::sources::{Sources, Step};
use crate::text::{fold, normalize};
use crate::words::Words;

/// The sentences of a language, compiled, with its responses and spoken errors.
#[derive(Debug)]
pub struct Dictionary {
    pub(crate) language: String,
    pub(crate) graph: Graph,
    pub(crate) ignore_whitespace: bool,
    /// Folded, longest first.
    pub(crate) skip_words: Vec<Vec<char>>,
    pub(crate) responses: Responses,
    /// Words that join two commands, longest first, and marks that do.
    pub(crate) joiners: Vec<Vec<String>>,
    floor_words: Vec<Vec<String>>,
    pub(crate) marks: Vec<char>,
    pub(crate) words: Words,
    /// How numbers are said, for [`Dictionary::beside`].
    numbers: NumberWords,
}

/// How large a dictionary is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Size {
    /// Sentence templates.
    pub sentences: usize,
    /// Different parts of templates after sharing.
    pub parts: usize,
    /// Values in the dictionary's own lists.
    pub values: usize,
}

impl Dictionary {
    /// Loads a dictionary from its files, given as `(name, text)`; the name is used in messages. YAML and JSON may be
    /// mixed. Later files add to earlier ones.
    ///
    /// # Errors
    /// [`LoadError`] with file and line, and what to do about it.
    pub fn load(parts: &[(&str, &str)]) -> Result<Self, LoadError> {
        let sources = Sources::new(parts);
        Self::build(read(&sources)?, &sources)
    }

    /// A small dictionary beside this one, from YAML or JSON: it says numbers, and skips words, as this one does.
    ///
    /// # Errors
    /// As [`Dictionary::load`].
    pub fn beside(&self, text: &str) -> Result<Self, LoadError> {
        let parts = [("beside", text)];
        let sources = Sources::new(&parts);
        let mut raw = read(&sources)?;
        raw.language.clone_from(&self.language);
        raw.numbers = self.numbers.clone();
        raw.skip_words = self.skip_words.iter().map(|word| word.iter().collect()).collect();
        Self::build(raw, &sources)
    }

    fn build(mut raw: Raw, sources: &Sources) -> Result<Self, LoadError> {
        let numbers = raw.numbers.clone();
        let responses = Responses::new(std::mem::take(&mut raw.responses), std::mem::take(&mut raw.errors)).map_err(
            |(path, message)| {
                let steps: Vec<Step<'_>> = path.iter().map(|key| Step::Key(key)).collect();
                let what = format!("response {}", path.last().map_or("", String::as_str));
                LoadError::Shape { place: sources.place(&what, &steps), message }
            },
        )?;
        let graph = compile(&mut raw, sources)?;
        let (marks, joiners) = joiners(&raw.joiners);
        let words = Words::new(&graph, std::mem::take(&mut raw.sounds));
        let mut skip_words: Vec<Vec<char>> = raw
            .skip_words
            .iter()
            .map(|word| fold(normalize(word).trim()).chars().collect::<Vec<char>>())
            .filter(|word| !word.is_empty())
            .collect();
        skip_words.sort();
        skip_words.dedup();
        skip_words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        Ok(Self {
            language: raw.language,
            graph,
            ignore_whitespace: raw.settings.ignore_whitespace,
            skip_words,
            responses,
            words,
            numbers,
            joiners,
            floor_words: raw.floor_words,
            marks,
        })
    }

    /// As [`Dictionary::load`], from bytes as they were read.
    ///
    /// # Errors
    /// [`LoadError::NotUtf8`] in addition.
    pub fn load_bytes(parts: &[(&str, &[u8])]) -> Result<Self, LoadError> {
        let texts = parts
            .iter()
            .map(|(file, bytes)| {
                std::str::from_utf8(bytes)
                    .map(|text| (*file, text))
                    .map_err(|error| LoadError::NotUtf8 { file: (*file).to_owned(), at: error.valid_up_to() })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Self::load(&texts)
    }

    /// The language code, such as `en`.
    #[must_use]
    pub fn language(&self) -> &str {
        &self.language
    }

    /// Whether the dictionary says how numbers are spoken.
    #[must_use]
    pub fn has_numbers(&self) -> bool {
        !self.numbers.is_empty()
    }

    /// Whether a word is a number, in digits or as the language says it.
    pub(crate) fn says_number(&self, word: &str) -> bool {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        bare.starts_with(|c: char| c.is_ascii_digit()) || self.numbers.has_word(&fold(bare))
    }

    /// The names of all intents that have sentences, sorted.
    #[must_use]
    pub fn intents(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.graph.blocks.iter().map(|b| b.intent.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// How large the dictionary is.
    #[must_use]
    pub fn size(&self) -> Size {
        Size {
            sentences: self.graph.sentences.len(),
            parts: self.graph.nodes.iter().filter(|n| !matches!(n, Node::Never)).count(),
            values: self
                .graph
                .lists
                .iter()
                .map(|list| if let List::Values { values, .. } = list { values.values.len() } else { 0 })
                .sum(),
        }
    }

    /// The response that is spoken for an intent; see [`crate::ResponseInput`].
    ///
    /// # Errors
    /// [`crate::RespondError`] where there is no such response or its template fails.
    pub fn respond(
        &self,
        intent: &str,
        key: &str,
        input: &crate::ResponseInput,
    ) -> Result<String, crate::RespondError> {
        self.responses.respond(intent, key, input)
    }

    /// Whether there is a response for an intent under this key.
    #[must_use]
    pub fn has_response(&self, intent: &str, key: &str) -> bool {
        self.responses.has(intent, key)
    }

    /// The spoken sentence for a stable error code; `None` where the language has none for it.
    #[must_use]
    pub fn error(&self, code: &str, slots: &Map<String, Value>) -> Option<String> {
        self.responses.error(code, slots)
    }

    /// The error codes that can be spoken, sorted.
    #[must_use]
    pub fn error_codes(&self) -> Vec<&str> {
        self.responses.error_codes()
    }

    /// Whether any sentence is only for names whose context has this value under this key, such as `todo` under `domain`.
    #[must_use]
    pub fn requires(&self, key: &str, value: &str) -> bool {
        let wanted = Context::from_iter([(key.to_owned(), Value::from(value))]);
        let about = |requires: &Map<String, Value>| requires.contains_key(key) && may_satisfy(requires, &wanted);
        self.graph.blocks.iter().any(|block| about(&block.requires))
    }

    /// Words for floors, in groups that mean the same: `upstairs` and `upper floor`. A floor that is called by one of a group can be
    /// called by all of it.
    #[must_use]
    pub fn floor_words(&self) -> &[Vec<String>] {
        &self.floor_words
    }
}

fn read(sources: &Sources<'_>) -> Result<Raw, LoadError> {
    let mut faults = Faults::first(sources);
    let tree = merge_parts(&mut faults);
    faults.result()?;
    let mut faults = Faults::first(sources);
    let raw = interpret(tree, &mut faults);
    faults.result()?;
    Ok(raw)
}

/// Single marks such as the comma, and joining words, longest first.
fn joiners(written: &[String]) -> (Vec<char>, Vec<Vec<String>>) {
    let mut marks = Vec::new();
    let mut joiners: Vec<Vec<String>> = Vec::new();
    for joiner in written {
        let mut chars = joiner.trim().chars();
        match (chars.next(), chars.next()) {
            (Some(mark), None) if !mark.is_alphanumeric() => marks.push(mark),
            _ => joiners.push(fold(&normalize(joiner)).split_whitespace().map(str::to_owned).collect()),
        }
    }
    joiners.retain(|joiner| !joiner.is_empty());
    joiners.sort_by_key(|joiner| std::cmp::Reverse(joiner.len()));
    (marks, joiners)
}
