//! The change feed, read one event at a time.

use std::ffi::c_char;
use std::time::{Duration, Instant};

use convofold::{Changes, StopHandle};
use parking_lot::Mutex;

use crate::database::Db;
use crate::error::Error;
use crate::failure::Failure;
use crate::handles::Handles;
use crate::last_error::guard;
use crate::pointer::Out;
use crate::text::OutText;

/// A handle of a change feed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Feed {
    /// The number that identifies the handle.
    pub id: u64,
}

struct Reading {
    changes: Mutex<Changes>,
    stop: StopHandle,
}

static FEEDS: Handles<Reading> = Handles::new("feed");

/// Opens a feed of all events from `from_seq` on, in the order of the log, without gaps or repetitions: first the
/// stored events, then new ones as they arrive. An event appears in the feed as soon as it survives a power cut. The
/// writer never waits for a feed.
///
/// To resume, pass the seq of the last processed event plus 1. 0 and 1 both mean the beginning of the log.
///
/// Ownership: the caller owns the handle `feed`; close it with convofold_feed_close().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_feed_open(db: Db, from_seq: u64, feed: *mut Feed) -> Error {
    guard(|| {
        // SAFETY: the header states this requirement for callers.
        let out = unsafe { Out::new(feed, "feed") }?;
        let changes = db.get()?.changes(from_seq);
        let stop = changes.stop_handle();
        out.set(Feed { id: FEEDS.open(Reading { changes: Mutex::new(changes), stop }) });
        Ok(())
    })
}

/// Sets `json` to the next event: a JSON object with `seq`, `at` and `event`, in convofold's own format. NULL if no event
/// arrives within `timeout_ms` (0: do not wait; UINT64_MAX: no limit).
///
/// Ownership: the caller owns `json`; release it with convofold_string_free().
///
/// Threads: one thread reads at a time. Other threads wait for it, also for at most `timeout_ms`.
///
/// Errors: CLOSED (the feed or the database is closed, possibly during the wait), POISONED (a write failed, and all
/// durable events were returned), DROPPED (the log was trimmed past the next event), DAMAGED, IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_feed_next(feed: Feed, timeout_ms: u64, json: *mut *mut c_char) -> Error {
    guard(|| {
        // SAFETY: the header states this requirement for callers.
        let out = unsafe { OutText::new(json, "json") }?;
        let reading = FEEDS.get(feed.id)?;
        let started = Instant::now();
        let timeout = Duration::from_millis(timeout_ms);
        let closed = || Failure::new(Error::Closed, "the feed was closed");
        let changes = reading.changes.try_lock_for(timeout);
        if reading.stop.is_stopped() {
            return Err(closed());
        }
        let Some(mut changes) = changes else { return Ok(()) };
        match changes.next_timeout(timeout.saturating_sub(started.elapsed()))? {
            Some(change) => out.set_json(&change),
            None if reading.stop.is_stopped() => Err(closed()),
            None => Ok(()),
        }
    })
}

/// Closes a feed. Calls of convofold_feed_next() that are waiting return CLOSED.
#[unsafe(no_mangle)]
pub extern "C" fn convofold_feed_close(feed: Feed) -> Error {
    guard(|| {
        FEEDS.close(feed.id)?.stop.stop();
        Ok(())
    })
}
