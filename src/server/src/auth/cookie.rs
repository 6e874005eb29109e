//! The cookie of a device that is signed in.
//!
//! Over HTTPS its name begins with `__Host-`, which browsers accept from this host alone, over HTTPS alone, and for no other host. Over plain
//! HTTP it has another name and counts for nothing over HTTPS: whoever sits in between could plant one.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use vesta_people::Secret;

const SECURE: &str = "__Host-vesta";
const INSECURE: &str = "vesta-insecure";
/// As long as a device stays signed in without being used; the server counts as well.
const MAX_AGE: Duration = Duration::from_secs(90 * 86_400);

const fn name(secure: bool) -> &'static str {
    if secure { SECURE } else { INSECURE }
}

/// The cookie's value. RFC 6265, section 5.4.
pub(crate) fn read(headers: &HeaderMap, secure: bool) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(key, value)| (key == name(secure)).then_some(value))
}

/// Signs the browser in.
pub(crate) fn set(secret: &Secret, secure: bool) -> Option<HeaderValue> {
    keep(secret.reveal(), secure)
}

/// Lets the browser keep its cookie for the whole time again.
pub(crate) fn keep(secret: &str, secure: bool) -> Option<HeaderValue> {
    value(secret, secure, MAX_AGE)
}

/// Signs the browser out.
pub(crate) fn clear(secure: bool) -> Option<HeaderValue> {
    value("", secure, Duration::ZERO)
}

fn value(secret: &str, secure: bool, age: Duration) -> Option<HeaderValue> {
    let only_https = if secure { "; Secure" } else { "" };
    let cookie =
        format!("{}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{only_https}", name(secure), age.as_secs());
    HeaderValue::from_str(&cookie).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_comes_back() {
        for secure in [true, false] {
            let cookie = keep("vs_abc-_9", secure).unwrap();
            let text = cookie.to_str().unwrap();
            assert!(text.contains("HttpOnly") && text.contains("SameSite=Strict") && text.contains("Path=/"), "{text}");
            assert_eq!(text.contains("Secure"), secure);
            assert!(!text.contains("Domain"), "`__Host-` forbids it");
            let pair = text.split(';').next().unwrap();
            let mut headers = HeaderMap::new();
            headers.append(header::COOKIE, HeaderValue::from_static("x=y; vesta-other=z"));
            headers.append(header::COOKIE, HeaderValue::from_str(&format!("a=b; {pair}; c=d=e")).unwrap());
            assert_eq!(read(&headers, secure), Some("vs_abc-_9"));
            assert_eq!(read(&headers, !secure), None);
        }
    }

    #[test]
    fn nothing_that_breaks_a_header_goes_into_one() {
        assert_eq!(keep("a\r\nSet-Cookie: b=c", true), None);
    }
}
