//! `POST /v1/realtime/client_secrets`: short-lived secrets, by OpenAI's published schema.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use vesta_people::{Action, PeopleError};

use super::sign_in::no_store;
use crate::App;
use crate::api::refusals::{OpenAiBody, OpenAiClosed};
use crate::auth::Failure;
use crate::caller::Caller;
use crate::v1::Error;

/// Seconds that a secret works where nothing else is said.
const USUAL: u64 = 600;
/// Longest session configuration that is kept, in bytes of JSON.
const MAX_SESSION: usize = 64 * 1024;

/// A secret to be made.
#[derive(Deserialize, ToSchema)]
#[schema(as = ClientSecretRequest)]
pub(crate) struct Wanted {
    expires_after: Option<ExpiresAfter>,
    /// The session that it opens starts with this.
    #[schema(value_type = Option<Object>)]
    session: Option<Map<String, Value>>,
}

/// A secret that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClientSecret {
    /// `ek_…`
    value: String,
    /// Seconds since 1970.
    expires_at: i64,
    #[schema(value_type = Object)]
    session: Value,
}

/// How long it works.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ExpiresAfter {
    /// `created_at` is the only one there is.
    anchor: Option<String>,
    #[schema(minimum = 10, maximum = 7200)]
    seconds: Option<u64>,
}

/// Make a secret that a browser or a phone may have
#[utoipa::path(post, path = "/v1/realtime/client_secrets", tag = "OpenAI", request_body = Wanted, responses(
    (status = 200, body = ClientSecret),
    OpenAiClosed, OpenAiBody,
    (status = 409, description = "There are too many", body = Error),
))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    body: Result<Json<Wanted>, JsonRejection>,
) -> Response {
    match make(&app, &caller, body) {
        Ok(answer) => no_store(Json(answer)),
        Err(failure) => openai(failure),
    }
}

fn make(app: &App, caller: &Caller, body: Result<Json<Wanted>, JsonRejection>) -> Result<ClientSecret, Failure> {
    caller.require(Action::Talk)?;
    // A secret that makes secrets would never expire.
    if caller.method == "client_secret" {
        let detail = "a client secret makes no others; use an API token";
        return Err(crate::problem::Problem::new(StatusCode::FORBIDDEN, "not_allowed", "Not allowed", detail).into());
    }
    let Json(Wanted { expires_after, session }) =
        body.map_err(|error| crate::problem::Problem::rejected("bad_json", error.status(), error.body_text()))?;
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
    Ok(ClientSecret { value: secret.reveal().to_owned(), expires_at: expires_at_ms / 1_000, session })
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
