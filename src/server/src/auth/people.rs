//! People, invitations and the audit log.
#![allow(unused_qualifications, reason = "utoipa writes out where the types of a query are")]

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};
use vesta_people::{Action, AuditEntry, Invite, LOCAL, Person, Role};

use super::Failure;
use super::sign_in::{no_store, welcome_path};
use crate::App;
use crate::api::extract::{Body, Params, Place};
use crate::api::refusals::{BadBody, BadRequest, Closed, Conflict, Missing};
use crate::caller::Caller;
use crate::problem::Problem;

/// Most lines of the audit log in one answer.
const MAX_LINES: usize = 500;

/// Everybody of the household, and guests
#[utoipa::path(get, path = "/api/people", tag = "people", responses((status = 200, body = Vec<Person>), Closed))]
pub(crate) async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Vec<Person>>, Failure> {
    caller.require(Action::ManagePeople)?;
    Ok(Json(app.people.people().await?))
}

/// What changes; what is absent stays.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Change {
    #[schema(min_length = 1, max_length = 64)]
    name: Option<String>,
    role: Option<Role>,
    /// BCP 47 tag; `null` is the household's language; a field that is not there changes nothing.
    #[serde(default, deserialize_with = "there")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 35, pattern = "^[A-Za-z][A-Za-z0-9-]*$")]
    language: Option<Option<String>>,
}

/// Tells a field that is `null` from one that is not there.
pub(super) fn there<'de, T: Deserialize<'de>, D: Deserializer<'de>>(field: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(field).map(Some)
}

/// Change a person
///
/// Their own name and language by anybody, everything by whoever manages people.
#[utoipa::path(patch, path = "/api/people/{id}", tag = "people", params(("id" = String, Path)), request_body = Change, responses(
    (status = 200, body = Person),
    Closed, BadBody, Missing, Conflict,
))]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    Place(id): Place<String>,
    Body(body): Body<Change>,
) -> Result<Json<Person>, Failure> {
    let Change { name, role, language } = body;
    let own = id == caller.person && role.is_none();
    caller.require(if own { Action::ManageDevices } else { Action::ManagePeople })?;
    if role.is_some() {
        caller.require_whole()?;
    }
    Ok(Json(app.people.change_person(&id, name, role, language, caller.actor()).await?))
}

/// Remove a person, with their devices, tokens and passkeys
#[utoipa::path(delete, path = "/api/people/{id}", tag = "people", params(("id" = String, Path)), responses(
    (status = 204),
    Closed, Missing, Conflict,
))]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<StatusCode, Failure> {
    caller.require(Action::ManagePeople)?;
    app.people.remove_person(&id, caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Invitations that are open
#[utoipa::path(get, path = "/api/invites", tag = "people", responses((status = 200, body = Vec<Invite>), Closed))]
pub(crate) async fn invites(State(app): State<App>, caller: Caller) -> Result<Json<Vec<Invite>>, Failure> {
    caller.require(Action::ManagePeople)?;
    Ok(Json(app.people.invites().await?))
}

/// An invitation to be made.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Invitation {
    role: Role,
    /// What the person is called; asked of them where it is absent.
    #[schema(min_length = 1, max_length = 64)]
    name: Option<String>,
    /// BCP 47 tag; the household's where it is absent.
    #[schema(min_length = 1, max_length = 35, pattern = "^[A-Za-z][A-Za-z0-9-]*$")]
    language: Option<String>,
    /// How long it works, in seconds: up to 30 days, 7 where it is absent.
    #[schema(minimum = 1, maximum = 2592000)]
    expires_in_s: Option<u64>,
}

/// An invitation that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct Invited {
    invite: Invite,
    /// Where the link leads: `/welcome#…`; shown this once.
    path: String,
}

/// The first owner's link.
#[derive(Serialize, ToSchema)]
pub(crate) struct WelcomeLink {
    /// Where it leads: `/welcome#…`.
    path: String,
    /// Unix time in milliseconds.
    expires_at_ms: i64,
}

/// Invite somebody
#[utoipa::path(post, path = "/api/invites", tag = "people", request_body = Invitation, responses(
    (status = 201, body = Invited),
    Closed, BadBody, Conflict,
))]
pub(crate) async fn invite(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<Invitation>,
) -> Result<Response, Failure> {
    caller.require(Action::ManagePeople)?;
    caller.require_whole()?;
    let Invitation { role, name, language, expires_in_s } = body;
    let lasts = expires_in_s.map(Duration::from_secs);
    let (invite, secret) = app.people.invite(role, name, language, lasts, caller.actor()).await?;
    let body = Invited { invite, path: welcome_path(secret.reveal()) };
    Ok((StatusCode::CREATED, no_store(Json(body))).into_response())
}

/// Take an invitation back
#[utoipa::path(delete, path = "/api/invites/{id}", tag = "people", params(("id" = String, Path)), responses(
    (status = 204),
    Closed, Missing,
))]
pub(crate) async fn revoke_invite(
    State(app): State<App>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<StatusCode, Failure> {
    caller.require(Action::ManagePeople)?;
    app.people.revoke_invite(&id, caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a new link for the first owner
///
/// For the programs of the house's own machine, while there is no owner.
#[utoipa::path(post, path = "/api/welcome", tag = "people", responses(
    (status = 200, body = WelcomeLink),
    Closed, Conflict,
))]
pub(crate) async fn welcome(State(app): State<App>, caller: Caller) -> Result<Response, Failure> {
    if caller.person != LOCAL {
        caller.require(Action::ManagePeople)?;
    }
    match app.people.welcome().await? {
        Some((secret, expires_at_ms)) => {
            Ok(no_store(Json(WelcomeLink { path: welcome_path(secret.reveal()), expires_at_ms })))
        }
        None => {
            let detail = "this house has an owner; invite others with `vesta invite`, add a device with `vesta pair --person NAME`";
            Err(Problem::new(StatusCode::CONFLICT, "has_owner", "Not possible", detail).into())
        }
    }
}

/// Which lines.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Lines {
    /// At most this many; 100 where it is absent, never more than 500.
    limit: Option<usize>,
    /// Before the one of this id.
    before: Option<i64>,
}

/// Sign-ins and changes, the newest first
#[utoipa::path(get, path = "/api/audit", tag = "people", params(Lines), responses(
    (status = 200, body = Vec<AuditEntry>),
    Closed, BadRequest,
))]
pub(crate) async fn audit(
    State(app): State<App>,
    caller: Caller,
    Params(Lines { limit, before }): Params<Lines>,
) -> Result<Json<Vec<AuditEntry>>, Failure> {
    caller.require(Action::ManagePeople)?;
    Ok(Json(app.people.audit(limit.unwrap_or(100).min(MAX_LINES), before).await?))
}
