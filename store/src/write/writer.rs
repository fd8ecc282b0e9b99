//! The writer thread, the only thread that writes.
//!
//! A group of submissions is committed in one of two orders: [`Writer::log_then_fold`] and
//! [`Writer::log_while_folding`]. After a failure nothing more is written until the database is reopened.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::checkpoint::record::note_damage;
use crate::checkpoint::write::{Checkpoint, Checkpointer};
use crate::conversations::archive::{evict, reload};
use crate::format::block::LogPosition;
use crate::format::log_start::LogStart;
use crate::log::blocks::BlockWriter;
use crate::open::recovery::RecoveredState;
use crate::state::holds::HoldChange;
use crate::state::receipt::Receipt;
use crate::state::records;
use crate::state::shared::{Contents, Shared};
use crate::state::snapshot::Snapshot;
use crate::storage::end_mark::{EndMark, EndMarkFile, LastRecords};
use crate::storage::{Storage, StorageError, panic_message};
use crate::trace::{inherited, tell};
use crate::write::appender::{Appended, Appender};
use crate::write::batch::Batch;
use crate::write::clock::CommitClock;
use crate::write::error::{CommitError, expect_healthy, failed};
use crate::write::group::{Group, Submission};
use crate::write::idle_run::IdleRun;
use crate::write::moving::{Before, Created, Move, Moved};
use crate::write::removed::Refusals;
use crate::write::replacing::Replacement;
use crate::write::ticket::{Completer, Round};
use crate::write::trim::{Trimmed, trim};

/// The maximum number of new events in a group that is logged and then folded even if no submission waits for
/// durability.
const LOGGED_ASIDE_EVENTS: usize = 512;

/// Closed conversations take at most this part of the memory of conversations. Few events arrive for them, and a replay makes
/// thousands of them in a second: memory that they do not use is memory that the system need not clear.
const CLOSED_PART: u64 = 4;

/// A request to the writer.
pub(crate) enum Command {
    Submit(Submission),
    Sync(Completer<()>),
    Checkpoint(Completer<Checkpoint>),
    Snapshot(Completer<Snapshot>),
    Trim(LogStart, Completer<Trimmed>),
    /// Creates an empty storage in this folder.
    Create(PathBuf, Completer<Created>),
    Move(Move, Completer<Moved>),
    /// Answers with the number of the hold; with `None` if there is no hold to lift.
    Hold(HoldChange, Completer<Option<u64>>),
    Replace(Box<Replacement>, Completer<Moved>),
    /// Records a run of retention, which changed nothing that is stored. Answers whether it was right to change nothing.
    Retain(Box<IdleRun>, Completer<bool>),
    Close(Completer<()>),
}

pub(crate) struct Writer {
    shared: Arc<Shared>,
    storage: Arc<dyn Storage>,
    receiver: Receiver<Command>,
    appender: Appender,
    checkpointer: Checkpointer,
    position: LogPosition,
    log_bytes: u64,
    /// When the oldest part of the log that is not durable was appended; `None` if all of it is durable.
    unsynced_since: Option<Instant>,
    clock: CommitClock,
    end_mark: EndMarkFile,
    /// Keeps the lock until the writer has ended, even if a waker drops the last handle before.
    _lock: Arc<File>,
    /// The next command, if it was taken from the queue while a group was gathered.
    pending: Option<Command>,
}

impl Writer {
    /// Starts the writer of a database on its own thread. Returns its queue, and the thread to join.
    ///
    /// The thread ends after [`Command::Close`], or when every sender has been dropped. It holds `lock` until then.
    #[expect(clippy::too_many_arguments, reason = "each becomes a field of the writer")]
    pub(crate) fn spawn(
        shared: Arc<Shared>,
        storage: Arc<dyn Storage>,
        position: LogPosition,
        log_bytes: u64,
        checkpointer: Checkpointer,
        clock: CommitClock,
        end_mark: EndMarkFile,
        lock: Arc<File>,
    ) -> io::Result<(Sender<Command>, JoinHandle<()>)> {
        let (sender, receiver) = bounded(shared.options.queue_submissions);
        let blocks = BlockWriter::new(shared.options.block_bytes, shared.options.bounds.body_bytes)?;
        let writer = Self {
            appender: Appender::new(storage.clone(), blocks),
            shared,
            storage,
            receiver,
            checkpointer,
            position,
            log_bytes,
            unsynced_since: None,
            clock,
            end_mark,
            _lock: lock,
            pending: None,
        };
        let thread = thread::Builder::new().name("convofold-writer".to_owned());
        Ok((sender, thread.spawn(inherited(move || writer.run()))?))
    }

