//! Opening and closing.

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
use crate::text::OutText;

/// An open database.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Db {
    /// A number that stands for it.
    pub id: u64,
}

static DATABASES: Handles<Convofold> = Handles::new("database");

impl Db {
    pub(crate) fn get(self) -> Result<Arc<Convofold>, Failure> {
        DATABASES.get(self.id)
    }
}

/// What can be asked for by `flags`, where a function says so.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum Flag {
    /// Opening: the database must be there, none is made. So a misspelt path is an error.
    MustExist = 1,
    /// Ingest: answered when the events are counted; they reach the disk within `sync_interval_ms`. Up to then a power cut
    /// loses them, and a killed process may.
    Buffered = 2,
    /// Query: those that nobody is assigned to; not together with `agent`.
    Unassigned = 4,
    /// Query: those with a suspicion only.
    Suspect = 8,
    /// Replay: a checkpoint is written at the end.
    Checkpoint = 16,
}

/// Whether a flag is set, where these are known.
pub(crate) fn expect_known(flags: u32, known: &[Flag]) -> Result<(), Failure> {
    let all = known.iter().fold(0, |all, flag| all | *flag as u32);
    if flags & !all == 0 {
        Ok(())
    } else {
        Err(Failure::argument(format!("flags: {:#x} is unknown here", flags & !all)))
    }
}

pub(crate) fn has(flags: u32, flag: Flag) -> bool {
    flags & flag as u32 != 0
}

/// How a database is opened. The defaults are meant to be left alone.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// sizeof(convofold_options).
    pub size: usize,
    /// CONVOFOLD_FLAG_MUST_EXIST, or 0.
    pub flags: u32,
    /// How many threads parse in a replay. Default: one a processor.
    pub parse_threads: u32,
    /// About how many bytes of memory conversations may take. Default: 256 MiB. Where they need more, those that were closed
    /// or left alone for longest are read from the disk when they are asked for by id.
    pub memory_bytes: u64,
    /// How many requests wait for the writer before a further one blocks. Default: 256.
    pub queue_submissions: u64,
    /// How many events are made durable together at most. Default: 8,192.
    pub group_max_events: u64,
    /// How many bytes of events are made durable together at most. Default: 2 MiB.
    pub group_max_bytes: u64,
    /// After how many ms a buffered event is on the disk. Default: 100.
    pub sync_interval_ms: u64,
    /// How much log is written before a checkpoint is, in bytes. Default: 64 MiB.
    pub checkpoint_log_bytes: u64,
    /// How much a block of the log holds, in bytes. Default: 1 MiB.
    pub block_bytes: u64,
    /// The size of segments of the file, fixed when the database is made. Default: 2 MiB.
    pub segment_bytes: u64,
    /// How much the storage underneath caches. Default: 64 MiB.
    pub cache_bytes: u64,
    /// The longest line of an input. Default: 1 MiB.
    pub max_line_bytes: u64,
    /// The longest id. Default: 1 KiB.
    pub max_id_bytes: u64,
    /// The longest document over several lines. Default: 64 MiB.
    pub max_document_bytes: u64,
}

// SAFETY: numbers alone, the two smaller ones side by side.
unsafe impl Grows for Options {
    const NAME: &'static str = "convofold_options";
}

/// A number as it was given, or nothing where that is 0.
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
        expect_known(self.flags, &[Flag::MustExist])?;
        let mut options = Rust::new().create(!has(self.flags, Flag::MustExist)).limits(self.limits()?);
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

/// Opens the database in a folder, and makes it where there is none. One process at a time has it open, once.
///
/// `options` may be NULL.
///
/// Ownership: `db` is closed by convofold_close().
///
/// Errors: ALREADY_OPEN, NOT_FOUND, EXISTS (the folder holds something else), UNKNOWN_FORMAT, DAMAGED, IO. Nothing was changed
/// then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_open(dir: *const c_char, options: *const Options, db: *mut Db) -> Error {
    guard(|| {
        // SAFETY: the header asks callers for what these ask for.
        let (dir, options, out) = unsafe { (pointer::path(dir, "dir")?, sized::read(options)?, Out::new(db, "db")?) };
        let opened = options.to_rust()?.open(dir)?;
        out.set(Db { id: DATABASES.open(opened) });
        Ok(())
    })
}

/// Commits what is under way, writes a checkpoint and lets go of the folder. Feeds and subscriptions of the database end;
/// pages of answers stay as they are.
///
/// Threads: calls of other threads that are under way end well or with CONVOFOLD_ERROR_CLOSED. Of several threads that close
/// it, one does.
///
/// Errors: POISONED where the last write, or an earlier one, failed. The database is closed all the same.
#[unsafe(no_mangle)]
pub extern "C" fn convofold_close(db: Db) -> Error {
    guard(|| Ok(DATABASES.close(db.id)?.close()?))
}

/// What opening found and did, as a JSON object: `is_new`, `checkpoint_seq`, `events_replayed`, `last_seq`, `skipped`
/// (checkpoints that could not be used), `doubt` and more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_recovery_json(db: Db, json: *mut *mut c_char) -> Error {
    guard(|| {
        // SAFETY: the header asks callers for what this asks for.
        let out = unsafe { OutText::new(json, "json") }?;
        out.set_json(db.get()?.recovery())
    })
}

/// Returns when everything that was ingested before survives a power cut.
///
/// Errors: POISONED, CLOSED.
#[unsafe(no_mangle)]
pub extern "C" fn convofold_sync(db: Db) -> Error {
    guard(|| Ok(db.get()?.sync()?))
}

/// Writes a checkpoint now, so that the next opening has nothing to fold. It happens by itself, and when the database is
/// closed.
///
/// `json` may be NULL; otherwise it is set to an object with `seq`, `generation`, `pages_written`, `bytes_written` and
/// `took_ms`.
///
/// Errors: POISONED, CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_checkpoint(db: Db, json: *mut *mut c_char) -> Error {
    guard(|| {
        // SAFETY: the header asks callers for what this asks for.
        let out = unsafe { OutText::new_if_any(json) }?;
        let checkpoint = db.get()?.checkpoint()?;
        out.map_or(Ok(()), |out| out.set_json(&checkpoint))
    })
}
