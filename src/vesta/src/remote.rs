//! Speaks to a running server over its own web endpoints.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Method, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use vesta_server::{ReachReport, Status};

/// A server's web endpoints.
#[derive(Clone)]
pub(crate) struct Server {
    url: String,
    http: Client,
    /// `Bearer …`, as a header.
    authorization: HeaderValue,
}

/// How a client is heard.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listen {
    /// The ear finds the end of a sentence; otherwise the client says it.
    pub hands_free: bool,
    /// Audio comes as fast as it is taken.
    pub as_fast: bool,
    /// Area id.
    pub area: Option<String>,
    /// `hear`, `talk`, `replay`, ….
    pub source: &'static str,
    /// Do nothing, only say what would be done.
    pub rehearse: bool,
    /// No spoken reply.
    pub mute: bool,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The sending half of a conversation.
pub(crate) struct Speaker(SplitSink<Socket, Message>);

/// The receiving half of a conversation.
pub(crate) struct Listener(SplitStream<Socket>);

/// What the server tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    /// A turn event as JSON; see `vesta_turn::TurnEvent`.
    Event(Value),
    /// Samples of the reply at this rate.
    Audio {
        /// The turn that it belongs to.
        turn: String,
        /// Samples a second.
        rate: u32,
        /// Mono samples.
        samples: Vec<i16>,
    },
}

impl Server {
    /// The server at `url`, which wrote its secret for the programs of this machine into the file `token`.
    pub(crate) fn new(url: &str, token: &Path) -> anyhow::Result<Self> {
        let secret = std::fs::read_to_string(token).with_context(|| {
            format!(
                "{} cannot be read; run this as the user that the server runs as, or restart the server",
                token.display()
            )
        })?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", secret.trim()))
            .with_context(|| format!("{} holds no token; restart the server", token.display()))?;
        authorization.set_sensitive(true);
        let headers = HeaderMap::from_iter([(AUTHORIZATION, authorization.clone())]);
        let http =
            Client::builder().no_proxy().connect_timeout(Duration::from_secs(3)).default_headers(headers).build()?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), http, authorization })
    }

    /// Its address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Asks for something by `method`, with a JSON body where there is one; null where the answer is empty.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(body);
        }
        let bytes = good(request.send().await?).await?.bytes().await?;
        Ok(if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? })
    }

    /// Whether it answers.
    pub(crate) async fn answers(&self) -> bool {
        let request = self.http.get(format!("{}/healthz", self.url)).timeout(Duration::from_secs(2));
        request.send().await.is_ok_and(|response| response.status().is_success())
    }

    /// Its state.
    pub(crate) async fn status(&self) -> anyhow::Result<Status> {
        self.get("/api/status").await
    }

    /// How it is reached.
    pub(crate) async fn reach(&self) -> anyhow::Result<ReachReport> {
        self.get("/api/reach").await
    }

    /// The home: areas, floors, entities.
    pub(crate) async fn home(&self) -> anyhow::Result<Value> {
        self.get("/api/home").await
    }

    /// Asks something in writing.
    pub(crate) async fn ask(&self, text: &str, area: Option<&str>, rehearse: bool) -> anyhow::Result<Value> {
        let body = json!({ "text": text, "area": area, "rehearse": rehearse });
        let response = self.http.post(format!("{}/api/ask", self.url)).json(&body).send().await?;
        Ok(good(response).await?.json().await?)
    }

    /// A text as a WAV file.
    pub(crate) async fn say(
        &self,
        text: &str,
        voice: Option<&str>,
        language: Option<&str>,
        speed: Option<f32>,
    ) -> anyhow::Result<Vec<u8>> {
        let body = json!({ "text": text, "voice": voice, "language": language, "speed": speed });
        let response = self.http.post(format!("{}/api/say", self.url)).json(&body).send().await?;
        Ok(good(response).await?.bytes().await?.to_vec())
    }

    /// The home's changes, each as its event name and data, until the server ends.
    pub(crate) async fn changes(&self, mut each: impl FnMut(&str, Value) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let response = good(self.http.get(format!("{}/api/home/changes", self.url)).send().await?).await?;
        let mut stream = response.bytes_stream();
        let (mut pending, mut name) = (Vec::new(), String::new());
        while let Some(bytes) = stream.next().await {
            pending.extend_from_slice(&bytes?);
            while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = pending.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                if let Some(event) = line.strip_prefix("event:") {
                    name = event.trim().to_owned();
                } else if let Some(data) = line.strip_prefix("data:") {
                    each(&name, serde_json::from_str(data.trim())?)?;
                }
            }
        }
        Ok(())
    }

    /// Starts a conversation.
    pub(crate) async fn listen(&self, listen: &Listen) -> anyhow::Result<(Speaker, Listener)> {
        let mode = if listen.hands_free { "hands_free" } else { "push_to_talk" };
        let mut query = vec![("mode", mode.to_owned()), ("source", listen.source.to_owned())];
        query.extend(
            [("as_fast", listen.as_fast), ("rehearse", listen.rehearse), ("mute", listen.mute)]
                .map(|(key, value)| (key, value.to_string())),
        );
        query.extend(listen.area.clone().map(|area| ("area", area)));
        let url =
            reqwest::Url::parse_with_params(&format!("{}/api/listen", self.url.replacen("http", "ws", 1)), &query)?;
        let mut request = url.as_str().into_client_request()?;
        request.headers_mut().insert(AUTHORIZATION, self.authorization.clone());
        let (socket, _) = connect_async(request).await.with_context(|| format!("no conversation with {}", self.url))?;
        let (sink, stream) = socket.split();
        Ok((Speaker(sink), Listener(stream)))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let response = self.http.get(format!("{}{path}", self.url)).send().await?;
        Ok(good(response).await?.json().await?)
    }
}

