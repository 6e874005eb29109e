//! The Wyoming protocol: how Vesta, its speech workers, satellites and other people's speech engines talk to each other.
//!
//! The protocol is a stream of events over TCP or a Unix socket. One event is a line of JSON (the header: type, lengths),
//! then `data_length` bytes of JSON, then `payload_length` bytes of audio. The wire format follows the reference
//! implementation, the PyPI package `wyoming` ([`PROTOCOL_VERSION`]); Vesta's few extra fields are ignored by others.
//!
//! - [`event`]: one event as it is on the wire, untyped.
//! - [`codec`]: bytes to events and back, without I/O, with limits that are checked before anything is allocated.
//! - [`message`]: the typed events.
//! - [`wire`]: how each typed event is written as fields and read back.
//! - [`info`]: what a service says about its programs, models and voices.
//! - [`audio`]: the format of raw samples inside events.
//! - [`uri`]: `tcp://host:port` and `unix:///path`.
//! - [`connection`]: a connected peer: connect, send, receive, split.
//! - [`server`]: the accept loop, which keeps one bad peer from hurting the others.
//!
//! Deliberately absent: any knowledge of what an event is for. Only bytes, types and connections live here.
#![forbid(unsafe_code)]

pub mod audio;
pub mod codec;
pub mod connection;
pub mod event;
pub mod info;
pub mod message;
pub mod server;
pub mod uri;
mod wire;

pub use audio::AudioFormat;
pub use codec::{Codec, CodecError, Limits};
pub use connection::{Connection, ConnectionOptions, Error, Receiver, Sender, connect, connect_with};
pub use event::Event;
pub use info::{
    Artifact, AsrModel, AsrProgram, Attribution, HandleModel, HandleProgram, Info, IntentModel, IntentProgram,
    MicProgram, Satellite, SndProgram, TtsProgram, TtsSpeaker, TtsVoice, WakeModel, WakeProgram,
};
pub use message::{Message, Voice};
pub use server::{Listener, ServeOptions, serve};
pub use uri::{Uri, UriError};
pub use wire::MessageError;

/// The release of the PyPI package `wyoming` whose wire format this crate writes; sent in each header's `version`.
pub const PROTOCOL_VERSION: &str = "1.10.2";
