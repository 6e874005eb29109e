//! Links and codes for a while, in memory only: the first owner's link, and further devices. Pure: time is passed in.

use std::time::Duration;

use crate::clock::Moment;
use crate::code::StoredCode;
use crate::secret::Hash;

/// Pairings that may be open at a time; the oldest goes.
const LIMIT: usize = 64;
/// Wrong attempts after which a code dies.
const ATTEMPTS: u32 = 5;

/// The link of the first owner.
#[derive(Clone, Copy)]
pub(crate) struct Welcome {
    pub(crate) hash: Hash,
    pub(crate) expires: Duration,
    pub(crate) expires_at_ms: i64,
}

/// A further device of a person, by link or by code.
#[derive(Clone)]
pub(crate) struct OpenPairing {
    pub(crate) id: String,
    pub(crate) person: String,
    /// Who made it: what they made ends with what they made it from.
    maker: String,
    pub(crate) link: Hash,
    pub(crate) code: StoredCode,
    pub(crate) expires: Duration,
    pub(crate) expires_at_ms: i64,
    attempts: u32,
}

impl OpenPairing {
    pub(crate) fn new(
        person: String,
        maker: String,
        link: Hash,
        code: StoredCode,
        expires: Duration,
        expires_at_ms: i64,
    ) -> Self {
        Self { id: uuid::Uuid::new_v4().to_string(), person, maker, link, code, expires, expires_at_ms, attempts: 0 }
    }
}

/// All of them.
#[derive(Default)]
pub(crate) struct Pairings {
    welcome: Option<Welcome>,
    open: Vec<OpenPairing>,
}

impl Pairings {
    /// From now on this is the first owner's link, and no other.
    pub(crate) fn set_welcome(&mut self, welcome: Option<Welcome>) {
        self.welcome = welcome;
    }

    /// The first owner's link, where `hash` is it.
    pub(crate) fn welcome(&self, hash: &Hash, now: Moment) -> Option<Welcome> {
        self.welcome.filter(|welcome| welcome.hash.is(hash) && now.steady < welcome.expires)
    }

    /// Opens a pairing, in place of one whose code begins alike.
    pub(crate) fn open(&mut self, pairing: OpenPairing, now: Moment) {
        self.open.retain(|other| now.steady < other.expires && other.code.selector() != pairing.code.selector());
        if self.open.len() >= LIMIT {
            self.open.remove(0);
        }
        self.open.push(pairing);
    }

    /// The pairing of a link.
    pub(crate) fn by_link(&self, hash: &Hash, now: Moment) -> Option<OpenPairing> {
        self.open.iter().find(|pairing| pairing.link.is(hash) && now.steady < pairing.expires).cloned()
    }

    /// The pairing whose code begins so. The attempt counts at once, so that many at a time do not get more than a few.
    pub(crate) fn attempt(&mut self, selector: &str, now: Moment) -> Option<OpenPairing> {
        let found = self.open.iter_mut().find(|one| one.code.selector() == selector && now.steady < one.expires)?;
        found.attempts += 1;
        (found.attempts <= ATTEMPTS).then(|| found.clone())
    }

    /// Uses a pairing up; `false` where somebody was faster.
    pub(crate) fn take(&mut self, id: &str) -> bool {
        let before = self.open.len();
        self.open.retain(|pairing| pairing.id != id);
        self.open.len() < before
    }

    /// Forgets what is open for a person, and what that person opened for others.
    pub(crate) fn forget_person(&mut self, person: &str) {
        self.open.retain(|pairing| pairing.person != person && pairing.maker != person);
    }
}
