//! The home's names, areas and floors: they change while the dictionary stays as it is.

use serde_json::{Map, Value};

use crate::context::Context;
use crate::index::TextIndex;
use crate::template::Expr;
use crate::text::{Tracked, fold, normalize};

/// One spoken form of a device, scene or other entity.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NameEntry {
    /// What is said. Plain text, never a template.
    pub text: String,
    /// What goes into the slot, usually the entity's identifier.
    pub value: Value,
    /// What sentences may demand of it, usually `{"domain": "light"}`.
    pub context: Context,
    /// Passed through to the result.
    pub metadata: Map<String, Value>,
}

/// The names of a home, ready to be matched. Build one with [`Names::builder`] whenever the home's names change.
#[derive(Debug, Default, Clone)]
pub struct Names {
    pub(crate) names: ValueList,
    pub(crate) areas: ValueList,
    pub(crate) floors: ValueList,
}

/// Collects [`Names`].
#[derive(Debug, Default)]
pub struct NamesBuilder {
    names: Vec<ListValue>,
    areas: Vec<ListValue>,
    floors: Vec<ListValue>,
}

impl Names {
    /// An empty collection to add to.
    #[must_use]
    pub fn builder() -> NamesBuilder {
        NamesBuilder::default()
    }

    /// The number of spoken forms: names, areas and floors with their aliases.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.values.len() + self.areas.values.len() + self.floors.values.len()
    }

    /// True when the home has no names at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl NamesBuilder {
    /// Adds a name or an alias of an entity.
    #[must_use]
    pub fn name(mut self, entry: NameEntry) -> Self {
        self.names.push(ListValue::plain(&entry.text, Some(entry.value), entry.context, entry.metadata));
        self
    }

    /// Adds a spoken form of an area; `value` is usually the area's identifier.
    #[must_use]
    pub fn area(mut self, text: &str, value: impl Into<Value>) -> Self {
        self.areas.push(ListValue::plain(text, Some(value.into()), Map::new(), Map::new()));
        self
    }

    /// Adds a spoken form of a floor; `value` is usually the floor's identifier.
    #[must_use]
    pub fn floor(mut self, text: &str, value: impl Into<Value>) -> Self {
        self.floors.push(ListValue::plain(text, Some(value.into()), Map::new(), Map::new()));
        self
    }

    /// Sorts everything into the tables that the matcher searches.
    #[must_use]
    pub fn build(self) -> Names {
        Names {
            names: ValueList::new(self.names),
            areas: ValueList::new(self.areas),
            floors: ValueList::new(self.floors),
        }
    }
}

/// One value of a list.
#[derive(Debug, Clone)]
pub(crate) struct ListValue {
    /// Folded literal text; `None` for a template.
    pub(crate) plain: Option<String>,
    /// The text as written.
    pub(crate) text: String,
    /// Only for values that are templates.
    pub(crate) template: Option<Expr>,
    /// `None`: the spoken text itself.
    pub(crate) out: Option<Value>,
    pub(crate) context: Context,
    pub(crate) metadata: Map<String, Value>,
}

impl ListValue {
    pub(crate) fn plain(text: &str, out: Option<Value>, context: Context, metadata: Map<String, Value>) -> Self {
        Self { plain: Some(fold(&normalize(text))), text: text.to_owned(), template: None, out, context, metadata }
    }
}

/// The values of a list, with the literal ones in a table.
#[derive(Debug, Default, Clone)]
pub(crate) struct ValueList {
    pub(crate) values: Vec<ListValue>,
    pub(crate) index: TextIndex,
    /// Numbers of the values that are templates.
    pub(crate) templates: Vec<u32>,
}

impl ValueList {
    pub(crate) fn new(values: Vec<ListValue>) -> Self {
        let mut texts: Vec<(String, u32)> = Vec::with_capacity(values.len());
        let mut templates = Vec::new();
        for (number, value) in values.iter().enumerate() {
            let number = number as u32;
            match &value.plain {
                Some(plain) if plain.trim().is_empty() => {}
                Some(plain) => {
                    texts.push((plain.trim_start().to_owned(), number));
                    // Sentences lose their punctuation before they are matched: a name such as "TV: left" must follow.
                    let bare = fold(&Tracked::new(&value.text).text());
                    if !bare.is_empty() && bare != plain.trim() {
                        texts.push((bare, number));
                    }
                }
                None => templates.push(number),
            }
        }
        let index = TextIndex::build(texts.iter().map(|(text, number)| (text.as_str(), *number)));
        Self { values, index, templates }
    }

    pub(crate) fn value(&self, number: u32) -> Option<&ListValue> {
        self.values.get(number as usize)
    }
}
