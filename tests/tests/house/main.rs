//! Whole-program tests: they start the programs as a user would and look at what comes out.
//!
//! - `voice`: spoken commands, from sound to MQTT to sound.
//! - `engines`: speech engines that die, that cannot start, that belong to somebody else.
//! - `devices`: brokers that are not there, that go and come back; servers that are killed.
//! - `wav`: sound files of every kind.
//! - `wyoming`: peers that misbehave.
//! - `peers`: the reference implementation of the Wyoming protocol, as client and as server.
//! - `program`: the command line.
//! - `intents`: what sentences mean, from the command line.
//! - `turns`: the cases in `tests/turns`.
//! - `talk`: a microphone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod devices;
mod engines;
mod intents;
mod peers;
mod program;
mod talk;
mod turns;
mod voice;
mod wav;
mod wyoming;
