//! Areas, floors, entities and their state; MQTT with Home Assistant's discovery as the one device model.
//!
//! - [`driver`]: [`start`], [`Home`], and the task that runs the core
//! - [`link`]: the MQTT client; reconnects, hands messages on
//! - [`core`]: the home without socket and clock: messages, calls and times in; messages, answers and changes out
//! - [`intent`]: from an intent to an answer or to actions, on a picture of the house
//! - [`registry`], [`record`], [`router`]: what was announced, what is known of it, which topics tell it
//! - [`discovery`]: from a discovery message to descriptions of entities
//! - [`component`]: the kinds of entities: how each reads its topics and what it publishes for an action
//! - [`template`]: the Jinja templates of discovery messages
//! - [`action`]: actions, the messages they become, how a state must answer them
//! - [`permissions`]: what whoever calls may see and do
//! - [`undo`]: what brings an entity back to how it was before a command
//! - [`timers`], [`lists`]: timers, commands for later, shopping lists: pure, kept on disk by whoever drives them
//! - [`speaker`], [`media`]: loudspeakers, which discovery does not know, made of their parts
//! - [`areas`], [`model`], [`call`], [`config`]: the house, the calls and the settings as others see them
//!
//! Invariants: only `link` and `driver` know sockets and clocks. A question publishes nothing. A command is published on the
//! connection on which it was given or not at all. Nothing that a device sends can panic or grow without bound.
#![forbid(unsafe_code)]

mod action;
mod areas;
mod call;
mod component;
mod config;
mod core;
pub mod discovery;
mod driver;
mod intent;
mod link;
pub mod lists;
mod media;
mod model;
mod permissions;
mod record;
mod registry;
mod replay;
mod router;
mod speaker;
mod template;
mod text;
pub mod timers;
mod topic;
mod undo;

#[cfg(test)]
mod tests;

pub use call::{CallError, Candidate, EntityChange, IntentCall, Outcome};
pub use config::{AreaConfig, EntityOverride, FloorConfig, HomeConfig, MqttConfig};
pub use driver::{Home, start};
pub use model::{Area, AreaId, Change, ChangeKind, Entity, EntityId, EntityView, Floor, FloorId, Link, Snapshot};
pub use permissions::Permissions;

/// Why the home could not be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HomeError {
    /// A setting is not usable.
    #[error("{0}")]
    Config(String),
}
