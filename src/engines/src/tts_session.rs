//! One reply on its way through a worker: keeps the text, and has it spoken again by the next worker when one is lost.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use vesta_wyoming::Message;

use self::script::{Queue, Script, Text};
use crate::engine::SessionGuard;
use crate::link::{Lease, spawn_writer};
use crate::{Engine, EngineError, SpeakOptions, SpeechChunk};

mod script;

/// Speech kept ahead of the listener. A worker speaks much faster than anybody listens; beyond this it has to wait.
const AHEAD: Duration = Duration::from_secs(60);
/// The longest reply, in bytes of text.
const MAX_TEXT: usize = 256 * 1024;

/// What the caller puts in.
#[derive(Debug)]
pub(crate) enum Input {
    Clause(String),
    Finish,
}

/// How a conversation with one worker ended.
enum End {
    Spoken,
    Abandoned,
    /// The server hangs up after each sentence, as some do.
    HungUp,
    Lost(String),
    Stuck(Duration),
    Fatal(EngineError),
}

/// Everything that outlives a worker.
pub(crate) struct Session {
    engine: Engine,
    options: SpeakOptions,
    inbox: mpsc::Receiver<Input>,
    chunks: mpsc::Sender<Result<SpeechChunk, EngineError>>,
    text: Text,
    queue: Queue,
    _counted: SessionGuard,
}

impl Session {
    pub(crate) fn new(
        engine: Engine,
        options: SpeakOptions,
        inbox: mpsc::Receiver<Input>,
        chunks: mpsc::Sender<Result<SpeechChunk, EngineError>>,
    ) -> Session {
        let counted = engine.count_session();
        Session { engine, options, inbox, chunks, text: Text::default(), queue: Queue::default(), _counted: counted }
    }

    /// Runs until everything is spoken, has become impossible, or is not wanted any more.
    pub(crate) async fn run(mut self) {
        let (mut lost, mut stuck) = (0, 0);
        // The worker that was lost last: the next one is waited for.
        let mut before = None;
        loop {
            if self.wait_for_text().await.is_none() {
                return;
            }
            if self.text.is_spoken() {
                return self.deliver_rest().await;
            }
            let lease = match self.lease(before.take()).await {
                Some(Ok(lease)) => lease,
                Some(Err(error)) => return self.fail(error).await,
                None => return,
            };
            let generation = lease.ready.generation;
            match self.converse(lease).await {
                End::Spoken => return self.deliver_rest().await,
                End::Abandoned => return,
                End::HungUp => {}
                End::Fatal(error) => return self.fail(error).await,
                End::Lost(why) => {
                    lost += 1;
                    if lost > self.options.retries {
                        return self.fail(self.died(lost, why)).await;
                    }
                    before = Some(generation);
                    tracing::info!(engine = self.engine.name(), why, lost, "speaking the text again");
                }
                End::Stuck(waited) => {
                    stuck += 1;
                    before = Some(generation);
                    self.engine.report_stuck(generation, format!("it stayed silent for {waited:?}")).await;
                    if stuck > 1 {
                        return self.fail(self.timeout(waited)).await;
                    }
                }
            }
        }
    }

    /// Waits until there is something to be spoken, or nothing more will come. `None`: the caller left.
    async fn wait_for_text(&mut self) -> Option<()> {
        while !self.text.has_unspoken() && !self.text.finished {
            tokio::select! {
                input = self.inbox.recv() => self.text.take(input)?,
                permit = self.chunks.reserve(), if !self.queue.is_empty() => {
                    self.queue.deliver(permit.ok()?);
                }
                () = self.chunks.closed() => return None,
            }
        }
        Some(())
    }

    /// Waits for a worker while text keeps coming and audio keeps going. `None`: the caller left.
    async fn lease(&mut self, before: Option<u64>) -> Option<Result<Lease, EngineError>> {
        let engine = self.engine.clone();
        let lease = engine.lease(self.options.patience, before);
        tokio::pin!(lease);
        loop {
            tokio::select! {
                lease = &mut lease => return Some(lease),
                input = self.inbox.recv(), if self.text.has_room() => self.text.take(input)?,
                permit = self.chunks.reserve(), if !self.queue.is_empty() => {
                    self.queue.deliver(permit.ok()?);
                }
                () = self.chunks.closed() => return None,
            }
        }
    }

