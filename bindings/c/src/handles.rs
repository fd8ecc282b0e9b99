//! Handles: numbers that stand for what is open. No number is used twice, so one that was closed is never taken for another,
//! and one of another kind is never taken at all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::error::Error;
use crate::failure::Failure;

/// The next number, of whatever kind. 0 is no handle.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// What is open of one kind.
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

    /// What the handle stands for; it stays usable where the handle is closed meanwhile.
    pub(crate) fn get(&self, id: u64) -> Result<Arc<T>, Failure> {
        self.live.read().get(&id).cloned().ok_or_else(|| self.unknown(id))
    }

    /// Closes the handle. Of several threads that do so, one gets it.
    pub(crate) fn close(&self, id: u64) -> Result<Arc<T>, Failure> {
        self.live.write().remove(&id).ok_or_else(|| self.unknown(id))
    }

    fn unknown(&self, id: u64) -> Failure {
        let kind = self.kind;
        if id == 0 || id >= NEXT.load(Ordering::Relaxed) {
            return Failure::new(Error::BadHandle, format!("this is no handle of a {kind}"));
        }
        Failure::new(Error::Closed, format!("the {kind} was closed, or this is the handle of something else"))
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
