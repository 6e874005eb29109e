//! A conversation: its items in order.

use crate::item::{Item, Kind, Part};

/// Items that a session remembers; the oldest are forgotten first.
const REMEMBERED: usize = 500;
/// Samples of the user's speech that are kept to be retrieved: ten seconds at 16 kHz, over all items.
const KEPT_SAMPLES: usize = 160_000;

/// The items in order.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    items: Vec<Item>,
}

impl Conversation {
    /// The item of this id.
    pub(crate) fn get(&self, id: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }

    /// The item of this id, to be changed.
    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Item> {
        self.items.iter_mut().find(|item| item.id == id)
    }

    /// From the newest to the oldest.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().rev()
    }

    /// The id before the item of this id.
    pub(crate) fn before(&self, id: &str) -> Option<&str> {
        let at = self.items.iter().position(|item| item.id == id)?;
        self.items.get(at.checked_sub(1)?).map(|item| item.id.as_str())
    }

    /// Adds an item at the end.
    pub(crate) fn push(&mut self, item: Item) {
        self.items.push(item);
        if self.items.len() > REMEMBERED {
            self.items.remove(0);
        }
        self.forget_speech();
    }

    /// Adds an item after the one of this id, or at the beginning for `root`; `false` where there is none.
    pub(crate) fn insert(&mut self, item: Item, after: &str) -> bool {
        let at = match after {
            "root" => Some(0),
            _ => self.items.iter().position(|item| item.id == after).map(|at| at + 1),
        };
        let Some(at) = at else { return false };
        self.items.insert(at, item);
        if self.items.len() > REMEMBERED {
            self.items.remove(0);
        }
        true
    }

    /// Removes an item; `false` where there is none.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let before = self.items.len();
        self.items.retain(|item| item.id != id);
        self.items.len() != before
    }

    /// Speech is kept for the newest items only.
    pub(crate) fn forget_speech(&mut self) {
        let mut kept = 0;
        for item in self.items.iter_mut().rev() {
            let Kind::Message { content, .. } = &mut item.kind else { continue };
            for part in content {
                let Part::InputAudio { samples, .. } = part else { continue };
                kept += samples.len();
                if kept > KEPT_SAMPLES {
                    *samples = Vec::new();
                }
            }
        }
    }
}
