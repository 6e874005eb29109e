//! Text to speech for the rest of Vesta: clauses in, samples out as soon as the first clause is spoken.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use vesta_wyoming::Voice;

use crate::tts_session::{Input, Session};
use crate::{Engine, EngineError};

/// Clauses that may wait for the session.
const WAITING_CLAUSES: usize = 16;
/// Chunks of audio that may wait for the caller; what is spoken ahead of that is kept in the session.
const WAITING_CHUNKS: usize = 8;

/// Who speaks, and how long to wait for it.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeakOptions {
    /// The voice by its name; `None` leaves it to the engine.
    pub voice: Option<String>,
    /// The language to speak, as `en` or `en-GB`.
    pub language: Option<String>,
    /// The speaker, for a voice that has several.
    pub speaker: Option<String>,
    /// Speed: 1.0 is the voice's own, 2.0 is twice as fast. Understood by Vesta's own worker only.
    pub speed: Option<f32>,
    /// How long to wait for an engine that is being restarted.
    pub patience: Duration,
    /// How long the engine may stay silent while a reply is due.
    pub answer_deadline: Duration,
    /// How often a request is tried again when it loses its worker.
    pub retries: u32,
}

impl Default for SpeakOptions {
    fn default() -> Self {
        SpeakOptions {
            voice: None,
            language: None,
            speaker: None,
            speed: None,
            patience: Duration::from_secs(10),
            answer_deadline: Duration::from_secs(15),
            retries: 25,
        }
    }
}

impl SpeakOptions {
    /// The voice as the protocol names it; `None` where nothing was chosen.
    pub(crate) fn wyoming_voice(&self) -> Option<Voice> {
        let chosen = self.voice.is_some() || self.language.is_some() || self.speaker.is_some() || self.speed.is_some();
        chosen.then(|| Voice {
            name: self.voice.clone(),
            language: self.language.clone(),
            speaker: self.speaker.clone(),
            speed: self.speed,
        })
    }
}

/// A piece of speech.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeechChunk {
    /// Samples a second.
    pub rate: u32,
    /// Mono samples.
    pub samples: Vec<i16>,
}

/// Text to speech by one engine.
#[derive(Clone, Debug)]
pub struct TextToSpeech {
    engine: Engine,
}

impl TextToSpeech {
    /// Text to speech by this engine.
    pub fn new(engine: Engine) -> TextToSpeech {
        TextToSpeech { engine }
    }

    /// The engine behind it.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Starts a reply: clauses go into the first half, audio comes out of the second one, which closes after the last chunk or
    /// after an error. Dropping the first half without [`SpeechText::finish`], or the second half, aborts.
    pub fn speak(&self, options: SpeakOptions) -> (SpeechText, mpsc::Receiver<Result<SpeechChunk, EngineError>>) {
        let (clauses, inbox) = mpsc::channel(WAITING_CLAUSES);
        let (chunks, receiver) = mpsc::channel(WAITING_CHUNKS);
        let session = Session::new(self.engine.clone(), options, inbox, chunks);
        // The task ends by itself as soon as either half is gone; the handle only matters when the runtime goes down.
        let task = AbortOnDropHandle::new(tokio::spawn(session.run()));
        (SpeechText { clauses, task: Some(task) }, receiver)
    }

    /// Speaks a whole text in one go.
    ///
    /// # Errors
    /// As they come out of [`TextToSpeech::speak`].
    pub async fn say(&self, text: &str, options: SpeakOptions) -> Result<Vec<SpeechChunk>, EngineError> {
        let (mut speech, mut chunks) = self.speak(options);
        speech.push(text).await;
        speech.finish().await;
        let mut spoken = Vec::new();
        while let Some(chunk) = chunks.recv().await {
            spoken.push(chunk?);
        }
        Ok(spoken)
    }
}

/// The half of a reply that takes its text.
#[derive(Debug)]
pub struct SpeechText {
    clauses: mpsc::Sender<Input>,
    task: Option<AbortOnDropHandle<()>>,
}

impl SpeechText {
    /// Adds a clause: whole words, which are set apart from those of the clause before. Text for a reply that has already
    /// ended is dropped.
    pub async fn push(&mut self, clause: &str) {
        if !clause.is_empty() {
            let _ = self.clauses.send(Input::Clause(clause.to_owned())).await;
        }
    }

    /// No more text.
    pub async fn finish(mut self) {
        if self.clauses.send(Input::Finish).await.is_ok()
            && let Some(task) = self.task.take()
        {
            // From here on the session ends with its last chunk, or with the half that takes the audio.
            drop(task.detach());
        }
    }
}