/// The response, or what the server said is wrong.
async fn good(response: Response) -> anyhow::Result<Response> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let problem: Value = response.json().await.unwrap_or_default();
    match problem.get("detail").and_then(Value::as_str) {
        Some(detail) => bail!("{detail}"),
        None => bail!("the server answered {status}"),
    }
}

impl Speaker {
    /// Sends samples, 16 kHz mono.
    pub(crate) async fn audio(&mut self, samples: &[i16]) -> anyhow::Result<()> {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        Ok(self.0.send(Message::Binary(bytes.into())).await?)
    }

    /// The button is released.
    pub(crate) async fn end(&mut self) -> anyhow::Result<()> {
        self.command("end").await
    }

    /// Stop speaking.
    pub(crate) async fn interrupt(&mut self) -> anyhow::Result<()> {
        self.command("interrupt").await
    }

    /// Everything is said; the server ends the conversation when it has answered.
    pub(crate) async fn bye(&mut self) -> anyhow::Result<()> {
        self.command("bye").await
    }

    async fn command(&mut self, name: &str) -> anyhow::Result<()> {
        Ok(self.0.send(Message::text(json!({ "type": name }).to_string())).await?)
    }
}

impl Listener {
    /// What the server tells next; `None` when the conversation is over.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Told>> {
        let (mut rate, mut turn) = (None, String::new());
        while let Some(message) = self.0.next().await {
            match message.context("the conversation broke off")? {
                Message::Text(text) => {
                    let event: Value = serde_json::from_str(&text)?;
                    if event["type"] != "audio" {
                        return Ok(Some(Told::Event(event)));
                    }
                    turn = event["turn"].as_str().unwrap_or_default().to_owned();
                    rate = event["rate"].as_u64().and_then(|rate| u32::try_from(rate).ok());
                }
                Message::Binary(bytes) => {
                    let samples = bytes.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
                    let rate = rate.context("the server sent audio without its rate")?;
                    return Ok(Some(Told::Audio { turn, rate, samples }));
                }
                Message::Close(_) => return Ok(None),
                _ => {}
            }
        }
        Ok(None)
    }
}
