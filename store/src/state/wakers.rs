//! The tasks that wait for the change feed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use parking_lot::Mutex;

/// At most one waker per feed.
#[derive(Debug, Default)]
pub(crate) struct Wakers(Mutex<Vec<(usize, Waker)>>);

impl Wakers {
    /// Keeps the waker of a feed until the next [`Wakers::wake_all`].
    pub(crate) fn keep(&self, feed: usize, waker: &Waker) {
        let mut wakers = self.0.lock();
        match wakers.iter_mut().find(|(of, _)| *of == feed) {
            Some((_, kept)) => kept.clone_from(waker),
            None => wakers.push((feed, waker.clone())),
        }
    }

    pub(crate) fn forget(&self, feed: usize) {
        self.0.lock().retain(|(of, _)| *of != feed);
    }

    pub(crate) fn wake_all(&self) {
        // Outside the lock, because a waker may poll at once.
        let wakers = std::mem::take(&mut *self.0.lock());
        for (_, waker) in wakers {
            // The waker belongs to the host. Its panic must not end the writer.
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }
}
