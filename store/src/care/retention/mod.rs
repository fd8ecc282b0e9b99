//! Retention: what is older than the rules allow is removed, and does not come back.
//!
//! The log is trimmed first ([`Convofold::trim_log`]). Then the storage is written again without old texts and without
//! conversations that ended long ago, as for an erasure. Decision 0045 gives the reasons.
//!
//! ```text
//! plan      which conversations lose texts, and which ones are removed
//! copy      log, pages, heads, recorded hashes and records, without them
//! prove     plan again, of the copy: nothing is left to do
//! move      HEAD names the copy, memory follows
//! ```

mod bits;
mod error;
mod plan;
mod rules;

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use convofold_engine::{ConversationImage, Seq, StateHash, Time};

pub use self::error::RetainError;
use self::plan::{Keeps, Plan};
pub use self::rules::{NeedsLog, Retention, Rule};
use crate::api::handle::Convofold;
use crate::care::rewrite::live::{Rewriting, Source, Written};
use crate::care::rewrite::{Copied, Copier, RewriteError, random};
use crate::checkpoint::record::read_record;
use crate::format::erasures::{Key, StoredErasure};
use crate::format::numbered::NumberedRecord;
use crate::format::retention::{StoredHorizon, StoredRetentionRun};
use crate::log::events::{EventReader, UpTo};
use crate::options::Options;
use crate::state::base::all_images;
use crate::state::lent_storage::LentStorage;
use crate::state::records;
use crate::state::retention::{Removals, keyed};
pub use crate::state::retention::{RetentionHorizon, RetentionRun};
use crate::storage::StorageError;
use crate::trace::{span, tell};
use crate::write::idle_run::{IdleRun, SpoiltBy};
use crate::write::replacing::{Late, Spoils};
use crate::write::writer::Command;

/// What a run of retention did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Retained {
    /// The run as it is recorded; of a dry run, as it would be.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub run: RetentionRun,
    /// Length of the storage before, in bytes.
    pub before_bytes: u64,
    /// Length of the storage now, in bytes.
    pub after_bytes: u64,
    /// Number of stored values with recorded hashes that were damaged, and are gone. Each had up to 128.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "crate::state::receipt::is_none"))]
    pub damaged_values: u64,
}

/// What a run does: its record, and the number of damaged values that were left out.
type RewritingRun = Rewriting<(RetentionRun, u64), RetainError>;

/// What became of the storage.
struct Removed {
    horizons: Vec<StoredHorizon>,
    held: u64,
    last_seq: Seq,
    hash_before: StateHash,
    hash_after: StateHash,
}

impl Convofold {
    /// Removes what is older than these rules allow at this time. With `dry_run`, reports what would be removed, and changes nothing.
    ///
    /// The log is trimmed first. If texts or conversations are removed, the storage is then written again without them, while
    /// the database is used: the file system must have room for a second copy, and commits wait only for the last step, as for
    /// [`Convofold::erase`]. The copy is read again before it is used. Nothing that was removed comes back: the texts of
    /// events that arrive again, or late, are removed before they are logged, and events of removed conversations are counted as
    /// erased. Conversations under a legal hold stay as they are and are counted.
    ///
    /// Questions about a moment, and reports of a period, from which conversations were removed fail with
    /// [`StorageError::Expired`]. If the process is killed, all of the run is done, or nothing but the trim.
    ///
    /// A dry run reads every conversation; it counts only what the present log allows, without trimming it.
    ///
    /// # Errors
    /// [`RetainError`].
    pub fn retain(&self, rules: &Retention, now: Time, dry_run: bool) -> Result<Retained, RetainError> {
        span!("retain", dry_run);
        rules.check()?;
        if dry_run {
            return self.would_retain(rules, now);
        }
        let before_bytes = self.stats().disk_bytes;
        let trimmed = rules.log_before(now).map(|before| self.trim_log(before)).transpose()?;
        let trimmed = trimmed.map_or(0, |trimmed| trimmed.events);
        let horizons = rules.horizons(now);
        let record = |removed: Removed| self.record_of(rules, now, trimmed, removed);
        let idle = RefCell::new(None);
        let write = |source: &Source<'_>| self.write_again(source, &horizons, &idle, &record);
        let rewritten = if horizons.is_empty() { None } else { self.rewrite(write)? };
        let done = rewritten.map(|rewritten| rewritten.report).or(idle.take().map(|run| (run, 0)));
        let (run, damaged_values) =
            done.map_or_else(|| Ok((self.record_unread(horizons, record)?, 0)), Ok::<_, RetainError>)?;
        tell!(info, number = run.number, trimmed, "retained");
        Ok(Retained { run, before_bytes, after_bytes: self.stats().disk_bytes, damaged_values })
    }

