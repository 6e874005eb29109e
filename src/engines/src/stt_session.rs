//! One utterance on its way through a worker: keeps the audio, and starts over with the next worker when one is lost.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::time::Instant;
use vesta_wyoming::{AudioFormat, Message};

use crate::engine::SessionGuard;
use crate::link::{Lease, spawn_writer};
use crate::{Alternative, Engine, EngineError, SttEvent, SttOptions};

/// Samples a second of everything that is listened to.
const SAMPLE_RATE: u32 = 16_000;
const FORMAT: AudioFormat = AudioFormat::mono16(SAMPLE_RATE);
/// The most samples in one message: half a second, when kept audio is sent in bulk.
const MAX_CHUNK: usize = 8_000;

/// Alternatives to a transcript that are looked at.
const MAX_ALTERNATIVES: usize = 64;

/// What the caller puts in.
#[derive(Debug)]
pub(crate) enum Input {
    Audio(Vec<i16>),
    Finish,
}

/// How a conversation with one worker ended.
enum End {
    Answered,
    Abandoned,
    Lost(String),
    Stuck(Duration),
    Fatal(EngineError),
}

/// Everything that outlives a worker.
pub(crate) struct Session {
    engine: Engine,
    options: SttOptions,
    inbox: mpsc::Receiver<Input>,
    events: mpsc::Sender<SttEvent>,
    kept: Kept,
    finished: bool,
    reported_ms: u64,
    _counted: SessionGuard,
}

impl Session {
    pub(crate) fn new(
        engine: Engine,
        options: SttOptions,
        inbox: mpsc::Receiver<Input>,
        events: mpsc::Sender<SttEvent>,
    ) -> Session {
        let kept = Kept::new(samples_in(options.keep));
        let counted = engine.count_session();
        Session { engine, options, inbox, events, kept, finished: false, reported_ms: 0, _counted: counted }
    }

    /// Runs until the transcript is delivered, has become impossible, or is not wanted any more.
    pub(crate) async fn run(mut self) {
        let (mut lost, mut stuck) = (0, 0);
        // The worker that was lost last: the next one is waited for.
        let mut before = None;
        loop {
            let lease = match self.lease(before).await {
                Some(Ok(lease)) => lease,
                Some(Err(error)) => return self.fail(error).await,
                None => return,
            };
            let generation = lease.ready.generation;
            before = Some(generation);
            let why = match self.converse(lease).await {
                End::Answered | End::Abandoned => return,
                End::Fatal(error) => return self.fail(error).await,
                End::Lost(why) => {
                    lost += 1;
                    why
                }
                End::Stuck(waited) => {
                    stuck += 1;
                    let why = format!("it did not answer within {waited:?}");
                    self.engine.report_stuck(generation, why.clone()).await;
                    if stuck > 1 {
                        return self.fail(self.timeout(waited)).await;
                    }
                    why
                }
            };
            if lost > self.options.retries {
                return self.fail(self.died(lost, why)).await;
            }
            if self.kept.is_cut() {
                return self.fail(self.too_long(why)).await;
            }
            tracing::info!(engine = self.engine.name(), why, lost, "sending the kept audio again");
            if self.events.send(SttEvent::Retrying { why }).await.is_err() {
                return;
            }
        }
    }

    /// Waits for a worker while the audio keeps coming. `None`: the caller left.
    async fn lease(&mut self, before: Option<u64>) -> Option<Result<Lease, EngineError>> {
        let engine = self.engine.clone();
        let lease = engine.lease(self.options.patience, before);
        tokio::pin!(lease);
        loop {
            tokio::select! {
                lease = &mut lease => return Some(lease),
                input = self.inbox.recv(), if !self.finished && self.kept.has_room(self.kept.begin()) => self.take(input)?,
                () = self.events.closed() => return None,
            }
        }
    }

    /// Keeps what came in. `None`: the caller left without a finish.
    fn take(&mut self, input: Option<Input>) -> Option<()> {
        match input? {
            Input::Audio(samples) => self.kept.push(&samples),
            Input::Finish => self.finished = true,
        }
        Some(())
    }

