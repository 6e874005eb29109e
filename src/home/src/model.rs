//! The house as others see it: areas, floors, entities, and what changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Id of an area, such as `living_room`.
pub type AreaId = String;
/// Id of a floor, such as `upstairs`.
pub type FloorId = String;
/// Id of an entity: domain and object id, such as `light.kitchen`.
pub type EntityId = String;

/// A room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Area {
    /// Stable id.
    pub id: AreaId,
    /// What people call it.
    pub name: String,
    /// Other things people call it.
    pub aliases: Vec<String>,
    /// The floor it is on.
    pub floor: Option<FloorId>,
}

/// A storey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floor {
    /// Stable id.
    pub id: FloorId,
    /// What people call it.
    pub name: String,
    /// Other things people call it.
    pub aliases: Vec<String>,
}

/// One thing that has a state or takes a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// Stable id.
    pub id: EntityId,
    /// First part of the id: `light`, `cover`, …
    pub domain: String,
    /// What people call it: the device's name, then the entity's own.
    pub name: String,
    /// Other things people call it.
    pub aliases: Vec<String>,
    /// Where it is.
    pub area: Option<AreaId>,
    /// Name of the device that it is a part of.
    pub device: Option<String>,
    /// What kind of its domain it is: `window`, `temperature`, …
    pub device_class: Option<String>,
    /// Unit of the state.
    pub unit: Option<String>,
    /// Whether the device says that it can be reached.
    pub available: bool,
    /// Whether people may speak about it.
    pub exposed: bool,
    /// Last known state; `None` while it is unknown.
    pub state: Option<String>,
    /// Last known details, by Home Assistant's names: `brightness` (0-255), `current_position` (0-100), …
    pub attributes: Map<String, Value>,
    /// What can be set: `brightness`, `color`, `color_temp`, `position`, `percentage`, `temperature`, `volume`, …
    pub features: Vec<String>,
}

impl Entity {
    /// The state as it is spoken: with its unit, `unknown` or `unavailable` where there is none.
    pub fn state_with_unit(&self) -> String {
        match (&self.state, &self.unit) {
            _ if !self.available => "unavailable".to_owned(),
            (None, _) => "unknown".to_owned(),
            (Some(state), Some(unit)) => format!("{state} {unit}"),
            (Some(state), None) => state.clone(),
        }
    }

    /// The entity as response templates read it.
    pub fn view(&self) -> EntityView {
        EntityView {
            entity_id: self.id.clone(),
            name: self.name.clone(),
            domain: self.domain.clone(),
            area: self.area.clone(),
            device_class: self.device_class.clone(),
            state: match &self.state {
                _ if !self.available => "unavailable".to_owned(),
                Some(state) => state.clone(),
                None => "unknown".to_owned(),
            },
            state_with_unit: self.state_with_unit(),
            attributes: self.attributes.clone(),
        }
    }

    /// An attribute that is a number.
    pub fn number(&self, attribute: &str) -> Option<f64> {
        self.attributes.get(attribute).and_then(Value::as_f64)
    }
}

/// An entity as response templates read it; the fields are named as in Home Assistant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntityView {
    /// Id of the entity.
    pub entity_id: EntityId,
    /// What people call it.
    pub name: String,
    /// First part of the id.
    pub domain: String,
    /// Id of its area.
    pub area: Option<AreaId>,
    /// What kind of its domain it is.
    pub device_class: Option<String>,
    /// The state, `unknown` or `unavailable`.
    pub state: String,
    /// The state with its unit.
    pub state_with_unit: String,
    /// Details of the state.
    pub attributes: Map<String, Value>,
}

/// The whole house at one moment. Cheap to hold: entities are shared.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Snapshot {
    /// Grows whenever names, aliases, areas or the set of entities change; not with a state.
    pub version: u64,
    /// The rooms, the owner's first, then those that devices suggested.
    pub areas: Vec<Area>,
    /// The storeys.
    pub floors: Vec<Floor>,
    /// Everything that is known, by id.
    pub entities: BTreeMap<EntityId, Arc<Entity>>,
}

impl Snapshot {
    /// The area with this id.
    pub fn area(&self, id: &str) -> Option<&Area> {
        self.areas.iter().find(|area| area.id == id)
    }

    /// The floor with this id.
    pub fn floor(&self, id: &str) -> Option<&Floor> {
        self.floors.iter().find(|floor| floor.id == id)
    }

    /// The floor that an entity's area is on.
    pub fn floor_of(&self, entity: &Entity) -> Option<&str> {
        self.area(entity.area.as_deref()?)?.floor.as_deref()
    }
}

/// One change of the house.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The entity that changed.
    pub id: EntityId,
    /// What happened to it.
    pub kind: ChangeKind,
    /// The entity before; `None` when it was added.
    pub before: Option<Arc<Entity>>,
    /// The entity after; `None` when it was removed.
    pub after: Option<Arc<Entity>>,
}

/// What happened to an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A device announced it.
    Added,
    /// A device withdrew it.
    Removed,
    /// Its name, area or abilities changed.
    Described,
    /// Its state, details or availability changed.
    State,
}

/// How things stand with the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "link", rename_all = "snake_case")]
pub enum Link {
    /// The first attempt is under way.
    Connecting,
    /// Connected and subscribed.
    Connected,
    /// Not connected; retried with growing pauses.
    Down {
        /// Why, for people.
        why: String,
    },
}
