//! eSpeak NG as a service: one thread owns the library and works through a bounded queue, since the library is not re-entrant.
//!
//! - [`data`]: where its data lies
//! - [`library`]: its C interface

mod data;
mod library;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use library::Library;
pub(crate) use library::VoiceEntry;

/// Jobs that wait; whoever comes later waits before the queue.
const QUEUE: usize = 64;
/// Length of the pieces in which audio is made, in milliseconds.
const CHUNK_MS: u32 = 40;
/// Pieces that wait for a slow listener: a whole clause, so that the thread is free for others.
const PIECES: usize = 4096;

/// Why eSpeak NG does not speak.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EspeakError {
    /// It has no data.
    #[error(
        "eSpeak NG's data was not found ({tried}). Install it (Debian, Ubuntu: apt install espeak-ng-data; macOS: brew install espeak-ng) \
         or name the folder that holds `phontab` with --espeak-data"
    )]
    NoData {
        /// What was tried.
        tried: String,
    },
    /// A job failed.
    #[error("{0}")]
    Failed(String),
    /// The thread is gone.
    #[error("eSpeak NG has stopped")]
    Stopped,
}

enum Job {
    Speak { text: String, voice: String, speed: f32, pieces: mpsc::Sender<Result<Vec<i16>, EspeakError>> },
    Phonemes { text: String, voice: String, answer: oneshot::Sender<Result<String, EspeakError>> },
}

/// A handle to the thread; cheap to clone. The thread ends when the last one is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Espeak {
    jobs: mpsc::Sender<Job>,
    facts: Arc<Facts>,
}

/// What is known once the library runs.
#[derive(Debug)]
struct Facts {
    rate: u32,
    data: String,
    voices: Vec<VoiceEntry>,
    variants: Vec<String>,
}

impl Espeak {
    /// Starts the thread and initialises the library on it. `data` names the data's folder or its parent; without it the usual places
    /// are tried.
    ///
    /// # Errors
    /// [`EspeakError::NoData`] when none of them holds data that the library can read.
    pub(crate) async fn start(data: Option<&Path>) -> Result<Self, EspeakError> {
        let candidates = data::candidates(data);
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (ready, started) = oneshot::channel();
        let thread = std::thread::Builder::new().name("espeak".to_owned());
        let spawned = thread.spawn(move || match open(&candidates) {
            Ok(library) => {
                let data = library.data().to_owned();
                let voices = library.voices();
                let facts =
                    Facts { rate: library.rate(), variants: data::variants(&data), data, voices: voices.clone() };
                if ready.send(Ok(facts)).is_ok() {
                    work(library, &voices, queue);
                }
            }
            Err(error) => drop(ready.send(Err(error))),
        });
        spawned.map_err(|error| EspeakError::Failed(format!("no thread for eSpeak NG: {error}")))?;
        let facts = started.await.map_err(|_| EspeakError::Stopped)??;
        Ok(Self { jobs, facts: Arc::new(facts) })
    }

    /// Samples a second of what [`Espeak::speak`] gives.
    pub(crate) fn rate(&self) -> u32 {
        self.facts.rate
    }

    /// Where the data is read from.
    pub(crate) fn data(&self) -> &str {
        &self.facts.data
    }

    /// The voices that there are.
    pub(crate) fn voices(&self) -> &[VoiceEntry] {
        &self.facts.voices
    }

    /// The variants that every voice can be spoken in ("f3"), as they are written.
    pub(crate) fn variants(&self) -> &[String] {
        &self.facts.variants
    }

    /// Speaks a clause. The pieces arrive while they are made; dropping the receiver stops it.
    ///
    /// # Errors
    /// [`EspeakError::Stopped`] when the thread is gone.
    pub(crate) async fn speak(
        &self,
        text: String,
        voice: String,
        speed: f32,
    ) -> Result<mpsc::Receiver<Result<Vec<i16>, EspeakError>>, EspeakError> {
        let (pieces, receiver) = mpsc::channel(PIECES);
        self.jobs.send(Job::Speak { text, voice, speed, pieces }).await.map_err(|_| EspeakError::Stopped)?;
        Ok(receiver)
    }

    /// A clause in IPA.
    ///
    /// # Errors
    /// When the voice is unknown or the thread is gone.
    pub(crate) async fn phonemes(&self, text: String, voice: String) -> Result<String, EspeakError> {
        let (answer, answered) = oneshot::channel();
        self.jobs.send(Job::Phonemes { text, voice, answer }).await.map_err(|_| EspeakError::Stopped)?;
        answered.await.map_err(|_| EspeakError::Stopped)?
    }
}

fn open(candidates: &data::Candidates) -> Result<Library, EspeakError> {
    let mut tried = Vec::new();
    for place in &candidates.places {
        let folder = match place {
            Some(place) => match data::folder_in(place) {
                Some(folder) => Some(folder),
                None if candidates.named => {
                    tried.push(format!("{} holds no phontab", place.display()));
                    continue;
                }
                None => continue,
            },
            None => None,
        };
        match Library::new(folder.as_deref(), CHUNK_MS) {
            Ok(library) => return Ok(library),
            Err(error) => {
                let place =
                    folder.map_or("the folder it was built with".to_owned(), |folder| folder.display().to_string());
                tried.push(format!("{place}: {error}"));
            }
        }
    }
    Err(EspeakError::NoData { tried: tried.join("; ") })
}

/// The library knows its voices by their files' names; Piper's voices name them by their language ("en-gb").
fn own_name(voices: &[VoiceEntry], asked: &str) -> String {
    let (voice, variant) =
        asked.split_once('+').map_or((asked, ""), |(voice, _)| (voice, asked.get(voice.len()..).unwrap_or_default()));
    let by_name = voices.iter().find(|entry| entry.name.eq_ignore_ascii_case(voice));
    let speaks = |entry: &&VoiceEntry| entry.languages.iter().any(|language| language.eq_ignore_ascii_case(voice));
    let found = by_name.or_else(|| voices.iter().find(speaks));
    found.map_or_else(|| asked.to_owned(), |entry| format!("{}{variant}", entry.name))
}

fn work(mut library: Library, voices: &[VoiceEntry], mut queue: mpsc::Receiver<Job>) {
    while let Some(job) = queue.blocking_recv() {
        match job {
            Job::Speak { text, voice, speed, pieces } => {
                if pieces.is_closed() {
                    continue;
                }
                let result = library.set_voice(&own_name(voices, &voice)).and_then(|()| {
                    let pieces = pieces.clone();
                    library.speak(
                        &text,
                        speed,
                        Box::new(move |samples| pieces.blocking_send(Ok(samples.to_vec())).is_ok()),
                    )
                });
                if let Err(error) = result {
                    // Nobody listens any more where this fails.
                    drop(pieces.blocking_send(Err(EspeakError::Failed(error))));
                }
            }
            Job::Phonemes { text, voice, answer } => {
                if answer.is_closed() {
                    continue;
                }
                let result = library.set_voice(&own_name(voices, &voice)).map(|()| library.phonemes(&text));
                drop(answer.send(result.map_err(EspeakError::Failed)));
            }
        }
    }
}
