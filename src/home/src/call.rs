//! An intent that is to be acted on, and what came of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::{AreaId, EntityId, EntityView};
use crate::permissions::Permissions;
use crate::text::listing;

/// An intent with its slots, as a matcher or a model filled them in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IntentCall {
    /// Home Assistant's name of the intent, such as `HassTurnOn`.
    pub intent: String,
    /// Values by slot name. `name` is an entity id or a spoken name, `area` and `floor` an id or a spoken name; `domain`,
    /// `device_class` and `state` may be lists.
    #[serde(default)]
    pub slots: BTreeMap<String, Value>,
    /// The area that the speaker is in: decides between things of the same name, and where nothing is named.
    #[serde(default)]
    pub speaker_area: Option<AreaId>,
    /// How long to wait for the devices; by default the home's own deadline.
    #[serde(default)]
    pub deadline: Option<Duration>,
    /// What whoever calls may do. It is not kept with a call: who may do it is said anew each time.
    #[serde(skip)]
    pub permissions: Permissions,
}

/// What came of a call.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Outcome {
    /// The slots as response templates read them: names instead of ids.
    pub response_slots: Map<String, Value>,
    /// What was acted on, with the state before and after.
    pub changed: Vec<EntityChange>,
    /// The one entity that was asked about or acted on, as templates read it.
    pub state: Option<Value>,
    /// Entities that answer the question with yes; after a command, those acted on.
    pub matched: Vec<EntityView>,
    /// Entities that answer the question with no.
    pub unmatched: Vec<EntityView>,
    /// A response to use instead of the one the dictionary names.
    pub response: Option<String>,
    /// Whether the call was a question: nothing was published.
    pub read_only: bool,
    /// Whether every device's state confirmed the command. `false` where a device reports no state.
    pub confirmed: bool,
    /// Names of those of several targets that were left out because they cannot be reached just now.
    pub skipped: Vec<String>,
}

/// What a command did to one entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntityChange {
    /// The entity.
    pub id: EntityId,
    /// Its name.
    pub name: String,
    /// Id of its area.
    pub area: Option<AreaId>,
    /// State when the command was given.
    pub before: Option<String>,
    /// State when the command was confirmed.
    pub after: Option<String>,
    /// Whether the device's state confirmed the command.
    pub confirmed: bool,
    /// The calls that bring it back to how it was; empty where there is no way back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo: Vec<IntentCall>,
}

/// One of several things that a call may have meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// The entity.
    pub id: EntityId,
    /// Its name.
    pub name: String,
    /// Name of its area.
    pub area: Option<String>,
}

/// What a value may be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Allowed {
    /// The least and the most, in the device's own unit.
    pub range: Option<(f64, f64)>,
    /// The choices.
    pub options: Vec<String>,
}

impl Allowed {
    /// From the least to the most.
    pub(crate) fn range(low: f64, high: f64) -> Self {
        Self { range: Some((low, high)), ..Self::default() }
    }

    /// One of these.
    pub(crate) fn options<S: AsRef<str>>(options: &[S]) -> Self {
        Self { options: options.iter().map(|option| option.as_ref().to_owned()).collect(), ..Self::default() }
    }
}

/// Why a call was not done.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CallError {
    /// Nothing has this name.
    #[error("nothing is called {name:?}")]
    NoSuchName {
        /// What was asked for.
        name: String,
        /// The area it was looked for in.
        area: Option<String>,
    },
    /// It is somewhere else.
    #[error("{name} is not there but {}", .area.as_deref().map_or("in no area".to_owned(), |area| format!("in {area:?}")))]
    NotThere {
        /// What was asked for.
        name: String,
        /// Name of the area that it is in.
        area: Option<String>,
    },
    /// What was asked about has not told its state yet.
    #[error("the state is not known: {}", listing(.names))]
    StateUnknown {
        /// Names of the devices.
        names: Vec<String>,
    },
    /// Lamps that are off cannot be any darker.
    #[error("the lights are off")]
    LightsOff,
    /// No area or floor has this name.
    #[error("there is no area or floor {area:?}")]
    NoSuchArea {
        /// What was asked for.
        area: String,
    },
    /// There is nothing of this kind there.
    #[error("there is no {} {}", .device_class.as_deref().or(.domain.as_deref()).unwrap_or("fitting device"),
        .area.as_deref().map_or("in this home".to_owned(), |area| format!("in {area:?}")))]
    NoneInArea {
        /// The kind that was asked for.
        domain: Option<String>,
        /// The narrower kind that was asked for.
        device_class: Option<String>,
        /// Name of the area or floor; `None` for the whole home.
        area: Option<String>,
    },
    /// Several things fit and nothing decides between them.
    #[error("several things fit: {}", listing(&.candidates.iter().map(|c| c.name.as_str()).collect::<Vec<_>>()))]
    Ambiguous {
        /// What was asked for.
        name: Option<String>,
        /// What fits.
        candidates: Vec<Candidate>,
    },
    /// The device cannot do this.
    #[error("{name} does not support {what}")]
    NotSupported {
        /// The device, or the kind of device.
        name: String,
        /// What it cannot do.
        what: String,
    },
    /// Whoever calls may not do this, or not know it.
    #[error("not allowed for this caller: {}", listing(.names))]
    NotAllowed {
        /// Names of the devices that are not theirs.
        names: Vec<String>,
    },
    /// The device says that it cannot be reached.
    #[error("not reachable just now: {}", listing(.names))]
    Unavailable {
        /// Names of the devices.
        names: Vec<String>,
    },
    /// The command was sent and not confirmed within the deadline.
    #[error("no answer from {}", listing(.names))]
    NoAnswer {
        /// Names of the devices that did not confirm.
        names: Vec<String>,
        /// What the other devices did confirm.
        done: Box<Outcome>,
    },
    /// There is no link to the broker; nothing was sent, or the link broke before the answer came.
    #[error("no link to the MQTT broker: {why}")]
    BrokerDown {
        /// Why.
        why: String,
    },
    /// A value is missing or out of range.
    #[error("the value of {slot} is not usable: {why}")]
    InvalidValue {
        /// The slot.
        slot: String,
        /// What is wrong with it.
        why: String,
        /// What would be possible.
        allowed: Allowed,
    },
    /// The home does not act on this intent.
    #[error("the home does not act on {intent}")]
    UnknownIntent {
        /// Name of the intent.
        intent: String,
    },
}

