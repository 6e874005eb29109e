//! One client's connection: transcriptions one after another.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use vesta_wyoming::{
    Artifact, AsrModel, AsrProgram, Attribution, AudioFormat, Connection, Error, Info, Message, Receiver, Sender,
};

use crate::decoder::DecodeError;
use crate::ear::{Ear, EarError};
use crate::listener::{Chunk, Listener, ListenerOptions, Next, Transcript};
use crate::model::Model;
use crate::pool::{Outcome, Pool, Ticket};

/// The name of this program towards clients.
pub(crate) const NAME: &str = "stt-whisper";
/// Code of the error that answers a request for a language that the model lacks.
const LANGUAGE_NOT_SUPPORTED: &str = "language_not_supported";
/// How long a closed peer's system may take to say that nobody reads there.
const PROBE: Duration = Duration::from_millis(10);

/// What all clients share.
pub(crate) struct Service {
    pub(crate) model: Arc<Model>,
    pub(crate) pool: Pool,
    pub(crate) listening: ListenerOptions,
    /// The language where a client names none: an id, or found by the model.
    pub(crate) language: Option<usize>,
}

impl Service {
    /// The language's id for a client's wish.
    fn choose_language(&self, wish: Option<&str>) -> Result<Option<usize>, String> {
        let language = match wish.map(str::trim).filter(|wish| !wish.is_empty()) {
            None => self.language,
            Some("auto") => None,
            Some(wish) => match self.model.language_id(wish) {
                Some(id) => Some(id),
                None => {
                    return Err(format!(
                        "the speech model {} does not understand {wish:?}; it understands: {}. Install a multilingual model \
                         (`vesta models list`) or ask for one of these.",
                        self.model.name,
                        self.model.languages.join(", ")
                    ));
                }
            },
        };
        Ok(language.or_else(|| (!self.model.multilingual).then_some(0)))
    }

    fn language_code(&self, id: Option<usize>) -> Option<String> {
        id.and_then(|id| self.model.languages.get(id)).cloned()
    }

    fn info(&self) -> Message {
        let version = Some(env!("CARGO_PKG_VERSION").to_owned());
        let openai = Attribution { name: "OpenAI".to_owned(), url: "https://github.com/openai/whisper".to_owned() };
        let model = AsrModel {
            about: Artifact {
                attribution: openai,
                description: Some(format!("Whisper model {}", self.model.name)),
                ..Artifact::installed(&self.model.name)
            },
            languages: self.model.languages.clone(),
        };
        let cpp =
            Attribution { name: "ggml-org".to_owned(), url: "https://github.com/ggml-org/whisper.cpp".to_owned() };
        let program = AsrProgram {
            about: Artifact {
                attribution: cpp,
                description: Some("Streaming speech to text over whisper.cpp".to_owned()),
                version,
                ..Artifact::installed(NAME)
            },
            models: vec![model],
            supports_transcript_streaming: true,
            ..AsrProgram::default()
        };
        Message::Info(Info { asr: vec![program], ..Info::default() })
    }
}

/// Serves a client until it goes.
///
/// # Errors
/// Where the connection broke or the client does not speak the protocol; it has been told.
pub(crate) async fn serve(connection: Connection, service: Arc<Service>) -> Result<(), Error> {
    let (sender, receiver) = connection.split();
    let mut client = Client { service, sender, receiver, asked: Asked::default(), session: None, held: None };
    client.run().await
}

/// What the client has asked for before its audio.
#[derive(Default)]
struct Asked {
    language: Option<String>,
    /// The request was refused: its audio is passed over.
    refused: bool,
}

struct Client {
    service: Arc<Service>,
    sender: Sender,
    receiver: Receiver,
    asked: Asked,
    session: Option<Session>,
    /// The client's next request, which came while its last one was being answered.
    held: Option<Message>,
}

/// A transcription.
struct Session {
    listener: Listener<Arc<Model>>,
    ear: Ear,
    ticket: Option<Ticket>,
    stopped: bool,
    announced: bool,
}

enum Event {
    Outcome(Outcome),
    Message(Result<Option<Message>, Error>),
}

