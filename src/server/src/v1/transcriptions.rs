//! `POST /v1/audio/transcriptions`: an audio file to text.

use std::convert::Infallible;
use std::fmt::Write as _;

use axum::Json;
use axum::extract::multipart::{Field, MultipartRejection};
use axum::extract::{Multipart, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use utoipa::ToSchema;
use vesta_audio::SAMPLE_RATE;
use vesta_engines::{SpeechToText, SttOptions};
use vesta_people::Action;

use super::segments::{Segment, segments};
use super::{Refusal, decode};
use crate::App;
use crate::api::refusals::{OpenAiBody, OpenAiBusy, OpenAiClosed};
use crate::caller::Caller;

/// Largest file, in bytes.
const MAX_FILE: usize = 25 * 1024 * 1024;
/// Largest request: the file and its companions.
pub(crate) const MAX_REQUEST: usize = MAX_FILE + 64 * 1024;
/// Longest other field, in bytes.
const MAX_FIELD: usize = 16 * 1024;

/// Recordings that are worked on at a time. An hour of samples is 115 MB, and there is one recogniser for all of them.
const AT_A_TIME: usize = 2;
static ROOM: Semaphore = Semaphore::const_new(AT_A_TIME);

/// How the transcript is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Format {
    #[default]
    Json,
    Text,
    Srt,
    Vtt,
    VerboseJson,
}

#[derive(Default)]
struct Request {
    file: Option<Vec<u8>>,
    model: Option<String>,
    language: Option<String>,
    format: Format,
    stream: bool,
}

/// What was said in a piece of the recording.
struct Said {
    at: Segment,
    text: String,
}

/// A recording, as a form.
#[derive(ToSchema)]
#[schema(as = TranscriptionRequest)]
#[allow(dead_code, reason = "it is for the description")]
pub(crate) struct Form {
    /// WAV, MP3, FLAC, Ogg, M4A or WebM; at most 25 MB and one hour.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Anything.
    model: String,
    /// Such as `en`; the caller's where it is absent.
    #[schema(min_length = 1, max_length = 16)]
    language: Option<String>,
    /// `json`, `text`, `srt`, `vtt` or `verbose_json`.
    response_format: Option<String>,
    /// Each piece of text as it is understood.
    stream: Option<bool>,
}

/// Speech to text
#[utoipa::path(post, path = "/v1/audio/transcriptions", tag = "OpenAI",
    request_body(content = Form, content_type = "multipart/form-data"),
    responses(
        (status = 200, content(
            (Object = "application/json"), (String = "text/plain"), (String = "application/x-subrip"), (String = "text/vtt"),
            (String = "text/event-stream"),
        )),
        OpenAiClosed, OpenAiBody, OpenAiBusy,
    ))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, Refusal> {
    caller.require(Action::Talk)?;
    let form = form.map_err(|error| {
        Refusal::new(error.status(), "invalid_form", format!("send multipart/form-data: {}", error.body_text()))
    })?;
    let request = Request::read(form).await?;
    let Some(file) = request.file else {
        return Err(Refusal::invalid("file", "'file' is missing; send the audio as a part of that name"));
    };
    if request.model.is_none() {
        return Err(Refusal::invalid("model", "'model' is missing; any name will do, Vesta's recogniser is used"));
    }
    let room = ROOM.acquire().await.map_err(|_| Refusal::invalid("file", "the server stops"))?;
    let cut = move || {
        let samples = decode::decode(file)?;
        let pieces = segments(&samples);
        Ok((samples, pieces))
    };
    // Both take a core for seconds where the recording is long.
    let (samples, pieces) = tokio::task::spawn_blocking(cut)
        .await
        // A decoder that falls over a file is the file's fault for whoever sent it; the log has the rest.
        .map_err(|_| Refusal::invalid("file", "the file is damaged"))?
        .map_err(|why: String| Refusal::invalid("file", why))?;
    let language = request.language.clone().unwrap_or_else(|| app.assistant.spoken(caller.language.as_deref()));
    let recording = Recording { stt: app.assistant.parts().stt.clone(), language, samples, pieces, _room: room };
    if request.stream {
        return Ok(recording.stream());
    }
    let said = recording.transcribe().await?;
    Ok(recording.write(&said, request.format))
}

