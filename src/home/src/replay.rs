//! After a connection the broker sends what it kept. This notices when that is over, and what was not among it.

use std::collections::HashSet;

/// Silence after which the broker has sent what it kept, in milliseconds.
const QUIET_MS: u64 = 150;
/// It is taken to be over after this long in any case: some homes are never silent.
const LONGEST_MS: u64 = 2_000;
/// How long devices may take to announce themselves again after a reconnection, in milliseconds.
const GRACE_MS: u64 = 30_000;

/// What came since the last connection.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    since_ms: Option<u64>,
    last_ms: u64,
    /// How many connections there were.
    connections: u64,
    /// Discovery topics that were announced since.
    announced: HashSet<String>,
    /// Whether the broker had kept one of them: then it kept its store, and what is missing was withdrawn.
    kept: bool,
    compared: bool,
}

impl Replay {
    pub(crate) fn begin(&mut self, now_ms: u64) {
        *self = Self { since_ms: Some(now_ms), last_ms: now_ms, connections: self.connections + 1, ..Self::default() };
    }

    pub(crate) fn end(&mut self) {
        self.since_ms = None;
    }

    pub(crate) fn message(&mut self, now_ms: u64) {
        self.last_ms = now_ms;
    }

    pub(crate) fn announced(&mut self, topic: &str, retained: bool) {
        self.kept |= retained;
        if !self.compared {
            self.announced.insert(topic.to_owned());
        }
    }

    pub(crate) fn is_settled(&self, now_ms: u64) -> bool {
        self.since_ms.is_some_and(|since| now_ms >= self.settles_at(since))
    }

    fn settles_at(&self, since: u64) -> u64 {
        (self.last_ms + QUIET_MS).min(since + LONGEST_MS)
    }

    /// When something is next to be looked at; once settled and compared, never.
    pub(crate) fn next_tick(&self) -> Option<u64> {
        let since = self.since_ms?;
        if !self.compared { Some(since + GRACE_MS) } else { None }
    }

    /// When the replay will be over if nothing more comes.
    pub(crate) fn settling(&self) -> Option<u64> {
        self.since_ms.map(|since| self.settles_at(since))
    }

    /// After a reconnection, once: the topics that were known before and were not announced again.
    pub(crate) fn vanished<'a>(&mut self, now_ms: u64, known: impl Iterator<Item = &'a String>) -> Vec<String> {
        let Some(since) = self.since_ms else { return Vec::new() };
        if self.compared || now_ms < since + GRACE_MS {
            return Vec::new();
        }
        self.compared = true;
        let announced = std::mem::take(&mut self.announced);
        if self.connections < 2 || !self.kept {
            return Vec::new();
        }
        known.filter(|topic| !announced.contains(*topic)).cloned().collect()
    }
}
