//! When to start a worker again: a pure state machine that is handed its time and its randomness.

use std::time::Duration;

/// How patiently a worker is restarted.
#[derive(Clone, Debug, PartialEq)]
pub struct BackoffConfig {
    /// Wait after the first failure to start; doubles with each further one.
    pub first: Duration,
    /// The longest wait.
    pub max: Duration,
    /// Share of the wait that is random, 0.0 to 1.0: workers that failed together do not all come back together.
    pub jitter: f64,
    /// How many workers that had been ready may die at once and still be replaced without a wait.
    pub quick_restarts: u32,
    /// Every such span without a death gives one quick restart back.
    pub quick_refill: Duration,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        BackoffConfig {
            first: Duration::from_millis(50),
            max: Duration::from_secs(30),
            jitter: 0.2,
            quick_restarts: 30,
            quick_refill: Duration::from_secs(5),
        }
    }
}

/// How a worker came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// It had been ready, or something outside killed it: starting it again will most likely work.
    WasReady,
    /// It never became ready: trying at once would most likely fail in the same way.
    NeverReady,
}

/// The state between restarts.
///
/// A worker that had been ready is replaced at once, since somebody may be waiting for the answer. Such restarts come out of a
/// budget that refills with time, so that a worker that becomes ready and falls over for ever ends in the same exponential
/// back-off as one that cannot start.
#[derive(Debug)]
pub struct Backoff {
    config: BackoffConfig,
    quick_left: f64,
    refilled_at: Duration,
    failures: u32,
}

impl Backoff {
    /// A fresh state with a full budget of quick restarts.
    pub fn new(config: BackoffConfig) -> Backoff {
        let quick_left = f64::from(config.quick_restarts);
        Backoff { config, quick_left, refilled_at: Duration::ZERO, failures: 0 }
    }

    /// Failures in a row since a worker was last ready.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The worker is ready: the next failure to start counts from one again.
    pub fn ready(&mut self) {
        if self.quick_left >= 1.0 {
            self.failures = 0;
        }
    }

    /// How long to wait before the next start. `now` is the time since the engine began; `random` is in 0.0..1.0.
    pub fn next(&mut self, death: Death, now: Duration, random: f64) -> Duration {
        self.refill(now);
        if death == Death::WasReady && self.quick_left >= 1.0 {
            self.quick_left -= 1.0;
            return Duration::ZERO;
        }
        self.failures = self.failures.saturating_add(1);
        let doublings = self.failures.saturating_sub(1).min(24);
        let wait = self.config.first.saturating_mul(1_u32 << doublings).min(self.config.max);
        let jitter = self.config.jitter.clamp(0.0, 1.0);
        wait.mul_f64(1.0 - jitter * random.clamp(0.0, 1.0))
    }

    fn refill(&mut self, now: Duration) {
        let span = now.saturating_sub(self.refilled_at).as_secs_f64();
        self.refilled_at = self.refilled_at.max(now);
        let every = self.config.quick_refill.as_secs_f64();
        if every > 0.0 {
            self.quick_left = (self.quick_left + span / every).min(f64::from(self.config.quick_restarts));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact() -> BackoffConfig {
        BackoffConfig { jitter: 0.0, ..BackoffConfig::default() }
    }

    #[test]
    fn a_worker_that_cannot_start_is_tried_ever_more_rarely() {
        let mut backoff = Backoff::new(exact());
        let mut waits = Vec::new();
        for _ in 0..12 {
            waits.push(backoff.next(Death::NeverReady, Duration::ZERO, 0.0).as_millis());
        }
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
        backoff.ready();
        assert_eq!(backoff.next(Death::NeverReady, Duration::ZERO, 0.0).as_millis(), 50);
    }

    #[test]
    fn twenty_kills_in_a_row_cost_no_wait() {
        let mut backoff = Backoff::new(exact());
        for _ in 0..20 {
            assert_eq!(backoff.next(Death::WasReady, Duration::ZERO, 0.0), Duration::ZERO);
            backoff.ready();
        }
    }

    #[test]
    fn a_worker_that_falls_over_for_ever_is_slowed_down_and_recovers_with_time() {
        let mut backoff = Backoff::new(exact());
        let mut last = Duration::ZERO;
        for _ in 0..36 {
            last = backoff.next(Death::WasReady, Duration::from_secs(1), 0.0);
            backoff.ready();
        }
        assert_eq!(last.as_millis(), 50 << 5);
        assert_eq!(backoff.next(Death::WasReady, Duration::from_secs(60), 0.0), Duration::ZERO);
    }

    #[test]
    fn jitter_only_shortens() {
        let mut backoff = Backoff::new(BackoffConfig { jitter: 0.2, ..BackoffConfig::default() });
        assert_eq!(backoff.next(Death::NeverReady, Duration::ZERO, 1.0).as_millis(), 40);
    }

    #[test]
    fn a_long_row_of_failures_does_not_overflow() {
        let mut backoff = Backoff::new(exact());
        for _ in 0..200 {
            backoff.next(Death::NeverReady, Duration::ZERO, 0.5);
        }
        assert_eq!(backoff.next(Death::NeverReady, Duration::ZERO, 0.0), Duration::from_secs(30));
    }
}
