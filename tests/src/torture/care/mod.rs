//! Kills of the commands that care for a database: SIGKILL at a random moment of `trim`, `compact`, `erase`, `backup`,
//! `restore` and `repair`.
//!
//! The database that was there must stay whole. What has its final name must be complete. The same command must succeed
//! afterwards, or name what has to be removed first.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use convofold::{Options, Seq, StateHash};
use rand::RngExt;

use super::answers::PATIENCE;
use super::campaign::{Campaign, Trials};
use super::examination::{copy_folder, expect_log};
use super::feed::{Feed, Reference};
use super::ingester::{Ingester, Meal, Pace};
use super::limits::{Ran, run_limited};
use super::report::Report;
use crate::command::convofold;

const EVENTS: u64 = 6_000;

/// The commands to kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Trim,
    Compact,
    Erase,
    Backup,
    Restore,
    Repair,
}

const WORKS: [Work; 6] = [Work::Trim, Work::Compact, Work::Erase, Work::Backup, Work::Restore, Work::Repair];

impl Work {
    fn name(self) -> &'static str {
        match self {
            Self::Trim => "killed trim",
            Self::Compact => "killed compact",
            Self::Erase => "killed erase",
            Self::Backup => "killed backup",
            Self::Restore => "killed restore",
            Self::Repair => "killed repair",
        }
    }
}

/// Kills until all trials are done.
///
/// # Errors
/// If the files cannot be made.
pub fn run(campaign: &Campaign) -> Result<Report> {
    let folder = tempfile::Builder::new().prefix("care-").tempdir().context("a folder")?;
    let bench = Bench::make(folder.path(), campaign.seed)?;
    campaign.run(1, |range, trials| {
        for trial in range {
            let desk = tempfile::Builder::new().prefix("care-").tempdir_in(folder.path()).context("a folder")?;
            let work = *WORKS.get(usize::try_from(trial)? % WORKS.len()).unwrap_or(&Work::Trim);
            let place = Desk { bench: &bench, work, folder: desk.path(), is_in_empty: trials.random(trial).random() };
            match place.kill(trial, trials).with_context(|| format!("{place:?}")) {
                Ok(true) => trials.passed(work.name()),
                Ok(false) => trials.passed("ended before the kill"),
                Err(error) => trials.failed(trial, &error, Some(desk)),
            }
        }
        Ok(())
    })
}

/// The files that the commands work on.
#[derive(Debug)]
struct Bench {
    feed: Arc<Feed>,
    hash: StateHash,
    /// A database with two checkpoints, so that its log can be trimmed.
    db: PathBuf,
    backup: PathBuf,
    /// How long each command takes when nobody kills it.
    took: BTreeMap<Work, Duration>,
}

impl Bench {
    /// The id of the conversation that is erased.
    fn erased(&self) -> &str {
        self.feed.event(1).map_or("", convofold::Event::conversation)
    }

