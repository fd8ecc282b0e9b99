//! How far the program is with its source.

use std::ffi::c_char;

use crate::database::Db;
use crate::error::Error;
use crate::last_error::guard;
use crate::pointer::{self, Out};
use crate::text::OutText;

/// The value of a bookmark, as of the last events that set it (see convofold_ingest_options). NULL where there is none.
///
/// `length`, which may be NULL, is set to how many bytes it has; a NUL stands behind them.
///
/// Ownership: `value` goes with convofold_string_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_bookmark(
    db: Db,
    name: *const c_char,
    value: *mut *mut c_char,
    length: *mut usize,
) -> Error {
    guard(|| {
        // SAFETY: the header asks callers for what these ask for.
        let (out, name) = unsafe { (OutText::new(value, "value")?, pointer::text(name, "name")?) };
        // SAFETY: the header asks callers for what this asks for.
        let out_length = if length.is_null() { None } else { Some(unsafe { Out::new(length, "length") }?) };
        let value = db.get()?.bookmark(name);
        if let Some(out_length) = out_length {
            out_length.set(value.as_ref().map_or(0, Vec::len));
        }
        if let Some(value) = value {
            out.set(value);
        }
        Ok(())
    })
}
