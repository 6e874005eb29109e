//! `POST /v1/realtime/client_secrets`: short-lived secrets, by OpenAI's published schema.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use vesta_people::{Action, PeopleError};

use super::sign_in::no_store;
use super::{Given, given};
use crate::App;
use crate::auth::Failure;
use crate::caller::Caller;

/// Seconds that a secret works where nothing else is said.
const USUAL: u64 = 600;
/// Longest session configuration that is kept, in bytes of JSON.
const MAX_SESSION: usize = 64 * 1024;

#[derive(Deserialize)]
pub(crate) struct Wanted {
    expires_after: Option<ExpiresAfter>,
    session: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct ExpiresAfter {
    /// `created_at` is the only one there is.
    anchor: Option<String>,
    seconds: Option<u64>,
}

/// Makes a secret that the caller can hand to a browser or a phone.
pub(crate) async fn create(State(app): State<App>, caller: Caller, body: Given<Wanted>) -> Response {
    match make(&app, &caller, body) {
        Ok(answer) => no_store(Json(answer)),
        Err(failure) => openai(failure),
    }
}

fn make(app: &App, caller: &Caller, body: Given<Wanted>) -> Result<Value, Failure> {
    caller.require(Action::Talk)?;
    // A secret that makes secrets would never expire.
    if caller.method == "client_secret" {
        let detail = "a client secret makes no others; use an API token";
        return Err(crate::problem::Problem::new(StatusCode::FORBIDDEN, "not_allowed", "Not allowed", detail).into());
    }
    let Wanted { expires_after, session } = given(body)?;
    let after = expires_after.unwrap_or(ExpiresAfter { anchor: None, seconds: None });
    if after.anchor.is_some_and(|anchor| anchor != "created_at") {
        let why = "must be 'created_at'".to_owned();
        return Err(PeopleError::Invalid { field: "expires_after.anchor", why }.into());
    }
    let mut session = session.unwrap_or_default();
    session.entry("type").or_insert_with(|| "realtime".into());
    let session = Value::Object(session);
    if session.to_string().len() > MAX_SESSION {
        return Err(
            PeopleError::Invalid { field: "session", why: format!("is longer than {MAX_SESSION} bytes") }.into()
        );
    }
    let lasts = Duration::from_secs(after.seconds.unwrap_or(USUAL));
    let (secret, expires_at_ms) = app.people.create_client_secret(&caller.identity, session.clone(), lasts)?;
    Ok(json!({ "value": secret.reveal(), "expires_at": expires_at_ms / 1_000, "session": session }))
}

/// A failure in the form that OpenAI's clients read.
fn openai(failure: Failure) -> Response {
    let (message, param, code) = match &failure {
        Failure::People(error) => {
            let param = if let PeopleError::Invalid { field, .. } = error { Some(*field) } else { None };
            (error.to_string(), param, error.code())
        }
        Failure::Problem(problem) => (problem.detail().to_owned(), None, problem.code()),
    };
    let (status, message) = match failure.into_response().status() {
        StatusCode::UNPROCESSABLE_ENTITY => (StatusCode::BAD_REQUEST, message),
        status if status.is_server_error() => (status, "the server's log says what went wrong".to_owned()),
        status => (status, message),
    };
    let error =
        json!({ "error": { "message": message, "type": "invalid_request_error", "param": param, "code": code } });
    (status, Json(error)).into_response()
}
