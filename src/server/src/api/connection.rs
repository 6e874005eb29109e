//! How the server sees the client, for the app's connection test.

use axum::Json;
use axum::http::{HeaderMap, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::refusals::Closed;
use crate::caller::Caller;

/// A client as the server sees it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Seen {
    /// The name under which the server was called.
    host: String,
    /// What the browser says it is.
    user_agent: String,
}

/// The way to the server
///
/// Answers at once: the time until the answer is there is the round trip.
#[utoipa::path(get, path = "/api/connection", tag = "connection", responses(
    (status = 200, body = Seen),
    Closed,
))]
pub(crate) async fn seen(_caller: Caller, headers: HeaderMap) -> Json<Seen> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    Json(Seen { host: text(header::HOST), user_agent: text(header::USER_AGENT) })
}
