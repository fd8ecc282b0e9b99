//! Opening and closing a database.

use std::ffi::c_char;
use std::sync::Arc;
use std::time::Duration;

use convofold::Convofold;
use convofold::ingest::Limits;

use crate::error::Error;
use crate::failure::Failure;
use crate::handles::Handles;
use crate::last_error::guard;
use crate::pointer::{self, Out};
use crate::sized::{self, Grows};
use crate::text::{OutText, to_json};

/// A handle of an open database.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Db {
    /// The number that identifies the handle.
    pub id: u64,
}

static DATABASES: Handles<Convofold> = Handles::new("database");

impl Db {
    pub(crate) fn get(self) -> Result<Arc<Convofold>, Failure> {
        DATABASES.get(self.id)
    }
}

/// Flags. The documentation of each `flags` field lists those that it accepts.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum Flag {
    /// Open: return NOT_FOUND if there is no database, instead of creating one. A misspelt path is then an error.
    MustExist = 1,
    /// Ingest: return as soon as the events are counted. They are durable within `sync_interval_ms`; until then a
    /// power cut loses them, and killing the process can lose them.
    Buffered = 2,
    /// Query: only conversations without an assigned agent. Cannot be combined with `agent`.
    Unassigned = 4,
    /// Query: only conversations whose data look wrong (such as missing messages or an impossible clock).
    Suspect = 8,
    /// Replay: write a checkpoint at the end.
    Checkpoint = 16,
    /// Open: only read. Nothing in the folder is created or changed, so a read-only file system is enough, and several
    /// processes can read a database at the same time. Functions that write return READ_ONLY.
    ReadOnly = 32,
    /// Query: also return the last message of every conversation. This reads from the disk if a conversation is not in
    /// memory.
    LastMessage = 64,
    /// Query: only closed conversations with a message that is not outbound after both their last close and their last
    /// outbound message. Without a `status`, the query then finds closed conversations.
    UnansweredAfterClose = 128,
    /// Query: reverse the sort order.
    Reverse = 256,
}

/// Fails if `flags` contains a flag that is not in `known`.
pub(crate) fn expect_known(flags: u32, known: &[Flag]) -> Result<(), Failure> {
    let all = known.iter().fold(0, |all, flag| all | *flag as u32);
    if flags & !all == 0 {
        Ok(())
    } else {
        Err(Failure::argument(format!("flags: {:#x} is not a flag of this function", flags & !all)))
    }
}

pub(crate) fn has(flags: u32, flag: Flag) -> bool {
    flags & flag as u32 != 0
}

/// Options for opening a database. The defaults suit most programs.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// sizeof(convofold_options).
    pub size: usize,
    /// CONVOFOLD_FLAG_MUST_EXIST, CONVOFOLD_FLAG_READ_ONLY, or 0.
    pub flags: u32,
    /// Number of threads that parse during a replay. Default: one per processor.
    pub parse_threads: u32,
    /// Approximate memory for conversations, in bytes. Default: 256 MiB. If they need more, the ones that were closed
    /// or not used for the longest time are read from the disk when they are requested by id.
    pub memory_bytes: u64,
    /// Maximum number of requests that wait for the writer; further requests block. Default: 256.
    pub queue_submissions: u64,
    /// Maximum number of events that are made durable in one operation. Default: 8,192.
    pub group_max_events: u64,
    /// Maximum size of the events that are made durable in one operation, in bytes. Default: 2 MiB.
    pub group_max_bytes: u64,
    /// Maximum time until a buffered event is durable, in ms. Default: 100.
    pub sync_interval_ms: u64,
    /// Amount of log between two checkpoints, in bytes. Default: 64 MiB.
    pub checkpoint_log_bytes: u64,
    /// Size of the events in a log block, in bytes. Default: 1 MiB.
    pub block_bytes: u64,
    /// Segment size of the storage file, in bytes. It is fixed when the database is created. Default: 2 MiB.
    pub segment_bytes: u64,
    /// Cache size of the storage, in bytes. Default: 64 MiB.
    pub cache_bytes: u64,
    /// Maximum length of an input line, in bytes. Default: 1 MiB.
    pub max_line_bytes: u64,
    /// Maximum length of an id, in bytes. Default: 1 KiB.
    pub max_id_bytes: u64,
    /// Maximum length of a document that spans several lines, in bytes. Default: 64 MiB.
    pub max_document_bytes: u64,
}

// SAFETY: only numbers; the two smaller ones are adjacent.
unsafe impl Grows for Options {
    const NAME: &'static str = "convofold_options";
}

/// The given number, or `None` if it is 0 (use the default).
fn given<T: TryFrom<u64>>(number: u64, what: &str) -> Result<Option<T>, Failure> {
    if number == 0 {
        return Ok(None);
    }
    let too_large = |_| Failure::argument(format!("{what}: {number} is too large"));
    T::try_from(number).map(Some).map_err(too_large)
}

