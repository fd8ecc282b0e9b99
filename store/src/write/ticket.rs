//! Tickets: the pending results of submissions.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::state::receipt::Receipt;
use crate::write::error::CommitError;

/// A pending commit. Wait for it, poll it, or await it on any executor. Dropping the ticket does not cancel the commit.
#[derive(Debug)]
pub struct Ticket {
    slot: Arc<Slot<Receipt>>,
    round: Round,
}

/// The batches that are submitted between two groups. Most of them are committed together, so their threads wait for the
/// end of the round, and one system call wakes all of them. A system call for each took a third of the writer's time with 64
/// threads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round(Arc<OnceLock<()>>);

impl Round {
    fn end(&self) {
        let _ = self.0.set(());
    }

    fn wait(&self) {
        self.0.wait();
    }
}

impl Ticket {
    /// A ticket and its completer. If the batch is committed after the others of its round, its thread is woken for itself.
    pub(crate) fn in_round(round: Round) -> (Self, Completer<Receipt>) {
        let slot = Arc::new(Slot::default());
        (Self { slot: slot.clone(), round: round.clone() }, Completer { slot: Some(slot), round })
    }

    /// A ticket for a batch that another process commits, with its completer. If the completer is dropped first, the
    /// ticket fails with [`CommitError::Closed`].
    #[must_use]
    pub fn pending() -> (Self, Completer<Receipt>) {
        Self::in_round(Round::default())
    }

    /// Completes the ticket with [`CommitError::Closed`], because the writer has ended.
    pub(crate) fn came_too_late(&self) {
        self.slot.set(Err(CommitError::Closed));
        self.round.end();
    }

    /// Waits until the batch is committed.
    ///
    /// # Errors
    /// [`CommitError`] if the batch was not committed.
    pub fn wait(self) -> Result<Receipt, CommitError> {
        self.round.wait();
        self.slot.wait()
    }

    /// Waits until the batch is committed, for at most this long. `None` after a timeout.
    pub fn wait_timeout(&self, timeout: Duration) -> Option<Result<Receipt, CommitError>> {
        // A deadline that overflows is no limit.
        self.slot.wait_until(Instant::now().checked_add(timeout))
    }

    /// The result, if it is known already.
    #[must_use]
    pub fn try_get(&self) -> Option<Result<Receipt, CommitError>> {
        self.slot.state.lock().outcome.clone()
    }
}

impl Future for Ticket {
    type Output = Result<Receipt, CommitError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.slot.state.lock();
        match &state.outcome {
            Some(outcome) => Poll::Ready(outcome.clone()),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// Receives the result.
#[derive(Debug)]
struct Slot<T> {
    state: Mutex<State<T>>,
    completed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    outcome: Option<Result<T, CommitError>>,
    waker: Option<Waker>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State { outcome: None, waker: None }), completed: Condvar::new() }
    }
}

impl<T> Slot<T> {
    /// The first result counts.
    fn set(&self, outcome: Result<T, CommitError>) {
        let waker = {
            let mut state = self.state.lock();
            if state.outcome.is_some() {
                return;
            }
            state.outcome = Some(outcome);
            self.completed.notify_all();
            state.waker.take()
        };
        // Outside the lock, because a waker may poll at once.
        if let Some(waker) = waker {
            // The waker belongs to the host. Its panic must not end the writer.
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }
}

impl<T: Clone> Slot<T> {
    fn wait(&self) -> Result<T, CommitError> {
        let mut state = self.state.lock();
        loop {
            if let Some(outcome) = &state.outcome {
                return outcome.clone();
            }
            self.completed.wait(&mut state);
        }
    }

    fn wait_until(&self, deadline: Option<Instant>) -> Option<Result<T, CommitError>> {
        let Some(deadline) = deadline else { return Some(self.wait()) };
        let mut state = self.state.lock();
        while state.outcome.is_none() && !self.completed.wait_until(&mut state, deadline).timed_out() {}
        state.outcome.clone()
    }
}

/// Completes a ticket, at the latest when it is dropped, so that no thread waits forever for a writer that has ended.
/// Dropping it also ends its round.
#[derive(Debug)]
pub struct Completer<T> {
    slot: Option<Arc<Slot<T>>>,
    round: Round,
}

/// The pending result of a request to the writer.
#[derive(Debug)]
pub(crate) struct Reply<T> {
    slot: Arc<Slot<T>>,
}

impl<T: Clone> Reply<T> {
    pub(crate) fn new() -> (Self, Completer<T>) {
        let slot = Arc::new(Slot::default());
        (Self { slot: slot.clone() }, Completer { slot: Some(slot), round: Round::default() })
    }

