//! Figures about a database.

use std::sync::atomic::Ordering;

use convofold_engine::{Seq, Time};

use super::handle::Convofold;
use crate::state::counters::Counters;

/// Figures about a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Stats {
    /// Number of conversations.
    pub conversations: u64,
    /// Number of open conversations.
    pub open: u64,
    /// Number of conversations in memory, open or closed.
    pub resident: u64,
    /// Approximate memory use of these conversations, in bytes.
    pub resident_bytes: u64,
    /// The seq of the first event in the log, or of the next event if the log is empty: 1, unless the log was trimmed.
    pub first_seq: Seq,
    /// The seq of the last event; 0 if there are no events.
    pub last_seq: Seq,
    /// The seq of the last event that survives a power cut.
    pub durable_seq: Seq,
    /// Number of blocks in the log.
    pub blocks: u64,
    /// Size of the log in bytes: compressed, without sled's overhead.
    pub log_bytes: u64,
    /// The seq of the last event in the newest checkpoint; 0 if there is no checkpoint.
    pub checkpoint_seq: Seq,
    /// Size on disk in bytes; 0 if the database is closed.
    pub disk_bytes: u64,
    /// About how many of these bytes are neither the log nor the newest checkpoint. After a replay or a trim most of them are
    /// not in use, and [`Convofold::compact`] gives them back to the file system.
    pub unused_bytes: u64,
    /// The time before which texts were removed, of one tenant or of all, in milliseconds since the epoch.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub texts_before: Option<i64>,
    /// The time before which closed conversations were removed, of one tenant or of all, in milliseconds since the epoch.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub closed_before: Option<i64>,
    /// When the last run of retention was, in milliseconds since the epoch.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub last_retention_at: Option<i64>,
}

impl Convofold {
    /// Returns figures for monitoring. It never accesses the disk and can be called every second.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let shared = self.shared();
        let (queue_depth, queue_capacity) = self.queue();
        let open = shared.live.index().open_len() as u64;
        let (conversations, resident, resident_bytes) = {
            let board = shared.live.board();
            (board.len() as u64, board.resident_len() as u64, board.resident_bytes())
        };
        let (reloaded, pages_read) = shared.archive.counts();
        let log = &shared.log_figures;
        let counters = Counters {
            reloaded,
            pages_read,
            queue_depth,
            queue_capacity,
            conversations,
            open,
            resident,
            resident_bytes,
            last_seq: log.last_seq.load(Ordering::Relaxed),
            durable_seq: shared.durable.lock().seq,
            checkpoint_seq: log.checkpoint_seq.load(Ordering::Relaxed),
            log_bytes: log.log_bytes.load(Ordering::Relaxed).saturating_sub(shared.log_start.read().dropped_bytes),
            checkpoint_bytes: log.checkpoint_bytes.load(Ordering::Relaxed),
            poisoned: shared.poisoned().is_some(),
            ..Counters::default()
        };
        shared.meter.add_to(counters)
    }

    /// Returns figures about the database, including its size on disk, which is read from the file system.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let shared = self.shared();
        let board = shared.live.board();
        let conversations = board.len() as u64;
        let (resident, resident_bytes) = (board.resident_len() as u64, board.resident_bytes());
        drop(board);
        let open = shared.live.index().open_len() as u64;
        let disk_bytes = shared.storage.read().as_ref().and_then(|storage| storage.disk_bytes().ok());
        let disk_bytes = disk_bytes.unwrap_or_default();
        let (texts_before, closed_before, last_retention_at) = shared.removals.read().latest();
        let log_start = shared.log_start.read();
        let log_bytes = shared.log_figures.log_bytes.load(Ordering::Relaxed).saturating_sub(log_start.dropped_bytes);
        let checkpoint_bytes = shared.log_figures.checkpoint_bytes.load(Ordering::Relaxed);
        Stats {
            conversations,
            open,
            resident,
            resident_bytes,
            first_seq: log_start.position.seq,
            last_seq: shared.log_figures.last_seq.load(Ordering::Relaxed),
            durable_seq: shared.durable.lock().seq,
            blocks: (shared.log_figures.blocks.load(Ordering::Relaxed) + 1).saturating_sub(log_start.position.block_no),
            log_bytes,
            checkpoint_seq: shared.log_figures.checkpoint_seq.load(Ordering::Relaxed),
            disk_bytes,
            unused_bytes: disk_bytes.saturating_sub(log_bytes).saturating_sub(checkpoint_bytes),
            texts_before: texts_before.map(Time::ms),
            closed_before: closed_before.map(Time::ms),
            last_retention_at,
        }
    }
}
