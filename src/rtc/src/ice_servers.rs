//! STUN and TURN servers, as a client's `RTCPeerConnection` wants them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha1::Sha1;

/// The servers of a house.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServers {
    /// `stun:host:port`.
    pub stun: Vec<String>,
    /// `turn:host:port?transport=udp`, `turns:host:port`.
    pub turn: Vec<String>,
    /// How a client signs in at the TURN servers.
    pub login: TurnLogin,
}

/// How a client signs in at a TURN server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TurnLogin {
    /// Not at all.
    #[default]
    None,
    /// With a name and a password that are made for it and expire: what coturn calls `use-auth-secret` ("A REST API For Access To TURN
    /// Services", draft-uberti-behave-turn-rest).
    Secret {
        /// The secret that the TURN server knows, too (`static-auth-secret`).
        secret: String,
        /// How long a client may begin to use them.
        lifetime: Duration,
    },
    /// With the same name and password as everybody.
    Fixed {
        /// The name.
        username: String,
        /// The password.
        password: String,
    },
}

/// An `RTCIceServer` of a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IceServer {
    /// Its addresses.
    pub urls: Vec<String>,
    /// Name for TURN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Password for TURN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

impl IceServers {
    /// The servers for a client that asks at `now`. `who` stands in the TURN server's log.
    pub fn at(&self, now: SystemTime, who: &str) -> Vec<IceServer> {
        let mut servers = Vec::new();
        if !self.stun.is_empty() {
            servers.push(IceServer { urls: self.stun.clone(), username: None, credential: None });
        }
        if !self.turn.is_empty() {
            let (username, credential) = self.login.at(now, who).unzip();
            servers.push(IceServer { urls: self.turn.clone(), username, credential });
        }
        servers
    }
}

impl TurnLogin {
    fn at(&self, now: SystemTime, who: &str) -> Option<(String, String)> {
        match self {
            Self::None => None,
            Self::Fixed { username, password } => Some((username.clone(), password.clone())),
            Self::Secret { secret, lifetime } => {
                let expires = now.duration_since(UNIX_EPOCH).unwrap_or_default().saturating_add(*lifetime);
                // A colon separates the two; the name has none.
                let username = format!("{}:{}", expires.as_secs(), who.replace(':', "-"));
                // HMAC takes a key of any length.
                let mut hmac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).ok()?;
                hmac.update(username.as_bytes());
                Some((username, STANDARD.encode(hmac.finalize().into_bytes())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked out with `printf %s 1700003600:ada | openssl dgst -sha1 -hmac north -binary | base64`.
    #[test]
    fn a_turn_password_is_made_as_coturn_makes_it() {
        let servers = IceServers {
            stun: vec!["stun:a:3478".to_owned()],
            turn: vec!["turn:b:3478".to_owned()],
            login: TurnLogin::Secret { secret: "north".to_owned(), lifetime: Duration::from_secs(3600) },
        };
        let at = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let [stun, turn] = <[IceServer; 2]>::try_from(servers.at(at, "ada")).unwrap();
        assert_eq!((stun.username, turn.username.as_deref()), (None, Some("1700003600:ada")));
        assert_eq!(turn.credential.as_deref(), Some("xnSlQG4JwD6eDlwPBFdbTt6sTJk="));
    }

    #[test]
    fn nothing_configured_is_nothing_told() {
        assert!(IceServers::default().at(SystemTime::now(), "ada").is_empty());
    }
}
