//! `GET /api/reach`: how the house is reached.
//!
//! Whoever has not signed in is told what a page needs to explain why there is no microphone, and nothing else.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vesta_reach::{Links, WayReport};

use crate::App;
use crate::caller::Caller;
use crate::doors::client::ClientAddress;

/// How the house is reached.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReachReport {
    /// Whether this request came over HTTPS, or from the machine itself: then browsers give the page its microphone.
    pub secure: bool,
    /// Whether there is a certificate authority of the house that this device may have to trust. `/trust` says how.
    pub needs_trust: bool,
    /// Fingerprint (SHA-256) of that authority.
    pub fingerprint: Option<String>,
    /// What people open; only for those who have signed in.
    #[schema(value_type = Option<Object>)]
    pub links: Option<Links>,
    /// How it is with each way; only for those who have signed in.
    #[schema(value_type = Option<Vec<Object>>)]
    pub ways: Option<Vec<WayReport>>,
}

/// How the house is reached.
#[utoipa::path(get, path = "/api/reach", tag = "connection", security((), ("session" = []), ("token" = [])), responses(
    (status = 200, body = ReachReport),
))]
pub(crate) async fn show(
    State(app): State<App>,
    client: ClientAddress,
    headers: HeaderMap,
    caller: Option<Caller>,
) -> Json<ReachReport> {
    let reach = &app.reach;
    let known = caller.is_some();
    let links = reach.links();
    Json(ReachReport {
        secure: client.has_secure_context(&headers),
        needs_trust: links.secure.first().is_some_and(|link| link.needs_trust),
        fingerprint: reach.authority().map(|authority| authority.fingerprint().to_owned()),
        links: known.then_some(links),
        ways: known.then(|| reach.report()),
    })
}
