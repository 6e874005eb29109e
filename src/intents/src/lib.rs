//! Sentence templates in the HassIL format to intent and slots: pure, no input or output, no language in Rust.
//!
//! - [`dictionary`]: a loaded dictionary, the way in
//! - [`load`]: files to one merged tree; [`raw`]: the tree to plain structures; [`list`]: the lists in it
//! - [`sources`]: the file and line of what messages are about; [`marks`]: the lines of one file's parts
//! - [`template`]: the template language
//! - [`graph`]: the compiled sentences, with shared parts; [`beginning`]: with what each can begin
//! - [`tree`]: the sentences by their common beginnings; [`required`]: the words that they need
//! - [`compile`]: from templates to that graph
//! - [`names`]: the home's names, areas and floors, which change at run time
//! - [`index`]: which of many texts are a prefix of what comes next
//! - [`numbers`]: number words from a language's data
//! - [`text`]: what was said, made ready for matching; [`prepared`]: the result
//! - [`way`]: one way of having read the text so far
//! - [`matcher`]: walks sentences and text together
//! - [`recognize`]: what was meant, and whether a beginning can become a sentence
//! - [`candidate`]: what fits, and the best of it
//! - [`outcome`]: the best as a result
//! - [`command`]: commands inside of sentences, for later
//! - [`several`]: several commands in one sentence
//! - [`fuzzy`]: repairs of what speech recognition misheard; [`words`]: what there is to repair it by
//! - [`context`]: what sentences demand of their context
//! - [`respond`]: what the house says
//! - [`sample`]: sentences made up from the templates
//! - [`explain`]: every candidate and why it lost
//! - [`check`]: what is wrong with a dictionary, by file and line
//! - [`cli`]: what the program's `intents` commands do
//!
//! ```
//! use vesta_intents::{Context, Dictionary, NameEntry, Names};
//!
//! let dictionary = Dictionary::load(&[("en.yaml", r#"
//! language: en
//! intents:
//!   HassTurnOn:
//!     data:
//!       - sentences: ["turn on [the] {name}"]
//! "#)])?;
//! let names = Names::builder()
//!     .name(NameEntry { text: "kitchen light".into(), value: "light.kitchen".into(), ..NameEntry::default() })
//!     .build();
//! let meant = dictionary.recognize("Turn on the Kitchen Light!", &names, &Context::new());
//! assert_eq!(meant.map(|m| m.slots["name"].value.clone()), Some("light.kitchen".into()));
//! # Ok::<(), vesta_intents::LoadError>(())
//! ```

#![forbid(unsafe_code)]

mod beginning;
mod candidate;
mod check;
pub mod cli;
mod command;
mod compile;
mod context;
mod dictionary;
mod explain;
mod fuzzy;
mod graph;
mod index;
mod list;
mod load;
mod marks;
mod matcher;
mod names;
mod numbers;
mod outcome;
mod prepared;
mod raw;
mod recognize;
mod required;
mod respond;
mod sample;
mod several;
mod sources;
mod template;
mod text;
mod tree;
mod way;
mod words;

pub use check::{Finding, Severity, check};
pub use command::WITHIN;
pub use context::Context;
pub use dictionary::{Dictionary, Size};
pub use explain::{Explained, Explanation};
pub use fuzzy::{Repaired, SURE, Understanding};
pub use load::LoadError;
pub use names::{NameEntry, Names, NamesBuilder};
pub use recognize::{MAX_TEXT_BYTES, Partial, Recognition, RecognizeError, Slot};
pub use respond::{RespondError, ResponseInput};
pub use sample::Sample;
pub use template::{MAX_NESTING, TemplateError};
