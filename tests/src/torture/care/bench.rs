//! What the commands are killed on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use convofold::StateHash;

use super::desk::Desk;
use crate::command::convofold;
use crate::torture::feed::{Feed, Reference};
use crate::torture::ingester::{Ingester, Meal, Pace};

pub(super) const EVENTS: u64 = 6_000;

/// The commands to kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// `convofold trim`.
    Trim,
    /// `convofold compact`.
    Compact,
    /// `convofold erase`.
    Erase,
    /// `convofold retain`.
    Retain,
    /// `convofold backup`.
    Backup,
    /// `convofold restore`.
    Restore,
    /// `convofold repair`.
    Repair,
}

pub(super) const WORKS: [Work; 7] =
    [Work::Trim, Work::Compact, Work::Erase, Work::Retain, Work::Backup, Work::Restore, Work::Repair];

impl Work {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Trim => "killed trim",
            Self::Compact => "killed compact",
            Self::Erase => "killed erase",
            Self::Retain => "killed retain",
            Self::Backup => "killed backup",
            Self::Restore => "killed restore",
            Self::Repair => "killed repair",
        }
    }
}

/// The files that the commands work on.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) feed: Arc<Feed>,
    pub(super) hash: StateHash,
    /// A database with two checkpoints, so that its log can be trimmed.
    pub(super) db: PathBuf,
    pub(super) backup: PathBuf,
    /// How long each command takes when nobody kills it.
    pub(super) took: BTreeMap<Work, Duration>,
}

impl Bench {
    /// The id of the conversation that is erased.
    pub(super) fn erased(&self) -> &str {
        self.feed.event(1).map_or("", convofold::Event::conversation)
    }

    /// Makes them, and runs each of these commands once.
    pub(super) fn make(folder: &Path, seed: u64, works: &[Work]) -> Result<Self> {
        let feed = Feed::generate(EVENTS, seed)?;
        let hash = Reference::new(feed.clone()).hash_after(EVENTS);
        let (db, backup) = (folder.join("db"), folder.join("backup"));
        let mut after = 0;
        for to in [EVENTS / 3, EVENTS * 2 / 3, EVENTS] {
            let mut ingest = convofold();
            ingest.arg("ingest").arg("--db").arg(&db);
            let meal = Meal { after, to, known: after, pace: Pace::Bursts(60), ends: true };
            let ended = Ingester::start(ingest, &feed, meal)?.finish()?;
            ensure!(ended.status.success(), "ingest failed: {}", ended.stderr);
            after = to;
        }
        let mut bench = Self { feed, hash, db, backup, took: BTreeMap::new() };
        // The others need the backup.
        let others = works.iter().copied().filter(|work| *work != Work::Backup);
        for work in [Work::Backup].into_iter().chain(others) {
            let desk = tempfile::tempdir_in(folder).context("a folder")?;
            let place = Desk { bench: &bench, work, folder: desk.path(), is_in_empty: false };
            place.lay()?;
            let began = Instant::now();
            place.run()?;
            let took = began.elapsed();
            place.expect_done()?;
            if work == Work::Backup {
                fs::copy(place.backup(), &bench.backup).context("keeping the backup")?;
            }
            bench.took.insert(work, took);
        }
        Ok(bench)
    }
}
