//! The sentences of a class in a tree of common beginnings.

use std::collections::HashMap;

use crate::beginning::Beginning;
use crate::graph::NodeId;

/// A place that leads to more blocks than this does not list them.
const MAX_LISTED_BLOCKS: usize = 24;
/// With fewer ways on from a place than this, each is looked at.
const MIN_SORTED_EDGES: usize = 4;

/// Sentences by their beginnings.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) places: Vec<Place>,
    /// For each place the one that leads to it; the root leads to itself.
    parents: Vec<u32>,
    /// Where each edge leads, while sentences are added.
    children: HashMap<(u32, NodeId), u32>,
}

#[derive(Debug, Default)]
pub(crate) struct Place {
    pub(crate) edges: Vec<Edge>,
    /// Sentences that are complete here.
    pub(crate) ends: Vec<u32>,
    /// The blocks of all sentences from here on, if they are few.
    pub(crate) blocks: Option<Box<[u32]>>,
    /// The edges by the next byte of the text, where there are many.
    sorted: Option<Box<Sorted>>,
}

/// A part of sentences, and the place that is reached with it.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) node: NodeId,
    pub(crate) place: u32,
    /// With what the rest of the sentences can begin, this part included.
    pub(crate) beginning: Beginning,
}

/// Which edges of a place are possible before which byte: a bit an edge.
#[derive(Debug)]
struct Sorted {
    /// For each byte the number of its row.
    row_of: [u16; 256],
    /// Rows of equal length, one behind the other.
    rows: Box<[u64]>,
    words: usize,
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
            here = match self.children.get(&(here as u32, *item)) {
                Some(child) => *child as usize,
                None => {
                    let next = self.places.len();
                    let Some(place) = self.places.get_mut(here) else { return };
                    place.edges.push(Edge { node: *item, place: next as u32, beginning: Beginning::default() });
                    self.children.insert((here as u32, *item), next as u32);
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

    /// The sentences, each with the place where it is complete.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (u32, u32)> {
        let of = |(number, place): (usize, &Place)| (number as u32, place.ends.clone());
        self.places.iter().enumerate().map(of).flat_map(|(number, ends)| ends.into_iter().map(move |end| (number, end)))
    }

    /// Marks a place and all that lead to it.
    pub(crate) fn mark(&self, place: u32, marks: &mut [bool]) {
        let mut here = place as usize;
        while let Some(mark) = marks.get_mut(here)
            && !*mark
        {
            *mark = true;
            here = self.parents.get(here).map_or(here, |parent| *parent as usize);
        }
    }

    /// Works out with what the sentences go on from each place; to be called when all are there.
    pub(crate) fn note_beginnings(&mut self, of: impl Fn(NodeId) -> Beginning) {
        self.children = HashMap::new();
        // Places come before those that they lead to.
        let mut of_places = vec![Beginning::default(); self.places.len()];
        for (number, place) in self.places.iter_mut().enumerate().rev() {
            let mut all = Beginning::default();
            all.empty = !place.ends.is_empty();
            for edge in &mut place.edges {
                edge.beginning = of(edge.node);
                if edge.beginning.empty {
                    edge.beginning.empty = false;
                    edge.beginning.join(of_places.get(edge.place as usize).copied().unwrap_or(Beginning::ANYTHING));
                }
                all.join(edge.beginning);
            }
            if let Some(of_place) = of_places.get_mut(number) {
                *of_place = all;
            }
            place.sorted = (place.edges.len() >= MIN_SORTED_EDGES).then(|| Box::new(Sorted::new(&place.edges)));
        }
        self.parents = vec![0; self.places.len()];
        for (number, place) in self.places.iter().enumerate() {
            for edge in &place.edges {
                if let Some(parent) = self.parents.get_mut(edge.place as usize) {
                    *parent = number as u32;
                }
            }
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

impl Sorted {
    fn new(edges: &[Edge]) -> Self {
        let words = edges.len().div_ceil(64);
        let row = |holds: &dyn Fn(&Beginning) -> bool| {
            let mut row = vec![0_u64; words];
            for (number, _) in edges.iter().enumerate().filter(|(_, edge)| holds(&edge.beginning)) {
                if let Some(word) = row.get_mut(number / 64) {
                    *word |= 1 << (number % 64);
                }
            }
            row
        };
        // The first row is that of the end of the text.
        let mut rows = vec![row(&|beginning| beginning.empty)];
        let mut row_of = [0; 256];
        for (byte, number) in (0..=u8::MAX).zip(&mut row_of) {
            let row = row(&|beginning| beginning.allows(byte));
            let known = rows.iter().skip(1).position(|known| *known == row).map(|at| at + 1);
            *number = known.unwrap_or(rows.len()) as u16;
            if known.is_none() {
                rows.push(row);
            }
        }
        Self { row_of, rows: rows.concat().into(), words }
    }

    fn row(&self, number: u16) -> &[u64] {
        let from = usize::from(number) * self.words;
        self.rows.get(from..from + self.words).unwrap_or_default()
    }
}

/// What stands next in the text, for all ways of having read it so far.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Ahead {
    bytes: [u8; MAX_BYTES],
    count: usize,
    /// Anything may follow, or there are too many ways to tell.
    pub(crate) anything: bool,
    /// Nothing that has to be matched is left.
    pub(crate) end: bool,
}

/// More different bytes than this are not told apart.
const MAX_BYTES: usize = 6;

impl Ahead {
    pub(crate) fn add(&mut self, byte: u8) {
        if self.bytes.iter().take(self.count).any(|known| *known == byte) {
            return;
        }
        match self.bytes.get_mut(self.count) {
            Some(free) => {
                *free = byte;
                self.count += 1;
            }
            None => self.anything = true,
        }
    }

    fn allowed_by(&self, beginning: &Beginning) -> bool {
        self.anything
            || (self.end && beginning.empty)
            || self.bytes.iter().take(self.count).any(|byte| beginning.allows(*byte))
    }
}

impl Place {
    /// The edges that can be taken, in their order.
    pub(crate) fn possible<'a>(&'a self, ahead: &'a Ahead) -> impl Iterator<Item = &'a Edge> {
        let sorted = self.sorted.as_deref().filter(|_| !ahead.anything);
        let words = sorted.map_or(0, |sorted| sorted.words);
        let listed = (0..words).flat_map(move |word| {
            let of = |number: u16| sorted.and_then(|s| s.row(number).get(word)).copied().unwrap_or(0);
            let mut bits = if ahead.end { of(0) } else { 0 };
            for byte in ahead.bytes.iter().take(ahead.count) {
                let number = sorted.and_then(|s| s.row_of.get(usize::from(*byte))).copied().unwrap_or(0);
                bits |= of(number);
            }
            std::iter::from_fn(move || {
                let bit = bits.trailing_zeros() as usize;
                bits &= bits.wrapping_sub(1);
                (bit < 64).then_some(word * 64 + bit)
            })
        });
        let unsorted = if sorted.is_none() { self.edges.as_slice() } else { &[] };
        listed
            .filter_map(|number| self.edges.get(number))
            .chain(unsorted.iter().filter(|edge| ahead.allowed_by(&edge.beginning)))
    }
}
