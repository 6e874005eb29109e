//! Selects: one of several options.

use super::{Act, Component, Refusal, cannot, is_none, word};
use crate::action::{Action, Commands, Expect, State};
use crate::call::Allowed;
use crate::discovery::{FieldError, Fields, Input, Outlet};
use crate::text::{fold, listing};

#[derive(Debug)]
struct Select {
    command: Outlet,
    state: Option<Input>,
    optimistic: bool,
    options: Vec<String>,
}

pub(super) fn build(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    let state = fields.input("state_topic", "value_template", "state")?;
    if fields.get("options").is_none() {
        return Err(FieldError { key: "options".to_owned(), problem: "is missing".to_owned() });
    }
    Ok(Box::new(Select {
        command: fields.required_outlet("command_topic", "command_template")?,
        optimistic: fields.boolean("optimistic", state.is_none())?,
        state,
        options: fields.texts("options")?,
    }))
}

impl Component for Select {
    fn domain(&self) -> &'static str {
        "select"
    }

    fn inputs(&self) -> Vec<&Input> {
        self.state.iter().collect()
    }

    fn read(&self, _field: &'static str, value: &str, state: &mut State) -> Result<(), String> {
        if is_none(&value.to_lowercase()) || value == "None" {
            state.state = None;
            return Ok(());
        }
        if !self.options.iter().any(|option| option == value) {
            return Err(format!("{value:?} is none of the options"));
        }
        state.state = Some(value.to_owned());
        Ok(())
    }

    fn act(&self, action: &Action, state: &State) -> Act {
        let Action::Select(wanted) = action else { return cannot(word(action)) };
        let Some(option) = pick(&self.options, wanted) else {
            let why = format!("{wanted:?} is none of {}", listing(&self.options));
            return Err(Refusal::InvalidValue(why, Allowed::options(&self.options)));
        };
        let publishes = vec![self.command.send(option).map_err(super::broken)?];
        let expect = if self.optimistic {
            Expect::Assume(State { state: Some(option.to_owned()), ..state.clone() })
        } else {
            Expect::state(&[option])
        };
        Ok(Commands { publishes, expect })
    }

    fn initial(&self) -> State {
        let mut state = State::default();
        state.set("options", Some(self.options.clone().into()));
        state
    }
}

/// The option that was meant: exactly, or up to case and underscores.
pub(super) fn pick<'a>(options: &'a [String], wanted: &str) -> Option<&'a str> {
    let folded = fold(wanted);
    let exact = options.iter().find(|option| *option == wanted);
    exact.or_else(|| options.iter().find(|option| fold(option) == folded)).map(String::as_str)
}
