//! Who is really at the other end, where reverse proxies stand in between.
//!
//! Each proxy appends the address that it was called from. Only what trusted proxies appended can be believed, so the
//! list is read from the right: the first address that is no trusted proxy is the client. What stands further left was
//! written by the client itself.

use std::net::{IpAddr, SocketAddr};

use crate::config::{ClientHeader, ProxyNet};

/// More hops than this are no proxies but an attempt to keep the server busy.
const MAX_HOPS: usize = 32;

/// Which proxies are trusted, and where they name the client.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    nets: Vec<ProxyNet>,
    header: ClientHeader,
}

/// The other end of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Its address; IPv4 is never written as IPv6.
    pub address: IpAddr,
    /// Whether it speaks HTTPS, to this server or to a trusted proxy.
    pub secure: bool,
    /// Whether a trusted proxy stands in between.
    pub proxied: bool,
    /// Whether somebody who is not trusted said that they forward this.
    pub unheeded: bool,
}

/// The headers that proxies set, all lines of each in order.
#[derive(Debug, Clone, Default)]
pub struct Forwarding<'a> {
    /// `X-Forwarded-For`
    pub x_forwarded_for: Vec<&'a str>,
    /// `X-Forwarded-Proto`
    pub x_forwarded_proto: Vec<&'a str>,
    /// `Forwarded`, RFC 7239
    pub forwarded: Vec<&'a str>,
    /// `CF-Connecting-IP`
    pub cf_connecting_ip: Vec<&'a str>,
    /// `X-Real-IP`
    pub x_real_ip: Vec<&'a str>,
}

impl Forwarding<'_> {
    fn is_empty(&self) -> bool {
        let all = [&self.x_forwarded_for, &self.forwarded, &self.cf_connecting_ip, &self.x_real_ip];
        all.iter().all(|lines| lines.is_empty())
    }
}

impl TrustedProxies {
    /// These proxies, who name the client in `header`.
    pub fn new(nets: &[ProxyNet], header: ClientHeader) -> Self {
        Self { nets: nets.to_vec(), header }
    }

    /// Whether `address` is a trusted proxy.
    pub fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.nets.iter().any(|net| net.0.contains(&address))
    }

    /// The client of a request that came from `peer`, over TLS or not.
    pub fn client(&self, peer: IpAddr, tls: bool, said: &Forwarding<'_>) -> Client {
        let peer = peer.to_canonical();
        if !self.trust(peer) {
            return Client { address: peer, secure: tls, proxied: false, unheeded: !said.is_empty() };
        }
        let hops = self.hops(said);
        let mut address = peer;
        for hop in hops.iter().rev().take(MAX_HOPS) {
            // Something that is no address hides who is behind it: the last known hop stands for the client.
            let Some(hop) = hop else { break };
            address = *hop;
            if !self.trust(address) {
                break;
            }
        }
        let secure = tls || self.scheme(said).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
        Client { address, secure, proxied: !hops.is_empty(), unheeded: false }
    }

    /// The addresses that were passed on, the nearest last; `None` where something else stands.
    fn hops(&self, said: &Forwarding<'_>) -> Vec<Option<IpAddr>> {
        let single = |lines: &[&str]| lines.last().map(|text| vec![address(text)]).unwrap_or_default();
        match self.header {
            ClientHeader::XForwardedFor => {
                said.x_forwarded_for.iter().flat_map(|line| line.split(',')).map(address).collect()
            }
            ClientHeader::Forwarded => {
                elements(said).map(|element| parameter(element, "for").and_then(address)).collect()
            }
            ClientHeader::CfConnectingIp => single(&said.cf_connecting_ip),
            ClientHeader::XRealIp => single(&said.x_real_ip),
        }
    }

    /// What the nearest proxy was called with.
    fn scheme<'a>(&self, said: &Forwarding<'a>) -> Option<&'a str> {
        match self.header {
            ClientHeader::Forwarded => parameter(elements(said).last()?, "proto"),
            _ => said.x_forwarded_proto.last()?.rsplit(',').next().map(str::trim),
        }
    }
}

/// The elements of all `Forwarded` lines.
fn elements<'a>(said: &Forwarding<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
    let lines: Vec<&'a str> = said.forwarded.clone();
    lines.into_iter().flat_map(|line| line.split(','))
}

