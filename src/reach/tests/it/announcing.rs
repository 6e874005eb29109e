//! The name in the network, and another machine that has it.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use mdns_sd::{DaemonEvent, ServiceDaemon, ServiceInfo};
use vesta_reach::{Reach, Settings, Way};

use super::*;

/// Not 5353: the machine's own responder must not take part.
fn settings(place: &std::path::Path, name: &str, port: u16) -> Settings {
    let mut settings = quiet(place);
    settings.reach.mdns = true;
    settings.reach.name = format!("{name}-{}x", std::process::id());
    settings.mdns_port = port;
    settings
}

fn free_udp_port() -> u16 {
    UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

fn announced(reach: &Reach) -> Vec<String> {
    report(reach, Way::Mdns).map(|report| report.names).unwrap_or_default()
}

#[tokio::test]
async fn the_name_is_announced_and_taken_back() {
    let place = tempfile::tempdir().unwrap();
    let port = free_udp_port();
    let reach = Reach::start(settings(place.path(), "vesta-one", port)).await;
    let name = format!("{}.local", reach.settings().reach.name);
    let browser = ServiceDaemon::new_with_port(port).unwrap();
    let found = browser.browse("_vesta._tcp.local.").unwrap();
    reach.opened(Way::Https, "0.0.0.0:8443".parse().unwrap());
    until(&reach, "the name", |reach| announced(reach) == [name.clone()]).await;
    assert_eq!(reach.links().secure[0].url, format!("https://{name}:8443"));
    let seen = async {
        loop {
            if let mdns_sd::ServiceEvent::ServiceResolved(service) = found.recv_async().await.unwrap()
                && service.get_hostname() == format!("{name}.")
            {
                assert_eq!(service.get_port(), 8443);
                return;
            }
        }
    };
    patiently("the service", seen, String::new).await;
    reach.stop().await;
    let gone =
        async { while !matches!(found.recv_async().await.unwrap(), mdns_sd::ServiceEvent::ServiceRemoved(..)) {} };
    patiently("the farewell", gone, String::new).await;
    let _ = browser.shutdown();
}

/// Another address in the network of this machine, where there is one: of a machine that is played here.
fn neighbour() -> Option<Ipv4Addr> {
    let interfaces = if_addrs::get_if_addrs().unwrap();
    interfaces.into_iter().find_map(|interface| match interface.addr {
        if_addrs::IfAddr::V4(v4) if !v4.is_loopback() && v4.prefixlen <= 29 => {
            Some(Ipv4Addr::from_bits(v4.ip.to_bits() ^ 3))
        }
        _ => None,
    })
}

#[tokio::test]
async fn a_name_that_is_taken_is_left_to_its_owner() {
    let Some(address) = neighbour() else { return };
    let place = tempfile::tempdir().unwrap();
    let port = free_udp_port();
    let settings = settings(place.path(), "vesta-two", port);
    let name = settings.reach.name.clone();
    let owner = ServiceDaemon::new_with_port(port).unwrap();
    let events = owner.monitor().unwrap();
    let service =
        ServiceInfo::new("_other._tcp.local.", "owner", &format!("{name}.local."), IpAddr::V4(address), 1, None);
    owner.register(service.unwrap()).unwrap();
    let there = async { while !matches!(events.recv_async().await.unwrap(), DaemonEvent::Announce(..)) {} };
    patiently("the other machine", there, String::new).await;

    let reach = Reach::start(settings).await;
    reach.opened(Way::Https, "0.0.0.0:9443".parse().unwrap());
    let next = format!("{name}-2.local");
    until(&reach, "the next name", |reach| announced(reach) == [next.clone()]).await;
    let report = report(&reach, Way::Mdns).unwrap();
    assert!(report.fix.unwrap().contains("[reach] name"));
    // Certificate, links and guard follow.
    let is_certified =
        |reach: &Reach| reach.certificates().of(Way::LocalAuthority).is_some_and(|chain| chain.is_for(&next));
    looking(&reach, "the certificate", is_certified).await;
    assert!(reach.hosts().contains(&next));
    assert_eq!(reach.links().secure[0].url, format!("https://{next}:9443"));
    reach.stop().await;
    let _ = owner.shutdown();
}
