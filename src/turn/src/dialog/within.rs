//! What follows up or corrects a command before it in the same sentence: "turn on the bedroom light and set it to 30 percent",
//! "turn on the kitchen light, no, the bathroom light".
//!
//! Nothing of the sentence is done yet, so there is nothing to undo, and what a command is about is what it says.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use vesta_home::IntentCall;

use super::again::{TARGET, changed, fitting_response};
use super::{Done, Step, World};
use crate::error::TurnError;
use crate::understand::Call;

/// Slots that say which timer is meant, beside its name and room.
const TIMER: [&str; 4] = ["id", "start_hours", "start_minutes", "start_seconds"];

/// What intents are about that can be meant by the same word.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Kind {
    Device,
    Timer,
    List,
}

impl Kind {
    fn of(intent: &str) -> Self {
        if intent.contains("Timer") {
            Self::Timer
        } else if ["HassList", "HassShoppingList", "VestaList"].iter().any(|prefix| intent.starts_with(prefix)) {
            Self::List
        } else {
            Self::Device
        }
    }
}

/// The command before this one once more, with something changed.
pub(super) fn follow_up(call: &Call, steps: &[Step], world: &World<'_>) -> Result<Option<Step>, TurnError> {
    let Some(last) = steps.last() else { return Ok(None) };
    Ok(Some(Step { undo: Vec::new(), call: again(call, &last.call, world)? }))
}

/// What is done in place of the command before this one. What that one would have undone is undone all the same.
pub(super) fn correct(call: &Call, replaced: &[Step], world: &World<'_>) -> Result<Step, TurnError> {
    let last = replaced.last().ok_or(TurnError::NothingRecent)?;
    let undo = replaced.iter().flat_map(|step| step.undo.clone()).collect();
    Ok(Step { undo, call: again(call, &last.call, world)? })
}

/// What is left of a sentence that takes back all that it said.
pub(super) fn nothing(call: &Call) -> Call {
    let intent = IntentCall { intent: "HassNevermind".to_owned(), slots: BTreeMap::new(), ..call.intent.clone() };
    Call { intent, response: None, spoken: Map::new() }
}

fn again(new: &Call, last: &Call, world: &World<'_>) -> Result<Call, TurnError> {
    let kind = Kind::of(&last.intent.intent);
    let device = new.intent.slots.contains_key("name") && kind != Kind::Device;
    // "Set a timer for five minutes, no, off": a timer is nothing to turn off.
    let other = new.intent.slots.get("intent").and_then(Value::as_str).is_some_and(|intent| {
        Kind::of(intent) != kind || !TARGET.iter().any(|slot| last.intent.slots.contains_key(*slot))
    });
    if last.intent.intent == "VestaUndo" || device || other {
        return Err(TurnError::NothingRecent);
    }
    let last = match kind {
        Kind::Device => Done::planned(last, world.home),
        Kind::Timer | Kind::List => Done::failed(last),
    };
    definite(changed(&last, new, world), &last.call)
}

/// A call about what a command before it in the sentence is about; `None` where none is about anything.
pub(super) fn at_step(new: &Call, steps: &[Step], world: &World<'_>) -> Result<Option<Call>, TurnError> {
    let kind = Kind::of(&new.intent.intent);
    let alike = || steps.iter().rev().map(|step| &step.call).filter(|call| Kind::of(&call.intent.intent) == kind);
    let slots: &[&str] = match kind {
        Kind::Device => &[],
        Kind::Timer => &TIMER,
        Kind::List => &["list"],
    };
    let slots = || TARGET.iter().chain(slots);
    let Some(last) = alike().find(|call| slots().any(|slot| call.intent.slots.contains_key(*slot))) else {
        // A timer that is yet to be set has no id, and an older one is not meant.
        return if kind == Kind::Timer && alike().next().is_some() { Err(TurnError::NothingRecent) } else { Ok(None) };
    };
    let mut call = new.clone();
    call.intent.slots.remove("target");
    call.spoken.remove("target");
    // "Turn on the lamp and the fan and set them to …": both.
    let name = |call: &Call| {
        let id = call.intent.slots.get("name").and_then(Value::as_str)?;
        world.home.entities.contains_key(id).then(|| id.to_owned())
    };
    let together = alike().take_while(|call| call.intent.intent == last.intent.intent).map_while(name);
    let mut names: Vec<String> = together.collect();
    names.reverse();
    if kind == Kind::Device && names.len() > 1 {
        call.intent.slots.insert("entities".to_owned(), names.into());
    }
    let both = call.intent.slots.contains_key("entities");
    for slot in slots().filter(|slot| !both || **slot != "name") {
        if let Some(value) = last.intent.slots.get(*slot) {
            call.intent.slots.entry((*slot).to_owned()).or_insert_with(|| value.clone());
        }
    }
    let mut call = definite(call, last)?;
    call.response =
        fitting_response(world.dictionary, &call.intent.intent, call.response.as_deref(), &call.intent.slots);
    Ok(Some(call))
}

/// "Set the bedroom to 20 degrees and turn it off" is about no more than the heating: it must not turn off all that the room
/// has.
fn definite(mut call: Call, last: &Call) -> Result<Call, TurnError> {
    let broad = |call: &Call| matches!(call.intent.intent.as_str(), "HassTurnOn" | "HassTurnOff" | "HassToggle");
    let says = ["name", "domain", "device_class", "entities"].iter().any(|slot| call.intent.slots.contains_key(*slot));
    if says || !broad(&call) || broad(last) {
        return Ok(call);
    }
    if last.intent.intent != "HassLightSet" {
        return Err(TurnError::NothingRecent);
    }
    call.intent.slots.insert("domain".to_owned(), "light".into());
    Ok(call)
}
