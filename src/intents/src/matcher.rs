//! Walks the sentences and the text together. All ways to read the text are followed at once, step by step; ways that
//! have become the same are joined, so that the work stays bounded where the reference's would multiply.

mod list;

use std::hash::BuildHasherDefault;

use crate::graph::{Class, Graph, Literal, Node, NodeId};
use crate::names::Names;
use crate::prepared::Prepared;
use crate::required::Possible;
use crate::tree::{Ahead, Place, Tree};
use crate::way::{Entities, Entity, EntityKind, Found, QuickMap, Way, join};

/// Steps after which a sentence is given up.
pub(crate) const WORK_LIMIT: u64 = 1_000_000;

/// Parts without lists that a sentence usually meets.
const LITERALS: usize = 56;

/// More ways at once than this and a sentence is given up.
const MAX_WAYS: usize = 20_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LiteralWay {
    pos: u32,
    word_start: bool,
    broken: bool,
    literal: u32,
}

/// One walk over one text variant.
pub(crate) struct Matcher<'a> {
    graph: &'a Graph,
    names: &'a Names,
    text: &'a Prepared,
    ignore_whitespace: bool,
    entities: &'a mut Entities,
    literal_ids: QuickMap<(NodeId, u32, u8), (u32, u32)>,
    literal_ways: Vec<LiteralWay>,
    /// Vectors to use again.
    spare: Vec<Vec<Way>>,
    /// Shared by all variants of a sentence.
    work: &'a mut u64,
    /// Blocks that the sentences under consideration belong to, if few.
    blocks: Option<&'a [u32]>,
    possible: Possible<'a>,
    class: usize,
    /// Some sentence goes on where the text ends.
    pub(crate) can_continue: bool,
}

impl<'a> Matcher<'a> {
    pub(crate) fn new(
        graph: &'a Graph,
        names: &'a Names,
        text: &'a Prepared,
        ignore_whitespace: bool,
        entities: &'a mut Entities,
        work: &'a mut u64,
        possible: Possible<'a>,
    ) -> Self {
        Self {
            graph,
            names,
            text,
            ignore_whitespace,
            entities,
            literal_ids: QuickMap::with_capacity_and_hasher(LITERALS, BuildHasherDefault::default()),
            literal_ways: Vec::new(),
            spare: Vec::new(),
            work,
            blocks: None,
            class: 0,
            // Nobody asks then.
            can_continue: possible.alive.is_some(),
            possible,
        }
    }

    /// Follows all sentences of a class.
    pub(crate) fn run(&mut self, class: Class, variant: u8, found: &mut Vec<Found>) {
        let graph = self.graph;
        self.class = class as usize;
        if let Some(tree) = graph.trees.get(class as usize)
            && let Some(root) = tree.places.first()
            && self.possible.alive.as_ref().is_none_or(|alive| alive.class(class as usize))
        {
            self.walk(tree, root, &[Way::start()], variant, found);
        }
    }

    fn spent(&mut self) -> bool {
        *self.work += 1;
        *self.work > WORK_LIMIT
    }

    fn too_many<T>(&mut self, ways: &[T]) -> bool {
        if ways.len() > MAX_WAYS {
            *self.work = WORK_LIMIT + 1;
        }
        *self.work > WORK_LIMIT
    }

    fn walk(&mut self, tree: &'a Tree, place: &'a Place, ways: &[Way], variant: u8, found: &mut Vec<Found>) {
        for sentence in &place.ends {
            for way in ways {
                if way.open || self.text.is_read(way.pos as usize, way.broken) {
                    found.push(Found { sentence: *sentence, variant, way: *way });
                }
            }
        }
        let ahead = self.ahead(ways);
        let mut next = self.vec();
        for edge in place.possible(&ahead) {
            if ahead.end && ahead.anything && self.can_continue && !edge.beginning.empty && self.all_read(ways) {
                continue;
            }
            let Some(child) = tree.places.get(edge.place as usize) else { continue };
            if !self.leads_on(edge.place, child) {
                continue;
            }
            self.blocks = child.blocks.as_deref();
            next.clear();
            for way in ways {
                self.expand(edge.node, *way, &mut next);
            }
            if self.spent() || self.too_many(&next) {
                return;
            }
            join(&mut next);
            if !next.is_empty() {
                self.walk(tree, child, &next, variant, found);
            }
        }
        self.give_back(next);
    }

    /// An empty vector, one that was used before if there is one.
    fn vec(&mut self) -> Vec<Way> {
        self.spare.pop().unwrap_or_default()
    }

    fn give_back(&mut self, mut ways: Vec<Way>) {
        ways.clear();
        self.spare.push(ways);
    }

    /// Whether some sentence under consideration goes through a place.
    fn leads_on(&self, number: u32, place: &Place) -> bool {
        match &self.possible.alive {
            Some(alive) => alive.place(self.class, number),
            None => place.blocks.as_ref().is_none_or(|blocks| blocks.iter().any(|block| self.is_open(*block))),
        }
    }

