//! Which broker the house connects to, and how it behaves.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::tokio_rustls::rustls::crypto::aws_lc_rs;
use rumqttc::tokio_rustls::rustls::{ClientConfig, RootCertStore};
use rumqttc::{MqttOptions, Transport};

use crate::error::DemoError;

/// Settings of the demo home.
#[derive(Clone)]
pub struct DemoConfig {
    /// `mqtt://host:port` or, encrypted, `mqtts://host:port`; the port may be left out.
    pub mqtt_url: String,
    /// User name, where the broker asks for one.
    pub username: Option<String>,
    /// Password of that user.
    pub password: Option<String>,
    /// First level of the discovery topics, `homeassistant` nearly everywhere.
    pub discovery_prefix: String,
    /// Decides everything that happens by chance: the same seed gives the same house.
    pub seed: u64,
    /// How long the devices think before they obey. Zero answers at once.
    pub latency: Duration,
}

impl Default for DemoConfig {
    fn default() -> Self {
        Self {
            mqtt_url: "mqtt://127.0.0.1:1883".into(),
            username: None,
            password: None,
            discovery_prefix: "homeassistant".into(),
            seed: 1,
            latency: Duration::ZERO,
        }
    }
}

impl std::fmt::Debug for DemoConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DemoConfig")
            .field("mqtt_url", &self.mqtt_url)
            .field("username", &self.username)
            .field("discovery_prefix", &self.discovery_prefix)
            .field("seed", &self.seed)
            .field("latency", &self.latency)
            .finish_non_exhaustive()
    }
}

/// Room for the largest discovery message, in bytes.
const MAX_PACKET: usize = 256 * 1024;

impl DemoConfig {
    /// The MQTT client's options for this broker.
    pub(crate) fn options(&self) -> Result<MqttOptions, DemoError> {
        let address = Address::parse(&self.mqtt_url)?;
        // The process id keeps two demo homes from throwing each other out of the broker.
        let mut options =
            MqttOptions::new(format!("vesta-demo-home-{}", std::process::id()), address.host, address.port);
        options.set_keep_alive(Duration::from_secs(30));
        options.set_max_packet_size(MAX_PACKET, MAX_PACKET);
        if address.encrypted {
            options.set_transport(Transport::tls_with_config(encryption()?.into()));
        }
        if let Some(username) = &self.username {
            options.set_credentials(username, self.password.clone().unwrap_or_default());
        }
        Ok(options)
    }
}

/// TLS with the certificates that this machine trusts.
///
/// The provider is named: a program with two of them compiled in has no default one, and rumqttc's own configuration panics.
fn encryption() -> Result<ClientConfig, DemoError> {
    let mut trusted = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = trusted.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map_or_else(|| "none is installed".to_owned(), ToString::to_string);
        return Err(DemoError::Certificates { why });
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| DemoError::Certificates { why: error.to_string() })?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    Ok(config)
}

#[derive(Debug, PartialEq)]
struct Address {
    host: String,
    port: u16,
    encrypted: bool,
}

impl Address {
    fn parse(url: &str) -> Result<Self, DemoError> {
        let wrong = |why| DemoError::Url { url: url.to_owned(), why };
        let (scheme, rest) = url.split_once("://").ok_or(wrong("it has no scheme"))?;
        let encrypted = match scheme {
            "mqtt" | "tcp" => false,
            "mqtts" | "ssl" => true,
            _ => return Err(wrong("its scheme is neither mqtt nor mqtts")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('@') {
            return Err(wrong("a user name and password belong in their own settings"));
        }
        if rest.contains('/') {
            return Err(wrong("there is something after the port"));
        }
        // An IPv6 address stands in brackets, its colons are none of the port's.
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        let port = match port {
            None if encrypted => 8883,
            None => 1883,
            Some(port) => port.parse().map_err(|_| wrong("its port is not a number from 1 to 65535"))?,
        };
        if port == 0 {
            return Err(wrong("its port is not a number from 1 to 65535"));
        }
        Ok(Self { host: host.to_owned(), port, encrypted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_all_forms_are_read() {
        let address = |host: &str, port, encrypted| Address { host: host.into(), port, encrypted };
        for (url, expected) in [
            ("mqtt://broker", address("broker", 1883, false)),
            ("mqtt://127.0.0.1:4000/", address("127.0.0.1", 4000, false)),
            ("tcp://broker.local:1884", address("broker.local", 1884, false)),
            ("mqtts://broker", address("broker", 8883, true)),
            ("mqtt://[::1]:1900", address("::1", 1900, false)),
            ("mqtt://[::1]", address("::1", 1883, false)),
        ] {
            assert_eq!(Address::parse(url).unwrap(), expected, "{url}");
        }
    }

    #[test]
    fn encryption_is_set_up_or_explained() {
        let config = DemoConfig { mqtt_url: "mqtts://broker".into(), ..DemoConfig::default() };
        match config.options() {
            Ok(options) => assert!(matches!(options.transport(), Transport::Tls(_))),
            Err(error) => assert!(error.to_string().contains("ca-certificates"), "{error}"),
        }
    }

    #[test]
    fn a_wrong_url_is_explained() {
        for (url, why) in [
            ("broker:1883", "no scheme"),
            ("http://broker", "neither mqtt nor mqtts"),
            ("mqtt://", "names no host"),
            ("mqtt://broker:port", "not a number"),
            ("mqtt://broker:0", "not a number"),
            ("mqtt://me:secret@broker", "their own settings"),
            ("mqtt://broker:1883/home", "after the port"),
        ] {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(error.contains(why), "{url}: {error}");
        }
    }
}
