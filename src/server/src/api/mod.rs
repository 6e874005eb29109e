//! The JSON API that the app works with. `routes` has its routes, and makes the description as OpenAPI 3.1 from them.
//!
//! - [`entities`]: what can be done to a device, what a sensor measured
//! - [`undo`]: what was done by touch, taken back
//! - [`timers`]: timers, by touch
//! - [`lists`]: the shopping list and other lists, by touch
//! - [`turns`]: what was said and done: list, show, replay, undo, delete, "this went wrong"
//! - [`messages`]: the written conversation
//! - [`settings`]: what a person sets for themselves, and what the house offers
//! - [`connection`]: how the server sees the client, for the connection test
//! - [`qr`]: QR codes for links of this house
//! - [`measured`]: keeps what sensors measure
//! - [`extract`]: request bodies and queries whose errors are problem details
//! - [`refusals`]: what requests are refused with, for the description

pub(crate) mod connection;
pub(crate) mod entities;
pub(crate) mod extract;
pub(crate) mod lists;
pub(crate) mod measured;
pub(crate) mod messages;
pub(crate) mod qr;
pub(crate) mod refusals;
pub(crate) mod settings;
pub(crate) mod timers;
pub(crate) mod turns;
pub(crate) mod undo;

pub(crate) use settings::Preferences;
pub(crate) use turns::TurnSummary;
