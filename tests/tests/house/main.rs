//! Whole-program tests: they start the programs as a user would and look at what comes out.
//!
//! - `voice`: spoken commands, from sound to MQTT to sound.
//! - `engines`: speech engines that die, that cannot start, that belong to somebody else.
//! - `devices`: brokers that are not there, that go and come back; servers that are killed.
//! - `wav`: sound files of every kind.
//! - `wyoming`: peers that misbehave.
//! - `peers`: the reference implementation of the Wyoming protocol, as client and as server.
//! - `chores`: timers, lists, commands for later.
//! - `calls`: the same over WebRTC.
//! - `realtime`: OpenAI's Realtime protocol over a WebSocket.
//! - `openai`: OpenAI's own clients.
//! - `schema`: its events against the schema that OpenAI publishes.
//! - `transcriptions`: audio files of every kind.
//! - `problems`: requests that cannot be served.
//! - `origins`: other sites' pages, and requests that no client library would send.
//! - `people`: who may come in, and what each may do.
//! - `revoked`: what is open when its device, token or person goes.
//! - `reach`: HTTPS, the doorstep, proxies, certificates that change.
//! - `program`: the command line.
//! - `intents`: what sentences mean, from the command line.
//! - `turns`: the cases in `tests/turns`.
//! - `talk`: a microphone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod calls;
mod chores;
mod devices;
mod engines;
mod intents;
mod openai;
mod origins;
mod peers;
mod people;
mod problems;
mod program;
mod reach;
mod realtime;
mod revoked;
mod schema;
mod talk;
mod transcriptions;
mod turns;
mod voice;
mod wav;
mod wyoming;
