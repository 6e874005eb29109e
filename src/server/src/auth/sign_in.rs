//! Signing in and out.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use utoipa::ToSchema;
use vesta_people::{Action, Ceremony, Link, SignedIn, passkeys_possible};

use super::{Failure, cookie, device};
use crate::App;
use crate::api::extract::Body;
use crate::api::refusals::{BadBody, BadRequest, Closed, Conflict, Foreign, Missing, SlowDown};
use crate::caller::{Caller, CallerView};
use crate::doors::client::ClientAddress;
use crate::problem::Problem;

/// Who is signed in here, and what ways in there are
#[utoipa::path(get, path = "/api/auth", tag = "signing in", security((), ("session" = []), ("token" = [])), responses((status = 200, body = SignInState)))]
pub(crate) async fn state(
    State(app): State<App>,
    address: ClientAddress,
    caller: Option<Caller>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let why = match origin(&headers, address) {
        Ok(origin) => passkeys_possible(&origin).err().map(|why| why.word()),
        Err(_) => Some("address"),
    };
    let body = SignInState {
        caller: caller.as_ref().map(Caller::view),
        owned: app.people.is_owned().await?,
        passkeys: PasskeysHere { possible: why.is_none(), why },
    };
    let mut response = no_store(Json(body));
    // Every start of the app lets the cookie live for its whole time again.
    if caller.is_some_and(|caller| caller.method == "device")
        && let Some(kept) =
            cookie::read(&headers, address.secure).and_then(|secret| cookie::keep(secret, address.secure))
    {
        response.headers_mut().insert(header::SET_COOKIE, kept);
    }
    Ok(response)
}

/// Who is signed in, and what ways in there are.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignInState {
    /// Who calls; `null` for strangers.
    caller: Option<CallerView>,
    /// Whether the house has an owner.
    owned: bool,
    passkeys: PasskeysHere,
}

/// Whether there can be passkeys on the page that asks.
#[derive(Serialize, ToSchema)]
pub(crate) struct PasskeysHere {
    possible: bool,
    /// Why not: `address` (the page was opened by an address) or `insecure` (without HTTPS).
    why: Option<&'static str>,
}

/// The secret of a link: what follows `/welcome#`.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Presented {
    secret: String,
}

/// What a link is for
#[utoipa::path(post, path = "/api/auth/link", tag = "signing in", security(()), request_body = Presented, responses(
    (status = 200, body = Link),
    Foreign, BadBody, Missing, SlowDown,
))]
pub(crate) async fn link(
    State(app): State<App>,
    address: ClientAddress,
    Body(body): Body<Presented>,
) -> Result<Json<Link>, Failure> {
    Ok(Json(app.people.link(&body.secret, Some(address.address)).await?))
}

/// A link that is used.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Acceptance {
    /// What follows `/welcome#`.
    secret: String,
    /// What the person is called; needed where the link does not say.
    name: Option<String>,
    /// BCP 47 tag; the household's where it is absent.
    #[schema(min_length = 1, max_length = 35, pattern = "^[A-Za-z][A-Za-z0-9-]*$")]
    language: Option<String>,
    /// What the device is called; after its browser where it is absent.
    device: Option<String>,
}

/// Use a link up
#[utoipa::path(post, path = "/api/auth/accept", tag = "signing in", security(()), request_body = Acceptance, responses(
    (status = 200, description = "Signed in, by the cookie in `Set-Cookie`", body = CallerView),
    Foreign, BadBody, Missing, Conflict, SlowDown,
))]
pub(crate) async fn accept(
    State(app): State<App>,
    address: ClientAddress,
    headers: HeaderMap,
    Body(body): Body<Acceptance>,
) -> Result<Response, Failure> {
    let Acceptance { secret, name, language, device: called } = body;
    let signed_in = app.people.accept(&secret, name, language, device(called, &headers, address)).await?;
    signed_in_here(&app, signed_in, address).await
}

/// A code that was typed.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Typed {
    /// Such as `K7Q-9M2-XPB`.
    code: String,
    /// What the device is called.
    device: Option<String>,
}

/// Sign in by a code that was typed
#[utoipa::path(post, path = "/api/auth/code", tag = "signing in", security(()), request_body = Typed, responses(
    (status = 200, description = "Signed in, by the cookie in `Set-Cookie`", body = CallerView),
    BadBody, SlowDown,
    (status = 403, description = "It is another code, or none any more", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn code(
    State(app): State<App>,
    address: ClientAddress,
    headers: HeaderMap,
    Body(body): Body<Typed>,
) -> Result<Response, Failure> {
    let Typed { code, device: called } = body;
    let signed_in = app.people.sign_in_by_code(&code, device(called, &headers, address)).await?;
    signed_in_here(&app, signed_in, address).await
}

/// Begin to sign in by a passkey
#[utoipa::path(post, path = "/api/auth/passkey/options", tag = "signing in", security(()), responses(
    (status = 200, body = Ceremony),
    Foreign, BadRequest, Conflict, SlowDown,
))]
pub(crate) async fn passkey_options(
    State(app): State<App>,
    address: ClientAddress,
    headers: HeaderMap,
) -> Result<Json<Ceremony>, Failure> {
    Ok(Json(app.people.begin_sign_in(&origin(&headers, address)?, Some(address.address))?))
}

