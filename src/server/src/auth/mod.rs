//! People, and how they sign in, over HTTP. `docs/protocols.md` lists the routes.
//!
//! - [`cookie`]: the cookie of a device
//! - `sign_in`: links, codes, passkeys
//! - `people`: people, invitations, the audit log
//! - `devices`: devices, passkeys, API tokens
//! - `client_secrets`: short-lived secrets, as OpenAI's API has them

pub(crate) mod client_secrets;
pub(crate) mod cookie;
pub(crate) mod devices;
pub(crate) mod people;
pub(crate) mod sign_in;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use vesta_people::{Action, Device, PeopleError};

use crate::caller::Caller;
use crate::doors::client::ClientAddress;
use crate::problem::Problem;

pub use sign_in::welcome_path;

/// Why a request about people failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What the people said.
    People(PeopleError),
    /// Anything else.
    Problem(Problem),
}

impl From<PeopleError> for Failure {
    fn from(error: PeopleError) -> Self {
        Self::People(error)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let error = match self {
            Self::Problem(problem) => return problem.into_response(),
            Self::People(error) => error,
        };
        let (status, title) = match &error {
            PeopleError::NoSuchLink | PeopleError::NotFound { .. } => (StatusCode::NOT_FOUND, "Not found"),
            PeopleError::WrongCode | PeopleError::WrongPasskey(_) => (StatusCode::FORBIDDEN, "Not signed in"),
            PeopleError::SlowDown { .. } => (StatusCode::TOO_MANY_REQUESTS, "Too many attempts"),
            PeopleError::NoPasskeysHere(_)
            | PeopleError::NameTaken { .. }
            | PeopleError::LastOwner
            | PeopleError::TooMany { .. } => (StatusCode::CONFLICT, "Not possible"),
            PeopleError::Invalid { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "Not usable"),
            _ => {
                tracing::error!(%error, "something about people failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "Internal error")
            }
        };
        let detail = if status.is_server_error() {
            "the people could not be read or changed; the server's log says why".to_owned()
        } else {
            error.to_string()
        };
        let mut response = Problem::new(status, error.code(), title, detail).into_response();
        if let PeopleError::SlowDown { retry_after } = error {
            // Rounded up: whoever comes back then is heard.
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after.as_secs() + 1));
        }
        response
    }
}

/// Whose.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Whose {
    /// Id of a person, or `all`; for whoever manages people. One's own where it is absent.
    person: Option<String>,
}

impl Whose {
    /// The caller's own by default; another's, or everybody's (`None`), for whoever manages people.
    fn of(self, caller: &Caller) -> Result<Option<String>, Failure> {
        match self.person {
            None => Ok(Some(caller.person.clone())),
            Some(person) if person == caller.person => Ok(Some(person)),
            Some(person) => {
                caller.require(Action::ManagePeople)?;
                Ok((person != "all").then_some(person))
            }
        }
    }
}

/// Whether `caller` may see and change what `owner` has. What they may not is not there for them.
fn belongs(caller: &Caller, owner: &str, own: Action) -> bool {
    (owner == caller.person && caller.may(own)) || caller.may(Action::ManagePeople)
}

/// The device that signs in.
fn device(name: Option<String>, headers: &HeaderMap, address: ClientAddress) -> Device {
    let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Device { name, user_agent, address: Some(address.address) }
}
