//! Text in, WAV out.

use std::io::Cursor;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use vesta_people::Action;
use vesta_turn::Voice;

use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;

/// Longest text that is spoken, in bytes.
const MAX_TEXT: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sentence {
    text: String,
    voice: Option<String>,
    language: Option<String>,
    speed: Option<f32>,
}

pub(crate) async fn say(
    State(app): State<App>,
    caller: Caller,
    sentence: Result<Json<Sentence>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.require(Action::Talk)?;
    let Json(sentence) = sentence.map_err(|error| Problem::rejected("bad_json", error.status(), error.body_text()))?;
    if sentence.text.trim().is_empty() || sentence.text.len() > MAX_TEXT {
        return Err(Problem::bad_request("bad_text", format!("'text' must have 1 to {MAX_TEXT} bytes")));
    }
    if let Some(speed) = sentence.speed.filter(|speed| !(0.25..=4.0).contains(speed)) {
        let detail = format!("'speed' = {speed} is not between 0.25 and 4; 1.0 is the voice's own");
        return Err(Problem::bad_request("bad_speed", detail));
    }
    let parts = app.assistant.parts();
    let own = crate::clients::Own::of(&app, &caller).await.language;
    let language = sentence.language.unwrap_or_else(|| app.assistant.language(own.as_deref()).tag().to_owned());
    let options = parts.speaks(&Voice { name: sentence.voice, speed: sentence.speed }, &language);
    let (mut text, mut audio) = parts.tts.speak(options);
    text.push(&sentence.text).await;
    text.finish().await;
    let (mut rate, mut samples) = (vesta_audio::SAMPLE_RATE, Vec::new());
    while let Some(chunk) = audio.recv().await {
        let chunk = chunk.map_err(|error| unavailable(error.code(), error.to_string()))?;
        rate = chunk.rate;
        samples.extend_from_slice(&chunk.samples);
    }
    if samples.is_empty() {
        let detail = "there is nothing to say in 'text': no word, and no number";
        return Err(Problem::bad_request("nothing_to_say", detail));
    }
    let mut wav = Cursor::new(Vec::new());
    vesta_audio::wav::write(&mut wav, rate, &samples).map_err(|error| unavailable("internal", error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "audio/wav")], wav.into_inner()).into_response())
}

fn unavailable(code: &'static str, detail: String) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, "The text could not be spoken", detail)
}
