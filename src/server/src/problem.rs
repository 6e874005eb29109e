//! Errors as clients get them: RFC 9457 problem details.

use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use vesta_store::StoreError;

/// What went wrong with a request, and what to do about it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    #[serde(serialize_with = "number")]
    #[schema(value_type = u16)]
    status: StatusCode,
    /// Stable code.
    code: &'static str,
    title: &'static str,
    detail: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, title, detail: detail.into() }
    }

    pub(crate) fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::rejected(code, StatusCode::BAD_REQUEST, detail)
    }

    /// Something that only the server's log can explain.
    pub(crate) fn internal(detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong here", detail);
        tracing::error!(detail = problem.detail, "a request failed");
        problem
    }

    /// The store could not be read or written.
    pub(crate) fn store(error: StoreError) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "store_failed", "The store does not work", error.to_string())
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Stable code.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// What went wrong, and what to do about it.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// A request that was refused while it was read: a missing content type, a body that is too long, a wrong query.
    pub(crate) fn rejected(code: &'static str, status: StatusCode, detail: impl Into<String>) -> Self {
        Self::new(status, code, "The request cannot be understood", detail)
    }
}

fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
    }
}

/// A route that is called by another method. The router adds the header that names the right ones.
pub(crate) async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("{method} means nothing at {}; docs/protocols.md lists the endpoints", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed", detail)
}

/// No such route.
pub(crate) async fn not_found(uri: Uri) -> Problem {
    let detail = format!("there is nothing at {}; docs/protocols.md lists the endpoints", uri.path());
    Problem::new(StatusCode::NOT_FOUND, "not_found", "Not found", detail)
}