impl Request {
    async fn read(mut form: Multipart) -> Result<Self, Refusal> {
        let broken = |error: axum::extract::multipart::MultipartError| {
            Refusal::new(error.status(), "invalid_form", format!("the form cannot be read: {}", error.body_text()))
        };
        let mut request = Self::default();
        while let Some(mut field) = form.next_field().await.map_err(broken)? {
            let name = field.name().unwrap_or_default().to_owned();
            if name == "file" {
                request.file = Some(bytes(&mut field, MAX_FILE).await?);
                continue;
            }
            let text = String::from_utf8_lossy(&bytes(&mut field, MAX_FIELD).await?).into_owned();
            request.take(&name, text)?;
        }
        Ok(request)
    }

    fn take(&mut self, name: &str, text: String) -> Result<(), Refusal> {
        match name {
            "model" => self.model = Some(text),
            "language" if text.len() > 16 || text.is_empty() => {
                return Err(Refusal::invalid("language", "'language' must be a code such as 'en'"));
            }
            "language" => self.language = Some(text),
            "response_format" => {
                self.format = match text.as_str() {
                    "json" => Format::Json,
                    "text" => Format::Text,
                    "srt" => Format::Srt,
                    "vtt" => Format::Vtt,
                    "verbose_json" => Format::VerboseJson,
                    _ => {
                        let message = "'response_format' must be json, text, srt, vtt or verbose_json";
                        return Err(Refusal::invalid("response_format", message));
                    }
                }
            }
            "stream" => self.stream = matches!(text.as_str(), "true" | "True" | "1"),
            "timestamp_granularities" | "timestamp_granularities[]" if text == "word" => {
                let message = "the recogniser does not say when each word was spoken; ask for 'segment'";
                return Err(Refusal::invalid("timestamp_granularities", message));
            }
            // Prompt, temperature and others change nothing.
            _ => {}
        }
        Ok(())
    }
}

/// A field's bytes, up to a limit.
async fn bytes(field: &mut Field<'_>, limit: usize) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    loop {
        match field.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() <= limit => bytes.extend_from_slice(&chunk),
            Ok(Some(_)) => {
                let message = format!("Maximum content size limit ({limit} bytes) exceeded.");
                return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "content_too_large", message));
            }
            Ok(None) => return Ok(bytes),
            Err(error) => {
                let message = format!("the form cannot be read: {}", error.body_text());
                return Err(Refusal::new(error.status(), "invalid_form", message));
            }
        }
    }
}

/// A recording, 16 kHz mono, and how it is transcribed.
struct Recording {
    stt: SpeechToText,
    language: String,
    samples: Vec<i16>,
    /// Where somebody speaks.
    pieces: Vec<Segment>,
    /// Its place among those that are worked on.
    _room: SemaphorePermit<'static>,
}

