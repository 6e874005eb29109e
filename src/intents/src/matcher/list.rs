//! The values of lists, numbers and wildcards at a place in the text.

use super::Matcher;
use crate::graph::{List, ListUse, Range};
use crate::list::{Fractions, RawRange};
use crate::names::{ListValue, ValueList};
use crate::way::{Entity, EntityKind, Way};

impl<'a> Matcher<'a> {
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

    pub(super) fn list(&mut self, list: ListUse, way: Way, out: &mut Vec<Way>) {
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
            Some(List::OfHome(of_home)) => match graph.instead_of(*of_home, self.names) {
                Some(own) => self.list(ListUse { list: own, ..list }, way, out),
                None => self.values(list, self.names.of(*of_home), way, out),
            },
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
            if self.too_many(&hits) {
                return;
            }
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
            if self.text.is_read(end, way.broken) {
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

fn in_range(range: &RawRange, value: f64) -> bool {
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
