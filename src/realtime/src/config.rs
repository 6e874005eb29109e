//! The session's configuration: what a client may set, with the defaults of the published schema.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::error::EventError;
use crate::format::AudioFormat;
use crate::kept::{self, Kept};
use crate::tools::{Tool, ToolChoice, Tools};
use crate::turn_detection::{TurnDetection, TurnDetectionUpdate};

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// The house answers.
    Realtime,
    /// The house only writes down.
    Transcription,
}

/// How the house answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Modality {
    /// By voice, with a transcript.
    Audio,
    /// In writing.
    Text,
}

/// Whether and how the user's speech is written down for the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcription {
    /// As the client named it. Vesta's own recogniser does it in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The language that is spoken, as `en`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Kept, not used: Vesta's recogniser takes no hints in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Kept, not used, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keywords: Option<Vec<String>>,
    /// The languages that may be spoken. One alone is as `language`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub languages: Option<Vec<String>>,
}

impl Transcription {
    /// The language that is spoken, where the client knows it.
    pub fn spoken(&self) -> Option<&str> {
        let only = self.languages.as_deref().and_then(|languages| match languages {
            [one] => Some(one.as_str()),
            _ => None,
        });
        self.language.as_deref().or(only).filter(|language| !language.is_empty())
    }
}

/// A session's configuration.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// What the session is for.
    pub kind: SessionKind,
    /// The model as the client named it.
    pub model: String,
    /// How the house answers.
    pub modality: Modality,
    /// Kept, not used: there is no language model yet.
    pub instructions: String,
    /// The client's tools.
    pub tools: Tools,
    /// When they are used.
    pub tool_choice: ToolChoice,
    /// How the client's audio is written.
    pub input_format: AudioFormat,
    /// Whether the client wants transcripts of its audio.
    pub transcription: Option<Transcription>,
    /// Who decides where an utterance ends; `None` is push to talk.
    pub turn_detection: Option<TurnDetection>,
    /// How the answer's audio is written.
    pub output_format: AudioFormat,
    /// The voice, by the client's name for it.
    pub voice: String,
    /// Speed of speech; 1.0 is the voice's own.
    pub speed: f64,
    /// Fields that are kept and given back, and change nothing.
    pub kept: Kept,
}

/// `session` of `session.update`: what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct SessionUpdate {
    #[serde(rename = "type")]
    kind: Option<SessionKind>,
    model: Option<String>,
    output_modalities: Option<Vec<String>>,
    instructions: Option<String>,
    tools: Option<Vec<Value>>,
    tool_choice: Option<Value>,
    audio: Option<AudioUpdate>,
    #[serde(default, deserialize_with = "given")]
    max_output_tokens: Option<Option<Value>>,
    #[serde(default, deserialize_with = "given")]
    tracing: Option<Option<Value>>,
    #[serde(default, deserialize_with = "given")]
    truncation: Option<Option<Value>>,
    #[serde(default, deserialize_with = "given")]
    prompt: Option<Option<Value>>,
    #[serde(default, deserialize_with = "given")]
    include: Option<Option<Value>>,
    #[serde(default, deserialize_with = "given")]
    reasoning: Option<Option<Value>>,
}

