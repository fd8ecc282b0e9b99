//! Text that the caller owns and releases.

use std::collections::BTreeMap;
use std::ffi::c_char;

use parking_lot::Mutex;
use serde::Serialize;

use crate::error::Error;
use crate::failure::Failure;
use crate::last_error::guard;
use crate::pointer::Out;

/// The lengths of all texts that the caller owns, including the NUL, by address. This detects a text that is freed
/// twice.
static OUT: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());

/// Frees a text that was returned through a `char **`. NULL is allowed and does nothing.
///
/// Errors: INVALID_ARGUMENT (the pointer is not such a text, or the text was already freed; a second call is not
/// detected if another text has the same address by then).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_string_free(text: *mut c_char) -> Error {
    guard(|| {
        if text.is_null() {
            return Ok(());
        }
        let length = OUT.lock().remove(&text.addr());
        let length = length.ok_or_else(|| Failure::argument("not a text of convofold, or already freed"))?;
        let text = std::ptr::slice_from_raw_parts_mut(text.cast::<u8>(), length);
        // SAFETY: `set` leaked a box of this length at this address, and the entry was removed, so this happens only
        // once.
        drop(unsafe { Box::from_raw(text) });
        Ok(())
    })
}

/// A pointer to an output text.
pub(crate) struct OutText(Out<*mut c_char>);

impl OutText {
    /// Sets the output to null until there is a text.
    ///
    /// # Safety
    /// As for [`Out::new`].
    pub(crate) unsafe fn new(place: *mut *mut c_char, what: &str) -> Result<Self, Failure> {
        // SAFETY: the caller meets the requirement of this function.
        let out = unsafe { Out::new(place, what) }?;
        out.set(std::ptr::null_mut());
        Ok(Self(out))
    }

    /// Like [`OutText::new`], but the pointer can be null.
    ///
    /// # Safety
    /// As for [`Out::new`].
    pub(crate) unsafe fn new_if_any(place: *mut *mut c_char) -> Result<Option<Self>, Failure> {
        // SAFETY: the caller meets the requirement of this function.
        if place.is_null() { Ok(None) } else { unsafe { Self::new(place, "") }.map(Some) }
    }

    pub(crate) fn set(&self, text: impl Into<Vec<u8>>) {
        let mut bytes = text.into();
        bytes.push(0);
        let length = bytes.len();
        let pointer = Box::into_raw(bytes.into_boxed_slice()).cast::<c_char>();
        OUT.lock().insert(pointer.addr(), length);
        self.0.set(pointer);
    }

    pub(crate) fn set_json(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.set(json(value)?);
        Ok(())
    }
}

/// Sets `json` to an answer.
///
/// # Safety
/// As for [`Out::new`].
pub(crate) unsafe fn to_json<T: Serialize>(json: *mut *mut c_char, ask: impl FnOnce() -> Result<T, Failure>) -> Error {
    guard(|| {
        // SAFETY: the caller meets the requirement of this function.
        let out = unsafe { OutText::new(json, "json") }?;
        out.set_json(&ask()?)
    })
}

/// The value as JSON, which never contains a NUL byte.
pub(crate) fn json(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(value).map_err(|error| Failure::new(Error::Internal, format!("cannot write JSON: {error}")))
}
