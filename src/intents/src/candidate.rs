//! Ways of reading a sentence that passed every check, and the best of them by the rules of the reference.

use crate::context::{Context, ContextSlot, none_excluded, satisfy};
use crate::dictionary::Dictionary;
use crate::graph::{Block, List};
use crate::names::{ListValue, Names};
use crate::prepared::Prepared;
use crate::recognize::Search;
use crate::way::{Entity, EntityKind, Found};

/// Among results for the same sentence the one that fills this slot is preferred.
const PREFERRED_SLOT: &str = "name";

/// A candidate that passed every check.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) sentence: u32,
    pub(crate) variant: u8,
    pub(crate) chain: Vec<Entity>,
    pub(crate) context: Context,
    pub(crate) context_slots: Vec<ContextSlot>,
    pub(crate) wildcards: usize,
    pub(crate) literal: u32,
    pub(crate) wildcard_chars: usize,
    /// Length of the text that filled the preferred slot; `None` where it is not filled.
    pub(crate) preferred: Option<Preferred>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Preferred {
    /// `None` where the value is not a text: such results are not compared by length.
    chars: Option<usize>,
}

/// Why a way of reading the text is not a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejection {
    EmptyWildcard,
    LeftOver,
    Context,
    NoCommand,
}

impl Dictionary {
    pub(crate) fn block_of(&self, sentence: u32) -> Option<&Block> {
        let block = self.graph.sentences.get(sentence as usize)?.block;
        self.graph.blocks.get(block as usize)
    }

    pub(crate) fn list_value<'a>(&'a self, names: &'a Names, list: u32, number: u32) -> Option<&'a ListValue> {
        match self.graph.lists.get(list as usize)? {
            List::Values { values, .. } => values.value(number),
            List::OfHome(of_home) => names.of(*of_home).value(number),
            List::Range(_) | List::Wildcard => None,
        }
    }

    /// Checks a way of reading the text against everything that its sentence demands.
    pub(crate) fn check(
        &self,
        found: &Found,
        search: &Search,
        names: &Names,
        context: &Context,
    ) -> Result<Candidate, Rejection> {
        let text = search.variants.texts.get(found.variant as usize).ok_or(Rejection::LeftOver)?;
        let block = self.block_of(found.sentence).ok_or(Rejection::LeftOver)?;
        let mut chain = search.entities.chain(found.way.entity);
        if found.way.open
            && let Some(last) = chain.last_mut()
        {
            last.start = found.way.pos;
            last.end = text.len() as u32;
        }
        let mut all = context.clone();
        let mut candidate = Candidate {
            sentence: found.sentence,
            variant: found.variant,
            chain: Vec::new(),
            context: Context::new(),
            context_slots: Vec::new(),
            wildcards: 0,
            literal: found.way.literal,
            wildcard_chars: 0,
            preferred: None,
        };
        for entity in &chain {
            match entity.kind {
                EntityKind::Wildcard { .. } => {
                    let said = text.plain_between(entity.start as usize, entity.end as usize, entity.broken);
                    let said = said.trim();
                    if said.is_empty() {
                        return Err(Rejection::EmptyWildcard);
                    }
                    if !entity.capture {
                        candidate.wildcards += 1;
                        candidate.wildcard_chars += said.chars().count();
                    }
                }
                EntityKind::Value { list, number } => {
                    if let Some(value) = self.list_value(names, list, number) {
                        if !value.fits(&block.requires, &block.excludes) {
                            return Err(Rejection::Context);
                        }
                        for (key, added) in value.context().into_iter().flatten() {
                            all.insert(key.clone(), added.clone());
                        }
                    }
                }
                EntityKind::Number { .. } => {}
            }
        }
        if !none_excluded(&block.excludes, &all) {
            return Err(Rejection::Context);
        }
        candidate.context_slots = satisfy(&block.requires, &all).ok_or(Rejection::Context)?;
        if !self.has_its_command(&chain, text, &search.commands, names, context) {
            return Err(Rejection::NoCommand);
        }
        candidate.preferred = self.preferred(&chain, block, names, text, &candidate.context_slots);
        candidate.context = all;
        candidate.chain = chain;
        Ok(candidate)
    }

    fn preferred(
        &self,
        chain: &[Entity],
        block: &Block,
        names: &Names,
        text: &Prepared,
        from_context: &[ContextSlot],
    ) -> Option<Preferred> {
        let is_preferred = |e: &&Entity| {
            !e.capture && self.graph.slots.get(e.slot as usize).is_some_and(|slot| slot == PREFERRED_SLOT)
        };
        if let Some(slot) = from_context.iter().find(|slot| slot.name == PREFERRED_SLOT)
            && !chain.iter().any(|e| is_preferred(&e))
        {
            return Some(Preferred { chars: slot.value.is_string().then(|| slot.text.chars().count()) });
        }
        match chain.iter().rev().find(is_preferred) {
            None => block.slots.get(PREFERRED_SLOT).map(|v| Preferred { chars: v.is_string().then_some(0) }),
            Some(entity) => match entity.kind {
                EntityKind::Wildcard { .. } => None,
                EntityKind::Number { .. } => Some(Preferred { chars: None }),
                EntityKind::Value { list, number } => {
                    let value = self.list_value(names, list, number)?;
                    let is_text = value.is_text();
                    let chars = text.count_chars(entity.start as usize, entity.end as usize);
                    Some(Preferred { chars: is_text.then_some(chars) })
                }
            },
        }
    }
}

/// The best candidate: one that names a device by the longest text, then the fewest wildcards, the most literal text, the
/// least text in wildcards, and the intent's name.
pub(crate) fn best<'a>(candidates: &'a [Candidate], dictionary: &Dictionary) -> Option<&'a Candidate> {
    let mut kept: Vec<&Candidate> = Vec::new();
    let mut slot_found = false;
    let mut best_chars: Option<usize> = None;
    for candidate in candidates {
        match candidate.preferred {
            None if slot_found => continue,
            None => {}
            Some(preferred) => {
                if !slot_found {
                    slot_found = true;
                    kept.clear();
                }
                if let Some(chars) = preferred.chars {
                    match best_chars {
                        Some(best) if chars < best => continue,
                        Some(best) if chars == best => {}
                        _ => {
                            best_chars = Some(chars);
                            kept.clear();
                        }
                    }
                }
            }
        }
        kept.push(candidate);
    }
    let name = |c: &Candidate| dictionary.block_of(c.sentence).map(|b| b.intent.as_str()).unwrap_or_default();
    kept.into_iter().min_by(|a, b| {
        (a.wildcards, std::cmp::Reverse(a.literal), a.wildcard_chars, name(a)).cmp(&(
            b.wildcards,
            std::cmp::Reverse(b.literal),
            b.wildcard_chars,
            name(b),
        ))
    })
}
