//! Pointer arguments, for input and for output.

use std::ffi::{CStr, c_char, c_void};
use std::path::PathBuf;

use crate::error::Error;
use crate::failure::Failure;

/// A required text.
///
/// # Safety
/// `text` is null or points to bytes that end with a NUL and do not change during `'a`.
pub(crate) unsafe fn text<'a>(text: *const c_char, what: &str) -> Result<&'a str, Failure> {
    // SAFETY: the caller meets the requirement of this function.
    unsafe { text_if_any(text, what) }?.ok_or_else(|| missing(what))
}

/// A text, or `None` if the pointer is null.
pub(crate) unsafe fn text_if_any<'a>(text: *const c_char, what: &str) -> Result<Option<&'a str>, Failure> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: it is not null, and the caller meets the other requirements of this function.
    let text = unsafe { CStr::from_ptr(text) };
    let not_utf8 = |error| Failure::new(Error::NotUtf8, format!("{what} is not UTF-8: {error}"));
    text.to_str().map(Some).map_err(not_utf8)
}

/// A required path.
///
/// # Safety
/// As for [`text`].
pub(crate) unsafe fn path(path: *const c_char, what: &str) -> Result<PathBuf, Failure> {
    if path.is_null() {
        return Err(missing(what));
    }
    // SAFETY: it is not null, and the caller meets the other requirements of this function.
    as_path(unsafe { CStr::from_ptr(path) }, what)
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "it can fail on other systems")]
fn as_path(path: &CStr, _what: &str) -> Result<PathBuf, Failure> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::OsStr::from_bytes(path.to_bytes()).into())
}

#[cfg(not(unix))]
fn as_path(path: &CStr, what: &str) -> Result<PathBuf, Failure> {
    path.to_str().map(Into::into).map_err(|error| Failure::new(Error::NotUtf8, format!("{what} is not UTF-8: {error}")))
}

/// An array of paths.
///
/// # Safety
/// `paths` is null or points to `count` pointers, each as for [`path`].
pub(crate) unsafe fn paths(paths: *const *const c_char, count: usize, what: &str) -> Result<Vec<PathBuf>, Failure> {
    // SAFETY: the caller meets the requirement of this function.
    let pointers = unsafe { pointers(paths, count, what) }?;
    // SAFETY: the caller meets the requirement of this function.
    pointers.iter().map(|pointer| unsafe { path(*pointer, what) }).collect()
}

/// An array of texts.
///
/// # Safety
/// `texts` is null or points to `count` pointers, each as for [`text`].
pub(crate) unsafe fn texts<'a>(texts: *const *const c_char, count: usize, what: &str) -> Result<Vec<&'a str>, Failure> {
    // SAFETY: the caller meets the requirement of this function.
    let pointers = unsafe { pointers(texts, count, what) }?;
    // SAFETY: the caller meets the requirement of this function.
    pointers.iter().map(|pointer| unsafe { text(*pointer, what) }).collect()
}

/// # Safety
/// `pointers` is null or points to `count` pointers that do not change during `'a`.
unsafe fn pointers<'a>(
    pointers: *const *const c_char,
    count: usize,
    what: &str,
) -> Result<&'a [*const c_char], Failure> {
    if count == 0 {
        return Ok(&[]);
    }
    if pointers.is_null() {
        return Err(missing(what));
    }
    // SAFETY: it is not null, and the caller meets the other requirements of this function.
    Ok(unsafe { std::slice::from_raw_parts(pointers, checked_count::<*const c_char>(count, what)?) })
}

/// Bytes. The pointer can be null if `length` is 0.
///
/// # Safety
/// `bytes` is null or points to `length` bytes that do not change during `'a`.
pub(crate) unsafe fn bytes<'a>(bytes: *const c_void, length: usize, what: &str) -> Result<&'a [u8], Failure> {
    if length == 0 {
        return Ok(&[]);
    }
    if bytes.is_null() {
        return Err(missing(what));
    }
    // SAFETY: it is not null, and the caller meets the other requirements of this function.
    Ok(unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), checked_count::<u8>(length, what)?) })
}

/// Fails if the size is larger than any object can be, such as a negative number that was converted to a length.
fn checked_count<T>(count: usize, what: &str) -> Result<usize, Failure> {
    let fits = count.checked_mul(size_of::<T>()).is_some_and(|bytes| isize::try_from(bytes).is_ok());
    if fits {
        Ok(count)
    } else {
        Err(Failure::argument(format!("{what}: length {count} is larger than any object in memory")))
    }
}

/// A pointer to a required output value.
#[derive(Debug)]
pub(crate) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// # Safety
    /// `place` is null or points to memory for a `T` that nothing else accesses while this value exists.
    pub(crate) unsafe fn new(place: *mut T, what: &str) -> Result<Self, Failure> {
        if place.is_null() { Err(missing(what)) } else { Ok(Self(place)) }
    }

    /// Like [`Out::new`], and sets the value to `none` until there is a result.
    ///
    /// # Safety
    /// As for [`Out::new`].
    pub(crate) unsafe fn cleared(place: *mut T, what: &str, none: T) -> Result<Self, Failure> {
        // SAFETY: the caller meets the requirement of this function.
        let out = unsafe { Self::new(place, what) }?;
        out.set(none);
        Ok(out)
    }

    pub(crate) fn set(&self, value: T) {
        // SAFETY: it is not null, and the caller of `new` met its requirements.
        unsafe { self.0.write(value) };
    }
}

pub(crate) fn missing(what: &str) -> Failure {
    Failure::argument(format!("{what} is NULL"))
}
