//! Vacuum robots: start, pause, home, suction, and single rooms.
//!
//! Rooms are reached in one of three ways, the first that a robot offers:
//! 1. `clean_segments_command_topic` with the list `segments`, as Home Assistant defines it;
//! 2. Valetudo's own topics beside its command topic: `MapData/segments` tells the rooms, `MapSegmentationCapability/clean/set`
//!    takes them (<https://valetudo.cloud/pages/integrations/mqtt>);
//! 3. `send_command_topic`, with `{"command": "clean_segments", "segment_ids": […]}`, where the attribute `segments` or `rooms`
//!    tells the rooms.

use serde_json::{Map, Value, json};

use super::select::pick;
use super::{Act, Component, Refusal, cannot, word};
use crate::action::{Action, Check, Commands, Expect, State};
use crate::call::Allowed;
use crate::discovery::{FieldError, Fields, Input, Outlet};
use crate::text::{fold, listing, scalar};

/// Where Valetudo takes plain commands.
const VALETUDO_COMMAND: &str = "/BasicControlCapability/operation/set";

#[derive(Debug)]
struct Vacuum {
    command: Option<Outlet>,
    fan_speed: Option<Outlet>,
    send: Option<Outlet>,
    clean: Option<Clean>,
    state: Option<Input>,
    /// Valetudo's list of rooms.
    rooms: Option<Input>,
    supported: Vec<String>,
    speeds: Vec<String>,
    start: String,
    pause: String,
    stop: String,
    home: String,
    locate: String,
}

/// How single rooms are commanded.
#[derive(Debug)]
enum Clean {
    Segments(Outlet, Vec<Room>),
    Valetudo(Outlet),
}

#[derive(Clone, Debug, PartialEq)]
struct Room {
    id: String,
    name: String,
}

pub(super) fn build(fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    let mut supported = fields.texts("supported_features")?;
    if fields.get("supported_features").is_none() {
        supported = ["start", "stop", "return_home", "clean_spot"].map(str::to_owned).to_vec();
    }
    let (clean, rooms) = rooms_of(fields)?;
    Ok(Box::new(Vacuum {
        command: fields.outlet("command_topic", "command_template")?,
        fan_speed: fields.outlet("set_fan_speed_topic", "set_fan_speed_template")?,
        send: fields.outlet("send_command_topic", "send_command_template")?,
        clean,
        state: fields.input("state_topic", "value_template", "state")?,
        rooms,
        supported,
        speeds: fields.texts("fan_speed_list")?,
        start: fields.text_or("payload_start", "start")?,
        pause: fields.text_or("payload_pause", "pause")?,
        stop: fields.text_or("payload_stop", "stop")?,
        home: fields.text_or("payload_return_to_base", "return_to_base")?,
        locate: fields.text_or("payload_locate", "locate")?,
    }))
}

fn rooms_of(fields: Fields<'_>) -> Result<(Option<Clean>, Option<Input>), FieldError> {
    if let Some(outlet) = fields.outlet("clean_segments_command_topic", "clean_segments_command_template")? {
        // "2.Kitchen" is the room Kitchen with the id 2; without a dot the name is the id.
        let room = |segment: String| match segment.split_once('.') {
            Some((id, name)) if !id.is_empty() => Room { id: id.trim().to_owned(), name: name.trim().to_owned() },
            _ => Room { id: segment.clone(), name: segment },
        };
        let rooms = fields.texts("segments")?.into_iter().map(room).collect();
        return Ok((Some(Clean::Segments(outlet, rooms)), None));
    }
    let Some(command) = fields.text("command_topic")? else { return Ok((None, None)) };
    let Some(base) = command.strip_suffix(VALETUDO_COMMAND) else { return Ok((None, None)) };
    let beside = Map::from_iter([
        ("clean".to_owned(), Value::from(format!("{base}/MapSegmentationCapability/clean/set"))),
        ("rooms".to_owned(), Value::from(format!("{base}/MapData/segments"))),
    ]);
    let beside = Fields(&beside);
    Ok((beside.outlet("clean", "")?.map(Clean::Valetudo), beside.input("rooms", "", "rooms")?))
}

/// Rooms in an attribute: `{"1": "Kitchen"}`, `["Kitchen"]`, or `[{"id": 1, "name": "Kitchen"}]`.
fn listed(value: &Value) -> Vec<Room> {
    match value {
        Value::Object(map) => map
            .iter()
            .filter_map(|(id, name)| Some(Room { id: id.clone(), name: scalar(name.get("name").unwrap_or(name))? }))
            .collect(),
        Value::Array(items) => items
            .iter()
            .filter_map(|item| match item {
                Value::Object(map) => {
                    let name = map.get("name").and_then(scalar)?;
                    Some(Room { id: map.get("id").and_then(scalar).unwrap_or_else(|| name.clone()), name })
                }
                other => scalar(other).map(|name| Room { id: name.clone(), name }),
            })
            .collect(),
        _ => Vec::new(),
    }
}

impl Vacuum {
    fn rooms(&self, state: &State) -> Vec<Room> {
        match &self.clean {
            Some(Clean::Segments(_, rooms)) => rooms.clone(),
            _ => ["segments", "rooms"]
                .iter()
                .filter_map(|key| state.attributes.get(*key))
                .map(listed)
                .next()
                .unwrap_or_default(),
        }
    }

