//! The last turn once more, with something changed.

use std::collections::BTreeMap;

use serde_json::Value;
use vesta_home::IntentCall;
use vesta_intents::Dictionary;

use super::{Done, Step, World, domain};
use crate::error::TurnError;
use crate::understand::Call;

/// Slots that say what a call is about.
pub(super) const TARGET: [&str; 6] = ["name", "area", "floor", "domain", "device_class", "entities"];
/// Slots of which a new one replaces others: what a lamp shows; how long something is, or until when. A new time of day keeps its day, a
/// length has none.
const GROUPS: [(&[&str], &[&str]); 4] = [
    (&LIGHT, &LIGHT),
    (&LENGTH, &["at_hour", "at_minute", "at_before", "at_part", "at_days", "at_weekday"]),
    (
        &["hours", "minutes", "seconds", "at_hour"],
        &["hours", "minutes", "seconds", "at_hour", "at_minute", "at_before", "at_part"],
    ),
    (&DAY, &DAY),
];
const LIGHT: [&str; 4] = ["brightness", "brightness_step", "color", "temperature"];
const LENGTH: [&str; 3] = ["hours", "minutes", "seconds"];
const DAY: [&str; 2] = ["at_days", "at_weekday"];
/// Slots that are for this module.
const OWN: [&str; 2] = ["intent", "target"];

/// The last turn once more, or undone.
pub(super) fn again(call: &Call, done: &[Done], world: &World<'_>) -> Result<Vec<Step>, TurnError> {
    let last = done.last().ok_or(TurnError::NothingRecent)?;
    let undo: Vec<IntentCall> = done.iter().rev().flat_map(|done| done.undo.clone()).collect();
    match call.intent.intent.as_str() {
        "VestaUndo" if undo.is_empty() => Err(TurnError::CannotUndo),
        "VestaUndo" => Ok(vec![Step { undo, call: call.clone() }]),
        intent => {
            let undo = if intent == "VestaCorrect" { undo } else { Vec::new() };
            Ok(vec![Step { undo, call: changed(last, call, world) }])
        }
    }
}

/// The call of the last turn with new slots in place of its own.
pub(super) fn changed(last: &Done, new: &Call, world: &World<'_>) -> Call {
    let mut slots = last.call.intent.slots.clone();
    let mut spoken = last.call.spoken.clone();
    let mut drop_slots = |names: &[&str]| {
        for name in names {
            slots.remove(*name);
            spoken.remove(*name);
        }
    };
    let has = |slot: &str| new.intent.slots.contains_key(slot);
    if has("intent") {
        let kept: Vec<String> = last.call.intent.slots.keys().filter(|slot| !is_target(slot)).cloned().collect();
        drop_slots(&kept.iter().map(String::as_str).collect::<Vec<_>>());
    }
    for (new, old) in GROUPS {
        if new.iter().any(|slot| has(slot)) {
            drop_slots(old);
        }
    }
    if has("name") {
        drop_slots(&TARGET);
    } else if has("area") || has("floor") {
        drop_slots(&["name", "area", "floor", "entities"]);
        // "Turn on the kitchen light" – "no, the bedroom": a light there.
        // How warm it is, is told by a thermostat in one room and by a sensor in the next.
        let of_one_kind = last.entities.iter().all(|id| domain(id) == Some(last.kind.as_str()))
            && last.call.intent.intent != "HassClimateGetTemperature";
        if !slots.contains_key("domain") && of_one_kind {
            let named = last.entities.first().and_then(|id| world.home.entities.get(id));
            if let Some(entity) = named {
                slots.insert("domain".to_owned(), entity.domain.as_str().into());
                // "Is the bedroom window open" – "and downstairs": the windows there.
                if let Some(class) = entity.device_class.as_ref().filter(|_| !slots.contains_key("device_class")) {
                    slots.insert("device_class".to_owned(), class.as_str().into());
                }
            }
        }
    }
    let own = |slot: &str| OWN.contains(&slot);
    slots.extend(
        new.intent.slots.iter().filter(|(slot, _)| !own(slot)).map(|(slot, value)| (slot.clone(), value.clone())),
    );
    spoken.extend(new.spoken.iter().filter(|(slot, _)| !own(slot)).map(|(slot, value)| (slot.clone(), value.clone())));
    let intent = new.intent.slots.get("intent").and_then(Value::as_str).unwrap_or(&last.call.intent.intent).to_owned();
    let base = if has("intent") { new.response.clone() } else { last.call.response.clone() };
    let speaker_area = new.intent.speaker_area.clone();
    let response = fitting_response(world.dictionary, &intent, base.as_deref(), &slots);
    Call { intent: IntentCall { intent, slots, speaker_area, ..IntentCall::default() }, response, spoken }
}

/// A call about what the last turn was about.
pub(super) fn at_recent(new: &Call, last: &Done, world: &World<'_>) -> Call {
    let mut call = new.clone();
    call.intent.slots.remove("target");
    call.spoken.remove("target");
    if let Some(timer) = last.call.spoken.get("timer_id") {
        call.intent.slots.insert("id".to_owned(), timer.clone());
    }
    if let Some(list) = last.call.intent.slots.get("list").or_else(|| last.call.intent.slots.get("name"))
        && last.kind == "list"
    {
        call.intent.slots.entry("list".to_owned()).or_insert_with(|| list.clone());
    }
    let slots = &mut call.intent.slots;
    match last.entities.as_slice() {
        [] => {}
        [one] => drop(slots.insert("name".to_owned(), one.as_str().into())),
        several => {
            for slot in ["area", "floor", "domain", "device_class"] {
                if let Some(value) = last.call.intent.slots.get(slot) {
                    slots.entry(slot.to_owned()).or_insert_with(|| value.clone());
                }
            }
            slots.insert("entities".to_owned(), several.iter().map(String::as_str).collect());
        }
    }
    call.response =
        fitting_response(world.dictionary, &call.intent.intent, call.response.as_deref(), &call.intent.slots);
    call
}

/// The response for what a call is about now: of `color`, `color_area` for a room. A language that words fewer of them says
/// the next best.
pub(super) fn fitting_response(
    dictionary: &Dictionary,
    intent: &str,
    key: Option<&str>,
    slots: &BTreeMap<String, Value>,
) -> Option<String> {
    let key = key.unwrap_or("default");
    let base = ["_area", "_floor", "_all", "_open"].iter().find_map(|end| key.strip_suffix(end)).unwrap_or(key);
    let domain = slots.get("domain").and_then(Value::as_str);
    let place = ["name", "area", "floor"].into_iter().find(|slot| slots.contains_key(*slot));
    let mut keys: Vec<String> = Vec::new();
    match place {
        Some("name") => {
            keys.push(if matches!(base, "area" | "floor") { "default".to_owned() } else { base.to_owned() });
        }
        Some(place) => {
            keys.push(format!("{base}_{place}"));
            keys.extend(domain.map(|domain| format!("{domain}_{place}")));
            keys.push(place.to_owned());
        }
        // Some of them are not all of them.
        None if slots.contains_key("entities") => {}
        None => keys.extend(domain.map(|domain| format!("{domain}_all"))),
    }
    keys.extend([base.to_owned(), "default".to_owned(), key.to_owned()]);
    keys.into_iter().find(|key| dictionary.has_response(intent, key)).or_else(|| Some("default".to_owned()))
}

fn is_target(slot: &str) -> bool {
    TARGET.contains(&slot)
}
