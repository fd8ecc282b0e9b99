//! The place of one trial: the command that is killed, and what it must leave.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use convofold::{Options, Seq};
use rand::RngExt;
use walkdir::WalkDir;

use super::bench::{Bench, EVENTS, Work};
use crate::command::convofold;
use crate::torture::answers::PATIENCE;
use crate::torture::campaign::Trials;
use crate::torture::examination::{copy_folder, expect_log};
use crate::torture::limits::{Ran, run_limited};

/// The place of one trial.
pub(super) struct Desk<'a> {
    pub(super) bench: &'a Bench,
    pub(super) work: Work,
    pub(super) folder: &'a Path,
    /// Whether the new database is made in an empty folder that exists.
    pub(super) is_in_empty: bool,
}

impl Desk<'_> {
    pub(super) fn db(&self) -> PathBuf {
        self.folder.join("db")
    }

    pub(super) fn backup(&self) -> PathBuf {
        self.folder.join("backup")
    }

    /// The new database of `restore` and `repair`.
    fn into(&self) -> PathBuf {
        self.folder.join("new")
    }

    pub(super) fn lay(&self) -> Result<()> {
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

    pub(super) fn command(&self) -> Command {
        let mut command = convofold();
        match self.work {
            Work::Trim => command.args(["trim", "--older-than", "1ms", "--db"]).arg(self.db()),
            Work::Compact => command.args(["compact", "--db"]).arg(self.db()),
            Work::Erase => {
                command.args(["erase", "--open-too", "--conversation", self.bench.erased(), "--db"]).arg(self.db())
            }
            Work::Retain => {
                command.args(["retain", "--log-older-than", "1ms", "--texts-older-than", "1ms"]);
                command.args(["--closed-older-than", "1ms", "--db"]).arg(self.db())
            }
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

    pub(super) fn run(&self) -> Result<()> {
        let ran = self.try_run()?;
        ensure!(ran.code() == Some(0), "it ended with {:?}: {}", ran.code(), ran.stderr.trim());
        Ok(())
    }

    /// Kills the command and checks what is left. Returns whether it was killed before its end.
    pub(super) fn kill(&self, trial: u64, trials: &Trials<'_>) -> Result<bool> {
        self.lay()?;
        let took = self.bench.took.get(&self.work).copied().unwrap_or_default();
        let mut child =
            self.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("starting a command")?;
        sleep(trials.random(trial).random_range(Duration::ZERO..=took));
        child.kill().context("killing")?;
        let status = child.wait().context("waiting for the end")?;
        let is_killed = status.signal() == Some(9);
        ensure!(is_killed || status.success(), "it ended by itself with {status}");
        self.go_on(is_killed, trials)?;
        Ok(is_killed)
    }

    /// Checks what a kill or a power cut left, runs the command again, and checks the result.
    pub(super) fn go_on(&self, is_killed: bool, trials: &Trials<'_>) -> Result<()> {
        if self.work == Work::Erase {
            let is_erased = expect_erased(&self.db(), self.bench).context("the database that was there")?;
            trials.saw("erasures that were complete at the kill", u64::from(is_erased && is_killed));
        } else if self.work == Work::Retain {
            let is_removed = expect_retained(&self.db(), self.bench).context("the database that was there")?;
            trials.saw("runs of retention that were complete at the kill", u64::from(is_removed && is_killed));
        } else if self.work != Work::Restore {
            expect_whole(&self.db(), self.bench, self.work == Work::Trim).context("the database that was there")?;
        }
        match self.work {
            Work::Trim => self.run().context("trim after a killed one")?,
            Work::Compact => self.run().context("compact after a killed one")?,
            Work::Erase => self.run().context("erase after a killed one")?,
            Work::Retain => self.run().context("retain after a killed one")?,
            Work::Backup => {
                let is_made = fs::exists(self.backup())?;
                trials.saw("backups that were complete at the kill", u64::from(is_made && is_killed));
                if !is_made {
                    self.run().context("backup after a killed one")?;
                }
            }
            Work::Restore | Work::Repair => self.make_again(trials)?,
        }
        self.expect_done().context("after the command had run again")
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
    pub(super) fn expect_done(&self) -> Result<()> {
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
            Work::Retain => {
                ensure!(expect_retained(&self.db(), self.bench)?, "nothing was removed");
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
    // Values are compressed, so this finds only what lies beside them. The command searched everything.
    for file in
        WalkDir::new(db).into_iter().filter(|file| file.as_ref().map_or(true, |file| file.file_type().is_file()))
    {
        let file = file.context("listing the database")?;
        let bytes = fs::read(file.path()).context("reading a file of the database")?;
        let is_left = bytes.windows(bench.erased().len()).any(|bytes| bytes == bench.erased().as_bytes());
        ensure!(!is_left, "the id of the erased conversation is left in {}", file.path().display());
    }
    Ok(true)
}

/// Checks that a database has everything, of which the log may be trimmed, or what a run of retention left. Returns whether it was
/// run.
fn expect_retained(db: &Path, bench: &Bench) -> Result<bool> {
    let store = Options::new().create(false).open(db).context("opening the database")?;
    let runs = store.retention_runs();
    let Some(last) = runs.last() else {
        store.close().context("closing the database")?;
        return expect_whole(db, bench, true).map(|_| false);
    };
    ensure!(store.stats().last_seq == EVENTS, "{} of {EVENTS} events are there", store.stats().last_seq);
    let found = store.state_hash();
    ensure!(found == last.hash_after, "the state has hash {found}, expected {}", last.hash_after);
    ensure!(last.horizons.iter().any(|horizon| horizon.texts > 0) || runs.len() > 1, "the run removed no text");
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
