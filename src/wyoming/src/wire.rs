//! How each typed event is written as fields, and read back. Field names and types are the reference implementation's.

use serde_json::{Map, Value};

use crate::{AudioFormat, Event, Info, Message, Voice};

/// An event of a known type whose fields make no sense. The stream itself is intact: the next event can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event {kind:?} cannot be used: {why}")]
pub struct MessageError {
    /// The event's type.
    pub kind: String,
    /// Which field is wrong, and what it should be.
    pub why: String,
}

impl From<Message> for Event {
    fn from(message: Message) -> Event {
        match message {
            Message::Describe => Event::new("describe"),
            Message::Info(info) => match serde_json::to_value(info) {
                Ok(Value::Object(data)) => Event { data, ..Event::new("info") },
                // Plain structs of strings, numbers and lists always become an object.
                _ => Event::new("info"),
            },
            Message::SelectProgram { name } => Event::new("select-program").with("name", name),

            Message::Transcribe { name, language } => {
                Event::new("transcribe").with("name", name).with("language", language)
            }
            Message::AudioStart { format, timestamp } => audio("audio-start", format, timestamp),
            Message::AudioChunk { format, timestamp, audio: samples } => {
                audio("audio-chunk", format, timestamp).with_payload(samples)
            }
            Message::AudioStop { timestamp } => Event::new("audio-stop").with("timestamp", timestamp),

            Message::TranscriptStart { language } => Event::new("transcript-start").with("language", language),
            Message::TranscriptChunk { text, settled, heard_ms } => {
                Event::new("transcript-chunk").with("text", text).with("settled", settled).with("heard_ms", heard_ms)
            }
            Message::TranscriptStop => Event::new("transcript-stop"),
            Message::Transcript { text, language, extra } => {
                let event = Event { data: extra, ..Event::new("transcript") };
                event.with("text", text).with("language", language)
            }

            Message::Synthesize { text, voice } => {
                Event::new("synthesize").with("text", text).with("voice", voice.map(Value::from))
            }
            Message::SynthesizeStart { voice } => Event::new("synthesize-start").with("voice", voice.map(Value::from)),
            Message::SynthesizeChunk { text } => Event::new("synthesize-chunk").with("text", text),
            Message::SynthesizeStop => Event::new("synthesize-stop"),
            Message::SynthesizeStopped => Event::new("synthesize-stopped"),

            Message::Detect { names } => Event::new("detect").with("names", names),
            Message::Detection { name, timestamp, speaker } => {
                Event::new("detection").with("name", name).with("timestamp", timestamp).with("speaker", speaker)
            }
            Message::NotDetected => Event::new("not-detected"),
            Message::VoiceStarted { timestamp } => Event::new("voice-started").with("timestamp", timestamp),
            Message::VoiceStopped { timestamp } => Event::new("voice-stopped").with("timestamp", timestamp),

            Message::Ping { text } => Event::new("ping").with("text", text),
            Message::Pong { text } => Event::new("pong").with("text", text),
            Message::Error { text, code } => Event::new("error").with("text", text).with("code", code),

            Message::Played => Event::new("played"),
            Message::RunSatellite => Event::new("run-satellite"),
            Message::PauseSatellite => Event::new("pause-satellite"),
            Message::StreamingStarted => Event::new("streaming-started"),
            Message::StreamingStopped => Event::new("streaming-stopped"),
            Message::SatelliteConnected => Event::new("satellite-connected"),
            Message::SatelliteDisconnected => Event::new("satellite-disconnected"),
            Message::RunPipeline {
                start_stage,
                end_stage,
                wake_word_name,
                restart_on_end,
                wake_word_names,
                announce_text,
            } => Event::new("run-pipeline")
                .with("start_stage", start_stage)
                .with("end_stage", end_stage)
                .with("wake_word_name", wake_word_name)
                .with("restart_on_end", restart_on_end)
                .with("wake_word_names", wake_word_names)
                .with("announce_text", announce_text),

            Message::Unknown(event) => event,
        }
    }
}