impl Client {
    async fn run(&mut self) -> Result<(), Error> {
        loop {
            self.advance().await?;
            let held = if self.session.is_none() { self.held.take() } else { None };
            let event = match held {
                Some(message) => Event::Message(Ok(Some(message))),
                None => self.wait().await,
            };
            match event {
                Event::Outcome(outcome) => self.decoded(outcome).await?,
                Event::Message(Ok(Some(message))) if self.is_stopped() => self.held = Some(message),
                Event::Message(Ok(Some(message))) => self.handle(message).await?,
                Event::Message(Ok(None)) => return self.half_closed().await,
                Event::Message(Err(error)) => {
                    if let Some(reply) = error.reply() {
                        self.sender.send(reply).await?;
                    }
                    if error.is_fatal() {
                        return Err(error);
                    }
                }
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.stopped)
    }

    /// Waits for the running decode or the client's next message, whichever comes first.
    async fn wait(&mut self) -> Event {
        let Some(Session { listener, ticket: Some(ticket), .. }) = &mut self.session else {
            return Event::Message(self.receiver.recv().await);
        };
        // A client that sends faster than can be decoded waits, and one that asks for more before it has its answer.
        let full = self.held.is_some() || listener.is_full();
        tokio::select! {
            biased;
            outcome = ticket.outcome() => Event::Outcome(outcome),
            message = self.receiver.recv(), if !full => Event::Message(message),
        }
    }

    async fn handle(&mut self, message: Message) -> Result<(), Error> {
        match message {
            Message::Describe => self.sender.send(self.service.info()).await,
            Message::Ping { text } => self.sender.send(Message::Pong { text }).await,
            Message::Transcribe { name, language } => self.ask(name, language).await,
            Message::AudioStart { .. } => self.begin().await,
            Message::AudioChunk { format, audio, .. } => self.hear(format, &audio).await,
            Message::AudioStop { .. } => self.stop().await,
            other => {
                tracing::debug!(?other, "not for a speech-to-text service");
                Ok(())
            }
        }
    }

    async fn ask(&mut self, name: Option<String>, language: Option<String>) -> Result<(), Error> {
        self.session = None;
        let model = &self.service.model.name;
        if let Some(name) = name.filter(|name| !name.is_empty() && name != model && name != NAME) {
            self.asked = Asked { refused: true, ..Asked::default() };
            let text = format!("there is no speech model {name:?} here, only {model:?}");
            return self.sender.send(Message::error("no_such_model", text)).await;
        }
        let chosen = self.service.choose_language(language.as_deref());
        self.asked = Asked { language, refused: chosen.is_err() };
        match chosen {
            Ok(_) => Ok(()),
            Err(reason) => self.sender.send(Message::error(LANGUAGE_NOT_SUPPORTED, reason)).await,
        }
    }

    async fn begin(&mut self) -> Result<(), Error> {
        self.session = None;
        if self.asked.refused {
            return Ok(());
        }
        let language = match self.service.choose_language(self.asked.language.as_deref()) {
            Ok(language) => language,
            Err(reason) => return self.sender.send(Message::error(LANGUAGE_NOT_SUPPORTED, reason)).await,
        };
        self.session = Some(Session {
            listener: Listener::new(self.service.listening, Arc::clone(&self.service.model), language),
            ear: Ear::new(),
            ticket: None,
            stopped: false,
            announced: false,
        });
        Ok(())
    }

    async fn hear(&mut self, format: AudioFormat, audio: &[u8]) -> Result<(), Error> {
        if self.asked.refused {
            return Ok(());
        }
        if self.session.is_none() {
            self.begin().await?;
        }
        let Some(session) = &mut self.session else { return Ok(()) };
        let listener = &mut session.listener;
        match session.ear.hear(format, audio, |frame, voiced| listener.hear(frame, voiced)) {
            Ok(()) => Ok(()),
            Err(error) => self.refuse(&error).await,
        }
    }

    async fn stop(&mut self) -> Result<(), Error> {
        if std::mem::take(&mut self.asked).refused {
            return Ok(());
        }
        if self.session.is_none() {
            self.begin().await?;
        }
        if let Some(session) = &mut self.session {
            let listener = &mut session.listener;
            session.ear.flush(|frame, voiced| listener.hear(frame, voiced));
            session.listener.stop();
            session.stopped = true;
        }
        Ok(())
    }

    async fn refuse(&mut self, error: &EarError) -> Result<(), Error> {
        self.session = None;
        self.asked.refused = true;
        self.sender.send(Message::error("bad_audio_format", error.to_string())).await
    }

    /// Does what the listener wants until it waits.
    async fn advance(&mut self) -> Result<(), Error> {
        while let Some(session) = &mut self.session {
            let covers = session.ticket.as_ref().and_then(Ticket::covers);
            match session.listener.next(covers) {
                Next::Wait => break,
                Next::Abort => session.ticket = None,
                Next::Decode(order) => session.ticket = Some(self.service.pool.order(order)),
                Next::Done(transcript) => {
                    let heard_ms = session.listener.taken_ms();
                    self.announce(transcript.language).await?;
                    self.session = None;
                    self.finish(transcript, heard_ms).await?;
                }
            }
        }
        Ok(())
    }

    async fn decoded(&mut self, outcome: Outcome) -> Result<(), Error> {
        let Some(session) = &mut self.session else { return Ok(()) };
        session.ticket = None;
        match outcome {
            Ok((heard, covers)) => match session.listener.decoded(&heard, covers) {
                Some(chunk) => self.tell(chunk).await,
                None => Ok(()),
            },
            Err(DecodeError::Aborted) => {
                session.listener.given_up();
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "a decode failed");
                self.asked.refused = !session.stopped;
                self.session = None;
                self.sender.send(Message::error("decode_failed", error.to_string())).await
            }
        }
    }

