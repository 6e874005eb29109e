//! Files to one merged tree: no meaning yet.

use serde_json::{Map, Value};
use serde_saphyr::{Error, MessageFormatter, UserMessageFormatter};

use crate::marks::{Twice, marks};
use crate::sources::{Sources, Step};
use crate::template::TemplateError;

/// A file with more nodes than this is refused.
const MAX_NODES: usize = 20_000_000;
const MAX_SCALAR_BYTES: usize = 512 * 1024 * 1024;

/// Why a dictionary cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Not text.
    #[error("{file}: not UTF-8 at byte {at}; save the file as UTF-8")]
    NotUtf8 {
        /// The file's name.
        file: String,
        /// Offset of the first bad byte.
        at: usize,
    },
    /// Neither YAML nor JSON.
    #[error("{file}: {message}")]
    Syntax {
        /// The file's name.
        file: String,
        /// What the parser said, with line and column.
        message: String,
    },
    /// The tree is not a dictionary.
    #[error("{place}: {message}")]
    Shape {
        /// File and line where known, with the intent, list or rule.
        place: String,
        /// What was expected.
        message: String,
    },
    /// A template that cannot be read.
    #[error("{place}: `{template}`: {error}")]
    Template {
        /// File and line where known, with the intent, list or rule.
        place: String,
        /// The template, shortened.
        template: String,
        /// What is wrong with it.
        error: TemplateError,
    },
    /// A reference to an expansion rule that does not exist.
    #[error("{place}: there is no expansion rule <{name}>; define it under `expansion_rules`")]
    UnknownRule {
        /// Where it is used.
        place: String,
        /// The rule's name.
        name: String,
    },
    /// A reference to a list that does not exist.
    #[error("{place}: there is no list {{{name}}}; define it under `lists`")]
    UnknownList {
        /// Where it is used.
        place: String,
        /// The list's name.
        name: String,
    },
    /// A rule or list that contains itself.
    #[error("{place}: {name} contains itself ({path}); take the circle apart")]
    Circular {
        /// Where it is used.
        place: String,
        /// The rule or list.
        name: String,
        /// The way round.
        path: String,
    },
    /// Too large or too deep.
    #[error("{place}: {message}")]
    TooLarge {
        /// Where.
        place: String,
        /// Which limit, and what to do.
        message: String,
    },
}

/// What is wrong with the files, in the order in which it is found.
pub(crate) struct Faults<'a> {
    pub(crate) sources: &'a Sources<'a>,
    pub(crate) found: Vec<LoadError>,
    all: bool,
}

impl<'a> Faults<'a> {
    /// Keeps everything.
    pub(crate) fn all(sources: &'a Sources<'a>) -> Self {
        Self { sources, found: Vec::new(), all: true }
    }

    /// Keeps the first fault alone.
    pub(crate) fn first(sources: &'a Sources<'a>) -> Self {
        Self { sources, found: Vec::new(), all: false }
    }

