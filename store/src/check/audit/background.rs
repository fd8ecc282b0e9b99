//! Periodic audits on a thread of their own, which uses at most a quarter of one core.

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

/// Ratio of pauses to work.
const REST: u32 = 3;

/// The result of an audit.
type Outcome = Result<AuditReport, AuditError>;

/// Periodic audits that run until this value is dropped or the database is closed. It does not keep the database open.
#[derive(Debug)]
pub struct BackgroundAudit {
    /// Dropped to stop the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    last: Arc<Mutex<Option<Arc<Outcome>>>>,
}

impl Convofold {
    /// Starts periodic audits: after each interval `every`, it audits a new random sample of `conversations`
    /// conversations; see [`Convofold::audit`]. `on_outcome` is called with each result, on the thread of the audits.
    ///
    /// # Errors
    /// An error of the operating system if no thread can be started.
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
    /// Returns the result of the last audit; `None` before the first one has ended.
    #[must_use]
    pub fn last(&self) -> Option<Arc<Result<AuditReport, AuditError>>> {
        self.last.lock().clone()
    }
}

impl Drop for BackgroundAudit {
    fn drop(&mut self) {
        drop(self.stop.take());
        // `on_outcome` can drop this value on the audit thread, which cannot join itself.
        let others = self.thread.take().filter(|running| running.thread().id() != thread::current().id());
        // Only `on_outcome` of the host can panic there.
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
            // Held only during one audit, so that the database can be closed.
            let Some(shared) = self.shared.upgrade() else { return };
            self.seed = self.seed.wrapping_add(1);
            let outcome =
                audit(&shared, Sample::Random { conversations: self.conversations, seed: self.seed }, self.pace());
            drop(shared);
            match outcome {
                Err(AuditError::Closed | AuditError::Stopped) => return,
                Err(AuditError::Replaced) => continue,
                _ => {}
            }
            let outcome = Arc::new(outcome);
            *self.last.lock() = Some(outcome.clone());
            on_outcome(&outcome);
        }
    }

    /// Pauses after every block, in proportion to the time it took.
    fn pace(&self) -> impl FnMut(Seq) -> Result<(), AuditError> {
        let mut since = Instant::now();
        move |_| {
            let goes_on = self.rests(since.elapsed() * REST);
            since = Instant::now();
            if goes_on { Ok(()) } else { Err(AuditError::Stopped) }
        }
    }

    /// Waits for this time; returns false if the audits were stopped meanwhile.
    fn rests(&self, this_long: Duration) -> bool {
        self.stopped.recv_timeout(this_long) == Err(RecvTimeoutError::Timeout)
    }
}
