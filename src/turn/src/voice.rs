//! A sentence to audio, piece by piece.

use tokio::sync::mpsc;
use vesta_engines::{EngineError, SpeakOptions, SpeechChunk};

use crate::Parts;
use crate::conversation::Voice;
use crate::languages::same;
use crate::understand::Language;

/// Starts to speak `sentence`; audio comes as the engine makes it. Dropping the receiver stops the engine.
pub async fn speak(
    parts: &Parts,
    sentence: &str,
    language: &Language,
    voice: &Voice,
) -> mpsc::Receiver<Result<SpeechChunk, EngineError>> {
    let options = parts.speaks(voice, language.tag());
    let (mut text, audio) = parts.tts.speak(options);
    text.push(sentence).await;
    text.finish().await;
    audio
}

impl Parts {
    /// How a text in this language (BCP 47) is spoken: by the voice that is asked for, or the household's where it is the household's
    /// language, or else by one that the engine has for the language.
    pub fn speaks(&self, voice: &Voice, language: &str) -> SpeakOptions {
        let household = || self.settings.voice.clone().filter(|_| same(language, self.language.tag()));
        SpeakOptions {
            voice: voice.name.clone().or_else(household),
            language: Some(language.to_owned()),
            speed: voice.speed.or(self.settings.speed),
            ..SpeakOptions::default()
        }
    }
}
