//! Secrets that machines keep: 256 random bits, stored as their hash.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::PeopleError;

/// Random bytes in a secret.
const BYTES: usize = 32;
/// Longest text that is looked at as a secret.
const MAX_LENGTH: usize = 128;

/// What a secret opens, as its beginning says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A device's session; the cookie.
    Session,
    /// An API token.
    Token,
    /// A short-lived secret for Realtime clients; OpenAI's begin so too.
    Client,
    /// A link that signs in.
    Link,
    /// The programs of this machine.
    Local,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Session, Self::Token, Self::Client, Self::Link, Self::Local];

    const fn prefix(self) -> &'static str {
        match self {
            Self::Session => "vs_",
            Self::Token => "vesta_",
            Self::Client => "ek_",
            Self::Link => "vl_",
            Self::Local => "vm_",
        }
    }

    /// What `text` claims to open; `None` where it cannot be a secret at all.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let kind = Self::ALL.into_iter().find(|kind| text.starts_with(kind.prefix()))?;
        (text.len() <= MAX_LENGTH).then_some(kind)
    }
}

/// A secret in the clear, to be handed out once. It is never printed by `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new one.
    pub(crate) fn new(kind: Kind) -> Result<Self, PeopleError> {
        let bytes: [u8; BYTES] = random()?;
        Ok(Self(format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub(crate) fn hash(&self) -> Hash {
        Hash::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// SHA-256 of a secret. Compared in constant time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hash([u8; 32]);

impl Hash {
    /// The hash of a text that somebody presents as a secret.
    pub(crate) fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Its bytes, for the database.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether both are the same, in a time that does not tell where they differ.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], PeopleError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| PeopleError::NoRandomness(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_says_what_it_opens_and_nothing_else() {
        for kind in Kind::ALL {
            let secret = Secret::new(kind).unwrap();
            assert_eq!(Kind::of(secret.reveal()), Some(kind));
            assert_eq!(format!("{secret:?}"), "Secret(…)");
            assert!(secret.hash().is(&Hash::of(secret.reveal())));
            assert!(!secret.hash().is(&Secret::new(kind).unwrap().hash()));
            assert!(secret.reveal().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)));
        }
        assert_eq!(Kind::of("sk-something"), None);
        assert_eq!(Kind::of(&format!("vs_{}", "x".repeat(1_000_000))), None);
    }
}
