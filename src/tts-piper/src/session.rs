//! One connection: requests in, audio out, one request after the other.

use vesta_wyoming::{AudioFormat, Connection, Error, Event, Message, Sender, Voice};

use crate::choose::{Chosen, Engine};
use crate::info;
use crate::speech::{Speech, SpeechError};
use crate::text::{Clause, SpokenText};

/// Length of the pieces in which audio is sent, in milliseconds.
const PIECE_MS: usize = 40;
/// Silence between two sentences, in milliseconds.
const SENTENCE_PAUSE_MS: usize = 280;
/// Silence between two clauses of a sentence, in milliseconds.
const CLAUSE_PAUSE_MS: usize = 110;

/// Serves a connection until the peer closes it. Dropping the future stops what is being spoken.
///
/// # Errors
/// When the peer is gone or does not speak the protocol.
pub(crate) async fn serve(speech: Speech, max_chars: usize, connection: Connection) -> Result<(), Error> {
    let peer = connection.peer().to_owned();
    let (mut sender, mut receiver) = connection.split();
    let mut stream = Stream::Idle;
    loop {
        let message = match receiver.recv().await {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            // Somebody who keeps a connection for later and has nothing to say is no fault.
            Err(Error::Idle(_)) if matches!(stream, Stream::Idle) => return Ok(()),
            Err(error) => {
                if let Some(reply) = error.reply() {
                    sender.send(reply).await?;
                }
                if error.is_fatal() {
                    return Err(error);
                }
                continue;
            }
        };
        match message {
            Message::Describe => sender.send(Message::Info(info::info(&speech))).await?,
            Message::Ping { text } => sender.send(Message::Pong { text }).await?,
            // Clients that stream send the whole text as well, for servers that cannot.
            Message::Synthesize { .. } if !matches!(stream, Stream::Idle) => {}
            Message::Synthesize { text, voice } => {
                let Some(mut request) = begin(&speech, &peer, voice.as_ref(), max_chars, &mut sender).await? else {
                    continue;
                };
                if request.push(&text, &mut sender).await? {
                    request.finish(&mut sender).await?;
                }
            }
            Message::SynthesizeStart { voice } => {
                let request = begin(&speech, &peer, voice.as_ref(), max_chars, &mut sender).await?;
                stream = request.map_or(Stream::Failed, |request| Stream::Speaking(Box::new(request)));
            }
            Message::SynthesizeChunk { text } => {
                if let Stream::Speaking(request) = &mut stream
                    && !request.push(&text, &mut sender).await?
                {
                    stream = Stream::Failed;
                }
            }
            Message::SynthesizeStop => {
                if let Stream::Speaking(mut request) = std::mem::replace(&mut stream, Stream::Idle) {
                    request.finish(&mut sender).await?;
                }
                sender.send(Message::SynthesizeStopped).await?;
            }
            other => tracing::debug!(peer, event = Event::from(other).kind, "not for a text-to-speech service"),
        }
    }
}

/// Where a streamed request is.
#[derive(Debug)]
enum Stream {
    Idle,
    Speaking(Box<Request>),
    /// It ended with an error; the rest of its text is read and dropped.
    Failed,
}

async fn begin(
    speech: &Speech,
    peer: &str,
    voice: Option<&Voice>,
    max_chars: usize,
    sender: &mut Sender,
) -> Result<Option<Request>, Error> {
    let chosen = speech.choose(voice);
    if !chosen.notes.is_empty() {
        tracing::warn!(peer, "{}", chosen.notes.join("; "));
    }
    match speech.language(&chosen.language) {
        Ok(language) => Ok(Some(Request {
            speech: speech.clone(),
            peer: peer.to_owned(),
            spoken: SpokenText::new(language),
            chosen,
            started: None,
            sent: 0,
            pause_ms: 0,
            chars_left: max_chars,
            max_chars,
        })),
        Err(error) => {
            sender.send(failure(&error)).await?;
            Ok(None)
        }
    }
}

/// A text that is being spoken.
#[derive(Debug)]
struct Request {
    speech: Speech,
    peer: String,
    spoken: SpokenText,
    chosen: Chosen,
    /// The rate of the audio that was begun, in samples a second.
    started: Option<u32>,
    /// Samples sent since then.
    sent: u64,
    /// Silence due before the next clause.
    pause_ms: usize,
    chars_left: usize,
    max_chars: usize,
}

impl Request {
    /// Takes more text and speaks what is complete. Returns whether the request goes on; where it does not, the peer was told.
    async fn push(&mut self, text: &str, sender: &mut Sender) -> Result<bool, Error> {
        let count = text.chars().count();
        if count > self.chars_left {
            let text = format!("the text is longer than {} characters: send it in several requests", self.max_chars);
            sender.send(Message::error("text_too_long", text)).await?;
            self.stop(sender).await?;
            return Ok(false);
        }
        self.chars_left -= count;
        let clauses = self.spoken.push(text);
        self.speak(clauses, sender).await
    }

