//! Bookmarks: how far the program has read its source.

use std::ffi::c_char;

use crate::database::Db;
use crate::error::Error;
use crate::last_error::guard;
use crate::pointer::{self, Out};
use crate::text::OutText;

/// Sets `value` to the value of a bookmark, as committed with the last events that set it (see
/// convofold_ingest_options), or to NULL if there is no bookmark with this name.
///
/// `length` can be NULL. Otherwise it is set to the length of the value in bytes, without the NUL that follows it.
///
/// Ownership: the caller owns `value`; release it with convofold_string_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_bookmark(
    db: Db,
    name: *const c_char,
    value: *mut *mut c_char,
    length: *mut usize,
) -> Error {
    guard(|| {
        // SAFETY: the header states these requirements for callers.
        let (out, name) = unsafe { (OutText::new(value, "value")?, pointer::text(name, "name")?) };
        // SAFETY: the header states this requirement for callers.
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
