//! The data path: audio in, text, intent, action, speech out.
//!
//! Read [`turn`] first: it tells the story of one turn from top to bottom. Around it:
//!
//! - [`conversation`]: one live client: what it sends, what it is told, which turn runs.
//! - [`ear`]: audio to utterances: voice activity, endpointing, the transcript while it grows.
//! - `hypotheses`: which of the texts that may have been heard is taken.
//! - [`hearing`]: an utterance, while it is heard and when it is over.
//! - [`understand`]: text and the home's names to an intent call. `languages` chooses in which language.
//! - `dialog`: what was said before: corrections, follow-ups, answers to questions; `memory` takes from it and adds to it.
//! - [`act`]: the intent call to a result: the home's devices, or what the house knows by itself (time and date).
//! - `timers`, `lists`: what is done about them; `chores` keeps them, lets timers ring and does commands for later.
//! - [`announce`]: what the house says without having been asked; `chime` is the sound before it.
//! - [`answer`]: a result or an error to a sentence in the user's language.
//! - [`voice`]: a sentence to audio.
//! - [`record`]: what happened and when, for the store.
//! - [`settings`], [`event`], [`error`]: the types at the edge.
//!
//! The crate never sees a socket: clients are channels, engines and the home are handles.
#![forbid(unsafe_code)]

pub mod act;
pub mod announce;
pub mod answer;
mod chime;
mod chores;
mod clock;
pub mod conversation;
mod dialog;
pub mod ear;
pub mod error;
pub mod event;
pub mod hearing;
mod hypotheses;
mod languages;
mod lists;
mod memory;
pub mod record;
pub mod settings;
mod timers;
pub mod turn;
pub mod understand;
pub mod voice;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;
use tokio_util::task::TaskTracker;
use vesta_engines::{SpeechToText, TextToSpeech};
use vesta_home::Home;
use vesta_store::{Store, TurnRecord};

pub use announce::{Announcement, AnnouncementKind, Audience, Speech};
pub use conversation::{Client, Conversation, Input, Listening, Mode, Overheard, Pace, Speaker, Voice, new_client_id};
pub use error::TurnError;
pub use event::TurnEvent;
pub use hearing::{Hearing, Utterance};
pub use languages::OtherLanguages;
pub use settings::Settings;
pub use understand::{Call, Guess, Language, Meaning, Scene, names_of};
pub use vesta_home::Permissions;

/// Answers people. Cheap to clone; every clone speaks for the same house.
#[derive(Clone)]
pub struct Assistant {
    parts: Arc<Parts>,
    finished: broadcast::Sender<Arc<TurnRecord>>,
    chores: Arc<chores::Chores>,
    dialogs: Arc<Mutex<dialog::Dialogs>>,
    /// Turns that are being answered: they outlive their client, so that an action that began is finished.
    begun: TaskTracker,
    told: Arc<Mutex<HashSet<&'static str>>>,
}

/// The handles an [`Assistant`] works with.
pub struct Parts {
    /// Speech to text.
    pub stt: SpeechToText,
    /// Text to speech.
    pub tts: TextToSpeech,
    /// The devices.
    pub home: Home,
    /// Where turns are kept.
    pub store: Store,
    /// The sentences of the household's language.
    pub language: Arc<Language>,
    /// Those of people who speak another.
    pub others: OtherLanguages,
    /// Silences, limits and what is kept.
    pub settings: Settings,
}

/// How many finished turns a slow subscriber of [`Assistant::finished`] may fall behind before it misses some.
const FINISHED_BACKLOG: usize = 64;

impl Assistant {
    /// An assistant for a house.
    pub fn new(parts: Parts) -> Self {
        let (finished, _) = broadcast::channel(FINISHED_BACKLOG);
        Self {
            parts: Arc::new(parts),
            finished,
            chores: Arc::new(chores::Chores::new()),
            dialogs: Arc::default(),
            begun: TaskTracker::new(),
            told: Arc::default(),
        }
    }

    /// The handles it works with.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// What a sentence of this client is understood in: where it is, and what was said before.
    pub fn scene(&self, client: &Client) -> Scene {
        let limit = self.parts.settings.follow_up;
        let before = self.dialogs().context(&client.id, std::time::Instant::now(), limit);
        Scene { area: client.area.clone(), before }
    }

    fn dialogs(&self) -> std::sync::MutexGuard<'_, dialog::Dialogs> {
        self.dialogs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the turns that are being answered. Call it after every client's token was cancelled.
    pub async fn finish(&self) {
        self.begun.close();
        self.begun.wait().await;
    }

    /// Whether an engine's failure is told for the first time since it last worked. In a room where nobody called,
    /// it is said aloud once and not at every sound.
    fn first_time_told(&self, code: &'static str) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(code)
    }

    /// Speech recognition works: its next failure is worth telling again.
    fn hears_again(&self) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
