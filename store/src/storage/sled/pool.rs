//! Occupies threads of sled's pool.
//!
//! sled writes its buffers on a pool of seven threads, one for the whole process, and wakes all idle ones for each buffer.
//! Six of them find nothing to do. A commit of one event then takes eleven context switches, and twice the processor time.
//! The writer fills few buffers at a time, so few threads suffice. sled has no option for it, but calls the waker of an
//! asynchronous flush on a thread of the pool, and that thread stays there.

use std::future::Future;
use std::sync::{Arc, Once};
use std::task::{Context, Wake, Waker};
use std::thread;

use sled::Db;

use crate::storage::sled::tree::guarded;

/// Number of threads that stay without work. A buffer that is full waits for sled's lock of segments, whose holder can wait
/// for a truncation on another thread of the pool, so more than one must be left.
const OCCUPIED: usize = 4;
/// A flush that ends before it is polled again occupies no thread.
const MAX_TRIES: usize = 64;

static OCCUPY: Once = Once::new();

/// Occupies threads, once in a process.
pub(super) fn occupy(db: &Db) {
    OCCUPY.call_once(|| {
        let waker = Waker::from(Arc::new(Stay));
        let mut context = Context::from_waker(&waker);
        let is_pending = |_: &usize| Box::pin(db.flush_async()).as_mut().poll(&mut context).is_pending();
        // If it fails, commits are slower.
        let _ = guarded("flushing", || {
            (0..MAX_TRIES).filter(is_pending).take(OCCUPIED).for_each(drop);
            Ok(())
        });
    });
}

/// A waker that does not return.
struct Stay;

impl Wake for Stay {
    fn wake(self: Arc<Self>) {
        loop {
            thread::park();
        }
    }
}
