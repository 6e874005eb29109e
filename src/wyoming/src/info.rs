//! What a service says about itself in answer to `describe`. The field names are the reference implementation's.

use serde::{Deserialize, Serialize};

use crate::AudioFormat;

fn yes() -> bool {
    true
}

/// Who made something, and where it is from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attribution {
    /// The maker's name.
    pub name: String,
    /// Where to find it.
    pub url: String,
}

/// What programs, models and voices have in common.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Artifact {
    /// Name by which it is asked for.
    pub name: String,
    /// Its maker.
    pub attribution: Attribution,
    /// Whether it can be used now.
    pub installed: bool,
    /// A description for people.
    pub description: Option<String>,
    /// Its version.
    pub version: Option<String>,
}

impl Artifact {
    /// An installed artefact of this name.
    pub fn installed(name: impl Into<String>) -> Artifact {
        Artifact { name: name.into(), installed: true, ..Artifact::default() }
    }
}

/// Declares a model: an artefact with languages and further fields.
macro_rules! models {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        pub struct $name {
            /// Name, maker, version.
            #[serde(flatten)]
            pub about: Artifact,
            $($(#[$field_meta])* pub $field: $kind,)*
        }
    )*};
}

models! {
    /// A speech-to-text model.
    AsrModel {
        /// Languages it understands, such as `en` or `pt_BR`.
        #[serde(default)]
        languages: Vec<String>,
    }
    /// A text-to-speech voice.
    TtsVoice {
        /// Languages it speaks.
        #[serde(default)]
        languages: Vec<String>,
        /// Its speakers, where there are several.
        #[serde(default)]
        speakers: Option<Vec<TtsSpeaker>>,
    }
    /// A text-to-speech service.
    TtsProgram {
        /// Its voices.
        #[serde(default)]
        voices: Vec<TtsVoice>,
        /// Whether it takes `synthesize-start`, `-chunk` and `-stop`.
        #[serde(default)]
        supports_synthesize_streaming: bool,
    }
    /// A model that answers or acts.
    HandleModel {
        /// Languages it understands.
        #[serde(default)]
        languages: Vec<String>,
    }
    /// A service that answers or acts.
    HandleProgram {
        /// Its models.
        #[serde(default)]
        models: Vec<HandleModel>,
        /// Whether it streams its answer.
        #[serde(default)]
        supports_handled_streaming: bool,
        /// Whether it may act on the home.
        #[serde(default)]
        supports_home_control: bool,
    }
    /// A wake-word model.
    WakeModel {
        /// Languages it is for.
        #[serde(default)]
        languages: Vec<String>,
        /// The phrase that it listens for.
        #[serde(default)]
        phrase: Option<String>,
    }
    /// A wake-word service.
    WakeProgram {
        /// Its models.
        #[serde(default)]
        models: Vec<WakeModel>,
    }
    /// A model that finds the intent of a text.
    IntentModel {
        /// Languages it understands.
        #[serde(default)]
        languages: Vec<String>,
    }
    /// A service that finds the intent of a text.
    IntentProgram {
        /// Its models.
        #[serde(default)]
        models: Vec<IntentModel>,
    }
    /// A satellite: a microphone and a loudspeaker in a room.
    Satellite {
        /// The room's name.
        #[serde(default)]
        area: Option<String>,
        /// Whether it finds the end of speech itself.
        #[serde(default)]
        has_vad: Option<bool>,
        /// Wake words that it listens for now.
        #[serde(default)]
        active_wake_words: Option<Vec<String>>,
        /// How many wake words it can listen for at once.
        #[serde(default)]
        max_active_wake_words: Option<u32>,
        /// Whether the server can start a conversation.
        #[serde(default)]
        supports_trigger: Option<bool>,
    }
}

/// A speech-to-text service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AsrProgram {
    /// Name, maker, version.
    #[serde(flatten)]
    pub about: Artifact,
    /// Its models.
    #[serde(default)]
    pub models: Vec<AsrModel>,
    /// Whether it sends `transcript-start`, `-chunk` and `-stop` besides `transcript`.
    #[serde(default)]
    pub supports_transcript_streaming: bool,
    /// Whether the client has to find the end of speech.
    #[serde(default = "yes")]
    pub requires_external_vad: bool,
    /// Whether it hears better with automatic gain.
    #[serde(default = "yes")]
    pub prefers_auto_gain_enabled: bool,
    /// Whether it hears better with noise reduction.
    #[serde(default = "yes")]
    pub prefers_noise_reduction_enabled: bool,
}

impl Default for AsrProgram {
    fn default() -> AsrProgram {
        AsrProgram {
            about: Artifact::default(),
            models: Vec::new(),
            supports_transcript_streaming: false,
            requires_external_vad: true,
            prefers_auto_gain_enabled: true,
            prefers_noise_reduction_enabled: true,
        }
    }
}

/// One of a voice's speakers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TtsSpeaker {
    /// Name by which it is asked for.
    pub name: String,
}

/// A microphone service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MicProgram {
    /// Name, maker, version.
    #[serde(flatten)]
    pub about: Artifact,
    /// The format that it records in.
    pub mic_format: AudioFormat,
}

/// A loudspeaker service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SndProgram {
    /// Name, maker, version.
    #[serde(flatten)]
    pub about: Artifact,
    /// The format that it plays.
    pub snd_format: AudioFormat,
}

/// Everything that a service offers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Info {
    /// Speech to text.
    pub asr: Vec<AsrProgram>,
    /// Text to speech.
    pub tts: Vec<TtsProgram>,
    /// Answering and acting.
    pub handle: Vec<HandleProgram>,
    /// Finding the intent.
    pub intent: Vec<IntentProgram>,
    /// Wake words.
    pub wake: Vec<WakeProgram>,
    /// Microphones.
    pub mic: Vec<MicProgram>,
    /// Loudspeakers.
    pub snd: Vec<SndProgram>,
    /// The satellite, where the peer is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub satellite: Option<Box<Satellite>>,
}
