//! Who is at the other end of a request.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use vesta_reach::{Client, Forwarding, Reach};

/// The other end of a request, as seen through trusted proxies. Every request has it in its extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientAddress {
    /// The client's address, for rate limits and the audit log; IPv4 is never written as IPv6.
    pub(crate) address: IpAddr,
    /// Whether the client speaks HTTPS, to this server or to a trusted proxy.
    pub(crate) secure: bool,
    /// Whether a trusted proxy stands in between.
    pub(crate) proxied: bool,
}

impl ClientAddress {
    /// The other end of a request from `peer`, over TLS or not.
    pub(crate) fn of(reach: &Reach, peer: IpAddr, tls: bool, headers: &HeaderMap) -> Self {
        let all = |name: &'static str| {
            let lines = headers.get_all(HeaderName::from_static(name)).iter();
            // A line that is no text is no address either; it still stands between the others.
            lines.map(|line| line.to_str().unwrap_or("?")).collect::<Vec<_>>()
        };
        let said = Forwarding {
            x_forwarded_for: all("x-forwarded-for"),
            x_forwarded_proto: all("x-forwarded-proto"),
            forwarded: all("forwarded"),
            cf_connecting_ip: all("cf-connecting-ip"),
            x_real_ip: all("x-real-ip"),
        };
        let Client { address, secure, proxied, .. } = reach.client(peer, tls, &said);
        Self { address, secure, proxied }
    }

    /// Whether browsers give this client's pages a secure context, and with it the microphone: over HTTPS, and under the
    /// machine's own names for itself (Secure Contexts, section 3.1).
    pub(crate) fn has_secure_context(self, headers: &HeaderMap) -> bool {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let name = host_name(host);
        let itself = name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        self.secure || itself
    }
}

/// The name or address in `name[:port]`, without brackets.
pub(crate) fn host_name(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    /// A request without it came through no listener; it is nobody's.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let nobody = Self { address: Ipv4Addr::UNSPECIFIED.into(), secure: false, proxied: false };
        Ok(parts.extensions.get::<Self>().copied().unwrap_or(nobody))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_was_called_decides_on_the_microphone() {
        let called = |host: &str, secure| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            let client = ClientAddress { address: IpAddr::from([127, 0, 0, 1]), secure, proxied: false };
            client.has_secure_context(&headers)
        };
        for host in ["localhost:8420", "127.0.0.1", "[::1]:8420"] {
            assert!(called(host, false), "{host}");
        }
        for host in ["vesta.local:8421", "192.168.1.4:8421", "[fd00::1]"] {
            assert!(!called(host, false) && called(host, true), "{host}");
        }
    }
}
