//! Devices, passkeys and API tokens.
#![allow(unused_qualifications, reason = "utoipa writes out where the types of a query are")]

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use vesta_people::{Action, Ceremony, PasskeyInfo, PeopleError, Session, Token};

use super::people::there;
use super::sign_in::{no_store, origin};
use super::{Failure, Whose, belongs};
use crate::App;
use crate::api::extract::{Body, Params, Place};
use crate::api::refusals::{BadBody, BadRequest, Closed, Conflict, Missing, SlowDown};
use crate::caller::Caller;
use crate::doors::client::ClientAddress;

/// How long a token lives where nothing else is said.
const TOKEN: Duration = Duration::from_secs(90 * 86_400);

/// Devices that are signed in
#[utoipa::path(get, path = "/api/devices", tag = "devices", params(Whose), responses(
    (status = 200, body = Vec<DeviceView>),
    Closed, BadRequest,
))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(whose): Params<Whose>,
) -> Result<Json<Vec<DeviceView>>, Failure> {
    caller.require(Action::ManageDevices)?;
    let sessions = app.people.sessions(whose.of(&caller)?).await?;
    Ok(Json(sessions.into_iter().map(|session| DeviceView::of(session, &caller)).collect()))
}

/// A device that is signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeviceView {
    #[serde(flatten)]
    session: Session,
    /// Whether it is the one that asks.
    current: bool,
}

impl DeviceView {
    fn of(session: Session, caller: &Caller) -> Self {
        Self { current: session.id == caller.session, session }
    }
}

/// The device `id`, where the caller may change it.
async fn device(app: &App, caller: &Caller, id: String) -> Result<Session, Failure> {
    let session = app.people.session(&id).await?;
    if belongs(caller, &session.person, Action::ManageDevices) {
        Ok(session)
    } else {
        Err(PeopleError::NotFound { what: "device", id }.into())
    }
}

/// A name for something.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Named {
    #[schema(min_length = 1, max_length = 64)]
    name: String,
}

/// Name a device
#[utoipa::path(patch, path = "/api/devices/{id}", tag = "devices", params(("id" = String, Path)), request_body = Named, responses(
    (status = 200, body = DeviceView),
    Closed, BadBody, Missing,
))]
pub(crate) async fn rename(
    State(app): State<App>,
    caller: Caller,
    Place(id): Place<String>,
    Body(body): Body<Named>,
) -> Result<Json<DeviceView>, Failure> {
    let name = body.name;
    let session = device(&app, &caller, id).await?;
    let session = app.people.rename_session(&session.id, &name, caller.actor()).await?;
    Ok(Json(DeviceView::of(session, &caller)))
}

/// Revoke a device, and close what it has open
#[utoipa::path(delete, path = "/api/devices/{id}", tag = "devices", params(("id" = String, Path)), responses(
    (status = 204),
    Closed, Missing,
))]
pub(crate) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<StatusCode, Failure> {
    let session = device(&app, &caller, id).await?;
    app.people.revoke_session(&session.id, "device_revoked", caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// One's own passkeys
#[utoipa::path(get, path = "/api/passkeys", tag = "devices", responses((status = 200, body = Vec<PasskeyInfo>), Closed))]
pub(crate) async fn passkeys(State(app): State<App>, caller: Caller) -> Result<Json<Vec<PasskeyInfo>>, Failure> {
    caller.require(Action::ManageDevices)?;
    Ok(Json(app.people.passkeys(&caller.person).await?))
}

/// Begin to make a passkey
#[utoipa::path(post, path = "/api/passkeys/options", tag = "devices", responses(
    (status = 200, body = Ceremony),
    Closed, BadRequest, Missing, Conflict, SlowDown,
))]
pub(crate) async fn passkey_options(
    State(app): State<App>,
    address: ClientAddress,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json<Ceremony>, Failure> {
    caller.require(Action::ManageDevices)?;
    caller.require_whole()?;
    Ok(Json(app.people.begin_passkey(&caller.person, &origin(&headers, address)?, Some(address.address)).await?))
}

/// A passkey that a browser made.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Made {
    /// As it began.
    ceremony: String,
    /// As `PublicKeyCredential.toJSON()` gives it.
    #[schema(value_type = Object)]
    credential: Value,
    /// What it is called.
    name: Option<String>,
}

