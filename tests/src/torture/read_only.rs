//! Read-only media: a user who only reads needs no right to write, leaves no trace, and gets the same answers.
//!
//! The database is on a file system that is mounted read-only, or in a folder in which the user may not write.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use convofold::Seq;
use rand::RngExt;
use rustix::process::geteuid;

use super::campaign::{Campaign, Trials};
use super::examination::copy_folder;
use super::feed::Feed;
use super::ingester::{Ingester, Meal, Pace};
use super::mount::{self, Mount, make_image};
use super::report::Report;
use crate::command::{Ran, convofold};

const EVENTS: u64 = 3_000;
const IMAGE_BYTES: u64 = 48 << 20;
/// The user and group `nobody`, for root may write everywhere.
const NOBODY: u32 = 65_534;

/// Reads until all trials are done.
///
/// # Errors
/// If the files cannot be made.
pub fn run(campaign: &Campaign) -> Result<Report> {
    let folder = tempfile::Builder::new().prefix("read-only-").tempdir().context("a folder")?;
    set_mode(folder.path(), 0o755)?;
    let feed = Feed::generate(EVENTS, campaign.seed)?;
    let command = folder.path().join("convofold");
    fs::copy(convofold().get_program(), &command).context("copying the command")?;
    let obstacle = mount::obstacle();
    campaign.run(1, |range, trials| {
        for trial in range {
            let desk = tempfile::Builder::new().prefix("read-only-").tempdir_in(folder.path()).context("a folder")?;
            set_mode(desk.path(), 0o755)?;
            let place = Desk { command: &command, folder: desk.path(), feed: &feed };
            let is_mounted = trial % 2 == 0 && obstacle.is_none();
            match place.read(is_mounted, trial, trials) {
                Ok(()) if is_mounted => trials.passed("mounted read-only"),
                Ok(()) => trials.passed("without the right to write"),
                Err(error) => trials.failed(trial, &error, Some(desk)),
            }
            // Not a failure, and not to be overlooked.
            trials.saw("trials without a mount, which was not possible", u64::from(trial % 2 == 0 && !is_mounted));
        }
        Ok(())
    })
}

/// The place of one trial.
struct Desk<'a> {
    /// A copy that every user may run.
    command: &'a Path,
    folder: &'a Path,
    feed: &'a Arc<Feed>,
}