    /// Runs until the database is closed or all handles are dropped.
    fn run(mut self) {
        let shared = self.shared.clone();
        // A panic here is a bug in convofold. All waiting callers receive an error; reading continues.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.work())) {
            shared.poison(StorageError::WriterGone { message: panic_message(payload.as_ref()) });
        }
        shared.end_queue();
        self.receiver.try_iter().for_each(drop);
    }

    fn work(&mut self) {
        loop {
            match self.next() {
                Ok(Command::Submit(submission)) => {
                    let group = self.gather(submission);
                    self.commit(group);
                }
                Ok(Command::Sync(completer)) => self.answer(completer, Self::sync),
                Ok(Command::Checkpoint(completer)) => self.answer(completer, Self::checkpoint),
                Ok(Command::Snapshot(completer)) => self.answer(completer, Self::snapshot),
                Ok(Command::Trim(to, completer)) => self.answer(completer, |writer| writer.trim(to)),
                Ok(Command::Create(folder, completer)) => self.answer(completer, |writer| Ok(writer.create(&folder))),
                Ok(Command::Move(to, completer)) => self.answer(completer, |writer| writer.move_to(to)),
                Ok(Command::Hold(change, completer)) => self.answer(completer, |writer| writer.hold(change)),
                Ok(Command::Replace(to, completer)) => self.answer(completer, |writer| writer.replace_by(*to)),
                Ok(Command::Retain(run, completer)) => self.answer(completer, |writer| writer.retain(*run)),
                Ok(Command::Close(completer)) => return self.answer(completer, Self::finish),
                Err(RecvTimeoutError::Timeout) => self.attempt(Self::sync_what_is_due),
                // The handle was dropped without `close`: the same, without a caller to answer.
                Err(RecvTimeoutError::Disconnected) => return self.attempt(Self::finish),
            }
            self.attempt(Self::housekeeping);
            if self.shared.poisoned().is_some() {
                // Nothing is retried after a failure, so no deadline remains.
                self.unsynced_since = None;
                self.end_mark.give_up();
            }
        }
    }

    /// Runs a task that no caller waits for.
    fn attempt(&mut self, run: impl FnOnce(&mut Self) -> Result<(), StorageError>) {
        if let Err(error) = run(self) {
            let _ = self.failed(error);
        }
    }

    /// No more writes are accepted. Before that, damage that was read is noted.
    fn failed(&mut self, error: StorageError) -> CommitError {
        if matches!(error, StorageError::Value(_)) {
            // The error above is the useful one.
            let _ = self.note_damaged_page();
        }
        failed(&self.shared, error)
    }

    /// Leaves a note if a page was found to be damaged. The next opening then checks every page.
    fn note_damaged_page(&mut self) -> Result<(), StorageError> {
        if !self.shared.archive.take_damaged() {
            return Ok(());
        }
        note_damage(self.storage.as_ref(), true)?;
        self.storage.barrier()
    }

    fn next(&mut self) -> Result<Command, RecvTimeoutError> {
        if let Some(command) = self.pending.take() {
            return Ok(command);
        }
        let log_due = self.unsynced_since.map(|since| since + self.shared.options.sync_interval);
        match log_due.into_iter().chain(self.end_mark.due()).min() {
            Some(due) => self.receiver.recv_deadline(due),
            None => self.receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// The queued submissions that fit into one group, which has one commit time.
    fn gather(&mut self, first: Submission) -> Vec<Submission> {
        let options = &self.shared.options;
        let (mut events, mut bytes) = (first.batch.len(), first.batch.bytes());
        let committed_ms = first.batch.committed_ms;
        let mut group = vec![first];
        while events < options.group_max_events && bytes < options.group_max_bytes {
            match self.receiver.try_recv() {
                Ok(Command::Submit(submission)) if submission.batch.committed_ms == committed_ms => {
                    events += submission.batch.len();
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
        // After the queue was emptied, so that few batches of the next group belong to this round.
        *self.shared.round.lock() = Round::default();
        group
    }

    fn commit(&mut self, submissions: Vec<Submission>) {
        let apart = |Submission { batch, submitted, completer }| (batch, (submitted, completer));
        let (batches, mut waiting): (Vec<_>, Vec<_>) = submissions.into_iter().map(apart).unzip();
        match expect_healthy(&self.shared).and_then(|()| self.log_and_fold(batches)) {
            Ok(receipts) => {
                let submitted = waiting.iter().map(|(submitted, _)| *submitted);
                self.shared.meter.add_group(receipts.iter().zip(submitted));
                for ((_, completer), receipt) in waiting.iter_mut().zip(receipts) {
                    completer.set(Ok(receipt));
                }
            }
            Err(error) => waiting.iter_mut().for_each(|(_, completer)| completer.set(Err(error.clone()))),
        }
        // Ends the round, after all of its tickets have their results.
        drop(waiting);
    }

    fn log_and_fold(&mut self, batches: Vec<Batch>) -> Result<Vec<Receipt>, CommitError> {
        let shared = self.shared.clone();
        let ids = batches.iter().flat_map(|batch| batch.events.conversations());
        let reloaded = reload(&shared.archive, self.storage.as_ref(), &shared.live, ids);
        reloaded.map_err(|error| self.failed(error))?;
        let first_seq = self.position.seq;
        let known_ms = batches.first().and_then(|batch| batch.committed_ms);
        let committed_ms = self.clock.next_ms(known_ms, &shared.meter);
        let (erasures, removals) = (shared.erasures.read(), shared.removals.read());
        let refusals = Refusals { erasures: &erasures, removals: &removals, holds: &shared.holds };
        let group = Group::admit(batches, &shared.live.board(), refusals, first_seq, committed_ms);
        drop((erasures, removals));
        let is_large = group.new_count() > LOGGED_ASIDE_EVENTS;
        let receipts = if is_large && !group.is_awaited() {
            self.log_while_folding(&Arc::new(group))?
        } else {
            self.log_then_fold(&group).map_err(|error| failed(&shared, error))?
        };
        tell!(
            debug,
            batches = receipts.len(),
            first_seq,
            last_seq = self.position.last_seq(),
            durable = self.unsynced_since.is_none(),
            "committed"
        );
        Ok(receipts)
    }

    /// Log, barrier if a submission waits for it, memory: for groups that a submission waits for, and for small groups.
    ///
    /// After a failure memory is unchanged, so no reader has seen any event of the group. The log may contain all of
    /// the group or none of it; the next opening finds out which.
    fn log_then_fold(&mut self, group: &Group) -> Result<Vec<Receipt>, StorageError> {
        let shared = self.shared.clone();
        self.log(group)?;
        let _applying = shared.live.applying();
        let receipts = group.fold(&shared, self.unsynced_since.is_none());
        self.publish(group);
        Ok(receipts)
    }

    /// Log and memory at the same time, on two threads: for large groups that no submission waits for, such as those of
    /// a bulk replay.
    ///
    /// After a failure memory contains the group and the log may not, so readers may have seen events that the next
    /// opening does not find. No submission of the group has been acknowledged, and nothing more is written until the
    /// database is reopened.
    fn log_while_folding(&mut self, group: &Arc<Group>) -> Result<Vec<Receipt>, CommitError> {
        let shared = self.shared.clone();
        let poisoned = |error| CommitError::Poisoned { cause: shared.poison(error) };
        // Readers that compare the log with memory see both after the same event.
        let applying = shared.live.applying();
        let both = self.appender.begin(self.position, group).map(|appending| {
            let receipts = group.fold(&shared, false);
            (receipts, appending.wait())
        });
        let Some((receipts, logged)) = both else {
            // The system cannot start another thread.
            drop(applying);
            return self.log_then_fold(group).map_err(|error| failed(&shared, error));
        };
        self.appended(logged.map_err(poisoned)?);
        self.publish(group);
        Ok(receipts)
    }

    /// Appends to the log, and runs a barrier if a submission waits for it.
    fn log(&mut self, group: &Group) -> Result<(), StorageError> {
        let appended = self.appender.append(self.position, group)?;
        self.appended(appended);
        // Also if all events are duplicates: the earlier events may not be durable yet.
        if group.is_awaited() { self.barrier() } else { Ok(()) }
    }

    /// Publishes the group, which is logged and folded. The caller holds `Live::applying`.
    fn publish(&self, group: &Group) {
        group.set_bookmarks(&self.shared);
        self.shared.applied_seq.store(self.position.last_seq(), Ordering::SeqCst);
        self.shared.log_figures.set_log(&self.position, self.log_bytes);
        if self.unsynced_since.is_none() {
            self.shared.set_durable(self.position.last_seq());
        }
    }

    fn appended(&mut self, Appended { position, stored_bytes, committed_ms }: Appended) {
        if position.block_no > self.position.block_no {
            self.position = position;
            self.log_bytes += stored_bytes;
            self.clock.committed(committed_ms);
            self.unsynced_since.get_or_insert_with(Instant::now);
        }
    }

    fn barrier(&mut self) -> Result<(), StorageError> {
        if self.unsynced_since.is_some() {
            let started = Instant::now();
            self.storage.barrier()?;
            self.shared.meter.barriers.add(started.elapsed());
            self.unsynced_since = None;
            self.end_mark.write(EndMark::of(&self.position)).map_err(StorageError::io("writing the end mark"))?;
        }
        Ok(())
    }

    fn sync_what_is_due(&mut self) -> Result<(), StorageError> {
        if self.unsynced_since.is_some_and(|since| since.elapsed() >= self.shared.options.sync_interval) {
            self.sync()?;
        }
        self.end_mark.sync_if_due().map_err(StorageError::io("fsync of the end mark"))
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        self.barrier()?;
        self.shared.set_durable(self.position.last_seq());
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<Checkpoint, StorageError> {
        // The log first: a checkpoint never contains more than the log.
        self.sync()?;
        let Self { shared, storage, appender, checkpointer, position, log_bytes, clock, .. } = self;
        let mut blocks = appender.blocks();
        let (compressor, committed_ms) = (blocks.compressor(), clock.last_ms());
        let checkpoint =
            checkpointer.write(shared, storage.as_ref(), compressor, position, *log_bytes, committed_ms)?;
        drop(blocks);
        self.end_mark.sync().map_err(StorageError::io("fsync of the end mark"))?;
        Ok(checkpoint)
    }

    fn trim(&mut self, to: LogStart) -> Result<Trimmed, StorageError> {
        trim(&self.shared, self.storage.as_ref(), self.appender.blocks().compressor(), to)
    }

    /// A failure is the answer: it changes nothing in this database.
    fn create(&self, folder: &Path) -> Created {
        self.storage.create(folder).map_err(Arc::new)
    }

    fn move_to(&mut self, to: Move) -> Result<Moved, StorageError> {
        self.sync()?;
        if let Err(refused) = to.complete(&self.shared, self.storage.as_ref()) {
            return Ok(refused);
        }
        self.name_storage(&to.folder, self.position, self.end_mark.last_records())?;
        // Waits for the readers' calls.
        *self.shared.storage.write() = Some(to.storage.clone());
        Moved::to(&to.folder, Before::new(self.use_storage(to.storage), None))
    }

    /// After the first write of HEAD nothing can fail, except HEAD itself and, when memory is that of the copy, the removal of its
    /// mark.
    fn replace_by(&mut self, mut to: Replacement) -> Result<Moved, StorageError> {
        self.sync()?;
        if let Err(refused) = to.complete(&self.shared, self.storage.as_ref(), self.position) {
            return Ok(refused);
        }
        let Replacement { folder, storage, state, .. } = to;
        self.name_storage(&folder, state.position, state.last_records())?;
        let RecoveredState { live, archive, search, erasures, removals, start, .. } = state;
        (self.position, self.log_bytes, self.checkpointer) = (state.position, state.log_bytes, state.checkpointer);
        let start = Arc::new(start);
        let contents = Contents { live, archive, search, erasures, removals, start, storage: storage.clone() };
        let before = self.shared.replace(contents);
        self.shared.log_figures.set_log(&self.position, self.log_bytes);
        self.shared.log_figures.checkpoint_bytes.store(self.checkpointer.page_bytes, Ordering::Relaxed);
        Moved::to(&folder, Before::new(self.use_storage(storage), Some(before)))
    }

    /// Writes to HEAD that the storage in this folder, whose log ends here and which has these records, is that of the database.
    fn name_storage(&mut self, folder: &Path, end: LogPosition, last: LastRecords) -> Result<(), StorageError> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let named = self.end_mark.move_to(name, EndMark::of(&end), last);
        named.map_err(StorageError::io("writing the end mark"))
    }

    /// Writes to this storage from now on. Returns the one before.
    fn use_storage(&mut self, storage: Arc<dyn Storage>) -> Arc<dyn Storage> {
        self.appender.set_storage(storage.clone());
        std::mem::replace(&mut self.storage, storage)
    }

    /// Changes the legal holds, durably.
    fn hold(&mut self, change: HoldChange) -> Result<Option<u64>, StorageError> {
        let Some((number, hold)) = self.shared.holds.changed(change)? else { return Ok(None) };
        records::store(self.storage.as_ref(), number, &hold, self.appender.blocks().compressor())?;
        self.note_records(|last| last.holds = last.holds.max(number))?;
        self.shared.holds.set(number, hold);
        Ok(Some(number))
    }

    /// Records a run of retention that changes nothing, durably, unless something that it should remove was committed since.
    fn retain(&mut self, idle: IdleRun) -> Result<bool, StorageError> {
        if idle.is_spoilt(&self.shared, self.position.last_seq()) {
            return Ok(false);
        }
        let IdleRun { number, run, .. } = idle;
        records::store(self.storage.as_ref(), number, &run, self.appender.blocks().compressor())?;
        self.note_records(|last| last.retention_runs = number)?;
        let mut removals = self.shared.removals.write();
        *removals = removals.with(number, run);
        Ok(true)
    }

    /// Makes records durable, and notes their numbers in HEAD, so that the loss of one is noticed.
    fn note_records(&mut self, note: impl FnOnce(&mut LastRecords)) -> Result<(), StorageError> {
        self.storage.barrier()?;
        self.end_mark.note_records(note).map_err(StorageError::io("writing the end mark"))
    }

    fn snapshot(&mut self) -> Result<Snapshot, StorageError> {
        self.sync()?;
        Ok(Snapshot::of(&self.shared, self.position))
    }

    /// Runs the tasks that are due between groups.
    fn housekeeping(&mut self) -> Result<(), StorageError> {
        if self.shared.poisoned().is_some() {
            return Ok(());
        }
        self.note_damaged_page()?;
        let interval = self.shared.options.sync_interval;
        if self.unsynced_since.is_some_and(|since| since.elapsed() >= interval) {
            self.sync()?;
        }
        let is_due = self.checkpointer.is_due(self.log_bytes, self.shared.options.checkpoint_log_bytes);
        if is_due && !self.shared.are_checkpoints_held() {
            self.checkpoint()?;
        }
        self.evict_above_limit()
    }

    /// Evicts conversations if they take too much memory.
    fn evict_above_limit(&mut self) -> Result<(), StorageError> {
        // A conversation larger than the limit needs room nevertheless. Otherwise each of its events would read and
        // write all of it.
        let room = 2 * self.shared.live.board().largest_bytes();
        let max_bytes = self.shared.options.memory_bytes.max(room);
        let max_closed_bytes = (self.shared.options.memory_bytes / CLOSED_PART).max(room);
        let held = || {
            let board = self.shared.live.board();
            (board.resident_bytes(), board.closed_bytes())
        };
        let is_full = |(all, closed)| all > max_bytes || closed > max_closed_bytes;
        let before = held();
        if !is_full(before) || self.shared.are_checkpoints_held() {
            return Ok(());
        }
        // Frees half, so that eviction does not run after every group.
        let rest = if before.0 > max_bytes { max_bytes / 2 } else { max_bytes };
        evict(&self.shared.live, rest, max_closed_bytes / 2);
        if is_full(held()) {
            self.checkpoint()?;
            evict(&self.shared.live, rest, max_closed_bytes / 2);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), StorageError> {
        if self.shared.poisoned().is_some() {
            return Ok(());
        }
        self.note_damaged_page()?;
        self.sync()?;
        // The checkpoint can take a while, and changes nothing for the feeds.
        self.shared.end_feeds();
        self.checkpoint()?;
        self.storage.prepare_next_opening();
        Ok(())
    }

    fn answer<T>(&mut self, completer: Completer<T>, run: impl FnOnce(&mut Self) -> Result<T, StorageError>) {
        let outcome = expect_healthy(&self.shared).and_then(|()| run(self).map_err(|error| self.failed(error)));
        completer.complete(outcome);
    }
}
