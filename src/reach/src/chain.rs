//! A certificate with its key, ready to be shown to clients.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::ReachError;

/// The cryptography that everything here uses.
pub fn crypto() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A certificate, those between it and its authority, and its key.
#[derive(Debug, Clone)]
pub struct Chain {
    key: Arc<CertifiedKey>,
    names: Vec<String>,
    addresses: Vec<IpAddr>,
    not_before: SystemTime,
    not_after: SystemTime,
    fingerprint: String,
}

impl Chain {
    /// Reads PEM texts. `place` names them in errors.
    ///
    /// # Errors
    /// There is no certificate or no key, one cannot be read, or they do not belong together.
    pub fn from_pem(place: &str, chain: &str, key: &str) -> Result<Self, ReachError> {
        let wrong = |why: String| ReachError::Certificate { place: place.to_owned(), why };
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| wrong(format!("the certificate is no PEM text: {error:?}")))?;
        let first = chain.first().ok_or_else(|| {
            wrong("there is no certificate in it; it should begin with -----BEGIN CERTIFICATE-----".to_owned())
        })?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| {
            wrong("there is no private key in it; it should begin with -----BEGIN PRIVATE KEY-----".to_owned())
        })?;
        let facts = Facts::read(first).map_err(&wrong)?;
        let signing = crypto()
            .key_provider
            .load_private_key(key)
            .map_err(|error| wrong(format!("the private key cannot be used: {error}")))?;
        let key = CertifiedKey::new(chain, signing);
        match key.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(_) => return Err(wrong("the private key belongs to another certificate".to_owned())),
        }
        let Facts { names, addresses, not_before, not_after, fingerprint } = facts;
        Ok(Self { key: Arc::new(key), names, addresses, not_before, not_after, fingerprint })
    }

    /// What rustls shows to clients.
    pub fn key(&self) -> Arc<CertifiedKey> {
        self.key.clone()
    }

    /// Host names in it, in lower case; `*.` may come first.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Addresses in it.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// From when it is valid.
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// Until when it is valid.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// SHA-256 of the certificate, as pairs of hexadecimal digits with colons.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whether it is valid at `now`.
    pub fn is_valid(&self, now: SystemTime) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    /// Whether it is for `name`, in lower case. A `*` stands for one label (RFC 6125, section 6.4.3).
    pub fn is_for(&self, name: &str) -> bool {
        self.names.iter().any(|known| match known.strip_prefix("*.") {
            Some(domain) => name.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == domain),
            None => known == name,
        })
    }
}

struct Facts {
    names: Vec<String>,
    addresses: Vec<IpAddr>,
    not_before: SystemTime,
    not_after: SystemTime,
    fingerprint: String,
}

impl Facts {
    fn read(certificate: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, parsed) = X509Certificate::from_der(certificate)
            .map_err(|error| format!("the certificate cannot be read: {error}"))?;
        let alternatives = parsed
            .subject_alternative_name()
            .map_err(|error| format!("the certificate's names cannot be read: {error}"))?
            .map(|extension| extension.value.general_names.as_slice())
            .unwrap_or_default();
        let names = alternatives.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        });
        let addresses = alternatives.iter().filter_map(|name| match name {
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        });
        let validity = parsed.validity();
        Ok(Self {
            names: names.collect(),
            addresses: addresses.collect(),
            not_before: moment(validity.not_before.timestamp()),
            not_after: moment(validity.not_after.timestamp()),
            fingerprint: fingerprint(certificate),
        })
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes).map(IpAddr::from).or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn moment(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let moment = if seconds < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    moment.unwrap_or(UNIX_EPOCH)
}

/// SHA-256 as people compare it: pairs of hexadecimal digits with colons.
pub(crate) fn fingerprint(der: &[u8]) -> String {
    let digest = Sha256::digest(der);
    digest.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A self-signed certificate for these names, as PEM texts.
    pub(crate) fn made_for(names: &[&str]) -> (String, String) {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn names_and_addresses_are_read() {
        let (chain, key) = made_for(&["Vesta.example.org", "*.home.example.org", "192.168.1.4", "fd00::1"]);
        let chain = Chain::from_pem("test", &chain, &key).unwrap();
        assert_eq!(chain.addresses(), ["192.168.1.4".parse::<IpAddr>().unwrap(), "fd00::1".parse().unwrap()]);
        for name in ["vesta.example.org", "lamp.home.example.org"] {
            assert!(chain.is_for(name), "{name}");
        }
        for name in ["example.org", "home.example.org", "a.b.home.example.org", ".home.example.org"] {
            assert!(!chain.is_for(name), "{name}");
        }
        assert_eq!(chain.fingerprint().len(), 32 * 3 - 1);
        assert!(chain.is_valid(SystemTime::now()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let (chain, key) = made_for(&["a.example"]);
        let (_, other) = made_for(&["a.example"]);
        for (chain, key, part) in [
            (chain.as_str(), other.as_str(), "another certificate"),
            (chain.as_str(), "", "no private key"),
            ("", key.as_str(), "no certificate"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key.as_str(), "cannot be read"),
        ] {
            let error = Chain::from_pem("/etc/a.pem", chain, key).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("/etc/a.pem"), "{error}");
        }
    }
}