/// What a passkey says.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Proof {
    /// As it began.
    ceremony: String,
    /// As `PublicKeyCredential.toJSON()` gives it.
    #[schema(value_type = Object)]
    credential: Value,
    /// What the device is called.
    device: Option<String>,
}

/// Sign in by a passkey
#[utoipa::path(post, path = "/api/auth/passkey", tag = "signing in", security(()), request_body = Proof, responses(
    (status = 200, description = "Signed in, by the cookie in `Set-Cookie`", body = CallerView),
    BadBody, Conflict, SlowDown,
    (status = 403, description = "The passkey is not known here", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn passkey(
    State(app): State<App>,
    address: ClientAddress,
    headers: HeaderMap,
    Body(body): Body<Proof>,
) -> Result<Response, Failure> {
    let Proof { ceremony, credential, device: called } = body;
    let (origin, device) = (origin(&headers, address)?, device(called, &headers, address));
    let signed_in = app.people.sign_in_by_passkey(&ceremony, credential, &origin, device).await?;
    signed_in_here(&app, signed_in, address).await
}

/// End this device's session
#[utoipa::path(post, path = "/api/auth/sign-out", tag = "signing in", responses(
    (status = 204),
    Closed, Missing, Conflict,
))]
pub(crate) async fn sign_out(
    State(app): State<App>,
    address: ClientAddress,
    caller: Caller,
) -> Result<Response, Failure> {
    if caller.method != "device" {
        let detail = "a token is not signed out but revoked: DELETE /api/tokens/{id}";
        return Err(Problem::new(StatusCode::CONFLICT, "no_device", "Not possible", detail).into());
    }
    app.people.revoke_session(&caller.session, "signed_out", caller.actor()).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(cleared) = cookie::clear(address.secure) {
        response.headers_mut().insert(header::SET_COOKIE, cleared);
    }
    Ok(response)
}

/// For whom.
#[derive(Deserialize, ToSchema)]
pub(crate) struct For {
    /// Id of a person, for whoever manages people; oneself where it is absent.
    person: Option<String>,
}

/// Make a way in for a further device
#[utoipa::path(post, path = "/api/auth/pair", tag = "devices", request_body = For, responses(
    (status = 200, body = PairingView),
    Closed, BadBody, Missing, Conflict,
))]
pub(crate) async fn pair(State(app): State<App>, caller: Caller, Body(body): Body<For>) -> Result<Response, Failure> {
    let person = body.person.unwrap_or_else(|| caller.person.clone());
    caller.require(if person == caller.person { Action::ManageDevices } else { Action::ManagePeople })?;
    caller.require_whole()?;
    let pairing = app.people.pair(&person, caller.actor()).await?;
    Ok(no_store(Json(PairingView {
        path: welcome_path(pairing.secret.reveal()),
        code: pairing.code.to_string(),
        expires_at_ms: pairing.expires_at_ms,
    })))
}

/// A way in for a further device: link and code work once, one of them.
#[derive(Serialize, ToSchema)]
pub(crate) struct PairingView {
    /// Where the link leads: `/welcome#…`.
    path: String,
    /// To be typed.
    code: String,
    /// Unix time in milliseconds.
    expires_at_ms: i64,
}

/// Where a link leads. What follows `#` stays in the browser: it is in no log and in no `Referer`.
pub fn welcome_path(secret: &str) -> String {
    format!("/welcome#{secret}")
}

/// The answer to whoever has just signed in.
async fn signed_in_here(app: &App, signed_in: SignedIn, address: ClientAddress) -> Result<Response, Failure> {
    let secret = signed_in.secret;
    let identity = app.people.authenticate(secret.reveal(), Some(address.address)).await?;
    let caller = identity.map(|identity| Caller::new(identity, address));
    let mut response = no_store(Json(caller.as_ref().map(Caller::view)));
    if let Some(cookie) = cookie::set(&secret, address.secure) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// An answer that has a secret or tells who is signed in.
pub(super) fn no_store(answer: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], answer).into_response()
}

/// The page that asks. The guard has compared it with the host.
pub(super) fn origin(headers: &HeaderMap, address: ClientAddress) -> Result<Url, Failure> {
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let built = || text(header::HOST).map(|host| format!("{}://{host}", if address.secure { "https" } else { "http" }));
    let origin = text(header::ORIGIN).map(str::to_owned).or_else(built);
    let parsed = origin.and_then(|origin| Url::parse(&origin).ok());
    parsed.ok_or_else(|| Problem::bad_request("bad_origin", "the request does not say which page it comes from").into())
}
