//! What whoever calls may see and do in the home. Kinds of devices are told apart by their domain and class; a kind that
//! is not known counts as one that matters.

use serde::{Deserialize, Serialize};

use crate::model::Entity;

/// What a caller may do. By default everything: who may do less is said by whoever knows people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permissions {
    /// See rooms and devices.
    pub see: bool,
    /// See locks, alarms, doors and who is at home.
    pub see_security: bool,
    /// Lights, plugs, fans and media.
    pub control: bool,
    /// Heating, blinds, robots and other machines.
    pub appliances: bool,
    /// Locks, alarms, doors, gates, valves and sirens.
    pub security: bool,
    /// Shopping and other lists.
    pub lists: bool,
}

impl Permissions {
    /// Everything.
    pub const ALL: Self =
        Self { see: true, see_security: true, control: true, appliances: true, security: true, lists: true };

    /// Whether the caller may know about an entity.
    pub fn may_see(&self, entity: &Entity) -> bool {
        self.may_see_kind(&entity.domain, entity.device_class.as_deref())
    }

    /// Whether the caller may know about entities of a domain and class.
    pub fn may_see_kind(&self, domain: &str, class: Option<&str>) -> bool {
        self.see && (self.see_security || !tells_about_security(domain, class.unwrap_or_default()))
    }

    /// Whether the caller may change an entity.
    pub fn may_control(&self, entity: &Entity) -> bool {
        let class = entity.device_class.as_deref().unwrap_or_default();
        match entity.domain.as_str() {
            "light" | "switch" | "fan" | "media_player" => self.control,
            "cover" if ENTRANCES.contains(&class) => self.security,
            "climate" | "cover" | "humidifier" | "water_heater" | "vacuum" | "lawn_mower" | "scene" | "button"
            | "number" | "select" | "text" => self.appliances,
            _ => self.security,
        }
    }
}

impl Default for Permissions {
    fn default() -> Self {
        Self::ALL
    }
}

/// Covers that close the way in.
const ENTRANCES: [&str; 3] = ["door", "garage", "gate"];
/// Sensors that tell who is at home, or how to get in.
const TELLING: [&str; 11] = [
    "door",
    "garage_door",
    "lock",
    "motion",
    "moving",
    "occupancy",
    "opening",
    "presence",
    "safety",
    "tamper",
    "window",
];

fn tells_about_security(domain: &str, class: &str) -> bool {
    match domain {
        "lock" | "alarm_control_panel" | "camera" | "device_tracker" | "person" => true,
        "binary_sensor" | "event" => TELLING.contains(&class),
        "cover" => ENTRANCES.contains(&class),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(domain: &str, class: &str) -> Entity {
        let device_class = (!class.is_empty()).then(|| class.to_owned());
        Entity {
            id: format!("{domain}.it"),
            domain: domain.to_owned(),
            name: "It".to_owned(),
            aliases: Vec::new(),
            area: None,
            device: None,
            device_class,
            unit: None,
            available: true,
            exposed: true,
            state: None,
            attributes: serde_json::Map::new(),
            features: Vec::new(),
        }
    }

    #[test]
    fn each_kind_of_device_belongs_to_one_permission() {
        let nothing = Permissions {
            see: true,
            see_security: false,
            control: false,
            appliances: false,
            security: false,
            lists: false,
        };
        let guest = Permissions { control: true, ..nothing };
        let child = Permissions { appliances: true, see_security: true, ..guest };
        for (domain, class, by_guest, by_child, seen_by_guest) in [
            ("light", "", true, true, true),
            ("media_player", "speaker", true, true, true),
            ("climate", "", false, true, true),
            ("cover", "shutter", false, true, true),
            ("cover", "garage", false, false, false),
            ("lock", "", false, false, false),
            ("alarm_control_panel", "", false, false, false),
            ("binary_sensor", "motion", false, false, false),
            ("binary_sensor", "moisture", false, false, true),
            ("valve", "water", false, false, true),
            ("something_new", "", false, false, true),
        ] {
            let entity = entity(domain, class);
            assert_eq!(guest.may_control(&entity), by_guest, "{domain} {class}");
            assert_eq!(child.may_control(&entity), by_child, "{domain} {class}");
            assert_eq!(guest.may_see(&entity), seen_by_guest, "{domain} {class}");
            assert!(Permissions::ALL.may_control(&entity) && Permissions::ALL.may_see(&entity));
            assert!(!nothing.may_control(&entity));
        }
    }
}
