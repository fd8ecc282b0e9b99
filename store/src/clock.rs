//! The clocks of the store. The engine reads none.

use std::time::{Instant, SystemTime};

use convofold_engine::Time;

/// Where the store reads the time.
#[derive(Clone, Debug, Default)]
pub(crate) enum Clock {
    #[default]
    System,
    #[cfg(test)]
    Driven(std::sync::Arc<driven::DrivenClock>),
}

/// The wall clock, which can be set, and the monotonic clock, which cannot, at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Milliseconds since the epoch.
    pub(crate) wall_ms: u64,
    pub(crate) monotonic: Instant,
}

impl Clock {
    pub(crate) fn read(&self) -> Reading {
        match self {
            Self::System => Reading { wall_ms: system_ms(), monotonic: Instant::now() },
            #[cfg(test)]
            Self::Driven(clock) => clock.read(),
        }
    }
}

/// A clock before 1970 or after the year 9999 is wrong; the nearest time that can be written is used.
fn system_ms() -> u64 {
    Time::from(SystemTime::now()).ms().unsigned_abs()
}

#[cfg(test)]
pub(crate) mod driven {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use parking_lot::Mutex;

    use super::{Clock, Reading};

    /// A clock that only a test moves.
    #[derive(Debug)]
    pub(crate) struct DrivenClock(Mutex<Reading>);

    impl DrivenClock {
        pub(crate) fn at(wall_ms: u64) -> Arc<Self> {
            Arc::new(Self(Mutex::new(Reading { wall_ms, monotonic: Instant::now() })))
        }

        pub(crate) fn clock(self: &Arc<Self>) -> Clock {
            Clock::Driven(self.clone())
        }

        pub(crate) fn read(&self) -> Reading {
            *self.0.lock()
        }

        /// Sets the wall clock; no time passes.
        pub(crate) fn set(&self, wall_ms: u64) {
            self.0.lock().wall_ms = wall_ms;
        }

        /// Time passes.
        pub(crate) fn pass(&self, ms: u64) {
            let mut reading = self.0.lock();
            reading.wall_ms += ms;
            reading.monotonic += Duration::from_millis(ms);
        }
    }
}
