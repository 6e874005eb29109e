//! A sentence to audio, piece by piece.

use tokio::sync::mpsc;
use vesta_engines::{EngineError, SpeakOptions, SpeechChunk, TextToSpeech};

use crate::conversation::Voice;
use crate::settings::Settings;

/// Starts to speak `sentence`; audio comes as the engine makes it. Dropping the receiver stops the engine.
pub async fn speak(
    tts: &TextToSpeech,
    sentence: &str,
    language: &str,
    settings: &Settings,
    voice: &Voice,
) -> mpsc::Receiver<Result<SpeechChunk, EngineError>> {
    let options = SpeakOptions {
        voice: voice.name.clone().or_else(|| settings.voice.clone()),
        language: Some(language.to_owned()),
        speed: voice.speed.or(settings.speed),
        ..SpeakOptions::default()
    };
    let (mut text, audio) = tts.speak(options);
    text.push(sentence).await;
    text.finish().await;
    audio
}
