//! The chosen reading of a sentence as a result.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Number, Value};

use crate::candidate::Candidate;
use crate::dictionary::Dictionary;
use crate::names::{ListValue, Names};
use crate::prepared::Prepared;
use crate::recognize::{Recognition, Search, Slot};
use crate::way::{Entity, EntityKind};

/// Beyond so many other values of one name it no longer matters whether two are the same.
const MAX_COMPARED: usize = 64;

impl Dictionary {
    /// Turns the chosen candidate into the result.
    pub(crate) fn finish(
        &self,
        candidate: &Candidate,
        search: &Search,
        names: &Names,
        all: &[Candidate],
    ) -> Recognition {
        let mut slots = BTreeMap::new();
        let (intent, response, metadata, fixed) = match self.block_of(candidate.sentence) {
            Some(block) => (
                block.intent.clone(),
                block.response.clone(),
                block.metadata.clone().unwrap_or_default(),
                Some(&block.slots),
            ),
            None => (String::new(), None, Map::new(), None),
        };
        if let Some(text) = search.variants.texts.get(candidate.variant as usize) {
            for entity in candidate.chain.iter().filter(|e| !e.capture) {
                let Some(name) = self.graph.slots.get(entity.slot as usize) else { continue };
                slots.insert(name.clone(), self.slot(entity, text, names));
            }
        }
        let from_outside = |value: &Value, text: &str| Slot {
            value: value.clone(),
            text: text.to_owned(),
            span: 0..0,
            others: Vec::new(),
            metadata: Map::new(),
        };
        let matched: Vec<String> = slots.keys().cloned().collect();
        for (name, value) in fixed.into_iter().flatten() {
            if !slots.contains_key(name) {
                slots.insert(name.clone(), from_outside(value, ""));
            }
        }
        for slot in &candidate.context_slots {
            if !matched.contains(&slot.name) {
                slots.insert(slot.name.clone(), from_outside(&slot.value, &slot.text));
            }
        }
        self.note_others(&mut slots, candidate, all, names);
        Recognition {
            intent,
            slots,
            response: response.or_else(|| Some("default".to_owned())),
            context: candidate.context.clone(),
            metadata,
            confidence: 1.0,
            wildcards: candidate.wildcards,
            sentence: self.graph.sentences.get(candidate.sentence as usize).map(|s| s.text.clone()).unwrap_or_default(),
            repairs: Vec::new(),
        }
    }

    /// Values that would fill the same slot from the same words.
    fn note_others(&self, slots: &mut BTreeMap<String, Slot>, chosen: &Candidate, all: &[Candidate], names: &Names) {
        let mut noted: HashSet<(&str, EntityKind)> = HashSet::new();
        for other in all {
            if other.sentence != chosen.sentence
                || other.variant != chosen.variant
                || other.chain.len() != chosen.chain.len()
            {
                continue;
            }
            for (mine, theirs) in chosen.chain.iter().zip(&other.chain) {
                let same_words = (mine.slot, mine.start, mine.end) == (theirs.slot, theirs.start, theirs.end);
                let EntityKind::Value { list, number } = theirs.kind else { continue };
                if !same_words || mine.kind == theirs.kind {
                    continue;
                }
                let Some(name) = self.graph.slots.get(mine.slot as usize) else { continue };
                if !noted.insert((name, theirs.kind)) {
                    continue;
                }
                let Some(value) = self.list_value(names, list, number).and_then(ListValue::value) else { continue };
                if let Some(slot) = slots.get_mut(name)
                    && slot.value != value
                    && (slot.others.len() > MAX_COMPARED || !slot.others.contains(&value))
                {
                    slot.others.push(value);
                }
            }
        }
    }

    fn slot(&self, entity: &Entity, text: &Prepared, names: &Names) -> Slot {
        let (start, end) = (entity.start as usize, entity.end as usize);
        let said = text.plain_between(start, end, entity.broken);
        let mut metadata = Map::new();
        let value = match entity.kind {
            EntityKind::Wildcard { .. } => Value::String(said.trim().to_owned()),
            EntityKind::Number { bits } => number_value(f64::from_bits(bits)),
            EntityKind::Value { list, number } => match self.list_value(names, list, number) {
                Some(value) => {
                    metadata = value.metadata().cloned().unwrap_or_default();
                    value.value().unwrap_or_else(|| Value::String(said.clone()))
                }
                None => Value::Null,
            },
        };
        Slot { value, text: said.trim().to_owned(), span: text.original_span(start, end), others: Vec::new(), metadata }
    }
}

/// Whole numbers as such.
fn number_value(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return Value::Number(Number::from(value as i64));
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}
