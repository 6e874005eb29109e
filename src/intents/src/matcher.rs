//! Walks the sentences and the text together. All ways to read the text are followed at once, step by step; ways that
//! have become the same are joined, so that the work stays bounded where the reference's would multiply.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::compile::{Class, Graph, List, ListUse, Literal, Node, NodeId, Place, Range, Tree};
use crate::load::Fractions;
use crate::names::{ListValue, Names, ValueList};
use crate::text::Prepared;

/// Steps after which a sentence is given up.
pub(crate) const WORK_LIMIT: u64 = 1_000_000;

/// More ways at once than this and a sentence is given up.
const MAX_WAYS: usize = 20_000;

/// A small, fast hash for small keys; the keys are positions and numbers, not chosen by anyone outside.
#[derive(Default)]
pub(crate) struct QuickHasher(u64);

impl Hasher for QuickHasher {
    fn finish(&self) -> u64 {
        // The low bits choose the place in the table; the high ones are the better mixed.
        self.0.rotate_left(26)
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }
    fn write_u8(&mut self, n: u8) {
        self.write_u64(u64::from(n));
    }
    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    fn write_isize(&mut self, n: isize) {
        self.write_u64(n as u64);
    }
    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }
}

pub(crate) type QuickMap<K, V> = HashMap<K, V, BuildHasherDefault<QuickHasher>>;

/// One way of having read the text so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) pos: u32,
    /// At the start of a word: white space may be skipped.
    pub(crate) word_start: bool,
    /// Hyphens and underscores count as spaces from here on.
    pub(crate) broken: bool,
    /// The last entity is a wildcard whose end is not known yet.
    pub(crate) open: bool,
    /// Characters matched literally.
    pub(crate) literal: u32,
    /// Last entity of the chain; 0 for none.
    pub(crate) entity: u32,
}

impl Way {
    pub(crate) fn start() -> Self {
        Self { pos: 0, word_start: true, broken: false, open: false, literal: 0, entity: 0 }
    }

    fn key(&self) -> (u32, u32, u8) {
        (self.pos, self.entity, u8::from(self.word_start) | u8::from(self.broken) << 1 | u8::from(self.open) << 2)
    }
}

/// Something that fills a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Entity {
    pub(crate) before: u32,
    pub(crate) slot: u32,
    pub(crate) kind: EntityKind,
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) broken: bool,
    pub(crate) capture: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum EntityKind {
    Value { list: u32, number: u32 },
    Number { bits: u64 },
    Wildcard { end_of_word: bool },
}

/// A sentence that may have been said, and the way it was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) sentence: u32,
    /// 0 for the text with skip words left in, tried first.
    pub(crate) variant: u8,
    pub(crate) way: Way,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LiteralWay {
    pos: u32,
    word_start: bool,
    broken: bool,
    literal: u32,
}

/// Entities of all text variants of one sentence. They refer to positions of the variant they were found in.
#[derive(Debug, Default)]
pub(crate) struct Entities {
    all: Vec<Entity>,
    ids: QuickMap<Entity, u32>,
}

impl Entities {
    pub(crate) fn get(&self, id: u32) -> Option<&Entity> {
        id.checked_sub(1).and_then(|i| self.all.get(i as usize))
    }

    pub(crate) fn add(&mut self, entity: Entity) -> u32 {
        let next = self.all.len() as u32 + 1;
        let id = *self.ids.entry(entity).or_insert(next);
        if id == next {
            self.all.push(entity);
        }
        id
    }

    /// The chain that ends with `last`, first entity first.
    pub(crate) fn chain(&self, last: u32) -> Vec<Entity> {
        let mut chain = Vec::new();
        let mut at = last;
        while let Some(entity) = self.get(at) {
            chain.push(*entity);
            at = entity.before;
        }
        chain.reverse();
        chain
    }
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

