//! Audio in, events and audio out, over a WebSocket.
//!
//! The client sends binary messages of 16-bit little-endian samples, 16 kHz mono, and the text messages
//! `{"type":"end"}` and `{"type":"interrupt"}`. It gets every turn event as a text message; an `audio` event is followed
//! by one binary message with its samples. `{"type":"bye"}` says that nothing more comes: the server closes when it has
//! answered everything. A client that closes without it hears no more; what it had finished saying is still carried out.

#![allow(unused_qualifications, reason = "utoipa writes out where the types of a query are")]

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};
use vesta_audio::FRAME_SAMPLES;
use vesta_people::Action;
use vesta_turn::{Client, Input, Mode, Pace, TurnEvent};

use crate::App;
use crate::api::refusals::{Closed, NoUpgrade};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::vigil::{FAREWELL, Gone, Vigil};

/// Pieces of audio that may wait for the ear: at 20 ms a piece, five seconds.
const INPUT_QUEUE: usize = 256;
const EVENT_QUEUE: usize = 64;
/// Largest message: ten seconds of audio.
const MAX_MESSAGE: usize = 320_000;

/// How to listen.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Whether the client says where an utterance ends.
    #[serde(default)]
    mode: ListenMode,
    /// Audio comes from a file, as fast as it is taken.
    #[serde(default)]
    as_fast: bool,
    /// Id of the area that the client is in.
    area: Option<String>,
    /// Who the client is over several connections, for follow-ups and timers; each connection is another where it is absent.
    client: Option<String>,
    /// Where the audio comes from, for the record.
    #[serde(default = "listen_source")]
    source: String,
    /// Only say what would be done.
    #[serde(default)]
    rehearse: bool,
    /// No spoken reply.
    #[serde(default)]
    mute: bool,
}

/// Who says where an utterance ends.
#[derive(Deserialize, Default, Clone, Copy, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ListenMode {
    #[default]
    PushToTalk,
    HandsFree,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Command {
    End,
    Interrupt,
    Bye,
}

fn listen_source() -> String {
    "listen".to_owned()
}

/// Speak with the house, over a WebSocket
///
/// Samples go in, events and samples come out; `docs/protocols.md` has the messages.
#[utoipa::path(get, path = "/api/listen", tag = "conversation", params(Options), responses(
    (status = 101, description = "A WebSocket"),
    Closed, NoUpgrade,
))]
pub(crate) async fn listen(
    State(app): State<App>,
    caller: Caller,
    options: Result<Query<Options>, axum::extract::rejection::QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if let Err(problem) = caller.require(Action::Talk) {
        return problem.into_response();
    }
    let Query(options) = match options {
        Ok(options) => options,
        Err(error) => return Problem::bad_request("bad_query", error.body_text()).into_response(),
    };
    let id = match options.client.as_deref().map(|name| crate::clients::id(&caller, Some(name))).transpose() {
        Ok(id) => id.unwrap_or_else(vesta_turn::new_client_id),
        Err(problem) => return problem.into_response(),
    };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(error) => {
            let detail = format!("this is a WebSocket, and the request is none: {}", error.body_text());
            return Problem::rejected("not_a_websocket", error.status(), detail).into_response();
        }
    };
    upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .on_upgrade(move |socket| converse(app, caller, id, options, socket))
}

