//! Who decides where an utterance ends, and how.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vesta_audio::EndpointConfig;
use vesta_turn::{Listening, Mode, Settings};

use crate::error::EventError;

/// The longest that one utterance may be before it ends by itself.
const LONGEST_UTTERANCE_MS: u64 = 60_000;
/// The longest that a client which decides itself may go on: as much as the input buffer holds.
const LONGEST_BUFFER: Duration = Duration::from_secs(45 * 60);

/// How eager the house is to take a silence for the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Eagerness {
    /// Waits long.
    Low,
    /// As the house's settings have it.
    Medium,
    /// Hardly waits.
    High,
    /// As `Medium`.
    Auto,
}

/// Turn detection with all its values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TurnDetection {
    /// By what the end is known.
    pub by: By,
    /// Whether an utterance is answered by itself.
    pub create_response: bool,
    /// Whether the beginning of speech cuts off an answer.
    pub interrupt_response: bool,
}

/// By what the end of an utterance is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum By {
    /// `server_vad`: a silence of fixed length.
    Silence {
        /// Probability from which a sound can begin speech.
        threshold: f64,
        /// Audio from before the speech that belongs to it.
        prefix_padding_ms: u64,
        /// The silence.
        silence_duration_ms: u64,
        /// After so long without speech the house asks whether somebody is there.
        idle_timeout_ms: Option<u64>,
    },
    /// `semantic_vad`: a silence whose length depends on what was said so far.
    Words(Eagerness),
}

impl Default for TurnDetection {
    fn default() -> Self {
        let by =
            By::Silence { threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 500, idle_timeout_ms: None };
        Self { by, create_response: true, interrupt_response: true }
    }
}

/// `turn_detection` as clients send it; what is absent has the schema's default.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct TurnDetectionUpdate {
    #[serde(rename = "type")]
    kind: String,
    threshold: Option<f64>,
    prefix_padding_ms: Option<u64>,
    silence_duration_ms: Option<u64>,
    idle_timeout_ms: Option<u64>,
    create_response: Option<bool>,
    interrupt_response: Option<bool>,
    eagerness: Option<Eagerness>,
}

impl TurnDetectionUpdate {
    pub(crate) fn read(self, path: &str) -> Result<TurnDetection, EventError> {
        let by = match self.kind.as_str() {
            "server_vad" => By::Silence {
                threshold: within(self.threshold.unwrap_or(0.5), 0.0, 1.0, path, "threshold")?,
                prefix_padding_ms: within(self.prefix_padding_ms.unwrap_or(300), 0, 10_000, path, "prefix_padding_ms")?,
                silence_duration_ms: within(
                    self.silence_duration_ms.unwrap_or(500),
                    0,
                    60_000,
                    path,
                    "silence_duration_ms",
                )?,
                idle_timeout_ms: self
                    .idle_timeout_ms
                    .map(|timeout| within(timeout, 1_000, 3_600_000, path, "idle_timeout_ms"))
                    .transpose()?,
            },
            "semantic_vad" => By::Words(self.eagerness.unwrap_or(Eagerness::Auto)),
            other => {
                let message = format!(
                    "Invalid value: '{}'. Supported values are: 'server_vad' and 'semantic_vad'; null is push to talk.",
                    crate::client::shortened(other)
                );
                return Err(EventError::invalid("invalid_value", message).at(format!("{path}.type")));
            }
        };
        Ok(TurnDetection {
            by,
            create_response: self.create_response.unwrap_or(true),
            interrupt_response: self.interrupt_response.unwrap_or(true),
        })
    }
}

fn within<T: PartialOrd + std::fmt::Display>(
    value: T,
    from: T,
    to: T,
    path: &str,
    name: &str,
) -> Result<T, EventError> {
    if value >= from && value <= to {
        return Ok(value);
    }
    let message = format!("Invalid value: {value}. '{name}' must be from {from} to {to}.");
    Err(EventError::invalid("invalid_value", message).at(format!("{path}.{name}")))
}

