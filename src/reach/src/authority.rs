//! The certificate authority of one house.
//!
//! Phones are asked to trust it, so it is made to be worth little to a thief: it may only speak for names that do not
//! exist in the public internet and for private addresses (RFC 5280, section 4.2.1.10), and its key never leaves the
//! data folder. Its own validity begins in the past and is long, so that a clock that jumps does not end the trust.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ipnet::IpNet;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SanType,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use time::OffsetDateTime;

use crate::chain::{Chain, fingerprint};
use crate::{ReachError, private_file};

/// Names that no public authority may certify, and that home networks use.
const LOCAL_DOMAINS: [&str; 6] = ["local", "localhost", "home.arpa", "internal", "lan", "home"];
/// Loopback, private, link-local and carrier-grade addresses (RFC 1918, 3927, 4193, 4291, 6598).
const PRIVATE_NETS: [&str; 9] = [
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
];
/// 2025-01-01, the beginning of every authority: before any clock that is right, whatever this machine's says.
const BEGINNING: i64 = 1_735_689_600;
const AUTHORITY_YEARS: i64 = 20;
const SECONDS_PER_YEAR: i64 = 31_557_600;
/// How long a certificate of the house is valid. Apple refuses more than 825 days.
pub(crate) const LEAF_LIFE: Duration = Duration::from_secs(90 * 86_400);
/// How long before its making a certificate begins, for clients whose clocks are behind.
pub(crate) const HEAD_START: Duration = Duration::from_secs(86_400);

/// A certificate authority with its key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    permitted: Permitted,
    fingerprint: String,
    name: String,
}

/// What an authority may speak for.
#[derive(Debug, Clone, Default)]
struct Permitted {
    domains: Vec<String>,
    nets: Vec<IpNet>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Authority").field("name", &self.name).field("fingerprint", &self.fingerprint).finish()
    }
}

/// Names and addresses for a certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Host names, in lower case, the first one first.
    pub hosts: Vec<String>,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
}

impl Authority {
    /// The authority in `folder`, made there the first time. `host` is this machine's name, and `addresses` are those that
    /// it has: of them, such that are not private are permitted one by one.
    ///
    /// # Errors
    /// The files cannot be read or written, or are damaged. A damaged authority is never replaced by itself: every phone
    /// would have to trust the house anew.
    pub fn open(folder: &Path, host: &str, addresses: &[IpAddr], now: SystemTime) -> Result<Self, ReachError> {
        let files = Files::of(folder);
        match (private_file::read(&files.certificate)?, private_file::read(&files.key)?) {
            (Some(certificate), Some(key)) => Self::read(&files, &certificate, &key),
            (None, None) => {
                let (certificate, key) =
                    make(host, addresses, now).map_err(|error| ReachError::Authority(error.to_string()))?;
                private_file::write(&files.key, &key)?;
                private_file::write(&files.certificate, &certificate)?;
                Self::read(&files, &certificate, &key)
            }
            // The key is written first: without a certificate it was never used.
            (None, Some(_)) => {
                std::fs::remove_file(&files.key).map_err(|error| ReachError::unwritable(&files.key, error))?;
                Self::open(folder, host, addresses, now)
            }
            (Some(_), None) => Err(ReachError::Certificate {
                place: files.key.display().to_string(),
                why: format!(
                    "the key of this house's certificate authority is missing. Restore it from a backup, or delete {} and \
                     let every phone trust the house anew",
                    files.certificate.display()
                ),
            }),
        }
    }

    /// Whether there is an authority in `folder` that has been made before.
    pub fn exists(folder: &Path) -> bool {
        Files::of(folder).certificate.is_file()
    }

    fn read(files: &Files, certificate: &str, key: &str) -> Result<Self, ReachError> {
        let damaged = |file: &Path, why: &str| ReachError::Certificate {
            place: file.display().to_string(),
            why: format!(
                "{why}. Restore it from a backup, or delete {} and {} and let every phone trust the house anew",
                files.certificate.display(),
                files.key.display()
            ),
        };
        let der = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|_| damaged(&files.certificate, "the certificate of this house's authority is damaged"))?;
        let facts = Facts::read(&der)
            .ok_or_else(|| damaged(&files.certificate, "the certificate of this house's authority is damaged"))?;
        let key = KeyPair::from_pem(key)
            .map_err(|_| damaged(&files.key, "the key of this house's certificate authority is damaged"))?;
        if key.public_key_raw() != facts.public_key.as_slice() {
            return Err(damaged(&files.key, "the key does not belong to this house's certificate authority"));
        }
        let issuer = Issuer::from_ca_cert_der(&der, key)
            .map_err(|_| damaged(&files.certificate, "the certificate of this house's authority is damaged"))?;
        let fingerprint = fingerprint(&der);
        Ok(Self { issuer, der, permitted: facts.permitted, fingerprint, name: facts.name })
    }

    /// Its certificate in DER, which phones are asked to trust.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-256 of its certificate, as pairs of hexadecimal digits with colons.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Its name, as phones show it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What of `names` it may speak for.
    pub fn allowed(&self, names: &Names) -> Names {
        let hosts = names.hosts.iter().filter(|host| self.may_speak_for(host)).cloned();
        let addresses = names
            .addresses
            .iter()
            .filter(|address| self.permitted.nets.iter().any(|net| net.contains(*address)))
            .copied();
        Names { hosts: hosts.collect(), addresses: addresses.collect() }
    }

    fn may_speak_for(&self, host: &str) -> bool {
        let within = |domain: &String| {
            host == domain || host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
        };
        self.permitted.domains.iter().any(within)
    }

    /// A certificate and its key for `names`, as PEM texts, valid for `LEAF_LIFE` from `now`.
    pub(crate) fn issue(&self, names: &Names, now: SystemTime) -> Result<(String, String), ReachError> {
        let failed = |error: rcgen::Error| ReachError::Authority(error.to_string());
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::default();
        params.not_before = moment(now.checked_sub(HEAD_START).unwrap_or(now));
        params.not_after = moment(now + LEAF_LIFE);
        params.distinguished_name = DistinguishedName::new();
        if let Some(first) = names.hosts.first() {
            params.distinguished_name.push(DnType::CommonName, first.as_str());
        }
        for host in &names.hosts {
            params.subject_alt_names.push(SanType::DnsName(host.as_str().try_into().map_err(failed)?));
        }
        params.subject_alt_names.extend(names.addresses.iter().map(|address| SanType::IpAddress(*address)));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }
}

