//! What can go wrong, said so that it can be mended.

use std::path::PathBuf;

use thiserror::Error;

/// Why something about reaching the house does not work.
#[derive(Debug, Error)]
pub enum ReachError {
    /// A file cannot be read or written.
    #[error("{path} cannot be {what}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A certificate or a key in a file is not what it should be.
    #[error("{place}: {why}")]
    Certificate {
        /// The file, or who sent it.
        place: String,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// The certificate authority cannot issue.
    #[error("the certificate authority of this house cannot issue a certificate: {0}")]
    Authority(String),
    /// A program that was asked for something did not do it.
    #[error("{program} {why}")]
    Program {
        /// The program with its first argument.
        program: String,
        /// What happened.
        why: String,
    },
    /// Tailscale is there and cannot be used.
    #[error("{0}")]
    Tailscale(String),
    /// The ACME server did not issue a certificate.
    #[error("no certificate from {directory}: {why}")]
    Acme {
        /// Address of the server's directory.
        directory: String,
        /// What it said.
        why: String,
    },
    /// The name cannot be announced in the local network.
    #[error("the name cannot be announced in the local network: {0}")]
    Mdns(String),
    /// The text does not fit into a QR code.
    #[error("the link is too long for a QR code: {0}")]
    Qr(String),
}

impl ReachError {
    pub(crate) fn unreadable(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::File { path: path.into(), what: "read", source }
    }

    pub(crate) fn unwritable(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::File { path: path.into(), what: "written", source }
    }
}