    /// What the text goes on with after each of these ways. Where it ends, everything is of interest until it is known
    /// that some sentence goes on.
    fn ahead(&self, ways: &[Way]) -> Ahead {
        let mut ahead = Ahead::default();
        for way in ways {
            ahead.end |= self.text.is_read(way.pos as usize, way.broken);
            match self.next_byte(*way) {
                _ if way.open => ahead.anything = true,
                None => ahead.anything |= !self.can_continue,
                Some(b'-' | b'_') if !way.broken => ahead.anything = true,
                Some(byte) => ahead.add(byte),
            }
        }
        ahead
    }

    fn all_read(&self, ways: &[Way]) -> bool {
        ways.iter().all(|way| !way.open && self.next_byte(*way).is_none())
    }

    fn next_byte(&self, way: Way) -> Option<u8> {
        let bytes = self.text.bytes(way.broken);
        bytes.get(self.text.skip_spaces(way.pos as usize, way.broken)).copied()
    }

    fn is_open(&self, block: u32) -> bool {
        self.possible.open.is(block)
    }

    fn expand(&mut self, id: NodeId, way: Way, out: &mut Vec<Way>) {
        if !way.open && !self.may_begin(id, way) {
            return;
        }
        if self.spent() {
            return;
        }
        let graph = self.graph;
        let node = graph.node(id);
        if let Node::Text(literal) = node {
            return self.literal(literal, way, out);
        }
        if !way.open && graph.is_literal(id) {
            return self.literal_part(id, way, out);
        }
        match node {
            Node::Text(_) | Node::Never => {}
            Node::Alternative(items) => {
                for item in items {
                    self.expand(*item, way, out);
                }
            }
            Node::Sequence(items) => self.sequence(items, way, out),
            Node::Permutation(items) => self.permutation(items, way, out),
            Node::List(list) => self.list(*list, way, out),
        }
    }

    /// Whether the next character is one that the part can begin with.
    fn may_begin(&self, id: NodeId, way: Way) -> bool {
        let beginning = self.graph.beginning(id);
        match self.next_byte(way) {
            None => beginning.empty || !self.can_continue,
            Some(byte) => beginning.empty || beginning.allows(byte) || (!way.broken && matches!(byte, b'-' | b'_')),
        }
    }

    fn sequence(&mut self, items: &[NodeId], way: Way, out: &mut Vec<Way>) {
        let (mut ways, mut next) = (self.vec(), self.vec());
        ways.push(way);
        for item in items {
            for way in &ways {
                self.expand(*item, *way, &mut next);
            }
            if self.too_many(&next) {
                return;
            }
            join(&mut next);
            std::mem::swap(&mut ways, &mut next);
            next.clear();
            if ways.is_empty() {
                break;
            }
        }
        out.append(&mut ways);
        self.give_back(ways);
        self.give_back(next);
    }

    fn permutation(&mut self, items: &[NodeId], way: Way, out: &mut Vec<Way>) {
        // Layer by layer: (which parts are used, way).
        let mut layer = vec![(0_u32, way)];
        for _ in 0..items.len() {
            let mut next: Vec<(u32, Way)> = Vec::new();
            let mut reached = self.vec();
            for (used, way) in &layer {
                for (i, item) in items.iter().enumerate() {
                    if used & (1 << i) != 0 {
                        continue;
                    }
                    reached.clear();
                    self.expand(*item, *way, &mut reached);
                    for way in &reached {
                        let entry = (used | (1 << i), *way);
                        if next.len() > 64 || !next.contains(&entry) {
                            next.push(entry);
                        }
                    }
                    if self.spent() || self.too_many(&next) {
                        return;
                    }
                }
            }
            layer = next;
        }
        out.extend(layer.into_iter().map(|(_, way)| way));
    }

    /// A part without lists: what it matches at a place is computed once.
    fn literal_part(&mut self, id: NodeId, way: Way, out: &mut Vec<Way>) {
        let key = (id, way.pos, u8::from(way.word_start) | u8::from(way.broken) << 1);
        let (from, to) = match self.literal_ids.get(&key) {
            Some(range) => *range,
            None => {
                let start = Way { literal: 0, entity: 0, ..way };
                let graph = self.graph;
                let mut ways = self.vec();
                match graph.node(id) {
                    Node::Alternative(items) => {
                        for item in items {
                            self.expand(*item, start, &mut ways);
                        }
                    }
                    Node::Sequence(items) => self.sequence(items, start, &mut ways),
                    Node::Permutation(items) => self.permutation(items, start, &mut ways),
                    _ => {}
                }
                join(&mut ways);
                let from = self.literal_ways.len() as u32;
                self.literal_ways.extend(ways.iter().map(|w| LiteralWay {
                    pos: w.pos,
                    word_start: w.word_start,
                    broken: w.broken,
                    literal: w.literal,
                }));
                let range = (from, self.literal_ways.len() as u32);
                self.literal_ids.insert(key, range);
                self.give_back(ways);
                range
            }
        };
        let ways = self.literal_ways.get(from as usize..to as usize).unwrap_or_default();
        out.extend(ways.iter().map(|w| Way {
            pos: w.pos,
            word_start: w.word_start,
            broken: w.broken,
            literal: way.literal + w.literal,
            ..way
        }));
    }

