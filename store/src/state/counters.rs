//! What a host watches: figures about an open store that cost nothing to keep and next to nothing to read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use convofold_engine::Seq;
use parking_lot::Mutex;

use crate::state::histogram::{Latencies, LatencyHistogram};
use crate::state::receipt::{EffectCounts, Receipt};

/// What an open store has done since it was opened, and how it stands now. See [`Convofold::counters`].
///
/// What is counted only ever grows while the store is open, and begins at nothing each time it is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Counters {
    /// Committed events, by what they did.
    pub events: EffectCounts,
    /// What could not be an event, in bodies that were ingested and logs that were replayed.
    pub rejected: u64,
    /// Committed batches.
    pub batches: u64,
    /// Groups of batches that went to the log together.
    pub groups: u64,
    /// Batches that [`Convofold::try_submit`] gave back because the queue was full.
    pub queue_full: u64,
    /// How long batches took from being submitted to being acknowledged, waiting in the queue included.
    pub commit_latency: LatencyHistogram,
    /// How long the disk took to make durable what was written before.
    pub barrier_latency: LatencyHistogram,
    /// Number of times that the wall clock was found more than an hour further ahead than the monotonic clock since the
    /// commit before. Commits cannot be dated back: until a clock that was set too far ahead and back again has caught up,
    /// all commits have the same time.
    pub clock_jumps: u64,
    /// The last of these jumps; `None` before the first.
    #[cfg_attr(feature = "serde", serde(rename = "last_clock_jump_ms", serialize_with = "crate::json::as_ms_if_any"))]
    pub last_clock_jump: Option<Duration>,
    /// Checkpoints that were written.
    pub checkpoints: u64,
    /// How long ago the last of them was complete; `None` before the first.
    #[cfg_attr(feature = "serde", serde(rename = "checkpoint_age_ms", serialize_with = "crate::json::as_ms_if_any"))]
    pub checkpoint_age: Option<Duration>,
    /// Conversations that came back into memory because of an event of theirs.
    pub reloaded: u64,
    /// Pages of conversations that were read from the disk, for events and for questions.
    pub pages_read: u64,

    /// Submissions that wait for the writer now.
    pub queue_depth: u64,
    /// How many may.
    pub queue_capacity: u64,
    /// All conversations.
    pub conversations: u64,
    /// The open ones.
    pub open: u64,
    /// Those that are in memory, open or closed.
    pub resident: u64,
    /// About how many bytes these take.
    pub resident_bytes: u64,
    /// The last event in the log; 0 where there is none.
    pub last_seq: Seq,
    /// The last event that survives a power cut.
    pub durable_seq: Seq,
    /// The last event in the last checkpoint; 0 where there is none.
    pub checkpoint_seq: Seq,
    /// What the log takes, compressed, before sled's overhead.
    pub log_bytes: u64,
    /// What the pages of the last checkpoint take.
    pub checkpoint_bytes: u64,
    /// Whether a write failed, so that no more are taken until the store is opened again.
    pub poisoned: bool,
}

/// Where the store counts what it does.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    applied: AtomicU64,
    late: AtomicU64,
    duplicates: AtomicU64,
    conflicts: AtomicU64,
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
    /// A group was committed.
    pub(crate) fn add_group<'a>(&self, receipts: impl Iterator<Item = (&'a Receipt, Instant)>) {
        let now = Instant::now();
        let (mut counts, mut batches) = (EffectCounts::default(), 0);
        for (receipt, submitted) in receipts {
            counts.add_all(receipt.counts);
            batches += 1;
            self.commits.add(now.saturating_duration_since(submitted));
        }
        let EffectCounts { applied, late, duplicates, conflicts } = counts;
        let all = [
            (&self.applied, applied),
            (&self.late, late),
            (&self.duplicates, duplicates),
            (&self.conflicts, conflicts),
            (&self.batches, batches),
            (&self.groups, 1),
        ];
        for (counter, count) in all {
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// A checkpoint is complete.
    pub(crate) fn add_checkpoint(&self) {
        let mut checkpoints = self.checkpoints.lock();
        *checkpoints = (checkpoints.0 + 1, Some(Instant::now()));
    }

    /// The wall clock jumped ahead.
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