async fn converse(app: App, caller: Caller, id: String, options: Options, socket: WebSocket) {
    let _client = app.metrics.client();
    // Ends with the caller, and with the server.
    let gone = caller.revoked.child_token();
    let (events, told) = mpsc::channel(EVENT_QUEUE);
    let (input, heard) = mpsc::channel(INPUT_QUEUE);
    let own = crate::clients::Own::of(&app, &caller).await;
    let client = Client {
        id,
        speaker: own.speaker,
        language: own.language,
        source: options.source,
        mode: match options.mode {
            ListenMode::PushToTalk => Mode::PushToTalk,
            ListenMode::HandsFree => Mode::HandsFree,
        },
        pace: if options.as_fast { Pace::AsFast } else { Pace::RealTime },
        area: options.area,
        wants_audio: !options.mute,
        voice: vesta_turn::Voice::default(),
        rehearse: options.rehearse,
        permissions: caller.permissions(),
        events: events.clone(),
    };
    let (sink, stream) = socket.split();
    let conversation = app.assistant.converse(client, heard, gone.clone());
    let reading = async {
        let mut stream = stream;
        tokio::select! {
            read = read(&mut stream, input, &events) => if read.is_err() {
                gone.cancel();
            },
            () = gone.cancelled() => {}
        }
        drop(events);
        stream
    };
    let ((), mut stream, ()) = tokio::join!(conversation, reading, write(sink, told, gone.clone()));
    // What the client still sends is taken, up to its own goodbye: closing over it would cut off what it has not read yet.
    let farewell = async { while let Some(Ok(_)) = stream.next().await {} };
    let _ = timeout(FAREWELL, farewell).await;
}

/// From the socket to the ear, until the client has said everything.
async fn read(
    stream: &mut SplitStream<WebSocket>,
    input: mpsc::Sender<Input>,
    events: &mpsc::Sender<TurnEvent>,
) -> Result<(), Gone> {
    while let Some(message) = Vigil::USUAL.next(stream).await? {
        let next = match message {
            Message::Binary(bytes) => {
                if bytes.len() % 2 == 1 {
                    let detail = "a piece of audio has an odd number of bytes; its last one is left out".to_owned();
                    let failed = TurnEvent::Failed { turn: String::new(), code: "bad_audio".to_owned(), detail };
                    let _ = events.send(failed).await;
                }
                // Small pieces, so that the queue's length bounds what waits in it.
                for piece in samples(&bytes).chunks(FRAME_SAMPLES) {
                    if input.send(Input::Audio(piece.to_vec())).await.is_err() {
                        return Ok(());
                    }
                }
                continue;
            }
            Message::Text(text) => match serde_json::from_str(&text) {
                Ok(Command::End) => Input::End,
                Ok(Command::Interrupt) => Input::Interrupt,
                Ok(Command::Bye) => return Ok(()),
                Err(error) => {
                    let detail = format!("not a command ({error}); send end, interrupt, bye or audio");
                    let failed = TurnEvent::Failed { turn: String::new(), code: "bad_message".to_owned(), detail };
                    let _ = events.send(failed).await;
                    continue;
                }
            },
            Message::Close(_) => return Err(Gone),
            Message::Ping(_) | Message::Pong(_) => continue,
        };
        if input.send(next).await.is_err() {
            return Ok(());
        }
    }
    Err(Gone)
}

/// From the turn to the socket. A client that no longer reads ends the conversation, not the turn's action.
async fn write(mut sink: SplitSink<WebSocket, Message>, mut told: mpsc::Receiver<TurnEvent>, gone: CancellationToken) {
    let mut pings = Vigil::USUAL.pings();
    loop {
        let event = tokio::select! {
            event = told.recv() => event,
            _ = pings.tick() => {
                if Vigil::USUAL.ask(&mut sink).await.is_err() {
                    gone.cancel();
                    break;
                }
                continue;
            }
        };
        let Some(event) = event else { break };
        let text = match serde_json::to_string(&event) {
            Ok(text) => text,
            Err(error) => json!({ "type": "failed", "code": "internal", "detail": error.to_string() }).to_string(),
        };
        let sending = async {
            Vigil::USUAL.tell(&mut sink, Message::Text(text.into())).await?;
            match &event {
                TurnEvent::Audio { samples, .. } => Vigil::USUAL.tell(&mut sink, Message::Binary(bytes(samples))).await,
                _ => Ok(()),
            }
        };
        if sending.await.is_err() {
            gone.cancel();
            break;
        }
    }
    // Whatever is still told goes nowhere; taking it lets the turn end.
    while told.recv().await.is_some() {}
    let _ = timeout(FAREWELL, sink.close()).await;
}

fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

fn bytes(samples: &[i16]) -> Bytes {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<u8>>().into()
}
