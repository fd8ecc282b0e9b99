//! The progress of a replay.

use std::time::{Duration, Instant};

/// Minimum time between two reports of progress.
const INTERVAL: Duration = Duration::from_millis(100);

/// The progress of a replay.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Progress<'a> {
    /// Number of bytes read from all inputs; for compressed files, compressed bytes.
    pub bytes_read: u64,
    /// Total number of bytes of all inputs; `None` if an input is a reader.
    pub bytes_total: Option<u64>,
    /// Number of events submitted, including earlier runs.
    pub events: u64,
    /// Events per second in this run.
    pub events_per_second: f64,
    /// Duration of this run so far.
    #[cfg_attr(feature = "serde", serde(rename = "elapsed_ms", serialize_with = "crate::json::as_ms"))]
    pub elapsed: Duration,
    /// The name of the current input.
    pub input: &'a str,
}

/// Decides when progress is reported.
#[derive(Debug)]
pub(super) struct ProgressClock {
    started: Instant,
    told: Instant,
    events_before: u64,
}

impl ProgressClock {
    pub(super) fn new(started: Instant, events_before: u64) -> Self {
        Self { started, told: started, events_before }
    }

    pub(super) fn progress<'a>(
        &mut self,
        (bytes_read, bytes_total): (u64, Option<u64>),
        events: u64,
        input: &'a str,
        at_end: bool,
    ) -> Option<Progress<'a>> {
        if !at_end && self.told.elapsed() < INTERVAL {
            return None;
        }
        self.told = Instant::now();
        let elapsed = self.started.elapsed();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let events_per_second = (events - self.events_before) as f64 / elapsed.as_secs_f64().max(0.001);
        Some(Progress { bytes_read, bytes_total, events, events_per_second, elapsed, input })
    }
}
