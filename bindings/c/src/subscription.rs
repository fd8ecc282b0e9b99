//! The change feed, told to a callback in a thread of its own.

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

/// A callback that is told of events.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Subscription {
    /// A number that stands for it.
    pub id: u64,
}

/// Is told of an event, as convofold_feed_next() would. The JSON has `length` bytes and a NUL, and is good until it returns.
/// Anything but 0 ends the subscription.
pub type OnChange =
    Option<unsafe extern "C" fn(user_data: *mut c_void, seq: u64, json: *const c_char, length: usize) -> i32>;

/// Is told once, as the last, that a subscription ended: CONVOFOLD_OK where it was unsubscribed or ended by its callback, else
/// why, with a message that is good until it returns.
pub type OnEnd = Option<unsafe extern "C" fn(user_data: *mut c_void, error: Error, message: *const c_char)>;

struct Following {
    thread: ThreadId,
    join: Mutex<Option<JoinHandle<()>>>,
    stop: StopHandle,
}

static SUBSCRIPTIONS: Handles<Following> = Handles::new("subscription");

/// Tells a callback of all events from `from_seq` on, as convofold_feed_open() has them.
///
/// `on_end` may be NULL.
///
/// Ownership: `subscription` is ended by convofold_unsubscribe(), also where it has ended by itself. `user_data` must be good
/// until that returns.
///
/// Threads: the callbacks are called in one thread of the library's, one after the other.
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
        // SAFETY: the header asks callers for what this asks for.
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

/// Ends a subscription and returns when its callbacks have: from then on none of them is called.
///
/// Errors: WOULD_DEADLOCK where one of its own callbacks calls this; let that return something else than 0 instead.
#[unsafe(no_mangle)]
pub extern "C" fn convofold_unsubscribe(subscription: Subscription) -> Error {
    guard(|| {
        if SUBSCRIPTIONS.get(subscription.id)?.thread == thread::current().id() {
            return Err(Failure::new(Error::WouldDeadlock, "a callback cannot wait for its own end"));
        }
        let following = SUBSCRIPTIONS.close(subscription.id)?;
        following.stop.stop();
        let join = following.join.lock().take();
        // Its thread has nothing to say: what can go wrong in it is told to `on_end`.
        let _ = join.map(JoinHandle::join);
        Ok(())
    })
}

/// Whom to tell.
struct Listener {
    on_change: unsafe extern "C" fn(*mut c_void, u64, *const c_char, usize) -> i32,
    on_end: OnEnd,
    user_data: *mut c_void,
}

// SAFETY: that `user_data` may be used in another thread is what whoever subscribes agrees to.
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
        // SAFETY: the message is there until it returns, which is all that it may rest on.
        unsafe { on_end(self.user_data, error, message.as_ptr()) };
    }

    fn tell_all(&self, changes: &mut Changes, stop: &StopHandle) -> Result<(), Failure> {
        while !stop.is_stopped() {
            let Some(change) = changes.next_timeout(Duration::MAX)? else { continue };
            let mut text = json(&change)?;
            let length = text.len();
            text.push(0);
            // SAFETY: the text is there until it returns, which is all that it may rest on.
            if unsafe { (self.on_change)(self.user_data, change.seq, text.as_ptr().cast(), length) } != 0 {
                break;
            }
        }
        Ok(())
    }
}
