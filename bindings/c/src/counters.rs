//! What an open database has done, for whoever watches it.

use convofold::LatencyHistogram;

use crate::database::Db;
use crate::error::Error;
use crate::last_error::guard;
use crate::page::CONVOFOLD_NO_TIME;
use crate::sized::{Grows, OutSized};

/// How many buckets a convofold_latency has.
pub const CONVOFOLD_LATENCY_BUCKETS: usize = 29;

/// How often something took how long.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    /// Bucket i counts what took up to 2^i microseconds and more than the bucket before; the last one everything above.
    pub buckets: [u64; CONVOFOLD_LATENCY_BUCKETS],
    /// All times together, in microseconds.
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

/// What a database has done since it was opened, and how it stands now.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Counters {
    /// sizeof(convofold_counters).
    pub size: usize,
    /// Committed events that were the latest of their conversations.
    pub applied: u64,
    /// Committed events that were placed before ones known already.
    pub late: u64,
    /// Events that were known already.
    pub duplicates: u64,
    /// Events at odds with another of the same identity.
    pub conflicts: u64,
    /// What could not be an event.
    pub rejected: u64,
    /// Committed batches.
    pub batches: u64,
    /// Groups of batches that went to the log together.
    pub groups: u64,
    /// Checkpoints that were written.
    pub checkpoints: u64,
    /// How many ms ago the last of them was complete; CONVOFOLD_NO_TIME before the first.
    pub checkpoint_age_ms: i64,
    /// Conversations that came back into memory because of an event of theirs.
    pub brought_back: u64,
    /// Pages of conversations that were read from the disk.
    pub pages_read: u64,
    /// Batches that wait for the writer now.
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
    pub last_seq: u64,
    /// The last event that survives a power cut.
    pub durable_seq: u64,
    /// The last event in the last checkpoint; 0 where there is none.
    pub checkpoint_seq: u64,
    /// What the log takes, compressed.
    pub log_bytes: u64,
    /// What the conversations in the last checkpoint take.
    pub checkpoint_bytes: u64,
    /// 1 where a write failed, so that no more are taken until the database is opened again; else 0.
    pub poisoned: u64,
    /// How long batches took from being handed in to being acknowledged, waiting included.
    pub commit_latency: Latency,
    /// How long the disk took to make durable what was written.
    pub barrier_latency: Latency,
}

// SAFETY: numbers of one size alone.
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
            rejected: counters.rejected,
            batches: counters.batches,
            groups: counters.groups,
            checkpoints: counters.checkpoints,
            checkpoint_age_ms: age.unwrap_or(CONVOFOLD_NO_TIME),
            brought_back: counters.brought_back,
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

/// Figures for whoever watches the database. This never looks at the disk, and can be asked every second.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_get_counters(db: Db, counters: *mut Counters) -> Error {
    guard(|| {
        // SAFETY: the header asks callers for what this asks for.
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