impl TurnDetection {
    /// As the schema writes it.
    pub fn to_json(&self) -> Value {
        let (create, interrupt) = (self.create_response, self.interrupt_response);
        match self.by {
            By::Silence { threshold, prefix_padding_ms, silence_duration_ms, idle_timeout_ms } => json!({
                "type": "server_vad", "threshold": threshold, "prefix_padding_ms": prefix_padding_ms,
                "silence_duration_ms": silence_duration_ms, "idle_timeout_ms": idle_timeout_ms,
                "create_response": create, "interrupt_response": interrupt,
            }),
            By::Words(eagerness) => json!({
                "type": "semantic_vad", "eagerness": eagerness,
                "create_response": create, "interrupt_response": interrupt,
            }),
        }
    }

    /// As the schema writes it in a transcription session, where nothing is answered.
    pub(crate) fn to_transcription_json(self) -> Value {
        match self.by {
            By::Silence { threshold, prefix_padding_ms, silence_duration_ms, .. } => json!({
                "type": "server_vad", "threshold": threshold, "prefix_padding_ms": prefix_padding_ms,
                "silence_duration_ms": silence_duration_ms,
            }),
            By::Words(_) => json!({ "type": "semantic_vad" }),
        }
    }

    /// After how long without speech the house asks whether somebody is there.
    pub fn idle_timeout_ms(&self) -> Option<u64> {
        match self.by {
            By::Silence { idle_timeout_ms, .. } => idle_timeout_ms,
            By::Words(_) => None,
        }
    }

    /// How much audio from before the speech belongs to it.
    pub fn prefix_ms(&self, settings: &Settings) -> u64 {
        match self.by {
            By::Silence { prefix_padding_ms, .. } => prefix_padding_ms,
            By::Words(_) => settings.pre_roll.as_millis() as u64,
        }
    }
}

/// How the ear listens; `None` is push to talk. `language` is that of the speech.
pub fn listening(detection: Option<&TurnDetection>, language: Option<&str>, settings: &Settings) -> Listening {
    let mode = if detection.is_some() { Mode::HandsFree } else { Mode::PushToTalk };
    let house = Listening::new(settings, mode);
    let base = Listening {
        max_utterance: LONGEST_BUFFER,
        language: language.map(str::to_owned).or(house.language.clone()),
        // Who opens a session with the house speaks to the house.
        addressed: true,
        ..house
    };
    let Some(detection) = detection else { return base };
    let endpoint = match detection.by {
        By::Silence { threshold, silence_duration_ms, .. } => EndpointConfig {
            complete_ms: silence_duration_ms,
            unknown_ms: silence_duration_ms,
            nothing_ms: silence_duration_ms,
            open_ms: silence_duration_ms,
            pause_ms: base.endpoint.pause_ms.min(silence_duration_ms),
            speech_start: threshold as f32,
            speech_end: (threshold - 0.15).max(0.05).min(threshold) as f32,
            ..base.endpoint
        },
        By::Words(eagerness) => eager(base.endpoint, eagerness),
    };
    let endpoint = EndpointConfig { max_utterance_ms: LONGEST_UTTERANCE_MS, no_speech_timeout_ms: 0, ..endpoint };
    let pre_roll = Duration::from_millis(detection.prefix_ms(settings));
    Listening { endpoint, pre_roll, ..base }
}

/// The house's silences, shortened or stretched; the longest are those of the published schema (2, 4 and 8 s).
fn eager(house: EndpointConfig, eagerness: Eagerness) -> EndpointConfig {
    let scaled = |percent: u64, longest: u64| EndpointConfig {
        complete_ms: (house.complete_ms * percent / 100).min(longest),
        unknown_ms: (house.unknown_ms * percent / 100).min(longest),
        open_ms: (house.open_ms * percent / 100).min(longest),
        nothing_ms: house.nothing_ms.max(house.nothing_ms * percent / 100).min(longest),
        ..house
    };
    match eagerness {
        Eagerness::High => scaled(70, 2_000),
        Eagerness::Medium | Eagerness::Auto => scaled(100, 4_000),
        Eagerness::Low => scaled(250, 8_000),
    }
}
