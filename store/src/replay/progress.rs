//! How far a replay is.

use std::time::{Duration, Instant};

/// How often progress is told at most.
const INTERVAL: Duration = Duration::from_millis(100);

/// How far a replay is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Progress<'a> {
    /// Bytes read of all inputs, as they lie on the disk: of compressed files the compressed bytes.
    pub bytes_read: u64,
    /// Of so many; `None` where an input is no file.
    pub bytes_total: Option<u64>,
    /// Events submitted so far, those of earlier runs included.
    pub events: u64,
    /// Events a second in this run.
    pub events_per_second: f64,
    /// How long this run has taken.
    #[cfg_attr(feature = "serde", serde(rename = "elapsed_ms", serialize_with = "crate::json::as_ms"))]
    pub elapsed: Duration,
    /// The input that is being replayed.
    pub input: &'a str,
}

/// Decides when it is time to tell.
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
