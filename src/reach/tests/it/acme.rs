//! Certificates from an ACME server.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use axum::Router;
use axum::extract::{Path as Token, State};
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use vesta_reach::{AcmeChallenge, Reach, Settings, Way, WayState};

use super::acme_server::{AcmeServer, Proofs};
use super::*;

const NAME: &str = "vesta.example.org";

fn settings(place: &Path, server: &AcmeServer) -> Settings {
    let mut settings = quiet(&place.join("reach"));
    settings.reach.local_authority = false;
    settings.acme.domains = vec![NAME.to_owned()];
    settings.acme.email = Some("owner@example.org".to_owned());
    settings.acme.directory = server.directory();
    settings
}

/// Answers what the ACME server asks, as the doorstep does.
async fn answer_on(listener: TcpListener, reach: Reach) {
    let address = listener.local_addr().unwrap();
    let answer = |State(reach): State<Reach>, Token(token): Token<String>| async move {
        reach.challenge(&token).ok_or(StatusCode::NOT_FOUND)
    };
    let routes = Router::new().route("/.well-known/acme-challenge/{token}", get(answer)).with_state(reach.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    reach.opened(Way::AcmeHttp, address);
}

#[tokio::test]
async fn a_certificate_is_got_over_http_and_renewed_before_it_ends() {
    let place = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = AcmeServer::start(Proofs::Http(listener.local_addr().unwrap().port())).await;
    let clock = Turned::new();
    let mut settings = settings(place.path(), &server);
    settings.clock = clock.clock();
    let reach = Reach::start(settings.clone()).await;
    assert_eq!(report(&reach, Way::Acme).unwrap().state, WayState::Starting);
    answer_on(listener, reach.clone()).await;
    until(&reach, "the certificate", |reach| fingerprint(reach, Way::Acme).is_some()).await;
    assert!(reach.certificates().of(Way::Acme).unwrap().is_for(NAME));
    reach.opened(Way::Https, "0.0.0.0:443".parse().unwrap());
    assert_eq!(reach.links().secure[0].url, format!("https://{NAME}"));
    assert!(reach.challenge("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA").is_none(), "proofs are taken down");
    for file in ["acme.pem", "acme-account.json"] {
        let mode = std::fs::metadata(place.path().join("reach").join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }

    let first = fingerprint(&reach, Way::Acme);
    clock.turn(DAY * 59);
    reach.look();
    clock.turn(DAY * 2);
    looking(&reach, "the renewed certificate", |reach| fingerprint(reach, Way::Acme) != first).await;
    reach.stop().await;
    server.told(|told| {
        assert_eq!(
            (told.accounts, &told.faults),
            (1, &Vec::new()),
            "the account is used again, and every message was right"
        );
        assert!(told.orders >= 2);
        assert_eq!(told.contact, serde_json::json!(["mailto:owner@example.org"]));
    });

    // A restart shows the kept certificate without asking anybody.
    let orders = server.told(|told| told.orders);
    settings.clock = Turned::new().clock();
    let again = Reach::start(settings).await;
    until(&again, "the kept certificate", |reach| fingerprint(reach, Way::Acme).is_some()).await;
    assert_eq!(server.told(|told| told.orders), orders);
    again.stop().await;
}

/// A hook that keeps a zone file beside it.
fn hook(place: &Path, script: &str) -> std::path::PathBuf {
    let (draft, program) = (place.join("draft"), place.join("hook"));
    std::fs::write(&draft, format!("#!/bin/sh\nset -e\ncd {}\n{script}\n", place.display())).unwrap();
    std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(draft, &program).unwrap();
    program
}

#[tokio::test]
async fn a_certificate_is_got_over_dns() {
    let place = tempfile::tempdir().unwrap();
    let zone = place.path().join("zone");
    let server = AcmeServer::start(Proofs::Dns(zone.clone())).await;
    let mut settings = settings(place.path(), &server);
    settings.acme.challenge = AcmeChallenge::Dns01;
    let script = r#"echo "$1 $2" >> calls
case "$1" in add) echo "$2 $3" >> zone ;; remove) grep -v "^$2 $3\$" zone > rest || true; mv rest zone ;; esac"#;
    settings.acme.dns_hook = Some(hook(place.path(), script));
    let reach = Reach::start(settings).await;
    until(&reach, "the certificate", |reach| fingerprint(reach, Way::Acme).is_some()).await;
    let record = format!("_acme-challenge.{NAME}");
    let calls = std::fs::read_to_string(place.path().join("calls")).unwrap();
    assert_eq!(calls, format!("add {record}\nremove {record}\n"));
    assert_eq!(std::fs::read_to_string(zone).unwrap(), "", "the record is gone");
    reach.stop().await;
}

#[tokio::test]
async fn the_server_s_reason_is_told_and_it_is_not_hammered() {
    let place = tempfile::tempdir().unwrap();
    let server = AcmeServer::start(Proofs::Refused("Timeout during connect (likely firewall problem)")).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let reach = Reach::start(settings(place.path(), &server)).await;
    answer_on(listener, reach.clone()).await;
    until(&reach, "the fault", |reach| report(reach, Way::Acme).unwrap().state == WayState::Failed).await;
    let fault = report(&reach, Way::Acme).unwrap();
    assert!(fault.found.contains("likely firewall problem") && fault.found.contains(NAME), "{fault:?}");
    assert!(fault.fix.unwrap().contains("port 80"));
    for _ in 0..50 {
        reach.look();
        tokio::task::yield_now().await;
    }
    assert_eq!(server.told(|told| told.orders), 1);
    reach.stop().await;
}

#[tokio::test]
async fn a_hook_that_fails_is_told_with_its_words() {
    let place = tempfile::tempdir().unwrap();
    let server = AcmeServer::start(Proofs::Dns(place.path().join("zone"))).await;
    let mut settings = settings(place.path(), &server);
    settings.acme.challenge = AcmeChallenge::Dns01;
    settings.acme.dns_hook = Some(hook(place.path(), "echo 'the token has expired' >&2; exit 1"));
    let examined = vesta_reach::examine(&settings).await;
    assert!(examined.iter().any(|report| report.way == Way::Acme && report.state == WayState::Starting));
    let reach = Reach::start(settings.clone()).await;
    until(&reach, "the fault", |reach| report(reach, Way::Acme).unwrap().state == WayState::Failed).await;
    assert!(report(&reach, Way::Acme).unwrap().found.contains("the token has expired"));
    reach.stop().await;

    settings.acme.dns_hook = Some(place.path().join("nothing"));
    let examined = vesta_reach::examine(&settings).await;
    let fault = examined.iter().find(|report| report.way == Way::Acme).unwrap();
    assert!(fault.fix.as_ref().unwrap().contains("chmod +x"), "{fault:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told() {
    let place = tempfile::tempdir().unwrap();
    let server = AcmeServer::start(Proofs::Refused("")).await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(place.path(), &server);
    settings.acme.directory = format!("http://{}/directory", nobody.local_addr().unwrap());
    drop(nobody);
    let reach = Reach::start(settings).await;
    answer_on(TcpListener::bind("127.0.0.1:0").await.unwrap(), reach.clone()).await;
    until(&reach, "the fault", |reach| report(reach, Way::Acme).unwrap().state == WayState::Failed).await;
    let fault = report(&reach, Way::Acme).unwrap();
    assert!(fault.found.to_lowercase().contains("refused"), "{fault:?}");
    reach.stop().await;
}