impl Recording {
    fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(SAMPLE_RATE)
    }

    fn usage(&self) -> Value {
        json!({ "type": "duration", "seconds": self.seconds().ceil() })
    }

    async fn segment(&self, at: Segment) -> Result<Option<Said>, Refusal> {
        let options = SttOptions { language: Some(self.language.clone()), ..SttOptions::default() };
        let samples = self.samples.get(at.start..at.end).unwrap_or_default();
        let text = self.stt.transcribe(samples, options).await.map_err(|error| Refusal::engine(&error))?;
        let text = text.trim().to_owned();
        Ok((!text.is_empty()).then_some(Said { at, text }))
    }

    async fn transcribe(&self) -> Result<Vec<Said>, Refusal> {
        let mut said = Vec::new();
        for at in &self.pieces {
            said.extend(self.segment(*at).await?);
        }
        Ok(said)
    }

    fn write(&self, said: &[Said], format: Format) -> Response {
        let text = said.iter().map(|said| said.text.as_str()).collect::<Vec<_>>().join(" ");
        match format {
            Format::Json => Json(json!({ "text": text, "usage": self.usage() })).into_response(),
            Format::Text => plain("text/plain; charset=utf-8", format!("{text}\n")),
            Format::Srt => plain("application/x-subrip; charset=utf-8", srt(said)),
            Format::Vtt => plain("text/vtt; charset=utf-8", vtt(said)),
            Format::VerboseJson => {
                let segments: Vec<Value> = said.iter().enumerate().map(|(id, said)| said.to_json(id)).collect();
                Json(json!({
                    "task": "transcribe", "language": self.language, "duration": self.seconds(), "text": text,
                    "segments": segments, "usage": self.usage(),
                }))
                .into_response()
            }
        }
    }

    /// Each piece of text as soon as it is known.
    fn stream(self) -> Response {
        let (events, told) = mpsc::channel::<Result<Event, Infallible>>(8);
        let task = tokio::spawn(async move {
            let send = async |event: Value| events.send(Ok(Event::default().data(event.to_string()))).await.is_ok();
            let mut text = String::new();
            for at in &self.pieces {
                match self.segment(*at).await {
                    Ok(Some(said)) => {
                        let delta = if text.is_empty() { said.text } else { format!(" {}", said.text) };
                        text.push_str(&delta);
                        if !send(json!({ "type": "transcript.text.delta", "delta": delta })).await {
                            return;
                        }
                    }
                    Ok(None) => {}
                    Err(refusal) => {
                        let _ = send(json!({ "type": "error", "error": refusal.to_json() })).await;
                        return;
                    }
                }
            }
            let _ = send(json!({ "type": "transcript.text.done", "text": text, "usage": self.usage() })).await;
        });
        // Whoever goes away stops it.
        let task = AbortOnDropHandle::new(task);
        let events = futures_util::StreamExt::map(ReceiverStream::new(told), move |event| {
            let _ = &task;
            event
        });
        Sse::new(events).keep_alive(KeepAlive::default()).into_response()
    }
}

impl Said {
    fn to_json(&self, id: usize) -> Value {
        let (start, end) = self.at.seconds();
        // What only Whisper's own decoder knows is as for a text that it is sure of.
        json!({
            "id": id, "seek": 0, "start": start, "end": end, "text": self.text, "tokens": [], "temperature": 0.0,
            "avg_logprob": 0.0, "compression_ratio": 1.0, "no_speech_prob": 0.0,
        })
    }
}

fn plain(kind: &'static str, text: String) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// SubRip.
fn srt(said: &[Said]) -> String {
    let mut text = String::new();
    for (number, said) in said.iter().enumerate() {
        let (start, end) = said.at.seconds();
        let (start, end) = (clock(start, ','), clock(end, ','));
        let _ = write!(text, "{}\n{start} --> {end}\n{}\n\n", number + 1, said.text);
    }
    text
}

/// WebVTT (<https://www.w3.org/TR/webvtt1/>).
fn vtt(said: &[Said]) -> String {
    let mut text = "WEBVTT\n\n".to_owned();
    for said in said {
        let (start, end) = said.at.seconds();
        let words = said.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = write!(text, "{} --> {}\n{words}\n\n", clock(start, '.'), clock(end, '.'));
    }
    text
}

/// `hours:minutes:seconds` with milliseconds after the mark.
fn clock(seconds: f64, mark: char) -> String {
    let milliseconds = (seconds * 1000.0).round() as u64;
    let (hours, minutes) = (milliseconds / 3_600_000, milliseconds / 60_000 % 60);
    format!("{hours:02}:{minutes:02}:{:02}{mark}{:03}", milliseconds / 1000 % 60, milliseconds % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> Vec<Said> {
        let at = |start, end| Segment { start, end };
        vec![
            Said { at: at(0, 24_000), text: "Turn on the light.".to_owned() },
            Said { at: at(16_000 * 3_600, 16_000 * 3_661 + 8), text: "a < b".to_owned() },
        ]
    }

    #[test]
    fn subtitles_have_their_times() {
        let expected =
            "1\n00:00:00,000 --> 00:00:01,500\nTurn on the light.\n\n2\n01:00:00,000 --> 01:01:01,001\na < b\n\n";
        assert_eq!(srt(&said()), expected);
        let expected = "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nTurn on the light.\n\n01:00:00.000 --> 01:01:01.001\na &lt; b\n\n";
        assert_eq!(vtt(&said()), expected);
    }
}
