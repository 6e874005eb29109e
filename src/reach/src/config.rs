//! The settings `[reach]`, `[tailscale]`, `[acme]` and `[certificate]`.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// `[reach]`: how phones and other machines reach the house.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReachConfig {
    /// Where HTTPS listens.
    pub https: Door,
    /// Where plain HTTP explains to a new phone how to trust this house.
    pub doorstep: Door,
    /// The house's name in the local network, without `.local`.
    pub name: String,
    /// Whether the name is announced in the local network.
    pub mdns: bool,
    /// Whether the house has a certificate authority of its own.
    pub local_authority: bool,
    /// The address that people use, where it cannot be known from here, such as that of a reverse proxy.
    pub public_url: Option<String>,
    /// Reverse proxies whose word about the client counts.
    pub trusted_proxies: Vec<ProxyNet>,
    /// The header in which they give it.
    pub client_address_header: ClientHeader,
    /// Connections at a time.
    pub max_connections: usize,
}

impl Default for ReachConfig {
    fn default() -> Self {
        Self {
            https: Door::At(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 8443))),
            doorstep: Door::At(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 8421))),
            name: "vesta".to_owned(),
            mdns: true,
            local_authority: true,
            public_url: None,
            trusted_proxies: Vec::new(),
            client_address_header: ClientHeader::default(),
            max_connections: 1000,
        }
    }
}

impl ReachConfig {
    /// Values that no type rules out and that cannot work.
    ///
    /// # Errors
    /// What is wrong, with the key that it is wrong in.
    pub fn validate(&self) -> Result<(), String> {
        let label = |text: &str| {
            !text.is_empty()
                && text.len() <= 63
                && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                && !text.starts_with('-')
                && !text.ends_with('-')
        };
        if !label(&self.name) {
            return Err(format!(
                "[reach] name = \"{}\" is no host name; use letters, digits and hyphens, such as \"vesta\"",
                self.name
            ));
        }
        if let Some(url) = &self.public_url {
            let host = url.strip_prefix("https://").and_then(host_of);
            if host.is_none() {
                return Err(format!(
                    "[reach] public_url = \"{url}\" is not an https address such as \"https://vesta.example.org\""
                ));
            }
        }
        if self.max_connections < 16 {
            return Err(format!("[reach] max_connections = {} is too few; 16 is the least", self.max_connections));
        }
        Ok(())
    }

    /// The host of `public_url`.
    pub fn public_host(&self) -> Option<&str> {
        self.public_url.as_deref()?.strip_prefix("https://").and_then(host_of)
    }
}

/// The host in `host[:port][/path]`.
fn host_of(rest: &str) -> Option<&str> {
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = match authority.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?.0,
        None => authority.split(':').next()?,
    };
    let sound = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':'));
    sound.then_some(host)
}

/// `"off"`, or an address such as `"[::]:8443"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Door {
    /// Closed.
    Off,
    /// Listens here. `[::]` also takes IPv4.
    At(SocketAddr),
}

impl Door {
    /// Where it listens.
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(address) => Some(address),
        }
    }
}

impl TryFrom<String> for Door {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self::Off);
        }
        text.parse()
            .map(Self::At)
            .map_err(|_| format!("'{text}' is neither \"off\" nor an address such as \"[::]:8443\""))
    }
}

impl From<Door> for String {
    fn from(door: Door) -> Self {
        door.address().map_or_else(|| "off".to_owned(), |address| address.to_string())
    }
}

/// An address or a network of reverse proxies, such as `10.0.0.2` or `10.0.0.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProxyNet(pub IpNet);

impl TryFrom<String> for ProxyNet {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        net.map(|net| Self(net.trunc()))
            .map_err(|_| format!("'{text}' is neither an address nor a network such as \"10.0.0.0/24\""))
    }
}

impl From<ProxyNet> for String {
    fn from(net: ProxyNet) -> Self {
        net.0.to_string()
    }
}

/// The header in which a trusted proxy names the client. Only this one is read: a proxy that sets one header lets others
/// pass as the client sent them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientHeader {
    /// A list to which each proxy appends.
    #[default]
    #[serde(rename = "X-Forwarded-For")]
    XForwardedFor,
    /// RFC 7239.
    #[serde(rename = "Forwarded")]
    Forwarded,
    /// One address, set by Cloudflare.
    #[serde(rename = "CF-Connecting-IP")]
    CfConnectingIp,
    /// One address.
    #[serde(rename = "X-Real-IP")]
    XRealIp,
}

/// `[tailscale]`: a certificate for the machine's name in its tailnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TailscaleConfig {
    /// Whether it is used.
    pub enabled: bool,
    /// Tailscale's program.
    pub program: PathBuf,
}

impl Default for TailscaleConfig {
    fn default() -> Self {
        Self { enabled: false, program: PathBuf::from("tailscale") }
    }
}

