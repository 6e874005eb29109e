//! Which sentences a text can be at all: each needs some of its literal words in the text.
//!
//! For every sentence a few clauses are worked out, such as "one of `turn`, `switch`" and "one of `lights`, `lamps`". All
//! words of all clauses are looked for in one pass over the text; a sentence with a clause that has no word in it is not
//! walked.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::graph::{Graph, List, Node, NodeId};
use crate::tree::Tree;

/// Clauses kept a sentence.
const MAX_CLAUSES: usize = 3;
/// More words than this in one clause and it tells too little.
const MAX_WORDS: usize = 24;
/// More parts of one sentence than this are not looked at.
const MAX_PARTS: usize = 64;

/// More words than this, in bytes, are not looked for: it would take more memory than time.
const MAX_BYTES: usize = 4 << 20;

/// One of these has to be in the text.
type Clause = Vec<Box<str>>;

/// The words that sentences require.
#[derive(Debug, Default)]
pub(crate) struct Required {
    words: Option<AhoCorasick>,
    /// For each word, the sentences that have it in a clause, and that clause as a bit.
    wanted_by: Vec<Vec<(u32, u8)>>,
    /// For each sentence, the bits of all its clauses.
    all: Vec<u8>,
    /// Where each sentence ends in the tree of its class, and its block.
    ends: Vec<End>,
    /// Sentences that require no word.
    free: Vec<u32>,
}

#[derive(Debug, Default, Clone, Copy)]
struct End {
    class: u8,
    place: u32,
    block: u32,
}

/// For each class and each place of its tree, whether a sentence that can be meant leads through it.
#[derive(Debug)]
pub(crate) struct Alive {
    places: [Vec<bool>; 4],
}

impl Alive {
    /// Whether any sentence of a class can be meant.
    pub(crate) fn class(&self, class: usize) -> bool {
        self.place(class, 0)
    }

    pub(crate) fn place(&self, class: usize, place: u32) -> bool {
        self.places.get(class).and_then(|places| places.get(place as usize)).copied().unwrap_or(true)
    }
}

/// Which blocks can be meant, found out when first asked.
#[derive(Debug)]
pub(crate) struct Open(Vec<Option<bool>>);

impl Open {
    /// Nothing is known yet about any of the blocks.
    pub(crate) fn new(blocks: usize) -> Self {
        Self(vec![None; blocks])
    }

    pub(crate) fn find(&mut self, block: u32, decide: impl FnOnce(u32) -> bool) -> bool {
        self.0.get_mut(block as usize).is_some_and(|known| *known.get_or_insert_with(|| decide(block)))
    }

    /// Whether the block is known to be possible.
    pub(crate) fn is(&self, block: u32) -> bool {
        self.0.get(block as usize).copied().flatten().unwrap_or(false)
    }
}

/// What a matcher needs not look at.
#[derive(Debug)]
pub(crate) struct Possible<'a> {
    /// The blocks that the context does not rule out.
    pub(crate) open: &'a Open,
    /// Where only whole sentences are looked for: the places that lead to one that is possible.
    pub(crate) alive: Option<Alive>,
}

