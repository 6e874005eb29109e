//! `POST /v1/audio/speech`: text to audio, as it is spoken.

use std::convert::Infallible;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use utoipa::ToSchema;
use vesta_engines::{EngineError, SpeechChunk};
use vesta_people::Action;
use vesta_turn::Voice;

use super::Refusal;
use super::encode::{Encoder, Format};
use crate::App;
use crate::api::refusals::{OpenAiBody, OpenAiBusy, OpenAiClosed};
use crate::caller::Caller;
use crate::clients::Own;

/// Longest text that is spoken, in characters.
const MAX_INPUT: usize = 4096;

/// A text to be spoken.
#[derive(Deserialize, ToSchema)]
#[schema(as = SpeechRequest)]
pub(crate) struct Request {
    #[schema(min_length = 1, max_length = 4096)]
    input: String,
    /// Anything.
    #[allow(dead_code, reason = "OpenAI's clients send it")]
    model: Option<String>,
    /// A name, or an object with an `id`.
    #[serde(default)]
    voice: Value,
    /// `mp3`, `opus`, `wav` or `pcm`.
    #[serde(default = "mp3")]
    response_format: String,
    /// 1.0 is the voice's own.
    #[schema(minimum = 0.25, maximum = 4.0)]
    speed: Option<f32>,
    /// `audio` or `sse`.
    #[serde(default = "audio")]
    stream_format: String,
}

fn mp3() -> String {
    "mp3".to_owned()
}

fn audio() -> String {
    "audio".to_owned()
}

/// Text to speech
#[utoipa::path(post, path = "/v1/audio/speech", tag = "OpenAI", request_body = Request, responses(
    (status = 200, description = "As it is spoken", content(
        ([u8] = "audio/mpeg"), ([u8] = "audio/ogg"), ([u8] = "audio/wav"), ([u8] = "audio/pcm"), (String = "text/event-stream"),
    )),
    OpenAiClosed, OpenAiBody, OpenAiBusy,
))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    request: Result<Json<Request>, JsonRejection>,
) -> Result<Response, Refusal> {
    caller.require(Action::Talk)?;
    let Json(request) = request.map_err(|error| match error {
        JsonRejection::JsonDataError(error) => {
            Refusal::new(StatusCode::BAD_REQUEST, "invalid_value", error.body_text())
        }
        error => Refusal::new(error.status(), "invalid_json", error.body_text()),
    })?;
    let format = request.check()?;
    let parts = app.assistant.parts();
    let voice = request.voice.as_str().or_else(|| request.voice.get("id")?.as_str());
    let known = voice.and_then(|voice| vesta_realtime::known_voice(&parts.tts, voice));
    let own = Own::of(&app, &caller).await;
    let language = app.assistant.language(own.language.as_deref());
    let options = parts.speaks(&Voice { name: known, speed: request.speed }, language.tag());
    let (mut text, mut speech) = parts.tts.speak(options);
    text.push(&request.input).await;
    text.finish().await;
    // Until the first sound an error still has a status.
    let first = match speech.recv().await {
        Some(Ok(chunk)) => chunk,
        Some(Err(error)) => return Err(Refusal::engine(&error)),
        None => {
            let message = "there is nothing to say in 'input': no word, and no number";
            return Err(Refusal::invalid("input", message));
        }
    };
    let encoder = Encoder::new(format, first.rate)
        .map_err(|why| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", why))?;
    let (pieces, mut made) = mpsc::channel(8);
    let task = AbortOnDropHandle::new(tokio::spawn(encode(encoder, first, speech, pieces)));
    // All of it comes at once, so an error still has a status.
    if format == Format::Wav && request.stream_format == "audio" {
        return match made.recv().await {
            Some(Piece::Audio(file)) => Ok(([(header::CONTENT_TYPE, format.media_type())], file).into_response()),
            Some(Piece::Failed(why)) => Err(Refusal::invalid("input", why)),
            Some(Piece::Done) | None => Err(Refusal::invalid("input", "there is nothing to say in 'input'")),
        };
    }
    // Whoever goes away stops the voice.
    let made = ReceiverStream::new(made).map(move |piece| {
        let _ = &task;
        piece
    });
    if request.stream_format == "sse" {
        let events = made.map(|piece| Ok::<_, Infallible>(Event::default().data(to_event(piece).to_string())));
        return Ok(Sse::new(events).into_response());
    }
    let audio = made.filter_map(async |piece| match piece {
        Piece::Audio(bytes) => Some(Ok(bytes)),
        Piece::Failed(why) => Some(Err(std::io::Error::other(why))),
        Piece::Done => None,
    });
    Ok(([(header::CONTENT_TYPE, format.media_type())], Body::from_stream(audio)).into_response())
}

impl Request {
    fn check(&self) -> Result<Format, Refusal> {
        if self.input.trim().is_empty() {
            return Err(Refusal::invalid("input", "'input' is empty; send the text to speak"));
        }
        if self.input.chars().count() > MAX_INPUT {
            return Err(Refusal::invalid("input", format!("'input' may have at most {MAX_INPUT} characters")));
        }
        if self.speed.is_some_and(|speed| !(0.25..=4.0).contains(&speed)) {
            return Err(Refusal::invalid("speed", "'speed' must be from 0.25 to 4.0"));
        }
        if !matches!(self.stream_format.as_str(), "audio" | "sse") {
            return Err(Refusal::invalid("stream_format", "'stream_format' must be audio or sse"));
        }
        Format::named(&self.response_format)
            .ok_or_else(|| Refusal::invalid("response_format", "'response_format' must be mp3, opus, wav or pcm"))
    }
}

/// What is sent, in order.
enum Piece {
    Audio(Bytes),
    Failed(String),
    Done,
}

async fn encode(
    mut encoder: Encoder,
    first: SpeechChunk,
    mut speech: mpsc::Receiver<Result<SpeechChunk, EngineError>>,
    pieces: mpsc::Sender<Piece>,
) {
    let mut next: Option<Result<SpeechChunk, EngineError>> = Some(Ok(first));
    while let Some(chunk) = next {
        let made = match chunk {
            Ok(chunk) => encoder.push(chunk.rate, &chunk.samples),
            Err(error) => Err(error.to_string()),
        };
        match made {
            Ok(bytes) if bytes.is_empty() => {}
            Ok(bytes) => {
                if pieces.send(Piece::Audio(bytes.into())).await.is_err() {
                    return;
                }
            }
            Err(why) => {
                tracing::warn!(why, "a text could not be spoken to its end");
                let _ = pieces.send(Piece::Failed(why)).await;
                return;
            }
        }
        next = speech.recv().await;
    }
    let last = match encoder.finish() {
        Ok(bytes) => Piece::Audio(bytes.into()),
        Err(why) => Piece::Failed(why),
    };
    if pieces.send(last).await.is_ok() {
        let _ = pieces.send(Piece::Done).await;
    }
}

fn to_event(piece: Piece) -> Value {
    match piece {
        Piece::Audio(bytes) => json!({ "type": "speech.audio.delta", "audio": STANDARD.encode(bytes) }),
        Piece::Failed(why) => {
            json!({ "type": "error", "error": { "type": "server_error", "code": "tts_failed", "message": why } })
        }
        Piece::Done => json!({
            "type": "speech.audio.done",
            "usage": { "input_tokens": 0, "output_tokens": 0, "total_tokens": 0 },
        }),
    }
}
