//! What the house says without having been asked: a timer that is over, a message to everybody, a command for later that
//! could not be done.
//!
//! [`Assistant::announcements`] has them all, with their audio. A [`Conversation`](crate::Conversation) takes those that are
//! meant for its client and tells them as [`TurnEvent::Announcement`] once it says nothing else; speaking to it stops them.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::conversation::{Client, Voice};
use crate::event::TurnEvent;
use crate::{Assistant, chime, voice};

/// How long the voice may take for a whole announcement before it is told as text, with its chime alone.
const SPEECH_DEADLINE: Duration = Duration::from_secs(15);
/// Samples in one audio event.
const PIECE: usize = 4_096;
/// Samples a second of a chime that no voice follows.
const CHIME_RATE: u32 = 22_050;

/// Something that the house says by itself.
#[derive(Debug, Clone, Serialize)]
pub struct Announcement {
    /// Its id (UUID version 7); events of its audio have it as their `turn`.
    pub id: String,
    /// What it is.
    pub kind: AnnouncementKind,
    /// Who is to hear it.
    pub to: Audience,
    /// What is said.
    pub text: String,
    /// The timer that it is about.
    pub timer: Option<String>,
    /// The same as audio.
    #[serde(skip)]
    pub speech: Arc<Speech>,
}

/// What an announcement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnnouncementKind {
    /// A timer is over.
    Timer,
    /// Somebody tells everybody something.
    Message,
    /// A command for later could not be done.
    Command,
}

/// Who is to hear an announcement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Every client that is there.
    Everyone,
    /// The client of this id.
    Only(String),
    /// Every client but the one of this id.
    AllBut(String),
}

impl Audience {
    /// Whether a client is to hear it, by its id.
    pub fn includes(&self, client: &str) -> bool {
        match self {
            Self::Everyone => true,
            Self::Only(one) => one == client,
            Self::AllBut(one) => one != client,
        }
    }
}

/// Audio of an announcement: mono.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Speech {
    /// Samples a second.
    pub rate: u32,
    /// The samples.
    pub samples: Vec<i16>,
}

impl Assistant {
    /// Puts an announcement to its audience, as text and as audio made once for all, in this language (BCP 47). Returns whether anybody was there.
    pub(crate) async fn announce(
        &self,
        kind: AnnouncementKind,
        to: Audience,
        text: String,
        timer: Option<String>,
        language: Option<&str>,
    ) -> bool {
        if !self.chores.hears(&to) {
            return false;
        }
        let speech = Arc::new(self.speech(kind, &text, language).await);
        let id = uuid::Uuid::now_v7().to_string();
        self.chores.tell(Announcement { id, kind, to, text, timer, speech })
    }

    async fn speech(&self, kind: AnnouncementKind, text: &str, language: Option<&str>) -> Speech {
        let parts = &self.parts;
        let mut speech = Speech::default();
        let spoken = async {
            let own = Voice::default();
            let mut audio = voice::speak(parts, text, &self.language(language), &own).await;
            while let Some(chunk) = audio.recv().await {
                let chunk = chunk?;
                if speech.samples.is_empty() {
                    speech.rate = chunk.rate;
                }
                if chunk.rate == speech.rate {
                    speech.samples.extend_from_slice(&chunk.samples);
                }
            }
            Ok::<(), vesta_engines::EngineError>(())
        };
        match timeout(SPEECH_DEADLINE, spoken).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, text, "an announcement could not be spoken; its chime and text are told");
            }
            Err(_) => tracing::warn!(text, "an announcement was not spoken in time; its chime and text are told"),
        }
        if speech.rate == 0 {
            speech.rate = CHIME_RATE;
        }
        let chime = match kind {
            AnnouncementKind::Timer => chime::alarm(speech.rate),
            AnnouncementKind::Message | AnnouncementKind::Command => chime::call(speech.rate),
        };
        speech.samples.splice(0..0, chime);
        speech
    }
}

/// Tells a client an announcement, until `cancel`.
pub(crate) async fn tell(announcement: Arc<Announcement>, client: Client, cancel: CancellationToken) {
    let turn = announcement.id.clone();
    let Announcement { kind, text, timer, speech, .. } = &*announcement;
    let event = TurnEvent::Announcement { turn: turn.clone(), kind: *kind, text: text.clone(), timer: timer.clone() };
    client.tell(event).await;
    if client.wants_audio {
        for piece in speech.samples.chunks(PIECE) {
            if cancel.is_cancelled() {
                break;
            }
            let event = TurnEvent::Audio { turn: turn.clone(), rate: speech.rate, samples: piece.to_vec() };
            client.tell(event).await;
        }
    }
    client.tell(TurnEvent::Finished { turn, outcome: "announced" }).await;
}

/// An announcement as JSON, for those who watch without audio.
impl From<&Announcement> for Value {
    fn from(announcement: &Announcement) -> Self {
        serde_json::to_value(announcement).unwrap_or_default()
    }
}
