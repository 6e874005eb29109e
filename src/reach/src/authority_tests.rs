use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};

use super::*;
use crate::chain::crypto;

const DAY: Duration = Duration::from_secs(86_400);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + DAY * 20_700
}

fn names(hosts: &[&str], addresses: &[&str]) -> Names {
    Names {
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
    }
}

fn issued(authority: &Authority, names: &Names, now: SystemTime) -> Chain {
    let (chain, key) = authority.issue(names, now).unwrap();
    Chain::from_pem("issued", &chain, &key).unwrap()
}

/// What a client that trusts only this authority makes of the certificate.
fn verified(authority: &Authority, chain: &Chain, name: &str, at: SystemTime) -> Result<(), Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der.clone()).unwrap();
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), crypto()).build().unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let at = UnixTime::since_unix_epoch(at.duration_since(SystemTime::UNIX_EPOCH).unwrap());
    verifier.verify_server_cert(chain.key().end_entity_cert().unwrap(), &[], &name, &[], at).map(|_| ())
}

#[test]
fn a_client_that_trusts_the_authority_trusts_the_house() {
    let place = tempfile::tempdir().unwrap();
    let authority = Authority::open(place.path(), "attic", &[], now()).unwrap();
    assert_eq!(authority.name(), "Vesta at attic");
    let wanted = names(&["vesta.local", "attic", "localhost"], &["192.168.1.4", "fd00::4"]);
    assert_eq!(authority.allowed(&wanted), wanted);
    let chain = issued(&authority, &wanted, now());
    for name in ["vesta.local", "attic", "192.168.1.4", "fd00::4"] {
        verified(&authority, &chain, name, now()).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    assert!(verified(&authority, &chain, "vesta.example.org", now()).is_err());
    // A phone whose clock is hours behind, and one that looks just before the end.
    verified(&authority, &chain, "vesta.local", now() - DAY / 2).unwrap();
    verified(&authority, &chain, "vesta.local", now() + DAY * 89).unwrap();
    assert!(verified(&authority, &chain, "vesta.local", now() + DAY * 91).is_err());
}

#[test]
fn a_stolen_key_is_good_for_nothing_outside_the_house() {
    let place = tempfile::tempdir().unwrap();
    let authority = Authority::open(place.path(), "attic", &[], now()).unwrap();
    for (host, address) in
        [("bank.example", None), ("notlocal", None), ("", Some("203.0.113.9")), ("", Some("2001:db8::1"))]
    {
        let hosts: &[&str] = if host.is_empty() { &[] } else { &[host] };
        let addresses: Vec<_> = address.into_iter().collect();
        let forged = issued(&authority, &names(hosts, &addresses), now());
        let name = address.unwrap_or(host);
        let error = verified(&authority, &forged, name, now()).unwrap_err();
        assert!(matches!(error, Error::InvalidCertificate(_)), "{name}: {error}");
        assert_ne!(error, Error::InvalidCertificate(CertificateError::NotValidForName), "{name}");
    }
    let allowed = authority.allowed(&names(&["vesta.local", "bank.example"], &["10.0.0.1", "203.0.113.9"]));
    assert_eq!(allowed, names(&["vesta.local"], &["10.0.0.1"]));
}

#[test]
fn it_is_made_once_and_kept() {
    let place = tempfile::tempdir().unwrap();
    let first = Authority::open(place.path(), "attic", &[], now()).unwrap();
    let again = Authority::open(place.path(), "cellar", &[], now() + DAY * 400).unwrap();
    assert_eq!(first.fingerprint(), again.fingerprint());
    let chain = issued(&again, &names(&["vesta.local"], &[]), now());
    verified(&first, &chain, "vesta.local", now()).unwrap();
}

#[test]
fn a_clock_that_is_wrong_on_the_first_day_does_no_lasting_harm() {
    let place = tempfile::tempdir().unwrap();
    let epoch = SystemTime::UNIX_EPOCH + DAY;
    let authority = Authority::open(place.path(), "attic", &[], epoch).unwrap();
    let wanted = names(&["vesta.local"], &[]);
    let early = issued(&authority, &wanted, epoch);
    assert_eq!(due(Some(&early), &wanted, now()), Some("it is in the last third of its life"));
    let right = issued(&authority, &wanted, now());
    verified(&authority, &right, "vesta.local", now()).unwrap();
}

#[test]
fn damage_is_told_and_never_papered_over() {
    let place = tempfile::tempdir().unwrap();
    let before = Authority::open(place.path(), "attic", &[], now()).unwrap().fingerprint().to_owned();
    let (certificate, key) = (place.path().join("authority.pem"), place.path().join("authority.key"));
    let (good_certificate, good_key) = (std::fs::read(&certificate).unwrap(), std::fs::read(&key).unwrap());
    let error = |what: &str| {
        let error = Authority::open(place.path(), "attic", &[], now()).unwrap_err().to_string();
        assert!(error.contains("backup") && error.contains("authority.pem"), "{what}: {error}");
    };
    std::fs::write(&key, "nonsense").unwrap();
    error("a damaged key");
    std::fs::remove_file(&key).unwrap();
    error("a missing key");
    std::fs::write(&key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    error("another's key");
    std::fs::write(&key, &good_key).unwrap();
    std::fs::write(&certificate, "nonsense").unwrap();
    error("a damaged certificate");
    std::fs::write(&certificate, &good_certificate).unwrap();
    assert_eq!(Authority::open(place.path(), "attic", &[], now()).unwrap().fingerprint(), before);
}

#[test]
fn a_half_made_authority_is_made_anew() {
    let place = tempfile::tempdir().unwrap();
    Authority::open(place.path(), "attic", &[], now()).unwrap();
    std::fs::remove_file(place.path().join("authority.pem")).unwrap();
    assert!(!Authority::exists(place.path()));
    Authority::open(place.path(), "attic", &[], now()).unwrap();
    assert!(Authority::exists(place.path()));
}

#[test]
fn a_certificate_is_renewed_when_it_must_be() {
    let place = tempfile::tempdir().unwrap();
    let authority = Authority::open(place.path(), "attic", &[], now()).unwrap();
    let wanted = names(&["vesta.local"], &["192.168.1.4"]);
    let chain = issued(&authority, &wanted, now());
    assert_eq!(due(None, &wanted, now()), Some("there is none yet"));
    assert_eq!(due(Some(&chain), &wanted, now()), None);
    assert_eq!(due(Some(&chain), &wanted, now() + DAY * 58), None);
    assert!(due(Some(&chain), &wanted, now() + DAY * 61).is_some());
    assert_eq!(due(Some(&chain), &wanted, now() - DAY * 2), Some("the clock was set back"));
    let moved = names(&["vesta.local"], &["192.168.1.5"]);
    assert_eq!(due(Some(&chain), &moved, now()), Some("the house has a new name or address"));
    assert_eq!(due(Some(&chain), &names(&["vesta.local"], &[]), now()), None, "an address that is gone does no harm");
}

#[test]
fn an_address_of_its_own_that_is_not_private_is_permitted_alone() {
    let place = tempfile::tempdir().unwrap();
    let own = names(&["vesta.local"], &["192.0.2.2"]);
    let authority = Authority::open(place.path(), "attic", &own.addresses, now()).unwrap();
    assert_eq!(authority.allowed(&own), own);
    let chain = issued(&authority, &own, now());
    verified(&authority, &chain, "192.0.2.2", now()).unwrap();
    let neighbour = names(&[], &["192.0.2.3"]);
    assert_eq!(authority.allowed(&neighbour), Names::default());
    let forged = issued(&authority, &neighbour, now());
    assert!(verified(&authority, &forged, "192.0.2.3", now()).is_err());
}
