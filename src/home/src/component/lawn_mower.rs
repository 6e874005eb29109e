//! Lawn mowers: mow, pause, dock.

use super::{Act, Component, cannot, is_none, word};
use crate::action::{Action, Commands, Expect, State};
use crate::discovery::{FieldError, Fields, Input, Outlet};

#[derive(Debug)]
struct LawnMower {
    activity: Option<Input>,
    start: Option<Outlet>,
    pause: Option<Outlet>,
    dock: Option<Outlet>,
    optimistic: bool,
}

pub(super) fn build(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    let activity = fields.input("activity_state_topic", "activity_value_template", "activity")?;
    Ok(Box::new(LawnMower {
        start: fields.outlet("start_mowing_command_topic", "start_mowing_command_template")?,
        pause: fields.outlet("pause_command_topic", "pause_command_template")?,
        dock: fields.outlet("dock_command_topic", "dock_command_template")?,
        optimistic: fields.boolean("optimistic", activity.is_none())?,
        activity,
    }))
}

impl Component for LawnMower {
    fn domain(&self) -> &'static str {
        "lawn_mower"
    }

    fn inputs(&self) -> Vec<&Input> {
        self.activity.iter().collect()
    }

    fn read(&self, _field: &'static str, value: &str, state: &mut State) -> Result<(), String> {
        state.state = match value {
            "mowing" | "paused" | "docked" | "returning" | "error" => Some(value.to_owned()),
            _ if is_none(value) => None,
            _ => return Err(format!("{value:?} is none of a mower's activities")),
        };
        Ok(())
    }

    fn act(&self, action: &Action, state: &State) -> Act {
        let (outlet, payload, then): (_, _, &[&str]) = match action {
            Action::Mow | Action::TurnOn => (&self.start, "start_mowing", &["mowing"]),
            Action::PauseCleaning | Action::Stop => (&self.pause, "pause", &["paused"]),
            Action::ReturnToBase | Action::TurnOff => (&self.dock, "dock", &["docked", "returning"]),
            other => return cannot(word(other)),
        };
        let (Some(outlet), Some(settled)) = (outlet, then.first()) else { return cannot(word(action)) };
        let publishes = vec![outlet.send(payload).map_err(super::broken)?];
        let expect = if self.optimistic {
            Expect::Assume(State { state: Some((*settled).to_owned()), ..state.clone() })
        } else {
            Expect::state(then)
        };
        Ok(Commands { publishes, expect })
    }
}
