//! The connection to a running engine: one is always kept open in advance, and it doubles as the engine's pulse.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use vesta_wyoming::{Connection, Info, Message, Sender, Uri};

use crate::EngineKind;

/// Connections that broke this soon after they were opened are not replaced in a tight loop.
const SHORT_LIVED: Duration = Duration::from_secs(1);
/// The pause before such a replacement.
const REOPEN_PAUSE: Duration = Duration::from_millis(100);
/// How many times in a row a connection may fail to open before the engine counts as gone.
const OPEN_ATTEMPTS: u32 = 3;

/// Messages that may wait for the socket.
const WAITING_MESSAGES: usize = 4;

/// What is known of an engine that is ready.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadyInfo {
    /// Which start of the engine this is; grows by one with each.
    pub generation: u64,
    /// The model that the worker loaded, where it said so.
    pub model: Option<String>,
    /// The languages that the worker named, or that `describe` listed.
    pub languages: Vec<String>,
    /// Its full answer to `describe`.
    pub info: Info,
}

impl ReadyInfo {
    /// What is known after the greeting. `languages` are those that the worker named itself; where there are none, those of its
    /// models or voices count.
    pub(crate) fn new(
        kind: EngineKind,
        generation: u64,
        model: Option<String>,
        languages: Vec<String>,
        info: Info,
    ) -> ReadyInfo {
        let described = || -> BTreeSet<String> {
            match kind {
                EngineKind::Stt => {
                    info.asr.iter().flat_map(|asr| &asr.models).flat_map(|model| model.languages.clone()).collect()
                }
                EngineKind::Tts => {
                    info.tts.iter().flat_map(|tts| &tts.voices).flat_map(|voice| voice.languages.clone()).collect()
                }
            }
        };
        let languages = if languages.is_empty() { described().into_iter().collect() } else { languages };
        ReadyInfo { generation, model, languages, info }
    }

    /// Whether the server takes the text of a reply piece by piece.
    pub fn streams_speech(&self) -> bool {
        self.info.tts.iter().any(|program| program.supports_synthesize_streaming)
    }

    /// Whether the server sends partial transcripts.
    pub fn streams_transcripts(&self) -> bool {
        self.info.asr.iter().any(|program| program.supports_transcript_streaming)
    }
}

/// A connection for one request, and what is at its other end.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) connection: Connection,
    pub(crate) ready: Arc<ReadyInfo>,
}

/// What sessions ask of the task that looks after an engine.
#[derive(Debug)]
pub(crate) enum Request {
    /// A connection, as soon as there is one.
    Connect(oneshot::Sender<Lease>),
    /// The worker of this generation does not answer: replace it.
    Stuck { generation: u64, why: String },
}

/// Opens a connection and asks who is there.
pub(crate) async fn greet(uri: &Uri, deadline: Duration) -> Result<(Connection, Info), String> {
    let mut connection = open(uri, deadline).await?;
    let info = describe(&mut connection, deadline).await?;
    Ok((connection, info))
}

async fn open(uri: &Uri, deadline: Duration) -> Result<Connection, String> {
    vesta_wyoming::connect(uri, deadline).await.map_err(|error| error.to_string())
}

async fn describe(connection: &mut Connection, deadline: Duration) -> Result<Info, String> {
    let answer = async {
        connection.send(Message::Describe).await.map_err(|error| error.to_string())?;
        loop {
            match connection.recv().await {
                Ok(Some(Message::Info(info))) => return Ok(info),
                Ok(Some(_)) => {}
                Ok(None) => return Err("it closed the connection when asked to describe itself".to_owned()),
                Err(error) => return Err(error.to_string()),
            }
        }
    };
    match tokio::time::timeout(deadline, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("it accepted the connection but did not describe itself within {deadline:?}")),
    }
}

/// What woke the keeper of the idle connection.
enum Wake {
    Request(Option<Request>),
    Received(bool),
    Health,
}

/// Keeps one idle connection and hands it out, until the engine is gone; returns why it counts as gone.
pub(crate) struct Keeper<'a> {
    pub(crate) uri: &'a Uri,
    pub(crate) ready: Arc<ReadyInfo>,
    pub(crate) deadline: Duration,
    pub(crate) health_interval: Duration,
}

impl Keeper<'_> {
    pub(crate) async fn run(&self, first: Connection, requests: &mut mpsc::Receiver<Request>) -> String {
        let mut idle = first;
        let mut opened = Instant::now();
        loop {
            match self.watch(&mut idle, requests).await {
                Wake::Request(None) => std::future::pending().await,
                Wake::Request(Some(Request::Stuck { generation, why })) => {
                    if generation == self.ready.generation {
                        return why;
                    }
                    continue;
                }
                Wake::Request(Some(Request::Connect(asker))) => {
                    if asker.is_closed() {
                        continue;
                    }
                    let lease = Lease { connection: idle, ready: Arc::clone(&self.ready) };
                    // An asker who left in this very moment takes the connection along; the next one gets a new one.
                    let _ = asker.send(lease);
                }
                Wake::Received(true) => continue,
                Wake::Received(false) => {
                    if opened.elapsed() < SHORT_LIVED {
                        tokio::time::sleep(REOPEN_PAUSE).await;
                    }
                }
                Wake::Health => match describe(&mut idle, self.deadline).await {
                    Ok(_) => continue,
                    Err(why) => tracing::debug!(uri = %self.uri, why, "the idle connection is broken"),
                },
            }
            idle = match self.reopen().await {
                Ok(connection) => connection,
                Err(why) => return why,
            };
            opened = Instant::now();
        }
    }

    async fn watch(&self, idle: &mut Connection, requests: &mut mpsc::Receiver<Request>) -> Wake {
        tokio::select! {
            biased;
            received = idle.recv() => Wake::Received(matches!(received, Ok(Some(_)))),
            request = requests.recv() => Wake::Request(request),
            () = tokio::time::sleep(self.health_interval) => Wake::Health,
        }
    }

    async fn reopen(&self) -> Result<Connection, String> {
        let mut why = String::new();
        for attempt in 0..OPEN_ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(REOPEN_PAUSE).await;
            }
            match open(self.uri, self.deadline).await {
                Ok(connection) => return Ok(connection),
                Err(error) => why = error,
            }
        }
        Err(why)
    }
}

/// The task that writes to the socket: a message half written must never be dropped.
pub(crate) struct Writer(Option<AbortOnDropHandle<String>>);

pub(crate) fn spawn_writer(mut sender: Sender) -> (mpsc::Sender<Message>, Writer) {
    let (outbox, mut messages) = mpsc::channel::<Message>(WAITING_MESSAGES);
    let task = AbortOnDropHandle::new(tokio::spawn(async move {
        while let Some(message) = messages.recv().await {
            if let Err(error) = sender.send(message).await {
                return error.to_string();
            }
        }
        "it is no longer needed".to_owned()
    }));
    (outbox, Writer(Some(task)))
}

impl Writer {
    /// Why it gave up.
    pub(crate) async fn why(&mut self) -> String {
        match self.0.take() {
            Some(task) => task.await.unwrap_or_else(|error| error.to_string()),
            None => "it closed the connection".to_owned(),
        }
    }
}
