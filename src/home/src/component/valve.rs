//! Valves: as covers, with their own words.

use super::{Act, Component, cannot, is_none, word};
use crate::action::{Action, Check, Commands, Expect, State};
use crate::discovery::{FieldError, Fields, Input, Outlet};

#[derive(Debug)]
struct Valve {
    command: Outlet,
    state: Option<Input>,
    optimistic: bool,
    /// Whether state and command are a position from `closed` to `open`.
    positions: bool,
    closed: f64,
    open: f64,
    payloads: [Option<String>; 3],
    words: [(String, &'static str); 4],
}

pub(super) fn build(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    let state = fields.input("state_topic", "value_template", "state")?;
    let (closed, open) = fields.range(("position_closed", 0.0), ("position_open", 100.0))?;
    Ok(Box::new(Valve {
        command: fields.required_outlet("command_topic", "command_template")?,
        optimistic: fields.boolean("optimistic", state.is_none())?,
        state,
        positions: fields.boolean("reports_position", false)?,
        closed,
        open,
        payloads: [
            fields.payload_or("payload_open", "OPEN")?,
            fields.payload_or("payload_close", "CLOSE")?,
            fields.text("payload_stop")?,
        ],
        words: [
            (fields.text_or("state_open", "open")?, "open"),
            (fields.text_or("state_closed", "closed")?, "closed"),
            (fields.text_or("state_opening", "opening")?, "opening"),
            (fields.text_or("state_closing", "closing")?, "closing"),
        ],
    }))
}

impl Valve {
    fn place(&self, position: f64, state: &mut State) {
        let percent = ((position - self.closed) / (self.open - self.closed) * 100.0).clamp(0.0, 100.0).round();
        state.set("current_position", Some(percent.into()));
        if !state.is("opening") && !state.is("closing") || percent == 0.0 || percent == 100.0 {
            state.state = Some(if percent == 0.0 { "closed" } else { "open" }.to_owned());
        }
    }
}

impl Component for Valve {
    fn domain(&self) -> &'static str {
        "valve"
    }

    fn inputs(&self) -> Vec<&Input> {
        self.state.iter().collect()
    }

    fn read(&self, _field: &'static str, value: &str, state: &mut State) -> Result<(), String> {
        if is_none(value) {
            state.state = None;
            return Ok(());
        }
        // A valve that reports positions sends a number, or both as {"state": …, "position": …}.
        let json = serde_json::from_str::<serde_json::Value>(value).ok();
        let word = json.as_ref().and_then(|json| json.get("state")).and_then(|word| word.as_str()).unwrap_or(value);
        let known = self.words.iter().find(|(own, _)| own == word);
        let position = json.as_ref().and_then(|json| json.get("position").unwrap_or(json).as_f64());
        if known.is_none() && (position.is_none() || !self.positions) {
            return Err(format!("{value:?} is none of the valve's states"));
        }
        if let Some((_, meaning)) = known {
            state.state = Some((*meaning).to_owned());
        }
        if let Some(position) = position.filter(|_| self.positions) {
            self.place(position, state);
        }
        Ok(())
    }

    fn act(&self, action: &Action, state: &State) -> Act {
        let target = match action {
            Action::Open => Some(100.0),
            Action::Close => Some(0.0),
            Action::SetPosition(percent) => Some(*percent),
            Action::Stop => None,
            other => return cannot(word(other)),
        };
        if self.positions {
            let Some(percent) = target else { return cannot(word(action)) };
            let raw = (self.closed + percent / 100.0 * (self.open - self.closed)).round();
            let publishes = vec![self.command.send(raw as i64).map_err(super::broken)?];
            let near = Check::Number { attribute: "current_position", value: percent, tolerance: 2.0 };
            let mut checks = vec![near];
            if let Some(from) = state.number("current_position").filter(|from| (from - percent).abs() > 2.0) {
                let up = percent > from;
                checks.push(Check::Moved { attribute: "current_position", from, up });
                checks.push(Check::state(&[if up { "opening" } else { "closing" }]));
            }
            return Ok(Commands { publishes, expect: Expect::All(vec![Check::Any(checks)]) });
        }
        let (payload, then): (&Option<String>, &[&str]) = match (action, &self.payloads) {
            (Action::Open, [open, ..]) => (open, &["open", "opening"]),
            (Action::Close, [_, close, _]) => (close, &["closed", "closing"]),
            (Action::Stop, [.., stop]) => (stop, &["open", "closed"]),
            _ => return cannot(word(action)),
        };
        let Some(payload) = payload else { return cannot(word(action)) };
        let publishes = vec![self.command.send(payload.as_str()).map_err(super::broken)?];
        let expect = match then {
            [settled, ..] if self.optimistic => {
                Expect::Assume(State { state: Some((*settled).to_owned()), ..state.clone() })
            }
            _ => Expect::state(then),
        };
        Ok(Commands { publishes, expect })
    }

    fn features(&self) -> Vec<&'static str> {
        if self.positions { vec!["position"] } else { Vec::new() }
    }
}
