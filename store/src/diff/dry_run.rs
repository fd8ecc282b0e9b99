//! What would events change? A target of a replay that writes nothing.

use std::collections::HashSet;
use std::sync::Arc;

use convofold_engine::ingest::Limits;
use convofold_engine::{Admission, Board, Effect, EventRef, ExportLine, HistoryEntry, Moment, Seq, StateHash};
use parking_lot::Mutex;

use super::Diff;
use super::side::{Conversations, DiffError, Side, SideConversation};
use crate::api::view::View;
use crate::replay::Target;
use crate::state::receipt::{EffectCounts, Receipt};
use crate::write::batch::{Batch, SubmitError};
use crate::write::error::CommitError;
use crate::write::removed::Refusals;
use crate::write::ticket::Ticket;

/// A replay into it counts as a replay into the database would, and writes nothing. Erased events, and what retention removed, are
/// recognised if the database is open in this process. The conversations of its events are held in
/// memory, with all of their events; the others are not read.
///
/// ```
/// use convofold_engine::Moment;
/// use convofold_store::Convofold;
/// use convofold_store::diff::DryRun;
/// use convofold_store::replay::{Input, Replay};
///
/// # let dir = tempfile::tempdir()?;
/// let db = Convofold::open(dir.path().join("conversations"))?;
/// let now = db.at(Moment::LATEST);
/// let line = r#"{"convofold":1,"source":"desk","conversation":"c","kind":"close","occurred":"2026-03-02T09:15:00Z"}"#;
/// let dry_run = DryRun::of(&now);
/// let report = Replay::new(&dry_run).input(Input::reader("correction", line.as_bytes())).run()?;
/// let outcome = dry_run.finish()?;
/// assert_eq!((report.counts.applied, outcome.diff()?.count(), db.state("c")?), (1, 1, None));
/// # db.close()?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct DryRun<'a> {
    base: &'a dyn Side,
    last_seq: Seq,
    limits: Limits,
    parse_threads: usize,
    scratch: Mutex<Scratch>,
}

/// The touched conversations.
#[derive(Default)]
struct Scratch {
    board: Board,
    touched: HashSet<String>,
    /// The number of new events so far.
    new: u64,
    /// Why a conversation could not be read. Nothing is submitted after it.
    failure: Option<DiffError>,
}

impl<'a> DryRun<'a> {
    /// A dry run on a database at a moment, with the options with which it was opened.
    #[must_use]
    pub fn of(view: &'a View) -> Self {
        let options = &view.db().shared().options;
        Self::new(view, view.seq()).limits(options.limits).parse_threads(options.parse_threads)
    }

    /// A dry run on a side that knows its events, of which the last one is `last_seq`.
    #[must_use]
    pub fn new(base: &'a dyn Side, last_seq: Seq) -> Self {
        Self { base, last_seq, limits: Limits::default(), parse_threads: 0, scratch: Mutex::default() }
    }

    /// Sets the limits on inputs.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the number of threads that parse. Default: 0, one per processor.
    #[must_use]
    pub fn parse_threads(mut self, threads: usize) -> Self {
        self.parse_threads = threads;
        self
    }

    /// Calls `take` with what the database refuses; with `None` if that is not known.
    fn with_refusals<T>(&self, take: impl FnOnce(Option<Refusals<'_>>) -> T) -> T {
        let Some(shared) = self.base.as_view().map(|view| view.db().shared()) else { return take(None) };
        let (erasures, removals) = (shared.erasures.read(), shared.removals.read());
        take(Some(Refusals { erasures: &erasures, removals: &removals, holds: &shared.holds }))
    }

    /// Ends the dry run.
    ///
    /// # Errors
    /// [`DiffError`] if a conversation could not be read. A replay that failed because of it says so in other words.
    pub fn finish(self) -> Result<DryRunOutcome, DiffError> {
        let Scratch { board, failure, .. } = self.scratch.into_inner();
        let last_seq = self.last_seq;
        failure.map_or_else(|| Ok(DryRunOutcome::new(board, last_seq)), Err)
    }
}

impl Target for DryRun<'_> {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn parse_threads(&self) -> usize {
        self.parse_threads
    }

    /// A dry run reads its inputs from the beginning.
    fn bookmark(&self, _name: &str) -> Result<Option<Vec<u8>>, CommitError> {
        Ok(None)
    }

    fn submit(&self, batch: Batch) -> Result<Ticket, SubmitError> {
        let (ticket, completer) = Ticket::pending();
        let mut scratch = self.scratch.lock();
        completer.complete(match scratch.take(batch, self) {
            Ok(receipt) => Ok(receipt),
            Err(error) => {
                let why = error.to_string();
                scratch.failure.get_or_insert(error);
                Err(CommitError::Remote { why })
            }
        });
        Ok(ticket)
    }
}

