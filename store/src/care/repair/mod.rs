//! Repair: copies what can be read of a damaged database into a new one.
//!
//! It does not use sled: it searches sled's file for fragments, assembles blocks and pages from them, and follows the
//! chain of blocks. Events of lost blocks are taken from the conversations in checkpoints. All events go into a new
//! database in log order. The damaged database is only read. The report lists what is lost.

mod carving;
mod chain;
mod pages;
mod rebuild;
mod report;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use convofold_engine::Seq;

use self::carving::Carved;
use self::chain::Link;
use self::rebuild::Rebuild;
pub use self::report::{Lost, RepairReport};
use crate::bounds::Bounds;
use crate::care::new_store::NewStore;
use crate::checkpoint::record::generation_of;
use crate::checkpoint::recorded::{self, in_order, number_of, write_recorded_hashes};
use crate::format::checkpoint::{self as record, CheckpointRecord};
use crate::format::frame::Compressor;
use crate::format::holds::StoredHold;
use crate::format::log_start;
use crate::format::marks::Marks;
use crate::format::numbered::{self, Numbered, NumberedRecord, NumberedRecords};
use crate::format::recorded_hashes::{self, StoredHash};
use crate::log::start::RECORD;
use crate::open::directory::{SharedDirectory, doing};
use crate::open::error::OpenError;
use crate::open::safety_copy::untouched;
use crate::options::Options;
use crate::state::records::{MAX_LOST_RECORDS, number_of as number_of_record, store_all};
use crate::storage::end_mark::{DEFAULT_STORAGE, EndMark, LastRecords, storage_folder};
use crate::storage::fragment::Tree;
use crate::storage::sled::{SledOptions, SledStorage};
use crate::storage::{Storage, StorageError, release};
use crate::trace::{span, tell};
use crate::write::batch::SubmitError;
use crate::write::error::{CloseError, CommitError};

/// Why a repair failed. The damaged database is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    /// The directory contains no readable block, page, erasure, legal hold or run of retention.
    #[error("no readable data found in {}", .dir.display())]
    Nothing {
        /// The directory.
        dir: PathBuf,
    },
    /// The damaged database is in use, one of the directories cannot be used, or the new database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new database does not accept events.
    #[error("the new database does not accept events")]
    Submit(#[from] SubmitError),
    /// The new database could not be written.
    #[error("the new database could not be written")]
    Commit(#[from] CommitError),
    /// The new database could not be closed.
    #[error("the new database could not be closed")]
    Close(#[from] CloseError),
    /// The new database differs from what was written to it. A bug in convofold: please report it.
    #[error("the new database is wrong: expected {expected} events, found {found}, or the states differ")]
    Different {
        /// Number of events that were written to it.
        expected: u64,
        /// Number of events in it.
        found: u64,
    },
}

/// The progress of a repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RepairProgress {
    /// The file is being searched.
    Searching {
        /// Number of bytes searched.
        bytes: u64,
        /// Total number of bytes.
        total: u64,
    },
    /// The new database is being written.
    Writing {
        /// Number of events written.
        events: u64,
        /// Number of events known to have existed.
        total: u64,
    },
}

/// A repair: configure it, then call [`Repair::run`].
///
/// ```
/// # use convofold_store::{Batch, Convofold};
/// use convofold_store::repair::Repair;
///
/// # let dir = tempfile::tempdir()?;
/// # let (damaged, repaired) = (dir.path().join("damaged"), dir.path().join("repaired"));
/// # let db = Convofold::open(&damaged)?;
/// # use convofold_engine::{Draft, Kind, Time};
/// # let event = Draft::new("helpdesk", "case-7", Kind::Message, Time::from_ms(1_700_000_000_000));
/// # db.submit(Batch::new(vec![event.build()?]))?.wait()?;
/// # db.close()?;
/// let report = Repair::new(&damaged, &repaired).run()?;
/// for lost in &report.lost {
///     println!("events {} to {} are gone", lost.first_seq, lost.last_seq);
/// }
/// # assert_eq!((report.events, report.lost.len()), (1, 0));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Repair<'a> {
    damaged: PathBuf,
    repaired: PathBuf,
    on_progress: Box<dyn FnMut(RepairProgress) + 'a>,
    pub(crate) bounds: Bounds,
}

impl<'a> Repair<'a> {
    /// Creates a repair of the database in `damaged`, which is only read, into a new database in `repaired`, which must
    /// be empty or not exist.
    #[must_use]
    pub fn new(damaged: impl AsRef<Path>, repaired: impl AsRef<Path>) -> Self {
        Self {
            damaged: damaged.as_ref().to_owned(),
            repaired: repaired.as_ref().to_owned(),
            on_progress: Box::new(|_| {}),
            bounds: Bounds::default(),
        }
    }

