//! What people open.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::inner::Inner;
use crate::report::{Way, WayState};

/// The addresses of the house for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Links {
    /// For phones and other machines, the best first. Each has a secure context, so that the microphone works.
    pub secure: Vec<Link>,
    /// Where a new phone learns to trust the house; `None` where no phone has to.
    pub trust: Option<String>,
}

/// One address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Such as `https://vesta.local:8443`, without a slash at the end.
    pub url: String,
    /// Whose certificate browsers see there.
    pub way: Way,
    /// Whether a phone must trust the house's authority first.
    pub needs_trust: bool,
}

/// The addresses as things are now.
pub(crate) fn links(inner: &Inner) -> Links {
    let state = inner.state();
    let link = |way, url: String| Link { url, way, needs_trust: way == Way::LocalAuthority };
    let mut secure = Vec::new();
    secure.extend(
        inner.settings.reach.public_url.as_ref().map(|url| link(Way::Proxy, url.trim_end_matches('/').to_owned())),
    );
    let Some(https) = state.doors.get(&Way::Https).copied() else { return Links { secure, trust: None } };
    for way in [Way::Acme, Way::Files, Way::Tailscale] {
        let chain = inner.certificates.of(way).filter(|chain| chain.is_valid(inner.now()));
        let names = chain.iter().flat_map(|chain| chain.names()).filter(|name| !name.starts_with("*."));
        secure.extend(names.map(|name| link(way, url("https", name, https.port()))));
    }
    if let Some(chain) = inner.certificates.of(Way::LocalAuthority) {
        let announced = state.ways.get(&Way::Mdns).is_some_and(|report| report.state == WayState::Ready);
        let name = state.announced.filter(|_| announced && !https.ip().is_loopback());
        // Where the certificate is not for an address, browsers would show a warning there.
        let certified: Vec<_> = state.addresses.iter().filter(|own| chain.addresses().contains(own)).copied().collect();
        let addresses = reachable(https, &certified);
        let hosts = name.into_iter().chain(addresses.iter().map(|address| bracketed(*address)));
        secure.extend(hosts.map(|host| link(Way::LocalAuthority, url("https", &host, https.port()))));
    }
    let needs_trust = secure.first().is_none_or(|link| link.needs_trust);
    let doorstep = state.doors.get(&Way::Doorstep).copied().filter(|_| needs_trust && inner.authority.is_some());
    let trust = doorstep.and_then(|door| {
        reachable(door, &state.addresses).first().map(|address| url("http", &bracketed(*address), door.port()))
    });
    Links { secure, trust }
}

/// The addresses under which others call a listener: its own, or all of this machine's.
fn reachable(door: SocketAddr, addresses: &[IpAddr]) -> Vec<IpAddr> {
    if !door.ip().is_unspecified() {
        return vec![door.ip()];
    }
    let taken = |address: &&IpAddr| door.is_ipv6() || address.is_ipv4();
    // Phones type IPv4; machines that have only IPv6 are called by that.
    let usual: Vec<_> = addresses.iter().filter(taken).filter(|address| address.is_ipv4()).copied().collect();
    let any: Vec<_> = addresses.iter().filter(taken).copied().collect();
    match (usual.is_empty(), any.is_empty()) {
        (false, _) => usual,
        (true, false) => any,
        (true, true) => vec![IpAddr::from([127, 0, 0, 1])],
    }
}

fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn url(scheme: &str, host: &str, port: u16) -> String {
    match (scheme, port) {
        ("https", 443) | ("http", 80) => format!("{scheme}://{host}"),
        _ => format!("{scheme}://{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_called_by_addresses_that_reach_it() {
        let ips = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let all = ips(&["192.168.1.4", "10.0.0.9", "fd00::4"]);
        assert_eq!(reachable("[::]:8443".parse().unwrap(), &all), ips(&["192.168.1.4", "10.0.0.9"]));
        assert_eq!(reachable("[::]:8443".parse().unwrap(), &ips(&["fd00::4"])), ips(&["fd00::4"]));
        assert_eq!(reachable("0.0.0.0:8443".parse().unwrap(), &ips(&["fd00::4"])), ips(&["127.0.0.1"]));
        assert_eq!(reachable("10.0.0.9:8443".parse().unwrap(), &all), ips(&["10.0.0.9"]));
    }

    #[test]
    fn usual_ports_are_left_out() {
        assert_eq!(url("https", "vesta.example.org", 443), "https://vesta.example.org");
        assert_eq!(url("http", &bracketed("fd00::4".parse().unwrap()), 8421), "http://[fd00::4]:8421");
    }
}
