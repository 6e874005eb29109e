//! Two houses in one network.

use vesta_reach::{Reach, Settings, Way};

use super::*;

/// Not 5353: the machine's own responder must not take part.
fn settings(place: &std::path::Path, port: u16) -> Settings {
    let mut settings = quiet(place);
    settings.reach.mdns = true;
    settings.reach.name = format!("vesta-test-{}", std::process::id());
    settings.mdns_port = port;
    settings
}

fn free_udp_port() -> u16 {
    std::net::UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn the_second_house_takes_the_next_name() {
    let port = free_udp_port();
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = Reach::start(settings(one.path(), port)).await;
    let name = format!("{}.local", first.settings().reach.name);
    first.opened(Way::Https, "0.0.0.0:8443".parse().unwrap());
    let announced = |reach: &Reach| report(reach, Way::Mdns).map(|report| report.names).unwrap_or_default();
    until(&first, "the name", |reach| announced(reach) == [name.clone()]).await;
    assert_eq!(first.links().secure[0].url, format!("https://{name}:8443"));

    let second = Reach::start(settings(two.path(), port)).await;
    second.opened(Way::Https, "0.0.0.0:9443".parse().unwrap());
    let next = format!("{}-2.local", second.settings().reach.name);
    until(&second, "the next name", |reach| announced(reach) == [next.clone()]).await;
    // Certificate and guard follow.
    until(&second, "the certificate", |reach| {
        reach.certificates().of(Way::LocalAuthority).is_some_and(|chain| chain.is_for(&next))
    })
    .await;
    assert!(second.hosts().contains(&next));
    assert_eq!(announced(&first), [name], "the first house keeps its name");
    second.stop().await;
    first.stop().await;
}
