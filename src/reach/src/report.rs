//! What `vesta check` and the app are told about each way to the house.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// A way to the house. Where several certificates are for a name, the first way's is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Certificate files that something else keeps.
    Files,
    /// A certificate for names of the owner's, by ACME.
    Acme,
    /// A certificate for the name in the tailnet.
    Tailscale,
    /// A certificate of the house's own authority.
    LocalAuthority,
    /// A reverse proxy that speaks HTTPS in front of the house.
    Proxy,
    /// The listener for HTTPS.
    Https,
    /// The listener that explains to a new phone how to trust the house.
    Doorstep,
    /// The listener that answers the ACME server.
    AcmeHttp,
    /// The announcement in the local network.
    Mdns,
}

/// How it is with a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WayState {
    /// It works.
    Ready,
    /// It is being prepared.
    Starting,
    /// It does not work now; it is tried again.
    Failed,
}

/// How it is with a way, said so that it can be mended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayReport {
    /// The way.
    pub way: Way,
    /// How it is.
    pub state: WayState,
    /// What is there.
    pub found: String,
    /// What that means, where it is not as it should be.
    pub means: Option<String>,
    /// What mends it.
    pub fix: Option<String>,
    /// The names that it serves.
    pub names: Vec<String>,
    /// Until when its certificate is valid, RFC 3339.
    pub valid_until: Option<String>,
}

impl WayReport {
    pub(crate) fn ready(way: Way, found: impl Into<String>) -> Self {
        Self {
            way,
            state: WayState::Ready,
            found: found.into(),
            means: None,
            fix: None,
            names: Vec::new(),
            valid_until: None,
        }
    }

    pub(crate) fn starting(way: Way, found: impl Into<String>) -> Self {
        Self { state: WayState::Starting, ..Self::ready(way, found) }
    }

    pub(crate) fn failed(way: Way, found: impl Into<String>, means: &str, fix: impl Into<String>) -> Self {
        Self {
            state: WayState::Failed,
            means: Some(means.to_owned()),
            fix: Some(fix.into()),
            ..Self::ready(way, found)
        }
    }

    pub(crate) fn with(mut self, chain: &crate::chain::Chain) -> Self {
        self.names = chain.names().to_vec();
        self.valid_until = Some(rfc3339(chain.not_after()));
        self
    }
}

/// A moment as RFC 3339, in UTC.
pub(crate) fn rfc3339(moment: SystemTime) -> String {
    jiff::Timestamp::try_from(moment).map_or_else(|_| "unknown".to_owned(), |moment| moment.to_string())
}

/// The date of a moment, in UTC.
pub(crate) fn date(moment: SystemTime) -> String {
    rfc3339(moment).split('T').next().unwrap_or_default().to_owned()
}
