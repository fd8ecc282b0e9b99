//! Text that is given out, and comes back to be freed.

use std::collections::BTreeMap;
use std::ffi::c_char;

use parking_lot::Mutex;
use serde::Serialize;

use crate::error::Error;
use crate::failure::Failure;
use crate::last_error::guard;
use crate::pointer::Out;

/// The lengths of the texts that are out, NUL included, by their addresses. So each is freed once, however often that is asked.
static OUT: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());

/// Frees a text that was given out through a `char **`. NULL is fine.
///
/// Errors: CONVOFOLD_ERROR_INVALID_ARGUMENT where it is none, or was freed before. (It cannot be told where another text was
/// given out at the same address meanwhile.)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_string_free(text: *mut c_char) -> Error {
    guard(|| {
        if text.is_null() {
            return Ok(());
        }
        let length = OUT.lock().remove(&text.addr());
        let length = length.ok_or_else(|| Failure::argument("this is no text of convofold, or was freed before"))?;
        let text = std::ptr::slice_from_raw_parts_mut(text.cast::<u8>(), length);
        // SAFETY: a box of this length was let go of at this address, and nobody else takes it back.
        drop(unsafe { Box::from_raw(text) });
        Ok(())
    })
}

/// A place for a text that must be given.
pub(crate) struct OutText(Out<*mut c_char>);

impl OutText {
    /// The place is null until there is a text, whatever happens meanwhile.
    ///
    /// # Safety
    /// As for [`Out::new`].
    pub(crate) unsafe fn new(place: *mut *mut c_char, what: &str) -> Result<Self, Failure> {
        // SAFETY: as this function asks of its caller.
        let out = unsafe { Out::new(place, what) }?;
        out.set(std::ptr::null_mut());
        Ok(Self(out))
    }

    /// Like [`OutText::new`], where the caller may do without.
    ///
    /// # Safety
    /// As for [`Out::new`].
    pub(crate) unsafe fn new_if_any(place: *mut *mut c_char) -> Result<Option<Self>, Failure> {
        // SAFETY: as this function asks of its caller.
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

/// As JSON, which holds no NUL.
pub(crate) fn json(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(value).map_err(|error| Failure::new(Error::Internal, format!("cannot write JSON: {error}")))
}