fn audio(kind: &str, format: AudioFormat, timestamp: Option<u64>) -> Event {
    Event::new(kind)
        .with("rate", format.rate)
        .with("width", format.width)
        .with("channels", format.channels)
        .with("timestamp", timestamp)
}

impl From<Voice> for Value {
    fn from(voice: Voice) -> Value {
        let fields = Event::default()
            .with("name", voice.name)
            .with("language", voice.language)
            .with("speaker", voice.speaker)
            .with("speed", voice.speed);
        Value::Object(fields.data)
    }
}

impl TryFrom<Event> for Message {
    type Error = MessageError;

    fn try_from(event: Event) -> Result<Message, MessageError> {
        let kind = event.kind.clone();
        read(event).map_err(|why| MessageError { kind, why })
    }
}

fn read(event: Event) -> Result<Message, String> {
    let Event { kind, data, payload } = event;
    let mut fields = Fields(data);
    Ok(match kind.as_str() {
        "describe" => Message::Describe,
        "info" => Message::Info(
            serde_json::from_value::<Info>(Value::Object(fields.0))
                .map_err(|error| format!("malformed info: {error}"))?,
        ),
        "select-program" => Message::SelectProgram { name: fields.text("name")? },

        "transcribe" => {
            Message::Transcribe { name: fields.optional_text("name")?, language: fields.optional_text("language")? }
        }
        "audio-start" => Message::AudioStart { format: fields.format()?, timestamp: fields.milliseconds("timestamp")? },
        "audio-chunk" => Message::AudioChunk {
            format: fields.format()?,
            timestamp: fields.milliseconds("timestamp")?,
            audio: payload,
        },
        "audio-stop" => Message::AudioStop { timestamp: fields.milliseconds("timestamp")? },

        "transcript-start" => Message::TranscriptStart { language: fields.optional_text("language")? },
        "transcript-chunk" => Message::TranscriptChunk {
            text: fields.text("text")?,
            settled: fields.flag("settled")?,
            heard_ms: fields.milliseconds("heard_ms")?,
        },
        "transcript-stop" => Message::TranscriptStop,
        "transcript" => {
            let (text, language) = (fields.text("text")?, fields.optional_text("language")?);
            Message::Transcript { text, language, extra: fields.0 }
        }

        "synthesize" => Message::Synthesize { text: fields.text("text")?, voice: fields.voice()? },
        "synthesize-start" => Message::SynthesizeStart { voice: fields.voice()? },
        "synthesize-chunk" => Message::SynthesizeChunk { text: fields.text("text")? },
        "synthesize-stop" => Message::SynthesizeStop,
        "synthesize-stopped" => Message::SynthesizeStopped,

        "detect" => Message::Detect { names: fields.texts("names")? },
        "detection" => Message::Detection {
            name: fields.optional_text("name")?,
            timestamp: fields.milliseconds("timestamp")?,
            speaker: fields.optional_text("speaker")?,
        },
        "not-detected" => Message::NotDetected,
        "voice-started" => Message::VoiceStarted { timestamp: fields.milliseconds("timestamp")? },
        "voice-stopped" => Message::VoiceStopped { timestamp: fields.milliseconds("timestamp")? },

        "ping" => Message::Ping { text: fields.optional_text("text")? },
        "pong" => Message::Pong { text: fields.optional_text("text")? },
        "error" => Message::Error { text: fields.text("text")?, code: fields.optional_text("code")? },

        "played" => Message::Played,
        "run-satellite" => Message::RunSatellite,
        "pause-satellite" => Message::PauseSatellite,
        "streaming-started" => Message::StreamingStarted,
        "streaming-stopped" => Message::StreamingStopped,
        "satellite-connected" => Message::SatelliteConnected,
        "satellite-disconnected" => Message::SatelliteDisconnected,
        "run-pipeline" => Message::RunPipeline {
            start_stage: fields.text("start_stage")?,
            end_stage: fields.text("end_stage")?,
            wake_word_name: fields.optional_text("wake_word_name")?,
            restart_on_end: fields.flag("restart_on_end")?.unwrap_or(false),
            wake_word_names: fields.texts("wake_word_names")?,
            announce_text: fields.optional_text("announce_text")?,
        },

        _ => Message::Unknown(Event { kind, data: fields.0, payload }),
    })
}