    pub(crate) fn add(&mut self, fault: impl FnOnce(&Sources<'a>) -> LoadError) {
        if self.all || self.found.is_empty() {
            self.found.push(fault(self.sources));
        }
    }

    /// `path` leads to what is not as expected; `what` names it.
    pub(crate) fn shape(&mut self, what: &str, path: &[Step<'_>], message: impl Into<String>) {
        self.add(|sources| LoadError::Shape { place: sources.place(what, path), message: message.into() });
    }

    pub(crate) fn template(&mut self, what: &str, path: &[Step<'_>], text: &str, error: TemplateError) {
        self.add(|sources| template_error(what, path, text, error, sources));
    }

    /// # Errors
    /// The first of them.
    pub(crate) fn result(self) -> Result<(), LoadError> {
        self.found.into_iter().next().map_or(Ok(()), Err)
    }
}

/// Why a file cannot be read.
struct Unreadable {
    /// From 1; 0 where it is not known.
    line: usize,
    column: usize,
    message: String,
}

impl Unreadable {
    fn in_file(self, file: &str) -> LoadError {
        let Self { line, column, message } = self;
        let message = if line == 0 { message } else { format!("line {line}, column {column}: {message}") };
        LoadError::Syntax { file: file.to_owned(), message }
    }
}

/// Reads every part and merges them: maps by key, lists one behind the other, the last of anything else wins.
pub(crate) fn merge_parts(faults: &mut Faults<'_>) -> Map<String, Value> {
    let mut merged = Map::new();
    for (number, (file, text)) in faults.sources.parts.iter().enumerate() {
        match read(file, text) {
            Ok(Value::Object(map)) => merge(&mut merged, map, number, &mut Vec::new(), faults),
            Ok(Value::Null) => {}
            Ok(_) => {
                let message = "expected keys such as `intents:` at the top, found a list or a single value";
                faults.add(|sources| {
                    let (name, line) = sources.find_in(number, &[]).unwrap_or_else(|| ((*file).to_owned(), 1));
                    LoadError::Shape { place: format!("{name}:{line}"), message: message.into() }
                });
            }
            Err(error) => faults.add(|_| error.in_file(file)),
        }
    }
    merged
}

fn read(file: &str, text: &str) -> Result<Value, Unreadable> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{') {
        // JSON is read as such: faster, and its messages are about JSON.
        if let Ok(value) = serde_json::from_str(text) {
            return Ok(value);
        }
        if file.ends_with(".json") {
            return serde_json::from_str(text).map_err(|error| {
                let message = error.to_string();
                let message = message.split(" at line ").next().unwrap_or_default().to_owned();
                Unreadable { line: error.line(), column: error.column(), message }
            });
        }
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: MAX_NODES,
            max_events: MAX_NODES * 2,
            max_total_scalar_bytes: MAX_SCALAR_BYTES,
            max_depth: 100,
        },
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let number = |number: u64| usize::try_from(number).unwrap_or_default();
        let (line, column) = error.location().map_or((0, 0), |at| (number(at.line()), number(at.column())));
        Unreadable { line, column, message: explain(&error, line, text) }
    })
}

/// What the YAML parser means, in words that need no knowledge of it.
fn explain(error: &Error, line: usize, text: &str) -> String {
    match error {
        Error::AliasError { error, .. } | Error::WithSnippet { error, .. } => explain(error, line, text),
        Error::DuplicateMappingKey { key, .. } => {
            let twice = marks(text).twice.into_iter().find(|twice| twice.second as usize == line);
            match (twice, key) {
                (Some(twice), _) => is_twice(&twice),
                (None, Some(key)) => format!("the key `{key}` is there twice; {MERGE}"),
                (None, None) => format!("a key is there twice; {MERGE}"),
            }
        }
        Error::NonFiniteFloat { value, .. } => {
            format!(
                "`{value}` is no number that can be used; write a finite one, or put quotes around it to mean the text"
            )
        }
        Error::UnknownAnchor { .. } => {
            "the `*` refers to nothing; write `&` and its name where it is defined, before this line".into()
        }
        Error::MultipleDocuments { .. } => {
            "the file has several documents; remove the line `---`, or split the file".into()
        }
        _ => UserMessageFormatter.format_message(error).into_owned(),
    }
}

const MERGE: &str = "rename one of them, or merge what is under both";

pub(crate) fn is_twice(Twice { key, first, .. }: &Twice) -> String {
    format!("the key `{key}` is there twice, first in line {first}; {MERGE}")
}

/// `path` is where both maps are.
fn merge(
    base: &mut Map<String, Value>,
    new: Map<String, Value>,
    file: usize,
    path: &mut Vec<String>,
    faults: &mut Faults<'_>,
) {
    for (key, value) in new {
        let expected = match (base.get_mut(&key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => {
                path.push(key);
                merge(old, new, file, path, faults);
                path.pop();
                continue;
            }
            (Some(Value::Array(old)), Value::Array(new)) => {
                old.extend(new);
                continue;
            }
            (Some(Value::Object(_) | Value::Array(_)), Value::Null) => continue,
            (Some(Value::Object(_)), _) => "a map",
            (Some(Value::Array(_)), _) => "a list",
            (_, value) => {
                base.insert(key, value);
                continue;
            }
        };
        let message = format!("`{key}` must be {expected}, as in the other files");
        let steps: Vec<Step<'_>> = path.iter().chain([&key]).map(|key| Step::Key(key)).collect();
        faults.add(|sources| {
            let (name, line) = sources.find_in(file, &steps).unwrap_or_default();
            LoadError::Shape { place: format!("{name}:{line}"), message }
        });
    }
}

pub(crate) fn template_error(
    what: &str,
    path: &[Step<'_>],
    text: &str,
    error: TemplateError,
    sources: &Sources<'_>,
) -> LoadError {
    LoadError::Template { place: sources.place(what, path), template: shorten(text), error }
}

/// The first 80 characters.
pub(crate) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
