//! `GET /v1/realtime`: a Realtime session over a WebSocket. `vesta_realtime` has the session.

#![allow(unused_qualifications, reason = "utoipa writes out where the types of a query are")]

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;
use vesta_people::Action;
use vesta_realtime::{AudioPort, EVENT_QUEUE, Ports, SessionStart};

use crate::App;
use crate::api::refusals::{OpenAiClosed, OpenAiNoUpgrade};
use crate::caller::Caller;
use crate::clients::Own;
use crate::v1::Refusal;
use crate::vigil::{FAREWELL, Gone, Vigil};

/// Client events that may wait for the session; they may be large.
const CLIENT_QUEUE: usize = 4;
/// Largest message. What is larger than an event may be, and no larger than this, is refused with an `error` event; beyond this the
/// connection is closed.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;
/// The subprotocol of browsers, beside the one that carries their token.
const SUBPROTOCOL: &str = "realtime";

/// How the session begins.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Options {
    /// Anything.
    #[serde(default)]
    model: String,
    /// `transcription` for a session that only writes down.
    intent: Option<String>,
    /// The area the client is in, by id.
    area: Option<String>,
}

/// OpenAI's Realtime protocol, over a WebSocket
///
/// `docs/protocols.md` has its events. Browsers send their token as a subprotocol, `openai-insecure-api-key.TOKEN`.
#[utoipa::path(get, path = "/v1/realtime", tag = "OpenAI", params(Options), responses(
    (status = 101, description = "A WebSocket"),
    OpenAiClosed, OpenAiNoUpgrade,
))]
pub(crate) async fn connect(
    State(app): State<App>,
    caller: Caller,
    options: Result<Query<Options>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    caller.require(Action::Talk)?;
    let Query(options) = options.map_err(|error| Refusal::new(error.status(), "invalid_query", error.body_text()))?;
    let upgrade = upgrade.map_err(|error| {
        let message = format!("this is a WebSocket, and the request is none: {}", error.body_text());
        Refusal::new(error.status(), "not_a_websocket", message)
    })?;
    let own = Own::of(&app, &caller).await;
    let start = start(&caller, own, options);
    vesta_realtime::check(&app.assistant, &start).map_err(|error| Refusal::invalid("session", error.to_string()))?;
    let upgrade = upgrade.protocols([SUBPROTOCOL]).max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
    Ok(upgrade.on_upgrade(move |socket| converse(app, start, socket)).into_response())
}

/// How a caller's session begins: as a client secret says, or else by the query.
fn start(caller: &Caller, own: Own, options: Options) -> SessionStart {
    let session = match (&caller.realtime_session, options.intent.as_deref()) {
        (Some(session), _) => session.as_ref().clone(),
        (None, Some("transcription")) => json!({ "type": "transcription" }),
        (None, _) => Value::Null,
    };
    let session = own.with_voice(session);
    SessionStart {
        language: caller.language.clone(),
        area: options.area.or(own.area),
        speaker: own.speaker,
        source: "realtime".to_owned(),
        model: options.model,
        session,
        permissions: caller.permissions(),
        revoked: caller.revoked.clone(),
    }
}

async fn converse(app: App, start: SessionStart, socket: WebSocket) {
    let _client = app.metrics.client();
    let revoked = start.revoked.clone();
    let (events, client_events) = mpsc::channel(CLIENT_QUEUE);
    let (server_events, told) = mpsc::channel(EVENT_QUEUE);
    let ports = Ports { client_events, server_events, audio: AudioPort::InBand };
    let session = vesta_realtime::run(app.assistant.clone(), start, ports, app.shutdown.child_token());
    let (sink, mut stream) = socket.split();
    // The connection is over: for the reader because the writer has ended, for the writer because the client is gone.
    let over = CancellationToken::new();
    let reading = async {
        tokio::select! {
            () = read(&mut stream, events) => {}
            () = over.cancelled() => {}
        }
        stream
    };
    let writing = async {
        let goodbye = write(sink, told, &revoked).await;
        over.cancel();
        goodbye
    };
    let ((), mut stream, goodbye) = tokio::join!(session, reading, writing);
    if goodbye.is_err() {
        return;
    }
    // What the client still sends is taken, up to its own goodbye: closing over it would cut off what it has not read yet.
    let farewell = async { while let Some(Ok(_)) = stream.next().await {} };
    let _ = timeout(FAREWELL, farewell).await;
}

/// From the socket to the session, until the client is gone.
async fn read(stream: &mut SplitStream<WebSocket>, events: mpsc::Sender<String>) {
    while let Ok(Some(message)) = Vigil::USUAL.next(stream).await {
        let event = match message {
            Message::Text(text) => text.to_string(),
            // Whatever it is, it is no event; the session says so.
            Message::Binary(_) => "a binary message".to_owned(),
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Close(_) => return,
        };
        if events.send(event).await.is_err() {
            return;
        }
    }
}

/// From the session to the socket. Ends with the session or with its caller's permission, and says goodbye then.
async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    mut told: mpsc::Receiver<String>,
    revoked: &CancellationToken,
) -> Result<(), Gone> {
    let mut pings = Vigil::USUAL.pings();
    loop {
        let event = tokio::select! {
            biased;
            () = revoked.cancelled() => break,
            event = told.recv() => match event {
                Some(event) => Some(event),
                None => break,
            },
            _ = pings.tick() => None,
        };
        let telling = async {
            match event {
                Some(event) => Vigil::USUAL.tell(&mut sink, Message::Text(event.into())).await,
                None => Vigil::USUAL.ask(&mut sink).await,
            }
        };
        tokio::select! {
            told = telling => told?,
            () = revoked.cancelled() => break,
        }
    }
    let (code, reason) = match revoked.is_cancelled() {
        true => (close_code::POLICY, "the token or device was revoked, or the server stops"),
        false => (close_code::NORMAL, "the session is over"),
    };
    let goodbye = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    let said = timeout(FAREWELL, async {
        sink.send(goodbye).await?;
        sink.close().await
    });
    match said.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Gone),
    }
}
