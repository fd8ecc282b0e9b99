//! Totals of the whole database.

use std::ffi::c_char;

use crate::database::Db;
use crate::error::Error;
use crate::last_error::guard;
use crate::page::CONVOFOLD_NO_TIME;
use crate::sized::{Grows, OutSized};
use crate::text::to_json;

/// Sets `json` to the workload of every agent: a JSON array of objects with `agent` (null: conversations without an
/// agent), `open`, `unread`, `waiting` and `oldest_waiting_since`.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_agents_json(db: Db, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states this requirement for callers.
    unsafe { to_json(json, || Ok(db.get()?.agents())) }
}

/// Sets `json` to counts per tenant and channel: a JSON array of objects with `tenant`, `channel`, `conversations`,
/// `open`, `waiting` and `unread`.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_totals_json(db: Db, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states this requirement for callers.
    unsafe { to_json(json, || Ok(db.get()?.totals())) }
}

/// Sizes of a database.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Stats {
    /// sizeof(convofold_stats).
    pub size: usize,
    /// Number of conversations.
    pub conversations: u64,
    /// Number of open conversations.
    pub open: u64,
    /// Number of conversations in memory, open or closed.
    pub resident: u64,
    /// Approximate memory used by these conversations, in bytes.
    pub resident_bytes: u64,
    /// Seq of the first event in the log, or of the first one to come (1 unless the log was trimmed).
    pub first_seq: u64,
    /// Seq of the last event in the log (0: the log is empty).
    pub last_seq: u64,
    /// Seq of the last event that survives a power cut.
    pub durable_seq: u64,
    /// Number of blocks in the log.
    pub blocks: u64,
    /// Compressed size of the log in bytes.
    pub log_bytes: u64,
    /// Seq of the last event in the last checkpoint (0: no checkpoint).
    pub checkpoint_seq: u64,
    /// Size of the database on the disk, in bytes.
    pub disk_bytes: u64,
    /// About how many of these bytes are neither the log nor the newest checkpoint; convofold_compact() gives most of
    /// them back.
    pub unused_bytes: u64,
    /// The time before which texts were removed, of one tenant or of all, in ms; CONVOFOLD_NO_TIME if none were.
    pub texts_before: i64,
    /// The same for closed conversations.
    pub closed_before: i64,
    /// When the last run of retention was, in ms; CONVOFOLD_NO_TIME if there was none.
    pub last_retention_at: i64,
}

// SAFETY: only numbers, all of the same size.
unsafe impl Grows for Stats {
    const NAME: &'static str = "convofold_stats";
}

/// Sets `stats` to the sizes of a database. This accesses the disk; convofold_get_counters() does not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_get_stats(db: Db, stats: *mut Stats) -> Error {
    guard(|| {
        // SAFETY: the header states this requirement for callers.
        let out = unsafe { OutSized::new(stats) }?;
        let stats = db.get()?.stats();
        out.set(Stats {
            size: size_of::<Stats>(),
            conversations: stats.conversations,
            open: stats.open,
            resident: stats.resident,
            resident_bytes: stats.resident_bytes,
            first_seq: stats.first_seq,
            last_seq: stats.last_seq,
            durable_seq: stats.durable_seq,
            blocks: stats.blocks,
            log_bytes: stats.log_bytes,
            checkpoint_seq: stats.checkpoint_seq,
            disk_bytes: stats.disk_bytes,
            unused_bytes: stats.unused_bytes,
            texts_before: stats.texts_before.unwrap_or(CONVOFOLD_NO_TIME),
            closed_before: stats.closed_before.unwrap_or(CONVOFOLD_NO_TIME),
            last_retention_at: stats.last_retention_at.unwrap_or(CONVOFOLD_NO_TIME),
        });
        Ok(())
    })
}
