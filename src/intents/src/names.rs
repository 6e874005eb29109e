//! The home's names, areas and floors: they change while the dictionary stays as it is.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::context::{Context, may_satisfy, none_excluded};
use crate::graph::OfHome;
use crate::index::{IndexBuilder, TextIndex};
use crate::template::Expr;
use crate::text::{Tracked, fold, is_punctuation, normalize};

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
    words: HashSet<String>,
}

/// Collects [`Names`].
#[derive(Debug, Default)]
pub struct NamesBuilder {
    names: Vec<ListValue>,
    areas: Vec<ListValue>,
    floors: Vec<ListValue>,
}

impl Names {
    pub(crate) fn of(&self, of_home: OfHome) -> &ValueList {
        match of_home {
            OfHome::Names => &self.names,
            OfHome::Areas => &self.areas,
            OfHome::Floors => &self.floors,
        }
    }

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

    /// The words that names, areas and floors consist of, folded.
    pub(crate) fn words(&self) -> &HashSet<String> {
        &self.words
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
        self.names.push(ListValue::new(&entry.text, Out::Value(Box::new(entry.value)), entry.context, entry.metadata));
        self
    }

    /// Adds a spoken form of an area; `value` is usually the area's identifier.
    #[must_use]
    pub fn area(mut self, text: &str, value: impl Into<Value>) -> Self {
        self.areas.push(ListValue::new(text, Out::Value(Box::new(value.into())), Map::new(), Map::new()));
        self
    }

    /// Adds a spoken form of a floor; `value` is usually the floor's identifier.
    #[must_use]
    pub fn floor(mut self, text: &str, value: impl Into<Value>) -> Self {
        self.floors.push(ListValue::new(text, Out::Value(Box::new(value.into())), Map::new(), Map::new()));
        self
    }

    /// Sorts everything into the tables that the matcher searches.
    #[must_use]
    pub fn build(self) -> Names {
        let lists = [self.names, self.areas, self.floors];
        let words = lists
            .iter()
            .flatten()
            .flat_map(|value| Tracked::new(&value.text).text().split(' ').map(fold).collect::<Vec<_>>())
            .filter(|word| !word.is_empty())
            .collect();
        let [names, areas, floors] = lists.map(ValueList::new);
        Names { names, areas, floors, words }
    }
}

/// One value of a list. Kept small: lists may have a million of them.
#[derive(Debug, Clone)]
pub(crate) struct ListValue {
    /// The text as written.
    pub(crate) text: Box<str>,
    /// Only for values that are templates, until they are compiled.
    pub(crate) template: Option<Box<Expr>>,
    pub(crate) is_template: bool,
    pub(crate) out: Out,
    extra: Option<Box<Extra>>,
}

/// What goes into the slot.
#[derive(Debug, Clone)]
pub(crate) enum Out {
    /// The text as it was spoken.
    Spoken,
    /// The text as it is written.
    Written,
    Value(Box<Value>),
}

#[derive(Debug, Clone)]
struct Extra {
    context: Context,
    metadata: Map<String, Value>,
}

impl ListValue {
    pub(crate) fn new(text: &str, out: Out, context: Context, metadata: Map<String, Value>) -> Self {
        let plain = context.is_empty() && metadata.is_empty();
        Self {
            text: text.into(),
            template: None,
            is_template: false,
            out,
            extra: (!plain).then(|| Box::new(Extra { context, metadata })),
        }
    }

    /// The value as it is written, `None` where it depends on what was spoken.
    pub(crate) fn value(&self) -> Option<Value> {
        match &self.out {
            Out::Spoken => None,
            Out::Written => Some(Value::from(&*self.text)),
            Out::Value(value) => Some((**value).clone()),
        }
    }

    pub(crate) fn is_text(&self) -> bool {
        match &self.out {
            Out::Spoken | Out::Written => true,
            Out::Value(value) => value.is_string(),
        }
    }

    /// What the value adds to the context.
    pub(crate) fn context(&self) -> Option<&Context> {
        self.extra.as_ref().map(|extra| &extra.context).filter(|context| !context.is_empty())
    }

    pub(crate) fn metadata(&self) -> Option<&Map<String, Value>> {
        self.extra.as_ref().map(|extra| &extra.metadata)
    }

    /// Whether a block with these demands accepts the value.
    pub(crate) fn fits(&self, requires: &Context, excludes: &Context) -> bool {
        self.context().is_none_or(|context| may_satisfy(requires, context) && none_excluded(excludes, context))
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
        let mut index = IndexBuilder::default();
        let mut templates = Vec::new();
        for (number, value) in values.iter().enumerate() {
            let number = number as u32;
            if value.is_template {
                templates.push(number);
                continue;
            }
            let folded = fold(&normalize(&value.text));
            index.add(folded.trim_start(), number);
            // Sentences lose their punctuation before they are matched: a name such as "TV: left" must follow.
            if value.text.contains(is_punctuation) {
                let bare = fold(&Tracked::new(&value.text).text());
                if bare != folded.trim() {
                    index.add(&bare, number);
                }
            }
        }
        Self { values, index: index.build(), templates }
    }

    pub(crate) fn value(&self, number: u32) -> Option<&ListValue> {
        self.values.get(number as usize)
    }
}
