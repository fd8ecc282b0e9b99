//! Ingest: bytes in, counts out.

use std::ffi::{c_char, c_void};

use convofold::ingest::{Format, IgnoreList};
use convofold::{Durability, IngestReport, Zone};

use crate::database::{Db, Flag, expect_known, has};
use crate::error::Error;
use crate::failure::Failure;
use crate::last_error::guard;
use crate::pointer;
use crate::sized::{self, Grows, OutSized};
use crate::text::OutText;

/// The format with this number in `convofold_format`. `tests/header.rs` generates that enum from the list of formats.
pub(crate) fn format(number: u32) -> Result<Format, Failure> {
    let found = Format::ALL.iter().find(|format| **format as u32 == number);
    found.copied().ok_or_else(|| Failure::argument(format!("format: {number} is not a convofold_format")))
}

/// Options for ingest.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IngestOptions {
    /// sizeof(convofold_ingest_options).
    pub size: usize,
    /// A convofold_format.
    pub format: u32,
    /// CONVOFOLD_FLAG_BUFFERED, or 0.
    pub flags: u32,
    /// Name of a bookmark to set together with the events, or NULL. After any crash convofold_bookmark() returns how
    /// far the program has read its source. Maximum length: 256 bytes.
    pub bookmark_name: *const c_char,
    /// The new value of the bookmark. Maximum length: 4 KiB.
    pub bookmark_value: *const c_void,
    /// Length of the value in bytes.
    pub bookmark_length: usize,
    /// Maximum number of rejections to list (0: 1000). All of them are counted.
    pub max_rejections: usize,
    /// Time zone of times that are written without one, by its name in the IANA database ("Europe/Berlin"), or NULL
    /// for UTC. Use the same one for all inputs of a source: it is part of the identity of events that have no id.
    pub zone: *const c_char,
    /// Unknown interaction types to ignore instead of rejecting them, separated by commas, or NULL for none.
    pub ignore: *const c_char,
}

// SAFETY: only numbers and pointers; the two smaller numbers are adjacent.
unsafe impl Grows for IngestOptions {
    const NAME: &'static str = "convofold_ingest_options";
}

/// The result of an ingest.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Ingested {
    /// sizeof(convofold_ingested).
    pub size: usize,
    /// Number of events: the sum of the next five fields.
    pub events: u64,
    /// Events that were the latest of their conversation.
    pub applied: u64,
    /// Events that happened before an event that was already stored.
    pub late: u64,
    /// Events that were already stored.
    pub duplicates: u64,
    /// Events that conflict with a stored event of the same identity.
    pub conflicts: u64,
    /// Events that were erased before, and do not come back.
    pub erased: u64,
    /// Inputs that are not events of conversations: blank lines, keep-alives, events of other types.
    pub ignored: u64,
    /// Inputs that were rejected as events.
    pub rejected: u64,
}

// SAFETY: only numbers, all of the same size.
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
            erased: counts.erased,
            ignored: report.ignored.total(),
            rejected: report.rejected_total(),
        }
    }
}

/// Ingests events: the body of a webhook, lines of a stream, or a document. When the call returns, the events are
/// durable (with CONVOFOLD_FLAG_BUFFERED: shortly after). A rejected event does not affect the other events of the
/// input.
///
/// The input must be complete: whole lines of JSON, or one document. It has to fit into memory; use
/// convofold_replay() for larger inputs.
///
/// `options`, `ingested` and `rejections` can be NULL. `rejections` is set to a JSON array with one object for each
/// of the first rejected events, or to NULL if none was rejected. Each object has `convofold_reject`, `line`,
/// `byte_offset`, `path`, `reason`, `expected`, `found`, and the beginning of the input as `raw`, or as `raw_base64`
/// if it is not UTF-8; `raw_cut` is present and true if the input is longer than that.
///
/// Ownership: the caller owns `rejections`; release it with convofold_string_free().
///
/// Threads: events from one thread are committed in the order of its calls. Threads that ingest at the same time
/// share the cost of waiting for the disk.
///
/// Errors: POISONED, TOO_LARGE (the bookmark; nothing was ingested). It is safe to send the same input again: events
/// that are already stored count as duplicates.
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
        // SAFETY: the header states these requirements for callers.
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
    /// The pointers are valid as the header requires.
    unsafe fn to_rust(self) -> Result<convofold::IngestOptions, Failure> {
        expect_known(self.flags, &[Flag::Buffered])?;
        let durability = if has(self.flags, Flag::Buffered) { Durability::Buffered } else { Durability::Synced };
        let options = convofold::IngestOptions::new().format(format(self.format)?).durability(durability);
        // SAFETY: the caller meets the requirement of this function.
        let name = unsafe { pointer::text_if_any(self.bookmark_name, "bookmark_name") }?;
        // SAFETY: the caller meets the requirement of this function.
        let value = unsafe { pointer::bytes(self.bookmark_value, self.bookmark_length, "bookmark_value") }?;
        let options = match self.max_rejections {
            0 => options,
            count => options.max_rejections(count),
        };
        // SAFETY: the caller meets the requirement of this function.
        let (zone, ignored) = unsafe { (zone(self.zone)?, ignored(self.ignore)?) };
        let options = options.zone(zone).ignore(ignored);
        Ok(match name {
            Some(name) => options.bookmark(name, value),
            None => options,
        })
    }
}

/// The zone of this name.
///
/// # Safety
/// `name` is null or a text, as the header requires.
pub(crate) unsafe fn zone(name: *const c_char) -> Result<Zone, Failure> {
    // SAFETY: the caller meets the requirement of this function.
    let name = unsafe { pointer::text_if_any(name, "zone") }?;
    name.map_or(Ok(Zone::UTC), |name| name.parse().map_err(|error| Failure::argument(format!("zone: {error}"))))
}

/// The interaction types with these names.
///
/// # Safety
/// `names` is null or a text, as the header requires.
pub(crate) unsafe fn ignored(names: *const c_char) -> Result<IgnoreList, Failure> {
    // SAFETY: the caller meets the requirement of this function.
    let names = unsafe { pointer::text_if_any(names, "ignore") }?;
    let parse = |names: &str| names.parse().map_err(|error| Failure::argument(format!("ignore: {error}")));
    names.map_or(Ok(IgnoreList::default()), parse)
}
