//! Who is at the other end of a request.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
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
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    /// A request without it came through no listener; it is nobody's.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let nobody = Self { address: Ipv4Addr::UNSPECIFIED.into(), secure: false, proxied: false };
        Ok(parts.extensions.get::<Self>().copied().unwrap_or(nobody))
    }
}
