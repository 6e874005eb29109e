//! Commands inside of sentences: the words of "turn off the lamp in ten minutes" that are a command by themselves.
//!
//! A wildcard takes any words. Those that fill one of the slots that the language names as `command_slots` must be something that the
//! dictionary understands, in the order of speaking where there are several ("mach das Licht in zehn Minuten aus").

use std::cell::RefCell;
use std::collections::HashMap;

use crate::context::Context;
use crate::dictionary::Dictionary;
use crate::names::Names;
use crate::prepared::Prepared;
use crate::recognize::Recognition;
use crate::sample::FROM_CALLER;
use crate::way::{Entity, EntityKind};

/// Key of the context, with the value `command`, in which a command inside of a sentence is read. There is none inside of it again: "in
/// five minutes in five minutes …" could be taken apart in twice as many ways with each time.
pub const WITHIN: &str = "within";

/// More different words are not tried as the command of one sentence.
const MAX_TRIED: usize = 64;

/// Which words were a command and which were not.
pub(crate) type Tried = RefCell<HashMap<String, bool>>;

impl Dictionary {
    pub(crate) fn is_command_slot(&self, slot: u32) -> bool {
        self.graph.command_slots.contains(&slot)
    }

    /// Whether the words for a command, where the sentence has any, are one.
    pub(crate) fn has_its_command(
        &self,
        chain: &[Entity],
        text: &Prepared,
        tried: &Tried,
        names: &Names,
        context: &Context,
    ) -> bool {
        if self.graph.command_slots.is_empty() {
            return true;
        }
        let taken = chain.iter().filter(|entity| {
            matches!(entity.kind, EntityKind::Wildcard { .. }) && !entity.capture && self.is_command_slot(entity.slot)
        });
        let said = taken.map(|entity| text.plain_between(entity.start as usize, entity.end as usize, entity.broken));
        let parts: Vec<String> = said.map(|words| words.trim().to_owned()).collect();
        let said = parts.join(" ");
        if said.is_empty() {
            return true;
        }
        // "Mach das Licht an und | in zehn Minuten | aus" is two commands.
        if parts.split_last().is_some_and(|(_, before)| before.iter().any(|part| self.ends_in_joiner(part))) {
            return false;
        }
        if context.contains_key(WITHIN) {
            return false;
        }
        if let Some(known) = tried.borrow().get(&said) {
            return *known;
        }
        if tried.borrow().len() >= MAX_TRIED {
            return false;
        }
        let is_command = self.is_command(&said, names, context);
        tried.borrow_mut().insert(said, is_command);
        is_command
    }

    /// Whether words are a command that can be asked for later.
    pub(crate) fn is_command(&self, words: &str, names: &Names, context: &Context) -> bool {
        self.recognize_all(words, names, &within(context)).is_some()
    }

    /// Whether a command for later is said after its time, to the end of the sentence, with everything that joins commands in it.
    pub(crate) fn is_all_for_later(&self, text: &str, cuts: &[(usize, usize)], one: &Recognition) -> bool {
        let commands = one.slots.iter().filter(|(name, _)| self.is_named_command_slot(name));
        let Some(last) = commands.map(|(_, slot)| slot.span.clone()).max_by_key(|span| span.end) else { return false };
        let told = |from: usize, to: usize| text.get(from..to).is_some_and(|part| part.contains(char::is_alphanumeric));
        !told(last.end, text.len())
            && told(0, last.start)
            && cuts.iter().all(|(end, next)| last.start <= *end && *next <= last.end)
    }

    /// How many slots of a result took words that could have been any.
    pub(crate) fn free_slots(&self, result: &Recognition) -> usize {
        let is_command = |name: &str| self.is_named_command_slot(name);
        let commands = result.slots.iter().filter(|(name, slot)| is_command(name) && !slot.text.is_empty());
        result.wildcards.saturating_sub(commands.count())
    }

    fn is_named_command_slot(&self, name: &str) -> bool {
        self.graph.command_slots.iter().any(|id| self.graph.slots.get(*id as usize).is_some_and(|slot| slot == name))
    }
}

/// What is asked for later has nothing to do with what was said before.
fn within(context: &Context) -> Context {
    let mut within = context.clone();
    within.retain(|key, _| key == "area" || !FROM_CALLER.contains(&key.as_str()));
    within.insert(WITHIN.to_owned(), "command".into());
    within
}