impl Desk<'_> {
    fn read(&self, is_mounted: bool, trial: u64, trials: &Trials<'_>) -> Result<()> {
        let written = self.folder.join("written");
        self.write(&written, trial, trials)?;
        let expected = self.answers(&written, "expected", false)?;
        // Reading may have changed a database that can be written.
        fs::remove_dir_all(&written).context("removing a database")?;
        self.write(&written, trial, trials)?;
        if is_mounted {
            let (image, point) = (self.folder.join("image"), self.folder.join("mounted"));
            make_image(&image, IMAGE_BYTES)?;
            let mount = Mount::image(&image, &point)?;
            copy_folder(&written, &mount.point().join("db"))?;
            mount.unmount()?;
            let mount = Mount::image_read_only(&image, &point)?;
            self.expect_reads(&mount.point().join("db"), &expected, false)?;
            return mount.unmount();
        }
        set_modes(&written, 0o555, 0o444)?;
        let read = self.expect_reads(&written, &expected, true);
        set_modes(&written, 0o755, 0o644)?;
        read
    }

    /// Writes the database, and leaves it closed or as a kill does.
    fn write(&self, db: &Path, trial: u64, trials: &Trials<'_>) -> Result<()> {
        let mut random = trials.random(trial);
        let (first, all) = (random.random_range(1..self.feed.len()), self.feed.len());
        for (after, to, ends) in [(0, first, true), (first, all, trial % 4 < 2)] {
            self.feed_to(db, after, to, ends)?;
        }
        Ok(())
    }

    fn feed_to(&self, db: &Path, after: Seq, to: Seq, ends: bool) -> Result<()> {
        let mut ingest = convofold();
        ingest.arg("ingest").arg("--db").arg(db);
        let ingester = Ingester::start(ingest, self.feed, Meal { after, to, known: after, pace: Pace::Fast, ends })?;
        ensure!(ingester.wait_for(to)?, "ingest ended before it had answered");
        if ends { ingester.finish() } else { ingester.kill() }.map(drop)
    }

    /// The answers must be the expected ones, nothing may change, and a command that writes must refuse.
    fn expect_reads(&self, db: &Path, expected: &BTreeMap<&str, String>, as_nobody: bool) -> Result<()> {
        let before = contents(db)?;
        let found = self.answers(db, "found", as_nobody)?;
        for (name, answer) in expected {
            ensure!(found.get(name) == Some(answer), "`{name}` has another answer than where it may write");
        }
        let ran = self.run(&["ingest"], db, as_nobody)?;
        ensure!(ran.code != Some(0), "ingest reports success: {ran:?}");
        ensure!(ran.stderr.contains("error: ") && !ran.stderr.contains("panicked"), "ingest gives no reason: {ran:?}");
        ensure!(contents(db)? == before, "a command that only reads changed a file");
        Ok(())
    }

    /// The answers of the commands that only read.
    fn answers(&self, db: &Path, name: &str, as_nobody: bool) -> Result<BTreeMap<&'static str, String>> {
        let out = self.folder.join(name);
        fs::create_dir(&out).context("making a folder")?;
        set_mode(&out, 0o777)?;
        let path = |name: &str| out.join(name).display().to_string();
        let (backup, repaired) = (path("backup"), path("repaired"));
        let id = self.feed.event(1).context("an event")?.conversation();
        let commands: [(&str, &[&str]); 11] = [
            ("open", &["open", "--limit", "20", "--json"]),
            ("show", &["show", id, "--json"]),
            ("history", &["history", id, "--json"]),
            ("agents", &["agents", "--json"]),
            ("totals", &["totals", "--json"]),
            ("hash", &["hash"]),
            ("export", &["export"]),
            ("tail", &["tail", "--from", "1", "--limit", "100"]),
            ("verify", &["verify"]),
            ("backup", &["backup", &backup]),
            ("repair", &["repair", "--into", &repaired]),
        ];
        let mut answers = BTreeMap::new();
        for (name, args) in commands {
            let ran = self.run(args, db, as_nobody)?;
            ensure!(ran.code == Some(0), "`{name}` ended with {:?}: {}", ran.code, ran.stderr.trim());
            // These report sizes and durations.
            let is_compared = !matches!(name, "verify" | "backup" | "repair");
            answers.insert(name, if is_compared { ran.stdout } else { String::new() });
        }
        Ok(answers)
    }

    fn run(&self, args: &[&str], db: &Path, as_nobody: bool) -> Result<Ran> {
        let mut command = Command::new(self.command);
        command.args(args).arg("--db").arg(db).env_remove("CONVOFOLD_DB").current_dir(self.folder).stdin(Stdio::null());
        if as_nobody && geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        Ok(command.output().with_context(|| format!("running {command:?}"))?.into())
    }
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .with_context(|| format!("the mode of {}", path.display()))
}

/// Sets the mode of all folders and of all files.
fn set_modes(folder: &Path, folders: u32, files: u32) -> Result<()> {
    set_mode(folder, 0o755)?;
    for entry in fs::read_dir(folder).context("listing a folder")? {
        let entry = entry.context("listing a folder")?;
        if entry.file_type()?.is_dir() {
            set_modes(&entry.path(), folders, files)?;
        } else {
            set_mode(&entry.path(), files)?;
        }
    }
    set_mode(folder, folders)
}

/// Every path below a folder, with the content of the files. A socket has none.
fn contents(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).context("listing a folder")? {
        let entry = entry.context("listing a folder")?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            found.extend(contents(&path)?);
            found.insert(path, Vec::new());
        } else {
            let is_file = entry.file_type()?.is_file();
            let content = if is_file { fs::read(&path) } else { Ok(Vec::new()) };
            found.insert(path.clone(), content.with_context(|| format!("reading {}", path.display()))?);
        }
    }
    Ok(found)
}
