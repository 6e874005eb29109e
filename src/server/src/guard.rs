//! Which hosts and origins may speak to the server.
//!
//! A web page of another site can make a browser send requests here. Its `Origin` gives it away on every request that
//! changes something and on WebSockets; DNS rebinding, where the page's own name is made to point here, is given away
//! by the `Host`.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::App;
use crate::problem::Problem;

/// Lets a request pass, or answers it.
pub(crate) async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    if let Err(problem) = judge(request.method(), request.headers(), &app.hosts) {
        return problem.into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
        ),
    );
    response
}

fn judge(method: &Method, headers: &HeaderMap, hosts: &[String]) -> Result<(), Problem> {
    let host = text(headers, header::HOST).unwrap_or_default();
    if !is_ours(host, hosts) {
        let detail =
            format!("this server is not called '{host}'; add the name to [server] hosts in vesta.toml if it should be");
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "wrong_host", "Wrong host", detail));
    }
    let upgrades = headers.contains_key(header::UPGRADE);
    let changes = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if (changes || upgrades) && headers.contains_key(header::ORIGIN) {
        let origin = text(headers, header::ORIGIN).unwrap_or_default();
        let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
        if authority.is_empty() || !authority.eq_ignore_ascii_case(host) {
            let detail = format!("a page of '{origin}' may not do this");
            return Err(Problem::new(StatusCode::FORBIDDEN, "cross_origin", "Another site's page", detail));
        }
    }
    Ok(())
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Loopback names, plain addresses (which cannot be rebound) and the configured names.
fn is_ours(host: &str, hosts: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok()
        || hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn a_name_that_is_not_ours_is_refused() {
        let hosts = vec!["vesta.local".to_owned()];
        for host in ["localhost", "localhost:8420", "127.0.0.1:8420", "[::1]:8420", "192.168.1.4", "Vesta.local:443"] {
            assert!(judge(&Method::GET, &headers(&[(header::HOST, host)]), &hosts).is_ok(), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8420"] {
            assert!(judge(&Method::GET, &headers(&[(header::HOST, host)]), &hosts).is_err(), "{host}");
        }
    }

    #[test]
    fn another_sites_page_may_neither_change_nor_listen() {
        let from = |origin| headers(&[(header::HOST, "localhost:8420"), (header::ORIGIN, origin)]);
        assert!(judge(&Method::POST, &from("http://localhost:8420"), &[]).is_ok());
        for origin in ["http://evil.example", "null", "http://localhost:9999", ""] {
            assert!(judge(&Method::POST, &from(origin), &[]).is_err(), "{origin}");
        }
        let mut upgrade = from("http://evil.example");
        upgrade.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        assert!(judge(&Method::GET, &upgrade, &[]).is_err());
    }
}
