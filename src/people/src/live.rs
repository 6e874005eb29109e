//! What is in use: for each session and token a cancellation token, on which everything hangs that stays open. Pure: time is
//! passed in.

use std::collections::HashMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Moment;

/// When something ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// Not by itself.
    Never,
    /// By the wall clock, in milliseconds since 1970.
    Wall(i64),
    /// By the time that passed.
    Steady(Duration),
}

impl Expiry {
    /// Time that is left; zero where it has ended.
    pub(crate) fn left(self, now: Moment) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::Wall(at_ms) => {
                Some(Duration::from_millis(u64::try_from(at_ms.saturating_sub(now.unix_ms)).unwrap_or(0)))
            }
            Self::Steady(at) => Some(at.saturating_sub(now.steady)),
        }
    }

    /// Whether it has ended.
    pub(crate) fn is_over(self, now: Moment) -> bool {
        self.left(now).is_some_and(|left| left.is_zero())
    }
}

struct Entry {
    person: String,
    expiry: Expiry,
    token: CancellationToken,
}

/// Everything in use.
pub(crate) struct Live {
    entries: HashMap<String, Entry>,
    /// Ends everything.
    root: CancellationToken,
}

impl Live {
    /// Nothing in use yet. Everything ends with `root`.
    pub(crate) fn new(root: CancellationToken) -> Self {
        Self { entries: HashMap::new(), root }
    }

    /// A token that ends with the session `id`. The session is used now, and may have a later end than before.
    pub(crate) fn used(&mut self, id: &str, person: &str, expiry: Expiry) -> CancellationToken {
        let entry = self.entries.entry(id.to_owned()).or_insert_with(|| Entry {
            person: person.to_owned(),
            expiry,
            token: self.root.child_token(),
        });
        entry.expiry = expiry;
        entry.token.child_token()
    }

    /// Ends everything that hangs on session `id`.
    pub(crate) fn end(&mut self, id: &str) {
        if let Some(entry) = self.entries.remove(id) {
            entry.token.cancel();
        }
    }

    /// Ends everything of a person.
    pub(crate) fn end_person(&mut self, person: &str) {
        self.end_where(|entry| entry.person == person);
    }

    /// Ends what has expired, and says how long it is until the next does.
    pub(crate) fn expire(&mut self, now: Moment) -> Option<Duration> {
        self.end_where(|entry| entry.expiry.is_over(now));
        self.entries.values().filter_map(|entry| entry.expiry.left(now)).min()
    }

    fn end_where(&mut self, over: impl Fn(&Entry) -> bool) {
        self.entries.retain(|_, entry| {
            let over = over(entry);
            if over {
                entry.token.cancel();
            }
            !over
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(unix_ms: i64, steady: u64) -> Moment {
        Moment { unix_ms, steady: Duration::from_secs(steady) }
    }

    #[test]
    fn what_expires_ends_and_the_rest_stays() {
        let mut live = Live::new(CancellationToken::new());
        let wall = live.used("wall", "anna", Expiry::Wall(5_000));
        let steady = live.used("steady", "anna", Expiry::Steady(Duration::from_secs(5)));
        let forever = live.used("forever", "ben", Expiry::Never);
        assert_eq!(live.expire(at(3_000, 1)), Some(Duration::from_secs(2)));
        assert!(!wall.is_cancelled());
        // The wall clock jumps; the time that passed does not.
        live.expire(at(1_000_000, 2));
        assert!(wall.is_cancelled() && !steady.is_cancelled() && !forever.is_cancelled());
        live.expire(at(0, 5));
        assert!(steady.is_cancelled());
        live.end_person("ben");
        assert!(forever.is_cancelled());
    }

    #[test]
    fn use_moves_the_end() {
        let mut live = Live::new(CancellationToken::new());
        let first = live.used("a", "anna", Expiry::Wall(5_000));
        live.used("a", "anna", Expiry::Wall(9_000));
        live.expire(at(6_000, 0));
        assert!(!first.is_cancelled());
        live.end("a");
        assert!(first.is_cancelled());
        assert!(!live.used("a", "anna", Expiry::Never).is_cancelled(), "a session that is used again is alive");
    }
}
