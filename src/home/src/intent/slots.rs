//! Reading of slots, and the names that response templates speak.

use serde_json::{Map, Value};

use crate::areas::{find_area, find_floor};
use crate::call::{Allowed, CallError, IntentCall};
use crate::model::{Area, Entity, Floor, Snapshot};
use crate::text::{fold, scalar};

/// The slots that say what a call is about.
#[derive(Clone, Debug, Default)]
pub(super) struct Target<'a> {
    /// Entity id or spoken names; several where a matcher could not decide.
    pub(super) names: Vec<String>,
    /// Ids of exactly the entities that are meant, where the call follows up one that was about them.
    pub(super) entities: Vec<String>,
    /// Whether "all" was said instead of a name.
    pub(super) all: bool,
    pub(super) area: Option<&'a Area>,
    pub(super) floor: Option<&'a Floor>,
    pub(super) domains: Vec<String>,
    pub(super) classes: Vec<String>,
    /// What a thermostat must be able to do: `heat` for the heating, `cool` for the air conditioning.
    pub(super) serves: Option<String>,
    pub(super) speaker: Option<&'a Area>,
}

impl<'a> Target<'a> {
    pub(super) fn new(call: &IntentCall, house: &'a Snapshot) -> Result<Self, CallError> {
        Self::with_area(call, house, "area")
    }

    /// As [`Target::new`], with no area where the slot says something else (the room to clean, not where the robot is).
    pub(super) fn without_area(call: &IntentCall, house: &'a Snapshot) -> Result<Self, CallError> {
        Self::with_area(call, house, "")
    }

    fn with_area(call: &IntentCall, house: &'a Snapshot, slot: &str) -> Result<Self, CallError> {
        let area = match text(call, slot) {
            Some(name) => Some(find_area(&house.areas, &name).ok_or(CallError::NoSuchArea { area: name })?),
            None => None,
        };
        let floor = match text(call, "floor") {
            Some(name) => Some(find_floor(&house.floors, &name).ok_or(CallError::NoSuchArea { area: name })?),
            None => None,
        };
        let names = texts(call, "name");
        let all = names.iter().any(|name| name == "all");
        Ok(Self {
            names: if all { Vec::new() } else { names },
            entities: texts(call, "entities"),
            all,
            area,
            floor,
            domains: texts(call, "domain"),
            classes: texts(call, "device_class"),
            serves: text(call, "serves"),
            speaker: call.speaker_area.as_deref().and_then(|name| find_area(&house.areas, name)),
        })
    }

    /// Whether nothing at all says where or what.
    pub(super) fn is_open(&self) -> bool {
        self.names.is_empty() && self.entities.is_empty() && !self.all && self.area.is_none() && self.floor.is_none()
    }

    /// Whether an entity is in the area and on the floor that were named.
    pub(super) fn covers(&self, entity: &Entity, house: &Snapshot) -> bool {
        (self.entities.is_empty() || self.entities.contains(&entity.id))
            && self.area.is_none_or(|area| entity.area.as_ref() == Some(&area.id))
            && self.floor.is_none_or(|floor| house.floor_of(entity) == Some(&floor.id))
    }

    /// Name of the area or floor, for an error.
    pub(super) fn place(&self) -> Option<String> {
        self.area.map(|area| area.name.clone()).or_else(|| self.floor.map(|floor| floor.name.clone()))
    }

    pub(super) fn none(&self, domain: Option<&str>) -> CallError {
        CallError::NoneInArea {
            domain: self.domains.first().cloned().or_else(|| domain.map(str::to_owned)),
            device_class: self.classes.first().cloned(),
            area: self.place(),
        }
    }
}

/// A slot's text.
pub(super) fn text(call: &IntentCall, slot: &str) -> Option<String> {
    texts(call, slot).into_iter().next()
}

/// A slot's texts: one, or a list of several.
pub(super) fn texts(call: &IntentCall, slot: &str) -> Vec<String> {
    match call.slots.get(slot) {
        Some(Value::Array(items)) => items.iter().filter_map(scalar).collect(),
        Some(value) => scalar(value).into_iter().collect(),
        None => Vec::new(),
    }
    .into_iter()
    .map(|text| text.trim().to_owned())
    .filter(|text| !text.is_empty())
    .collect()
}

/// A slot that must hold a number.
pub(super) fn number(call: &IntentCall, slot: &str) -> Result<f64, CallError> {
    let invalid =
        |why: &str| CallError::InvalidValue { slot: slot.to_owned(), why: why.to_owned(), allowed: Allowed::default() };
    let value = call.slots.get(slot).ok_or_else(|| invalid("it is missing"))?;
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().trim_end_matches('%').trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite()).ok_or_else(|| invalid("it is not a number"))
}

/// A slot that must hold a percentage.
pub(super) fn percent(call: &IntentCall, slot: &str) -> Result<f64, CallError> {
    let percent = number(call, slot)?;
    if (0.0..=100.0).contains(&percent) {
        return Ok(percent);
    }
    Err(CallError::InvalidValue {
        slot: slot.to_owned(),
        why: format!("{percent} is not between 0 and 100"),
        allowed: Allowed::range(0.0, 100.0),
    })
}

/// A slot that must hold a text.
pub(super) fn required(call: &IntentCall, slot: &str) -> Result<String, CallError> {
    text(call, slot).ok_or_else(|| CallError::InvalidValue {
        slot: slot.to_owned(),
        why: "it is missing".to_owned(),
        allowed: Allowed::default(),
    })
}

/// The slots as they are spoken: names of entities, areas and floors instead of ids.
pub(super) fn spoken(call: &IntentCall, house: &Snapshot, entities: &[&Entity]) -> Map<String, Value> {
    let mut slots = Map::new();
    for (slot, value) in &call.slots {
        let name = match (slot.as_str(), value.as_str()) {
            ("name", _) => entities.first().filter(|_| entities.len() == 1).map(|entity| entity.name.clone()),
            ("area", Some(area)) => find_area(&house.areas, area).map(|area| area.name.clone()),
            ("floor", Some(floor)) => find_floor(&house.floors, floor).map(|floor| floor.name.clone()),
            _ => None,
        };
        slots.insert(slot.clone(), name.map_or_else(|| value.clone(), Value::from));
    }
    slots
}

/// Whether a spoken name is this entity's.
pub(super) fn is_called(entity: &Entity, folded: &str) -> bool {
    fold(&entity.name) == folded || entity.aliases.iter().any(|alias| fold(alias) == folded)
}