/// A parameter of an element such as `for="[2001:db8::1]:4711";proto=https`.
fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    element.split(';').find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// An address with or without a port, in brackets or not.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let parsed = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    parsed.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn trusted(header: ClientHeader) -> TrustedProxies {
        let nets: Vec<_> =
            ["127.0.0.1", "10.0.0.0/8"].iter().map(|net| ProxyNet::try_from((*net).to_owned()).unwrap()).collect();
        TrustedProxies::new(&nets, header)
    }

    fn forwarded_for<'a>(lines: &[&'a str]) -> Forwarding<'a> {
        Forwarding { x_forwarded_for: lines.to_vec(), ..Forwarding::default() }
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let proxies = trusted(ClientHeader::XForwardedFor);
        let client = proxies.client(ip("198.51.100.7"), true, &forwarded_for(&["127.0.0.1"]));
        assert_eq!(client, Client { address: ip("198.51.100.7"), secure: true, proxied: false, unheeded: true });
        let client = proxies.client(
            ip("198.51.100.7"),
            false,
            &Forwarding { x_forwarded_proto: vec!["https"], ..Forwarding::default() },
        );
        assert!(!client.secure);
        let nobody = TrustedProxies::default();
        assert_eq!(nobody.client(ip("127.0.0.1"), false, &forwarded_for(&["203.0.113.9"])).address, ip("127.0.0.1"));
    }

    #[test]
    fn the_rightmost_address_that_is_no_proxy_is_the_client() {
        let proxies = trusted(ClientHeader::XForwardedFor);
        for (lines, expected) in [
            (&["203.0.113.9"][..], "203.0.113.9"),
            (&["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
            (&["6.6.6.6, 203.0.113.9, 10.1.1.1"], "203.0.113.9"),
            (&["6.6.6.6", "203.0.113.9, 10.1.1.1"], "203.0.113.9"),
            (&["203.0.113.9:4711"], "203.0.113.9"),
            (&["::ffff:203.0.113.9"], "203.0.113.9"),
            (&["[2001:db8::5]:4711"], "2001:db8::5"),
            (&["2001:db8::5"], "2001:db8::5"),
            (&["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
            (&["6.6.6.6, nonsense"], "127.0.0.1"),
            (&["6.6.6.6, nonsense, 10.3.3.3"], "10.3.3.3"),
            (&["6.6.6.6,"], "127.0.0.1"),
            (&[], "127.0.0.1"),
        ] {
            assert_eq!(
                proxies.client(ip("127.0.0.1"), false, &forwarded_for(lines)).address,
                ip(expected),
                "{lines:?}"
            );
        }
        let mapped = proxies.client(ip("::ffff:127.0.0.1"), false, &forwarded_for(&["203.0.113.9"]));
        assert_eq!(mapped.address, ip("203.0.113.9"), "a dual-stack socket writes IPv4 as IPv6");
    }

    #[test]
    fn only_the_configured_header_is_read() {
        let said = Forwarding {
            x_forwarded_for: vec!["6.6.6.1"],
            forwarded: vec!["for=6.6.6.9;proto=http, for=\"[2001:db8::5]:99\";proto=https"],
            cf_connecting_ip: vec!["203.0.113.3"],
            x_real_ip: vec!["203.0.113.4"],
            x_forwarded_proto: vec!["http"],
        };
        for (header, expected, secure) in [
            (ClientHeader::XForwardedFor, "6.6.6.1", false),
            (ClientHeader::Forwarded, "2001:db8::5", true),
            (ClientHeader::CfConnectingIp, "203.0.113.3", false),
            (ClientHeader::XRealIp, "203.0.113.4", false),
        ] {
            let client = trusted(header).client(ip("10.0.0.1"), false, &said);
            assert_eq!((client.address, client.secure), (ip(expected), secure), "{header:?}");
        }
    }

    #[test]
    fn an_obfuscated_client_is_not_guessed() {
        let said = Forwarding { forwarded: vec!["for=unknown", "for=_hidden;proto=https"], ..Forwarding::default() };
        let client = trusted(ClientHeader::Forwarded).client(ip("10.0.0.1"), false, &said);
        assert_eq!((client.address, client.secure), (ip("10.0.0.1"), true));
    }

    #[test]
    fn the_nearest_proxy_says_how_it_was_called() {
        let proxies = trusted(ClientHeader::XForwardedFor);
        let said = |proto: Vec<&'static str>| Forwarding {
            x_forwarded_proto: proto,
            x_forwarded_for: vec!["203.0.113.9"],
            ..Forwarding::default()
        };
        assert!(proxies.client(ip("10.0.0.1"), false, &said(vec!["HTTPS"])).secure);
        assert!(proxies.client(ip("10.0.0.1"), false, &said(vec!["http, https"])).secure);
        assert!(!proxies.client(ip("10.0.0.1"), false, &said(vec!["https", "http"])).secure);
    }
}
