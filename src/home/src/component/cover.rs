//! Covers: blinds, curtains, doors.

use serde_json::{Map, Value};

use super::{Act, Component, cannot, is_none, parse_number, word};
use crate::action::{Action, Check, Commands, Expect, State};
use crate::discovery::{FieldError, Fields, Input, Outlet};

/// Percent by which a position may be off and still count as reached.
const TOLERANCE: f64 = 2.0;

#[derive(Debug)]
struct Cover {
    command: Option<Outlet>,
    set_position: Option<Outlet>,
    state: Option<Input>,
    position: Option<Input>,
    optimistic: bool,
    open: Option<String>,
    close: Option<String>,
    stop: Option<String>,
    words: Vec<(String, &'static str)>,
    position_closed: f64,
    position_open: f64,
}

pub(super) fn build(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    let state = fields.input("state_topic", "value_template", "state")?;
    let position = fields.input("position_topic", "position_template", "position")?;
    let limits = (fields.number_or("position_closed", 0.0)?, fields.number_or("position_open", 100.0)?);
    if limits.0 == limits.1 {
        return Err(FieldError { key: "position_open".to_owned(), problem: "equals \"position_closed\"".to_owned() });
    }
    let set_position = fields.outlet("set_position_topic", "set_position_template")?;
    let command = fields.outlet("command_topic", "command_template")?.map(|outlet| outlet.with_template(None));
    Ok(Box::new(Cover {
        command,
        set_position,
        optimistic: fields.boolean("optimistic", state.is_none() && position.is_none())?,
        state,
        position,
        open: fields.payload_or("payload_open", "OPEN")?,
        close: fields.payload_or("payload_close", "CLOSE")?,
        stop: fields.payload_or("payload_stop", "STOP")?,
        words: vec![
            (fields.text_or("state_open", "open")?, "open"),
            (fields.text_or("state_closed", "closed")?, "closed"),
            (fields.text_or("state_opening", "opening")?, "opening"),
            (fields.text_or("state_closing", "closing")?, "closing"),
            (fields.text_or("state_stopped", "stopped")?, "stopped"),
        ],
        position_closed: limits.0,
        position_open: limits.1,
    }))
}

impl Cover {
    /// What "stopped" or a bare position means.
    fn at_rest(state: &State) -> &'static str {
        match state.number("current_position") {
            Some(position) if position <= 0.0 => "closed",
            Some(_) => "open",
            None if state.is("closing") || state.is("closed") => "closed",
            None => "open",
        }
    }

    /// The message that moves the cover, and where it is then bound to: percent open.
    fn movement(&self, action: &Action) -> Option<Result<(crate::action::Publish, f64), String>> {
        let target = match action {
            Action::Open => 100.0,
            Action::Close => 0.0,
            Action::SetPosition(percent) => percent.clamp(0.0, 100.0),
            _ => return None,
        };
        let payload = if target == 100.0 { &self.open } else { &self.close };
        let whole = target == 0.0 || target == 100.0;
        if let (Some(command), Some(payload), true) = (&self.command, payload, whole) {
            return Some(Ok((command.raw(payload.clone()), target)));
        }
        let outlet = self.set_position.as_ref()?;
        let raw = self.position_closed + target / 100.0 * (self.position_open - self.position_closed);
        let variables = Map::from_iter([
            ("position".to_owned(), Value::from(target as i64)),
            ("position_open".to_owned(), self.position_open.into()),
            ("position_closed".to_owned(), self.position_closed.into()),
        ]);
        Some(outlet.send_with(raw.round() as i64, variables).map(|publish| (publish, target)))
    }

    /// A cover takes its time: on its way counts as done.
    fn expect(&self, target: f64, state: &State) -> Expect {
        if self.optimistic {
            let mut assumed = state.clone();
            assumed.state = Some(if target == 0.0 { "closed" } else { "open" }.to_owned());
            if self.set_position.is_some() {
                assumed.set("current_position", Some(target.into()));
            }
            return Expect::Assume(assumed);
        }
        let Some(from) = state.number("current_position") else {
            let settled = if target == 0.0 { ["closed", "closing"] } else { ["open", "opening"] };
            return Expect::state(&settled);
        };
        let up = target > from;
        let mut checks = vec![Check::Number { attribute: "current_position", value: target, tolerance: TOLERANCE }];
        if (from - target).abs() > TOLERANCE {
            checks.push(Check::state(&[if up { "opening" } else { "closing" }]));
            checks.push(Check::Moved { attribute: "current_position", from, up });
        }
        Expect::All(vec![Check::Any(checks)])
    }
}

impl Component for Cover {
    fn domain(&self) -> &'static str {
        "cover"
    }

    fn inputs(&self) -> Vec<&Input> {
        self.state.iter().chain(&self.position).collect()
    }

    fn read(&self, field: &'static str, value: &str, state: &mut State) -> Result<(), String> {
        if value.is_empty() {
            return Err("an empty message".to_owned());
        }
        if field == "state" {
            state.state = match self.words.iter().find(|(word, _)| word == value) {
                Some((_, "stopped")) => Some(Self::at_rest(state).to_owned()),
                Some((_, meaning)) => Some((*meaning).to_owned()),
                None if is_none(value) => None,
                None => return Err(format!("{value:?} is none of the cover's states")),
            };
            return Ok(());
        }
        if is_none(value) {
            state.set("current_position", None);
            return Ok(());
        }
        let raw = match serde_json::from_str::<Value>(value) {
            Ok(Value::Object(map)) => {
                map.get("position").and_then(Value::as_f64).ok_or_else(|| format!("{value:?} holds no position"))?
            }
            _ => parse_number(value)?,
        };
        let percent = (raw - self.position_closed) / (self.position_open - self.position_closed) * 100.0;
        state.set("current_position", Some(percent.round().clamp(0.0, 100.0).into()));
        if self.state.is_none() {
            state.state = Some(Self::at_rest(state).to_owned());
        }
        Ok(())
    }

    fn act(&self, action: &Action, state: &State) -> Act {
        if let Some(movement) = self.movement(action) {
            let (publish, target) = movement.map_err(super::broken)?;
            return Ok(Commands { publishes: vec![publish], expect: self.expect(target, state) });
        }
        match (action, &self.command, &self.stop) {
            (Action::Stop, Some(command), Some(stop)) => {
                let expect =
                    if self.optimistic { Expect::Assume(state.clone()) } else { Expect::state(&["open", "closed"]) };
                Ok(Commands { publishes: vec![command.raw(stop.clone())], expect })
            }
            _ => cannot(word(action)),
        }
    }

    fn features(&self) -> Vec<&'static str> {
        let mut features = Vec::new();
        if self.set_position.is_some() {
            features.push("position");
        }
        if self.command.is_some() && self.stop.is_some() {
            features.push("stop");
        }
        features
    }
}
