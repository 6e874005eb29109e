//! The addresses under which machines in the same network call this one.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// Networks between containers and virtual machines: no phone is in them.
const INNER: [&str; 6] = ["docker", "br-", "veth", "virbr", "cni", "flannel"];

/// The addresses of this machine, without loopback and link-local ones; the one that most of the network knows comes first.
pub(crate) fn current() -> Vec<IpAddr> {
    let interfaces = match if_addrs::get_if_addrs() {
        Ok(interfaces) => interfaces,
        Err(error) => {
            tracing::warn!(%error, "this machine's addresses cannot be read");
            Vec::new()
        }
    };
    let outer = interfaces
        .into_iter()
        .filter(|interface| !interface.is_loopback() && !interface.is_link_local() && !is_inner(&interface.name));
    ordered(outer.map(|interface| interface.ip()).collect(), toward_the_internet())
}

/// Whether an interface leads to containers or virtual machines only.
pub(crate) fn is_inner(interface: &str) -> bool {
    INNER.iter().any(|prefix| interface.starts_with(prefix))
}

/// The address that packets to the internet leave from. Nothing is sent.
fn toward_the_internet() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address for documentation (RFC 5737): only the routing table is asked.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified() && !address.is_loopback()).then_some(address)
}

/// The first address first, then IPv4, then IPv6; each once.
fn ordered(mut addresses: Vec<IpAddr>, first: Option<IpAddr>) -> Vec<IpAddr> {
    addresses.sort_by_key(|address| (Some(*address) != first, address.is_ipv6(), *address));
    addresses.dedup();
    addresses
}

/// This machine's name, without a domain, in lower case; empty where it has none that can stand in a certificate.
pub(crate) fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
    let label = name.split('.').next().unwrap_or_default();
    let sound = label.len() <= 63 && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if sound { label.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_address_comes_first() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let all = vec![ip("fd00::1"), ip("192.168.1.4"), ip("10.0.0.9"), ip("10.0.0.9")];
        assert_eq!(ordered(all.clone(), Some(ip("192.168.1.4"))), [ip("192.168.1.4"), ip("10.0.0.9"), ip("fd00::1")]);
        assert_eq!(ordered(all, None).first(), Some(&ip("10.0.0.9")));
    }

    #[test]
    fn loopback_is_not_an_address_for_others() {
        assert!(current().iter().all(|address| !address.is_loopback()));
    }
}