    fn make(folder: &Path, seed: u64) -> Result<Self> {
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
        for work in [Work::Backup, Work::Restore, Work::Trim, Work::Compact, Work::Erase, Work::Repair] {
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

/// The place of one trial.
#[derive(Debug)]
struct Desk<'a> {
    bench: &'a Bench,
    work: Work,
    folder: &'a Path,
    /// Whether the new database is made in an empty folder that exists.
    is_in_empty: bool,
}

impl Desk<'_> {
    fn db(&self) -> PathBuf {
        self.folder.join("db")
    }

    fn backup(&self) -> PathBuf {
        self.folder.join("backup")
    }

    /// The new database of `restore` and `repair`.
    fn into(&self) -> PathBuf {
        self.folder.join("new")
    }

    fn lay(&self) -> Result<()> {
        if self.work == Work::Restore {
            // Nothing may be lost by a killed restore, so one copy is enough.
            fs::copy(&self.bench.backup, self.backup()).context("copying the backup")?;
        } else {
            copy_folder(&self.bench.db, &self.db())?;
        }
        if self.is_in_empty {
            fs::create_dir(self.into()).context("making a folder")?;
        }
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = convofold();
        match self.work {
            Work::Trim => command.args(["trim", "--older-than", "1ms", "--db"]).arg(self.db()),
            Work::Compact => command.args(["compact", "--db"]).arg(self.db()),
            Work::Erase => command.args(["erase", "--conversation", self.bench.erased(), "--db"]).arg(self.db()),
            Work::Backup => command.arg("backup").arg(self.backup()).arg("--db").arg(self.db()),
            Work::Restore => command.arg("restore").arg(self.backup()).arg("--db").arg(self.into()),
            Work::Repair => command.args(["repair", "--db"]).arg(self.db()).arg("--into").arg(self.into()),
        };
        command
    }

    /// Runs the command to its end.
    fn try_run(&self) -> Result<Ran> {
        let ran = run_limited(&self.command(), PATIENCE, self.folder)?;
        match ran.disgrace() {
            Some(disgrace) => bail!("it failed badly ({disgrace}): {}", ran.stderr.trim()),
            None => Ok(ran),
        }
    }

    fn run(&self) -> Result<()> {
        let ran = self.try_run()?;
        ensure!(ran.code() == Some(0), "it ended with {:?}: {}", ran.code(), ran.stderr.trim());
        Ok(())
    }

    /// Kills the command and checks what is left. Returns whether it was killed before its end.
    fn kill(&self, trial: u64, trials: &Trials<'_>) -> Result<bool> {
        self.lay()?;
        let took = self.bench.took.get(&self.work).copied().unwrap_or_default();
        let mut child =
            self.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("starting a command")?;
        sleep(trials.random(trial).random_range(Duration::ZERO..=took));
        child.kill().context("killing")?;
        let status = child.wait().context("waiting for the end")?;
        let is_killed = status.signal() == Some(9);
        ensure!(is_killed || status.success(), "it ended by itself with {status}");
        if self.work == Work::Erase {
            let is_erased = expect_erased(&self.db(), self.bench).context("the database that was there")?;
            trials.saw("erasures that were complete at the kill", u64::from(is_erased && is_killed));
        } else if self.work != Work::Restore {
            expect_whole(&self.db(), self.bench, self.work == Work::Trim).context("the database that was there")?;
        }
        match self.work {
            Work::Trim => self.run().context("trim after a killed one")?,
            Work::Compact => self.run().context("compact after a killed one")?,
            Work::Erase => self.run().context("erase after a killed one")?,
            Work::Backup => {
                let is_made = fs::exists(self.backup())?;
                trials.saw("backups that were complete at the kill", u64::from(is_made && is_killed));
                if !is_made {
                    self.run().context("backup after a killed one")?;
                }
            }
            Work::Restore | Work::Repair => self.make_again(trials)?,
        }
        self.expect_done().context("after the command had run again")?;
        Ok(is_killed)
    }

    /// Makes the new database after a kill, unless it is complete.
    fn make_again(&self, trials: &Trials<'_>) -> Result<()> {
        if self.into().join("FORMAT").exists() {
            trials.saw("databases that were complete at the kill", 1);
            return Ok(());
        }
        let mut hash = convofold();
        hash.args(["hash", "--db"]).arg(self.into());
        let ran = run_limited(&hash, PATIENCE, self.folder)?;
        ensure!(ran.code() != Some(0), "an incomplete database is taken for a whole one: {ran:?}");
        let ran = self.try_run()?;
        if ran.code() == Some(0) {
            return Ok(());
        }
        // What was begun in the folder is still there.
        let left = entries(&self.into())?;
        let is_named = left.iter().any(|name| ran.stderr.contains(name.as_str()));
        ensure!(self.is_in_empty && is_named, "it does not name what has to be removed, {left:?}: {}", ran.stderr);
        trials.saw("folders to be emptied by hand", 1);
        fs::remove_dir_all(self.into()).context("removing what was begun")?;
        self.run().context("the command after what was begun was removed")
    }

    fn expect_one_storage(&self) -> Result<()> {
        let storages = entries(&self.db())?.into_iter().filter(|name| name.starts_with("sled"));
        ensure!(storages.clone().count() == 1, "old storages were left: {:?}", storages.collect::<Vec<_>>());
        Ok(())
    }

    /// Checks the result of the command.
    fn expect_done(&self) -> Result<()> {
        match self.work {
            Work::Trim => {
                let first = expect_whole(&self.db(), self.bench, true)?;
                ensure!(first > 1, "nothing was trimmed");
            }
            Work::Compact => {
                expect_whole(&self.db(), self.bench, false)?;
                self.expect_one_storage()?;
            }
            Work::Erase => {
                ensure!(expect_erased(&self.db(), self.bench)?, "the conversation is still there");
                self.expect_one_storage()?;
            }
            Work::Backup => {
                let mut restore = convofold();
                restore.arg("restore").arg(self.backup()).arg("--db").arg(self.into());
                let ran = run_limited(&restore, PATIENCE, self.folder)?;
                ensure!(ran.code() == Some(0), "the backup does not restore: {}", ran.stderr.trim());
                expect_whole(&self.into(), self.bench, false).context("the restored database")?;
            }
            Work::Restore | Work::Repair => {
                expect_whole(&self.into(), self.bench, false).context("the new database")?;
            }
        }
        Ok(())
    }
}

/// Checks that a database has all events and their state, or all of them with one conversation erased. Returns whether it is.
fn expect_erased(db: &Path, bench: &Bench) -> Result<bool> {
    let store = Options::new().create(false).open(db).context("opening the database")?;
    let receipts = store.erasures().len();
    let is_there = store.state(bench.erased()).context("reading the conversation")?.is_some();
    if is_there {
        ensure!(receipts == 0, "there is a receipt, and nothing is erased");
        store.close().context("closing the database")?;
        return expect_whole(db, bench, false).map(|_| false);
    }
    ensure!(receipts == 1, "{receipts} receipts, and the conversation is gone");
    ensure!(store.stats().last_seq == EVENTS, "{} of {EVENTS} events are there", store.stats().last_seq);
    let report = store.verify_past(|_| {}).context("verifying")?;
    ensure!(report.is_clean(), "damaged: {:?}", report.problems);
    store.close().context("closing the database")?;
    Ok(true)
}

fn entries(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).context("listing a folder"),
    };
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// Checks that a database has all events and their state. Returns the first event of its log.
fn expect_whole(db: &Path, bench: &Bench, may_be_trimmed: bool) -> Result<Seq> {
    let store = Options::new().create(false).open(db).context("opening the database")?;
    let recovery = store.recovery();
    ensure!(recovery.skipped.is_empty(), "checkpoints were skipped: {:?}", recovery.skipped);
    let stats = store.stats();
    ensure!(stats.last_seq == EVENTS, "{} of {EVENTS} events are there", stats.last_seq);
    ensure!(stats.first_seq == 1 || may_be_trimmed, "the log begins with event {}", stats.first_seq);
    let found = store.state_hash();
    ensure!(found == bench.hash, "the state has hash {found}, expected {}", bench.hash);
    expect_log(&store, &bench.feed, stats.first_seq)?;
    store.close().context("closing the database")?;
    Ok(stats.first_seq)
}
