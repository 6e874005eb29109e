//! A client of the Realtime protocol over a WebSocket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::client::with_token;
use crate::server::{PATIENCE, Server};

/// A connection to `/v1/realtime`.
pub struct Realtime {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Everything that was told so far.
    pub told: Vec<Value>,
}

impl Realtime {
    /// Connects with the owner's token and waits for `session.created`.
    pub async fn connect(server: &Server) -> Self {
        Self::with(server, &server.token, "model=gpt-realtime").await
    }

    /// Connects with a token and a query.
    pub async fn with(server: &Server, token: &str, query: &str) -> Self {
        let url = format!("{}/v1/realtime?{query}", server.url.replacen("http", "ws", 1));
        let (socket, _) = connect_async(with_token(&url, token)).await.expect("a session");
        let mut realtime = Self { socket, told: Vec::new() };
        realtime.until("session.created").await;
        realtime
    }

    /// Sends an event.
    pub async fn send(&mut self, event: Value) {
        self.text(event.to_string()).await;
    }

    /// Sends any text.
    pub async fn text(&mut self, text: String) {
        self.socket.send(Message::text(text)).await.expect("it is sent");
    }

    /// Sends an event; an error where the server has closed the connection.
    pub async fn try_send(&mut self, event: &Value) -> Result<(), tokio_tungstenite::tungstenite::Error> {
        self.socket.send(Message::text(event.to_string())).await
    }

    /// Configures the session and waits until it is.
    pub async fn update(&mut self, session: Value) -> Value {
        self.send(json!({ "type": "session.update", "session": session })).await;
        self.until("session.updated").await
    }

    /// The next event; `None` when the connection is closed.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await;
            let message = message.unwrap_or_else(|_| panic!("nothing more is told after {:#?}", self.kinds()));
            match message {
                Some(Ok(Message::Text(text))) => {
                    let event: Value = serde_json::from_str(&text).expect("JSON");
                    self.told.push(event.clone());
                    return Some(event);
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Waits for an event of this type.
    pub async fn until(&mut self, kind: &str) -> Value {
        loop {
            match self.next().await {
                Some(event) if event["type"] == kind => return event,
                Some(event) if event["type"] == "error" && kind != "error" => panic!("{event:#}"),
                Some(_) => {}
                None => panic!("the session ended before {kind}: {:#?}", self.kinds()),
            }
        }
    }

    /// Waits until the server closes the connection.
    pub async fn closed(&mut self) {
        while self.next().await.is_some() {}
    }

    /// Sends samples in pieces of 100 ms, as they are spoken (`live`) or all at once. `samples` are of 24 kHz.
    pub async fn speak(&mut self, samples: &[i16], live: bool) {
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        for piece in samples.chunks(2_400) {
            if live {
                ticks.tick().await;
            }
            self.send(append(piece)).await;
        }
    }

    /// Writes to the house.
    pub async fn type_in(&mut self, text: &str) {
        let content = json!([{ "type": "input_text", "text": text }]);
        let item = json!({ "type": "message", "role": "user", "content": content });
        self.send(json!({ "type": "conversation.item.create", "item": item })).await;
    }

    /// Asks for a response and waits for its end: what is said, in small letters, and the response.
    pub async fn respond(&mut self) -> (String, Value) {
        self.send(json!({ "type": "response.create" })).await;
        self.answer().await
    }

    /// Waits for the end of a response: what is said, in small letters, and the response.
    pub async fn answer(&mut self) -> (String, Value) {
        let response = self.until("response.done").await["response"].clone();
        let parts = response["output"].as_array().expect("output").iter().flat_map(|item| item["content"].as_array());
        let said = parts.flatten().filter_map(|part| part["transcript"].as_str().or(part["text"].as_str()));
        (said.collect::<Vec<_>>().join(" ").to_lowercase(), response)
    }

    /// The types of everything told so far.
    pub fn kinds(&self) -> Vec<&str> {
        self.told.iter().filter_map(|event| event["type"].as_str()).collect()
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        let _ = self.socket.close(None).await;
    }
}

/// Audio as an event; samples of 24 kHz.
pub fn append(samples: &[i16]) -> Value {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    json!({ "type": "input_audio_buffer.append", "audio": base64(&bytes) })
}

/// Bytes as base64 (RFC 4648).
pub fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// 16 kHz samples at another rate.
pub fn resampled(samples: &[i16], to: u32) -> Vec<i16> {
    let mut resampler = vesta_audio::Resampler::new(vesta_audio::SAMPLE_RATE, to).expect("a rate");
    let mut out = resampler.process(samples);
    out.extend(resampler.flush());
    out
}
