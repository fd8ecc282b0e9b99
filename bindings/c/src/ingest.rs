//! Bytes in, counts out.

use std::ffi::{c_char, c_void};

use convofold::ingest::Format;
use convofold::{Durability, IngestReport};

use crate::database::{Db, Flag, expect_known, has};
use crate::error::Error;
use crate::failure::Failure;
use crate::last_error::guard;
use crate::pointer;
use crate::sized::{self, Grows, OutSized};
use crate::text::OutText;

/// The format of this number in `convofold_format`, which `tests/header.rs` writes from the list of formats.
pub(crate) fn format(number: u32) -> Result<Format, Failure> {
    let found = Format::ALL.iter().find(|format| **format as u32 == number);
    found.copied().ok_or_else(|| Failure::argument(format!("format: {number} is none")))
}

/// How a request is taken.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IngestOptions {
    /// sizeof(convofold_ingest_options).
    pub size: usize,
    /// A convofold_format.
    pub format: u32,
    /// CONVOFOLD_FLAG_BUFFERED, or 0.
    pub flags: u32,
    /// The name of a bookmark that is set with the last of the events, or NULL: after any crash convofold_bookmark() tells how
    /// far the program was with its source. At most 256 bytes.
    pub bookmark_name: *const c_char,
    /// What it is set to; at most 4 KiB.
    pub bookmark_value: *const c_void,
    /// How many bytes that has.
    pub bookmark_length: usize,
}

// SAFETY: numbers and pointers alone, the two smaller numbers side by side.
unsafe impl Grows for IngestOptions {
    const NAME: &'static str = "convofold_ingest_options";
}

/// What became of a request.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Ingested {
    /// sizeof(convofold_ingested).
    pub size: usize,
    /// Events found in it: the next four together.
    pub events: u64,
    /// The latest of their conversations.
    pub applied: u64,
    /// Placed before events that were known already.
    pub late: u64,
    /// Known already.
    pub duplicates: u64,
    /// At odds with another event of the same identity.
    pub conflicts: u64,
    /// No business of convofold's: blank lines, keep-alives, other events.
    pub ignored: u64,
    /// What cannot be an event.
    pub rejected: u64,
}

// SAFETY: numbers of one size alone.
unsafe impl Grows for Ingested {
    const NAME: &'static str = "convofold_ingested";
}

impl Ingested {
    fn of(report: &IngestReport) -> Self {
        let counts = report.counts;
        Self {
            size: size_of::<Self>(),
            events: report.events,
            applied: counts.applied,
            late: counts.late,
            duplicates: counts.duplicates,
            conflicts: counts.conflicts,
            ignored: report.ignored.total(),
            rejected: report.rejections.len() as u64,
        }
    }
}

/// Takes events: the body of a webhook, lines of a stream, a document. When it returns, they are on the disk
/// (CONVOFOLD_FLAG_BUFFERED: soon). What cannot be an event does not stop its neighbours.
///
/// An input is whole lines of JSON, or one document. It is looked at as a whole: for what does not fit into memory there is
/// convofold_replay().
///
/// `options`, `ingested` and `rejections` may be NULL. `rejections` is set to a JSON array of what cannot be an event, each
/// with `line`, `byte_offset`, `path`, `reason`, `expected`, `found` and its beginning as `raw`, or as `raw_base64` where that is
/// no UTF-8, with `raw_cut` where there is more of it; to NULL where there is none.
///
/// Threads: the events of one thread are committed in its order. Threads that ingest at the same time share the cost of
/// waiting for the disk.
///
/// Errors: POISONED, CLOSED, TOO_LARGE (the bookmark; nothing was taken then). Sending the same again is safe: what is there
/// already counts as duplicate.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_ingest(
    db: Db,
    bytes: *const c_void,
    length: usize,
    options: *const IngestOptions,
    ingested: *mut Ingested,
    rejections: *mut *mut c_char,
) -> Error {
    guard(|| {
        // SAFETY: the header asks callers for what these ask for.
        let (bytes, options, ingested, rejections) = unsafe {
            (
                pointer::bytes(bytes, length, "bytes")?,
                sized::read(options)?.to_rust()?,
                OutSized::new_if_any(ingested)?,
                OutText::new_if_any(rejections)?,
            )
        };
        let report = db.get()?.ingest_with(bytes, &options)?;
        if let Some(out) = rejections
            && !report.rejections.is_empty()
        {
            out.set_json(&report.rejections)?;
        }
        ingested.set(Ingested::of(&report));
        Ok(())
    })
}

impl IngestOptions {
    /// # Safety
    /// Its pointers are as the header says.
    unsafe fn to_rust(self) -> Result<convofold::IngestOptions, Failure> {
        expect_known(self.flags, &[Flag::Buffered])?;
        let durability = if has(self.flags, Flag::Buffered) { Durability::Buffered } else { Durability::Synced };
        let options = convofold::IngestOptions::new().format(format(self.format)?).durability(durability);
        // SAFETY: as this function asks of its caller.
        let name = unsafe { pointer::text_if_any(self.bookmark_name, "bookmark_name") }?;
        // SAFETY: as this function asks of its caller.
        let value = unsafe { pointer::bytes(self.bookmark_value, self.bookmark_length, "bookmark_value") }?;
        Ok(match name {
            Some(name) => options.bookmark(name, value),
            None => options,
        })
    }
}