impl Scratch {
    fn take(&mut self, mut batch: Batch, dry_run: &DryRun<'_>) -> Result<Receipt, DiffError> {
        for id in batch.events.conversations() {
            if !self.touched.contains(id) {
                self.load(id, dry_run.base)?;
            }
        }
        let board = &self.board;
        let admitted: Vec<Option<Admission>> = dry_run.with_refusals(|refusals| {
            let mut admissions = board.admissions();
            let batches = std::slice::from_mut(&mut batch);
            let is_refused = refusals.map(|refusals| refusals.refuse(batches, board)).unwrap_or_default();
            // What was erased is not known to the events that follow.
            let admit = |(place, event): (usize, EventRef<'_>)| {
                let slot = board.slot_of(event.conversation());
                let is_known = refusals.is_some_and(|refusals| refusals.knows(event, slot, board));
                let is_refused = is_refused.get(place) == Some(&true);
                (!is_refused).then_some(is_known)
            };
            let known: Vec<Option<bool>> = batch.events().enumerate().map(admit).collect();
            let admitted = batch.events().zip(known).map(|(event, is_known)| match is_known {
                None => None,
                Some(true) => Some(Admission::Duplicate),
                Some(false) => Some(admissions.admit(event)),
            });
            admitted.collect()
        });
        let mut counts = EffectCounts::default();
        let mut edit = self.board.edit();
        for (event, admission) in batch.events().zip(admitted) {
            counts.add(match admission {
                None => Effect::Erased,
                Some(Admission::Duplicate) => Effect::Duplicate,
                Some(Admission::Log) => {
                    self.new += 1;
                    edit.apply(dry_run.last_seq + self.new, event)
                }
            });
        }
        drop(edit);
        Ok(Receipt::of_counts(counts, None, None, true))
    }

    /// Reads a conversation with all of its events.
    fn load(&mut self, id: &str, base: &dyn Side) -> Result<(), DiffError> {
        let mut history = base.history(id)?.ok_or(DiffError::NoEvents)?;
        history.sort_unstable_by_key(|entry| entry.seq);
        let mut edit = self.board.edit();
        for entry in &history {
            edit.apply(entry.seq, &entry.event);
        }
        drop(edit);
        self.touched.insert(id.to_owned());
        Ok(())
    }
}

impl std::fmt::Debug for DryRun<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DryRun").field("last_seq", &self.last_seq).finish_non_exhaustive()
    }
}

/// The conversations of a dry run, before and after it.
pub struct DryRunOutcome {
    before: BoardAt,
    after: BoardAt,
}

impl DryRunOutcome {
    fn new(board: Board, last_seq: Seq) -> Self {
        let board = Arc::new(board);
        let before = BoardAt { board: board.clone(), moment: Moment::known_at(last_seq) };
        Self { before, after: BoardAt { board, moment: Moment::LATEST } }
    }

    /// The number of conversations in memory, and their size in bytes.
    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, u64) {
        (self.after.board.len(), self.after.board.resident_bytes())
    }

    /// What the events would change. New events have the sequence numbers that they would get.
    ///
    /// # Errors
    /// None so far; as for [`Diff::between`].
    pub fn diff(&self) -> Result<Diff<'_>, DiffError> {
        Diff::between(&self.before, &self.after)
    }
}

impl std::fmt::Debug for DryRunOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DryRunOutcome").finish_non_exhaustive()
    }
}

/// Conversations in memory at a moment.
struct BoardAt {
    board: Arc<Board>,
    moment: Moment,
}

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the path of a method does not fit each lifetime of its type"
)]
impl Side for BoardAt {
    fn known_hash(&self) -> Result<Option<StateHash>, DiffError> {
        Ok(None)
    }

    fn conversations(&self) -> Result<Conversations<'_>, DiffError> {
        let found = self.board.ids().into_iter().filter_map(|id| {
            let hash = self.board.past(&id, self.moment, |past| StateHash::of_state(&past.state()))?;
            Some(Ok(SideConversation::new(id, hash)))
        });
        Ok(Box::new(found))
    }

    fn conversation(&self, id: &str) -> Result<Option<ExportLine>, DiffError> {
        Ok(self.board.past(id, self.moment, |past| ExportLine::from(&past.state())))
    }

    fn history(&self, id: &str) -> Result<Option<Vec<HistoryEntry>>, DiffError> {
        Ok(Some(self.board.past(id, self.moment, |past| past.history()).unwrap_or_default()))
    }
}
