//! The pages that are served without TLS. Nothing secret is said here, and nobody signs in.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use vesta_reach::{Reach, Way};

use super::trust;
use crate::guard::is_ours;
use crate::problem::Problem;

/// For a new phone: how it learns to trust the house. Everything else leads to HTTPS.
pub(crate) fn pages(reach: Reach) -> Router {
    guarded(trust::routes().route("/", get(trust::page)).merge(challenges()), reach)
}

/// For the ACME server. People who come here are led to HTTPS.
pub(crate) fn for_acme(reach: Reach) -> Router {
    guarded(challenges(), reach)
}

/// For whoever speaks plain HTTP to the HTTPS port.
pub(crate) fn to_https(reach: Reach) -> Router {
    guarded(Router::new(), reach)
}

/// For others than this machine on the port that is for this machine.
pub(crate) fn for_strangers(reach: Reach) -> Router {
    Router::new().fallback(refuse).with_state(reach)
}

fn challenges() -> Router<Reach> {
    Router::new().route("/.well-known/acme-challenge/{token}", get(challenge))
}

fn guarded(pages: Router<Reach>, reach: Reach) -> Router {
    pages.fallback(lead).layer(middleware::from_fn_with_state(reach.clone(), guard)).with_state(reach)
}

/// A page of another site must not be shown under a name that is not ours.
async fn guard(State(reach): State<Reach>, request: Request, next: Next) -> Response {
    let host = host(request.headers());
    // An ACME server asks under the name that is being proved, whatever it is called otherwise.
    if !request.uri().path().starts_with("/.well-known/acme-challenge/") && !is_ours(&host, &reach.hosts()) {
        let detail =
            format!("this house is not called '{host}'; add the name to [server] hosts in vesta.toml if it should be");
        return Problem::new(StatusCode::MISDIRECTED_REQUEST, "wrong_host", "Wrong host", detail).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

async fn challenge(State(reach): State<Reach>, Path(token): Path<String>) -> Response {
    match reach.challenge(&token) {
        Some(answer) => ([(header::CONTENT_TYPE, "application/octet-stream")], answer).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The same page over HTTPS.
async fn lead(State(reach): State<Reach>, headers: HeaderMap, uri: Uri) -> Response {
    let Some(door) = reach.door(Way::Https) else {
        let detail = "HTTPS does not work on this server now; `vesta check` says why".to_owned();
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_https", "No HTTPS", detail).into_response();
    };
    let host = host(&headers);
    let name = without_port(&host);
    let port = if door.port() == 443 { String::new() } else { format!(":{}", door.port()) };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Redirect::temporary(&format!("https://{name}{port}{path}")).into_response()
}

async fn refuse(State(reach): State<Reach>) -> Response {
    let links = reach.links();
    let instead = links.trust.as_ref().or(links.secure.first().map(|link| &link.url));
    let instead = instead.map_or_else(|| "HTTPS is switched off".to_owned(), |url| format!("open {url} instead"));
    let detail = format!(
        "plain HTTP is for the machine that Vesta runs on and for trusted proxies; {instead}. For a reverse proxy, add its address to \
         [reach] trusted_proxies in vesta.toml"
    );
    Problem::new(StatusCode::FORBIDDEN, "needs_https", "Plain HTTP is for this machine only", detail).into_response()
}

fn host(headers: &HeaderMap) -> String {
    headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned()
}

fn without_port(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.find(']').and_then(|end| host.get(..end + 2)).unwrap_or(host),
        None => host.split(':').next().unwrap_or(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_cut_off() {
        for (host, name) in
            [("vesta.local:8421", "vesta.local"), ("[fd00::1]:80", "[fd00::1]"), ("[fd00::1]", "[fd00::1]")]
        {
            assert_eq!(without_port(host), name);
        }
    }
}