impl Required {
    pub(crate) fn new(graph: &Graph) -> Self {
        let mut clauses: Vec<Vec<Clause>> = Vec::with_capacity(graph.sentences.len());
        let mut of_nodes: HashMap<NodeId, Vec<Clause>> = HashMap::new();
        for sentence in &graph.sentences {
            clauses.push(clauses_of(graph, sentence.root, &mut of_nodes));
        }
        let mut weights: HashMap<&str, u32> = HashMap::new();
        for word in clauses.iter().flatten().flatten() {
            *weights.entry(word).or_default() += 1;
        }
        let weight = |clause: &Clause| -> u32 {
            let one = |word: &str| weights.get(word).copied().unwrap_or(0) * if word.len() < 3 { 8 } else { 1 };
            clause.iter().map(|word| one(word)).sum()
        };
        let mut required = Self { ends: vec![End::default(); graph.sentences.len()], ..Self::default() };
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut words: Vec<&str> = Vec::new();
        for (sentence, clauses) in clauses.iter().enumerate() {
            let mut best: Vec<&Clause> = clauses.iter().collect();
            best.sort_by_key(|clause| weight(clause));
            best.truncate(MAX_CLAUSES);
            for (bit, clause) in best.iter().enumerate() {
                for word in *clause {
                    let number = *numbers.entry(word).or_insert_with(|| {
                        words.push(word);
                        required.wanted_by.push(Vec::new());
                        words.len() - 1
                    });
                    if let Some(wanted_by) = required.wanted_by.get_mut(number) {
                        wanted_by.push((sentence as u32, 1 << bit));
                    }
                }
            }
            required.all.push((1_u8 << best.len()) - 1);
            if best.is_empty() {
                required.free.push(sentence as u32);
            }
        }
        for (class, tree) in graph.trees.iter().enumerate() {
            for (place, sentence) in tree.ends() {
                let block = graph.sentences.get(sentence as usize).map_or(0, |sentence| sentence.block);
                if let Some(end) = required.ends.get_mut(sentence as usize) {
                    *end = End { class: class as u8, place, block };
                }
            }
        }
        if words.iter().map(|word| word.len()).sum::<usize>() > MAX_BYTES {
            return required;
        }
        // Words that no automaton can be built for are no error: then all sentences are walked.
        required.words = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&words)
            .ok();
        required
    }

    /// What can be meant by a folded text while these blocks are open; `None` where that is not known.
    pub(crate) fn alive(&self, text: &str, mut is_open: impl FnMut(u32) -> bool, trees: &[Tree; 4]) -> Option<Alive> {
        let words = self.words.as_ref()?;
        let mut alive = Alive { places: trees.each_ref().map(|tree| vec![false; tree.places.len()]) };
        let mut mark = |sentence: u32| {
            let Some(end) = self.ends.get(sentence as usize) else { return };
            let class = usize::from(end.class);
            if is_open(end.block)
                && let (Some(tree), Some(places)) = (trees.get(class), alive.places.get_mut(class))
            {
                tree.mark(end.place, places);
            }
        };
        self.free.iter().for_each(|sentence| mark(*sentence));
        let mut missing = self.all.clone();
        for found in words.find_overlapping_iter(text) {
            let wanted_by = self.wanted_by.get(found.pattern().as_usize()).map_or(&[] as &[_], Vec::as_slice);
            for (sentence, bit) in wanted_by {
                if let Some(missing) = missing.get_mut(*sentence as usize)
                    && *missing & bit != 0
                {
                    *missing &= !bit;
                    if *missing == 0 {
                        mark(*sentence);
                    }
                }
            }
        }
        Some(alive)
    }
}

/// What a text needs to have in it to match a part: one word of each clause.
fn clauses_of(graph: &Graph, id: NodeId, known: &mut HashMap<NodeId, Vec<Clause>>) -> Vec<Clause> {
    if let Some(clauses) = known.get(&id) {
        return clauses.clone();
    }
    let clauses = match graph.node(id) {
        Node::Never => Vec::new(),
        Node::Text(literal) => word_of(&literal.text).map(|word| vec![vec![word]]).unwrap_or_default(),
        Node::Sequence(items) | Node::Permutation(items) => {
            let mut all: Vec<Clause> = Vec::new();
            for item in items.iter().take(MAX_PARTS) {
                for clause in clauses_of(graph, *item, known) {
                    if all.len() < MAX_PARTS && !all.contains(&clause) {
                        all.push(clause);
                    }
                }
            }
            all
        }
        Node::Alternative(items) => {
            let parts: Vec<NodeId> = items.to_vec();
            one_of(parts.iter().map(|item| narrowest(clauses_of(graph, *item, known))))
        }
        Node::List(list) => match graph.lists.get(list.list as usize) {
            Some(List::Values { values, nodes }) if values.values.len() <= MAX_WORDS => {
                let mut of_values: Vec<Option<Clause>> =
                    values.index.iter().map(|(text, _)| word_of(text).map(|word| vec![word])).collect();
                let mut nodes: Vec<NodeId> = nodes.values().copied().collect();
                nodes.sort_unstable();
                of_values.extend(nodes.iter().map(|node| narrowest(clauses_of(graph, *node, known))));
                one_of(of_values.into_iter())
            }
            _ => Vec::new(),
        },
    };
    known.insert(id, clauses.clone());
    clauses
}

/// The clause of a choice: all words of one clause of each of its items.
fn one_of(items: impl Iterator<Item = Option<Clause>>) -> Vec<Clause> {
    let mut words: Clause = Vec::new();
    for item in items {
        let Some(item) = item else { return Vec::new() };
        for word in item {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        if words.len() > MAX_WORDS {
            return Vec::new();
        }
    }
    words.sort();
    if words.is_empty() { Vec::new() } else { vec![words] }
}

/// The clause with the fewest words, and of those the one with the longest.
fn narrowest(clauses: Vec<Clause>) -> Option<Clause> {
    let shortest = |clause: &Clause| clause.iter().map(|word| word.len()).min().unwrap_or(0);
    clauses.into_iter().min_by_key(|clause| (clause.len(), std::cmp::Reverse(shortest(clause))))
}

/// The longest piece of a text without white space.
fn word_of(text: &str) -> Option<Box<str>> {
    text.split_whitespace().max_by_key(|word| word.len()).map(Into::into)
}
