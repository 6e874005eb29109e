//! Questions: answered from what is known; nothing is ever published for them.

use std::sync::Arc;

use serde_json::Value;

use super::resolve::{Open, Wanted, ambiguous, resolve};
use super::slots::{Target, spoken, texts};
use crate::call::{CallError, IntentCall, Outcome};
use crate::model::{Entity, EntityView, Snapshot};
use crate::text::fold;

/// `HassGetState`: one thing's state, or which of several are in a state.
pub(super) fn get_state(call: &IntentCall, house: &Snapshot) -> Result<Outcome, CallError> {
    let target = Target::new(call, house)?;
    let wanted = Wanted { domains: &[], able: &|_| true, open: Open::Everywhere, what: "a state" };
    let mut states: Vec<String> = texts(call, "state").iter().map(|state| fold(state)).collect();
    let found = resolve(house, &target, &wanted).or_else(|none| {
        let said = |states: &[String], of: fn(&str) -> &'static [&'static str]| {
            states.iter().flat_map(|state| of(state)).map(|state| (*state).to_owned()).collect()
        };
        let instead = if let Some(doors) = doors_that_move(&target) {
            states = said(&states, states_of_covers);
            doors
        } else if let Some(contacts) = contacts(&target) {
            states = said(&states, states_of_contacts);
            contacts
        } else if let Some(people) = people(&target) {
            people
        } else {
            return Err(none);
        };
        resolve(house, &instead, &wanted).map_err(|_| none)
    })?;
    let (reachable, mut skipped) = reachable(found)?;
    let (reachable, unknown): (Vec<_>, Vec<_>) = reachable.into_iter().partition(|entity| is_known(entity));
    let unknown: Vec<String> = unknown.iter().map(|entity| entity.name.clone()).collect();
    if reachable.is_empty() {
        return Err(CallError::StateUnknown { names: unknown });
    }
    skipped.extend(unknown);
    let fits =
        |entity: &Entity| states.is_empty() || entity.state.as_ref().is_some_and(|state| states.contains(&fold(state)));
    let (matched, unmatched): (Vec<&Entity>, Vec<&Entity>) =
        reachable.iter().map(|entity| entity.as_ref()).partition(|entity| fits(entity));
    let first = matched.first().or(unmatched.first()).copied();
    let entities: Vec<&Entity> = reachable.iter().map(|entity| entity.as_ref()).collect();
    Ok(Outcome {
        response_slots: spoken(call, house, &entities),
        state: first.map(|entity| view(&entity.view())),
        matched: matched.into_iter().map(Entity::view).collect(),
        unmatched: unmatched.into_iter().map(Entity::view).collect(),
        skipped,
        read_only: true,
        confirmed: true,
        ..Outcome::default()
    })
}

/// Where no sensor tells of a garage door, the motor that moves it does.
fn doors_that_move<'a>(sensors: &Target<'a>) -> Option<Target<'a>> {
    if sensors.domains != ["binary_sensor"] {
        return None;
    }
    let classes: Vec<String> = match sensors.classes.as_slice() {
        [] => return None,
        classes => classes.iter().flat_map(|class| covers_like(class)).map(|class| (*class).to_owned()).collect(),
    };
    let domains = vec!["cover".to_owned()];
    (!classes.is_empty()).then(|| Target { domains, classes, ..sensors.clone() })
}

/// Whether a thing has told its state. Buttons and scenes have none to tell.
fn is_known(entity: &Entity) -> bool {
    let state = entity.state.as_deref();
    state.is_some_and(|state| state != "unknown") || matches!(entity.domain.as_str(), "button" | "scene")
}

/// Home Assistant's sentences ask for windows and doors as covers; most homes have contacts at theirs.
fn contacts<'a>(covers: &Target<'a>) -> Option<Target<'a>> {
    if covers.domains != ["cover"] {
        return None;
    }
    let like = |class: &String| match class.as_str() {
        "window" => Some("window"),
        "door" | "gate" => Some("door"),
        "garage" => Some("garage_door"),
        _ => None,
    };
    let classes: Vec<String> = covers.classes.iter().filter_map(like).map(str::to_owned).collect();
    let domains = vec!["binary_sensor".to_owned()];
    (!classes.is_empty()).then(|| Target { domains, classes, ..covers.clone() })
}

/// A contact's states for one of a cover.
fn states_of_contacts(cover: &str) -> &'static [&'static str] {
    match cover {
        "open" | "opening" => &["on"],
        "closed" | "closing" => &["off"],
        _ => &[],
    }
}

/// Home Assistant's sentences ask for persons; here people are where their devices are.
fn people<'a>(persons: &Target<'a>) -> Option<Target<'a>> {
    let asked = persons.domains == ["person"];
    asked.then(|| Target { domains: vec!["device_tracker".to_owned()], ..persons.clone() })
}

