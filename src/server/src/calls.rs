//! Calls: Realtime sessions over WebRTC.
//!
//! `POST /v1/realtime/calls` takes a client's offer and answers it. `PATCH /v1/realtime/calls/{id}` takes a new offer for the same call (an
//! ICE restart, when the client's network changed) or candidates that the client found later, as WHIP does (RFC 9725).
//! `POST /v1/realtime/calls/{id}/hangup` ends it. `GET /api/rtc` has the STUN and TURN servers for clients.

#![allow(unused_qualifications, reason = "utoipa writes out where the types of a query are")]

use std::time::SystemTime;

use axum::Json;
use axum::body::Bytes;
use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{FromRequest, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use vesta_people::Action;
use vesta_realtime::SessionStart;
use vesta_rtc::{Begun, IceServer, RtcError};

use crate::App;
use crate::api::refusals::{Closed, OpenAiBody, OpenAiBusy, OpenAiClosed, OpenAiMissing};
use crate::caller::Caller;
use crate::clients::Own;
use crate::doors::client::ClientAddress;
use crate::problem::Problem;
use crate::v1::{Id, Refusal};

/// Largest request: an offer, and the longest instructions with tools.
pub(crate) const MAX_REQUEST: usize = 512 * 1_024;
/// Candidates in one request.
const MAX_CANDIDATES: usize = 64;

const SDP: &str = "application/sdp";
/// Candidates on their own (RFC 8840).
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
/// A candidate as browsers write it.
const JSON: &str = "application/json";

/// How the call begins.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Options {
    /// Anything.
    #[serde(default)]
    model: String,
    /// The area the client is in, by id.
    area: Option<String>,
}

/// A candidate that a client found, as browsers write it (`RTCIceCandidate.toJSON()`).
#[derive(Deserialize, ToSchema)]
#[schema(as = FoundCandidate)]
pub(crate) struct Found {
    /// `candidate:…`; empty where there are no more.
    candidate: String,
}

/// What a client asks for.
struct Asked {
    offer: String,
    session: Value,
}

/// A call as a form.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it is for the description")]
pub(crate) struct CallForm {
    /// The client's offer.
    sdp: String,
    /// The session's configuration, as JSON.
    session: Option<String>,
}

/// Begin a call
///
/// OpenAI's Realtime protocol over WebRTC. `Location` names the call.
#[utoipa::path(post, path = "/v1/realtime/calls", tag = "OpenAI", params(Options),
    request_body(content((String = "application/sdp"), (CallForm = "multipart/form-data"))),
    responses(
        (status = 201, description = "The answer", body = String, content_type = "application/sdp"),
        OpenAiClosed, OpenAiBody, OpenAiBusy,
    ))]
pub(crate) async fn begin(
    State(app): State<App>,
    caller: Caller,
    address: ClientAddress,
    options: Result<Query<Options>, QueryRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    caller.require(Action::Talk)?;
    let Query(options) = options.map_err(|error| Refusal::new(error.status(), "invalid_query", error.body_text()))?;
    let asked = read(request).await?;
    let own = Own::of(&app, &caller).await;
    let start = start(&caller, own, options, asked.session);
    vesta_realtime::check(&app.assistant, &start).map_err(|error| Refusal::invalid("session", error.to_string()))?;
    let begun = app.calls.begin(&asked.offer, &caller.person, is_here(address)).map_err(refusal)?;
    // The session ends with its ports, and then still finishes what was said; only the server's end cuts it short.
    let Begun { id, answer, ports, .. } = begun;
    let session = vesta_realtime::run(app.assistant.clone(), start, ports, app.shutdown.child_token());
    let client = app.metrics.client();
    app.calls.spawn(async move {
        session.await;
        drop(client);
    });
    let location = format!("/v1/realtime/calls/{id}");
    Ok((StatusCode::CREATED, [(header::CONTENT_TYPE, SDP.to_owned()), (header::LOCATION, location)], answer)
        .into_response())
}

/// Change a call
///
/// A new offer, when the client's network changed, or candidates that it found later (RFC 8840).
#[utoipa::path(patch, path = "/v1/realtime/calls/{id}", tag = "OpenAI", params(("id" = String, Path)),
    request_body(content(
        (String = "application/sdp"), (String = "application/trickle-ice-sdpfrag"), (Found = "application/json")
    )),
    responses(
        (status = 200, description = "The answer to a new offer", body = String, content_type = "application/sdp"),
        (status = 204, description = "The candidates are known"),
        OpenAiClosed, OpenAiBody, OpenAiMissing,
    ))]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    address: ClientAddress,
    Id(id): Id,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    caller.require(Action::Talk)?;
    let body = text(body.map_err(unreadable)?)?;
    match kind(&headers) {
        SDP => {
            let answer = app.calls.restart(&id, &caller.person, body, is_here(address)).await.map_err(refusal)?;
            Ok(([(header::CONTENT_TYPE, SDP)], answer).into_response())
        }
        FRAGMENT => {
            let lines = body.lines().map(|line| line.strip_prefix("a=").unwrap_or(line));
            let candidates: Vec<&str> = lines.filter(|line| line.starts_with("candidate:")).collect();
            if candidates.len() > MAX_CANDIDATES {
                return Err(Refusal::invalid("candidate", format!("at most {MAX_CANDIDATES} candidates at once")));
            }
            for candidate in candidates {
                app.calls.candidate(&id, &caller.person, candidate.to_owned()).await.map_err(refusal)?;
            }
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        JSON => {
            let wrong = |error| Refusal::invalid("candidate", format!("this is no RTCIceCandidate as JSON: {error}"));
            let Found { candidate } = serde_json::from_str(&body).map_err(wrong)?;
            // An empty one says that there are no more.
            if !candidate.is_empty() {
                app.calls.candidate(&id, &caller.person, candidate).await.map_err(refusal)?;
            }
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        other => {
            let wanted = format!("{SDP} with a new offer, {FRAGMENT} with candidates, or {JSON} with one");
            Err(wrong_kind(other, &wanted))
        }
    }
}

/// End a call
#[utoipa::path(post, path = "/v1/realtime/calls/{id}/hangup", tag = "OpenAI", params(("id" = String, Path)), responses(
    (status = 200),
    OpenAiClosed, OpenAiMissing,
))]
pub(crate) async fn hang_up(State(app): State<App>, caller: Caller, Id(id): Id) -> Result<StatusCode, Refusal> {
    caller.require(Action::Talk)?;
    app.calls.hang_up(&id, &caller.person).map_err(refusal)?;
    Ok(StatusCode::OK)
}

