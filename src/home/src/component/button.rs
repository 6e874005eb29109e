//! Buttons and scenes: one command, no state.

use super::{Act, Component, cannot, word};
use crate::action::{Action, Commands, Expect, State};
use crate::discovery::{FieldError, Fields, Input, Outlet};

#[derive(Debug)]
struct Button {
    domain: &'static str,
    command: Outlet,
    payload: String,
}

pub(super) fn build_button(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    let payload = fields.text_or("payload_press", "PRESS")?;
    Ok(Box::new(Button {
        domain: "button",
        command: fields.required_outlet("command_topic", "command_template")?,
        payload,
    }))
}

pub(super) fn build_scene(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    let payload = fields.text_or("payload_on", "ON")?;
    Ok(Box::new(Button {
        domain: "scene",
        command: fields.required_outlet("command_topic", "command_template")?,
        payload,
    }))
}

impl Component for Button {
    fn domain(&self) -> &'static str {
        self.domain
    }

    fn inputs(&self) -> Vec<&Input> {
        Vec::new()
    }

    fn read(&self, _field: &'static str, _value: &str, _state: &mut State) -> Result<(), String> {
        Ok(())
    }

    fn act(&self, action: &Action, state: &State) -> Act {
        match action {
            Action::Press | Action::TurnOn => {
                let publishes = vec![self.command.send(self.payload.as_str()).map_err(super::broken)?];
                Ok(Commands { publishes, expect: Expect::Assume(state.clone()) })
            }
            other => cannot(word(other)),
        }
    }
}
