//! Audits again and again, on a thread of their own that takes a quarter of one core at most.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use convofold_engine::Seq;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::Mutex;

use super::{AuditError, AuditReport, Sample, audit};
use crate::api::handle::Convofold;
use crate::state::shared::Shared;

/// For every moment of work so many of rest.
const REST: u32 = 3;

/// What an audit came to.
type Outcome = Result<AuditReport, AuditError>;

/// Audits that go on until this is dropped, or the store is closed. It does not keep the store open.
#[derive(Debug)]
pub struct BackgroundAudit {
    /// Dropped to end the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    last: Arc<Mutex<Option<Arc<Outcome>>>>,
}

impl Convofold {
    /// Audits so many conversations, drawn anew each time, as often as `every` says; see [`Convofold::audit`]. What each
    /// audit came to is handed to `on_outcome`, on the thread of the audits.
    ///
    /// # Errors
    /// Where the system gives no more threads.
    pub fn audit_in_background(
        &self,
        every: Duration,
        conversations: u64,
        on_outcome: impl FnMut(&Result<AuditReport, AuditError>) + Send + 'static,
    ) -> io::Result<BackgroundAudit> {
        let (stop, stopped) = bounded(0);
        let last = Arc::new(Mutex::new(None));
        let auditor = Auditor {
            shared: Arc::downgrade(self.shared()),
            stopped,
            last: last.clone(),
            every,
            conversations,
            seed: RandomState::new().hash_one(every),
        };
        let builder = thread::Builder::new().name("convofold-audit".to_owned());
        let thread = builder.spawn(move || auditor.run(on_outcome))?;
        Ok(BackgroundAudit { stop: Some(stop), thread: Some(thread), last })
    }
}

impl BackgroundAudit {
    /// What the last audit came to; `None` before the first one has ended.
    #[must_use]
    pub fn last(&self) -> Option<Arc<Result<AuditReport, AuditError>>> {
        self.last.lock().clone()
    }
}

impl Drop for BackgroundAudit {
    fn drop(&mut self) {
        drop(self.stop.take());
        // Where it is dropped by what is called on that very thread, waiting for the thread would take for ever.
        let others = self.thread.take().filter(|running| running.thread().id() != thread::current().id());
        // A panic in it is one of the host's, in what is called with the outcome.
        let _ = others.map(JoinHandle::join);
    }
}

struct Auditor {
    shared: Weak<Shared>,
    stopped: Receiver<()>,
    last: Arc<Mutex<Option<Arc<Outcome>>>>,
    every: Duration,
    conversations: u64,
    seed: u64,
}

impl Auditor {
    fn run(mut self, mut on_outcome: impl FnMut(&Outcome)) {
        while self.rests(self.every) {
            // Only for as long as one audit takes.
            let Some(shared) = self.shared.upgrade() else { return };
            self.seed = self.seed.wrapping_add(1);
            let outcome =
                audit(&shared, Sample::Random { conversations: self.conversations, seed: self.seed }, self.pace());
            drop(shared);
            if matches!(outcome, Err(AuditError::Closed | AuditError::Stopped)) {
                return;
            }
            let outcome = Arc::new(outcome);
            *self.last.lock() = Some(outcome.clone());
            on_outcome(&outcome);
        }
    }

    /// Rests after every block, in proportion to what it cost.
    fn pace(&self) -> impl FnMut(Seq) -> Result<(), AuditError> {
        let mut since = Instant::now();
        move |_| {
            let goes_on = self.rests(since.elapsed() * REST);
            since = Instant::now();
            if goes_on { Ok(()) } else { Err(AuditError::Stopped) }
        }
    }

    /// Waits this long; says whether to go on then.
    fn rests(&self, this_long: Duration) -> bool {
        self.stopped.recv_timeout(this_long) == Err(RecvTimeoutError::Timeout)
    }
}
