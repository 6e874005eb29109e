//! How a turn behaves: silences, limits, what is kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vesta_audio::EndpointConfig;

/// Settings of the data path. All of it has working defaults.
#[derive(Debug, Clone)]
pub struct Settings {
    /// When an utterance ends.
    pub endpoint: EndpointConfig,
    /// How much audio from before the start of speech belongs to the utterance.
    pub pre_roll: Duration,
    /// The longest a client's utterance may be when the client itself says where it ends.
    pub max_utterance: Duration,
    /// How long the transcript may take after the end of speech before the turn is given up with `stt_timeout`.
    pub transcript_deadline: Duration,
    /// How long a device may take to confirm a command.
    pub action_deadline: Duration,
    /// How long a turn can be followed up ("and the kitchen too") or corrected ("no, the bedroom").
    pub follow_up: Duration,
    /// How long the first audio of a reply may take before the turn ends with its text alone.
    pub speech_deadline: Duration,
    /// What of a turn goes to the store.
    pub keep: Keep,
    /// Language of the speech as the engine names it, `auto` to let it decide; the household's where absent.
    pub speech_language: Option<String>,
    /// Name of the voice, or the engine's default.
    pub voice: Option<String>,
    /// Speed of speech, 1.0 is the voice's own.
    pub speed: Option<f32>,
}

/// What of a turn is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keep {
    /// Keep the audio of the user and of the reply.
    pub audio: bool,
    /// Keep turns in which nobody spoke to the house: noise, or talk that was not meant for it.
    pub unaddressed: bool,
}

impl Default for Keep {
    fn default() -> Self {
        Self { audio: true, unaddressed: false }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // A live client may be silent for ever.
            endpoint: EndpointConfig { no_speech_timeout_ms: 0, ..EndpointConfig::default() },
            pre_roll: Duration::from_millis(400),
            max_utterance: Duration::from_secs(60),
            transcript_deadline: Duration::from_secs(20),
            action_deadline: Duration::from_secs(2),
            follow_up: Duration::from_secs(60),
            speech_deadline: Duration::from_secs(5),
            keep: Keep::default(),
            speech_language: None,
            voice: None,
            speed: None,
        }
    }
}

impl Settings {
    /// What a recorded turn needs to say about the settings it ran with.
    pub fn summary(&self) -> Value {
        json!({
            "endpoint": self.endpoint,
            "pre_roll_ms": self.pre_roll.as_millis() as u64,
            "action_deadline_ms": self.action_deadline.as_millis() as u64,
            "voice": self.voice,
            "speed": self.speed,
        })
    }
}
