//! Counters of an open database, for monitoring.

use convofold::LatencyHistogram;

use crate::database::Db;
use crate::error::Error;
use crate::last_error::guard;
use crate::page::CONVOFOLD_NO_TIME;
use crate::sized::{Grows, OutSized};

/// Number of buckets of a convofold_latency.
pub const CONVOFOLD_LATENCY_BUCKETS: usize = 29;

/// A histogram of durations.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    /// Bucket i counts durations of up to 2^i microseconds that are longer than the limit of bucket i - 1. The last
    /// bucket counts all longer ones.
    pub buckets: [u64; CONVOFOLD_LATENCY_BUCKETS],
    /// Sum of all durations, in microseconds.
    pub sum_us: u64,
}

impl Latency {
    fn of(histogram: &LatencyHistogram) -> Self {
        let mut buckets = [0; CONVOFOLD_LATENCY_BUCKETS];
        for (place, (_, count)) in buckets.iter_mut().zip(histogram.buckets()) {
            *place = count;
        }
        Self { buckets, sum_us: u64::try_from(histogram.sum().as_micros()).unwrap_or(u64::MAX) }
    }
}

/// Counters since the database was opened, and its current size.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Counters {
    /// sizeof(convofold_counters).
    pub size: usize,
    /// Committed events that were the latest of their conversation.
    pub applied: u64,
    /// Committed events that happened before an event that was already stored.
    pub late: u64,
    /// Events that were already stored.
    pub duplicates: u64,
    /// Events that conflict with a stored event of the same identity.
    pub conflicts: u64,
    /// Events that were erased before, and do not come back.
    pub erased: u64,
    /// Inputs that were rejected as events.
    pub rejected: u64,
    /// Committed batches.
    pub batches: u64,
    /// Groups of batches. A group is written to the log in one operation.
    pub groups: u64,
    /// Checkpoints written.
    pub checkpoints: u64,
    /// Age of the last checkpoint in ms; CONVOFOLD_NO_TIME if none was written since opening.
    pub checkpoint_age_ms: i64,
    /// Conversations that were reloaded into memory because a new event arrived.
    pub reloaded: u64,
    /// Pages of conversations read from the disk.
    pub pages_read: u64,
    /// Batches that currently wait for the writer.
    pub queue_depth: u64,
    /// Maximum number of batches that can wait.
    pub queue_capacity: u64,
    /// Number of conversations.
    pub conversations: u64,
    /// Number of open conversations.
    pub open: u64,
    /// Number of conversations in memory, open or closed.
    pub resident: u64,
    /// Approximate memory used by these conversations, in bytes.
    pub resident_bytes: u64,
    /// Seq of the last event in the log (0: the log is empty).
    pub last_seq: u64,
    /// Seq of the last event that survives a power cut.
    pub durable_seq: u64,
    /// Seq of the last event in the last checkpoint (0: no checkpoint).
    pub checkpoint_seq: u64,
    /// Compressed size of the log in bytes.
    pub log_bytes: u64,
    /// Size of the conversations in the last checkpoint, in bytes.
    pub checkpoint_bytes: u64,
    /// 1 if a write failed, so that the database accepts no more writes until it is opened again; otherwise 0.
    pub poisoned: u64,
    /// Time from the submission of a batch to its acknowledgement, including the time in the queue.
    pub commit_latency: Latency,
    /// Time that the disk took to make a write durable.
    pub barrier_latency: Latency,
}

// SAFETY: only numbers, all of the same size.
unsafe impl Grows for Counters {
    const NAME: &'static str = "convofold_counters";
}

impl Counters {
    fn of(counters: &convofold::Counters) -> Self {
        let age = counters.checkpoint_age.map(|age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        Self {
            size: size_of::<Self>(),
            applied: counters.events.applied,
            late: counters.events.late,
            duplicates: counters.events.duplicates,
            conflicts: counters.events.conflicts,
            erased: counters.events.erased,
            rejected: counters.rejected,
            batches: counters.batches,
            groups: counters.groups,
            checkpoints: counters.checkpoints,
            checkpoint_age_ms: age.unwrap_or(CONVOFOLD_NO_TIME),
            reloaded: counters.reloaded,
            pages_read: counters.pages_read,
            queue_depth: counters.queue_depth,
            queue_capacity: counters.queue_capacity,
            conversations: counters.conversations,
            open: counters.open,
            resident: counters.resident,
            resident_bytes: counters.resident_bytes,
            last_seq: counters.last_seq,
            durable_seq: counters.durable_seq,
            checkpoint_seq: counters.checkpoint_seq,
            log_bytes: counters.log_bytes,
            checkpoint_bytes: counters.checkpoint_bytes,
            poisoned: counters.poisoned.into(),
            commit_latency: Latency::of(&counters.commit_latency),
            barrier_latency: Latency::of(&counters.barrier_latency),
        }
    }
}

/// Sets `counters` to the counters of a database. This does not access the disk, and is cheap enough to call every
/// second.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_get_counters(db: Db, counters: *mut Counters) -> Error {
    guard(|| {
        // SAFETY: the header states this requirement for callers.
        let out = unsafe { OutSized::new(counters) }?;
        out.set(Counters::of(&db.get()?.counters()));
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bucket_is_left_out() {
        assert_eq!(LatencyHistogram::default().buckets().count(), CONVOFOLD_LATENCY_BUCKETS);
    }
}
