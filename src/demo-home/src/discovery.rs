//! The parts that every device's description shares.

use serde_json::{Value, json};

use crate::house::Publish;

/// First level of the house's own topics.
pub(crate) const BASE: &str = "vesta-demo";
/// Says `online` while the house runs; the broker says `offline` for it when it is lost.
pub(crate) const AVAILABILITY: &str = "vesta-demo/availability";

/// A device as people see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    /// Last part of its topics and ids.
    pub(crate) id: &'static str,
    /// What people call it.
    pub(crate) name: &'static str,
    /// The room it suggests for itself.
    pub(crate) area: &'static str,
}

impl Identity {
    /// Base of the device's topics.
    pub(crate) fn base(&self) -> String {
        format!("{BASE}/{}", self.id)
    }

    /// Id that stays the same over restarts, with `part` for devices of several entities.
    pub(crate) fn unique(&self, part: &str) -> String {
        let separator = if part.is_empty() { "" } else { "_" };
        format!("vesta_demo_{}{separator}{part}", self.id)
    }

    /// The device block with full key names.
    pub(crate) fn device(&self, model: &str) -> Value {
        json!({
            "identifiers": [self.unique("")],
            "name": self.name,
            "manufacturer": "Vesta",
            "model": model,
            "suggested_area": self.area,
        })
    }

    /// The same with short key names.
    pub(crate) fn dev(&self, model: &str) -> Value {
        json!({ "ids": self.unique(""), "name": self.name, "mf": "Vesta", "mdl": model, "sa": self.area })
    }

    /// A discovery message for one entity: `<prefix>/<component>/<node>/<object>/config`.
    pub(crate) fn config(&self, prefix: &str, component: &str, part: &str, body: &Value) -> Publish {
        let object = if part.is_empty() { self.id.to_owned() } else { format!("{}_{part}", self.id) };
        Publish::retained(format!("{prefix}/{component}/vesta_demo/{object}/config"), body.to_string())
    }

    /// A discovery message for a device with all its entities: `<prefix>/device/<object>/config`.
    pub(crate) fn device_config(&self, prefix: &str, body: &Value) -> Publish {
        Publish::retained(format!("{prefix}/device/{}/config", self.unique("")), body.to_string())
    }
}

/// Who made the description.
pub(crate) fn origin() -> Value {
    json!({ "name": "Vesta demo home", "sw": env!("CARGO_PKG_VERSION") })
}
