//! Handles: numbers that identify open objects. A number is never reused, so a closed handle is never mistaken for
//! another one, and a handle of one type is never accepted as another.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::error::Error;
use crate::failure::Failure;

/// The next number, for all types. 0 is never a handle.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// The open objects of one type.
pub(crate) struct Handles<T> {
    kind: &'static str,
    live: RwLock<BTreeMap<u64, Arc<T>>>,
}

impl<T> Handles<T> {
    pub(crate) const fn new(kind: &'static str) -> Self {
        Self { kind, live: RwLock::new(BTreeMap::new()) }
    }

    pub(crate) fn open(&self, value: T) -> u64 {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        self.live.write().insert(id, Arc::new(value));
        id
    }

    /// The object of a handle. It stays usable if another thread closes the handle.
    pub(crate) fn get(&self, id: u64) -> Result<Arc<T>, Failure> {
        self.live.read().get(&id).cloned().ok_or_else(|| self.unknown(id))
    }

    /// Closes the handle and returns its object. If several threads close it, one succeeds.
    pub(crate) fn close(&self, id: u64) -> Result<Arc<T>, Failure> {
        self.live.write().remove(&id).ok_or_else(|| self.unknown(id))
    }

    fn unknown(&self, id: u64) -> Failure {
        let kind = self.kind;
        if id == 0 || id >= NEXT.load(Ordering::Relaxed) {
            return Failure::new(Error::BadHandle, format!("invalid {kind} handle"));
        }
        Failure::new(Error::Closed, format!("the {kind} is closed, or this is a handle of another type"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_good_until_it_is_closed_once() {
        let (numbers, texts) = (Handles::new("number"), Handles::new("text"));
        let (seven, eight) = (numbers.open(7), numbers.open(8));
        let text = texts.open("7");
        assert_eq!((*numbers.get(seven).unwrap(), *texts.get(text).unwrap()), (7, "7"));
        assert_eq!(*numbers.close(seven).unwrap(), 7);
        assert_eq!(numbers.close(seven).unwrap_err().error, Error::Closed);
        assert_eq!(numbers.get(seven).unwrap_err().error, Error::Closed);
        assert_eq!(numbers.get(text).unwrap_err().error, Error::Closed);
        assert_eq!(*numbers.get(eight).unwrap(), 8);
        for none in [0, u64::MAX] {
            assert_eq!(numbers.get(none).unwrap_err().error, Error::BadHandle);
        }
    }
}
