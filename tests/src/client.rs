//! Speaks to a server as a phone would.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::server::PATIENCE;

/// Samples in 20 ms of 16 kHz audio.
pub const FRAME: usize = 320;

/// How a client is heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Listen {
    /// The client says where a sentence ends.
    #[default]
    PushToTalk,
    /// The server finds it; audio comes in real time.
    HandsFree,
    /// The server finds it; audio comes as fast as it is taken.
    File,
}

/// A conversation with a server.
pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// What a client was told in one turn.
#[derive(Debug, Clone, Default)]
pub struct Turn {
    /// Every event, in order.
    pub events: Vec<Value>,
    /// Rate of the reply.
    pub rate: u32,
    /// The reply.
    pub reply: Vec<i16>,
    /// When the first audio of the reply came.
    pub first_audio: Option<Instant>,
}

impl Turn {
    /// A field of the first event of a type.
    pub fn field(&self, kind: &str, name: &str) -> Option<&str> {
        self.events.iter().find(|event| event["type"] == kind)?[name].as_str()
    }

    /// What was heard.
    pub fn transcript(&self) -> &str {
        self.field("transcript", "text").unwrap_or_default()
    }

    /// What was said.
    pub fn said(&self) -> &str {
        self.field("say", "text").unwrap_or_default()
    }

    /// How it ended.
    pub fn outcome(&self) -> &str {
        self.field("finished", "outcome").unwrap_or_default()
    }

    /// The error's code, if there was one.
    pub fn error(&self) -> Option<&str> {
        self.field("failed", "code")
    }
}

/// A request for a WebSocket, with a token.
pub fn with_token(url: &str, token: &str) -> Request {
    let mut request = url.into_client_request().expect("an address");
    let bearer = HeaderValue::from_str(&format!("Bearer {token}")).expect("a header");
    request.headers_mut().insert(AUTHORIZATION, bearer);
    request
}

impl Client {
    /// Connects to the server at `url` with a token.
    pub async fn connect(url: &str, token: &str, listen: Listen) -> Self {
        let mode = if listen == Listen::PushToTalk { "push_to_talk" } else { "hands_free" };
        let url = format!(
            "{}/api/listen?mode={mode}&source=test&as_fast={}",
            url.replacen("http", "ws", 1),
            listen == Listen::File
        );
        let (socket, _) = connect_async(with_token(&url, token)).await.expect("a conversation");
        Self { socket }
    }

    /// Sends samples at once.
    pub async fn send(&mut self, samples: &[i16]) {
        for piece in samples.chunks(FRAME * 50) {
            let bytes: Vec<u8> = piece.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            self.socket.send(Message::Binary(bytes.into())).await.expect("audio is taken");
        }
    }

    /// Sends samples as they would be spoken. Returns when the last one was.
    pub async fn speak(&mut self, samples: &[i16]) -> Instant {
        let began = tokio::time::Instant::now();
        for (number, frame) in samples.chunks(FRAME).enumerate() {
            sleep_until(began + Duration::from_millis(20) * number as u32).await;
            let bytes: Vec<u8> = frame.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            self.socket.send(Message::Binary(bytes.into())).await.expect("audio is taken");
        }
        sleep_until(began + Duration::from_millis(20) * samples.len().div_ceil(FRAME) as u32).await;
        Instant::now()
    }

    /// The button is released.
    pub async fn end(&mut self) {
        self.command("end").await;
    }

    /// Stop speaking.
    pub async fn interrupt(&mut self) {
        self.command("interrupt").await;
    }

    /// Nothing more comes.
    pub async fn bye(&mut self) {
        self.command("bye").await;
    }

    async fn command(&mut self, name: &str) {
        self.socket.send(Message::text(json!({ "type": name }).to_string())).await.expect("a command is taken");
    }

    /// The next event or piece of audio, as `(event, samples)`; `None` when the conversation is over.
    pub async fn next(&mut self) -> Option<(Value, Vec<i16>)> {
        let mut audio = Value::Null;
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await.expect("the server says something in time")?;
            match message.ok()? {
                Message::Text(text) => {
                    let event: Value = serde_json::from_str(&text).expect("JSON");
                    if event["type"] != "audio" {
                        return Some((event, Vec::new()));
                    }
                    audio = event;
                }
                Message::Binary(bytes) => {
                    let samples = bytes.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
                    return Some((audio, samples));
                }
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// Waits for an event of this type and returns it.
    pub async fn event(&mut self, kind: &str) -> Value {
        loop {
            let (event, _) = self.next().await.unwrap_or_else(|| panic!("the conversation ended before '{kind}'"));
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// Everything until a turn is finished; `None` when the conversation ends before.
    pub async fn turn(&mut self) -> Option<Turn> {
        let mut turn = Turn::default();
        loop {
            let (event, samples) = self.next().await?;
            if event["type"] == "audio" {
                turn.first_audio.get_or_insert_with(Instant::now);
                turn.rate = event["rate"].as_u64().expect("a rate") as u32;
                turn.reply.extend(samples);
                continue;
            }
            let finished = event["type"] == "finished";
            turn.events.push(event);
            if finished {
                return Some(turn);
            }
        }
    }

    /// Says all of `samples` with the button held, and returns what came of it.
    pub async fn command_by_voice(&mut self, samples: &[i16]) -> Turn {
        self.send(samples).await;
        self.end().await;
        self.turn().await.expect("a turn")
    }
}
