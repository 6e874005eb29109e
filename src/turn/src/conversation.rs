//! One live client: what it sends, what it is told, and which turn runs.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vesta_audio::EndpointConfig;
use vesta_home::Permissions;

use crate::Assistant;
use crate::announce::Announcement;
use crate::ear::Ear;
use crate::event::TurnEvent;
use crate::hearing::{Hearing, Utterance};

/// What a client sends.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Samples, 16 kHz mono, any number.
    Audio(Vec<i16>),
    /// Push to talk: the button was released. Hands-free: no more audio for now.
    End,
    /// Stop speaking.
    Interrupt,
    /// What was heard since the last utterance is one, whether anybody spoke or not.
    Commit,
    /// Forget what was heard since the last utterance.
    Clear,
    /// Listen in this way from here on. What was heard since the last utterance is kept.
    Listen(Listening),
}

/// What [`Assistant::listen`] comes to.
pub enum Overheard {
    /// An utterance is over; its transcript is still to be taken.
    Utterance(Box<Hearing>),
    /// The house wants to say something by itself.
    Announcement(Arc<Announcement>),
}

/// How the ear listens.
#[derive(Debug, Clone, PartialEq)]
pub struct Listening {
    /// Who decides where an utterance ends.
    pub mode: Mode,
    /// Hands-free: when speech begins, and how long a silence ends it.
    pub endpoint: EndpointConfig,
    /// Hands-free: how much audio from before the start of speech belongs to the utterance.
    pub pre_roll: Duration,
    /// Push to talk: the longest that an utterance may be.
    pub max_utterance: Duration,
    /// Language of the speech as the engine names it; the person's where absent, or the household's.
    pub language: Option<String>,
    /// Whether all that is heard is surely said to the house, and so always answered.
    pub addressed: bool,
}

impl Listening {
    /// How the house's settings have it for a client of this mode.
    pub fn new(settings: &crate::Settings, mode: Mode) -> Self {
        Self {
            mode,
            endpoint: settings.endpoint,
            pre_roll: settings.pre_roll,
            max_utterance: settings.max_utterance,
            language: None,
            addressed: mode == Mode::PushToTalk,
        }
    }
}

/// Who is spoken with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Speaker {
    /// Id of the person, for the record; `None` where it is not known (a microphone in the room).
    pub person: Option<String>,
    /// Whether the person wants audio of their turns kept; `None` is as in the house's settings.
    pub keep_audio: Option<bool>,
}

/// Who speaks to the client; what is absent is as in the house's settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Voice {
    /// The voice by its name.
    pub name: Option<String>,
    /// Speed, 1.0 is the voice's own.
    pub speed: Option<f32>,
}

/// Who decides where an utterance ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The client, with [`Input::End`].
    PushToTalk,
    /// The ear, by voice activity and by what was said so far.
    HandsFree,
}

impl Mode {
    /// The mode's name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::PushToTalk => "push_to_talk",
            Self::HandsFree => "hands_free",
        }
    }
}

/// How audio arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As it is spoken.
    RealTime,
    /// As fast as it can be taken, from a file. Replies are finished before the next utterance is heard.
    AsFast,
}

/// Who is at the other end.
#[derive(Clone)]
pub struct Client {
    /// Who it is, over turns and connections: corrections and follow-ups belong to it, and its timers ring there. Clients
    /// of one id share them; one without (empty) remembers nothing.
    pub id: String,
    /// The person.
    pub speaker: Speaker,
    /// The language that they speak and are answered in (BCP 47); the household's where absent, or where [`Assistant::learn`] found no
    /// sentences of it.
    pub language: Option<String>,
    /// Where the audio comes from, for the record: `hear`, `talk`, ….
    pub source: String,
    /// Who decides where an utterance ends.
    pub mode: Mode,
    /// How audio arrives.
    pub pace: Pace,
    /// The area the client is in, by id.
    pub area: Option<String>,
    /// Whether it wants to hear the reply.
    pub wants_audio: bool,
    /// In which voice.
    pub voice: Voice,
    /// Whether actions are only named, not done: for replaying a recording.
    pub rehearse: bool,
    /// What whoever speaks there may see and do.
    pub permissions: Permissions,
    /// Where it is told what happens.
    pub events: mpsc::Sender<TurnEvent>,
}

impl Client {
    /// Tells the client; one that is gone is not told, and the turn goes on.
    pub(crate) async fn tell(&self, event: TurnEvent) {
        let _ = self.events.send(event).await;
    }
}

/// An id for a client that has none of its own.
pub fn new_client_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// A client's conversation: its ear, and the turn that is being answered.
pub struct Conversation {
    assistant: Assistant,
    client: Client,
}

impl Conversation {
    /// A conversation of `client` with the house.
    pub fn new(assistant: Assistant, client: Client) -> Self {
        Self { assistant, client }
    }

