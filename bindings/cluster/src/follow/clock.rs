//! The clocks of a follower.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where a follower reads the time. Tests use one that they move.
pub trait Clock: Send + Sync {
    /// The wall clock, in milliseconds since the epoch.
    fn now_ms(&self) -> i64;

    /// The time since some fixed moment.
    fn elapsed(&self) -> Duration;

    /// Waits.
    fn sleep(&self, pause: Duration);
}

/// The clocks of the machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    started: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, pause: Duration) {
        thread::sleep(pause);
    }
}