    fn literal(&mut self, literal: &Literal, way: Way, out: &mut Vec<Way>) {
        let whole = literal.text.as_bytes();
        if whole.is_empty() {
            out.push(way);
            return;
        }
        let skip = way.word_start && !self.ignore_whitespace;
        let wanted = if skip { whole.get(literal.lead as usize..).unwrap_or_default() } else { whole };
        let pos = way.pos as usize;
        let pos = if skip { self.text.skip_spaces(pos, way.broken) } else { pos };
        if way.open {
            return self.literal_after_wildcard(literal, wanted, pos, way, out);
        }
        let rest = self.text.bytes(way.broken).get(pos..).unwrap_or_default();
        if rest.starts_with(wanted) {
            out.push(Way {
                pos: (pos + wanted.len()) as u32,
                // An elided article ends a word as well: "l'entrée", "nell'ingresso".
                word_start: whole.ends_with(b" ") || whole.ends_with(b"'"),
                literal: way.literal + u32::from(literal.chars),
                ..way
            });
            return;
        }
        let blank_rest = rest.iter().all(|b| *b == b' ');
        if literal.chars == 0 {
            if blank_rest {
                out.push(way);
            }
        } else if !self.can_continue && runs_out(rest, wanted) {
            self.can_continue = true;
        }
        if !way.broken && self.text.can_break(pos) {
            let rest = self.text.bytes(true).get(pos..).unwrap_or_default();
            if rest.starts_with(wanted) {
                out.push(Way { pos: (pos + wanted.len()) as u32, broken: true, ..way });
            }
        }
    }

    /// The wildcard takes everything up to each place where the literal stands.
    fn literal_after_wildcard(&mut self, literal: &Literal, wanted: &[u8], base: usize, way: Way, out: &mut Vec<Way>) {
        if literal.chars == 0 {
            out.push(Way { pos: base as u32, word_start: true, ..way });
            return;
        }
        self.can_continue = true;
        let bound = self.wildcard_is_bound(way);
        let Some(first) = self.find(base, wanted, way.broken, bound) else { return };
        let first =
            if first == base { self.find(self.text.next_char(base), wanted, way.broken, bound) } else { Some(first) };
        let mut next = first;
        while let Some(at) = next {
            if self.spent() {
                return;
            }
            let entity = self.close_wildcard(way, base, at);
            let closed = Way { pos: at as u32, word_start: true, open: false, entity, ..way };
            self.literal(literal, closed, out);
            next = self.find(at + 1, wanted, way.broken, false);
        }
    }

    fn wildcard_is_bound(&self, way: Way) -> bool {
        !self.ignore_whitespace
            && matches!(
                self.entities.get(way.entity),
                Some(Entity { kind: EntityKind::Wildcard { end_of_word: true }, .. })
            )
    }

    fn close_wildcard(&mut self, way: Way, start: usize, end: usize) -> u32 {
        let Some(open) = self.entities.get(way.entity).copied() else { return 0 };
        self.entities.add(Entity { start: start as u32, end: end as u32, broken: way.broken, ..open })
    }

    /// First place from `from` on where `wanted` stands; `bound`: only where a word starts or ends. The place `from`
    /// itself counts as having nothing before it.
    fn find(&self, from: usize, wanted: &[u8], broken: bool, bound: bool) -> Option<usize> {
        let bytes = self.text.bytes(broken);
        let first = *wanted.first()?;
        let mut at = from;
        loop {
            let rest = bytes.get(at..)?;
            at += rest.iter().position(|b| *b == first)?;
            let fits = bytes.get(at..).is_some_and(|rest| rest.starts_with(wanted));
            if fits && (!bound || self.is_boundary(at, from)) {
                return Some(at);
            }
            at += 1;
        }
    }

    fn is_boundary(&self, at: usize, from: usize) -> bool {
        let before = at > from && self.text.is_word(at - 1);
        before != self.text.is_word(at)
    }
}

/// The text ends inside of what is wanted, or before it.
fn runs_out(rest: &[u8], wanted: &[u8]) -> bool {
    let (rest, wanted) = (rest.trim_ascii_end(), wanted.trim_ascii_end());
    rest.len() < wanted.len() && wanted.starts_with(rest)
}