/// How a page reaches the house by WebRTC.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reachable {
    /// `iceServers` of an `RTCConfiguration`. Passwords for TURN are made for the caller and expire.
    #[schema(value_type = Vec<Object>)]
    ice_servers: Vec<IceServer>,
}

/// STUN and TURN servers
///
/// For the `RTCPeerConnection` that calls the house. Ask anew for every call: passwords expire.
#[utoipa::path(get, path = "/api/rtc", tag = "connection", responses(
    (status = 200, body = Reachable),
    Closed,
))]
pub(crate) async fn reachable(State(app): State<App>, caller: Caller) -> Result<Json<Reachable>, Problem> {
    caller.require(Action::Talk)?;
    Ok(Json(Reachable { ice_servers: app.calls.ice_servers(SystemTime::now(), &caller.person) }))
}

/// How a caller's session begins: as a client secret says, or else as the request does.
fn start(caller: &Caller, own: Own, options: Options, session: Value) -> SessionStart {
    let session = caller.realtime_session.as_ref().map_or(session, |session| session.as_ref().clone());
    let session = own.with_voice(session);
    SessionStart {
        language: caller.language.clone(),
        area: options.area.or(own.area),
        speaker: own.speaker,
        source: "webrtc".to_owned(),
        model: options.model,
        session,
        permissions: caller.permissions(),
        revoked: caller.revoked.clone(),
    }
}

/// A client on this machine can be reached over loopback.
fn is_here(address: ClientAddress) -> bool {
    address.address.is_loopback() && !address.proxied
}

/// The offer alone, or a form with `sdp` and `session`.
async fn read(request: Request) -> Result<Asked, Refusal> {
    match kind(request.headers()) {
        SDP => {
            let body = Bytes::from_request(request, &()).await.map_err(unreadable)?;
            Ok(Asked { offer: text(body)?, session: Value::Null })
        }
        "multipart/form-data" => {
            let form = Multipart::from_request(request, &()).await;
            let form = form.map_err(|error| Refusal::new(error.status(), "invalid_form", error.body_text()))?;
            read_form(form).await
        }
        other => {
            Err(wrong_kind(other, &format!("{SDP} with the offer, or multipart/form-data with 'sdp' and 'session'")))
        }
    }
}

async fn read_form(mut form: Multipart) -> Result<Asked, Refusal> {
    let broken = |error: MultipartError| Refusal::new(error.status(), "invalid_form", error.body_text());
    let (mut offer, mut session) = (None, Value::Null);
    while let Some(field) = form.next_field().await.map_err(broken)? {
        match field.name() {
            Some("sdp") => offer = Some(text(field.bytes().await.map_err(broken)?)?),
            Some("session") => {
                let field = field.bytes().await.map_err(broken)?;
                let wrong = |error| Refusal::invalid("session", format!("'session' is no JSON: {error}"));
                session = serde_json::from_slice(&field).map_err(wrong)?;
            }
            // Other fields are for other servers.
            _ => {}
        }
    }
    let missing = || Refusal::invalid("sdp", "'sdp' is missing; send the client's offer as a part of that name");
    Ok(Asked { offer: offer.ok_or_else(missing)?, session })
}

fn kind(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

fn text(bytes: Bytes) -> Result<String, Refusal> {
    String::from_utf8(bytes.into())
        .map_err(|_| Refusal::invalid("sdp", "a session description is UTF-8 text; this is not"))
}

fn unreadable(error: BytesRejection) -> Refusal {
    Refusal::new(error.status(), "invalid_body", error.body_text())
}

fn wrong_kind(sent: &str, wanted: &str) -> Refusal {
    let message = format!("the content type '{sent}' means nothing here; send {wanted}");
    Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message)
}

fn refusal(error: RtcError) -> Refusal {
    let message = error.to_string();
    match error {
        RtcError::NoCall(_) => Refusal::new(StatusCode::NOT_FOUND, "call_not_found", message),
        RtcError::TooMany(_) => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_calls", message),
        RtcError::Stuck(_) | RtcError::NoPort { .. } | RtcError::Codec(_) => {
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
        }
        RtcError::NoCandidate(_) => Refusal::invalid("candidate", message),
        RtcError::OfferTooLong(_) | RtcError::NoSdp(_) | RtcError::Unusable(_) | RtcError::Refused(_) => {
            Refusal::invalid("sdp", message)
        }
    }
}