    /// Has one worker speak what is not spoken yet.
    async fn converse(&mut self, lease: Lease) -> End {
        let streaming = lease.ready.streams_speech();
        let chunks = self.chunks.clone();
        let (sender, mut receiver) = lease.connection.split();
        let (outbox, mut writer) = spawn_writer(sender);
        let mut script = Script::new(streaming);
        self.queue.start_over();
        let patience = self.options.answer_deadline;
        let mut heard_from = Instant::now();
        loop {
            if self.text.too_long() {
                return End::Fatal(self.too_long());
            }
            if script.is_over(&self.text) {
                return End::Spoken;
            }
            let next = script.next(&self.text);
            let listening = self.queue.has_room();
            tokio::select! {
                biased;
                message = receiver.recv(), if listening => {
                    heard_from = Instant::now();
                    match message {
                        Ok(Some(message)) => {
                            if let Err(error) = self.receive(message, &mut script) {
                                return End::Fatal(error);
                            }
                        }
                        Ok(None) if script.may_hang_up(&self.text) => return End::HungUp,
                        Ok(None) => return End::Lost("it closed the connection".to_owned()),
                        Err(error) if error.is_fatal() => return End::Lost(error.to_string()),
                        Err(error) => tracing::debug!(engine = self.engine.name(), %error, "ignored"),
                    }
                }
                permit = chunks.reserve(), if !self.queue.is_empty() => match permit {
                    Ok(permit) => self.queue.deliver(permit),
                    Err(_) => return End::Abandoned,
                },
                permit = outbox.reserve(), if next.is_some() => match (permit, next) {
                    (Ok(permit), Some(step)) => {
                        permit.send(script.take(step, &self.text, &self.options));
                        heard_from = Instant::now();
                    }
                    _ => return End::Lost(writer.why().await),
                },
                input = self.inbox.recv(), if self.text.has_room() => {
                    if self.text.take(input).is_none() {
                        return End::Abandoned;
                    }
                }
                () = chunks.closed() => return End::Abandoned,
                () = tokio::time::sleep_until(heard_from + patience), if listening && script.is_owed(&self.text) => {
                    return End::Stuck(patience);
                }
            }
        }
    }

    fn receive(&mut self, message: Message, script: &mut Script) -> Result<(), EngineError> {
        let (kind, name) = (self.engine.kind(), self.engine.name().to_owned());
        match message {
            Message::AudioChunk { format, audio, .. } => match self.queue.push(format, &audio) {
                Ok(()) => Ok(()),
                Err(text) => Err(EngineError::Protocol { kind, name, text }),
            },
            Message::AudioStop { .. } if script.sentence_ended() => {
                self.text.sentence_spoken();
                self.queue.sentence_spoken();
                Ok(())
            }
            Message::SynthesizeStopped => {
                script.stopped = true;
                Ok(())
            }
            Message::Error { text, code } => Err(EngineError::Refused { kind, name, text, engine_code: code }),
            // Formats come with every chunk; what else a server may say is none of a reply's business.
            _ => Ok(()),
        }
    }

    /// Hands over what is still queued; ends early when nobody wants it any more.
    async fn deliver_rest(&mut self) {
        while !self.queue.is_empty() {
            match self.chunks.reserve().await {
                Ok(permit) => self.queue.deliver(permit),
                Err(_) => return,
            }
        }
    }

    /// Ends with an error; what was spoken before still comes first.
    async fn fail(&mut self, error: EngineError) {
        tracing::warn!(engine = self.engine.name(), code = error.code(), %error, "reply not spoken");
        self.deliver_rest().await;
        // Nobody listening any more is as good an end as any.
        let _ = self.chunks.send(Err(error)).await;
    }

    fn died(&self, attempts: u32, why: String) -> EngineError {
        let (kind, name) = (self.engine.kind(), self.engine.name().to_owned());
        EngineError::Died { kind, name, attempts, why, stderr_tail: self.engine.stderr_tail() }
    }

    fn timeout(&self, waited: Duration) -> EngineError {
        EngineError::Timeout { kind: self.engine.kind(), name: self.engine.name().to_owned(), waited }
    }

    fn too_long(&self) -> EngineError {
        let why = format!("a reply may have {} KiB of text", MAX_TEXT / 1024);
        EngineError::TooLong { kind: self.engine.kind(), name: self.engine.name().to_owned(), why }
    }
}
