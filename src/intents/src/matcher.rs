//! Walks the sentences and the text together. All ways to read the text are followed at once, step by step; ways that
//! have become the same are joined, so that the work stays bounded where the reference's would multiply.

mod list;

use crate::graph::{Class, Graph, Literal, Node, NodeId, Place, Tree};
use crate::names::Names;
use crate::prepared::Prepared;
use crate::way::{Entities, Entity, EntityKind, Found, QuickMap, Way, join};

/// Steps after which a sentence is given up.
pub(crate) const WORK_LIMIT: u64 = 1_000_000;

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
    /// Shared by all variants of a sentence.
    work: &'a mut u64,
    /// Blocks that the sentences under consideration belong to, if few.
    blocks: Option<&'a [u32]>,
    block_open: &'a [bool],
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
        block_open: &'a [bool],
    ) -> Self {
        Self {
            graph,
            names,
            text,
            ignore_whitespace,
            entities,
            literal_ids: QuickMap::default(),
            literal_ways: Vec::new(),
            work,
            blocks: None,
            block_open,
            can_continue: false,
        }
    }

    /// Follows all sentences of a class.
    pub(crate) fn run(&mut self, class: Class, variant: u8, found: &mut Vec<Found>) {
        let graph = self.graph;
        if let Some(tree) = graph.trees.get(class as usize)
            && let Some(root) = tree.places.first()
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
                if way.open || way.pos as usize >= self.text.empty_from {
                    found.push(Found { sentence: *sentence, variant, way: *way });
                }
            }
        }
        for (node, child) in &place.edges {
            let Some(child) = tree.places.get(*child as usize) else { continue };
            if let Some(blocks) = &child.blocks
                && !blocks.iter().any(|b| self.is_open(*b))
            {
                continue;
            }
            self.blocks = child.blocks.as_deref();
            let mut next = Vec::new();
            for way in ways {
                self.expand(*node, *way, &mut next);
            }
            if self.spent() || self.too_many(&next) {
                return;
            }
            join(&mut next);
            if !next.is_empty() {
                self.walk(tree, child, &next, variant, found);
            }
        }
    }

    fn is_open(&self, block: u32) -> bool {
        self.block_open.get(block as usize).copied().unwrap_or(false)
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
        let bytes = self.text.bytes(way.broken);
        let Some(byte) = bytes.get(self.text.skip_spaces(way.pos as usize, way.broken)) else { return true };
        beginning.allows(*byte) || (!way.broken && matches!(byte, b'-' | b'_'))
    }

    fn sequence(&mut self, items: &[NodeId], way: Way, out: &mut Vec<Way>) {
        let mut ways = vec![way];
        let mut next = Vec::new();
        for item in items {
            for way in &ways {
                self.expand(*item, *way, &mut next);
            }
            if self.too_many(&next) {
                return;
            }
            join(&mut next);
            if next.is_empty() {
                return;
            }
            std::mem::swap(&mut ways, &mut next);
            next.clear();
        }
        out.append(&mut ways);
    }

    fn permutation(&mut self, items: &[NodeId], way: Way, out: &mut Vec<Way>) {
        // Layer by layer: (which parts are used, way).
        let mut layer = vec![(0_u32, way)];
        for _ in 0..items.len() {
            let mut next: Vec<(u32, Way)> = Vec::new();
            let mut reached = Vec::new();
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
                let mut ways = Vec::new();
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
                word_start: whole.ends_with(b" "),
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
