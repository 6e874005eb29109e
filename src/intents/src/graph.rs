//! The compiled sentences: parts of templates, shared where they are equal, and a tree of common beginnings.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::index::TextIndex;
use crate::load::RawRange;
use crate::names::ValueList;

/// A place in the tree of sentences that leads to more blocks than this does not list them.
const MAX_LISTED_BLOCKS: usize = 24;

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

/// Sentences by their beginnings.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) places: Vec<Place>,
}

#[derive(Debug, Default)]
pub(crate) struct Place {
    pub(crate) edges: Vec<(NodeId, u32)>,
    /// Sentences that are complete here.
    pub(crate) ends: Vec<u32>,
    /// The blocks of all sentences from here on, if they are few.
    pub(crate) blocks: Option<Box<[u32]>>,
}

/// The bytes that the text of a part can begin with, white space aside.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Beginning {
    bytes: [u64; 4],
    /// Its values change at run time.
    anything: bool,
    /// It may match nothing at all.
    empty: bool,
}

impl Beginning {
    const ANYTHING: Self = Self { bytes: [0; 4], anything: true, empty: false };

    fn add(&mut self, byte: u8) {
        if let Some(bits) = self.bytes.get_mut(usize::from(byte >> 6)) {
            *bits |= 1 << (byte & 63);
        }
    }

    fn add_text(&mut self, text: &str) {
        match text.trim_start().bytes().next() {
            Some(byte) => self.add(byte),
            None => self.empty = true,
        }
    }

    fn join(&mut self, other: Self) {
        for (mine, theirs) in self.bytes.iter_mut().zip(other.bytes) {
            *mine |= theirs;
        }
        self.anything |= other.anything;
        self.empty |= other.empty;
    }

    pub(crate) fn allows(&self, byte: u8) -> bool {
        self.anything
            || self.empty
            || self.bytes.get(usize::from(byte >> 6)).is_some_and(|bits| bits & (1 << (byte & 63)) != 0)
    }
}

/// The compiled sentences.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    /// Parts that contain no list: what they match depends on nothing but the text.
    pub(crate) literal: Vec<bool>,
    pub(crate) lists: Vec<List>,
    pub(crate) slots: Vec<String>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) sentences: Vec<SentenceTemplate>,
    pub(crate) trees: [Tree; 4],
    /// With what each part can begin.
    beginnings: Vec<Beginning>,
    /// The blocks that require or exclude a key of the context, by that key.
    asking: HashMap<String, Vec<u32>>,
    /// The blocks that require keywords.
    pub(crate) keyed: Vec<u32>,
}

impl Graph {
    /// Notes which blocks have to be asked about which part of a context; to be called when all blocks are there.
    pub(crate) fn note_demands(&mut self) {
        for (number, block) in self.blocks.iter().enumerate() {
            let number = number as u32;
            for key in block.requires.keys().chain(block.excludes.keys()) {
                let asking = self.asking.entry(key.clone()).or_default();
                if asking.last() != Some(&number) {
                    asking.push(number);
                }
            }
            if block.required_keywords.is_some() {
                self.keyed.push(number);
            }
        }
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

    /// The blocks that require or exclude this key of the context.
    pub(crate) fn asking(&self, key: &str) -> &[u32] {
        self.asking.get(key).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id as usize).unwrap_or(&Node::Never)
    }

    pub(crate) fn is_literal(&self, id: NodeId) -> bool {
        self.literal.get(id as usize).copied().unwrap_or(false)
    }
}

impl Tree {
    /// Adds a sentence that consists of these parts.
    pub(crate) fn plant(&mut self, items: &[NodeId], sentence: u32, block: u32) {
        if self.places.is_empty() {
            self.places.push(Place { blocks: Some(Box::default()), ..Place::default() });
        }
        let mut here = 0;
        self.note_block(here, block);
        for item in items {
            let next = self.places.len();
            let Some(place) = self.places.get_mut(here) else { return };
            here = match place.edges.iter().find(|(node, _)| node == item) {
                Some((_, child)) => *child as usize,
                None => {
                    place.edges.push((*item, next as u32));
                    self.places.push(Place { blocks: Some(Box::default()), ..Place::default() });
                    next
                }
            };
            self.note_block(here, block);
        }
        if let Some(place) = self.places.get_mut(here) {
            place.ends.push(sentence);
        }
    }

    fn note_block(&mut self, place: usize, block: u32) {
        let Some(place) = self.places.get_mut(place) else { return };
        let Some(blocks) = &place.blocks else { return };
        if blocks.contains(&block) {
            return;
        }
        place.blocks = (blocks.len() < MAX_LISTED_BLOCKS).then(|| {
            let mut longer = blocks.to_vec();
            longer.push(block);
            longer.into()
        });
    }
}