    /// Talks to one worker: sends what is kept and what is still to come, and passes on what comes back.
    async fn converse(&mut self, lease: Lease) -> End {
        let events = self.events.clone();
        let (sender, mut receiver) = lease.connection.split();
        let (outbox, mut writer) = spawn_writer(sender);
        let mut script = Script::new(self.kept.begin(), self.options.language.clone());
        let mut heard = Heard::default();
        let mut waiting: Option<SttEvent> = None;
        let mut deadline: Option<(Instant, Duration)> = None;
        loop {
            let next = script.next(&self.kept, self.finished);
            if self.finished && deadline.is_none() {
                let patience = self.options.answer_deadline + self.kept.duration();
                deadline = Some((Instant::now() + patience, patience));
            }
            tokio::select! {
                biased;
                message = receiver.recv() => {
                    let event = match message {
                        Ok(Some(message)) => match heard.take(message) {
                            Ok(event) => event,
                            Err(trouble) => return End::Fatal(self.trouble(trouble)),
                        },
                        Ok(None) => return End::Lost("it closed the connection".to_owned()),
                        Err(error) if error.is_fatal() => return End::Lost(error.to_string()),
                        Err(error) => {
                            tracing::debug!(engine = self.engine.name(), %error, "ignored");
                            None
                        }
                    };
                    match event {
                        Some(last @ SttEvent::Final { .. }) => return self.answer(last).await,
                        Some(partial) if self.is_news(&partial) => waiting = Some(partial),
                        _ => {}
                    }
                }
                permit = events.reserve(), if waiting.is_some() => match permit {
                    Ok(permit) => {
                        if let Some(event) = waiting.take() {
                            permit.send(event);
                        }
                    }
                    Err(_) => return End::Abandoned,
                },
                permit = outbox.reserve(), if next.is_some() => match (permit, next) {
                    (Ok(permit), Some(step)) => {
                        permit.send(script.take(&self.kept, step));
                        self.kept.forget(script.position);
                    }
                    _ => return End::Lost(writer.why().await),
                },
                input = self.inbox.recv(), if !self.finished && self.kept.has_room(script.position) => {
                    if self.take(input).is_none() {
                        return End::Abandoned;
                    }
                }
                () = events.closed() => return End::Abandoned,
                () = until(deadline) => {
                    return End::Stuck(deadline.map(|(_, patience)| patience).unwrap_or_default());
                }
            }
        }
    }

    /// Whether a partial transcript says more than what was already passed on: a restarted worker first goes over old ground.
    fn is_news(&mut self, event: &SttEvent) -> bool {
        let SttEvent::Partial { heard_ms, .. } = event else { return true };
        if *heard_ms < self.reported_ms {
            return false;
        }
        self.reported_ms = *heard_ms;
        true
    }

    async fn answer(&self, last: SttEvent) -> End {
        match self.events.send(last).await {
            Ok(()) => End::Answered,
            Err(_) => End::Abandoned,
        }
    }

    async fn fail(&self, error: EngineError) {
        tracing::warn!(engine = self.engine.name(), code = error.code(), %error, "no transcript");
        // Nobody listening any more is as good an end as any.
        let _ = self.events.send(SttEvent::Failed(error)).await;
    }

    fn trouble(&self, trouble: Trouble) -> EngineError {
        let (kind, name) = (self.engine.kind(), self.engine.name().to_owned());
        match trouble {
            Trouble::Refused { text, code } => EngineError::Refused { kind, name, text, engine_code: code },
            Trouble::Unusable(text) => EngineError::Protocol { kind, name, text },
        }
    }

    fn died(&self, attempts: u32, why: String) -> EngineError {
        let (kind, name) = (self.engine.kind(), self.engine.name().to_owned());
        EngineError::Died { kind, name, attempts, why, stderr_tail: self.engine.stderr_tail() }
    }

    fn timeout(&self, waited: Duration) -> EngineError {
        EngineError::Timeout { kind: self.engine.kind(), name: self.engine.name().to_owned(), waited }
    }

    fn too_long(&self, why: String) -> EngineError {
        let why = format!("its beginning is no longer kept, and the worker that had heard it was lost: {why}");
        EngineError::TooLong { kind: self.engine.kind(), name: self.engine.name().to_owned(), why }
    }
}

/// The audio of an utterance. What was sent is kept up to a limit; what was not is never dropped, instead no more is taken in.
struct Kept {
    samples: VecDeque<i16>,
    limit: usize,
    /// Samples dropped at the front.
    dropped: usize,
}

impl Kept {
    fn new(limit: usize) -> Kept {
        Kept { samples: VecDeque::new(), limit, dropped: 0 }
    }

    fn push(&mut self, samples: &[i16]) {
        self.samples.extend(samples);
    }

    /// Whether more may come in, when everything before `sent` was sent.
    fn has_room(&self, sent: usize) -> bool {
        self.end().saturating_sub(sent) < self.limit
    }

    /// Drops what is beyond the limit, from the front, but nothing from `sent` on.
    fn forget(&mut self, sent: usize) {
        let over = self.samples.len().saturating_sub(self.limit).min(sent.saturating_sub(self.dropped));
        self.samples.drain(..over);
        self.dropped += over;
    }

    /// Whether the beginning is gone.
    fn is_cut(&self) -> bool {
        self.dropped > 0
    }

    /// Where the kept audio begins, counted in samples from the beginning of the utterance.
    fn begin(&self) -> usize {
        self.dropped
    }

    fn end(&self) -> usize {
        self.dropped + self.samples.len()
    }

    fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.end() as f64 / f64::from(SAMPLE_RATE))
    }

    /// Samples from `from` on, at most `count` of them, as little-endian bytes.
    fn bytes(&self, from: usize, count: usize) -> Bytes {
        let skip = from.saturating_sub(self.dropped);
        self.samples.iter().skip(skip).take(count).flat_map(|sample| sample.to_le_bytes()).collect()
    }
}

/// What is to be sent next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Transcribe,
    Start,
    Audio,
    Stop,
}

/// How far the conversation with one worker has come.
struct Script {
    language: Option<String>,
    told: bool,
    started: bool,
    stopped: bool,
    /// The next sample to be sent, counted from the beginning of the utterance.
    position: usize,
}

impl Script {
    fn new(position: usize, language: Option<String>) -> Script {
        Script { language, told: false, started: false, stopped: false, position }
    }

    fn next(&self, kept: &Kept, finished: bool) -> Option<Step> {
        match () {
            () if !self.told => Some(Step::Transcribe),
            () if !self.started => Some(Step::Start),
            () if self.position < kept.end() => Some(Step::Audio),
            () if finished && !self.stopped => Some(Step::Stop),
            () => None,
        }
    }

    fn take(&mut self, kept: &Kept, step: Step) -> Message {
        let timestamp = Some(milliseconds(self.position));
        match step {
            Step::Transcribe => {
                self.told = true;
                Message::Transcribe { name: None, language: self.language.clone().filter(|name| name != "auto") }
            }
            Step::Start => {
                self.started = true;
                Message::AudioStart { format: FORMAT, timestamp }
            }
            Step::Audio => {
                let count = (kept.end() - self.position).min(MAX_CHUNK);
                let audio = kept.bytes(self.position, count);
                self.position += count;
                Message::AudioChunk { format: FORMAT, timestamp, audio }
            }
            Step::Stop => {
                self.stopped = true;
                Message::AudioStop { timestamp }
            }
        }
    }
}

/// Why a worker's answer cannot become a transcript.
enum Trouble {
    Refused { text: String, code: Option<String> },
    Unusable(String),
}

/// What has been understood from one worker so far.
#[derive(Default)]
struct Heard {
    text: String,
}

impl Heard {
    fn take(&mut self, message: Message) -> Result<Option<SttEvent>, Trouble> {
        match message {
            Message::TranscriptStart { .. } => self.text.clear(),
            Message::TranscriptChunk { text, settled, heard_ms } => {
                self.text.push_str(&text);
                let (settled, heard_ms) = (settled.unwrap_or(false), heard_ms.unwrap_or(0));
                return Ok(Some(SttEvent::Partial { text: self.text.trim().to_owned(), settled, heard_ms }));
            }
            Message::Transcript { text, language, extra } => {
                return Ok(Some(SttEvent::Final {
                    text: text.trim().to_owned(),
                    language,
                    log_probability: log_probability(&extra),
                    sure: extra.get("sure").and_then(Value::as_bool),
                    alternatives: alternatives(&extra),
                }));
            }
            Message::Error { text, code } => return Err(Trouble::Refused { text, code }),
            Message::Synthesize { .. } | Message::Transcribe { .. } => {
                return Err(Trouble::Unusable("a request instead of a transcript".to_owned()));
            }
            // What else a server may say (voice activity, its own extensions) is none of a transcript's business.
            _ => {}
        }
        Ok(None)
    }
}

/// How sure the engine says that it is. Fields that make no sense are as good as none: they are an extension that others need not know.
fn log_probability(fields: &Map<String, Value>) -> Option<f64> {
    fields.get("log_probability").and_then(Value::as_f64).filter(|value| *value <= 0.0)
}

fn alternatives(fields: &Map<String, Value>) -> Vec<Alternative> {
    let listed = fields.get("alternatives").and_then(Value::as_array).into_iter().flatten();
    let mut alternatives: Vec<Alternative> = listed
        .take(MAX_ALTERNATIVES)
        .filter_map(|listed| {
            let fields = listed.as_object()?;
            let text = fields.get("text")?.as_str()?.trim().to_owned();
            Some(Alternative { text, log_probability: log_probability(fields)? })
        })
        .filter(|alternative| !alternative.text.is_empty())
        .collect();
    alternatives.sort_by(|a, b| b.log_probability.total_cmp(&a.log_probability));
    alternatives
}

/// Waits for a moment, or for ever where there is none.
async fn until(deadline: Option<(Instant, Duration)>) {
    match deadline {
        Some((moment, _)) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn samples_in(span: Duration) -> usize {
    (span.as_secs_f64() * f64::from(SAMPLE_RATE)) as usize
}

fn milliseconds(samples: usize) -> u64 {
    samples as u64 * 1000 / u64::from(SAMPLE_RATE)
}