/// `[acme]`: a certificate for names of your own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AcmeConfig {
    /// The names; without any, ACME is not used.
    pub domains: Vec<String>,
    /// Where the server may send warnings.
    pub email: Option<String>,
    /// The server's directory.
    pub directory: String,
    /// A certificate authority (PEM) for a server that the system does not know.
    pub ca_file: Option<PathBuf>,
    /// How the names are proved.
    pub challenge: AcmeChallenge,
    /// Where plain HTTP answers the server, for HTTP-01. The server asks on port 80.
    pub http_listen: SocketAddr,
    /// Program that sets and removes DNS records, for DNS-01.
    pub dns_hook: Option<PathBuf>,
    /// How long the program may take, in seconds.
    pub dns_hook_seconds: u64,
}

impl Default for AcmeConfig {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            email: None,
            directory: "https://acme-v02.api.letsencrypt.org/directory".to_owned(),
            ca_file: None,
            challenge: AcmeChallenge::default(),
            http_listen: SocketAddr::from((Ipv6Addr::UNSPECIFIED, 80)),
            dns_hook: None,
            dns_hook_seconds: 300,
        }
    }
}

impl AcmeConfig {
    /// Values that no type rules out and that cannot work.
    ///
    /// # Errors
    /// What is wrong, with the key that it is wrong in.
    pub fn validate(&self) -> Result<(), String> {
        for domain in &self.domains {
            let name = domain.strip_prefix("*.").unwrap_or(domain);
            if !name.contains('.') || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')) {
                return Err(format!("[acme] domains: '{domain}' is no name such as \"vesta.example.org\""));
            }
            if domain.starts_with("*.") && self.challenge != AcmeChallenge::Dns01 {
                return Err(format!("[acme] domains: '{domain}' needs challenge = \"dns-01\""));
            }
        }
        if !self.domains.is_empty() && self.challenge == AcmeChallenge::Dns01 && self.dns_hook.is_none() {
            return Err("[acme] challenge = \"dns-01\" needs dns_hook, a program that sets DNS records".to_owned());
        }
        Ok(())
    }
}

/// How a name is proved to the ACME server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AcmeChallenge {
    /// The server fetches a file over HTTP.
    #[default]
    #[serde(rename = "http-01")]
    Http01,
    /// The server looks up a DNS record.
    #[serde(rename = "dns-01")]
    Dns01,
}

/// `[certificate]`: files that something else keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CertificateConfig {
    /// PEM file with the certificate and those between it and its authority.
    pub chain: Option<PathBuf>,
    /// PEM file with its key.
    pub key: Option<PathBuf>,
}

impl CertificateConfig {
    /// Values that no type rules out and that cannot work.
    ///
    /// # Errors
    /// What is wrong, with the key that it is wrong in.
    pub fn validate(&self) -> Result<(), String> {
        match (&self.chain, &self.key) {
            (Some(_), None) => Err("[certificate] chain is set and key is not".to_owned()),
            (None, Some(_)) => Err("[certificate] key is set and chain is not".to_owned()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_is_an_address_or_off() {
        assert_eq!(Door::try_from("off".to_owned()), Ok(Door::Off));
        let door = Door::try_from("127.0.0.1:0".to_owned()).unwrap();
        assert_eq!(String::from(door), "127.0.0.1:0");
        assert!(Door::try_from("8443".to_owned()).unwrap_err().contains("[::]:8443"));
    }

    #[test]
    fn proxies_are_addresses_or_networks() {
        let net = |text: &str| ProxyNet::try_from(text.to_owned()).map(String::from);
        assert_eq!(net("10.1.2.3").unwrap(), "10.1.2.3/32");
        assert_eq!(net("10.1.2.3/8").unwrap(), "10.0.0.0/8");
        assert_eq!(net("fd00::/8").unwrap(), "fd00::/8");
        assert!(net("proxy").is_err());
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let reach = |change: fn(&mut ReachConfig)| {
            let mut config = ReachConfig::default();
            change(&mut config);
            config.validate()
        };
        assert!(reach(|_| ()).is_ok());
        assert!(reach(|config| config.name = "my house".to_owned()).unwrap_err().contains("name"));
        assert!(reach(|config| config.public_url = Some("http://a.example".to_owned())).unwrap_err().contains("https"));
        assert!(reach(|config| config.public_url = Some("https://a.example/x".to_owned())).is_ok());
        assert!(reach(|config| config.max_connections = 0).is_err());
        let acme = AcmeConfig { domains: vec!["*.example.org".to_owned()], ..AcmeConfig::default() };
        assert!(acme.validate().unwrap_err().contains("dns-01"));
        let acme = AcmeConfig { challenge: AcmeChallenge::Dns01, ..acme };
        assert!(acme.validate().unwrap_err().contains("dns_hook"));
        let half = CertificateConfig { chain: Some("a.pem".into()), key: None };
        assert!(half.validate().is_err());
    }

    #[test]
    fn the_public_host_is_read() {
        let host = |url: &str| ReachConfig { public_url: Some(url.to_owned()), ..ReachConfig::default() };
        assert_eq!(host("https://vesta.example.org:444/x").public_host(), Some("vesta.example.org"));
        assert_eq!(host("https://[fd00::1]/").public_host(), Some("fd00::1"));
    }
}