/// Keep a passkey that was made
#[utoipa::path(post, path = "/api/passkeys", tag = "devices", request_body = Made, responses(
    (status = 201, body = PasskeyInfo),
    Closed, BadBody, Missing, Conflict,
))]
pub(crate) async fn add_passkey(
    State(app): State<App>,
    address: ClientAddress,
    caller: Caller,
    headers: HeaderMap,
    Body(body): Body<Made>,
) -> Result<Response, Failure> {
    caller.require(Action::ManageDevices)?;
    caller.require_whole()?;
    let Made { ceremony, credential, name } = body;
    let origin = origin(&headers, address)?;
    let passkey = app.people.add_passkey(&ceremony, credential, name, &origin, caller.actor()).await?;
    Ok((StatusCode::CREATED, Json(passkey)).into_response())
}

/// Remove one of one's own passkeys
#[utoipa::path(delete, path = "/api/passkeys/{id}", tag = "devices", params(("id" = String, Path)), responses(
    (status = 204),
    Closed, Missing,
))]
pub(crate) async fn remove_passkey(
    State(app): State<App>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<StatusCode, Failure> {
    caller.require(Action::ManageDevices)?;
    app.people.remove_passkey(&id, caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// API tokens
#[utoipa::path(get, path = "/api/tokens", tag = "devices", params(Whose), responses(
    (status = 200, body = Vec<Token>),
    Closed, BadRequest,
))]
pub(crate) async fn tokens(
    State(app): State<App>,
    caller: Caller,
    Params(whose): Params<Whose>,
) -> Result<Json<Vec<Token>>, Failure> {
    caller.require(Action::ManageTokens)?;
    Ok(Json(app.people.tokens(whose.of(&caller)?).await?))
}

/// A token to be made.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewToken {
    /// What it is for.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// What it may do, as far as its person may.
    #[schema(value_type = Vec<Action>, min_items = 1)]
    scopes: Vec<String>,
    /// Seconds; 90 days where it is absent, `null` never expires.
    #[serde(default, deserialize_with = "there")]
    #[schema(value_type = Option<u64>)]
    expires_in_s: Option<Option<u64>>,
    /// For whoever manages people: whose token it is.
    person: Option<String>,
}

/// Make an API token
#[utoipa::path(post, path = "/api/tokens", tag = "devices", request_body = NewToken, responses(
    (status = 201, body = CreatedToken),
    Closed, BadBody, Missing, Conflict,
))]
pub(crate) async fn create_token(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<NewToken>,
) -> Result<Response, Failure> {
    caller.require(Action::ManageTokens)?;
    let NewToken { name, scopes, expires_in_s, person } = body;
    let person =
        Whose { person: Some(person.unwrap_or_else(|| caller.person.clone())) }.of(&caller)?.unwrap_or_default();
    let read = |scope: String| scope.parse().map_err(|why| PeopleError::Invalid { field: "scopes", why });
    let scopes = scopes.into_iter().map(read).collect::<Result<Vec<Action>, _>>()?;
    // A token that makes tokens must not make mightier ones.
    for scope in &scopes {
        caller.require(*scope)?;
    }
    let lasts = expires_in_s.map_or(Some(TOKEN), |given| given.map(Duration::from_secs));
    let (token, secret) = app.people.create_token(&person, &name, scopes, lasts, caller.actor()).await?;
    let body = CreatedToken { token, secret: secret.reveal().to_owned() };
    Ok((StatusCode::CREATED, no_store(Json(body))).into_response())
}

/// A token that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedToken {
    token: Token,
    /// To be sent as `Authorization: Bearer …`; shown this once.
    secret: String,
}

/// Revoke a token, and close what it has open
#[utoipa::path(delete, path = "/api/tokens/{id}", tag = "devices", params(("id" = String, Path)), responses(
    (status = 204),
    Closed, Missing,
))]
pub(crate) async fn revoke_token(
    State(app): State<App>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<StatusCode, Failure> {
    let token = app.people.token(&id).await?;
    if !belongs(&caller, &token.person, Action::ManageTokens) {
        return Err(PeopleError::NotFound { what: "token", id }.into());
    }
    app.people.revoke_token(&token.id, caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}
