//! Devices, passkeys and API tokens.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use vesta_people::{Action, Ceremony, PasskeyInfo, PeopleError, Session, Token};

use super::people::there;
use super::sign_in::{no_store, origin};
use super::{Failure, Given, Whose, belongs, given};
use crate::App;
use crate::caller::Caller;
use crate::doors::client::ClientAddress;

/// How long a token lives where nothing else is said.
const TOKEN: Duration = Duration::from_secs(90 * 86_400);

/// `GET /api/devices`.
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(whose): Query<Whose>,
) -> Result<Json<Vec<Value>>, Failure> {
    caller.require(Action::ManageDevices)?;
    let sessions = app.people.sessions(whose.of(&caller)?).await?;
    Ok(Json(sessions.iter().map(|session| shown(session, &caller)).collect()))
}

fn shown(session: &Session, caller: &Caller) -> Value {
    let mut value = json!(session);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("current".to_owned(), (session.id == caller.session).into());
    }
    value
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

#[derive(Deserialize)]
pub(crate) struct Named {
    name: String,
}

/// `PATCH /api/devices/{id}`.
pub(crate) async fn rename(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: Given<Named>,
) -> Result<Json<Value>, Failure> {
    let name = given(body)?.name;
    let session = device(&app, &caller, id).await?;
    let session = app.people.rename_session(&session.id, &name, caller.actor()).await?;
    Ok(Json(shown(&session, &caller)))
}

/// `DELETE /api/devices/{id}`.
pub(crate) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    let session = device(&app, &caller, id).await?;
    app.people.revoke_session(&session.id, "device_revoked", caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/passkeys`.
pub(crate) async fn passkeys(State(app): State<App>, caller: Caller) -> Result<Json<Vec<PasskeyInfo>>, Failure> {
    caller.require(Action::ManageDevices)?;
    Ok(Json(app.people.passkeys(&caller.person).await?))
}

/// `POST /api/passkeys/options`.
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

#[derive(Deserialize)]
pub(crate) struct Made {
    ceremony: String,
    credential: Value,
    name: Option<String>,
}

/// `POST /api/passkeys`.
pub(crate) async fn add_passkey(
    State(app): State<App>,
    address: ClientAddress,
    caller: Caller,
    headers: HeaderMap,
    body: Given<Made>,
) -> Result<Response, Failure> {
    caller.require(Action::ManageDevices)?;
    caller.require_whole()?;
    let Made { ceremony, credential, name } = given(body)?;
    let origin = origin(&headers, address)?;
    let passkey = app.people.add_passkey(&ceremony, credential, name, &origin, caller.actor()).await?;
    Ok((StatusCode::CREATED, Json(passkey)).into_response())
}

/// `DELETE /api/passkeys/{id}`.
pub(crate) async fn remove_passkey(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    caller.require(Action::ManageDevices)?;
    app.people.remove_passkey(&id, caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/tokens`.
pub(crate) async fn tokens(
    State(app): State<App>,
    caller: Caller,
    Query(whose): Query<Whose>,
) -> Result<Json<Vec<Token>>, Failure> {
    caller.require(Action::ManageTokens)?;
    Ok(Json(app.people.tokens(whose.of(&caller)?).await?))
}

#[derive(Deserialize)]
pub(crate) struct NewToken {
    name: String,
    scopes: Vec<String>,
    /// `null` never expires.
    #[serde(default, deserialize_with = "there")]
    expires_in_s: Option<Option<u64>>,
    /// For whoever manages people: whose token it is.
    person: Option<String>,
}

/// `POST /api/tokens`.
pub(crate) async fn create_token(
    State(app): State<App>,
    caller: Caller,
    body: Given<NewToken>,
) -> Result<Response, Failure> {
    caller.require(Action::ManageTokens)?;
    let NewToken { name, scopes, expires_in_s, person } = given(body)?;
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
    let body = json!({ "token": token, "secret": secret.reveal() });
    Ok((StatusCode::CREATED, no_store(Json(body))).into_response())
}

/// `DELETE /api/tokens/{id}`.
pub(crate) async fn revoke_token(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    let token = app.people.token(&id).await?;
    if !belongs(&caller, &token.person, Action::ManageTokens) {
        return Err(PeopleError::NotFound { what: "token", id }.into());
    }
    app.people.revoke_token(&token.id, caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}
