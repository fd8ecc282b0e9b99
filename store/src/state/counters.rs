//! Counters of an open database for monitoring. They are cheap to maintain and to read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use convofold_engine::Seq;
use parking_lot::Mutex;

use crate::state::histogram::{Latencies, LatencyHistogram};
use crate::state::receipt::{EffectCounts, Receipt};

/// What an open database has done since it was opened, and its current size. See [`Convofold::counters`](crate::Convofold::counters).
///
/// Totals start at 0 each time the database is opened, and only grow while it is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Counters {
    /// Committed events, by effect.
    pub events: EffectCounts,
    /// Number of rejections in ingested bodies and replayed logs.
    pub rejected: u64,
    /// Number of committed batches.
    pub batches: u64,
    /// Number of committed groups of batches.
    pub groups: u64,
    /// Number of batches that [`Convofold::try_submit`](crate::Convofold::try_submit) returned because the queue was full.
    pub queue_full: u64,
    /// Time from the submission of a batch to its acknowledgement, including the time in the queue.
    pub commit_latency: LatencyHistogram,
    /// Duration of barriers: the time that the disk took to make written data durable.
    pub barrier_latency: LatencyHistogram,
    /// Number of times that, since the previous commit, the wall clock advanced by more than an hour more than the
    /// monotonic clock. Commit times never go back: if a clock was set too far ahead and then corrected, all commits
    /// have the same time until the clock has caught up.
    pub clock_jumps: u64,
    /// The size of the last of these jumps; `None` before the first.
    #[cfg_attr(feature = "serde", serde(rename = "last_clock_jump_ms", serialize_with = "crate::json::as_ms_if_any"))]
    pub last_clock_jump: Option<Duration>,
    /// Number of checkpoints written.
    pub checkpoints: u64,
    /// Time since the last checkpoint was completed; `None` before the first.
    #[cfg_attr(feature = "serde", serde(rename = "checkpoint_age_ms", serialize_with = "crate::json::as_ms_if_any"))]
    pub checkpoint_age: Option<Duration>,
    /// Number of conversations that were reloaded into memory because of an event.
    pub reloaded: u64,
    /// Number of pages read from the disk, for events and for queries.
    pub pages_read: u64,

    /// Current number of submissions in the queue.
    pub queue_depth: u64,
    /// The maximum number of submissions in the queue.
    pub queue_capacity: u64,
    /// Number of conversations.
    pub conversations: u64,
    /// Number of open conversations.
    pub open: u64,
    /// Number of conversations in memory, open or closed.
    pub resident: u64,
    /// Approximate size of the conversations in memory, in bytes.
    pub resident_bytes: u64,
    /// The seq of the last event in the log; 0 if the log is empty.
    pub last_seq: Seq,
    /// The seq of the last event that survives a power cut.
    pub durable_seq: Seq,
    /// The seq of the last event in the last checkpoint; 0 if there is no checkpoint.
    pub checkpoint_seq: Seq,
    /// Size of the compressed log, in bytes, without sled's overhead.
    pub log_bytes: u64,
    /// Size of the pages of the last checkpoint, in bytes.
    pub checkpoint_bytes: u64,
    /// Whether a write failed, so that no more writes are accepted until the database is reopened.
    pub poisoned: bool,
}

/// The totals since the database was opened.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    applied: AtomicU64,
    late: AtomicU64,
    duplicates: AtomicU64,
    conflicts: AtomicU64,
    erased: AtomicU64,
    batches: AtomicU64,
    groups: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) queue_full: AtomicU64,
    pub(crate) commits: Latencies,
    pub(crate) barriers: Latencies,
    checkpoints: Mutex<(u64, Option<Instant>)>,
    clock_jumps: Mutex<(u64, Option<Duration>)>,
}

impl Meter {
    /// Counts a committed group.
    pub(crate) fn add_group<'a>(&self, receipts: impl Iterator<Item = (&'a Receipt, Instant)>) {
        let now = Instant::now();
        let (mut counts, mut batches) = (EffectCounts::default(), 0);
        for (receipt, submitted) in receipts {
            counts.add_all(receipt.counts);
            batches += 1;
            self.commits.add(now.saturating_duration_since(submitted));
        }
        let EffectCounts { applied, late, duplicates, conflicts, erased } = counts;
        let all = [
            (&self.applied, applied),
            (&self.late, late),
            (&self.duplicates, duplicates),
            (&self.conflicts, conflicts),
            (&self.erased, erased),
            (&self.batches, batches),
            (&self.groups, 1),
        ];
        for (counter, count) in all {
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Counts a completed checkpoint.
    pub(crate) fn add_checkpoint(&self) {
        let mut checkpoints = self.checkpoints.lock();
        *checkpoints = (checkpoints.0 + 1, Some(Instant::now()));
    }

    /// Counts a jump of the wall clock.
    pub(crate) fn add_clock_jump(&self, jump: Duration) {
        let mut jumps = self.clock_jumps.lock();
        *jumps = (jumps.0 + 1, Some(jump));
    }

    pub(crate) fn add_to(&self, counters: Counters) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (checkpoints, last) = *self.checkpoints.lock();
        let (clock_jumps, last_clock_jump) = *self.clock_jumps.lock();
        Counters {
            events: EffectCounts {
                applied: read(&self.applied),
                late: read(&self.late),
                duplicates: read(&self.duplicates),
                conflicts: read(&self.conflicts),
                erased: read(&self.erased),
            },
            rejected: read(&self.rejected),
            batches: read(&self.batches),
            groups: read(&self.groups),
            queue_full: read(&self.queue_full),
            commit_latency: self.commits.snapshot(),
            barrier_latency: self.barriers.snapshot(),
            clock_jumps,
            last_clock_jump,
            checkpoints,
            checkpoint_age: last.map(|last| last.elapsed()),
            ..counters
        }
    }
}