/// Why a certificate of the house is made anew, if it is.
pub(crate) fn due(current: Option<&Chain>, wanted: &Names, now: SystemTime) -> Option<&'static str> {
    let Some(current) = current else { return Some("there is none yet") };
    if now < current.not_before() {
        return Some("the clock was set back");
    }
    if now >= crate::schedule::renewal(current.not_before(), current.not_after()) {
        return Some("it is in the last third of its life");
    }
    let has_hosts = wanted.hosts.iter().all(|host| current.is_for(host));
    let has_addresses = wanted.addresses.iter().all(|address| current.addresses().contains(address));
    (!has_hosts || !has_addresses).then_some("the house has a new name or address")
}

/// Whether an address is one that every house's authority may speak for.
pub(crate) fn is_private(address: IpAddr) -> bool {
    PRIVATE_NETS.iter().filter_map(|net| net.parse::<IpNet>().ok()).any(|net| net.contains(&address))
}

fn make(host: &str, addresses: &[IpAddr], now: SystemTime) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let beginning = OffsetDateTime::from_unix_timestamp(BEGINNING).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let mut params = CertificateParams::default();
    params.not_before = beginning;
    params.not_after = moment(now).max(beginning) + time::Duration::seconds(AUTHORITY_YEARS * SECONDS_PER_YEAR);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Vesta");
    let name = if host.is_empty() { "Vesta".to_owned() } else { format!("Vesta at {host}") };
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let mut permitted: Vec<_> =
        LOCAL_DOMAINS.iter().map(|domain| GeneralSubtree::DnsName((*domain).to_owned())).collect();
    // A machine's name without a domain is not in the public internet either.
    if !host.is_empty() && !host.contains('.') {
        permitted.push(GeneralSubtree::DnsName(host.to_owned()));
    }
    // Public IPv6 addresses change too often to be of use.
    let own = addresses.iter().filter(|own| own.is_ipv4() && !is_private(**own)).map(|own| IpNet::from(*own));
    let nets = PRIVATE_NETS.iter().filter_map(|net| net.parse::<IpNet>().ok()).chain(own);
    permitted
        .extend(nets.map(|net| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(net.addr(), net.prefix_len()))));
    params.name_constraints = Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: Vec::new() });
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

fn moment(moment: SystemTime) -> OffsetDateTime {
    // Certificates know seconds only.
    OffsetDateTime::from(moment).replace_nanosecond(0).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn of(folder: &Path) -> Self {
        Self { certificate: folder.join("authority.pem"), key: folder.join("authority.key") }
    }
}

struct Facts {
    public_key: Vec<u8>,
    permitted: Permitted,
    name: String,
}

impl Facts {
    fn read(der: &CertificateDer<'_>) -> Option<Self> {
        use x509_parser::extensions::GeneralName;
        use x509_parser::prelude::{FromDer, X509Certificate};
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let constraints = parsed.name_constraints().ok()??;
        let subtrees = constraints.value.permitted_subtrees.as_deref().unwrap_or_default();
        let mut permitted = Permitted::default();
        for subtree in subtrees {
            match subtree.base {
                GeneralName::DNSName(name) => permitted.domains.push(name.to_ascii_lowercase()),
                GeneralName::IPAddress(bytes) => permitted.nets.extend(net(bytes)),
                _ => {}
            }
        }
        let name = parsed.subject().iter_common_name().next()?.as_str().ok()?.to_owned();
        let public_key = parsed.public_key().subject_public_key.data.to_vec();
        Some(Self { public_key, permitted, name })
    }
}

/// An address with its mask, as a name constraint has them.
fn net(bytes: &[u8]) -> Option<IpNet> {
    let (address, mask) = bytes.split_at_checked(bytes.len() / 2)?;
    let read = |bytes: &[u8]| {
        let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
        v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
    };
    IpNet::with_netmask(read(address)?, read(mask)?).ok()
}

#[cfg(test)]
#[path = "authority_tests.rs"]
mod tests;
