//! Speech to text for the rest of Vesta: audio in, partial and final transcripts out, whatever happens to the worker.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::stt_session::{Input, Session};
use crate::{Engine, EngineError};

/// Blocks of audio that may wait for the session.
const WAITING_AUDIO: usize = 64;
/// Events that may wait for the caller; partial transcripts beyond the newest are dropped, finals are not.
const WAITING_EVENTS: usize = 8;

/// Samples handed over at once when a whole recording is transcribed: half a second.
const BLOCK: usize = 8_000;

/// What to listen for, and how long.
#[derive(Clone, Debug, PartialEq)]
pub struct SttOptions {
    /// The language that is spoken, as `en`; `auto` or `None` leaves it to the engine.
    pub language: Option<String>,
    /// How long to wait for an engine that is being restarted.
    pub patience: Duration,
    /// How long the transcript may take after the end of the audio; as long as the audio itself comes on top.
    pub answer_deadline: Duration,
    /// How much audio is kept to be sent again to a restarted worker. Longer utterances work too, as long as no worker is lost.
    pub keep: Duration,
    /// How often a request is tried again when it loses its worker.
    pub retries: u32,
}

impl Default for SttOptions {
    fn default() -> Self {
        SttOptions {
            language: None,
            patience: Duration::from_secs(10),
            answer_deadline: Duration::from_secs(20),
            keep: Duration::from_secs(5 * 60),
            retries: 25,
        }
    }
}

/// What may have been said instead of a transcript.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    /// The text; not empty.
    pub text: String,
    /// Natural logarithm of its probability; comparable with that of its transcript, not with others.
    pub log_probability: f64,
}

/// What comes back while somebody speaks.
#[derive(Clone, Debug, PartialEq)]
pub enum SttEvent {
    /// What has been understood so far; only ever grows, unless a worker was lost in between.
    Partial {
        /// The whole text so far.
        text: String,
        /// Whether that is everything that was heard so far: the last two decodes agree to the end.
        settled: bool,
        /// How far into the audio the engine had listened, in milliseconds; 0 where the engine does not say.
        heard_ms: u64,
    },
    /// The transcript of everything. The last event.
    Final {
        /// The text; empty where nothing was said.
        text: String,
        /// The language that was heard, where the engine says so.
        language: Option<String>,
        /// Natural logarithm of the text's probability, where the engine says so.
        log_probability: Option<f64>,
        /// Whether the engine is as sure of the text as of speech that its model was made for, where it says so.
        sure: Option<bool>,
        /// What may have been said instead, the likeliest first; empty where the engine does not say.
        alternatives: Vec<Alternative>,
    },
    /// The worker was lost; the audio is sent again to the next one.
    Retrying {
        /// What happened.
        why: String,
    },
    /// There will be no transcript. The last event.
    Failed(EngineError),
}

/// Speech to text by one engine.
#[derive(Clone, Debug)]
pub struct SpeechToText {
    engine: Engine,
}

impl SpeechToText {
    /// Speech to text by this engine.
    pub fn new(engine: Engine) -> SpeechToText {
        SpeechToText { engine }
    }

    /// The engine behind it.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Starts to listen: audio goes into the first half, transcripts come out of the second one. Dropping the first half
    /// without [`SttInput::finish`] aborts, in the worker too; so does dropping the second half.
    pub fn open(&self, options: SttOptions) -> (SttInput, mpsc::Receiver<SttEvent>) {
        let (audio, inbox) = mpsc::channel(WAITING_AUDIO);
        let (events, receiver) = mpsc::channel(WAITING_EVENTS);
        let session = Session::new(self.engine.clone(), options, inbox, events);
        // The task ends by itself as soon as either half is gone; the handle only matters when the runtime goes down.
        let task = AbortOnDropHandle::new(tokio::spawn(session.run()));
        (SttInput { audio, task: Some(task) }, receiver)
    }

    /// Transcribes a recording in one go.
    ///
    /// # Errors
    /// As [`SttEvent::Failed`].
    pub async fn transcribe(&self, samples: &[i16], options: SttOptions) -> Result<String, EngineError> {
        let (mut input, mut events) = self.open(options);
        for block in samples.chunks(BLOCK) {
            input.audio(block).await;
        }
        input.finish().await;
        let mut failure = None;
        while let Some(event) = events.recv().await {
            match event {
                SttEvent::Final { text, .. } => return Ok(text),
                SttEvent::Failed(error) => failure = Some(error),
                SttEvent::Partial { .. } | SttEvent::Retrying { .. } => {}
            }
        }
        Err(failure.unwrap_or_else(|| EngineError::Protocol {
            kind: self.engine.kind(),
            name: self.engine.name().to_owned(),
            text: "the session ended without a transcript".to_owned(),
        }))
    }
}

/// The half of a session that takes audio: 16 kHz mono.
#[derive(Debug)]
pub struct SttInput {
    audio: mpsc::Sender<Input>,
    task: Option<AbortOnDropHandle<()>>,
}

impl SttInput {
    /// Adds audio: 16 kHz mono samples, any number of them. Audio for a session that has already ended is dropped.
    pub async fn audio(&mut self, samples: &[i16]) {
        if !samples.is_empty() {
            let _ = self.audio.send(Input::Audio(samples.to_vec())).await;
        }
    }

    /// No more audio: the final transcript is wanted now.
    pub async fn finish(mut self) {
        if self.audio.send(Input::Finish).await.is_ok()
            && let Some(task) = self.task.take()
        {
            // From here on the session ends with its answer, or with the half that takes the events.
            drop(task.detach());
        }
    }
}
