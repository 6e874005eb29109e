//! What must survive a power cut: the record of every turn, in SQLite.
//!
//! - [`record`]: a turn: what was heard, understood, done and said, with the timing of every stage
//! - [`store`]: the way to the database for async code: one thread, a bounded queue
//! - `database`: opens the file, moves a damaged one aside, brings an older one up to date
//! - `sql`: saves, finds and deletes
//! - [`samples`]: what sensors measured, for small plots
//! - [`people`]: what a person set, and what was asked once and must not be done twice
//! - `kept`: what the house itself must not forget: timers, lists
//! - [`waterfall`]: a turn's stages as bars, for the terminal and as SVG
//! - [`export`]: a turn as files: WAV, JSON, SVG
//! - [`error`]: what can go wrong, and what to do about it
//!
//! A save returns when the record is on disk (`journal_mode = WAL`, `synchronous = FULL`: <https://sqlite.org/wal.html>).
//! Other processes can read and write at the same time.
#![forbid(unsafe_code)]

mod database;
mod error;
mod export;
mod kept;
pub mod people;
mod record;
pub mod samples;
mod sql;
mod store;
pub mod waterfall;

pub use error::StoreError;
pub use export::export;
pub use people::Begun;
pub use record::{Audio, AudioKind, Deleted, Retention, Stage, TurnEvent, TurnFilter, TurnRecord, Usage};
pub use samples::Sample;
pub use store::Store;
