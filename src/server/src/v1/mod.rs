//! OpenAI's HTTP endpoints for speech, straight from the engines: `/v1/audio/transcriptions`, `/v1/audio/speech`, `/v1/models`.
//!
//! - `decode`: audio files to samples. `encode`: samples to audio files. `segments`: a recording cut where nobody speaks.

mod decode;
mod encode;
pub(crate) mod models;
mod segments;
pub(crate) mod speech;
pub(crate) mod transcriptions;

use axum::Json;
use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use utoipa::ToSchema;
use vesta_engines::EngineError;

use crate::App;
use crate::problem::Problem;

/// An error in the form that OpenAI's clients read.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: String,
    message: String,
    param: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), param: None }
    }

    /// The request is wrong in this field.
    pub(crate) fn invalid(param: &'static str, message: impl Into<String>) -> Self {
        let refusal = Self::new(StatusCode::BAD_REQUEST, "invalid_value", message);
        Self { param: Some(param), ..refusal }
    }

    /// An engine cannot do it, now or at all.
    pub(crate) fn engine(error: &EngineError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.code(), error.to_string())
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        let kind = if self.status.is_server_error() { "server_error" } else { "invalid_request_error" };
        json!({ "message": self.message, "type": kind, "param": self.param, "code": self.code })
    }
}

/// An error, as OpenAI's clients read it.
#[derive(ToSchema)]
#[schema(as = OpenAiError)]
#[allow(dead_code, reason = "it is for the description")]
pub(crate) struct Error {
    error: ErrorBody,
}

/// What went wrong, and what to do about it.
#[derive(ToSchema)]
#[schema(as = OpenAiErrorBody)]
#[allow(dead_code, reason = "it is for the description")]
pub(crate) struct ErrorBody {
    message: String,
    /// `invalid_request_error` or `server_error`.
    r#type: String,
    /// The part of the request that is at fault.
    param: Option<String>,
    /// Stable code.
    code: Option<String>,
}

/// The id in a path; one that is no text names nothing.
pub(crate) struct Id(pub(crate) String);

impl FromRequestParts<App> for Id {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        match Path::<String>::from_request_parts(parts, app).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(error) => Err(Refusal::new(StatusCode::NOT_FOUND, "not_found", error.body_text())),
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::new(problem.status(), problem.code(), problem.detail())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.to_json() }))).into_response()
    }
}
