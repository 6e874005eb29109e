//! How fast it goes and how long it still takes. Pure: time is passed in.

use std::time::Duration;

/// Older traffic than this hardly counts any more.
const MEMORY: Duration = Duration::from_secs(4);

/// A moving average of a transfer's rate.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Bytes and seconds, both fading with age, so that their quotient is the recent rate.
    bytes: f64,
    seconds: f64,
    last: Option<Duration>,
}

impl Meter {
    /// So many bytes came in until `now`, counted from any fixed moment.
    pub(crate) fn add(&mut self, bytes: u64, now: Duration) {
        let span = now.saturating_sub(self.last.unwrap_or(now)).as_secs_f64();
        let fade = (-span / MEMORY.as_secs_f64()).exp();
        self.bytes = self.bytes * fade + bytes as f64;
        self.seconds = self.seconds * fade + span;
        self.last = Some(now);
    }

    /// Bytes a second; 0 before there is anything to tell.
    pub(crate) fn rate(&self) -> f64 {
        if self.seconds > 0.05 { self.bytes / self.seconds } else { 0.0 }
    }

    /// How long `left` bytes will take.
    pub(crate) fn eta(&self, left: u64) -> Option<Duration> {
        let seconds = left as f64 / self.rate();
        (seconds.is_finite() && seconds < 1e9).then(|| Duration::from_secs_f64(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_transfer_is_measured_and_predicted() {
        let mut meter = Meter::default();
        assert_eq!((meter.rate(), meter.eta(10)), (0.0, None));
        for tenth in 0..100 {
            meter.add(100_000, Duration::from_millis(tenth * 100));
        }
        assert!((meter.rate() / 1e6 - 1.0).abs() < 0.05, "{}", meter.rate());
        assert!((meter.eta(10_000_000).unwrap().as_secs_f64() - 10.0).abs() < 0.5);
    }

    #[test]
    fn the_rate_follows_a_change() {
        let mut meter = Meter::default();
        for tenth in 0..100 {
            meter.add(1_000_000, Duration::from_millis(tenth * 100));
        }
        for tenth in 100..300 {
            meter.add(10_000, Duration::from_millis(tenth * 100));
        }
        assert!(meter.rate() < 300_000.0, "{}", meter.rate());
    }
}
