//! Repair: everything that can still be read of a damaged store, in a new one.
//!
//! sled is not asked. Its file is searched for chunks, of which blocks and pages are put together; blocks are followed
//! along their chain; events of blocks that are gone are taken from the memories that checkpoints hold; and all of them, in
//! their order, go into a new store. The old one is only read. What is lost is listed.

mod carving;
mod chain;
mod pages;
mod rebuild;
mod report;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use self::carving::Carved;
use self::chain::Link;
use self::rebuild::Rebuild;
pub use self::report::{Lost, RepairReport};
use crate::care::new_store::NewStore;
use crate::checkpoint::record::generation_of;
use crate::format::checkpoint::{self as record, CheckpointRecord};
use crate::format::log_start;
use crate::format::marks::Marks;
use crate::log::start::RECORD;
use crate::open::directory::{Directory, doing};
use crate::open::error::OpenError;
use crate::open::safety_copy::untouched;
use crate::options::Options;
use crate::storage::chunk::Tree;
use crate::storage::end_mark::EndMark;
use crate::trace::{span, tell};
use crate::write::batch::SubmitError;
use crate::write::error::{CloseError, CommitError};

/// Why a repair did not come about. The damaged store is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    /// There is nothing in the directory that could be read: no block of a log, no page of a checkpoint.
    #[error("nothing that can be read was found in {}", .dir.display())]
    Nothing {
        /// The directory.
        dir: PathBuf,
    },
    /// The damaged store is in use, one of the directories cannot be used, or the new store does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new store takes no events.
    #[error("the new store takes no events")]
    Submit(#[from] SubmitError),
    /// The new store could not be written.
    #[error("the new store could not be written")]
    Commit(#[from] CommitError),
    /// The new store could not be closed.
    #[error("the new store could not be closed")]
    Close(#[from] CloseError),
    /// The new store is not what was put into it. A fault of convofold: please report it.
    #[error("the new store holds {found} events, {expected} were put into it, or their state is another")]
    Different {
        /// How many were put into it.
        expected: u64,
        /// How many it holds.
        found: u64,
    },
}

/// How far a repair is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RepairProgress {
    /// The file is being searched.
    Searching {
        /// How many bytes were.
        bytes: u64,
        /// How many there are.
        total: u64,
    },
    /// The new store is being written.
    Writing {
        /// How many events are.
        events: u64,
        /// How many are known of.
        total: u64,
    },
}

/// A repair, to be set up and run.
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
}

impl<'a> Repair<'a> {
    /// A repair of the store in `damaged`, which is only read, into a new one in `repaired`, which must be empty or not
    /// there yet.
    #[must_use]
    pub fn new(damaged: impl AsRef<Path>, repaired: impl AsRef<Path>) -> Self {
        Self {
            damaged: damaged.as_ref().to_owned(),
            repaired: repaired.as_ref().to_owned(),
            on_progress: Box::new(|_| {}),
        }
    }

    /// Is told of the progress, some times a second on an ordinary disk.
    #[must_use]
    pub fn on_progress(mut self, tell: impl FnMut(RepairProgress) + 'a) -> Self {
        self.on_progress = Box::new(tell);
        self
    }

    /// Repairs. The new store is there under its name when this returns, checked and closed, or not at all. Its events
    /// are numbered anew, without the holes of those that are lost.
    ///
    /// # Errors
    /// [`RepairError`] says what is in the way. The damaged store is as it was.
    pub fn run(mut self) -> Result<RepairReport, RepairError> {
        span!("repair", damaged = %self.damaged.display(), repaired = %self.repaired.display());
        let started = Instant::now();
        let _lock = Directory::lock(&self.damaged)?;
        let end_mark = EndMark::read(&self.damaged).map_err(doing("reading the mark in", &self.damaged))?.known();
        let new_store = NewStore::begin(&self.repaired)?;
        let file = untouched(&self.damaged).join("db");
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
        if links.is_empty() && from_pages.is_empty() {
            return Err(RepairError::Nothing { dir: self.damaged });
        }

        let marks = marks(&mut carved).map_err(failed)?;
        // A group for each submission, so that each keeps the time of its commit.
        let db = Options::new().group_max_events(1).open(new_store.path())?;
        let mut rebuild = Rebuild::new(&db, from_pages, marks, checkpoints, known, self.on_progress);
        for link in &links {
            if let Some(block) = chain::read(&mut carved, link).map_err(failed)? {
                rebuild.block(link.key.block_no, block)?;
            }
        }
        let report = rebuild.finish()?;
        let expected = (report.events, db.state_hash());
        db.close()?;
        drop(db);
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
        Ok(RepairReport { blocks, conversations, state_hash: found.1, took: started.elapsed(), ..report })
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

/// The records of checkpoints that can be read, oldest first.
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

/// The events that are in no block, though it is known that there were events up to `known`.
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
