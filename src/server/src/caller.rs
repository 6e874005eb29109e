//! Who calls: the person behind a request, and what they may do.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use vesta_people::{Action, Role};

use crate::App;
use crate::problem::Problem;

/// The person behind a request. Handlers take it as an argument; without one there is no request to handle.
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "more handlers are about to read it")]
pub(crate) struct Caller {
    /// The person's id.
    pub(crate) person: String,
    /// The person's name.
    pub(crate) name: String,
    /// What the person is to the household.
    pub(crate) role: Role,
    /// The person's language, a BCP 47 tag; the household's where there is none.
    pub(crate) language: Option<String>,
    /// Id of the device or token that calls, for logs.
    pub(crate) session: String,
    /// What a token is limited to; a device that is signed in has no such limit.
    pub(crate) scopes: Option<Arc<[Action]>>,
    /// The Realtime session that a client secret was made for.
    pub(crate) realtime_session: Option<Arc<Value>>,
    /// Cancelled when the device or token is revoked, expires, or its person changes or is removed. Whatever stays open for longer than
    /// one answer must end with it.
    pub(crate) revoked: CancellationToken,
}

impl Caller {
    /// Whether the caller may do this: by the role's table, and by the token's scopes.
    pub(crate) fn may(&self, action: Action) -> bool {
        self.role.may(action) && self.scopes.as_ref().is_none_or(|scopes| scopes.contains(&action))
    }

    /// Refuses what the caller may not do.
    pub(crate) fn require(&self, action: Action) -> Result<(), Problem> {
        if self.may(action) {
            return Ok(());
        }
        let detail = if self.role.may(action) {
            format!("this token has no scope '{action}'; make one that has")
        } else {
            format!("a {} may not do this ({action}); an owner can change the role", self.role)
        };
        Err(Problem::new(StatusCode::FORBIDDEN, "not_allowed", "Not allowed", detail))
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        // TODO(people): until the store is there, everybody is the owner, as before.
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self {
            person: "owner".to_owned(),
            name: "Owner".to_owned(),
            role: Role::Owner,
            language: None,
            session: "local".to_owned(),
            scopes: None,
            realtime_session: None,
            revoked: app.shutdown.child_token(),
        }))
    }
}
