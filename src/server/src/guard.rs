//! Which hosts and origins may speak to the server.
//!
//! A web page of another site can make a browser send requests here. Its `Origin` gives it away on every request that
//! changes something and on WebSockets, and its `Sec-Fetch-Site` on the others; DNS rebinding, where the page's own name is
//! made to point here, is given away by the `Host`. Pages of origins that the owner listed may come with a token, never with a cookie.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::App;
use crate::problem::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
/// What pages of listed origins may send, and read of the answer.
const CORS_METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
const CORS_HEADERS: &str = "authorization, content-type, openai-beta, openai-organization, openai-project, last-event-id, x-stainless-arch, \
                            x-stainless-lang, x-stainless-os, x-stainless-package-version, x-stainless-retry-count, x-stainless-runtime, \
                            x-stainless-runtime-version, x-stainless-timeout, user-agent, x-openai-agents-sdk";

/// Lets a request pass, or answers it.
pub(crate) async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let hosts = app.reach.hosts();
    let judged = judge(request.method(), authority.as_deref(), request.headers(), &hosts, &app.origins);
    let (mut response, listed) = match judged {
        Err(problem) => (problem.into_response(), None),
        Ok(Passed { host, listed }) => {
            let preflight = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
            let mut response = if listed.is_some() && *request.method() == Method::OPTIONS && preflight {
                preflight_answer()
            } else {
                next.run(request).await
            };
            set_missing(response.headers_mut(), header::CONTENT_SECURITY_POLICY, &policy(&host));
            (response, listed)
        }
    };
    harden(response.headers_mut(), listed.as_deref());
    response
}

/// A request that may go on.
#[derive(Debug, PartialEq, Eq)]
struct Passed {
    /// The server as the client calls it: a name or address, and perhaps a port.
    host: String,
    /// The listed origin that the request comes from.
    listed: Option<String>,
}

fn judge(
    method: &Method,
    authority: Option<&str>,
    headers: &HeaderMap,
    hosts: &[String],
    origins: &[String],
) -> Result<Passed, Problem> {
    // HTTP/2 has the host in its request line (`:authority`); of two that differ, neither is believed.
    let host = match (single(headers, &header::HOST)?, authority) {
        (Some(host), Some(authority)) if !host.eq_ignore_ascii_case(authority) => {
            return Err(wrong_host(&format!("{host} and {authority}")));
        }
        (Some(host), _) => host,
        (None, Some(authority)) => authority,
        (None, None) => return Err(wrong_host("")),
    };
    if !is_ours(host, hosts) {
        return Err(wrong_host(host));
    }
    let origin = single(headers, &header::ORIGIN)?;
    let listed = origin.filter(|origin| origins.iter().any(|known| known.eq_ignore_ascii_case(origin)));
    let passed = Passed { host: host.to_owned(), listed: listed.map(str::to_owned) };
    if listed.is_some() {
        return Ok(passed);
    }
    let upgrades = headers.contains_key(header::UPGRADE);
    if let Some(origin) = origin
        && (changes(method) || upgrades)
        && !is_same(origin, host)
    {
        return Err(cross_origin(origin));
    }
    let site = single(headers, &SEC_FETCH_SITE)?.unwrap_or_default();
    let goes_there = single(headers, &SEC_FETCH_MODE)? == Some("navigate") && !changes(method);
    if matches!(site, "cross-site" | "same-site") && !goes_there {
        return Err(cross_origin(origin.unwrap_or("another site")));
    }
    Ok(passed)
}

/// Whether a method changes something.
pub(crate) fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a browser says that the request comes from a page of this server. Other programs say nothing.
pub(crate) fn is_own_page(headers: &HeaderMap, authority: Option<&str>) -> bool {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(&header::HOST).or(authority).unwrap_or_default();
    match text(&header::ORIGIN) {
        Some(origin) => is_same(origin, host),
        None => text(&SEC_FETCH_SITE) == Some("same-origin"),
    }
}

/// Whether `origin` is a page of `host`.
fn is_same(origin: &str, host: &str) -> bool {
    let authority = ["https://", "http://"].iter().find_map(|scheme| origin.strip_prefix(scheme)).unwrap_or_default();
    !authority.is_empty() && authority.eq_ignore_ascii_case(host)
}

fn wrong_host(host: &str) -> Problem {
    let detail =
        format!("this server is not called '{host}'; add the name to [server] hosts in vesta.toml if it should be");
    Problem::new(StatusCode::MISDIRECTED_REQUEST, "wrong_host", "Wrong host", detail)
}

fn cross_origin(origin: &str) -> Problem {
    let detail = format!(
        "a page of '{origin}' may not do this; [server] origins in vesta.toml lists pages that may, with a token"
    );
    Problem::new(StatusCode::FORBIDDEN, "cross_origin", "Another site's page", detail)
}

/// The only value of a header. One that stands there twice, or is no text, could mean one thing here and another elsewhere.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| bad_header(name)),
        (Some(_), Some(_)) => Err(bad_header(name)),
    }
}

fn bad_header(name: &HeaderName) -> Problem {
    Problem::bad_request("bad_header", format!("the header '{name}' must stand there once, as text"))
}

