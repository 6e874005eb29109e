//! Signing in and out.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use vesta_people::{Action, Ceremony, Link, SignedIn, passkeys_possible};

use super::{Failure, Given, cookie, device, given};
use crate::App;
use crate::caller::Caller;
use crate::doors::client::ClientAddress;
use crate::problem::Problem;

/// `GET /api/auth`: who is signed in here, and what ways in there are.
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
    let body = json!({
        "caller": caller.as_ref().map(Caller::to_json),
        "owned": app.people.is_owned().await?,
        "passkeys": { "possible": why.is_none(), "why": why },
    });
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

#[derive(Deserialize)]
pub(crate) struct Presented {
    secret: String,
}

/// `POST /api/auth/link`: what a link is for.
pub(crate) async fn link(
    State(app): State<App>,
    address: ClientAddress,
    body: Given<Presented>,
) -> Result<Json<Link>, Failure> {
    Ok(Json(app.people.link(&given(body)?.secret, Some(address.address)).await?))
}

#[derive(Deserialize)]
pub(crate) struct Acceptance {
    secret: String,
    name: Option<String>,
    language: Option<String>,
    device: Option<String>,
}

/// `POST /api/auth/accept`: uses a link up.
pub(crate) async fn accept(
    State(app): State<App>,
    address: ClientAddress,
    headers: HeaderMap,
    body: Given<Acceptance>,
) -> Result<Response, Failure> {
    let Acceptance { secret, name, language, device: called } = given(body)?;
    let signed_in = app.people.accept(&secret, name, language, device(called, &headers, address)).await?;
    signed_in_here(&app, signed_in, address).await
}

#[derive(Deserialize)]
pub(crate) struct Typed {
    code: String,
    device: Option<String>,
}

/// `POST /api/auth/code`: a code that was typed.
pub(crate) async fn code(
    State(app): State<App>,
    address: ClientAddress,
    headers: HeaderMap,
    body: Given<Typed>,
) -> Result<Response, Failure> {
    let Typed { code, device: called } = given(body)?;
    let signed_in = app.people.sign_in_by_code(&code, device(called, &headers, address)).await?;
    signed_in_here(&app, signed_in, address).await
}

/// `POST /api/auth/passkey/options`.
pub(crate) async fn passkey_options(
    State(app): State<App>,
    address: ClientAddress,
    headers: HeaderMap,
) -> Result<Json<Ceremony>, Failure> {
    Ok(Json(app.people.begin_sign_in(&origin(&headers, address)?, Some(address.address))?))
}

#[derive(Deserialize)]
pub(crate) struct Proof {
    ceremony: String,
    credential: Value,
    device: Option<String>,
}

/// `POST /api/auth/passkey`.
pub(crate) async fn passkey(
    State(app): State<App>,
    address: ClientAddress,
    headers: HeaderMap,
    body: Given<Proof>,
) -> Result<Response, Failure> {
    let Proof { ceremony, credential, device: called } = given(body)?;
    let (origin, device) = (origin(&headers, address)?, device(called, &headers, address));
    let signed_in = app.people.sign_in_by_passkey(&ceremony, credential, &origin, device).await?;
    signed_in_here(&app, signed_in, address).await
}

/// `POST /api/auth/sign-out`: ends this device's session.
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

#[derive(Deserialize)]
pub(crate) struct For {
    person: Option<String>,
}

/// `POST /api/auth/pair`: a way in for a further device.
pub(crate) async fn pair(State(app): State<App>, caller: Caller, body: Given<For>) -> Result<Response, Failure> {
    let person = given(body)?.person.unwrap_or_else(|| caller.person.clone());
    caller.require(if person == caller.person { Action::ManageDevices } else { Action::ManagePeople })?;
    caller.require_whole()?;
    let pairing = app.people.pair(&person, caller.actor()).await?;
    Ok(no_store(Json(json!({
        "path": welcome_path(pairing.secret.reveal()), "code": pairing.code.to_string(), "expires_at_ms": pairing.expires_at_ms,
    }))))
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
    let mut response = no_store(Json(caller.as_ref().map(Caller::to_json)));
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