impl Options {
    pub(crate) fn to_rust(self) -> Result<convofold::Options, Failure> {
        type Rust = convofold::Options;
        expect_known(self.flags, &[Flag::MustExist, Flag::ReadOnly])?;
        let mut options = Rust::new()
            .create(!has(self.flags, Flag::MustExist))
            .read_only(has(self.flags, Flag::ReadOnly))
            .limits(self.limits()?);
        let mut set_size = |number, what, set: fn(Rust, usize) -> Rust| {
            if let Some(number) = given(number, what)? {
                options = set(options.clone(), number);
            }
            Ok::<_, Failure>(())
        };
        set_size(self.parse_threads.into(), "parse_threads", Rust::parse_threads)?;
        set_size(self.queue_submissions, "queue_submissions", Rust::queue_submissions)?;
        set_size(self.group_max_events, "group_max_events", Rust::group_max_events)?;
        set_size(self.group_max_bytes, "group_max_bytes", Rust::group_max_bytes)?;
        set_size(self.block_bytes, "block_bytes", Rust::block_bytes)?;
        set_size(self.segment_bytes, "segment_bytes", Rust::segment_bytes)?;
        let mut set_number = |number, set: fn(Rust, u64) -> Rust| {
            if number != 0 {
                options = set(options.clone(), number);
            }
        };
        set_number(self.memory_bytes, Rust::memory_bytes);
        set_number(self.checkpoint_log_bytes, Rust::checkpoint_log_bytes);
        set_number(self.cache_bytes, Rust::cache_bytes);
        set_number(self.sync_interval_ms, |options, ms| options.sync_interval(Duration::from_millis(ms)));
        Ok(options)
    }

    fn limits(self) -> Result<Limits, Failure> {
        let mut limits = Limits::new();
        for (bytes, name, set) in [
            (self.max_line_bytes, "max_line_bytes", Limits::max_line_bytes as fn(Limits, usize) -> Limits),
            (self.max_id_bytes, "max_id_bytes", Limits::max_id_bytes),
            (self.max_document_bytes, "max_document_bytes", Limits::max_document_bytes),
        ] {
            if let Some(bytes) = given(bytes, name)? {
                limits = set(limits, bytes);
            }
        }
        Ok(limits)
    }
}

/// Opens the database in the folder `dir`, and creates it if there is none. While one process writes to a database, no
/// other handle can open it; with CONVOFOLD_FLAG_READ_ONLY, it can be open any number of times.
///
/// `options` can be NULL (use the defaults).
///
/// Ownership: the caller owns the handle `db`; close it with convofold_close().
///
/// Errors: ALREADY_OPEN, NOT_FOUND, EXISTS (the folder contains something else), UNKNOWN_FORMAT, DAMAGED, IO. On
/// failure nothing on the disk is changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_open(dir: *const c_char, options: *const Options, db: *mut Db) -> Error {
    guard(|| {
        // SAFETY: the header states these requirements for callers.
        let (dir, options, out) = unsafe { (pointer::path(dir, "dir")?, sized::read(options)?, Out::new(db, "db")?) };
        let opened = options.to_rust()?.open(dir)?;
        out.set(Db { id: DATABASES.open(opened) });
        Ok(())
    })
}

/// Commits all pending batches, writes a checkpoint and releases the folder. Feeds and subscriptions of the database
/// end. Pages stay valid until they are closed.
///
/// Threads: calls of other threads that are in progress either succeed or return CLOSED. If several threads close the
/// database, one call succeeds and the others return CLOSED.
///
/// Errors: POISONED (this or an earlier write failed; the database is closed nevertheless).
#[unsafe(no_mangle)]
pub extern "C" fn convofold_close(db: Db) -> Error {
    guard(|| Ok(DATABASES.close(db.id)?.close()?))
}

/// Sets `json` to a report of what opening found and did: a JSON object with `is_new`, `checkpoint_seq`,
/// `events_replayed`, `last_seq`, `skipped` (checkpoints that could not be used), `scan_finding`, and more. If records of
/// erasures or legal holds are damaged, `damaged_erasures` and `damaged_holds` have their numbers; only a database that is
/// opened for reading has any.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_recovery_json(db: Db, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states this requirement for callers.
    unsafe { to_json(json, || Ok(db.get()?.recovery().clone())) }
}

/// Waits until all events ingested before this call survive a power cut.
///
/// Errors: POISONED.
#[unsafe(no_mangle)]
pub extern "C" fn convofold_sync(db: Db) -> Error {
    guard(|| Ok(db.get()?.sync()?))
}

/// Writes a checkpoint now, so that the next opening does not have to replay the log. The database also writes
/// checkpoints automatically and when it is closed.
///
/// `json` can be NULL. Otherwise it is set to a JSON object with `seq`, `generation`, `pages_written`,
/// `bytes_written` and `took_ms`.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: POISONED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_checkpoint(db: Db, json: *mut *mut c_char) -> Error {
    guard(|| {
        // SAFETY: the header states this requirement for callers.
        let out = unsafe { OutText::new_if_any(json) }?;
        let checkpoint = db.get()?.checkpoint()?;
        out.map_or(Ok(()), |out| out.set_json(&checkpoint))
    })
}
