//! A clock that only a test moves.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::follow::clock::Clock;

/// A clock that only a test moves. Waiting moves it, too.
#[derive(Debug, Default)]
pub struct DrivenClock {
    elapsed: Mutex<Duration>,
}

impl DrivenClock {
    /// A clock at the epoch.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }
}

impl Clock for DrivenClock {
    fn now_ms(&self) -> i64 {
        i64::try_from(self.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn elapsed(&self) -> Duration {
        *self.elapsed.lock()
    }

    fn sleep(&self, pause: Duration) {
        *self.elapsed.lock() += pause;
    }
}
