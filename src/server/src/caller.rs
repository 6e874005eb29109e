//! Who calls: the person behind a request, and what they may do.
//!
//! Every route needs a caller, except those in [`OPEN`]; what no route matches gives nothing away. A new route is closed until
//! somebody lists it there.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, HttpBody};
use axum::extract::{FromRequestParts, MatchedPath, OptionalFromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use vesta_people::{Action, Actor, Identity, Role};
use vesta_turn::Permissions;

use crate::App;
use crate::auth::cookie;
use crate::doors::client::ClientAddress;
use crate::guard;
use crate::problem::Problem;

/// Routes that need no caller: the app's own files, signing in, health, and how to trust the house. One that ends with `*` stands for
/// everything that begins so.
const OPEN: [&str; 24] = [
    "/",
    "/type",
    "/home",
    "/lists",
    "/history",
    "/settings",
    "/people",
    "/welcome",
    "/sign-in",
    "/trust*",
    "/app/*",
    "/sw.js",
    "/manifest.webmanifest",
    "/favicon.ico",
    "/healthz",
    "/.well-known/*",
    "/api/openapi.json",
    "/api/reach",
    "/api/auth",
    "/api/auth/link",
    "/api/auth/accept",
    "/api/auth/code",
    "/api/auth/passkey",
    "/api/auth/passkey/options",
];
/// Prefix of the WebSocket subprotocol in which OpenAI's SDK carries a token out of a browser.
const SUBPROTOCOL: &str = "openai-insecure-api-key.";

/// The person behind a request. Handlers take it as an argument; without one there is no request to handle.
#[derive(Debug, Clone)]
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
    /// `device`, `token`, `client_secret` or `local`.
    pub(crate) method: &'static str,
    /// The Realtime session that a client secret was made for.
    pub(crate) realtime_session: Option<Arc<Value>>,
    /// Cancelled when the device or token is revoked or expires, its person changes or is removed, and when the server stops. Whatever stays
    /// open for longer than one answer must end with it.
    pub(crate) revoked: CancellationToken,
    /// All that is known.
    pub(crate) identity: Arc<Identity>,
    /// From where.
    address: ClientAddress,
}

impl Caller {
    pub(crate) fn new(identity: Identity, address: ClientAddress) -> Self {
        Self {
            person: identity.person.clone(),
            name: identity.name.clone(),
            role: identity.role,
            language: identity.language.clone(),
            session: identity.session.clone(),
            method: identity.method,
            realtime_session: identity.realtime_session.clone(),
            revoked: identity.revoked.clone(),
            identity: Arc::new(identity),
            address,
        }
    }

    /// Whether the caller may do this: by the role's table, and by the token's scopes.
    pub(crate) fn may(&self, action: Action) -> bool {
        !self.revoked.is_cancelled()
            && self.role.may(action)
            && self.identity.scopes.as_ref().is_none_or(|scopes| scopes.contains(&action))
    }

    /// Refuses a caller that may do less than its role: who can make a way in for others must not gain by it.
    pub(crate) fn require_whole(&self) -> Result<(), Problem> {
        Action::ALL.into_iter().filter(|action| self.role.may(*action)).try_for_each(|action| self.require(action))
    }

    /// Refuses what the caller may not do.
    pub(crate) fn require(&self, action: Action) -> Result<(), Problem> {
        if self.may(action) {
            return Ok(());
        }
        // Revoked while its request was still on its way.
        if self.revoked.is_cancelled() {
            return Err(no_caller());
        }
        let detail = if self.role.may(action) {
            format!("this token has no scope '{action}'; make one that has")
        } else {
            format!("a {} may not do this ({action}); an owner can change the role", self.role)
        };
        Err(Problem::new(StatusCode::FORBIDDEN, "not_allowed", "Not allowed", detail))
    }

    /// What the caller may see and do in the home.
    pub(crate) fn permissions(&self) -> Permissions {
        Permissions {
            see: self.may(Action::ReadHome),
            see_security: self.may(Action::ReadSecurity),
            control: self.may(Action::ControlHome),
            appliances: self.may(Action::ControlAppliances),
            security: self.may(Action::UnlockDoors),
            lists: self.may(Action::KeepLists),
        }
    }

