//! What joins a session to its transport.
//!
//! A transport carries JSON text both ways and, where it can, audio beside it. All queues are bounded: a transport that does not
//! keep up holds the session back, and decides itself when its client has been too slow for too long.

use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Events that may wait in either direction: enough for the longest burst of one response without its audio.
pub const EVENT_QUEUE: usize = 64;
/// Pieces of audio that may wait in either direction: about five seconds at 20 ms a piece.
pub const AUDIO_QUEUE: usize = 256;

/// What a transport carries for one session.
pub struct Ports {
    /// What the client sends: raw JSON text, one event each. Closed when the client is gone.
    pub client_events: mpsc::Receiver<String>,
    /// What the client is told: JSON text, one event each. Dropped by the session when it is over.
    pub server_events: mpsc::Sender<String>,
    /// How audio travels.
    pub audio: AudioPort,
}

/// How audio travels.
pub enum AudioPort {
    /// Inside the events, as base64 (WebSocket).
    InBand,
    /// Beside the events (WebRTC).
    Beside {
        /// What the client says: 16 kHz mono, any number of samples, as they are spoken; lost packets are already concealed.
        heard: mpsc::Receiver<Vec<i16>>,
        /// What the client is to hear, as fast as it is made; the transport paces it.
        playback: mpsc::Sender<Playback>,
        /// What the client heard of it.
        played: mpsc::Receiver<Played>,
    },
}

/// What the client is to hear, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Playback {
    /// Audio of a response.
    Audio {
        /// The response's id.
        response: String,
        /// Samples a second; the same for all audio of a response.
        rate: u32,
        /// Mono samples, any number.
        samples: Vec<i16>,
    },
    /// Nothing more comes for this response.
    End {
        /// The response's id.
        response: String,
    },
    /// Silence at once: forget all audio that was not played yet, of every response.
    Clear,
}

/// What became of the audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Played {
    /// The first sample of a response was sent.
    Started {
        /// The response's id.
        response: String,
    },
    /// The last sample of a response was sent, after its [`Playback::End`].
    Stopped {
        /// The response's id.
        response: String,
        /// How much of it was sent, in milliseconds.
        played_ms: u64,
    },
    /// A response was cut off by [`Playback::Clear`]; told for a response that was started and not stopped, or that waited.
    /// A `Clear` with nothing to clear is not answered.
    Cleared {
        /// The response's id.
        response: String,
        /// How much of it was sent, in milliseconds; 0 where it had not begun.
        played_ms: u64,
    },
}

/// Who speaks, and how the session begins.
#[derive(Debug, Clone)]
pub struct SessionStart {
    /// The person, for the record.
    pub speaker: vesta_turn::Speaker,
    /// The language the person speaks (BCP 47), where it is not the household's.
    pub language: Option<String>,
    /// The area the client is in, by id.
    pub area: Option<String>,
    /// Where the session comes from, for the record of its turns: `realtime` or `webrtc`.
    pub source: String,
    /// The model as the client named it; empty where it named none.
    pub model: String,
    /// The session's configuration as the client gave it when it connected (a `session` object); [`Value::Null`] for the defaults.
    pub session: Value,
    /// What the person may see and do in the home.
    pub permissions: vesta_turn::Permissions,
    /// Cancelled when the person may no longer speak with the house.
    pub revoked: CancellationToken,
}
