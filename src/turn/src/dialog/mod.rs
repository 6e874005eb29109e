//! What was said before: corrections ("no, the bedroom"), follow-ups ("and the kitchen too", "a bit brighter") and answers
//! to questions that the house asked ("the desk lamp").
//!
//! What such sentences are is the language's matter. They are ordinary templates that require a context, and speak to this
//! module by intents and slots:
//!
//! | | |
//! |---|---|
//! | context `recent` | kind of what the last turn was about: a domain, `timer`, `list`, `home` or `talk`; absent without a recent turn |
//! | context `asked` | `which` or `whether`, while a question of the house is open |
//! | slot `target: recent` | of any intent: what the last turn was about, or the command before it in the same sentence |
//! | `VestaFollowUp` | the last turn once more, with these slots in place of its own |
//! | `VestaCorrect` | the same, after the last turn was undone; `intent` changes what is done |
//! | `VestaUndo` | undoes the last turn |
//! | `VestaChoose` | answers the question: by `name`, `area`, `floor`, `number` (from 1, -1 is the last) or `all` |
//! | `VestaConfirm` | answers it with yes |
//!
//! - `done`: what is remembered of a turn, and how to undo what no device did
//! - `again`: the last turn once more, with something changed
//! - `within`: the same about a command before it in the same sentence
//! - `choice`: answers to questions of the house
//!
//! Everything here is told the time. A memory is a conversation's, and ends after [`Settings::follow_up`](crate::Settings).

mod again;
mod choice;
mod done;
#[cfg(test)]
mod tests;
mod within;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use vesta_home::{IntentCall, Snapshot};
use vesta_intents::Dictionary;

use crate::error::TurnError;
use crate::understand::{Call, Meaning};

pub(crate) use choice::Asked;
pub(crate) use done::Done;

/// Conversations that are remembered; of more, the ones that were silent longest are forgotten.
const MOST: usize = 256;

/// What to do for a sentence, in order.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// What is to be undone first; where that fails, the rest is done all the same.
    pub(crate) undo: Vec<IntentCall>,
    /// What is to be done.
    pub(crate) call: Call,
}

/// What a conversation remembers.
#[derive(Debug, Default)]
pub(crate) struct Dialogs {
    dialogs: HashMap<String, Dialog>,
}

#[derive(Debug)]
struct Dialog {
    at: Instant,
    done: Vec<Done>,
    asked: Option<Asked>,
}

impl Dialogs {
    /// Remembers what a turn of a client did.
    pub(crate) fn remember(&mut self, client: &str, done: Vec<Done>, now: Instant) {
        // "Thank you" is nothing to go on from, and takes nothing away but a question.
        if done.iter().all(Done::is_talk)
            && let Some(dialog) = self.dialogs.get_mut(client)
        {
            dialog.asked = dialog.asked.take().filter(|_| done.is_empty());
            return;
        }
        if !done.is_empty() {
            self.put(client, Dialog { at: now, done, asked: None });
        }
    }

    /// Remembers that the house asked something. What was done before it can still be followed up.
    pub(crate) fn ask(&mut self, client: &str, asked: Asked, now: Instant) {
        let done = self.dialogs.remove(client).map(|dialog| dialog.done).unwrap_or_default();
        self.put(client, Dialog { at: now, done, asked: Some(asked) });
    }

    /// Forgets what a client said, so that nothing follows it up.
    pub(crate) fn forget(&mut self, client: &str) {
        self.dialogs.remove(client);
    }

    fn put(&mut self, client: &str, dialog: Dialog) {
        // Whoever gives no id is a stranger each time.
        if client.is_empty() {
            return;
        }
        if self.dialogs.len() >= MOST && !self.dialogs.contains_key(client) {
            let oldest = self.dialogs.iter().min_by_key(|(_, dialog)| dialog.at).map(|(client, _)| client.clone());
            oldest.map(|oldest| self.dialogs.remove(&oldest));
        }
        self.dialogs.insert(client.to_owned(), dialog);
    }

    fn recent(&self, client: &str, now: Instant, limit: Duration) -> Option<&Dialog> {
        self.dialogs.get(client).filter(|dialog| now.saturating_duration_since(dialog.at) <= limit)
    }

