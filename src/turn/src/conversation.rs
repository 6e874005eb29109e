//! One live client: what it sends, what it is told, and which turn runs.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Assistant;
use crate::ear::Ear;
use crate::event::TurnEvent;

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Samples, 16 kHz mono, any number.
    Audio(Vec<i16>),
    /// Push to talk: the button was released. Hands-free: no more audio for now.
    End,
    /// Stop speaking.
    Interrupt,
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
    /// Whether actions are only named, not done: for replaying a recording.
    pub rehearse: bool,
    /// Where it is told what happens.
    pub events: mpsc::Sender<TurnEvent>,
}

impl Client {
    /// Tells the client; one that is gone is not told, and the turn goes on.
    pub(crate) async fn tell(&self, event: TurnEvent) {
        let _ = self.events.send(event).await;
    }
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
        let mut speaking = cancel.child_token();
        let mut answering: Option<JoinHandle<()>> = None;
        loop {
            let heard = tokio::select! {
                biased;
                heard = ear.next(&mut input, &speaking) => heard,
                () = cancel.cancelled() => None,
            };
            let Some(heard) = heard else { break };
            // An utterance that is over is answered, whatever becomes of the client.
            let utterance = ear.finish(heard).await;
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
        let turn = crate::turn::answer(self.clone(), utterance, client, cancel);
        if let Err(error) = self.begun.spawn(turn).await {
            tracing::error!(%error, "a turn ended abnormally");
        }
    }

    /// Every finished turn, for metrics and for whoever watches.
    pub fn finished(&self) -> tokio::sync::broadcast::Receiver<Arc<vesta_store::TurnRecord>> {
        self.finished.subscribe()
    }
}
