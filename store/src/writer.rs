//! The one thread that writes.
//!
//! The order is the same everywhere: log, barrier, board, answer. What fails before the board is changed was never seen by
//! anybody, and after a failure nothing more is written until the store is opened again.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use convofold_engine::{Admission, Effect, Seq};
use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::archive::{bring_back, let_go};
use crate::checkpoint::{Checkpoint, Checkpointer};
use crate::codec::block::Tail;
use crate::codec::log_start::LogStart;
use crate::cut::Cut;
use crate::directory::Directory;
use crate::error::CommitError;
use crate::head::{Head, HeadFile};
use crate::log::{BlockWriter, SealedBlocks};
use crate::receipt::{EffectCounts, Receipt};
use crate::shared::Shared;
use crate::storage::{BlockKey, Storage, StorageError, panic_message};
use crate::submission::{Batch, Bookmark, Durability};
use crate::ticket::Completer;
use crate::trace::tell;
use crate::trim::Trimmed;

/// How many events are applied before readers get a turn, to the end of their batch: some thirty microseconds.
const EVENTS_PER_LOCK: usize = 32;
/// The same for groups that nobody waits for to be durable, a bulk replay most likely. Bringing the indexes up to date costs a
/// part for each conversation touched, so more at once is cheaper: half a millisecond.
const BULK_EVENTS_PER_LOCK: usize = 1_024;

/// From so many events on, a group that nobody waits for to be durable is appended on a thread of its own while it is folded.
const APPENDED_ASIDE_EVENTS: usize = 512;

/// What the writer is asked to do.
pub(crate) enum Command {
    Submit(Submission),
    Sync(Completer<()>),
    Checkpoint(Completer<Checkpoint>),
    Cut(Completer<Cut>),
    Trim(LogStart, Completer<Trimmed>),
    Close(Completer<()>),
}

/// A batch and who waits for it.
pub(crate) struct Submission {
    pub(crate) batch: Batch,
    pub(crate) submitted: Instant,
    pub(crate) completer: Completer<Receipt>,
}

pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) receiver: Receiver<Command>,
    pub(crate) blocks: BlockWriter,
    pub(crate) checkpointer: Checkpointer,
    pub(crate) tail: Tail,
    pub(crate) log_bytes: u64,
    /// What is not durable yet has been in the log since then.
    pub(crate) unsynced_since: Option<Instant>,
    pub(crate) head: HeadFile,
    /// Keeps the lock until the writer has ended, also where a waker lets go of the last handle before.
    pub(crate) _directory: Arc<Directory>,
    /// Taken from the queue while a group was gathered, and next.
    pub(crate) pending: Option<Command>,
}

/// A group that is in the log, or about to be.
struct Written {
    /// For each batch, which of its events are new.
    is_new: Vec<Vec<bool>>,
    first_seq: Seq,
    is_durable: bool,
    /// What is to be appended while the group is folded.
    blocks: Vec<(BlockKey, Vec<u8>)>,
}

/// Who waits, since when, and for what.
type Answers = Vec<(Completer<Receipt>, Instant, Receipt)>;

