//! Wakes a flush that sled has forgotten.
//!
//! If one of sled's threads fails, it records the error without waking the threads that wait for it
//! (`Log::exit_reservation` in 0.34.7). sled's background thread could wake them, but ends at its first error. Any
//! other flush finds the error and wakes all waiting threads. So if a flush takes too long, a thread of this module
//! flushes too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use sled::Db;

use crate::storage::StorageError;
use crate::storage::sled::tree::guarded;

/// A flush that takes longer than one to two of these intervals is followed by another flush.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) struct FlushWatchdog {
    /// Whether a flush is running.
    flushing: Arc<AtomicBool>,
    /// Dropped to end the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FlushWatchdog {
    pub(crate) fn start(db: Db) -> Result<Self, StorageError> {
        let flushing = Arc::new(AtomicBool::new(false));
        let seen = flushing.clone();
        let (stop, stopped) = bounded::<()>(0);
        let spawned = thread::Builder::new().name("convofold-watchdog".to_owned()).spawn(move || {
            let mut was_flushing = false;
            while stopped.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let is_flushing = seen.load(Ordering::Relaxed);
                if was_flushing && is_flushing {
                    // The waiting flush receives the error.
                    let _ = guarded("flushing", || db.flush().map(drop));
                }
                was_flushing = is_flushing;
            }
        });
        let thread = spawned.map_err(StorageError::io("starting a thread"))?;
        Ok(Self { flushing, stop: Some(stop), thread: Some(thread) })
    }

    /// Runs a flush that sled may forget.
    pub(crate) fn watch<T>(&self, flush: impl FnOnce() -> T) -> T {
        self.flushing.store(true, Ordering::Relaxed);
        let flushed = flush();
        self.flushing.store(false, Ordering::Relaxed);
        flushed
    }
}

impl Drop for FlushWatchdog {
    fn drop(&mut self) {
        drop(self.stop.take());
        // The thread keeps sled's database open.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
