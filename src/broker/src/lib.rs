//! The MQTT broker inside the program, for homes that have none: MQTT 3.1, 3.1.1 and 5 on one port.
//!
//! - [`config`]: what a broker is told: address, folder, users, limits
//! - [`error`]: why it could not start, and what to do about it
//! - [`broker`]: start and stop; owns the thread and every task of the broker
//! - [`auth`]: who may connect
//! - [`retained`]: retained messages in memory, matched by topic filter
//! - [`disk`]: the same messages in SQLite, written before the publisher is acknowledged
//!
//! rmqtt spawns tasks that nobody can cancel. The broker therefore has a runtime of its own on one thread, and stopping the
//! broker drops that runtime: its tasks end, its sockets close, its file is released.
#![forbid(unsafe_code)]

mod auth;
mod broker;
mod config;
mod disk;
mod error;
mod retained;

pub use broker::Broker;
pub use config::{BrokerConfig, User};
pub use error::BrokerError;
