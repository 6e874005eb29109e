//! What typed sentences come to.
//!
//! - `alarms`: what is to be at a time of day.
//! - `chores`: timers, lists, announcements.
//! - `everything`: each intent of Home Assistant's dictionaries is acted on, or answered fittingly.
//! - `follow`: corrections and follow-ups, in the demo home.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod alarms;
mod chores;
mod everything;
mod follow;
mod house;
mod languages;
