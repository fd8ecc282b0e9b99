//! The change feed, an event at a time when it is asked for.

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

/// A place in the log from which events are read, and then waited for.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Feed {
    /// A number that stands for it.
    pub id: u64,
}

struct Reading {
    changes: Mutex<Changes>,
    stop: StopHandle,
}

static FEEDS: Handles<Reading> = Handles::new("feed");

/// All events from `from_seq` on, in the order of the log, without hole or repeat: first those that are there, then those that
/// come. An event is shown once it survives a power cut. The writer never waits for a feed.
///
/// A feed is continued with the seq after the last one that was handled; 0 and 1 are the beginning.
///
/// Ownership: `feed` is closed by convofold_feed_close().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_feed_open(db: Db, from_seq: u64, feed: *mut Feed) -> Error {
    guard(|| {
        // SAFETY: the header asks callers for what this asks for.
        let out = unsafe { Out::new(feed, "feed") }?;
        let changes = db.get()?.changes(from_seq);
        let stop = changes.stop_handle();
        out.set(Feed { id: FEEDS.open(Reading { changes: Mutex::new(changes), stop }) });
        Ok(())
    })
}

/// The next event, as a JSON object with `seq` and `event`, which has convofold's own form. NULL where none came within
/// `timeout_ms`: 0 does not wait, UINT64_MAX waits for ever.
///
/// Threads: one at a time reads; others wait for it, no longer than `timeout_ms` either.
///
/// Errors: CLOSED where the feed or the database was closed, also while it waits. DROPPED where the log was trimmed beyond the
/// next event. DAMAGED, IO.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_feed_next(feed: Feed, timeout_ms: u64, json: *mut *mut c_char) -> Error {
    guard(|| {
        // SAFETY: the header asks callers for what this asks for.
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

/// Closes a feed.
#[unsafe(no_mangle)]
pub extern "C" fn convofold_feed_close(feed: Feed) -> Error {
    guard(|| {
        FEEDS.close(feed.id)?.stop.stop();
        Ok(())
    })
}