    fn clean_rooms(&self, wanted: &[String], state: &State) -> Act {
        let rooms = self.rooms(state);
        if rooms.is_empty() {
            return cannot("cleaning single rooms");
        }
        let mut ids = Vec::new();
        for name in wanted {
            let folded = fold(name);
            match rooms.iter().find(|room| fold(&room.name) == folded) {
                Some(room) => ids.push(room.id.clone()),
                None => {
                    let known: Vec<&str> = rooms.iter().map(|room| room.name.as_str()).collect();
                    let why = format!("{name:?} is none of its rooms: {}", listing(&known));
                    return Err(Refusal::InvalidValue(why, Allowed::options(&known)));
                }
            }
        }
        let publish = match (&self.clean, &self.send) {
            (Some(Clean::Segments(outlet, _)), _) => outlet.send(ids),
            (Some(Clean::Valetudo(outlet)), _) => {
                Ok(outlet.raw(json!({ "segment_ids": ids, "iterations": 1, "customOrder": true }).to_string()))
            }
            (None, Some(send)) => Ok(send.raw(json!({ "command": "clean_segments", "segment_ids": ids }).to_string())),
            (None, None) => return cannot("cleaning single rooms"),
        };
        Ok(self.commands(publish.map_err(super::broken)?, &["cleaning"], state))
    }

    fn commands(&self, publish: crate::action::Publish, then: &[&str], state: &State) -> Commands {
        let expect = match (&self.state, then) {
            // Beeping shows in no state.
            (_, []) => Expect::Assume(state.clone()),
            (None, [settled, ..]) => Expect::Assume(State { state: Some((*settled).to_owned()), ..state.clone() }),
            _ => Expect::state(then),
        };
        Commands { publishes: vec![publish], expect }
    }
}

impl Component for Vacuum {
    fn domain(&self) -> &'static str {
        "vacuum"
    }

    fn inputs(&self) -> Vec<&Input> {
        self.state.iter().chain(&self.rooms).collect()
    }

    fn read(&self, field: &'static str, value: &str, state: &mut State) -> Result<(), String> {
        let json: Value = serde_json::from_str(value).map_err(|error| format!("not JSON: {error}"))?;
        if field == "rooms" {
            state.set("segments", Some(json));
            return Ok(());
        }
        let Value::Object(map) = json else { return Err("not a JSON object".to_owned()) };
        match map.get("state") {
            Some(Value::String(word)) => match word.as_str() {
                "cleaning" | "docked" | "idle" | "paused" | "returning" | "error" => state.state = Some(word.clone()),
                other => return Err(format!("{other:?} is none of a vacuum's states")),
            },
            Some(Value::Null) => state.state = None,
            _ => {}
        }
        for (key, value) in map {
            if key != "state" {
                state.set(&key, Some(value));
            }
        }
        Ok(())
    }

    fn act(&self, action: &Action, state: &State) -> Act {
        let (feature, payload, then): (_, _, &[&str]) = match action {
            Action::StartCleaning | Action::TurnOn => ("start", &self.start, &["cleaning"]),
            Action::PauseCleaning => ("pause", &self.pause, &["paused", "idle"]),
            Action::Stop => ("stop", &self.stop, &["idle", "paused", "docked"]),
            // A robot that stands at its dock has nothing to return from.
            Action::ReturnToBase | Action::TurnOff => ("return_home", &self.home, &["returning", "docked"]),
            Action::Locate => ("locate", &self.locate, &[]),
            Action::CleanRooms(rooms) => return self.clean_rooms(rooms, state),
            Action::SetMode(wanted) => {
                let (Some(outlet), Some(speed)) = (&self.fan_speed, pick(&self.speeds, wanted)) else {
                    return cannot(word(action));
                };
                let mut commands = self.commands(outlet.send(speed).map_err(super::broken)?, &[], state);
                if self.state.is_some() {
                    commands.expect =
                        Expect::All(vec![Check::Text { attribute: "fan_speed", value: speed.to_owned() }]);
                }
                return Ok(commands);
            }
            other => return cannot(word(other)),
        };
        match &self.command {
            Some(command) if self.supported.iter().any(|own| own == feature) => {
                Ok(self.commands(command.send(payload.as_str()).map_err(super::broken)?, then, state))
            }
            _ => cannot(word(action)),
        }
    }

    fn initial(&self) -> State {
        let mut state = State::default();
        if !self.speeds.is_empty() {
            state.set("fan_speed_list", Some(self.speeds.clone().into()));
        }
        if let Some(Clean::Segments(_, rooms)) = &self.clean {
            let rooms: Map<String, Value> =
                rooms.iter().map(|room| (room.id.clone(), room.name.clone().into())).collect();
            state.set("segments", Some(rooms.into()));
        }
        state
    }

    fn features(&self) -> Vec<&'static str> {
        let mut features = Vec::new();
        if self.clean.is_some() || self.send.is_some() {
            features.push("clean_area");
        }
        if self.fan_speed.is_some() {
            features.push("fan_speed");
        }
        features
    }
}