    /// Sets a function that is called with the progress, several times per second.
    #[must_use]
    pub fn on_progress(mut self, tell: impl FnMut(RepairProgress) + 'a) -> Self {
        self.on_progress = Box::new(tell);
        self
    }

    /// Runs the repair. When it returns, the new database exists, checked and closed; after an error or a crash it does
    /// not exist. Its events are numbered without the gaps of lost events.
    ///
    /// # Errors
    /// [`RepairError`] if the repair failed. The damaged database is unchanged.
    pub fn run(mut self) -> Result<RepairReport, RepairError> {
        span!("repair", damaged = %self.damaged.display(), repaired = %self.repaired.display());
        let started = Instant::now();
        let _lock = SharedDirectory::lock(&self.damaged)?;
        let end_mark = EndMark::read(&self.damaged).map_err(doing("reading the end mark in", &self.damaged))?.known();
        let last = LastRecords::read(&self.damaged).map_err(doing("reading the end mark in", &self.damaged))?;
        let new_store = NewStore::begin(&self.repaired)?;
        let folder = storage_folder(&self.damaged).map_err(doing("reading the mark in", &self.damaged))?;
        let file = untouched(&folder).join("db");
        let failed = |error: io::Error| RepairError::Open(doing("reading", &file)(error));

        let tell = &mut self.on_progress;
        let mut carved = Carved::from_file(&file, &mut |bytes, total| tell(RepairProgress::Searching { bytes, total }))
            .map_err(failed)?;
        let links = chain::log(&mut carved, end_mark).map_err(failed)?;
        let checkpoints = checkpoints(&mut carved).map_err(failed)?;
        let known = checkpoints.iter().map(|checkpoint| checkpoint.last_seq).max().unwrap_or_default();
        let known = known.max(end_mark.map_or(0, |end_mark| end_mark.last_seq));
        let gaps = gaps(&links, known);
        let from_pages =
            if gaps.is_empty() { Default::default() } else { pages::from_pages(&mut carved, &gaps).map_err(failed)? };
        let (records, lost) = records_in(&mut carved, last).map_err(failed)?;
        // A database can have legal holds before its first event.
        if links.is_empty() && from_pages.is_empty() && records.is_empty() {
            return Err(RepairError::Nothing { dir: self.damaged });
        }

        let marks = marks(&mut carved).map_err(failed)?;
        let kept = Kept { recorded: recorded_in(&mut carved).map_err(failed)?, records };
        // One group for each submission, so that each keeps the time of its commit.
        let db = Options { bounds: self.bounds, ..Options::new().group_max_events(1) }.open(new_store.path())?;
        let mut rebuild = Rebuild::new(&db, from_pages, marks, checkpoints, known, self.on_progress);
        for link in &links {
            if let Some(block) = chain::read(&mut carved, link).map_err(failed)? {
                rebuild.block(link.key.block_no, block)?;
            }
        }
        let (report, whole_until) = rebuild.finish()?;
        let expected = (report.events, db.state_hash());
        db.close()?;
        drop(db);
        kept.keep(whole_until, new_store.path())?;
        let db = Options::new().create(false).open(new_store.path())?;
        let found = (db.stats().last_seq, db.state_hash());
        let conversations = db.stats().conversations;
        db.close()?;
        drop(db);
        if found != expected {
            return Err(RepairError::Different { expected: expected.0, found: found.0 });
        }
        new_store.finish()?;
        let blocks = links.len() as u64;
        tell!(warn, events = report.events, lost = report.lost_total(), took = ?started.elapsed(), "repaired");
        let took = started.elapsed();
        let (lost_erasures, lost_holds, lost_retention_runs) = (lost.erasures, lost.holds, lost.retention_runs);
        let lost = RepairReport { lost_erasures, lost_holds, lost_retention_runs, ..report };
        Ok(RepairReport { blocks, conversations, state_hash: found.1, took, ..lost })
    }
}

impl std::fmt::Debug for Repair<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repair")
            .field("damaged", &self.damaged)
            .field("repaired", &self.repaired)
            .finish_non_exhaustive()
    }
}

/// The readable checkpoint records, oldest first.
fn checkpoints(carved: &mut Carved) -> io::Result<Vec<CheckpointRecord>> {
    let mut checkpoints = Vec::new();
    for name in carved.records() {
        let Some(generation) = generation_of(&name) else { continue };
        checkpoints.extend(carved.find(Tree::Records, name.as_bytes(), |value| record::open(generation, value).ok())?);
    }
    checkpoints.sort_by_key(|checkpoint| checkpoint.last_block_no);
    Ok(checkpoints)
}

