//! The compiled sentences: parts of templates, shared where they are equal.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::beginning::Beginning;
use crate::index::TextIndex;
use crate::list::RawRange;
use crate::names::{Names, ValueList};
use crate::required::Required;
use crate::tree::Tree;

pub(crate) type NodeId = u32;
pub(crate) type ListId = u32;
pub(crate) type SlotId = u32;

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    /// Literal text, folded.
    Text(Literal),
    Sequence(Box<[NodeId]>),
    Alternative(Box<[NodeId]>),
    Permutation(Box<[NodeId]>),
    List(ListUse),
    /// Matches nothing at all: an alternative with no content, as in `(a|)`.
    Never,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Literal {
    pub(crate) text: Box<str>,
    /// Bytes of leading space.
    pub(crate) lead: u16,
    /// Characters without surrounding space.
    pub(crate) chars: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ListUse {
    pub(crate) list: ListId,
    pub(crate) slot: SlotId,
    pub(crate) capture: bool,
    pub(crate) end_of_word: bool,
}

/// Where a list's values come from.
#[derive(Debug)]
pub(crate) enum List {
    /// From the dictionary; templates among the values are compiled.
    Values {
        values: ValueList,
        nodes: HashMap<u32, NodeId>,
    },
    Range(Range),
    Wildcard,
    OfHome(OfHome),
}

/// What the home calls by names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum OfHome {
    Names,
    Areas,
    Floors,
}

#[derive(Debug)]
pub(crate) struct Range {
    pub(crate) raw: RawRange,
    /// Number words, folded; the numbers they stand for are in `spoken`.
    pub(crate) words: Arc<SpokenNumbers>,
}

#[derive(Debug, Default)]
pub(crate) struct SpokenNumbers {
    pub(crate) index: TextIndex,
    pub(crate) numbers: Vec<f64>,
}

/// What all sentences of a block share.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) intent: String,
    pub(crate) slots: Map<String, Value>,
    pub(crate) response: Option<String>,
    pub(crate) requires: Map<String, Value>,
    pub(crate) excludes: Map<String, Value>,
    pub(crate) metadata: Option<Map<String, Value>>,
    pub(crate) required_keywords: Option<Vec<String>>,
}

impl Block {
    /// Whether its sentences only count where no other fits: they take almost any words ("and bread" after "add milk"). The format
    /// leaves metadata to whoever uses it.
    pub(crate) fn is_last_resort(&self) -> bool {
        self.metadata.as_ref().and_then(|metadata| metadata.get("last_resort")).and_then(Value::as_bool) == Some(true)
    }
}

#[derive(Debug)]
pub(crate) struct SentenceTemplate {
    pub(crate) block: u32,
    pub(crate) text: String,
    pub(crate) root: NodeId,
}

/// Which variant of the text a sentence is matched against: a wildcard at an end keeps its skip words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Class {
    Plain,
    WildcardOnly,
    WildcardFirst,
    WildcardLast,
}

pub(crate) const CLASSES: [Class; 4] = [Class::Plain, Class::WildcardOnly, Class::WildcardFirst, Class::WildcardLast];

/// The compiled sentences.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    /// Parts that contain no list: what they match depends on nothing but the text.
    pub(crate) literal: Vec<bool>,
    pub(crate) lists: Vec<List>,
    /// The dictionary's lists of the same names, for homes that have none.
    pub(crate) own: HashMap<OfHome, ListId>,
    pub(crate) slots: Vec<String>,
    /// Slots whose words must be a command by themselves.
    pub(crate) command_slots: Vec<SlotId>,
    /// Whether any block is [`Block::is_last_resort`].
    pub(crate) has_last_resorts: bool,
    pub(crate) blocks: Vec<Block>,
    pub(crate) sentences: Vec<SentenceTemplate>,
    pub(crate) trees: [Tree; 4],
    /// With what each part can begin.
    beginnings: Vec<Beginning>,
    /// Whether any block requires keywords.
    pub(crate) has_keywords: bool,
    /// The words that sentences require.
    pub(crate) required: Required,
}

impl Graph {
    /// The dictionary's own list in place of one of the home, where the home has none of these.
    pub(crate) fn instead_of(&self, of_home: OfHome, names: &Names) -> Option<ListId> {
        self.own.get(&of_home).copied().filter(|_| names.of(of_home).values.is_empty())
    }

    /// Works out with what each part can begin; to be called when all parts are there. Parts come after what they consist of.
    pub(crate) fn note_beginnings(&mut self) {
        let mut beginnings: Vec<Beginning> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let of = |id: &NodeId| beginnings.get(*id as usize).copied().unwrap_or(Beginning::ANYTHING);
            let mut beginning = Beginning::default();
            match node {
                Node::Never => {}
                Node::Text(literal) => beginning.add_text(&literal.text),
                Node::Alternative(items) | Node::Permutation(items) => items.iter().for_each(|i| beginning.join(of(i))),
                Node::Sequence(items) => {
                    // Up to the first item that cannot be empty.
                    let mut empty = true;
                    for item in items {
                        let next = of(item);
                        beginning.join(next);
                        if !next.empty {
                            empty = false;
                            break;
                        }
                    }
                    beginning.empty = empty;
                }
                Node::List(list) => beginning = self.list_beginning(list.list, &beginnings),
            }
            beginnings.push(beginning);
        }
        self.beginnings = beginnings;
        for tree in &mut self.trees {
            tree.note_beginnings(|id| self.beginnings.get(id as usize).copied().unwrap_or(Beginning::ANYTHING));
        }
        self.required = Required::new(self);
    }

    fn list_beginning(&self, list: ListId, beginnings: &[Beginning]) -> Beginning {
        let mut beginning = Beginning::default();
        match self.lists.get(list as usize) {
            Some(List::Values { values, nodes }) => {
                values.index.iter().for_each(|(text, _)| beginning.add_text(text));
                for node in nodes.values() {
                    beginning.join(beginnings.get(*node as usize).copied().unwrap_or(Beginning::ANYTHING));
                }
            }
            Some(List::Range(range)) => {
                (b'0'..=b'9').chain([b'-']).for_each(|byte| beginning.add(byte));
                range.words.index.iter().for_each(|(text, _)| beginning.add_text(text));
            }
            _ => beginning.anything = true,
        }
        beginning
    }

    pub(crate) fn beginning(&self, id: NodeId) -> Beginning {
        self.beginnings.get(id as usize).copied().unwrap_or(Beginning::ANYTHING)
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id as usize).unwrap_or(&Node::Never)
    }

    pub(crate) fn is_literal(&self, id: NodeId) -> bool {
        self.literal.get(id as usize).copied().unwrap_or(false)
    }
}