/// Loopback names, plain addresses (which cannot be rebound) and the names of the house.
pub(crate) fn is_ours(host: &str, hosts: &[String]) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, port)) if name.contains(':') => (name, port),
            _ => return false,
        },
        None => host.find(':').map_or((host, ""), |colon| host.split_at_checked(colon).unwrap_or((host, ""))),
    };
    let is_port = |port: &str| port.strip_prefix(':').is_some_and(|digits| digits.parse::<u16>().is_ok());
    if !port.is_empty() && !is_port(port) {
        return false;
    }
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok()
        || hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// What pages may load: what comes from here, and nothing written into the page itself. `host` was found to be ours, so it has no character
/// that means something in a policy.
fn policy(host: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; \
         connect-src 'self' ws://{host} wss://{host}; media-src 'self' blob:; worker-src 'self' blob:; manifest-src 'self'; \
         form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
}

fn harden(headers: &mut HeaderMap, listed: Option<&str>) {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "microphone=(self), screen-wake-lock=(self), camera=(), geolocation=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    set_missing(
        headers,
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    );
    let resource_policy = if listed.is_some() { "cross-origin" } else { "same-origin" };
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static(resource_policy));
    if let Some(origin) = listed.and_then(|origin| HeaderValue::from_str(origin).ok()) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("location, retry-after"));
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
}

fn set_missing(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if !headers.contains_key(&name)
        && let Ok(value) = HeaderValue::from_str(value)
    {
        headers.insert(name, value);
    }
}

fn preflight_answer() -> Response {
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, CORS_METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, CORS_HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, allowed).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn judged(method: &Method, pairs: &[(HeaderName, &str)]) -> Result<Passed, Problem> {
        let names = ["vesta.local".to_owned()];
        judge(method, None, &headers(pairs), &names, &["https://studio.example".to_owned()])
    }

    #[test]
    fn a_name_that_is_not_ours_is_refused() {
        let ours = |host| judged(&Method::GET, &[(header::HOST, host)]).is_ok();
        for host in [
            "localhost",
            "localhost:8420",
            "127.0.0.1:8420",
            "[::1]:8420",
            "[fd00::1]",
            "192.168.1.4",
            "Vesta.local:443",
        ] {
            assert!(ours(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8420",
            "vesta.local.evil.example",
            "vesta.local:443;script-src *",
            "vesta.local:http",
            "vesta.local@evil.example",
            "[evil.example]",
            "[::1",
            "vesta.local/../evil",
        ] {
            assert!(!ours(host), "{host}");
        }
        let names = ["vesta.local".to_owned()];
        let by_authority =
            |authority, pairs: &[_]| judge(&Method::GET, authority, &headers(pairs), &names, &[]).is_ok();
        assert!(by_authority(Some("vesta.local:8443"), &[]));
        assert!(!by_authority(Some("evil.example"), &[]));
        assert!(!by_authority(Some("vesta.local"), &[(header::HOST, "localhost")]), "which of them?");
        assert!(!by_authority(None, &[]));
    }

    #[test]
    fn another_sites_page_may_neither_change_nor_listen() {
        let from = |origin| [(header::HOST, "localhost:8420"), (header::ORIGIN, origin)];
        assert!(judged(&Method::POST, &from("http://localhost:8420")).is_ok());
        for origin in [
            "http://evil.example",
            "null",
            "http://localhost:9999",
            "http://localhost:8420.evil.example",
            "",
            "file://localhost:8420",
        ] {
            assert!(judged(&Method::POST, &from(origin)).is_err(), "{origin}");
            let mut upgrade = from(origin).to_vec();
            upgrade.push((header::UPGRADE, "websocket"));
            assert!(judged(&Method::GET, &upgrade).is_err(), "{origin}");
        }
        let twice = [from("http://localhost:8420").as_slice(), &[(header::ORIGIN, "http://evil.example")]].concat();
        assert!(judged(&Method::POST, &twice).is_err());
    }

    #[test]
    fn another_sites_page_may_not_read_either_but_may_link_here() {
        let get = |site, mode| {
            let pairs = [(header::HOST, "vesta.local"), (SEC_FETCH_SITE, site), (SEC_FETCH_MODE, mode)];
            (judged(&Method::GET, &pairs).is_ok(), judged(&Method::POST, &pairs).is_ok())
        };
        assert_eq!(get("cross-site", "navigate"), (true, false));
        assert_eq!(get("cross-site", "no-cors"), (false, false));
        assert_eq!(get("same-site", "cors"), (false, false), "another port is another site");
        assert_eq!(get("same-origin", "cors"), (true, true));
        assert_eq!(get("none", "navigate"), (true, true));
    }

    #[test]
    fn listed_origins_may_come() {
        let pairs = [
            (header::HOST, "vesta.local"),
            (header::ORIGIN, "https://studio.example"),
            (SEC_FETCH_SITE, "cross-site"),
            (SEC_FETCH_MODE, "cors"),
        ];
        assert_eq!(judged(&Method::POST, &pairs).unwrap().listed.as_deref(), Some("https://studio.example"));
        assert!(!is_own_page(&headers(&pairs), None), "but its cookies count for nothing");
    }

    #[test]
    fn only_a_browser_can_say_that_the_page_is_ours() {
        let own = |pairs: &[_]| is_own_page(&headers(pairs), None);
        assert!(own(&[(header::HOST, "vesta.local"), (header::ORIGIN, "https://vesta.local")]));
        assert!(own(&[(header::HOST, "vesta.local"), (SEC_FETCH_SITE, "same-origin")]));
        assert!(!own(&[(header::HOST, "vesta.local")]));
        assert!(!own(&[(header::HOST, "vesta.local"), (header::ORIGIN, "null"), (SEC_FETCH_SITE, "same-origin")]));
    }
}
