//! Exports of states and events.

use std::ffi::{c_char, c_void};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use convofold::{Convofold, leads_into, private_file_options};
use serde::Serialize;

use crate::database::Db;
use crate::error::Error;
use crate::failure::Failure;
use crate::last_error::guard;
use crate::pointer::{self, missing};
use crate::text::OutText;

/// Size of the buffer: a callback usually gets this many bytes at a time.
const PIECE_BYTES: usize = 64 << 10;

/// Receives the next part of an export. A part can end anywhere, also within a line. `bytes` is valid until the
/// callback returns. Return 0 to continue, or any other value to stop the export.
pub type OnBytes = Option<unsafe extern "C" fn(user_data: *mut c_void, bytes: *const c_void, length: usize) -> i32>;

/// Writes the state of every conversation as one JSON object per line, sorted by the bytes of `id`. Equal states give
/// identical bytes.
///
/// `json` can be NULL. Otherwise it is set to a JSON object with `conversations` and `bytes`.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: STOPPED (by the callback); IO, DAMAGED (a conversation that is not in memory cannot be read).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_export(
    db: Db,
    on_bytes: OnBytes,
    user_data: *mut c_void,
    json: *mut *mut c_char,
) -> Error {
    // SAFETY: the header states this requirement for callers.
    unsafe { to_callback(on_bytes, user_data, json, |out| Ok(db.get()?.export(out)?)) }
}

/// Writes the same data as convofold_export() to a file and waits until it is durable. An existing file is
/// overwritten. If the call fails, the file can be incomplete.
///
/// `json` can be NULL. Otherwise it is set to the same JSON object as by convofold_export().
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: INVALID_ARGUMENT (a file inside the database), NOT_FOUND, IO (the file cannot be written); otherwise the
/// same as for convofold_export().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_export_file(db: Db, file: *const c_char, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states this requirement for callers.
    unsafe { to_file(|| db.get(), file, json, |out| Ok(db.get()?.export(out)?)) }
}

/// Writes every accepted event as a line of JSON in convofold's own format, in the order of the log. Ingesting or
/// replaying the result into an empty database gives the same log, the same states and the same hash.
///
/// `json` can be NULL. Otherwise it is set to a JSON object with `events`, `last_seq`, `bytes` and
/// `longest_line_bytes`.
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: STOPPED (by the callback); DAMAGED, IO (the log cannot be read).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_export_events(
    db: Db,
    on_bytes: OnBytes,
    user_data: *mut c_void,
    json: *mut *mut c_char,
) -> Error {
    // SAFETY: the header states this requirement for callers.
    unsafe { to_callback(on_bytes, user_data, json, |out| Ok(db.get()?.export_events(out)?)) }
}

/// Writes the same data as convofold_export_events() to a file and waits until it is durable. An existing file is
/// overwritten. If the call fails, the file can be incomplete.
///
/// `json` can be NULL. Otherwise it is set to the same JSON object as by convofold_export_events().
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Errors: INVALID_ARGUMENT (a file inside the database), NOT_FOUND, IO (the file cannot be written); otherwise the
/// same as for convofold_export_events().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_export_events_file(db: Db, file: *const c_char, json: *mut *mut c_char) -> Error {
    // SAFETY: the header states this requirement for callers.
    unsafe { to_file(|| db.get(), file, json, |out| Ok(db.get()?.export_events(out)?)) }
}

/// # Safety
/// The header states the requirements for callers of the functions above.
pub(crate) unsafe fn to_callback<T: Serialize>(
    on_bytes: OnBytes,
    user_data: *mut c_void,
    json: *mut *mut c_char,
    export: impl FnOnce(&mut BufWriter<Callback>) -> Result<T, Failure>,
) -> Error {
    guard(|| {
        // SAFETY: the caller meets the requirement of this function.
        let out = unsafe { OutText::new_if_any(json) }?;
        let call = on_bytes.ok_or_else(|| missing("on_bytes"))?;
        let mut writer = BufWriter::with_capacity(PIECE_BYTES, Callback { call, user_data, stopped: false });
        let outcome = export(&mut writer);
        // On failure the rest of the buffer is discarded.
        let (callback, _) = writer.into_parts();
        if callback.stopped {
            return Err(Failure::new(Error::Stopped, "the callback stopped the export"));
        }
        let report = outcome?;
        out.map_or(Ok(()), |out| out.set_json(&report))
    })
}

/// `db` returns the database, into whose folder nothing is exported.
///
/// # Safety
/// The header states the requirements for callers of the functions above.
pub(crate) unsafe fn to_file<T: Serialize>(
    db: impl FnOnce() -> Result<Arc<Convofold>, Failure>,
    file: *const c_char,
    json: *mut *mut c_char,
    export: impl FnOnce(&mut BufWriter<File>) -> Result<T, Failure>,
) -> Error {
    guard(|| {
        // SAFETY: the caller meets the requirement of this function.
        let (path, out) = unsafe { (pointer::path(file, "file")?, OutText::new_if_any(json)?) };
        if leads_into(&path, db()?.dir()) {
            return Err(Failure::argument(format!("file: {} is inside the database", path.display())));
        }
        let cannot = |error: io::Error| cannot_write(&path, error);
        let created = private_file_options().write(true).create(true).truncate(true).open(&path).map_err(cannot)?;
        let mut writer = BufWriter::with_capacity(PIECE_BYTES, created);
        let report = export(&mut writer)?;
        writer.into_inner().map_err(io::Error::from).and_then(|file| file.sync_all()).map_err(cannot)?;
        out.map_or(Ok(()), |out| out.set_json(&report))
    })
}

fn cannot_write(path: &Path, error: io::Error) -> Failure {
    let Failure { error, message } = error.into();
    Failure::new(error, format!("cannot write {}: {message}", path.display()))
}

/// A writer that passes what it receives to a callback.
pub(crate) struct Callback {
    call: unsafe extern "C" fn(*mut c_void, *const c_void, usize) -> i32,
    user_data: *mut c_void,
    stopped: bool,
}

impl Write for Callback {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // SAFETY: the bytes are valid until the callback returns; the header promises no more.
        self.stopped = self.stopped || unsafe { (self.call)(self.user_data, bytes.as_ptr().cast(), bytes.len()) } != 0;
        if self.stopped { Err(io::Error::other("stopped")) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