/// The times of the commits before the log, as far as they can be read.
fn marks(carved: &mut Carved) -> io::Result<Marks> {
    let found = carved.find(Tree::Records, RECORD.as_bytes(), |value| log_start::open(value).ok())?;
    Ok(found.into_iter().max_by_key(|start| start.position.seq).map(|start| start.marks).unwrap_or_default())
}

/// The recorded hashes that can be read.
fn recorded_in(carved: &mut Carved) -> io::Result<Vec<StoredHash>> {
    let mut recorded = Vec::new();
    for name in carved.records() {
        let Some(number) = number_of(&name) else { continue };
        let found = carved.find(Tree::Records, name.as_bytes(), |value| recorded_hashes::open(number, value).ok())?;
        recorded.extend(found.into_iter().flatten());
    }
    Ok(recorded)
}

/// The numbers of records that are lost.
#[derive(Default)]
struct LostRecords {
    erasures: Vec<u64>,
    holds: Vec<u64>,
    retention_runs: Vec<u64>,
}

/// The erasures, legal holds and runs of retention that can be read, and the numbers of the others. Without them, what is gone
/// would come back, and what must stay could be removed.
fn records_in(carved: &mut Carved, last: LastRecords) -> io::Result<(NumberedRecords, LostRecords)> {
    let (erasures, lost_erasures) = records_of(carved, last.erasures, |_| true)?;
    // A hold that was lifted has an earlier version that was not.
    let (holds, lost_holds) = records_of(carved, last.holds, |hold: &StoredHold| hold.0.is_none())?;
    let (retention_runs, lost_runs) = records_of(carved, last.retention_runs, |_| true)?;
    let lost = LostRecords { erasures: lost_erasures, holds: lost_holds, retention_runs: lost_runs };
    Ok((NumberedRecords { erasures, holds, retention_runs }, lost))
}

/// The records of one kind that can be read, and the numbers of the others up to the last one that is known. Of several
/// versions, one that is final counts.
fn records_of<T: NumberedRecord>(
    carved: &mut Carved,
    last: u64,
    is_final: impl Fn(&T) -> bool,
) -> io::Result<(Numbered<T>, Vec<u64>)> {
    let (mut readable, mut last) = (BTreeMap::new(), last);
    for name in carved.records() {
        let Some(number) = number_of_record::<T>(&name) else { continue };
        last = last.max(number);
        let mut versions = carved.find(Tree::Records, name.as_bytes(), |value| numbered::open(number, value).ok())?;
        versions.sort_by_key(&is_final);
        readable.extend(versions.pop().map(|record| (number, record)));
    }
    // A database has few of them, and the number of a damaged record can be wrong.
    let lost = (1..=last).filter(|number| !readable.contains_key(number)).take(MAX_LOST_RECORDS).collect();
    Ok((readable.into_iter().collect(), lost))
}

/// What the new database gets beside its events.
struct Kept {
    recorded: Vec<StoredHash>,
    records: NumberedRecords,
}

impl Kept {
    /// Adds it to the new database, which is closed. Of the recorded hashes those up to the first lost event: later states
    /// lack the lost events.
    fn keep(mut self, whole_until: Seq, repaired: &Path) -> Result<(), OpenError> {
        self.recorded.retain(|hash| hash.seq <= whole_until);
        if self.recorded.is_empty() && self.records.is_empty() {
            return Ok(());
        }
        let options = Options::new();
        let sled = SledOptions { segment_bytes: options.segment_bytes, cache_bytes: options.cache_bytes };
        let storage: Arc<dyn Storage> = Arc::new(SledStorage::open(&repaired.join(DEFAULT_STORAGE), sled)?);
        let (new, _) = recorded::recorded_hashes(storage.as_ref())?;
        self.recorded.extend(new);
        let mut compressor = Compressor::new().map_err(StorageError::io("creating a compressor"))?;
        write_recorded_hashes(storage.as_ref(), &mut compressor, &in_order(self.recorded))?;
        store_all(storage.as_ref(), &self.records, &mut compressor)?;
        storage.barrier()?;
        Ok(release(storage)?)
    }
}

/// The events up to `known` that are in no block.
fn gaps(links: &[Link], known: u64) -> Vec<Lost> {
    let mut gaps = Vec::new();
    let mut next = 1;
    let ends = links.iter().map(|link| (link.key.first_seq, link.end_seq()));
    for (first, end) in ends.chain([(known.saturating_add(1), 0)]) {
        if first > next {
            gaps.push(Lost::range(next, first - 1));
        }
        next = next.max(end);
    }
    gaps
}
