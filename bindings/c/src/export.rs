//! The ways out.

use std::ffi::{c_char, c_void};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use convofold::Convofold;
use serde::Serialize;

use crate::database::Db;
use crate::error::Error;
use crate::failure::Failure;
use crate::last_error::guard;
use crate::pointer::{self, missing};
use crate::text::OutText;

/// So much is handed over at once.
const PIECE_BYTES: usize = 64 << 10;

/// Takes the next bytes of an export, which end anywhere, good until it returns. Anything but 0 ends the export.
pub type OnBytes = Option<unsafe extern "C" fn(user_data: *mut c_void, bytes: *const c_void, length: usize) -> i32>;

/// Writes the state of every conversation, one JSON object a line, sorted by the bytes of `id`. Equal states give identical
/// bytes.
///
/// `json` may be NULL; otherwise it is set to an object with `conversations` and `bytes`.
///
/// Errors: STOPPED where the callback said so; IO, DAMAGED or CLOSED where a conversation that is not in memory cannot be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_export(
    db: Db,
    on_bytes: OnBytes,
    user_data: *mut c_void,
    json: *mut *mut c_char,
) -> Error {
    // SAFETY: the header asks callers for what this asks for.
    unsafe { to_callback(db, on_bytes, user_data, json, |db, out| Ok(db.export(out)?)) }
}

/// Writes the same to a file, over what is there, and returns when it is on the disk. Where that fails, part of it may be
/// there.
///
/// Errors: NOT_FOUND or IO where the file cannot be written; else as for convofold_export().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_export_file(db: Db, file: *const c_char, json: *mut *mut c_char) -> Error {
    // SAFETY: the header asks callers for what this asks for.
    unsafe { to_file(db, file, json, |db, out| Ok(db.export(out)?)) }
}

/// Writes every event that was accepted as a line of JSON in convofold's own form, in the order of the log. Ingested or
/// replayed into an empty database they give the same log, the same states and the same hash.
///
/// `json` may be NULL; otherwise it is set to an object with `events`, `last_seq`, `bytes` and `longest_line_bytes`.
///
/// Errors: STOPPED where the callback said so; DAMAGED, IO or CLOSED where the log cannot be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_export_events(
    db: Db,
    on_bytes: OnBytes,
    user_data: *mut c_void,
    json: *mut *mut c_char,
) -> Error {
    // SAFETY: the header asks callers for what this asks for.
    unsafe { to_callback(db, on_bytes, user_data, json, |db, out| Ok(db.export_events(out)?)) }
}

/// Writes the same to a file, over what is there, and returns when it is on the disk. Where that fails, part of it may be
/// there.
///
/// Errors: NOT_FOUND or IO where the file cannot be written; else as for convofold_export_events().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_export_events_file(db: Db, file: *const c_char, json: *mut *mut c_char) -> Error {
    // SAFETY: the header asks callers for what this asks for.
    unsafe { to_file(db, file, json, |db, out| Ok(db.export_events(out)?)) }
}

/// # Safety
/// As the header asks of the callers of those above.
unsafe fn to_callback<T: Serialize>(
    db: Db,
    on_bytes: OnBytes,
    user_data: *mut c_void,
    json: *mut *mut c_char,
    export: impl FnOnce(&Convofold, &mut BufWriter<Callback>) -> Result<T, Failure>,
) -> Error {
    guard(|| {
        // SAFETY: as this function asks of its caller.
        let out = unsafe { OutText::new_if_any(json) }?;
        let call = on_bytes.ok_or_else(|| missing("on_bytes"))?;
        let mut writer = BufWriter::with_capacity(PIECE_BYTES, Callback { call, user_data, stopped: false });
        let outcome = export(&*db.get()?, &mut writer);
        // What is left in it belongs to an export that failed.
        let (callback, _) = writer.into_parts();
        if callback.stopped {
            return Err(Failure::new(Error::Stopped, "the callback ended the export"));
        }
        let report = outcome?;
        out.map_or(Ok(()), |out| out.set_json(&report))
    })
}

/// # Safety
/// As the header asks of the callers of those above.
unsafe fn to_file<T: Serialize>(
    db: Db,
    file: *const c_char,
    json: *mut *mut c_char,
    export: impl FnOnce(&Convofold, &mut BufWriter<File>) -> Result<T, Failure>,
) -> Error {
    guard(|| {
        // SAFETY: as this function asks of its caller.
        let (path, out) = unsafe { (pointer::path(file, "file")?, OutText::new_if_any(json)?) };
        let db = db.get()?;
        let cannot = |error: io::Error| cannot_write(&path, error);
        let mut writer = BufWriter::with_capacity(PIECE_BYTES, File::create(&path).map_err(cannot)?);
        let report = export(&db, &mut writer)?;
        writer.into_inner().map_err(io::Error::from).and_then(|file| file.sync_all()).map_err(cannot)?;
        out.map_or(Ok(()), |out| out.set_json(&report))
    })
}

fn cannot_write(path: &Path, error: io::Error) -> Failure {
    let Failure { error, message } = error.into();
    Failure::new(error, format!("cannot write {}: {message}", path.display()))
}

/// A writer in C.
struct Callback {
    call: unsafe extern "C" fn(*mut c_void, *const c_void, usize) -> i32,
    user_data: *mut c_void,
    stopped: bool,
}

impl Write for Callback {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // SAFETY: the bytes are there until it returns, which is all that it may rest on.
        self.stopped = self.stopped || unsafe { (self.call)(self.user_data, bytes.as_ptr().cast(), bytes.len()) } != 0;
        if self.stopped { Err(io::Error::other("stopped")) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