/// Home Assistant's classes of covers for a class of its binary sensors.
fn covers_like(sensor: &str) -> &'static [&'static str] {
    match sensor {
        "garage_door" => &["garage"],
        "door" => &["door", "gate"],
        "window" => &["window"],
        _ => &[],
    }
}

/// A cover's states for one of a binary sensor.
fn states_of_covers(sensor: &str) -> &'static [&'static str] {
    match sensor {
        "on" => &["open", "opening", "closing"],
        "off" => &["closed"],
        _ => &[],
    }
}

/// `HassClimateGetTemperature`: of a thermostat, or of a room's sensor where there is none.
pub(super) fn get_temperature(call: &IntentCall, house: &Snapshot) -> Result<Outcome, CallError> {
    let target = Target::new(call, house)?;
    let thermostats = Wanted {
        domains: &["climate"],
        able: &|entity| entity.number("current_temperature").is_some(),
        open: Open::Nearest,
        what: "temperature",
    };
    let sensors = Wanted { domains: &["sensor"], able: &is_thermometer, open: Open::Nearest, what: "temperature" };
    let here = Target { area: target.speaker, ..target.clone() };
    let thermometer = Target { classes: vec!["temperature".to_owned()], ..target.clone() };
    let none = || thermometer.none(Some("sensor"));
    let mut found = Err(none());
    // The room that the speaker is in goes before a thermostat elsewhere.
    for place in
        [Some(&here).filter(|_| target.is_open() && target.speaker.is_some()), Some(&target)].into_iter().flatten()
    {
        found = resolve(house, place, &thermostats).or_else(|first| {
            resolve(house, place, &sensors).map_err(|second| match second {
                // "Which one" says more than that there is no thermostat.
                CallError::Ambiguous { .. } => second,
                _ if matches!(first, CallError::NoneInArea { .. }) => none(),
                _ => first,
            })
        });
        if found.is_ok() {
            break;
        }
    }
    let found = found?;
    let (reachable, skipped) = reachable(found)?;
    let tells = |entity: &&Arc<Entity>| is_known(entity) || entity.number("current_temperature").is_some();
    let (reachable, silent): (Vec<_>, Vec<_>) = reachable.into_iter().partition(tells);
    if reachable.is_empty() {
        return Err(CallError::StateUnknown { names: silent.iter().map(|entity| entity.name.clone()).collect() });
    }
    let [entity] = reachable.as_slice() else {
        // Of several in one place the first is as good as any; in several places they differ.
        let mut places: Vec<_> = reachable.iter().map(|entity| entity.area.clone()).collect();
        places.dedup();
        if places.len() > 1 {
            return Err(ambiguous(house, None, &reachable));
        }
        let first: Vec<_> = reachable.into_iter().take(1).collect();
        return Ok(temperature(call, house, &first, skipped));
    };
    Ok(temperature(call, house, &[entity], skipped))
}

fn is_thermometer(entity: &Entity) -> bool {
    entity.device_class.as_deref() == Some("temperature")
}

fn temperature(call: &IntentCall, house: &Snapshot, entities: &[&Arc<Entity>], skipped: Vec<String>) -> Outcome {
    let entities: Vec<&Entity> = entities.iter().map(|entity| entity.as_ref()).collect();
    let views: Vec<EntityView> = entities
        .iter()
        .map(|entity| {
            let mut view = entity.view();
            // A sensor answers in a thermostat's terms, so that one response serves both.
            if entity.domain == "sensor" {
                let value = view.state.parse::<f64>().map_or_else(|_| view.state.clone().into(), Value::from);
                view.attributes.insert("current_temperature".to_owned(), value);
                view.attributes.insert("temperature_unit".to_owned(), entity.unit.clone().into());
            }
            view
        })
        .collect();
    Outcome {
        response_slots: spoken(call, house, &entities),
        state: views.first().map(view),
        matched: views,
        skipped,
        read_only: true,
        confirmed: true,
        ..Outcome::default()
    }
}

/// Those that can be reached, and the names of the others.
fn reachable(found: Vec<&Arc<Entity>>) -> Result<(Vec<&Arc<Entity>>, Vec<String>), CallError> {
    let (reachable, lost): (Vec<_>, Vec<_>) = found.into_iter().partition(|entity| entity.available);
    let names: Vec<String> = lost.iter().map(|entity| entity.name.clone()).collect();
    if reachable.is_empty() { Err(CallError::Unavailable { names }) } else { Ok((reachable, names)) }
}

/// An entity as response templates read it.
pub(super) fn view(view: &EntityView) -> Value {
    serde_json::to_value(view).unwrap_or_default()
}