impl Writer {
    /// Runs until the store is closed, or nobody is left to submit.
    pub(crate) fn run(mut self) {
        let shared = self.shared.clone();
        // A panic here is a fault of ours or the engine's; all who wait are told, and the questions go on.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.work())) {
            shared.poison(StorageError::WriterGone { message: panic_message(payload.as_ref()) });
        }
        shared.end_queue();
        self.receiver.try_iter().for_each(drop);
    }

    fn work(&mut self) {
        loop {
            let outcome = match self.next() {
                Ok(Command::Submit(submission)) => {
                    let group = self.gather(submission);
                    self.commit(group)
                }
                Ok(Command::Sync(completer)) => self.answer(completer, Self::sync),
                Ok(Command::Checkpoint(completer)) => self.answer(completer, Self::checkpoint),
                Ok(Command::Cut(completer)) => self.answer(completer, Self::cut),
                Ok(Command::Trim(to, completer)) => self.answer(completer, |writer| writer.trim(to)),
                Ok(Command::Close(completer)) => {
                    let _ = self.answer(completer, Self::finish);
                    return;
                }
                Err(RecvTimeoutError::Timeout) => self.sync_what_is_due(),
                Err(RecvTimeoutError::Disconnected) => {
                    // The handle was dropped without `close`: the same, with nobody to tell.
                    let _ = self.finish();
                    return;
                }
            };
            let _ = outcome.and_then(|()| self.housekeeping()).map_err(|error| self.shared.poison(error));
            if self.shared.poisoned().is_some() {
                // Nothing is tried again, so there is nothing to be in time for.
                self.unsynced_since = None;
                self.head.give_up();
            }
        }
    }

    fn next(&mut self) -> Result<Command, RecvTimeoutError> {
        if let Some(command) = self.pending.take() {
            return Ok(command);
        }
        let log_due = self.unsynced_since.map(|since| since + self.shared.options.sync_interval);
        match log_due.into_iter().chain(self.head.due()).min() {
            Some(due) => self.receiver.recv_deadline(due),
            None => self.receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// The batches that have queued up, as far as they fit into one group.
    fn gather(&mut self, first: Submission) -> Vec<Submission> {
        let options = &self.shared.options;
        let (mut events, mut bytes) = (first.batch.events.len(), first.batch.bytes());
        let mut group = vec![first];
        while events < options.group_max_events && bytes < options.group_max_bytes {
            match self.receiver.try_recv() {
                Ok(Command::Submit(submission)) => {
                    events += submission.batch.events.len();
                    bytes += submission.batch.bytes();
                    group.push(submission);
                }
                Ok(other) => {
                    self.pending = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        group
    }

    fn commit(&mut self, group: Vec<Submission>) -> Result<(), StorageError> {
        let written = self.shared.expect_healthy().and_then(|()| {
            self.write(&group).map_err(|error| CommitError::Poisoned { cause: self.shared.poison(error) })
        });
        match written {
            Ok(written) => self.apply(group, written),
            Err(error) => {
                for submission in group {
                    submission.completer.complete(Err(error.clone()));
                }
            }
        }
        Ok(())
    }

    /// Log and barrier.
    fn write(&mut self, group: &[Submission]) -> Result<Written, StorageError> {
        let all = group.iter().flat_map(|submission| &submission.batch.events);
        bring_back(&self.shared.archive, self.storage.as_ref(), &self.shared.live, all)?;
        let is_new = self.admit(group);
        let events = group.iter().zip(&is_new).flat_map(|(submission, is_new)| {
            submission.batch.events.iter().zip(is_new).filter(|(_, is_new)| **is_new).map(|(event, _)| event)
        });
        // Only the last value of each bookmark counts.
        let bookmarks: BTreeMap<_, _> = group
            .iter()
            .filter_map(|submission| submission.batch.bookmark.as_ref())
            .map(|bookmark| (bookmark.name.as_str(), bookmark))
            .collect();
        let bookmarks: Vec<_> = bookmarks.into_values().collect();
        let (sealed, tail) = self.blocks.seal(self.tail, events, &bookmarks)?;
        let first_seq = self.tail.seq;
        let SealedBlocks { mut blocks, stored_bytes } = sealed;
        let is_awaited = group.iter().any(|submission| submission.batch.durability == Durability::Synced);
        let is_large = tail.seq - first_seq >= APPENDED_ASIDE_EVENTS as u64;
        if !blocks.is_empty() {
            if is_awaited || !is_large {
                self.storage.append(&std::mem::take(&mut blocks))?;
            }
            self.tail = tail;
            self.log_bytes += stored_bytes;
            self.unsynced_since.get_or_insert_with(Instant::now);
        }
        // Also where all of it was known before: what it repeats may not be durable yet.
        if is_awaited {
            self.barrier()?;
        }
        Ok(Written { is_new, first_seq, is_durable: self.unsynced_since.is_none(), blocks })
    }

    fn admit(&self, group: &[Submission]) -> Vec<Vec<bool>> {
        let board = self.shared.live.board();
        let mut admissions = board.admissions();
        admissions.reserve(group.iter().map(|submission| submission.batch.events.len()).sum());
        let mut is_new = |event| admissions.admit(event) == Admission::Log;
        group.iter().map(|submission| submission.batch.events.iter().map(&mut is_new).collect()).collect()
    }

    /// Board, index and answers.
    fn apply(&mut self, group: Vec<Submission>, mut written: Written) {
        let blocks = std::mem::take(&mut written.blocks);
        // Who follows the log beside the board finds there what the board has.
        let applying = self.shared.live.applying();
        let (answers, appended) = fold_beside(self.storage.as_ref(), &blocks, || self.fold(group, &written));
        if let Err(error) = appended {
            let cause = self.shared.poison(error);
            for (completer, ..) in answers {
                completer.complete(Err(CommitError::Poisoned { cause: cause.clone() }));
            }
            return;
        }
        self.shared.applied_seq.store(self.tail.last_seq(), Ordering::SeqCst);
        drop(applying);
        self.shared.counters.set_log(&self.tail, self.log_bytes);
        if written.is_durable {
            self.shared.set_durable(self.tail.last_seq());
        }
        tell!(
            debug,
            batches = answers.len(),
            first_seq = written.first_seq,
            last_seq = self.tail.last_seq(),
            durable = written.is_durable,
            "committed"
        );
        self.shared.meter.add_group(answers.iter().map(|(_, submitted, receipt)| (receipt, *submitted)));
        for (completer, _, receipt) in answers {
            completer.complete(Ok(receipt));
        }
    }

    /// Brings board, index and bookmarks up to a group.
    fn fold(&self, group: Vec<Submission>, written: &Written) -> Answers {
        let is_synced = |submission: &Submission| submission.batch.durability == Durability::Synced;
        let max_events = if group.iter().any(is_synced) { EVENTS_PER_LOCK } else { BULK_EVENTS_PER_LOCK };
        let mut seq = written.first_seq;
        let mut answers = Vec::with_capacity(group.len());
        let mut group = group.into_iter().zip(&written.is_new).peekable();
        while group.peek().is_some() {
            let mut bookmarks = Vec::new();
            let mut board = self.shared.live.board_mut();
            let mut applying = board.batch();
            let mut events = 0;
            while events < max_events
                && let Some((submission, is_new)) = group.next()
            {
                events += submission.batch.events.len();
                let receipt = apply_batch(&mut applying, &submission.batch, is_new, &mut seq, written.is_durable);
                bookmarks.extend(submission.batch.bookmark);
                answers.push((submission.completer, submission.submitted, receipt));
            }
            let updates = applying.finish();
            drop(board);
            self.shared.live.list(updates);
            bookmarks.into_iter().for_each(|bookmark| self.set_bookmark(bookmark));
        }
        answers
    }

    fn set_bookmark(&self, Bookmark { name, value }: Bookmark) {
        let mut bookmarks = self.shared.bookmarks.write();
        match value {
            Some(value) => bookmarks.insert(name, value),
            None => bookmarks.remove(&name),
        };
    }

    fn barrier(&mut self) -> Result<(), StorageError> {
        if self.unsynced_since.is_some() {
            let started = Instant::now();
            self.storage.barrier()?;
            self.shared.meter.barriers.add(started.elapsed());
            self.unsynced_since = None;
            self.head.write(Head::of(&self.tail)).map_err(StorageError::io("writing the head mark"))?;
        }
        Ok(())
    }

    fn sync_what_is_due(&mut self) -> Result<(), StorageError> {
        if self.unsynced_since.is_some_and(|since| since.elapsed() >= self.shared.options.sync_interval) {
            self.sync()?;
        }
        self.head.sync_if_due().map_err(StorageError::io("fsync of the head mark"))
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        self.barrier()?;
        self.shared.set_durable(self.tail.last_seq());
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<Checkpoint, StorageError> {
        // The log first: a checkpoint never knows more than it.
        self.sync()?;
        let Self { shared, storage, blocks, checkpointer, tail, log_bytes, .. } = self;
        let checkpoint = checkpointer.write(shared, storage.as_ref(), blocks.compressor(), tail, *log_bytes)?;
        self.head.sync().map_err(StorageError::io("fsync of the head mark"))?;
        Ok(checkpoint)
    }

    fn cut(&mut self) -> Result<Cut, StorageError> {
        self.sync()?;
        let mut board = self.shared.live.board_mut();
        Ok(Cut {
            tail: self.tail,
            state_hash: board.state_hash(),
            conversations: board.len() as u64,
            bookmarks: self.shared.bookmarks.read().clone(),
        })
    }

    /// What is due between groups.
    fn housekeeping(&mut self) -> Result<(), StorageError> {
        if self.shared.poisoned().is_some() {
            return Ok(());
        }
        let interval = self.shared.options.sync_interval;
        if self.unsynced_since.is_some_and(|since| since.elapsed() >= interval) {
            self.sync()?;
        }
        let is_due = self.checkpointer.is_due(self.log_bytes, self.shared.options.checkpoint_log_bytes);
        if is_due && !self.shared.are_checkpoints_held() {
            self.checkpoint()?;
        }
        self.make_room()
    }

    /// Lets conversations leave memory where they take too much of it.
    fn make_room(&mut self) -> Result<(), StorageError> {
        // One that is larger than all may be has to have room all the same, or each of its events would be paid for with
        // reading and writing all of it.
        let max_bytes = self.shared.options.memory_bytes.max(2 * self.shared.live.board().largest_bytes());
        let is_full = || self.shared.live.board().resident_bytes() > max_bytes;
        if !is_full() || self.shared.are_checkpoints_held() {
            return Ok(());
        }
        // Not to the brim, so that it is worth the while.
        let_go(&self.shared.live, max_bytes / 2);
        if is_full() {
            self.checkpoint()?;
            let_go(&self.shared.live, max_bytes / 2);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), StorageError> {
        if self.shared.poisoned().is_some() { Ok(()) } else { self.checkpoint().map(drop) }
    }

    fn answer<T>(
        &mut self,
        completer: Completer<T>,
        run: impl FnOnce(&mut Self) -> Result<T, StorageError>,
    ) -> Result<(), StorageError> {
        let outcome = self
            .shared
            .expect_healthy()
            .and_then(|()| run(self).map_err(|error| CommitError::Poisoned { cause: self.shared.poison(error) }));
        completer.complete(outcome);
        Ok(())
    }
}

/// Folds a group while its blocks, if there are any, are appended on another thread.
fn fold_beside<T>(
    storage: &dyn Storage,
    blocks: &[(BlockKey, Vec<u8>)],
    fold: impl FnOnce() -> T,
) -> (T, Result<(), StorageError>) {
    if blocks.is_empty() {
        return (fold(), Ok(()));
    }
    let append = || storage.append(blocks);
    thread::scope(|scope| {
        match thread::Builder::new().name("convofold-append".to_owned()).spawn_scoped(scope, append) {
            Ok(appending) => {
                let folded = fold();
                let appended = appending
                    .join()
                    .unwrap_or_else(|payload| Err(StorageError::Panicked { message: panic_message(payload.as_ref()) }));
                (folded, appended)
            }
            // The system has no thread left.
            Err(_) => {
                let appended = append();
                (fold(), appended)
            }
        }
    })
}

fn apply_batch(
    board: &mut convofold_engine::Batch<'_>,
    batch: &Batch,
    is_new: &[bool],
    next_seq: &mut Seq,
    durable: bool,
) -> Receipt {
    let before = *next_seq;
    let mut counts = EffectCounts::default();
    let mut effects = Vec::with_capacity(batch.events.len());
    for (event, is_new) in batch.events.iter().zip(is_new) {
        let effect = if *is_new {
            *next_seq += 1;
            board.apply(*next_seq - 1, event)
        } else {
            board.repeat(event);
            Effect::Duplicate
        };
        counts.add(effect);
        effects.push(effect);
    }
    let logged = *next_seq > before;
    Receipt {
        effects: effects.into(),
        counts,
        first_seq: logged.then_some(before),
        last_seq: logged.then_some(*next_seq - 1),
        durable,
    }
}