    /// See [`Ticket::came_too_late`].
    pub(crate) fn came_too_late(&self) {
        self.slot.set(Err(CommitError::Closed));
    }

    pub(crate) fn wait(self) -> Result<T, CommitError> {
        self.slot.wait()
    }
}

impl<T> Completer<T> {
    /// Sets the result of the ticket.
    pub fn complete(mut self, outcome: Result<T, CommitError>) {
        self.set(outcome);
    }

    /// Sets the result. A thread that waits for the ticket is woken when the completer is dropped.
    pub(crate) fn set(&mut self, outcome: Result<T, CommitError>) {
        if let Some(slot) = self.slot.take() {
            slot.set(outcome);
        }
    }
}

impl<T> Drop for Completer<T> {
    fn drop(&mut self) {
        self.set(Err(CommitError::Closed));
        self.round.end();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::task::Wake;

    use super::*;
    use crate::state::receipt::EffectCounts;

    struct Count(AtomicU64);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn receipt() -> Receipt {
        Receipt {
            effects: [].into(),
            counts: EffectCounts::default(),
            first_seq: Some(1),
            last_seq: Some(1),
            durable: true,
        }
    }

    #[test]
    fn a_ticket_is_awaited_without_an_executor() {
        let (ticket, completer) = Ticket::pending();
        let mut ticket = Box::pin(ticket);
        let count = Arc::new(Count(AtomicU64::new(0)));
        let waker = Waker::from(count.clone());
        let mut context = Context::from_waker(&waker);
        assert!(ticket.as_mut().poll(&mut context).is_pending());
        assert!(ticket.as_mut().poll(&mut context).is_pending());
        completer.complete(Ok(receipt()));
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert!(matches!(ticket.as_mut().poll(&mut context), Poll::Ready(Ok(found)) if found == receipt()));
    }

    /// The waker belongs to the host, and a panic in it once ended the writer.
    #[test]
    fn a_waker_that_panics_is_not_the_writers_affair() {
        struct Panics;
        impl Wake for Panics {
            fn wake(self: Arc<Self>) {
                panic!("a bug in the host");
            }
        }
        let (ticket, completer) = Ticket::pending();
        let mut ticket = Box::pin(ticket);
        let waker = Waker::from(Arc::new(Panics));
        assert!(ticket.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        completer.complete(Ok(receipt()));
        assert_eq!(ticket.try_get().and_then(Result::ok), Some(receipt()));
    }

    #[test]
    fn a_ticket_is_asked_for_and_waited_for() {
        let (ticket, completer) = Ticket::pending();
        assert!(ticket.try_get().is_none());
        assert!(ticket.wait_timeout(Duration::from_millis(1)).is_none());
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(10));
            completer.complete(Ok(receipt()));
        });
        assert!(matches!(ticket.wait_timeout(Duration::MAX), Some(Ok(_))));
        assert!(matches!(ticket.try_get(), Some(Ok(_))));
        assert!(ticket.wait().is_ok());
        thread.join().unwrap();
    }

    #[test]
    fn a_round_ends_when_all_of_a_group_have_their_results() {
        let round = Round::default();
        let (first, mut completed) = Ticket::in_round(round.clone());
        let (second, mut other) = Ticket::in_round(round.clone());
        completed.set(Ok(receipt()));
        other.set(Ok(receipt()));
        assert!(round.0.get().is_none());
        let threads = [first, second].map(|ticket| std::thread::spawn(move || ticket.wait()));
        drop([completed, other]);
        for thread in threads {
            assert!(thread.join().unwrap().is_ok());
        }
        assert!(round.0.get().is_some());
    }

    /// Its batch was queued after the group of its round.
    #[test]
    fn a_ticket_waits_for_its_own_result_after_its_round() {
        let round = Round::default();
        let (ticket, completer) = Ticket::in_round(round.clone());
        round.end();
        let thread = std::thread::spawn(move || ticket.wait());
        completer.complete(Ok(receipt()));
        assert!(thread.join().unwrap().is_ok());
        let (late, _never_completed) = Ticket::in_round(Round::default());
        late.came_too_late();
        assert!(matches!(late.wait(), Err(CommitError::Closed)));
    }

    #[test]
    fn nobody_waits_for_a_writer_that_is_gone() {
        let (ticket, completer) = Ticket::pending();
        drop(completer);
        assert!(matches!(ticket.wait(), Err(CommitError::Closed)));
    }
}