    async fn tell(&mut self, chunk: Chunk) -> Result<(), Error> {
        let language = self.session.as_ref().and_then(|session| session.listener.language());
        let Chunk { text, anew, settled, heard_ms } = chunk;
        if let Some(session) = self.session.as_mut().filter(|_| anew) {
            // A transcript that begins again replaces what was told of it.
            session.announced = false;
        }
        self.announce(language).await?;
        self.sender.send(Message::TranscriptChunk { text, settled: Some(settled), heard_ms: Some(heard_ms) }).await
    }

    /// Says that a transcript begins: once, and again where what was told is void.
    async fn announce(&mut self, language: Option<usize>) -> Result<(), Error> {
        match &mut self.session {
            Some(session) if !session.announced => session.announced = true,
            _ => return Ok(()),
        }
        let language = self.service.language_code(language);
        self.sender.send(Message::TranscriptStart { language }).await
    }

    /// The order is the reference implementation's: the whole transcript before the stream's end.
    async fn finish(&mut self, transcript: Transcript, heard_ms: u64) -> Result<(), Error> {
        let Transcript { text, log_probability, sure, alternatives, rest, language } = transcript;
        let language = self.service.language_code(language);
        self.sender
            .send(Message::TranscriptChunk { text: rest, settled: Some(true), heard_ms: Some(heard_ms) })
            .await?;
        let mut extra = serde_json::Map::new();
        if let Some(log_probability) = log_probability {
            extra.insert("log_probability".to_owned(), log_probability.into());
        }
        if let Some(sure) = sure {
            extra.insert("sure".to_owned(), sure.into());
        }
        if !alternatives.is_empty() {
            let alternatives = alternatives.into_iter().map(|alternative| {
                serde_json::json!({ "text": alternative.text, "log_probability": alternative.log_probability })
            });
            extra.insert("alternatives".to_owned(), alternatives.collect());
        }
        self.sender.send(Message::Transcript { text, language, extra }).await?;
        self.sender.send(Message::TranscriptStop).await
    }

    /// The client sends nothing more. If it is gone, the decode is aborted; if it only closed its sending side after the end of its
    /// audio, it still gets its transcript. Only an attempt to send tells the two apart: the system of a closed peer refuses it.
    async fn half_closed(&mut self) -> Result<(), Error> {
        if !self.is_stopped() {
            return Ok(());
        }
        for _ in 0..2 {
            self.advance().await?;
            let Some(ticket) = self.session.as_mut().and_then(|session| session.ticket.as_mut()) else { return Ok(()) };
            let mut pause = pin!(sleep(PROBE));
            let outcome = tokio::select! {
                outcome = ticket.outcome() => Some(outcome),
                () = &mut pause => None,
            };
            match outcome {
                Some(outcome) => self.decoded(outcome).await?,
                None => self.tell(Chunk { text: String::new(), anew: false, settled: false, heard_ms: 0 }).await?,
            }
        }
        loop {
            self.advance().await?;
            let Some(ticket) = self.session.as_mut().and_then(|session| session.ticket.as_mut()) else { return Ok(()) };
            let outcome = ticket.outcome().await;
            self.decoded(outcome).await?;
        }
    }
}
