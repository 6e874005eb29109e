//! A small house that announces itself by MQTT discovery and behaves: for trying Vesta out before any device is bought, and for
//! tests that need a home.
//!
//! - [`config`]: which broker, which seed
//! - [`driver`]: the MQTT client around the house; reconnects, announces, says goodbye
//! - [`house`]: the house itself, without sockets and clocks: messages and times in, messages out
//! - `plan`: what stands in which room
//! - `devices`: how each kind of device is described and behaves
//! - `discovery`: the parts that every description shares
//! - `rng`: the seeded chance by which temperatures drift and people walk by
//! - [`error`]: why the demo home could not start
//!
//! The descriptions mix on purpose what is met in real homes: short and long keys, `~`, JSON and separate topics, templates,
//! brightness to 100, 254 and 255, colour temperature in mireds and kelvin, one message a component and one a device. Their
//! format is Home Assistant's: <https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery>.
#![forbid(unsafe_code)]

mod config;
mod devices;
mod discovery;
mod driver;
mod error;
mod house;
mod plan;
mod rng;

pub use config::DemoConfig;
pub use driver::{forget, run};
pub use error::DemoError;
pub use house::{House, Publish};
pub use plan::{STOREYS, Storey};