    /// The text is complete: speaks what is left and ends the audio.
    async fn finish(&mut self, sender: &mut Sender) -> Result<(), Error> {
        let clauses = self.spoken.finish();
        if !self.speak(clauses, sender).await? {
            return Ok(());
        }
        if self.started.is_none() {
            // Nothing to say is said in no samples, so that nobody waits for more.
            let rate = match &self.chosen.engine {
                Engine::Piper { voice, .. } => voice.rate,
                Engine::Espeak { .. } => self.speech.espeak_rate(),
            };
            self.start(rate, sender).await?;
        }
        self.stop(sender).await
    }

    async fn speak(&mut self, clauses: Vec<Clause>, sender: &mut Sender) -> Result<bool, Error> {
        for clause in clauses {
            match self.speak_clause(&clause, sender).await {
                Ok(()) => {}
                Err(Failure::Peer(error)) => return Err(error),
                Err(Failure::Speech(error)) => {
                    tracing::error!(peer = self.peer, %error, "cannot speak");
                    sender.send(failure(&error)).await?;
                    self.stop(sender).await?;
                    return Ok(false);
                }
            }
            self.pause_ms = if clause.sentence_end { SENTENCE_PAUSE_MS } else { CLAUSE_PAUSE_MS };
        }
        Ok(true)
    }

    async fn speak_clause(&mut self, clause: &Clause, sender: &mut Sender) -> Result<(), Failure> {
        let before = self.chosen.voice_name();
        let mut sound = self.speech.speak(&mut self.chosen, &clause.text).await?;
        if before != self.chosen.voice_name() {
            tracing::warn!(peer = self.peer, "{}", self.chosen.notes.join("; "));
        }
        if self.started != Some(sound.rate) {
            self.stop(sender).await?;
            self.start(sound.rate, sender).await?;
        }
        let pause = vec![0; self.pause_ms * sound.rate as usize / 1000];
        self.send(&pause, sound.rate, sender).await?;
        while let Some(samples) = sound.next().await? {
            self.send(&samples, sound.rate, sender).await?;
        }
        Ok(())
    }

    /// Tells who speaks beside the format: other clients ignore the additional fields.
    async fn start(&mut self, rate: u32, sender: &mut Sender) -> Result<(), Error> {
        self.started = Some(rate);
        self.sent = 0;
        let engine = match &self.chosen.engine {
            Engine::Piper { .. } => "piper",
            Engine::Espeak { .. } => "espeak-ng",
        };
        tracing::info!(
            peer = self.peer,
            voice = self.chosen.voice_name(),
            engine,
            speed = self.chosen.speed,
            "speaking"
        );
        let mut event = Event::from(Message::AudioStart { format: AudioFormat::mono16(rate), timestamp: Some(0) })
            .with("engine", engine)
            .with("voice", self.chosen.voice_name());
        if !self.chosen.notes.is_empty() {
            event = event.with("note", self.chosen.notes.join("; "));
        }
        sender.send_event(event).await
    }

    async fn send(&mut self, samples: &[i16], rate: u32, sender: &mut Sender) -> Result<(), Error> {
        for piece in samples.chunks((rate as usize * PIECE_MS / 1000).max(1)) {
            let timestamp = Some(self.sent * 1000 / u64::from(rate.max(1)));
            self.sent += piece.len() as u64;
            let audio = AudioFormat::pcm16(piece);
            sender.send(Message::AudioChunk { format: AudioFormat::mono16(rate), timestamp, audio }).await?;
        }
        Ok(())
    }

    /// Ends the audio, where it was begun.
    async fn stop(&mut self, sender: &mut Sender) -> Result<(), Error> {
        let Some(rate) = self.started.take() else { return Ok(()) };
        let timestamp = Some(self.sent * 1000 / u64::from(rate.max(1)));
        sender.send(Message::AudioStop { timestamp }).await
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let Some(rate) = self.started {
            let sent_ms = self.sent * 1000 / u64::from(rate.max(1));
            tracing::info!(peer = self.peer, sent_ms, "speech abandoned: the peer is gone");
        }
    }
}

enum Failure {
    Peer(Error),
    Speech(SpeechError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Peer(error)
    }
}

impl From<SpeechError> for Failure {
    fn from(error: SpeechError) -> Self {
        Self::Speech(error)
    }
}

fn failure(error: &SpeechError) -> Message {
    Message::error("synthesis_failed", error.to_string())
}
