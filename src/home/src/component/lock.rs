//! Locks.

use super::{Act, Component, cannot, is_none, word};
use crate::action::{Action, Commands, Expect, State};
use crate::discovery::{FieldError, Fields, Input, Outlet};

#[derive(Debug)]
struct Lock {
    command: Outlet,
    state: Option<Input>,
    optimistic: bool,
    lock: String,
    unlock: String,
    open: Option<String>,
    /// The device's words for the states.
    words: Vec<(String, &'static str)>,
}

pub(super) fn build(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    let state = fields.input("state_topic", "value_template", "state")?;
    Ok(Box::new(Lock {
        command: fields.required_outlet("command_topic", "command_template")?,
        optimistic: fields.boolean("optimistic", state.is_none())?,
        state,
        lock: fields.text_or("payload_lock", "LOCK")?,
        unlock: fields.text_or("payload_unlock", "UNLOCK")?,
        open: fields.text("payload_open")?,
        words: vec![
            (fields.text_or("state_locked", "LOCKED")?, "locked"),
            (fields.text_or("state_unlocked", "UNLOCKED")?, "unlocked"),
            (fields.text_or("state_locking", "LOCKING")?, "locking"),
            (fields.text_or("state_unlocking", "UNLOCKING")?, "unlocking"),
            (fields.text_or("state_jammed", "JAMMED")?, "jammed"),
        ],
    }))
}

impl Component for Lock {
    fn domain(&self) -> &'static str {
        "lock"
    }

    fn inputs(&self) -> Vec<&Input> {
        self.state.iter().collect()
    }

    fn read(&self, _field: &'static str, value: &str, state: &mut State) -> Result<(), String> {
        state.state = match self.words.iter().find(|(word, _)| word == value) {
            Some((_, meaning)) => Some((*meaning).to_owned()),
            None if is_none(value) => None,
            None => return Err(format!("{value:?} is none of the lock's states")),
        };
        Ok(())
    }

    fn act(&self, action: &Action, state: &State) -> Act {
        // A lock is not "locking" once the door is reported jammed: only locked counts, with locking on the way to it.
        let (payload, then, settled): (&str, &[&str], &str) = match action {
            Action::Lock => (&self.lock, &["locked", "locking"], "locked"),
            Action::Unlock => (&self.unlock, &["unlocked", "unlocking"], "unlocked"),
            Action::Open => match &self.open {
                Some(open) => (open, &["unlocked", "unlocking", "open"], "unlocked"),
                None => return cannot(word(action)),
            },
            other => return cannot(word(other)),
        };
        let publishes = vec![self.command.send(payload).map_err(super::broken)?];
        let expect = if self.optimistic {
            Expect::Assume(State { state: Some(settled.to_owned()), ..state.clone() })
        } else {
            Expect::state(then)
        };
        Ok(Commands { publishes, expect })
    }
}
