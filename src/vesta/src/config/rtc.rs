//! `[rtc]`: calls over WebRTC.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use vesta_rtc::{IceServers, RtcConfig, TurnLogin};

/// `[rtc]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RtcSettings {
    /// UDP ports; the first free one carries all calls.
    pub udp_ports: Ports,
    /// TCP ports, likewise; none is no calls over TCP.
    pub tcp_ports: OptionalPorts,
    /// Addresses under which a router forwards these ports.
    pub public_addresses: Vec<IpAddr>,
    /// STUN servers.
    pub stun: Vec<String>,
    /// TURN servers.
    pub turn: Vec<String>,
    /// Secret that is shared with the TURN servers.
    pub turn_secret: Option<String>,
    /// A file that holds it.
    pub turn_secret_file: Option<PathBuf>,
    /// How long a name and password made from the secret can be used.
    pub turn_lifetime_seconds: u64,
    /// A fixed name at the TURN servers instead.
    pub turn_username: Option<String>,
    /// Its password.
    pub turn_password: Option<String>,
    /// Calls at once.
    pub max_calls: usize,
}

impl Default for RtcSettings {
    fn default() -> Self {
        Self {
            udp_ports: Ports(8430..=8439),
            tcp_ports: OptionalPorts(Some(8430..=8439)),
            public_addresses: Vec::new(),
            stun: Vec::new(),
            turn: Vec::new(),
            turn_secret: None,
            turn_secret_file: None,
            turn_lifetime_seconds: 3_600,
            turn_username: None,
            turn_password: None,
            max_calls: 200,
        }
    }
}

impl RtcSettings {
    /// Values that no type rules out and that cannot work.
    pub(crate) fn validate(&self) -> Result<(), String> {
        let wrong = |urls: &[String], schemes: &[&str]| {
            let known = |url: &&String| {
                !schemes.iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
            };
            urls.iter().find(known).cloned()
        };
        if let Some(url) = wrong(&self.stun, &["stun:", "stuns:"]) {
            return Err(format!("[rtc] stun: '{url}' is no STUN server such as \"stun:stun.example.org:3478\""));
        }
        if let Some(url) = wrong(&self.turn, &["turn:", "turns:"]) {
            return Err(format!(
                "[rtc] turn: '{url}' is no TURN server such as \"turn:turn.example.org:3478?transport=udp\""
            ));
        }
        if self.turn_username.is_some() != self.turn_password.is_some() {
            return Err("[rtc] turn_username and turn_password: set both or neither".to_owned());
        }
        let logins = [self.turn_secret.is_some(), self.turn_secret_file.is_some(), self.turn_username.is_some()];
        if logins.iter().filter(|login| **login).count() > 1 {
            return Err("[rtc] turn_secret, turn_secret_file and turn_username: set one of them".to_owned());
        }
        if self.turn_lifetime_seconds < 60 {
            return Err(format!(
                "[rtc] turn_lifetime_seconds = {} is too short; 60 is the least",
                self.turn_lifetime_seconds
            ));
        }
        Ok(())
    }

    /// How calls are reached.
    ///
    /// # Errors
    /// The file with the secret cannot be read.
    pub(crate) fn calls(&self) -> anyhow::Result<RtcConfig> {
        let secret = match &self.turn_secret_file {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("[rtc] turn_secret_file: {} cannot be read", path.display()))?;
                Some(text.trim_end_matches(['\r', '\n']).to_owned())
            }
            None => self.turn_secret.clone(),
        };
        let login = match (secret, &self.turn_username, &self.turn_password) {
            (Some(secret), ..) => {
                TurnLogin::Secret { secret, lifetime: Duration::from_secs(self.turn_lifetime_seconds) }
            }
            (None, Some(username), Some(password)) => {
                TurnLogin::Fixed { username: username.clone(), password: password.clone() }
            }
            _ => TurnLogin::None,
        };
        Ok(RtcConfig {
            udp_ports: self.udp_ports.0.clone(),
            tcp_ports: self.tcp_ports.0.clone(),
            public_addresses: self.public_addresses.clone(),
            servers: IceServers { stun: self.stun.clone(), turn: self.turn.clone(), login },
            max_calls: self.max_calls,
            ..RtcConfig::default()
        })
    }
}

/// A port, or the first and the last of several: `8430` or `"8430-8439"`; 0 is any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub(crate) struct Ports(RangeInclusive<u16>);

/// Ports, or `"off"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub(crate) struct OptionalPorts(Option<RangeInclusive<u16>>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    One(u16),
    Text(String),
}

impl TryFrom<Written> for Ports {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let text = match written {
            Written::One(port) => return Ok(Self(port..=port)),
            Written::Text(text) => text,
        };
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        match (first.trim().parse::<u16>(), last.trim().parse::<u16>()) {
            (Ok(first), Ok(last)) if first <= last && (first > 0 || last == 0) => Ok(Self(first..=last)),
            _ => Err(format!("'{text}' is neither a port nor a range of ports such as \"8430-8439\"")),
        }
    }
}

impl From<Ports> for Written {
    fn from(Ports(ports): Ports) -> Self {
        if ports.start() == ports.end() {
            Self::One(*ports.start())
        } else {
            Self::Text(format!("{}-{}", ports.start(), ports.end()))
        }
    }
}

impl TryFrom<Written> for OptionalPorts {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Text(text) if text == "off" => Ok(Self(None)),
            written => Ports::try_from(written)
                .map(|Ports(ports)| Self(Some(ports)))
                .map_err(|error| format!("{error}, nor \"off\"")),
        }
    }
}

impl From<OptionalPorts> for Written {
    fn from(OptionalPorts(ports): OptionalPorts) -> Self {
        ports.map_or_else(|| Self::Text("off".to_owned()), |ports| Ports(ports).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_one_or_several() {
        let read = |text: &str| toml::from_str::<RtcSettings>(text).map_err(|error| error.to_string());
        assert_eq!(read("udp_ports = 9000").unwrap().udp_ports, Ports(9000..=9000));
        assert_eq!(read("udp_ports = \"9000-9009\"").unwrap().udp_ports, Ports(9000..=9009));
        assert_eq!(read("tcp_ports = \"off\"").unwrap().tcp_ports, OptionalPorts(None));
        for wrong in ["9000-8000", "0-9", "off", "x", "1-99999", ""] {
            assert!(read(&format!("udp_ports = \"{wrong}\"")).unwrap_err().contains("neither a port"), "{wrong}");
        }
    }

    #[test]
    fn servers_that_are_none_are_refused() {
        let settings = |text: &str| toml::from_str::<RtcSettings>(text).unwrap().validate();
        assert!(settings("stun = [\"stun:a:3478\"]\nturn = [\"turns:b\"]\nturn_secret = \"x\"").is_ok());
        assert!(settings("stun = [\"turn:a\"]").unwrap_err().contains("stun"));
        assert!(settings("turn = [\"http://a\"]").unwrap_err().contains("turn"));
        assert!(settings("turn_username = \"a\"").unwrap_err().contains("both"));
        assert!(settings("turn_secret = \"a\"\nturn_secret_file = \"b\"").unwrap_err().contains("one of them"));
    }
}
