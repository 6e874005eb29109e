//! Piper voices as a service: one thread owns the loaded voices and works through a bounded queue. A voice is loaded when it is first
//! asked for and then kept.
//!
//! - [`runtime`]: the ONNX Runtime library
//! - [`voices`]: which voices are installed

mod runtime;
pub(crate) mod voices;

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use ort::session::Session;
use piper_rs::Piper as Model;
use tokio::sync::{mpsc, oneshot};
use unicode_normalization::UnicodeNormalization;

use voices::PiperVoice;

/// Jobs that wait; whoever comes later waits before the queue.
const QUEUE: usize = 16;
/// Loudness is raised or lowered to this share of full scale, as Piper's own programs do.
const PEAK: f32 = 0.95;
/// The most that a quiet voice is raised.
const MOST_GAIN: f32 = 8.0;

/// A clause to be spoken.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) voice: Arc<PiperVoice>,
    /// IPA, or the letters themselves for a voice that was trained on them.
    pub(crate) phonemes: String,
    pub(crate) speaker: i64,
    /// 1.0 is the voice's own speed.
    pub(crate) speed: f32,
}

/// Why a clause was not spoken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PiperError {
    /// The voice cannot be used at all.
    #[error("{0}")]
    Voice(String),
    /// The voice, which has spoken before, could not speak this clause.
    #[error("{0}")]
    Clause(String),
}

struct Job {
    order: Order,
    answer: oneshot::Sender<Result<Vec<i16>, PiperError>>,
}

/// A handle to the thread; cheap to clone. The thread ends when the last one is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Piper {
    jobs: mpsc::Sender<Job>,
}

impl Piper {
    /// Starts the thread. `library` names the ONNX Runtime library; `threads` is how many threads one clause may use.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(library: Option<PathBuf>, threads: usize) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let worker = Worker { library, threads, loaded: HashMap::new(), proven: HashSet::new() };
        std::thread::Builder::new().name("piper".to_owned()).spawn(move || worker.work(queue))?;
        Ok(Self { jobs })
    }

    /// Speaks a clause; samples at the voice's rate. Dropping the future takes it out of the queue, if it has not begun.
    ///
    /// # Errors
    /// Why it could not be spoken.
    pub(crate) async fn speak(&self, order: Order) -> Result<Vec<i16>, PiperError> {
        let (answer, answered) = oneshot::channel();
        let stopped = || PiperError::Voice("the thread for Piper voices has stopped".to_owned());
        self.jobs.send(Job { order, answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

struct Worker {
    library: Option<PathBuf>,
    threads: usize,
    loaded: HashMap<PathBuf, Model>,
    /// Models that have spoken.
    proven: HashSet<PathBuf>,
}

impl Worker {
    fn work(mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(Job { order, answer }) = queue.blocking_recv() {
            if !answer.is_closed() {
                let spoken = self.guarded(&order);
                // Who asked may have gone meanwhile.
                drop(answer.send(spoken));
            }
        }
    }

    /// piper-rs and ONNX Runtime panic on models that are not what they claim; that model is then forgotten, the thread lives on.
    fn guarded(&mut self, order: &Order) -> Result<Vec<i16>, PiperError> {
        let model = &order.voice.model;
        match catch_unwind(AssertUnwindSafe(|| self.speak(order))) {
            Ok(Ok(samples)) => {
                self.proven.insert(model.clone());
                Ok(samples)
            }
            Ok(Err(PiperError::Clause(why))) if !self.proven.contains(model) => Err(PiperError::Voice(why)),
            Ok(Err(error)) => Err(error),
            Err(_) => {
                self.loaded.remove(model);
                Err(PiperError::Voice(format!("{} is not a usable Piper voice", model.display())))
            }
        }
    }

    fn model(&mut self, voice: &PiperVoice) -> Result<&mut Model, String> {
        if !self.loaded.contains_key(&voice.model) {
            runtime::load(self.library.as_deref())?;
            let begun = std::time::Instant::now();
            let config = voices::model_config(voice)?;
            let session =
                session(voice, self.threads).map_err(|error| format!("{}: {error}", voice.model.display()))?;
            self.loaded.insert(voice.model.clone(), Model::from_session(session, config));
            tracing::info!(voice = voice.name, ms = begun.elapsed().as_millis(), "voice loaded");
        }
        self.loaded.get_mut(&voice.model).ok_or_else(|| "the voice is not loaded".to_owned())
    }

    fn speak(&mut self, order: &Order) -> Result<Vec<i16>, PiperError> {
        let phonemes: String = order.phonemes.nfd().collect();
        if !phonemes.chars().any(char::is_alphabetic) {
            return Ok(Vec::new());
        }
        // piper-rs passes the length scale on as it is given: the voice's own is the base.
        let scale = order.voice.length_scale / order.speed;
        let model = self.model(&order.voice).map_err(PiperError::Voice)?;
        let created = model.create(&phonemes, true, Some(order.speaker), Some(scale), None, None);
        let (samples, _) = created.map_err(|error| PiperError::Clause(error.to_string()))?;
        Ok(to_pcm(&samples))
    }
}

fn session(voice: &PiperVoice, threads: usize) -> Result<Session, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let builder = Session::builder().map_err(|error| text(&error))?;
    let builder = builder.with_intra_threads(threads).map_err(|error| text(&error))?;
    // Threads that spin while nobody speaks would keep the cores from the recogniser.
    let mut builder = builder.with_intra_op_spinning(false).map_err(|error| text(&error))?;
    builder.commit_from_file(&voice.model).map_err(|error| text(&error))
}

/// Floating samples as 16-bit ones, brought to a common loudness.
fn to_pcm(samples: &[f32]) -> Vec<i16> {
    let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    let gain = if peak > 0.0 { (PEAK / peak).min(MOST_GAIN) } else { 1.0 };
    samples.iter().map(|sample| (sample * gain * f32::from(i16::MAX)) as i16).collect()
}
