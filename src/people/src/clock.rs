//! What time it is, twice: the wall clock, which can jump, and the time that passed, which cannot.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since 1970 by the wall clock.
    pub unix_ms: i64,
    /// Time that passed since the program started.
    pub steady: Duration,
}

impl Moment {
    /// The wall clock's time this much later, in milliseconds since 1970.
    pub(crate) fn unix_ms_after(self, duration: Duration) -> i64 {
        self.unix_ms.saturating_add(milliseconds(duration))
    }
}

/// Tells the time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Moment + Send + Sync>);

impl Clock {
    /// The machine's clocks.
    pub fn system() -> Self {
        let started = Instant::now();
        Self::new(move || Moment {
            unix_ms: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, milliseconds),
            steady: started.elapsed(),
        })
    }

    /// A clock that a test sets.
    pub fn new(now: impl Fn() -> Moment + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// What time it is.
    pub fn now(&self) -> Moment {
        (self.0)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
