//! Switches and sirens: on and off.

use super::{Act, Component, cannot, is_none, word};
use crate::action::{Action, Commands, Expect, State};
use crate::discovery::{FieldError, Fields, Input, Outlet};

#[derive(Debug)]
struct Switch {
    domain: &'static str,
    command: Outlet,
    state: Option<Input>,
    optimistic: bool,
    on: (String, String),
    off: (String, String),
}

pub(super) fn build(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    switch("switch", "value_template", fields)
}

/// A siren takes the same payloads; its tones and volume are left at the device's own settings.
pub(super) fn build_siren(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    switch("siren", "state_value_template", fields)
}

fn switch(domain: &'static str, template: &str, fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    let (on, off) = (fields.text_or("payload_on", "ON")?, fields.text_or("payload_off", "OFF")?);
    let state = fields.input("state_topic", template, "state")?;
    Ok(Box::new(Switch {
        domain,
        command: fields.required_outlet("command_topic", "command_template")?,
        optimistic: fields.boolean("optimistic", state.is_none())?,
        state,
        on: (fields.text_or("state_on", &on)?, on),
        off: (fields.text_or("state_off", &off)?, off),
    }))
}

impl Component for Switch {
    fn domain(&self) -> &'static str {
        self.domain
    }

    fn inputs(&self) -> Vec<&Input> {
        self.state.iter().collect()
    }

    fn read(&self, _field: &'static str, value: &str, state: &mut State) -> Result<(), String> {
        state.state = on_or_off(value, &self.on.0, &self.off.0)?;
        Ok(())
    }

    fn act(&self, action: &Action, state: &State) -> Act {
        let (payload, is) = match action {
            Action::TurnOn => (&self.on.1, "on"),
            Action::TurnOff => (&self.off.1, "off"),
            other => return cannot(word(other)),
        };
        let publishes = vec![self.command.send(payload.as_str()).map_err(super::broken)?];
        let expect = if self.optimistic {
            Expect::Assume(State { state: Some(is.to_owned()), ..state.clone() })
        } else {
            Expect::state(&[is])
        };
        Ok(Commands { publishes, expect })
    }
}

/// The state that a payload stands for; `None` where the device says that it does not know.
pub(super) fn on_or_off(value: &str, on: &str, off: &str) -> Result<Option<String>, String> {
    if value == on {
        Ok(Some("on".to_owned()))
    } else if value == off {
        Ok(Some("off".to_owned()))
    } else if is_none(value) {
        Ok(None)
    } else {
        Err(format!("{value:?} is neither {on:?} nor {off:?}"))
    }
}
