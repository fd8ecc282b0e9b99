//! Structs that start with their size, so that they can grow without a new ABI version.

use std::mem::MaybeUninit;

use crate::failure::Failure;
use crate::pointer::missing;

/// A struct that starts with its size.
///
/// # Safety
/// It is `repr(C)`, starts with a `usize`, has no padding, and contains only numbers and pointers (functions as `Option`s), so
/// that all zeros are a valid value.
pub(crate) unsafe trait Grows: Copy {
    /// The name of the struct in C.
    const NAME: &'static str;
}

/// Reads an argument: the fields that the caller knows, and 0 for the others. A null pointer is read as all zeros.
///
/// # Safety
/// `given` is null or points to a `T`, or an earlier or later version of it, that starts with its correct size.
pub(crate) unsafe fn read<T: Grows>(given: *const T) -> Result<T, Failure> {
    let mut value = MaybeUninit::<T>::zeroed();
    if !given.is_null() {
        // SAFETY: the caller meets the requirement of this function.
        let size = unsafe { size_of_given(given) }?;
        let known = size.min(size_of::<T>());
        // SAFETY: the struct has `size` bytes, of which `known` fit into the value.
        unsafe { given.cast::<u8>().copy_to_nonoverlapping(value.as_mut_ptr().cast::<u8>(), known) };
        // SAFETY: the struct has `size` bytes.
        let unknown = unsafe { std::slice::from_raw_parts(given.cast::<u8>().add(known), size - known) };
        if unknown.iter().any(|byte| *byte != 0) {
            let name = T::NAME;
            return Err(Failure::argument(format!("{name} has values in fields that this version does not know")));
        }
    }
    // SAFETY: all zeros are a valid value, as `Grows` requires, and so are the numbers and pointers copied over them.
    Ok(unsafe { value.assume_init() })
}

/// A pointer to an output struct, of which the caller knows the first `size` bytes.
pub(crate) struct OutSized<T: Grows> {
    place: *mut T,
    size: usize,
}

impl<T: Grows> OutSized<T> {
    /// A null pointer discards the value.
    ///
    /// # Safety
    /// `place` is null or points to a `T`, or an earlier or later version of it, that starts with its correct size. Nothing
    /// else accesses it while this value exists.
    pub(crate) unsafe fn new_if_any(place: *mut T) -> Result<Self, Failure> {
        // SAFETY: the caller meets the requirement of this function.
        let size = if place.is_null() { 0 } else { unsafe { size_of_given(place) }? };
        Ok(Self { place, size })
    }

    /// # Safety
    /// As for [`OutSized::new_if_any`].
    pub(crate) unsafe fn new(place: *mut T) -> Result<Self, Failure> {
        if place.is_null() {
            return Err(missing(T::NAME));
        }
        // SAFETY: the caller meets the requirement of this function.
        unsafe { Self::new_if_any(place) }
    }

    /// Sets all fields that the caller knows except `size`. Fields that this version does not know are set to 0.
    pub(crate) fn set(&self, value: T) {
        let header = size_of::<usize>();
        let known = self.size.min(size_of::<T>());
        if known <= header {
            return;
        }
        let (from, to) = ((&raw const value).cast::<u8>(), self.place.cast::<u8>());
        // SAFETY: both have at least `known` bytes. There is no padding, so all of them are initialised.
        unsafe { from.add(header).copy_to_nonoverlapping(to.add(header), known - header) };
        // SAFETY: the output struct has `size` bytes.
        unsafe { to.add(known).write_bytes(0, self.size - known) };
    }
}

/// Upper limit for `size`, far above that of any struct.
const MAX_BYTES: usize = 4096;

/// # Safety
/// `given` is not null and points to a struct that starts with a `usize`.
unsafe fn size_of_given<T: Grows>(given: *const T) -> Result<usize, Failure> {
    if !given.is_aligned() {
        return Err(Failure::argument(format!("{} is not aligned", T::NAME)));
    }
    // SAFETY: it is aligned, and the caller meets the other requirements of this function.
    let size = unsafe { given.cast::<usize>().read() };
    if (size_of::<usize>()..=MAX_BYTES).contains(&size) {
        return Ok(size);
    }
    let name = T::NAME;
    Err(Failure::argument(format!("{name}.size is {size}: set it to sizeof({name}), and all other fields to 0")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Old {
        size: usize,
        a: u64,
    }

    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct New {
        size: usize,
        a: u64,
        b: u64,
    }

    // SAFETY: only numbers, without padding.
    unsafe impl Grows for Old {
        const NAME: &'static str = "old";
    }
    // SAFETY: only numbers, without padding.
    unsafe impl Grows for New {
        const NAME: &'static str = "new";
    }

    #[test]
    fn what_the_caller_does_not_know_is_zero() {
        let old = Old { size: size_of::<Old>(), a: 7 };
        // SAFETY: `size` is correct.
        let read = unsafe { read((&raw const old).cast::<New>()) }.unwrap();
        assert_eq!((read.a, read.b), (7, 0));
    }

    #[test]
    fn what_the_library_does_not_know_must_be_zero() {
        let mut new = New { size: size_of::<New>(), a: 7, b: 0 };
        // SAFETY: `size` is correct.
        assert_eq!(unsafe { read((&raw const new).cast::<Old>()) }.unwrap().a, 7);
        new.b = 1;
        // SAFETY: `size` is correct.
        assert!(unsafe { read((&raw const new).cast::<Old>()) }.unwrap_err().message.contains("does not know"));
    }

    #[test]
    fn an_answer_fills_what_the_caller_has() {
        let mut old = [Old { size: size_of::<Old>(), a: 0 }, Old { size: 1, a: 1 }];
        // SAFETY: `size` is correct.
        let out = unsafe { OutSized::new((&raw mut old[0]).cast::<New>()) }.unwrap();
        out.set(New { size: 0, a: 7, b: 8 });
        assert_eq!(old, [Old { size: size_of::<Old>(), a: 7 }, Old { size: 1, a: 1 }]);
        let mut new = New { size: size_of::<New>(), a: 1, b: 1 };
        // SAFETY: `size` is correct.
        unsafe { OutSized::new((&raw mut new).cast::<Old>()) }.unwrap().set(old[0]);
        assert_eq!(new, New { size: size_of::<New>(), a: 7, b: 0 });
    }

    #[test]
    fn a_size_that_cannot_be_is_refused() {
        for size in [0, 7, 4097, usize::MAX] {
            let old = Old { size, a: 7 };
            // SAFETY: with an invalid `size`, nothing after it is read.
            let error = unsafe { read(&raw const old) }.unwrap_err();
            assert!(error.message.contains("sizeof(old)"), "{}", error.message);
        }
    }
}
