//! OpenAI's Realtime protocol: its events, and the session behind every transport.
//!
//! - [`ports`]: what joins a session to a WebSocket or to WebRTC.
//!
//! The crate knows neither HTTP nor WebRTC. `docs/protocols.md` lists the events and where Vesta departs from the published schema.
#![forbid(unsafe_code)]

pub mod ports;

pub use ports::{AUDIO_QUEUE, AudioPort, EVENT_QUEUE, Playback, Played, Ports, SessionStart};

use tokio_util::sync::CancellationToken;
use vesta_turn::Assistant;

/// Runs a session until its ports close, `cancel` or `start.revoked` is called, or its longest duration is over.
pub async fn run(_assistant: Assistant, _start: SessionStart, ports: Ports, cancel: CancellationToken) {
    // The session follows in the next change; until then a client is let go at once.
    drop(ports);
    cancel.cancel();
}
