//! Text in, WAV out.

use std::io::Cursor;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;
use vesta_people::Action;
use vesta_turn::Voice;

use crate::App;
use crate::api::extract::Body;
use crate::api::refusals::{BadBody, Closed};
use crate::caller::Caller;
use crate::problem::Problem;

/// Longest text that is spoken, in bytes.
const MAX_TEXT: usize = 10_000;
/// Longest speech that is made into one WAV file, in seconds. The file begins with its length, so all of it is in memory: 30 to 45 MB.
pub(crate) const MAX_SECONDS: u32 = 15 * 60;

/// A sentence to be spoken.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sentence {
    #[schema(min_length = 1, max_length = 10000)]
    text: String,
    /// Name of a voice; one for the language where it is absent.
    voice: Option<String>,
    /// BCP 47 tag; the caller's where it is absent.
    language: Option<String>,
    /// 1.0 is the voice's own.
    #[schema(minimum = 0.25, maximum = 4.0)]
    speed: Option<f32>,
}

/// Speak a sentence
#[utoipa::path(post, path = "/api/say", tag = "conversation", request_body = Sentence, responses(
    (status = 200, body = [u8], content_type = "audio/wav"),
    Closed, BadBody,
    (status = 503, description = "There is no voice", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn say(
    State(app): State<App>,
    caller: Caller,
    Body(sentence): Body<Sentence>,
) -> Result<Response, Problem> {
    caller.require(Action::Talk)?;
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
        if samples.len() + chunk.samples.len() > MAX_SECONDS as usize * rate as usize {
            let detail =
                format!("the speech would be longer than {} minutes; send the text in pieces", MAX_SECONDS / 60);
            return Err(Problem::bad_request("too_long_to_say", detail));
        }
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
