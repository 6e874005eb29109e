//! Sentence templates in the HassIL format to intent and slots: pure, no input or output, no language in Rust.
//!
//! - [`dictionary`]: a loaded dictionary, the way in
//! - [`load`]: files to one merged tree, with messages that name file and line
//! - [`template`]: the template language
//! - [`compile`]: templates to a graph with shared parts, sentences in a tree of common beginnings
//! - [`names`]: the home's names, areas and floors, which change at run time
//! - [`index`]: which of many texts are a prefix of what comes next
//! - [`numbers`]: number words from a language's data
//! - [`text`]: what was said, made ready for matching
//! - [`matcher`]: walks sentences and text together
//! - [`recognize`]: the best result, and whether a beginning can become a sentence
//! - [`several`]: several commands in one sentence
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

mod check;
pub mod cli;
mod compile;
mod context;
mod dictionary;
mod explain;
mod index;
mod load;
mod matcher;
mod names;
mod numbers;
mod recognize;
mod respond;
mod sample;
mod several;
mod template;
mod text;

pub use check::{Finding, Severity, check};
pub use context::Context;
pub use dictionary::{Dictionary, Size};
pub use explain::{Explained, Explanation};
pub use load::LoadError;
pub use names::{NameEntry, Names, NamesBuilder};
pub use recognize::{MAX_TEXT_BYTES, Partial, Recognition, RecognizeError, Slot};
pub use respond::{RespondError, ResponseInput};
pub use sample::Sample;
pub use template::{MAX_NESTING, TemplateError};