impl CallError {
    /// Stable name of the error, for spoken sentences.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchName { .. } => "no_such_name",
            Self::NotThere { .. } => "not_there",
            Self::StateUnknown { .. } => "state_unknown",
            Self::LightsOff => "lights_off",
            Self::NoSuchArea { .. } => "no_such_area",
            Self::NoneInArea { .. } => "none_in_area",
            Self::Ambiguous { .. } => "ambiguous",
            Self::NotSupported { .. } => "not_supported",
            Self::NotAllowed { .. } => "not_allowed",
            Self::Unavailable { .. } => "unavailable",
            Self::NoAnswer { .. } => "no_answer",
            Self::BrokerDown { .. } => "broker_down",
            Self::InvalidValue { .. } => "invalid_value",
            Self::UnknownIntent { .. } => "unknown_intent",
        }
    }

    /// Values for the spoken sentence. `name` is always one text that can be spoken, `names` the list it was made of.
    pub fn slots(&self) -> Map<String, Value> {
        let mut slots = Map::new();
        let mut put = |key: &str, value: Value| {
            if !value.is_null() {
                slots.insert(key.to_owned(), value);
            }
        };
        match self {
            Self::NoSuchName { name, area } => {
                put("name", name.clone().into());
                put("area", area.clone().into());
            }
            Self::NotThere { name, area } => {
                put("name", name.clone().into());
                put("area", area.clone().into());
            }
            Self::LightsOff => {}
            Self::NoSuchArea { area } => put("area", area.clone().into()),
            Self::NoneInArea { domain, device_class, area } => {
                put("domain", domain.clone().into());
                put("device_class", device_class.clone().into());
                put("area", area.clone().into());
            }
            Self::Ambiguous { name, candidates } => {
                let names: Vec<&str> = candidates.iter().map(|c| c.name.as_str()).collect();
                put("name", name.clone().into());
                put("names", names.clone().into());
                put("candidates", serde_json::to_value(candidates).unwrap_or_default());
            }
            Self::NotSupported { name, what } => {
                put("name", name.clone().into());
                put("what", what.clone().into());
            }
            Self::NotAllowed { names } | Self::Unavailable { names } | Self::StateUnknown { names } => {
                put("name", listing(names).into());
                put("names", names.clone().into());
                put("count", names.len().into());
            }
            Self::NoAnswer { names, done } => {
                put("name", listing(names).into());
                put("names", names.clone().into());
                put("count", names.len().into());
                put("done", done.changed.iter().map(|c| c.name.clone()).collect::<Vec<_>>().into());
                put("done_count", done.changed.len().into());
            }
            Self::BrokerDown { why } => put("why", why.clone().into()),
            Self::InvalidValue { slot, why, allowed } => {
                put("slot", slot.clone().into());
                put("why", why.clone().into());
                // As it is said: 30, not 30.0.
                let plain = |number: f64| {
                    if number.fract() == 0.0 { Value::from(number as i64) } else { Value::from(number) }
                };
                if let Some((low, high)) = allowed.range {
                    put("low", plain(low));
                    put("high", plain(high));
                }
                if !allowed.options.is_empty() {
                    put("options", allowed.options.clone().into());
                }
            }
            Self::UnknownIntent { intent } => put("intent", intent.clone().into()),
        }
        slots
    }
}