    /// Listens until `input` is closed or `cancel` is called, and answers every utterance. An action that began is
    /// finished in any case.
    pub async fn run(self, mut input: mpsc::Receiver<Input>, cancel: CancellationToken) {
        let mut ear = Ear::new(self.assistant.clone(), self.client.clone());
        let mut present = self.assistant.chores.arrive(&self.client.id);
        let mut speaking = cancel.child_token();
        let mut answering: Option<JoinHandle<()>> = None;
        loop {
            let heard = {
                let mut next = std::pin::pin!(ear.next(&mut input, &speaking));
                loop {
                    tokio::select! {
                        biased;
                        heard = &mut next => break heard,
                        () = cancel.cancelled() => break None,
                        announcement = present.announcement(), if !self.client.rehearse => {
                            // It waits until nothing else is said, and stops when somebody speaks, as any reply.
                            let (before, client, cancel) = (answering.take(), self.client.clone(), speaking.clone());
                            answering = Some(self.assistant.begun.spawn(async move {
                                if let Some(before) = before {
                                    let _ = before.await;
                                }
                                crate::announce::tell(announcement, client, cancel).await;
                            }));
                        }
                    }
                }
            };
            let Some(heard) = heard else { break };
            // An utterance that is over is answered, whatever becomes of the client.
            let utterance = heard.finish().await;
            // Turns answer in order. What the last one still says gives way only to words, never to a cough.
            if utterance.text.as_ref().is_ok_and(|text| !text.is_empty()) && self.client.pace == Pace::RealTime {
                speaking.cancel();
            }
            if let Some(answering) = answering.take() {
                let _ = answering.await;
            }
            speaking = cancel.child_token();
            let turn = crate::turn::answer(self.assistant.clone(), utterance, self.client.clone(), speaking.clone());
            let turn = self.assistant.begun.spawn(turn);
            match self.client.pace {
                Pace::AsFast => drop(turn.await),
                Pace::RealTime => answering = Some(turn),
            }
        }
        if let Some(answering) = answering {
            let _ = answering.await;
        }
    }
}

impl Assistant {
    /// Listens to a client until its input is closed or `cancel` is called.
    pub async fn converse(&self, client: Client, input: mpsc::Receiver<Input>, cancel: CancellationToken) {
        Conversation::new(self.clone(), client).run(input, cancel).await;
    }

    /// Answers typed text; events go to `client`. Returns when everything is said.
    pub async fn ask(&self, text: &str, client: Client, cancel: CancellationToken) {
        let utterance = crate::turn::typed(self, text, &client);
        self.answer(utterance, client, cancel).await;
    }

    /// Listens to a client until its input is closed or `cancel` is called, and answers nothing: every utterance goes to
    /// `heard` as soon as it is over, after the event that says so. What the house wants to say by itself goes there too.
    pub async fn listen(
        &self,
        client: Client,
        mut input: mpsc::Receiver<Input>,
        heard: mpsc::Sender<Overheard>,
        cancel: CancellationToken,
    ) {
        let mut present = self.chores.arrive(&client.id);
        let mut ear = Ear::new(self.clone(), client);
        // Whoever answers decides what is interrupted.
        let speaking = cancel.child_token();
        loop {
            let mut next = std::pin::pin!(ear.next(&mut input, &speaking));
            let hearing = loop {
                tokio::select! {
                    biased;
                    () = cancel.cancelled() => return,
                    hearing = &mut next => break hearing,
                    announcement = present.announcement() => {
                        if heard.send(Overheard::Announcement(announcement)).await.is_err() {
                            return;
                        }
                    }
                }
            };
            let Some(hearing) = hearing else { return };
            if heard.send(Overheard::Utterance(Box::new(hearing))).await.is_err() {
                return;
            }
        }
    }

    /// Typed text as an utterance.
    pub fn typed(&self, text: &str, client: &Client) -> Utterance {
        crate::turn::typed(self, text, client)
    }

    /// A recording as an utterance: 16 kHz mono samples, all of them one utterance.
    pub async fn heard(&self, samples: &[i16], client: &Client, language: Option<String>) -> Utterance {
        let listening = Listening { language, ..Listening::new(&self.parts.settings, Mode::PushToTalk) };
        Hearing::of(self, client, &listening, samples).await.finish().await
    }

    /// Answers what was heard; events go to `client`. Returns when everything is said.
    pub async fn answer(&self, utterance: Utterance, client: Client, cancel: CancellationToken) {
        let turn = crate::turn::answer(self.clone(), utterance, client, cancel);
        if let Err(error) = self.begun.spawn(turn).await {
            tracing::error!(%error, "a turn ended abnormally");
        }
    }

    /// Says a sentence that was worked out elsewhere, as a turn of its own; events go to `client`.
    pub async fn say(&self, sentence: &str, client: Client, cancel: CancellationToken) {
        let turn = crate::turn::recite(self.clone(), sentence.to_owned(), client, cancel);
        if let Err(error) = self.begun.spawn(turn).await {
            tracing::error!(%error, "a turn ended abnormally");
        }
    }

    /// Says again what was answered before, as turn `turn` with this outcome, and keeps no record of it.
    pub async fn say_again(
        &self,
        turn: String,
        outcome: &'static str,
        sentence: &str,
        client: Client,
        cancel: CancellationToken,
    ) {
        crate::turn::say_again(self, turn, outcome, sentence, client, cancel).await;
    }

    /// Keeps the record of an utterance of `speaker` that somebody else carries out; `call` says what was asked of them.
    pub async fn hand_over(&self, utterance: Utterance, speaker: Speaker, call: Value) {
        let turn = crate::turn::hand_over(self.clone(), utterance, speaker, call);
        if let Err(error) = self.begun.spawn(turn).await {
            tracing::error!(%error, "a turn ended abnormally");
        }
    }

    /// Every finished turn, for metrics and for whoever watches.
    pub fn finished(&self) -> tokio::sync::broadcast::Receiver<Arc<vesta_store::TurnRecord>> {
        self.finished.subscribe()
    }
}
