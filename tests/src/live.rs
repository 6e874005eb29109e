//! A microphone: sends samples when they would have been recorded, and notes when each answer came.

use std::time::Duration;

use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::client::{FRAME, Listen, with_token};
use crate::server::Server;
use crate::speech::RATE;

/// What the server said, and when it arrived.
#[derive(Debug)]
pub struct Answer {
    /// When.
    pub at: Instant,
    /// The event; an `audio` event arrives together with its samples.
    pub event: Value,
    /// The samples of an `audio` event.
    pub samples: Vec<i16>,
}

/// A conversation whose audio goes out while answers come in.
pub struct Live {
    sink: SplitSink<WebSocketStream<MaybeTlsStream<TcpStream>>, Message>,
    answers: mpsc::Receiver<Answer>,
    reader: JoinHandle<()>,
    began: Instant,
    recorded: usize,
    late: Duration,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Live {
    /// Connects to a server; its turns carry this `source`. The recording begins now.
    pub async fn connect(server: &Server, listen: Listen, source: &str) -> Self {
        let mode = if listen == Listen::PushToTalk { "push_to_talk" } else { "hands_free" };
        let fast = listen == Listen::File;
        let url =
            format!("{}/api/listen?mode={mode}&source={source}&as_fast={fast}", server.url.replacen("http", "ws", 1));
        let (socket, _) = connect_async(with_token(&url, &server.token)).await.expect("a conversation");
        let (sink, mut stream) = socket.split();
        let (sender, answers) = mpsc::channel(4096);
        let reader = tokio::spawn(async move {
            let mut audio = Value::Null;
            while let Some(Ok(message)) = stream.next().await {
                let at = Instant::now();
                let answer = match message {
                    Message::Text(text) => {
                        let event: Value = serde_json::from_str(&text).expect("JSON");
                        if event["type"] == "audio" {
                            audio = event;
                            continue;
                        }
                        Answer { at, event, samples: Vec::new() }
                    }
                    Message::Binary(bytes) => {
                        let samples = bytes.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
                        Answer { at, event: audio.take(), samples }
                    }
                    Message::Close(_) => return,
                    _ => continue,
                };
                if sender.send(answer).await.is_err() {
                    return;
                }
            }
        });
        Self { sink, answers, reader, began: Instant::now(), recorded: 0, late: Duration::ZERO }
    }

    /// The recording begins anew: what was recorded before is past.
    pub fn begin(&mut self) {
        (self.began, self.recorded) = (Instant::now(), 0);
    }

    /// Records these samples: each frame leaves when its last sample has been spoken. Returns when the last sample was.
    pub async fn record(&mut self, samples: &[i16]) -> Instant {
        for frame in samples.chunks(FRAME) {
            self.recorded += frame.len();
            sleep_until(self.now_recorded()).await;
            self.send(frame).await;
            self.late = self.late.max(self.now_recorded().elapsed());
        }
        self.now_recorded()
    }

    /// By how much a frame left too late, at most: what this machine adds to what is measured.
    pub fn late(&self) -> Duration {
        self.late
    }

    /// The moment at which the last recorded sample was spoken.
    fn now_recorded(&self) -> Instant {
        self.began + Duration::from_secs_f64(self.recorded as f64 / RATE as f64)
    }

    /// Sends samples at once.
    pub async fn send(&mut self, samples: &[i16]) {
        for piece in samples.chunks(RATE) {
            let bytes: Vec<u8> = piece.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            self.sink.send(Message::Binary(bytes.into())).await.expect("audio is taken");
        }
    }

    /// Sends a command: `end`, `interrupt` or `bye`.
    pub async fn command(&mut self, name: &str) {
        self.sink.send(Message::text(json!({ "type": name }).to_string())).await.expect("a command is taken");
    }

    /// An answer that is already here.
    pub fn heard(&mut self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }

    /// The next answer, waited for; `None` when the conversation is over or nothing came in time.
    pub async fn answer(&mut self, patience: Duration) -> Option<Answer> {
        timeout(patience, self.answers.recv()).await.ok().flatten()
    }
}
