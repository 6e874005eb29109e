//! OpenAI's Realtime protocol: its events, and the session behind every transport.
//!
//! - [`ports`]: what joins a session to a WebSocket or to WebRTC.
//! - [`run`] (`driver`): runs a session: the ear, the turns of the house, the ports.
//! - `session`: the session itself, without input or output; read it first.
//! - [`client`]: client events, parsed. [`error`]: what is wrong with one.
//! - [`config`], [`turn_detection`]: the session's configuration; `kept`: what of it changes nothing.
//! - [`item`]: what is said and called; `conversation`: in which order. [`tools`]: client-side tools, chosen by sentences.
//! - [`format`](mod@format), [`g711`]: audio in events. `limits`: how many responses. `once`: speech
//!   that is sent again is done once. `voices`: voices by name.
//!
//! The crate knows neither HTTP nor WebRTC. `docs/protocols.md` lists the events and where Vesta departs from the published schema
//! (<https://platform.openai.com/docs/api-reference/realtime>).
#![forbid(unsafe_code)]

pub mod client;
pub mod config;
mod conversation;
mod driver;
pub mod error;
pub mod format;
pub mod g711;
pub mod item;
mod kept;
mod limits;
mod once;
pub mod ports;
mod session;
pub mod tools;
pub mod turn_detection;
mod voices;

pub use driver::{check, run};
pub use error::EventError;
pub use ports::{AUDIO_QUEUE, AudioPort, EVENT_QUEUE, Playback, Played, Ports, SessionStart};
pub use voices::{known_voice, voices};