    /// All runs of retention, in order.
    #[must_use]
    pub fn retention_runs(&self) -> Vec<RetentionRun> {
        self.shared().removals.read().runs()
    }

    fn would_retain(&self, rules: &Retention, now: Time) -> Result<Retained, RetainError> {
        let shared = self.shared();
        let start = shared.log_start.read().position;
        let to = rules.log_before(now).map(|before| self.log_start_for(before)).transpose()?;
        let end = to.map_or(start, |to| to.position);
        let mut plan = Plan::new(rules.horizons(now), end.seq);
        let storage = LentStorage::of(shared);
        let keeps = |image: &ConversationImage| shared.holds.keeps(image);
        for (image, slot) in all_images(shared, storage.as_ref()).zip(0..) {
            plan.add(slot, &image?, &keeps)?;
        }
        // Or some may be missing: in memory, the conversations have other places now.
        storage.expect_current()?;
        let (hash, last_seq) = (self.state_hash(), self.last_seq());
        let Plan { horizons, held, .. } = plan;
        let removed = Removed { horizons, held, last_seq, hash_before: hash, hash_after: hash };
        let (number, run) = self.record_of(rules, now, end.seq - start.seq, removed)?;
        let run = RetentionRun::of(number, &run);
        let bytes = self.stats().disk_bytes;
        Ok(Retained { run, before_bytes: bytes, after_bytes: bytes, damaged_values: 0 })
    }

    /// Writes what the checkpoint contains without what goes. If nothing goes, the run is recorded, in `idle` too.
    fn write_again(
        &self,
        source: &Source<'_>,
        horizons: &[StoredHorizon],
        idle: &RefCell<Option<RetentionRun>>,
        record_of: &impl Fn(Removed) -> Result<(u64, StoredRetentionRun), StorageError>,
    ) -> Result<RewritingRun, RetainError> {
        let Source { from, base, .. } = source;
        let shared = self.shared();
        let keeps = |image: &ConversationImage| shared.holds.keeps(image);
        let before = read_record(from.as_ref(), base.generation)?;
        let plan = Plan::new(horizons.to_vec(), base.start.position.seq);
        let plan = plan.read(from.as_ref(), &before, &base.pages, &keeps)?;
        if plan.is_empty() {
            let hash = StateHash::from_bytes(before.state_hash);
            let (horizons, last_seq) = (plan.horizons.clone(), before.last_seq);
            let removed = Removed { horizons, held: plan.held, last_seq, hash_before: hash, hash_after: hash };
            let (number, run) = record_of(removed)?;
            let spoils = self.spoils(&plan, shared.removals.read().with(number, run.clone()), last_seq);
            let spoilt_by = Some(SpoiltBy { checkpoints_begun: source.checkpoints_begun, spoils });
            let recorded = self.record_idle(IdleRun { number, run, spoilt_by })?;
            let outcome = if recorded.is_some() { Rewriting::Nothing } else { Rewriting::Outdated };
            idle.replace(recorded);
            return Ok(outcome);
        }
        let target = source.begin()?;
        let to = target.storage();
        let mut copier = Copier::new(from.as_ref(), to.as_ref(), &plan, shared.options.bounds.part_bytes)?;
        let copied = copier.copy_all(base)?;
        let removed = Removed {
            horizons: plan.horizons.clone(),
            held: plan.held,
            last_seq: before.last_seq,
            hash_before: StateHash::from_bytes(before.state_hash),
            hash_after: StateHash::from_bytes(copied.record.state_hash),
        };
        let (number, run) = record_of(removed)?;
        copier.records(StoredErasure::NAMES)?;
        copier.records(StoredRetentionRun::NAMES)?;
        records::store(to.as_ref(), number, &run, copier.compressor())?;
        to.barrier()?;
        prove(source.reader_of(&target), &copied, &plan, &keeps)?;
        let report = (RetentionRun::of(number, &run), copied.damaged_values);
        let spoils = self.spoils(&plan, shared.removals.read().with(number, run), before.last_seq);
        let last_step = Box::new(|| Ok(()));
        Ok(Rewriting::Written(Written { target, position: copied.position, spoils, last_step, report }))
    }