/// The fields of an event that is being read. Null and absent are the same.
struct Fields(Map<String, Value>);

impl Fields {
    fn take(&mut self, field: &str) -> Option<Value> {
        self.0.shift_remove(field).filter(|value| !value.is_null())
    }

    fn text(&mut self, field: &str) -> Result<String, String> {
        self.optional_text(field)?.ok_or_else(|| format!("the text {field:?} is missing"))
    }

    fn optional_text(&mut self, field: &str) -> Result<Option<String>, String> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(unfit(field, &other, "a text")),
        }
    }

    fn texts(&mut self, field: &str) -> Result<Option<Vec<String>>, String> {
        let Some(value) = self.take(field) else { return Ok(None) };
        serde_json::from_value(value.clone()).map(Some).map_err(|_| unfit(field, &value, "a list of texts"))
    }

    fn flag(&mut self, field: &str) -> Result<Option<bool>, String> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(unfit(field, &other, "true or false")),
        }
    }

    /// Milliseconds; peers that count in fractions are rounded down.
    fn milliseconds(&mut self, field: &str) -> Result<Option<u64>, String> {
        let Some(value) = self.take(field) else { return Ok(None) };
        let whole = value.as_u64();
        let fraction = value.as_f64().filter(|&ms| (0.0..9e15).contains(&ms)).map(|ms| ms as u64);
        whole.or(fraction).map(Some).ok_or_else(|| unfit(field, &value, "a number of milliseconds"))
    }

    fn number(&mut self, field: &str) -> Result<u32, String> {
        let value = self.take(field).ok_or_else(|| format!("the number {field:?} is missing"))?;
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| unfit(field, &value, "a whole number"))
    }

    fn format(&mut self) -> Result<AudioFormat, String> {
        let (rate, width, channels) = (self.number("rate")?, self.number("width")?, self.number("channels")?);
        let format = AudioFormat {
            rate,
            width: u16::try_from(width).unwrap_or(u16::MAX),
            channels: u16::try_from(channels).unwrap_or(u16::MAX),
        };
        if format.is_plausible() {
            return Ok(format);
        }
        Err(format!(
            "audio of {rate} Hz, {width} bytes a sample and {channels} channels: \
             1 to 768000 Hz, 1 to 4 bytes and 1 to 64 channels are accepted"
        ))
    }

    fn voice(&mut self) -> Result<Option<Voice>, String> {
        let Some(value) = self.take("voice") else { return Ok(None) };
        let Value::Object(data) = value else { return Err(unfit("voice", &value, "an object")) };
        let mut fields = Fields(data);
        let voice = Voice {
            name: fields.optional_text("name")?,
            language: fields.optional_text("language")?,
            speaker: fields.optional_text("speaker")?,
            speed: match fields.take("speed") {
                None => None,
                Some(value) => {
                    let speed =
                        value.as_f64().map(|speed| speed as f32).filter(|speed| speed.is_finite() && *speed > 0.0);
                    Some(speed.ok_or_else(|| unfit("speed", &value, "a number above 0"))?)
                }
            },
        };
        Ok(Some(voice).filter(|voice| *voice != Voice::default()))
    }
}

fn unfit(field: &str, value: &Value, wanted: &str) -> String {
    let shown: String = value.to_string().chars().take(60).collect();
    format!("{field:?} is {shown}, not {wanted}")
}
