//! Certificates are replaced while the house stands.

use std::path::Path;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use vesta_reach::{Reach, Way, WayState, crypto};

use super::*;

/// A server that shakes hands and does nothing else.
async fn hand_shaker(reach: &Reach) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(reach.tls().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = stream.shutdown().await;
                }
            });
        }
    });
    port
}

/// The fingerprint that a client sees which trusts only `authority`.
async fn seen(port: u16, name: &str, authority: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.to_vec())).unwrap();
    let config = ClientConfig::builder_with_provider(crypto())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let stream =
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await?;
    Ok(stream.get_ref().1.peer_certificates().unwrap()[0].to_vec())
}

#[tokio::test]
async fn an_open_server_shows_the_renewed_certificate() {
    let place = tempfile::tempdir().unwrap();
    let mut settings = quiet(place.path());
    let clock = Turned::new();
    settings.clock = clock.clock();
    let reach = Reach::start(settings).await;
    let authority = reach.authority().unwrap().der().to_vec();
    let port = hand_shaker(&reach).await;
    let first = seen(port, "vesta.local", &authority).await.unwrap();
    assert_eq!(seen(port, "127.0.0.1", &authority).await.unwrap(), first);

    // The clock of the client is the machine's own: the house's may be days ahead without harm.
    clock.turn(DAY * 58);
    reach.look();
    let before = fingerprint(&reach, Way::LocalAuthority);
    clock.turn(DAY * 3);
    looking(&reach, "a new certificate", |reach| fingerprint(reach, Way::LocalAuthority) != before).await;
    clock.turn_back(DAY * 61);
    let was = fingerprint(&reach, Way::LocalAuthority);
    looking(&reach, "a certificate for the right time", |reach| fingerprint(reach, Way::LocalAuthority) != was).await;
    let last = seen(port, "vesta.local", &authority).await.unwrap();
    assert_ne!(last, first, "the same listener shows another certificate");
    reach.stop().await;
}

#[tokio::test]
async fn a_restart_shows_the_same_certificate() {
    let place = tempfile::tempdir().unwrap();
    let first = Reach::start(quiet(place.path())).await;
    let shown = fingerprint(&first, Way::LocalAuthority).unwrap();
    first.stop().await;
    let second = Reach::start(quiet(place.path())).await;
    assert_eq!(fingerprint(&second, Way::LocalAuthority).unwrap(), shown);
    second.stop().await;
    // Another authority's certificate is not taken over.
    std::fs::remove_file(place.path().join("authority.pem")).unwrap();
    std::fs::remove_file(place.path().join("authority.key")).unwrap();
    let third = Reach::start(quiet(place.path())).await;
    assert_ne!(fingerprint(&third, Way::LocalAuthority).unwrap(), shown);
    third.stop().await;
}

#[tokio::test]
async fn a_damaged_authority_is_reported_and_the_house_stands() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("authority.pem"), "nonsense").unwrap();
    std::fs::write(place.path().join("authority.key"), "nonsense").unwrap();
    let reach = Reach::start(quiet(place.path())).await;
    let report = report(&reach, Way::LocalAuthority).unwrap();
    assert_eq!(report.state, WayState::Failed);
    assert!(report.found.contains("backup"), "{}", report.found);
    let read = vesta_reach::examine(&quiet(place.path())).await;
    assert!(read.iter().any(|report| report.way == Way::LocalAuthority && report.state == WayState::Failed));
    reach.stop().await;
}

fn write_pair(place: &Path, name: &str) -> (std::path::PathBuf, std::path::PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let (chain, key) = (place.join("chain.pem"), place.join("key.pem"));
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (chain, key)
}

#[tokio::test]
async fn changed_files_are_read_again_and_broken_ones_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let (chain, key) = write_pair(place.path(), "vesta.example.org");
    let mut settings = quiet(&place.path().join("reach"));
    (settings.certificate.chain, settings.certificate.key) = (Some(chain.clone()), Some(key.clone()));
    let reach = Reach::start(settings.clone()).await;
    until(&reach, "the files", |reach| fingerprint(reach, Way::Files).is_some()).await;
    assert!(reach.hosts().contains(&"vesta.example.org".to_owned()));
    let first = fingerprint(&reach, Way::Files);

    std::fs::write(&chain, "half a fi").unwrap();
    looking(&reach, "the fault", |reach| report(reach, Way::Files).unwrap().state == WayState::Failed).await;
    let fault = report(&reach, Way::Files).unwrap();
    assert!(fault.means.unwrap().contains("still shown"));
    assert_eq!(fingerprint(&reach, Way::Files), first);

    write_pair(place.path(), "vesta.example.org");
    looking(&reach, "the new files", |reach| fingerprint(reach, Way::Files) != first).await;
    assert_eq!(report(&reach, Way::Files).unwrap().state, WayState::Ready);
    let examined = vesta_reach::examine(&settings).await;
    assert!(examined.iter().any(|report| report.way == Way::Files && report.state == WayState::Ready));
    reach.stop().await;
}

#[tokio::test]
async fn a_taken_door_is_explained() {
    let place = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = quiet(place.path());
    settings.reach.https = Door::At(taken.local_addr().unwrap());
    let reports = vesta_reach::examine(&settings).await;
    let https = reports.iter().find(|report| report.way == Way::Https).unwrap();
    assert_eq!(https.state, WayState::Failed);
    assert!(https.fix.as_ref().unwrap().contains("[reach] https"), "{https:?}");
}
