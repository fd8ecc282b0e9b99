//! Numbers about the whole.

use std::ffi::c_char;

use crate::database::Db;
use crate::error::Error;
use crate::last_error::guard;
use crate::sized::{Grows, OutSized};
use crate::text::OutText;

/// What every agent has to do, as a JSON array of objects with `agent` (null: those that nobody is assigned to), `open`,
/// `unread`, `waiting` and `oldest_waiting_since`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_agents_json(db: Db, json: *mut *mut c_char) -> Error {
    guard(|| {
        // SAFETY: the header asks callers for what this asks for.
        let out = unsafe { OutText::new(json, "json") }?;
        out.set_json(&db.get()?.agents())
    })
}

/// Counts by tenant and channel, as a JSON array of objects with `tenant`, `channel`, `conversations`, `open`, `waiting` and
/// `unread`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_totals_json(db: Db, json: *mut *mut c_char) -> Error {
    guard(|| {
        // SAFETY: the header asks callers for what this asks for.
        let out = unsafe { OutText::new(json, "json") }?;
        out.set_json(&db.get()?.totals())
    })
}

/// Figures about a database.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Stats {
    /// sizeof(convofold_stats).
    pub size: usize,
    /// All conversations.
    pub conversations: u64,
    /// The open ones.
    pub open: u64,
    /// Those that are in memory, open or closed.
    pub resident: u64,
    /// About how many bytes these take.
    pub resident_bytes: u64,
    /// The first event that the log has, or will have: 1, unless its beginning was trimmed.
    pub first_seq: u64,
    /// The last event in the log; 0 where there is none.
    pub last_seq: u64,
    /// The last event that survives a power cut.
    pub durable_seq: u64,
    /// Blocks in the log.
    pub blocks: u64,
    /// What the log takes, compressed.
    pub log_bytes: u64,
    /// The last event in the last checkpoint; 0 where there is none.
    pub checkpoint_seq: u64,
    /// What the database takes on the disk.
    pub disk_bytes: u64,
}

// SAFETY: numbers of one size alone.
unsafe impl Grows for Stats {
    const NAME: &'static str = "convofold_stats";
}

/// Figures about the database. This one looks at the disk.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_get_stats(db: Db, stats: *mut Stats) -> Error {
    guard(|| {
        // SAFETY: the header asks callers for what this asks for.
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
        });
        Ok(())
    })
}
