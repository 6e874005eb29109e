//! When certificates are renewed, and when something that failed is tried again. Pure: time is passed in.

use std::time::{Duration, SystemTime};

/// When a certificate with this validity is renewed: when a third of its life is left. So it is for certificates of six
/// days and of a year, and there is time for many attempts.
pub(crate) fn renewal(not_before: SystemTime, not_after: SystemTime) -> SystemTime {
    let life = not_after.duration_since(not_before).unwrap_or_default();
    not_after.checked_sub(life / 3).unwrap_or(not_before)
}

/// Doubles the pause after each failure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// It went well.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// It failed again; how long to wait.
    pub(crate) fn failed(&mut self) -> Duration {
        let pause = self.first.saturating_mul(2_u32.saturating_pow(self.failures)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn a_third_of_the_life_is_left_for_the_renewal() {
        let start = SystemTime::UNIX_EPOCH + DAY * 20_000;
        assert_eq!(renewal(start, start + DAY * 90), start + DAY * 60);
        assert_eq!(renewal(start, start + DAY * 6), start + DAY * 4);
        assert_eq!(renewal(start + DAY, start), start, "a certificate that was never valid is due at once");
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        let mut backoff = Backoff::new(Duration::from_secs(60), Duration::from_secs(300));
        let pauses: Vec<_> = (0..5).map(|_| backoff.failed().as_secs()).collect();
        assert_eq!(pauses, [60, 120, 240, 300, 300]);
        (0..100).for_each(|_| assert!(backoff.failed() <= Duration::from_secs(300)));
        backoff.reset();
        assert_eq!(backoff.failed().as_secs(), 60);
    }
}
