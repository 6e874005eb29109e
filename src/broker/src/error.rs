//! Why the broker could not start, in words for the person who started it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A broker that could not start or stop.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Reachable from the network, and nobody has to log in.
    #[error(
        "the MQTT broker would listen on {listen}, which other machines can reach, but has no users; \
         add at least one user with a password, or listen on 127.0.0.1"
    )]
    Exposed {
        /// The address asked for.
        listen: SocketAddr,
    },
    /// A user entry that makes no sense.
    #[error("MQTT broker user \"{name}\": {why}; give every user its own name and a password")]
    User {
        /// The user's name, may be empty.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Another program listens there.
    #[error(
        "the MQTT broker cannot listen on {listen}: the port is taken, perhaps by another broker; \
         use that broker instead, stop it, or choose another port"
    )]
    PortTaken {
        /// The address asked for.
        listen: SocketAddr,
    },
    /// The address cannot be used for another reason.
    #[error(
        "the MQTT broker cannot listen on {listen}: {why}; choose an address of this machine and a port above 1023"
    )]
    Listen {
        /// The address asked for.
        listen: SocketAddr,
        /// What the system said.
        why: String,
    },
    /// The folder cannot be made or written.
    #[error("the MQTT broker cannot write to {}: {source}; make the folder writable or choose another data folder", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another broker has the same folder open.
    #[error(
        "{} is in use by another program, probably a second server on the same data folder; stop it or choose another data folder",
        path.display()
    )]
    InUse {
        /// The database file.
        path: PathBuf,
    },
    /// SQLite refused.
    #[error("the MQTT broker cannot open {}: {source}; check free space and permissions", path.display())]
    Storage {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// Written by a newer version.
    #[error("{} was written by a newer version (format {found}, this one knows {known}); update, or choose another data folder", path.display())]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Format found.
        found: i64,
        /// Newest format this version knows.
        known: i64,
    },
    /// The thread or its runtime could not be made.
    #[error("the MQTT broker cannot start its thread: {0}")]
    Thread(#[source] io::Error),
    /// The broker's thread ended while starting.
    #[error("the MQTT broker ended while starting; its last log lines say why")]
    Ended,
}
