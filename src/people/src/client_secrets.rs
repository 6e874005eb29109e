//! Short-lived secrets for Realtime clients, bound to the session that they may open. In memory only; they count the time that
//! passes, so the wall clock can jump as it likes. Pure: time is passed in.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::PeopleError;
use crate::clock::Moment;
use crate::role::Action;
use crate::secret::Hash;

/// How many there may be at a time.
const LIMIT: usize = 1_000;

/// One of them.
#[derive(Clone)]
pub(crate) struct ClientSecret {
    pub(crate) id: String,
    pub(crate) hash: Hash,
    pub(crate) person: String,
    /// Id of the session or token that made it: it ends with that.
    pub(crate) parent: String,
    pub(crate) scopes: Arc<[Action]>,
    pub(crate) session: Arc<Value>,
    /// By the time that passed.
    pub(crate) expires: Duration,
    /// The same by the wall clock when it was made, for display.
    pub(crate) expires_at_ms: i64,
}

/// All of them.
#[derive(Default)]
pub(crate) struct ClientSecrets {
    all: Vec<ClientSecret>,
}

impl ClientSecrets {
    pub(crate) fn add(&mut self, secret: ClientSecret, now: Moment) -> Result<(), PeopleError> {
        self.expire(now);
        if self.all.len() >= LIMIT {
            return Err(PeopleError::TooMany { what: "client secrets", limit: LIMIT });
        }
        self.all.push(secret);
        Ok(())
    }

    pub(crate) fn find(&self, hash: &Hash, now: Moment) -> Option<ClientSecret> {
        self.all.iter().find(|secret| secret.hash.is(hash) && now.steady < secret.expires).cloned()
    }

    pub(crate) fn expire(&mut self, now: Moment) {
        self.all.retain(|secret| now.steady < secret.expires);
    }

    /// Forgets those of a person; what they opened ends with the person.
    pub(crate) fn forget_person(&mut self, person: &str) {
        self.all.retain(|secret| secret.person != person);
    }

    /// Forgets those that `parent` made; returns their ids.
    pub(crate) fn forget_children(&mut self, parent: &str) -> Vec<String> {
        let children =
            self.all.iter().filter(|secret| secret.parent == parent).map(|secret| secret.id.clone()).collect();
        self.all.retain(|secret| secret.parent != parent);
        children
    }
}
