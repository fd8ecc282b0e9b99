//! The change feed, delivered to a callback on its own thread.

use std::ffi::{c_char, c_void};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Duration;

use convofold::{Changes, StopHandle};
use parking_lot::Mutex;

use crate::database::Db;
use crate::error::Error;
use crate::failure::Failure;
use crate::handles::Handles;
use crate::last_error::{c_text, guard};
use crate::pointer::{Out, missing};
use crate::text::json;

/// A handle of a subscription.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Subscription {
    /// The number that identifies the handle.
    pub id: u64,
}

/// Receives an event, as convofold_feed_next() returns it. `json` has `length` bytes followed by a NUL, and is valid
/// until the callback returns. Return 0 to continue, or any other value to end the subscription.
pub type OnChange =
    Option<unsafe extern "C" fn(user_data: *mut c_void, seq: u64, json: *const c_char, length: usize) -> i32>;

/// Receives the end of a subscription. It is called once, after all other callbacks. `error` is CONVOFOLD_OK if the
/// subscription was ended by convofold_unsubscribe() or by its callback; otherwise it is the reason. `message` is
/// valid until the callback returns.
pub type OnEnd = Option<unsafe extern "C" fn(user_data: *mut c_void, error: Error, message: *const c_char)>;

struct Following {
    thread: ThreadId,
    join: Mutex<Option<JoinHandle<()>>>,
    stop: StopHandle,
}

static SUBSCRIPTIONS: Handles<Following> = Handles::new("subscription");

/// Calls `on_change` for every event from `from_seq` on, in the same order as convofold_feed_open().
///
/// `on_end` can be NULL.
///
/// Ownership: the caller owns the handle `subscription`; end it with convofold_unsubscribe(), even if the
/// subscription has already ended. `user_data` must stay valid until that call returns.
///
/// Threads: the callbacks run on one thread of the library, one call at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn convofold_subscribe(
    db: Db,
    from_seq: u64,
    on_change: OnChange,
    on_end: OnEnd,
    user_data: *mut c_void,
    subscription: *mut Subscription,
) -> Error {
    guard(|| {
        // SAFETY: the header states this requirement for callers.
        let out = unsafe { Out::new(subscription, "subscription") }?;
        let on_change = on_change.ok_or_else(|| missing("on_change"))?;
        let changes = db.get()?.changes(from_seq);
        let stop = changes.stop_handle();
        let listener = Listener { on_change, on_end, user_data };
        let named = thread::Builder::new().name("convofold-feed".to_owned());
        let join = named.spawn({
            let stop = stop.clone();
            move || listener.follow(changes, &stop)
        })?;
        let following = Following { thread: join.thread().id(), join: Mutex::new(Some(join)), stop };
        out.set(Subscription { id: SUBSCRIPTIONS.open(following) });
        Ok(())
    })
}

/// Ends a subscription and waits for its callbacks to return. No callback is called after that.
///
/// Errors: WOULD_DEADLOCK (called from a callback of this subscription; return a value other than 0 from the callback
/// instead).
#[unsafe(no_mangle)]
pub extern "C" fn convofold_unsubscribe(subscription: Subscription) -> Error {
    guard(|| {
        if SUBSCRIPTIONS.get(subscription.id)?.thread == thread::current().id() {
            return Err(Failure::new(
                Error::WouldDeadlock,
                "a callback cannot end its own subscription with convofold_unsubscribe()",
            ));
        }
        let following = SUBSCRIPTIONS.close(subscription.id)?;
        following.stop.stop();
        let join = following.join.lock().take();
        // The result of the thread is not needed: its errors are passed to `on_end`.
        let _ = join.map(JoinHandle::join);
        Ok(())
    })
}

/// The callbacks and their argument.
struct Listener {
    on_change: unsafe extern "C" fn(*mut c_void, u64, *const c_char, usize) -> i32,
    on_end: OnEnd,
    user_data: *mut c_void,
}

// SAFETY: the header requires that `user_data` can be used on another thread.
unsafe impl Send for Listener {}

impl Listener {
    fn follow(self, mut changes: Changes, stop: &StopHandle) {
        let mut failure = None;
        let error = guard(|| {
            let outcome = self.tell_all(&mut changes, stop);
            failure = outcome.as_ref().err().cloned();
            outcome
        });
        let Some(on_end) = self.on_end else { return };
        let message = failure.map(|failure| c_text(failure.message)).unwrap_or_default();
        // SAFETY: the message is valid until the callback returns; the header promises no more.
        unsafe { on_end(self.user_data, error, message.as_ptr()) };
    }

    fn tell_all(&self, changes: &mut Changes, stop: &StopHandle) -> Result<(), Failure> {
        while !stop.is_stopped() {
            let Some(change) = changes.next_timeout(Duration::MAX)? else { continue };
            let mut text = json(&change)?;
            let length = text.len();
            text.push(0);
            // SAFETY: the text is valid until the callback returns; the header promises no more.
            if unsafe { (self.on_change)(self.user_data, change.seq, text.as_ptr().cast(), length) } != 0 {
                break;
            }
        }
        Ok(())
    }
}