    /// What the sentences are told of it.
    pub(crate) fn context(&self, client: &str, now: Instant, limit: Duration) -> Map<String, Value> {
        let mut context = Map::new();
        let Some(dialog) = self.recent(client, now, limit) else { return context };
        if let Some(last) = dialog.done.last() {
            context.insert("recent".to_owned(), last.kind.as_str().into());
        }
        match &dialog.asked {
            Some(Asked::Meaning(meanings)) if meanings.len() == 1 => {
                context.insert("asked".to_owned(), "whether".into());
            }
            Some(_) => drop(context.insert("asked".to_owned(), "which".into())),
            None => {}
        }
        context
    }

    /// What is to be done for a sentence.
    ///
    /// # Errors
    /// It follows up something that is not there, or cannot be undone or chosen.
    pub(crate) fn steps(
        &self,
        client: &str,
        meaning: &Meaning,
        world: &World<'_>,
        now: Instant,
        limit: Duration,
    ) -> Result<Vec<Step>, TurnError> {
        let dialog = self.recent(client, now, limit);
        let mut steps: Vec<Step> = Vec::with_capacity(meaning.calls.len());
        // Where the steps of the command before this one begin.
        let mut before = 0;
        for call in &meaning.calls {
            let first = steps.len();
            let targets_recent = call.intent.slots.get("target").is_some_and(|target| target == "recent");
            let plain = |call: Call| Step { undo: Vec::new(), call };
            match call.intent.intent.as_str() {
                // What was said in this very sentence is nearer than what was said before it.
                "VestaFollowUp" if first > 0 => steps.extend(within::follow_up(call, &steps, world)?),
                "VestaCorrect" if first > 0 => {
                    let corrected = within::correct(call, steps.get(before..).unwrap_or_default(), world)?;
                    steps.truncate(before);
                    steps.push(corrected);
                    continue;
                }
                // "Turn on the lamp, no, undo that": it was not done yet.
                "VestaUndo" | "HassNevermind" if first > 0 => {
                    steps.truncate(before);
                    if steps.is_empty() {
                        steps.push(plain(within::nothing(call)));
                    }
                    continue;
                }
                "VestaFollowUp" | "VestaCorrect" | "VestaUndo" => {
                    let done = dialog.map(|dialog| dialog.done.as_slice()).unwrap_or_default();
                    steps.extend(again::again(call, done, world)?);
                }
                "VestaChoose" | "VestaConfirm" => {
                    let asked = dialog.and_then(|dialog| dialog.asked.as_ref()).ok_or(TurnError::NothingRecent)?;
                    steps.extend(choice::chosen(call, asked)?.into_iter().map(plain));
                }
                _ if targets_recent => {
                    if let Some(call) = within::at_step(call, &steps, world)? {
                        steps.push(plain(call));
                        before = first;
                        continue;
                    }
                    let last = dialog.and_then(|dialog| Done::of_all(&dialog.done)).ok_or(TurnError::NothingRecent)?;
                    // What could not be done was about nothing that could be meant now.
                    if last.entities.is_empty() && !matches!(last.kind.as_str(), "timer" | "list") {
                        return Err(TurnError::NothingRecent);
                    }
                    steps.push(plain(again::at_recent(call, &last, world)));
                }
                _ => steps.push(plain(call.clone())),
            }
            before = first;
        }
        Ok(steps)
    }

    /// The answer to "which one?" that is no sentence of the language: "desk", "the one by the window". What may not have been
    /// said to the house (`addressed` is false) must be shorter.
    pub(crate) fn answer(
        &self,
        client: &str,
        text: &str,
        addressed: bool,
        now: Instant,
        limit: Duration,
    ) -> Option<Meaning> {
        self.recent(client, now, limit)?.asked.as_ref()?.answered(text, addressed)
    }
}

/// What a follow-up needs to know beside the conversation.
pub(crate) struct World<'a> {
    /// The home.
    pub(crate) home: &'a Snapshot,
    /// Which responses there are.
    pub(crate) dictionary: &'a Dictionary,
}

fn domain(id: &str) -> Option<&str> {
    id.split_once('.').map(|(domain, _)| domain)
}
