//! What a broker is told before it starts.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::error::BrokerError;

/// Settings of a [`Broker`](crate::Broker).
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// Where to listen. Port 0 takes a free port; [`Broker::address`](crate::Broker::address) tells which.
    pub listen: SocketAddr,
    /// Folder for the retained messages (`broker.db`). Made if it is missing.
    pub data_dir: PathBuf,
    /// Who may connect. With none, everybody who can reach `listen` may, so then it must be a loopback address.
    pub users: Vec<User>,
    /// Largest packet a client may send, in bytes.
    pub max_packet_bytes: u32,
    /// Clients connected at the same time.
    pub max_connections: usize,
}

impl BrokerConfig {
    /// Largest packet by default, in bytes.
    pub const MAX_PACKET_BYTES: u32 = 1024 * 1024;
    /// Clients at the same time by default.
    pub const MAX_CONNECTIONS: usize = 1_000;

    /// A broker on `127.0.0.1`, port 1883, without users, whose files are in `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 1883)),
            data_dir: data_dir.into(),
            users: Vec::new(),
            max_packet_bytes: Self::MAX_PACKET_BYTES,
            max_connections: Self::MAX_CONNECTIONS,
        }
    }

    /// Checks what can be checked without touching the network or the disk.
    ///
    /// # Errors
    /// [`BrokerError::Exposed`] for a reachable address without users, [`BrokerError::User`] for a user that could never log
    /// in or that stands there twice.
    pub fn check(&self) -> Result<(), BrokerError> {
        let mut names = BTreeSet::new();
        for user in &self.users {
            if user.name.is_empty() {
                return Err(BrokerError::User { name: String::new(), why: "the name is empty" });
            }
            if user.password.is_empty() {
                return Err(BrokerError::User { name: user.name.clone(), why: "the password is empty" });
            }
            if !names.insert(user.name.as_str()) {
                return Err(BrokerError::User { name: user.name.clone(), why: "the name is listed twice" });
            }
        }
        if self.users.is_empty() && !self.listen.ip().is_loopback() {
            return Err(BrokerError::Exposed { listen: self.listen });
        }
        Ok(())
    }
}

/// A client that may connect.
#[derive(Clone)]
pub struct User {
    /// MQTT user name.
    pub name: String,
    /// MQTT password; never printed.
    pub password: String,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).field("password", &"…").finish()
    }
}
