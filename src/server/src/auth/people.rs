//! People, invitations and the audit log.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use vesta_people::{Action, AuditEntry, Invite, LOCAL, Person, Role};

use super::sign_in::{no_store, welcome_path};
use super::{Failure, Given, given};
use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;

/// Most lines of the audit log in one answer.
const MAX_LINES: usize = 500;

/// `GET /api/people`.
pub(crate) async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Vec<Person>>, Failure> {
    caller.require(Action::ManagePeople)?;
    Ok(Json(app.people.people().await?))
}

#[derive(Deserialize)]
pub(crate) struct Change {
    name: Option<String>,
    role: Option<Role>,
    /// `null` is the household's language; a field that is not there changes nothing.
    #[serde(default, deserialize_with = "there")]
    language: Option<Option<String>>,
}

/// Tells a field that is `null` from one that is not there.
pub(super) fn there<'de, T: Deserialize<'de>, D: Deserializer<'de>>(field: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(field).map(Some)
}

/// `PATCH /api/people/{id}`.
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    body: Given<Change>,
) -> Result<Json<Person>, Failure> {
    let Change { name, role, language } = given(body)?;
    let own = id == caller.person && role.is_none();
    caller.require(if own { Action::ManageDevices } else { Action::ManagePeople })?;
    Ok(Json(app.people.change_person(&id, name, role, language, caller.actor()).await?))
}

/// `DELETE /api/people/{id}`.
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    caller.require(Action::ManagePeople)?;
    app.people.remove_person(&id, caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/invites`.
pub(crate) async fn invites(State(app): State<App>, caller: Caller) -> Result<Json<Vec<Invite>>, Failure> {
    caller.require(Action::ManagePeople)?;
    Ok(Json(app.people.invites().await?))
}

#[derive(Deserialize)]
pub(crate) struct Invitation {
    role: Role,
    name: Option<String>,
    language: Option<String>,
    expires_in_s: Option<u64>,
}

/// `POST /api/invites`.
pub(crate) async fn invite(
    State(app): State<App>,
    caller: Caller,
    body: Given<Invitation>,
) -> Result<Response, Failure> {
    caller.require(Action::ManagePeople)?;
    caller.require_whole()?;
    let Invitation { role, name, language, expires_in_s } = given(body)?;
    let lasts = expires_in_s.map(Duration::from_secs);
    let (invite, secret) = app.people.invite(role, name, language, lasts, caller.actor()).await?;
    let body = json!({ "invite": invite, "path": welcome_path(secret.reveal()) });
    Ok((StatusCode::CREATED, no_store(Json(body))).into_response())
}

/// `DELETE /api/invites/{id}`.
pub(crate) async fn revoke_invite(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    caller.require(Action::ManagePeople)?;
    app.people.revoke_invite(&id, caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/welcome`: a new link for the first owner, for the programs of this machine.
pub(crate) async fn welcome(State(app): State<App>, caller: Caller) -> Result<Response, Failure> {
    if caller.person != LOCAL {
        caller.require(Action::ManagePeople)?;
    }
    match app.people.welcome().await? {
        Some((secret, expires_at_ms)) => {
            Ok(no_store(Json(json!({ "path": welcome_path(secret.reveal()), "expires_at_ms": expires_at_ms }))))
        }
        None => {
            let detail = "this house has an owner; invite others with `vesta invite`, add a device with `vesta pair --person NAME`";
            Err(Problem::new(StatusCode::CONFLICT, "has_owner", "Not possible", detail).into())
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Lines {
    limit: Option<usize>,
    before: Option<i64>,
}

/// `GET /api/audit`.
pub(crate) async fn audit(
    State(app): State<App>,
    caller: Caller,
    Query(Lines { limit, before }): Query<Lines>,
) -> Result<Json<Vec<AuditEntry>>, Failure> {
    caller.require(Action::ManagePeople)?;
    Ok(Json(app.people.audit(limit.unwrap_or(100).min(MAX_LINES), before).await?))
}
