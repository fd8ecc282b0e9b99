//! The last error of each thread; errors and panics both end up here.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::Error;
use crate::failure::Failure;

thread_local! {
    static LAST: RefCell<(Error, CString)> = RefCell::new((Error::None, CString::default()));
}

/// Returns the error code of the last call that failed on this thread, or CONVOFOLD_ERROR_NONE if none failed. A
/// successful call does not change it.
#[unsafe(no_mangle)]
pub extern "C" fn convofold_last_error() -> Error {
    LAST.try_with(|last| last.try_borrow().map_or(Error::Internal, |last| last.0)).unwrap_or(Error::None)
}

/// Returns the message of the last call that failed on this thread, with the causes of the error; an empty text if
/// none failed. Never NULL.
///
/// Ownership: the library owns the text. It is valid until the next call fails on this thread, or the thread ends.
#[unsafe(no_mangle)]
pub extern "C" fn convofold_last_error_message() -> *const c_char {
    let nothing = c"".as_ptr();
    LAST.try_with(|last| last.try_borrow().map_or(nothing, |last| last.1.as_ptr())).unwrap_or(nothing)
}

/// Runs the body of an exported function. An error or a panic becomes the return value and the last error of this
/// thread.
pub(crate) fn guard(run: impl FnOnce() -> Result<(), Failure>) -> Error {
    // State that a panic leaves behind belongs to the caller or is behind locks that recover.
    let failure = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => return Error::None,
        Ok(Err(failure)) => failure,
        Err(payload) => Failure::new(Error::Internal, format!("convofold panicked: {}", said(payload.as_ref()))),
    };
    // Thread-local storage is already gone when a thread ends.
    let _ = LAST.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = (failure.error, c_text(failure.message));
        }
    });
    failure.error
}

/// A text for C, cut at its first NUL.
pub(crate) fn c_text(text: impl Into<Vec<u8>>) -> CString {
    CString::new(text).unwrap_or_else(|error| {
        let end = error.nul_position();
        let mut bytes = error.into_vec();
        bytes.truncate(end);
        CString::new(bytes).unwrap_or_default()
    })
}

fn said(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_what_it_said() {
        let error = guard(|| panic!("no such {}", "luck"));
        assert_eq!((error, convofold_last_error()), (Error::Internal, Error::Internal));
        let message = LAST.with_borrow(|last| last.1.clone());
        assert_eq!(message.as_c_str(), c"convofold panicked: no such luck");
    }

    #[test]
    fn what_goes_well_leaves_the_last_error_as_it_is() {
        guard(|| Err(Failure::argument("a\0b")));
        assert_eq!(guard(|| Ok(())), Error::None);
        assert_eq!(convofold_last_error(), Error::InvalidArgument);
        assert_eq!(LAST.with_borrow(|last| last.1.clone()).as_c_str(), c"a");
    }
}