/// `audio` of a session or a response.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct AudioUpdate {
    input: Option<InputUpdate>,
    pub(crate) output: Option<OutputUpdate>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct InputUpdate {
    format: Option<FormatUpdate>,
    #[serde(default, deserialize_with = "given")]
    transcription: Option<Option<Transcription>>,
    #[serde(default, deserialize_with = "given")]
    noise_reduction: Option<Option<Value>>,
    #[serde(default, deserialize_with = "given")]
    turn_detection: Option<Option<TurnDetectionUpdate>>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct OutputUpdate {
    pub(crate) format: Option<FormatUpdate>,
    pub(crate) voice: Option<Value>,
    speed: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct FormatUpdate {
    #[serde(rename = "type")]
    kind: String,
    rate: Option<u32>,
}

/// Tells a field that is `null` from one that is absent.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

impl SessionConfig {
    /// The defaults of the published schema.
    pub fn new(model: &str) -> Self {
        Self {
            kind: SessionKind::Realtime,
            model: if model.is_empty() { "vesta".to_owned() } else { model.to_owned() },
            modality: Modality::Audio,
            instructions: String::new(),
            tools: Tools::default(),
            tool_choice: ToolChoice::Auto,
            input_format: AudioFormat::Pcm,
            transcription: None,
            turn_detection: Some(TurnDetection::default()),
            output_format: AudioFormat::Pcm,
            voice: "default".to_owned(),
            speed: 1.0,
            kept: Kept::default(),
        }
    }

    /// The configuration after an update; the old one stays where a part of the update is wrong. `numbers` knows how numbers
    /// are said.
    ///
    /// # Errors
    /// Names the part.
    pub fn updated(&self, update: SessionUpdate, numbers: &vesta_intents::Dictionary) -> Result<Self, EventError> {
        let mut new = self.clone();
        new.kind = update.kind.unwrap_or(new.kind);
        if let Some(model) = update.model {
            new.model = model;
        }
        if let Some(modalities) = &update.output_modalities {
            new.modality = modality(modalities, "session.output_modalities")?;
        }
        if let Some(instructions) = update.instructions {
            new.instructions = instructions;
        }
        if let Some(tools) = update.tools {
            new.tools = Tools::new(Tool::list(tools, "session.tools")?, numbers)?;
        }
        if let Some(choice) = update.tool_choice {
            new.tool_choice = ToolChoice::read(&choice, "session.tool_choice")?;
        }
        new.tool_choice.check(&new.tools, "session.tool_choice")?;
        if let Some(audio) = update.audio {
            new.hear(audio.input)?;
            new.speak(audio.output, "session.audio.output")?;
        }
        for (given, place, read, path) in [
            (
                update.max_output_tokens,
                &mut new.kept.max_output_tokens,
                kept::max_output_tokens as kept::Read,
                "session.max_output_tokens",
            ),
            (update.tracing, &mut new.kept.tracing, kept::tracing, "session.tracing"),
            (update.truncation, &mut new.kept.truncation, kept::truncation, "session.truncation"),
            (update.prompt, &mut new.kept.prompt, kept::prompt, "session.prompt"),
            (update.include, &mut new.kept.include, kept::include, "session.include"),
            (update.reasoning, &mut new.kept.reasoning, kept::reasoning, "session.reasoning"),
        ] {
            if let Some(value) = given {
                *place = read(value.unwrap_or_default(), path)?;
            }
        }
        Ok(new)
    }

    fn hear(&mut self, input: Option<InputUpdate>) -> Result<(), EventError> {
        let Some(input) = input else { return Ok(()) };
        if let Some(format) = input.format {
            self.input_format = format.read("session.audio.input.format")?;
        }
        if let Some(transcription) = input.transcription {
            self.transcription = transcription;
        }
        if let Some(noise_reduction) = input.noise_reduction {
            let path = "session.audio.input.noise_reduction";
            self.kept.noise_reduction = kept::noise_reduction(noise_reduction.unwrap_or_default(), path)?;
        }
        if let Some(detection) = input.turn_detection {
            let path = "session.audio.input.turn_detection";
            self.turn_detection = detection.map(|detection| detection.read(path)).transpose()?;
        }
        Ok(())
    }

    pub(crate) fn speak(&mut self, output: Option<OutputUpdate>, path: &str) -> Result<(), EventError> {
        let Some(output) = output else { return Ok(()) };
        if let Some(format) = output.format {
            self.output_format = format.read(&format!("{path}.format"))?;
        }
        if let Some(voice) = output.voice {
            self.voice = voice_name(&voice, &format!("{path}.voice"))?;
        }
        if let Some(speed) = output.speed {
            if !(0.25..=1.5).contains(&speed) {
                let message = format!("Invalid value: {speed}. 'speed' must be from 0.25 to 1.5.");
                return Err(EventError::invalid("invalid_value", message).at(format!("{path}.speed")));
            }
            self.speed = speed;
        }
        Ok(())
    }

    /// The `session` object of `session.created` and `session.updated`. `expires_at` is in seconds since 1970.
    pub fn to_json(&self, id: &str, expires_at: u64) -> Value {
        let transcribes = self.kind == SessionKind::Transcription;
        let turn_detection = self.turn_detection.map(|detection| match transcribes {
            true => detection.to_transcription_json(),
            false => detection.to_json(),
        });
        let input = json!({
            "format": self.input_format.to_json(),
            "transcription": self.transcription,
            "noise_reduction": self.kept.noise_reduction,
            "turn_detection": turn_detection,
        });
        if transcribes {
            return json!({
                "type": "transcription", "object": "realtime.transcription_session", "id": id,
                "expires_at": expires_at, "include": self.kept.include, "audio": { "input": input },
            });
        }
        json!({
            "type": "realtime", "object": "realtime.session", "id": id, "model": self.model,
            "output_modalities": [self.modality], "instructions": self.instructions,
            "tools": self.tools.to_json(), "tool_choice": self.tool_choice.to_json(),
            "max_output_tokens": self.kept.max_output_tokens, "tracing": self.kept.tracing,
            "truncation": self.kept.truncation, "prompt": self.kept.prompt, "include": self.kept.include,
            "reasoning": self.kept.reasoning,
            "expires_at": expires_at,
            "audio": {
                "input": input,
                "output": { "format": self.output_format.to_json(), "voice": self.voice, "speed": self.speed },
            },
        })
    }

    /// What `max_output_tokens` was set to.
    pub(crate) fn max_output_tokens(&self) -> &Value {
        &self.kept.max_output_tokens
    }
}

impl FormatUpdate {
    pub(crate) fn read(&self, path: &str) -> Result<AudioFormat, EventError> {
        let Some(format) = AudioFormat::named(&self.kind) else {
            let message = format!(
                "Invalid value: '{}'. Supported values are: 'audio/pcm', 'audio/pcmu' and 'audio/pcma'.",
                crate::client::shortened(&self.kind)
            );
            return Err(EventError::invalid("invalid_value", message).at(format!("{path}.type")));
        };
        match self.rate {
            Some(rate) if rate != format.rate() => {
                let message = format!("Invalid value: {rate}. {} has a rate of {} Hz.", self.kind, format.rate());
                Err(EventError::invalid("invalid_value", message).at(format!("{path}.rate")))
            }
            _ => Ok(format),
        }
    }
}

/// `output_modalities`: one of two.
pub(crate) fn modality(modalities: &[String], path: &str) -> Result<Modality, EventError> {
    match modalities {
        [one] if one == "audio" => Ok(Modality::Audio),
        [one] if one == "text" => Ok(Modality::Text),
        _ => {
            let message = "Invalid modalities. Supported combinations are: ['text'] and ['audio'].";
            Err(EventError::invalid("invalid_value", message).at(path))
        }
    }
}

/// A voice is a name, or an object with an `id`.
fn voice_name(value: &Value, path: &str) -> Result<String, EventError> {
    let name = value.as_str().or_else(|| value.get("id")?.as_str());
    name.map(str::to_owned).ok_or_else(|| {
        EventError::invalid("invalid_type", "'voice' must be a name, or an object with an 'id'.").at(path)
    })
}
