//! What the whole-program tests and benchmarks share.
//!
//! - [`pages`]: a web site that is not the house's.
//! - [`phone`]: calls over WebRTC. [`relay`]: a network that spoils what it carries.
//! - [`program`]: finds and runs the built programs.
//! - [`realtime`]: a client of the Realtime protocol.
//! - [`server`]: a server of its own for each test, with its own data folder, broker and demo home.
//! - [`browser`]: signs in as a browser does.
//! - [`chromium`]: a real browser.
//! - [`bench`]: what benchmarks report.
//! - [`commands`]: spoken commands for the demo home, and whether a turn did the right thing.
//! - [`live`]: a microphone in real time.
//! - [`sounds`]: noises, music-like sound, talk about other things.
//! - [`edition`]: the app as a newer version of it would be served.
//! - [`client`]: speaks to a server as a phone would: audio in, events and audio out.
//! - [`speech`]: speech, noise and silence.
//! - [`misheard`]: simulated mistakes of speech recognition.
//! - [`sentences`]: sentences to measure the understanding of, and the reference matcher.
//! - [`mqtt`]: watches and sends MQTT messages.
//! - [`transcribe`]: what a server's speech engine hears in a sound.
//! - [`whisper_model`]: full-size Whisper models of random weights.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a harness fails loudly"
)]

pub mod bench;
pub mod browser;
pub mod chromium;
pub mod client;
pub mod commands;
pub mod coturn;
pub mod edition;
pub mod live;
pub mod misheard;
pub mod mqtt;
pub mod pages;
pub mod phone;
pub mod program;
pub mod realtime;
pub mod relay;
pub mod sentences;
pub mod server;
pub mod sounds;
pub mod speech;
pub mod transcribe;
pub mod whisper_model;
