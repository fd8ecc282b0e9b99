//! Waiting that ends when the node does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often it looks whether to stop.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Waits, in steps of [`LOOK_INTERVAL`], until the time is over or `stop` is true. Returns whether to go on.
pub(super) fn pause(stop: &AtomicBool, mut left: Duration) -> bool {
    while !left.is_zero() && !stop.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK_INTERVAL);
        left = left.saturating_sub(LOOK_INTERVAL);
    }
    !stop.load(Ordering::Relaxed)
}
