//! The typed events. What an event of another type is for is the peer's business: it arrives as [`Message::Unknown`].

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::{AudioFormat, Event, Info};

/// Which voice to speak with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Voice {
    /// The voice's name; it decides over the language.
    pub name: Option<String>,
    /// The language, where no name is given.
    pub language: Option<String>,
    /// The speaker of a voice with several.
    pub speaker: Option<String>,
    /// Speed, 1.0 being the voice's own. Vesta's extension: others ignore it.
    pub speed: Option<f32>,
}

/// One event of the protocol, typed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Message {
    /// Asks for [`Message::Info`].
    Describe,
    /// What the service offers.
    Info(Info),
    /// Chooses, for this connection, one of the programs that the info names.
    SelectProgram {
        /// The program's name.
        name: String,
    },

    /// Asks for a transcript of the audio that follows.
    Transcribe {
        /// The model's name; the service's own choice where absent.
        name: Option<String>,
        /// The spoken language; the service's own choice where absent.
        language: Option<String>,
    },
    /// Audio begins.
    AudioStart {
        /// Format of the chunks that follow.
        format: AudioFormat,
        /// Milliseconds.
        timestamp: Option<u64>,
    },
    /// A piece of audio.
    AudioChunk {
        /// Format of this piece.
        format: AudioFormat,
        /// Milliseconds.
        timestamp: Option<u64>,
        /// Raw samples.
        audio: Bytes,
    },
    /// Audio has ended.
    AudioStop {
        /// Milliseconds.
        timestamp: Option<u64>,
    },

    /// A streamed transcript begins.
    TranscriptStart {
        /// The language heard.
        language: Option<String>,
    },
    /// The next words of a streamed transcript.
    TranscriptChunk {
        /// Words to append to the text so far; may be empty.
        text: String,
        /// Vesta's extension: whether two decodes agreed on the whole last hypothesis, so that the text so far is everything heard.
        settled: Option<bool>,
        /// Vesta's extension: how far into the audio the decode had listened, in milliseconds.
        heard_ms: Option<u64>,
    },
    /// A streamed transcript has ended. The reference implementation sends the whole of it, as [`Message::Transcript`], before this.
    TranscriptStop,
    /// The whole transcript.
    Transcript {
        /// The text; empty where no speech was heard.
        text: String,
        /// The language heard.
        language: Option<String>,
        /// Any further fields, such as `context`.
        extra: Map<String, Value>,
    },

    /// Asks for a text to be spoken.
    Synthesize {
        /// The text.
        text: String,
        /// The voice; the service's own choice where absent.
        voice: Option<Voice>,
    },
    /// A text to be spoken begins to arrive.
    SynthesizeStart {
        /// The voice; the service's own choice where absent.
        voice: Option<Voice>,
    },
    /// The next piece of the text to be spoken.
    SynthesizeChunk {
        /// Text to append, spaces included.
        text: String,
    },
    /// The text to be spoken is complete.
    SynthesizeStop,
    /// Everything that was asked for by `synthesize-start` has been spoken.
    SynthesizeStopped,

    /// Asks for wake words to be listened for in the audio that follows.
    Detect {
        /// The models' names; any where absent.
        names: Option<Vec<String>>,
    },
    /// A wake word was heard.
    Detection {
        /// The model's name.
        name: Option<String>,
        /// Milliseconds.
        timestamp: Option<u64>,
        /// Who said it.
        speaker: Option<String>,
    },
    /// The audio ended without a wake word.
    NotDetected,
    /// Speech began.
    VoiceStarted {
        /// Milliseconds.
        timestamp: Option<u64>,
    },
    /// Speech ended.
    VoiceStopped {
        /// Milliseconds.
        timestamp: Option<u64>,
    },

    /// Asks for [`Message::Pong`].
    Ping {
        /// Text to send back.
        text: Option<String>,
    },
    /// Answers [`Message::Ping`].
    Pong {
        /// The ping's text.
        text: Option<String>,
    },
    /// Something went wrong.
    Error {
        /// For people.
        text: String,
        /// For programs.
        code: Option<String>,
    },

    /// Audio has been played to its end.
    Played,
    /// Tells a satellite that the server is ready.
    RunSatellite,
    /// Tells a satellite that the server is not ready.
    PauseSatellite,
    /// The satellite streams audio.
    StreamingStarted,
    /// The satellite streams no more audio.
    StreamingStopped,
    /// The satellite has a connection to the server.
    SatelliteConnected,
    /// The satellite has lost its connection to the server.
    SatelliteDisconnected,
    /// Asks the server to run a conversation from one stage to another: `wake`, `asr`, `intent`, `handle` or `tts`.
    RunPipeline {
        /// The first stage.
        start_stage: String,
        /// The last stage.
        end_stage: String,
        /// The wake word that was heard.
        wake_word_name: Option<String>,
        /// Whether to begin again after the last stage.
        restart_on_end: bool,
        /// Wake words to listen for, where the first stage is `wake`.
        wake_word_names: Option<Vec<String>>,
        /// Text to say, where the first stage is `tts`.
        announce_text: Option<String>,
    },

    /// An event of any other type.
    Unknown(Event),
}

impl Message {
    /// 16-bit mono samples as an `audio-chunk` at `rate` Hz.
    pub fn audio(rate: u32, samples: &[i16]) -> Message {
        Message::AudioChunk { format: AudioFormat::mono16(rate), timestamp: None, audio: AudioFormat::pcm16(samples) }
    }

    /// A transcript without further fields.
    pub fn transcript(text: impl Into<String>, language: Option<String>) -> Message {
        Message::Transcript { text: text.into(), language, extra: Map::new() }
    }

    /// An error with a code for programs.
    pub fn error(code: &str, text: impl Into<String>) -> Message {
        Message::Error { text: text.into(), code: Some(code.to_owned()) }
    }
}
