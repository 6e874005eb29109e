//! One way of having read the text so far, and the slots that it has filled.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

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

/// Up to this many entities are searched without a table.
const FEW: usize = 24;

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
        if self.all.len() < FEW {
            if let Some(known) = self.all.iter().position(|known| *known == entity) {
                return known as u32 + 1;
            }
            self.all.push(entity);
            return next;
        }
        if self.ids.is_empty() {
            self.ids.extend(self.all.iter().copied().zip(1..));
        }
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

/// Joins ways that cannot be told apart any more; of those the one with the most literal text stays.
pub(crate) fn join(ways: &mut Vec<Way>) {
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