    /// The caller, as the audit log names them.
    pub(crate) fn actor(&self) -> Actor {
        self.identity.actor(Some(self.address.address))
    }

    /// The caller, as clients see them.
    pub(crate) fn view(&self) -> CallerView {
        CallerView {
            person: self.person.clone(),
            name: self.name.clone(),
            role: self.role,
            language: self.language.clone(),
            session: self.session.clone(),
            method: self.method,
            expires_at_ms: self.identity.expires_at_ms,
            may: Action::ALL.into_iter().filter(|action| self.may(*action)).collect(),
        }
    }
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallerView {
    /// Id of the person.
    person: String,
    name: String,
    role: Role,
    /// BCP 47 tag; the household's where it is `null`.
    language: Option<String>,
    /// Id of the device or token.
    session: String,
    /// `device`, `token`, `client_secret` or `local`.
    method: &'static str,
    /// Unix time in milliseconds; `null` for never.
    expires_at_ms: Option<i64>,
    /// What they may do.
    may: Vec<Action>,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(no_caller)
    }
}

impl OptionalFromRequestParts<App> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}

fn no_caller() -> Problem {
    let detail = "nobody is signed in; open the house in a browser, or send an API token as 'Authorization: Bearer …'";
    Problem::new(StatusCode::UNAUTHORIZED, "no_caller", "Not signed in", detail)
}

/// Finds out who calls. A request without a valid caller goes no further, unless its route is open.
pub(crate) async fn identify(
    State(app): State<App>,
    address: ClientAddress,
    mut request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    // Nothing matched: there is nothing to protect, and the answer says so.
    let Some(route) = route else { return next.run(request).await };
    let open = is_open(&route);
    // Pages are the same for everybody; what an open part of the API tells may depend on who asks.
    if open && !route.starts_with("/api/") {
        return next.run(request).await;
    }
    let identified = match credential(request.headers(), address.secure) {
        Some(credential) => match app.people.authenticate(&credential.secret, Some(address.address)).await {
            Ok(identity) => identity.map(|identity| (identity, credential.from_cookie)),
            Err(error) => {
                tracing::error!(%error, "a caller could not be looked up");
                let detail = "the people could not be read; the server's log says why";
                return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error", detail)
                    .into_response();
            }
        },
        None => None,
    };
    let Some((identity, from_cookie)) = identified else {
        return if open { next.run(request).await } else { refusal(&route) };
    };
    // Browsers send cookies by themselves, so a cookie counts only where the browser says that the page is ours.
    let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let risky = guard::changes(request.method())
        || request.headers().contains_key(header::UPGRADE)
        || *request.method() == Method::CONNECT;
    if from_cookie && risky && !guard::is_own_page(request.headers(), authority.as_deref()) {
        let detail = "the request does not say which page it comes from; programs send a token, not a cookie";
        return Problem::new(StatusCode::FORBIDDEN, "cross_origin", "Another site's page", detail).into_response();
    }
    let revoked = identity.revoked.clone();
    request.extensions_mut().insert(Caller::new(identity, address));
    until_revoked(next.run(request).await, revoked)
}

pub(crate) fn is_open(route: &str) -> bool {
    OPEN.iter().any(|open| match open.strip_suffix('*') {
        Some(prefix) => route.starts_with(prefix),
        None => route == *open,
    })
}

/// An answer of unknown length, such as events, ends with its caller.
fn until_revoked(response: Response, revoked: CancellationToken) -> Response {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS || response.body().size_hint().exact().is_some() {
        return response;
    }
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(revoked.cancelled_owned())))
}

/// 401, in the form that clients of the route read.
fn refusal(route: &str) -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
    if !route.starts_with("/v1") {
        return (challenge, no_caller()).into_response();
    }
    let error = json!({ "error": {
        "message": "no valid API token; make one with `vesta tokens create` and send it as 'Authorization: Bearer …'",
        "type": "invalid_request_error", "param": null, "code": "invalid_api_key",
    } });
    (StatusCode::UNAUTHORIZED, challenge, Json(error)).into_response()
}

struct Credential {
    secret: String,
    from_cookie: bool,
}

