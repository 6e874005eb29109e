//! What typed sentences come to.
//!
//! - `chores`: timers, lists, announcements.
//! - `follow`: corrections and follow-ups, in the demo home.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod chores;
mod follow;
mod house;
