//! Everything that can go wrong, under stable codes.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// Why something about people was not done.
#[derive(Debug, Error)]
pub enum PeopleError {
    /// A link that does not exist, was used, or has expired. Which of them is not told.
    #[error("this link was used, has expired, or never was one; ask an owner for a new one")]
    NoSuchLink,
    /// A short code that is not right.
    #[error("this code is wrong, was used, or has expired; have a new one shown")]
    WrongCode,
    /// A passkey that did not prove itself.
    #[error("this passkey was not accepted: {0}; sign in with a code, and make a new passkey then")]
    WrongPasskey(String),
    /// Passkeys cannot be used under this address.
    #[error("{0}")]
    NoPasskeysHere(NoPasskeys),
    /// Too many failures.
    #[error("too many failed attempts; try again in {} s", retry_after.as_secs().max(1))]
    SlowDown {
        /// How long to wait.
        retry_after: Duration,
    },
    /// Another person has this name.
    #[error("somebody here is called '{name}' already; choose another name")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Something that cannot be used.
    #[error("'{field}' {why}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The house would have no owner.
    #[error("this is the last owner; make somebody else an owner first")]
    LastOwner,
    /// Nothing has this id.
    #[error("there is no {what} '{id}'")]
    NotFound {
        /// Kind of thing.
        what: &'static str,
        /// What was asked for.
        id: String,
    },
    /// A limit is reached.
    #[error("there are {limit} {what} already; remove one first")]
    TooMany {
        /// Kind of thing.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// The system has no random numbers.
    #[error("the system gives no random numbers: {0}")]
    NoRandomness(String),
    /// The database cannot be opened.
    #[error("{} cannot be used: {source}; make it and its folder writable for this user, or move the file away to begin without people", path.display())]
    Open {
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
    /// The database failed.
    #[error("the database of people failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Vesta itself is at fault.
    #[error("{0}")]
    Internal(String),
}

/// Why there are no passkeys under an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoPasskeys {
    /// The page was opened by an IP address.
    #[error("browsers have no passkeys for plain addresses; open the house by its name, or sign in with a code")]
    Address,
    /// The page was opened without HTTPS.
    #[error("browsers have no passkeys without HTTPS; open the house by https, or sign in with a code")]
    Insecure,
}

impl NoPasskeys {
    /// Stable word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Insecure => "insecure",
        }
    }
}

impl PeopleError {
    /// The stable code, in `snake_case`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchLink => "no_such_link",
            Self::WrongCode => "wrong_code",
            Self::WrongPasskey(_) => "wrong_passkey",
            Self::NoPasskeysHere(_) => "no_passkeys_here",
            Self::SlowDown { .. } => "slow_down",
            Self::NameTaken { .. } => "name_taken",
            Self::Invalid { .. } => "invalid",
            Self::LastOwner => "last_owner",
            Self::NotFound { .. } => "not_found",
            Self::TooMany { .. } => "too_many",
            Self::NoRandomness(_) | Self::Open { .. } | Self::Newer { .. } | Self::Sqlite(_) | Self::Internal(_) => {
                "internal"
            }
        }
    }
}