/// What a request brings: a token where there is one, else the cookie.
fn credential(headers: &HeaderMap, secure: bool) -> Option<Credential> {
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION).map(|value| {
        // A token of another kind, or none at all: whoever names a token wants to be known by it and by nothing else.
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        if scheme.eq_ignore_ascii_case("bearer") { token.trim() } else { "" }
    });
    let subprotocol = || {
        let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
        offered.flat_map(|value| value.split(',')).find_map(|protocol| protocol.trim().strip_prefix(SUBPROTOCOL))
    };
    if let Some(token) = bearer.or_else(subprotocol) {
        return Some(Credential { secret: token.to_owned(), from_cookie: false });
    }
    let secret = cookie::read(headers, secure)?;
    Some(Credential { secret: secret.to_owned(), from_cookie: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), header::HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn only_what_is_listed_is_open() {
        for route in ["/", "/healthz", "/app/{version}/{*file}", "/trust/page.css", "/api/auth/accept"] {
            assert!(is_open(route), "{route}");
        }
        for route in [
            "/api/home",
            "/metrics",
            "/v1/realtime",
            "/api/auth/pair",
            "/api/auth/sign-out",
            "/api/status",
            "/appendix",
        ] {
            assert!(!is_open(route), "{route}");
        }
    }

    fn caller(role: Role, scopes: Option<&[Action]>) -> Caller {
        let identity = Identity {
            person: "anna".to_owned(),
            name: "Anna".to_owned(),
            role,
            language: None,
            session: "phone".to_owned(),
            method: "token",
            scopes: scopes.map(Arc::from),
            realtime_session: None,
            expires_at_ms: None,
            revoked: CancellationToken::new(),
        };
        let address = ClientAddress { address: std::net::Ipv4Addr::LOCALHOST.into(), secure: true, proxied: false };
        Caller::new(identity, address)
    }

    #[test]
    fn whoever_is_revoked_may_nothing() {
        let owner = caller(Role::Owner, None);
        assert!(Action::ALL.into_iter().all(|action| owner.may(action)));
        owner.revoked.cancel();
        for action in Action::ALL {
            assert!(!owner.may(action), "{action}");
            assert_eq!(owner.require(action).unwrap_err().status(), StatusCode::UNAUTHORIZED, "{action}");
        }
        let Permissions { see, see_security, control, appliances, security, lists } = owner.permissions();
        assert!(!(see || see_security || control || appliances || security || lists), "and in the home neither");
        assert!(owner.view().may.is_empty());
    }

    #[test]
    fn who_may_less_than_their_role_makes_no_way_in() {
        for role in [Role::Owner, Role::Adult, Role::Child, Role::Guest] {
            assert!(caller(role, None).require_whole().is_ok(), "{role}");
            let all: Vec<Action> = Action::ALL.into_iter().filter(|action| role.may(*action)).collect();
            assert!(caller(role, Some(&all)).require_whole().is_ok(), "{role}: a token of all that a {role} may");
            for missing in 0..all.len() {
                let mut few = all.clone();
                let left_out = few.remove(missing);
                let refused = caller(role, Some(&few)).require_whole().unwrap_err();
                assert_eq!(refused.code(), "not_allowed", "{role} without {left_out}");
            }
        }
    }

    #[test]
    fn a_token_goes_before_the_cookie() {
        let cookie = (header::COOKIE, "a=b; __Host-vesta=vs_cookie");
        let found = |pairs: &[_]| credential(&headers(pairs), true).map(|found| (found.secret, found.from_cookie));
        assert_eq!(found(std::slice::from_ref(&cookie)), Some(("vs_cookie".to_owned(), true)));
        assert_eq!(
            found(&[cookie.clone(), (header::AUTHORIZATION, "bearer vesta_x")]),
            Some(("vesta_x".to_owned(), false))
        );
        assert_eq!(found(&[cookie.clone(), (header::AUTHORIZATION, "Basic eA==")]), Some((String::new(), false)));
        let offered = "realtime, openai-insecure-api-key.ek_1, openai-beta.realtime-v1";
        assert_eq!(found(&[(header::SEC_WEBSOCKET_PROTOCOL, offered)]), Some(("ek_1".to_owned(), false)));
        assert_eq!(
            found(&[(header::COOKIE, "vesta-insecure=vs_planted")]),
            None,
            "a cookie from plain HTTP proves nothing over HTTPS"
        );
    }
}
