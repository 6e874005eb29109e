//! How many responses a session may ask for.

/// Responses in a window.
const REQUESTS: u32 = 300;
/// A window, in milliseconds.
const WINDOW_MS: u64 = 60_000;

/// Counts responses in windows of a minute. Far more than anybody speaks; it holds back a client that has gone wrong.
#[derive(Debug, Default)]
pub(crate) struct RateLimit {
    window_from_ms: u64,
    used: u32,
}

/// What is left of a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Left {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    pub(crate) reset_seconds: f64,
}

impl RateLimit {
    /// Takes one, or says after how many seconds there is one.
    pub(crate) fn take(&mut self, now_ms: u64) -> Result<(), f64> {
        if now_ms - self.window_from_ms >= WINDOW_MS {
            (self.window_from_ms, self.used) = (now_ms, 0);
        }
        if self.used == REQUESTS {
            return Err(self.left(now_ms).reset_seconds);
        }
        self.used += 1;
        Ok(())
    }

    pub(crate) fn left(&self, now_ms: u64) -> Left {
        let reset_ms = (self.window_from_ms + WINDOW_MS).saturating_sub(now_ms);
        Left { limit: REQUESTS, remaining: REQUESTS - self.used, reset_seconds: reset_ms as f64 / 1000.0 }
    }
}
