//! Voices by the names that clients give them.

use vesta_engines::{EngineState, TextToSpeech};

/// The engine's voice of this name; `None` for a name that it does not have, such as those of OpenAI's voices: the house's own voice
/// speaks then.
pub fn known_voice(tts: &TextToSpeech, name: &str) -> Option<String> {
    voices(tts).into_iter().find(|voice| voice.eq_ignore_ascii_case(name))
}

/// The names of the voices that the engine has, while it is ready.
pub fn voices(tts: &TextToSpeech) -> Vec<String> {
    match &*tts.engine().state().borrow() {
        EngineState::Ready { info, .. } => {
            info.info.tts.iter().flat_map(|program| &program.voices).map(|voice| voice.about.name.clone()).collect()
        }
        _ => Vec::new(),
    }
}