    /// Whether any sentence under consideration accepts a value with this context.
    fn wanted(&self, value: &ListValue) -> bool {
        let Some(blocks) = self.blocks else { return true };
        if value.context().is_none() {
            return true;
        }
        blocks.iter().any(|b| {
            self.is_open(*b)
                && self.graph.blocks.get(*b as usize).is_some_and(|block| value.fits(&block.requires, &block.excludes))
        })
    }

    fn expand(&mut self, id: NodeId, way: Way, out: &mut Vec<Way>) {
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

    fn list(&mut self, list: ListUse, way: Way, out: &mut Vec<Way>) {
        if way.pos as usize >= self.text.len() {
            self.can_continue = true;
            return;
        }
        let graph = self.graph;
        match graph.lists.get(list.list as usize) {
            Some(List::Wildcard) => {
                self.can_continue = true;
                let entity = self.entities.add(Entity {
                    before: way.entity,
                    slot: list.slot,
                    kind: EntityKind::Wildcard { end_of_word: list.end_of_word },
                    start: way.pos,
                    end: way.pos,
                    broken: way.broken,
                    capture: list.capture,
                });
                out.push(Way { open: true, entity, ..way });
            }
            Some(List::Range(range)) => self.range(list, range, way, out),
            Some(List::Values { values, nodes }) => {
                self.values(list, values, way, out);
                for number in &values.templates {
                    let Some(value) = values.value(*number) else { continue };
                    let Some(node) = nodes.get(number) else { continue };
                    if !self.wanted(value) {
                        continue;
                    }
                    let mut ways = Vec::new();
                    self.expand(*node, way, &mut ways);
                    for reached in ways {
                        self.value_found(list, *number, way, reached, out);
                    }
                }
            }
            Some(List::Names) => self.values(list, &self.names.names, way, out),
            Some(List::Areas) => self.values(list, &self.names.areas, way, out),
            Some(List::Floors) => self.values(list, &self.names.floors, way, out),
            None => {}
        }
    }

    /// The literal values of a list.
    fn values(&mut self, list: ListUse, values: &'a ValueList, way: Way, out: &mut Vec<Way>) {
        if values.index.is_empty() {
            return;
        }
        if way.open {
            return self.values_after_wildcard(list, values, way, out);
        }
        let pos = way.pos as usize;
        let skip = way.word_start && !self.ignore_whitespace;
        let pos = if skip { self.text.skip_spaces(pos, way.broken) } else { pos };
        let text = self.text;
        let mut hits: Vec<(usize, u32, bool)> = Vec::new();
        let rest = text.bytes(way.broken).get(pos..).unwrap_or_default();
        values.index.prefixes_of(rest, |len, number| hits.push((len, number, way.broken)));
        if !way.broken && text.can_break(pos) {
            let rest = text.bytes(true).get(pos..).unwrap_or_default();
            values.index.prefixes_of(rest, |len, number| {
                if !hits.iter().any(|(l, n, _)| (*l, *n) == (len, number)) {
                    hits.push((len, number, true));
                }
            });
        }
        if !self.can_continue {
            let rest = rest.trim_ascii_end();
            self.can_continue = values
                .index
                .longer_than(rest)
                .take(64)
                .any(|number| values.value(number).is_some_and(|value| self.wanted(value)));
        }
        for (len, number, broken) in hits {
            if values.value(number).is_some_and(|value| self.wanted(value)) {
                let reached = Way { pos: (pos + len) as u32, broken, ..way };
                self.value_found(list, number, way, reached, out);
            }
        }
    }

    fn values_after_wildcard(&mut self, list: ListUse, values: &'a ValueList, way: Way, out: &mut Vec<Way>) {
        let skip = way.word_start && !self.ignore_whitespace;
        let base = if skip { self.text.skip_spaces(way.pos as usize, way.broken) } else { way.pos as usize };
        let bytes = self.text.bytes(way.broken);
        self.can_continue = true;
        let mut hits: Vec<(u32, usize, usize)> = Vec::new();
        for at in base..bytes.len() {
            values.index.prefixes_of(bytes.get(at..).unwrap_or_default(), |len, number| hits.push((number, at, len)));
        }
        hits.sort_unstable();
        let bound = self.wildcard_is_bound(way);
        for group in hits.chunk_by(|a, b| a.0 == b.0) {
            let Some((number, ..)) = group.first() else { continue };
            if !values.value(*number).is_some_and(|value| self.wanted(value)) {
                continue;
            }
            let from = |start: usize| {
                group.iter().position(|(_, at, _)| *at >= start && (!bound || self.is_boundary(*at, start)))
            };
            let Some(mut first) = from(base) else { continue };
            if group.get(first).is_some_and(|(_, at, _)| *at == base) {
                match from(self.text.next_char(base)) {
                    Some(later) => first = later,
                    None => continue,
                }
            }
            for (_, at, len) in group.get(first..).unwrap_or_default() {
                if self.spent() {
                    return;
                }
                let entity = self.close_wildcard(way, base, *at);
                let reached = Way { pos: (at + len) as u32, entity, open: false, ..way };
                self.value_found(list, *number, way, reached, out);
            }
        }
    }

    /// Puts a matched value into its slot.
    fn value_found(&mut self, list: ListUse, number: u32, way: Way, reached: Way, out: &mut Vec<Way>) {
        // A wildcard before the value took its part of the text.
        let start = match self.entities.get(reached.entity) {
            Some(e)
                if reached.entity != way.entity
                    && matches!(e.kind, EntityKind::Wildcard { .. })
                    && e.start == way.pos =>
            {
                e.end
            }
            _ => way.pos,
        };
        let entity = self.entities.add(Entity {
            before: reached.entity,
            slot: list.slot,
            kind: EntityKind::Value { list: list.list, number },
            start,
            end: reached.pos,
            broken: reached.broken,
            capture: list.capture,
        });
        out.push(Way { entity, open: false, word_start: way.word_start, literal: way.literal, ..reached });
    }

    fn range(&mut self, list: ListUse, range: &Range, way: Way, out: &mut Vec<Way>) {
        let float = range.raw.fractions.is_some();
        let pos = way.pos as usize;
        let bytes = self.text.bytes(way.broken);
        let mut numbers = Vec::new();
        if way.open {
            let mut at = pos;
            while at < bytes.len() {
                match number_at(bytes, at, float) {
                    Some((end, value)) => {
                        numbers.push((at, end, value));
                        at = end;
                    }
                    None => at += 1,
                }
            }
            self.can_continue = true;
        } else if let Some((end, value)) = number_at(bytes, pos, float) {
            numbers.push((pos, end, value));
            if end >= self.text.empty_from {
                self.can_continue = true;
            }
        }
        let any_digits = !numbers.is_empty();
        if range.raw.digits {
            for (start, end, value) in numbers {
                if in_range(&range.raw, value) {
                    self.number_found(list, range, value, way, (start, end), 0, out);
                }
            }
        }
        if any_digits || !range.raw.words {
            return;
        }
        let words = std::sync::Arc::clone(&range.words);
        let rest = bytes.get(pos..).unwrap_or_default().trim_ascii_end();
        if !self.can_continue && words.index.longer_than(rest).next().is_some() {
            self.can_continue = true;
        }
        let mut hits = Vec::new();
        let last = if way.open { bytes.len() } else { pos + 1 };
        for at in pos..last {
            words.index.prefixes_of(bytes.get(at..).unwrap_or_default(), |len, number| hits.push((at, len, number)));
        }
        let mut seen: Vec<&[u8]> = Vec::new();
        for (at, len, number) in hits {
            let spelling = bytes.get(at..at + len).unwrap_or_default();
            if way.open {
                // Each spelling counts once, where it stands first.
                if seen.contains(&spelling) {
                    continue;
                }
                seen.push(spelling);
            }
            if let Some(value) = words.numbers.get(number as usize) {
                let chars = self.text.count_chars(at, at + len) as u32;
                self.number_found(list, range, *value, way, (at, at + len), chars, out);
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "all of it describes one number")]
    fn number_found(
        &mut self,
        list: ListUse,
        range: &Range,
        value: f64,
        way: Way,
        (start, end): (usize, usize),
        literal: u32,
        out: &mut Vec<Way>,
    ) {
        let before = if way.open { self.close_wildcard(way, way.pos as usize, start) } else { way.entity };
        let value = range.raw.multiplier.map_or(value, |factor| value * factor);
        let entity = self.entities.add(Entity {
            before,
            slot: list.slot,
            kind: EntityKind::Number { bits: value.to_bits() },
            start: start as u32,
            end: end as u32,
            broken: way.broken,
            capture: list.capture,
        });
        out.push(Way {
            pos: end as u32,
            open: false,
            entity,
            word_start: if literal > 0 { false } else { way.word_start },
            literal: way.literal + literal,
            ..way
        });
    }
}

/// Joins ways that cannot be told apart any more; of those the one with the most literal text stays.
fn join(ways: &mut Vec<Way>) {
    if ways.len() < 2 {
        return;
    }
    if ways.len() <= 12 {
        let mut i = 0;
        while let Some(way) = ways.get(i).copied() {
            let better = ways.iter().enumerate().any(|(j, other)| {
                j != i
                    && other.key() == way.key()
                    && (other.literal > way.literal || (other.literal == way.literal && j < i))
            });
            if better {
                ways.remove(i);
            } else {
                i += 1;
            }
        }
        return;
    }
    let mut best: QuickMap<(u32, u32, u8), (u32, usize)> = QuickMap::default();
    for (i, way) in ways.iter().enumerate() {
        let entry = best.entry(way.key()).or_insert((way.literal, i));
        if way.literal > entry.0 {
            *entry = (way.literal, i);
        }
    }
    let mut i = 0;
    ways.retain(|way| {
        let keep = best.get(&way.key()).is_some_and(|(_, at)| *at == i);
        i += 1;
        keep
    });
}

/// The text ends inside of what is wanted, or before it.
fn runs_out(rest: &[u8], wanted: &[u8]) -> bool {
    let (rest, wanted) = (rest.trim_ascii_end(), wanted.trim_ascii_end());
    rest.len() < wanted.len() && wanted.starts_with(rest)
}

/// White space, an optional minus, digits, and a fraction if allowed; its end and value.
fn number_at(bytes: &[u8], at: usize, float: bool) -> Option<(usize, f64)> {
    let rest = bytes.get(at..)?;
    let spaces = rest.iter().take_while(|b| **b == b' ').count();
    let minus = usize::from(rest.get(spaces) == Some(&b'-'));
    let first = spaces + minus;
    let digits = rest.get(first..)?.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let mut end = first + digits;
    if float && matches!(rest.get(end), Some(b'.' | b',')) {
        let fraction = rest.get(end + 1..)?.iter().take_while(|b| b.is_ascii_digit()).count();
        if fraction > 0 {
            end += 1 + fraction;
        }
    }
    let text = std::str::from_utf8(rest.get(spaces..end)?).ok()?.replace(',', ".");
    Some((at + end, text.parse().ok()?))
}

fn in_range(range: &crate::load::RawRange, value: f64) -> bool {
    let (from, to) = (range.from as f64, range.to as f64);
    if range.step == 1 && range.fractions.is_none() {
        return from <= value && value <= to;
    }
    let whole = value.floor();
    if whole < from || whole > to || ((whole - from) % range.step as f64) != 0.0 {
        return false;
    }
    match range.fractions {
        None => value == whole,
        Some(Fractions::Halves) => value == whole || value == whole + 0.5,
        Some(Fractions::Tenths) => (0..10).any(|tenth| value == whole + f64::from(tenth) / 10.0),
    }
}
