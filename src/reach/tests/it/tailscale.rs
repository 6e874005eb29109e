//! Tailscale, played by a shell script.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use vesta_reach::{Reach, Settings, Way, WayState};

use super::*;

const NAME: &str = "attic.tail1a2b.ts.net";

/// A `tailscale` that gives the files `chain` and `key` beside it, and notes how it was called.
fn fake(place: &Path, state: &str, domains: &str) -> PathBuf {
    let program = place.join("tailscale");
    let here = place.display();
    let script = format!(
        r#"#!/bin/sh
echo "$*" >> {here}/calls
case "$1" in
status) echo '{{"BackendState":"{state}","Self":{{"DNSName":"{NAME}."}},"CertDomains":{domains}}}' ;;
cert)
  for argument in "$@"; do
    case "$argument" in
    --cert-file=*) cat {here}/chain > "${{argument#--cert-file=}}" ;;
    --key-file=*) cat {here}/key > "${{argument#--key-file=}}" ;;
    esac
  done ;;
esac
"#
    );
    // Written beside and moved: a program that is being written cannot be started.
    let draft = place.join("draft");
    std::fs::write(&draft, script).unwrap();
    std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(&draft, &program).unwrap();
    program
}

fn certificate(place: &Path, name: &str) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    std::fs::write(place.join("chain"), made.cert.pem()).unwrap();
    std::fs::write(place.join("key"), made.signing_key.serialize_pem()).unwrap();
}

fn settings(place: &Path, program: PathBuf) -> Settings {
    let mut settings = quiet(&place.join("reach"));
    settings.tailscale.enabled = true;
    settings.tailscale.program = program;
    settings
}

#[tokio::test]
async fn the_name_and_its_certificate_are_taken_over() {
    let place = tempfile::tempdir().unwrap();
    certificate(place.path(), NAME);
    let program = fake(place.path(), "Running", &format!("[\"{NAME}\"]"));
    let reach = Reach::start(settings(place.path(), program.clone())).await;
    reach.opened(Way::Https, "0.0.0.0:8443".parse().unwrap());
    until(&reach, "the certificate", |reach| fingerprint(reach, Way::Tailscale).is_some()).await;
    let links = reach.links();
    assert_eq!(links.secure[0].url, format!("https://{NAME}:8443"));
    assert!(!links.secure[0].needs_trust && links.trust.is_none());
    assert!(reach.hosts().contains(&NAME.to_owned()));
    let kept = std::fs::metadata(place.path().join("reach/tailscale.pem")).unwrap();
    assert_eq!(kept.permissions().mode() & 0o777, 0o600);
    reach.stop().await;

    // After a restart the kept certificate is shown, and none is asked for.
    let calls = |place: &Path| std::fs::read_to_string(place.join("calls")).unwrap();
    assert_eq!(calls(place.path()).matches("cert ").count(), 1);
    let again = Reach::start(settings(place.path(), program)).await;
    until(&again, "the kept certificate", |reach| fingerprint(reach, Way::Tailscale).is_some()).await;
    assert_eq!(calls(place.path()).matches("cert ").count(), 1);
    again.stop().await;
}

#[tokio::test]
async fn what_is_missing_is_told_with_its_command() {
    for (state, domains, fix) in
        [("NeedsLogin", "null", "sudo tailscale up"), ("Running", "null", "HTTPS certificates")]
    {
        let place = tempfile::tempdir().unwrap();
        let program = fake(place.path(), state, domains);
        let reach = Reach::start(settings(place.path(), program.clone())).await;
        until(&reach, "the fault", |reach| report(reach, Way::Tailscale).unwrap().state == WayState::Failed).await;
        let fault = report(&reach, Way::Tailscale).unwrap();
        assert!(fault.fix.as_ref().unwrap().contains(fix), "{fault:?}");
        reach.stop().await;
        let examined = vesta_reach::examine(&settings(place.path(), program)).await;
        assert!(examined.iter().any(|report| report.fix == fault.fix), "{examined:?}");
    }
    let place = tempfile::tempdir().unwrap();
    let examined = vesta_reach::examine(&settings(place.path(), place.path().join("nothing"))).await;
    let fault = examined.iter().find(|report| report.way == Way::Tailscale).unwrap();
    assert!(fault.fix.as_ref().unwrap().contains("install Tailscale"), "{fault:?}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_shown() {
    let place = tempfile::tempdir().unwrap();
    certificate(place.path(), "other.example");
    let program = fake(place.path(), "Running", &format!("[\"{NAME}\"]"));
    let reach = Reach::start(settings(place.path(), program)).await;
    until(&reach, "the fault", |reach| report(reach, Way::Tailscale).unwrap().state == WayState::Failed).await;
    assert!(fingerprint(&reach, Way::Tailscale).is_none());
    reach.stop().await;
}