    /// A conversation spoils the copy if it got an event meanwhile that should not be there `after` the run.
    fn spoils(&self, plan: &Plan, after: Removals, last_seq: Seq) -> Spoils {
        let (shared, plan) = (self.shared().clone(), plan.empty());
        Box::new(move |late| {
            let Late::Conversation(image) = late else { return false };
            let keeps = |image: &ConversationImage| shared.holds.keeps(image);
            let is_gone = |tenant: Option<&str>| {
                let mut facts = image.facts.iter().chain(image.conflicts.iter());
                let first_seq = image.facts.iter().chain(image.conflicts.iter()).map(|fact| fact.seq).min();
                first_seq > Some(last_seq) && facts.any(|fact| after.is_gone(tenant, fact.at.alone(), first_seq))
            };
            plan.changes_one(image, &keeps, is_gone).unwrap_or(true)
        })
    }

    /// Records a run for which no conversation was read: there were none, or no rule is about texts or conversations.
    fn record_unread(
        &self,
        horizons: Vec<StoredHorizon>,
        record_of: impl Fn(Removed) -> Result<(u64, StoredRetentionRun), StorageError>,
    ) -> Result<RetentionRun, RetainError> {
        // So that no copy of the storage lacks the record.
        let _nobody_copies = self.shared().compacting.lock();
        let (last_seq, spoilt_by) = if horizons.is_empty() {
            (self.last_seq(), None)
        } else {
            (0, Some(SpoiltBy { checkpoints_begun: u64::MAX, spoils: Box::new(|_| true) }))
        };
        let hash = self.state_hash();
        let (number, run) = record_of(Removed { horizons, held: 0, last_seq, hash_before: hash, hash_after: hash })?;
        let recorded = self.record_idle(IdleRun { number, run, spoilt_by })?;
        Ok(recorded.ok_or(RewriteError::Busy { copies: 1 })?)
    }

    /// Records a run that changed nothing in the storage but the log; `None` if something that it should remove arrived meanwhile.
    fn record_idle(&self, idle: IdleRun) -> Result<Option<RetentionRun>, RetainError> {
        let report = RetentionRun::of(idle.number, &idle.run);
        let is_recorded = self.request(|completer| Command::Retain(Box::new(idle), completer))?;
        Ok(is_recorded.then_some(report))
    }

    /// What is recorded of a run, with its number.
    fn record_of(
        &self,
        rules: &Retention,
        now: Time,
        trimmed: u64,
        removed: Removed,
    ) -> Result<(u64, StoredRetentionRun), StorageError> {
        let known = self.shared().removals.read();
        let key = known.key().map_or_else(random_key, Ok)?;
        let Removed { horizons, held, last_seq, hash_before, hash_after } = removed;
        let run = StoredRetentionRun {
            key,
            at_ms: now.ms(),
            last_seq,
            log_before_ms: rules.log_before(now).map(Time::ms),
            trimmed,
            horizons,
            held,
            keyed_hash_before: keyed(&key, hash_before),
            hash_after: hash_after.to_bytes(),
        };
        Ok((known.last().saturating_add(1), run))
    }
}

impl Retention {
    /// Opens the database in this directory with these options, removes what is older than the rules say
    /// ([`Convofold::retain`]), and closes it.
    ///
    /// # Errors
    /// [`RetainError`].
    pub fn run(&self, dir: impl AsRef<Path>, now: Time, options: &Options) -> Result<Retained, RetainError> {
        self.check()?;
        let db = options.clone().open(dir)?;
        let retained = db.retain(self, now, false)?;
        db.close()?;
        Ok(retained)
    }
}

/// Reads the copy again: by the same rules, nothing is left to do.
fn prove(copy: Arc<LentStorage>, copied: &Copied, plan: &Plan, keeps: Keeps<'_>) -> Result<(), RetainError> {
    let Copied { start, position, record, pages, .. } = copied;
    let again = Plan::new(plan.empty().horizons, start.position.seq).read(copy.as_ref(), record, pages, keeps)?;
    if !again.is_empty() {
        return Err(left("a conversation or a text that should be gone"));
    }
    let mut reader = EventReader::new(copy, start.position, UpTo::Place(*position));
    reader.read_ahead(|block| {
        let mut events = block.events();
        let is_left = events.any(|(seq, _, event)| plan.changes_event(seq) && event.has_text_before(Time::MAX));
        if is_left { Err(left("a text in the log that should be gone")) } else { Ok(()) }
    })
}

fn left(what: &str) -> RetainError {
    RetainError::Left { what: what.to_owned() }
}

fn random_key() -> Result<Key, StorageError> {
    let mut key = Key::default();
    random(&mut key).map(|()| key)
}
