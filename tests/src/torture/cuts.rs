//! Power cuts: what reached the medium survives, and what was only in memory is lost.
//!
//! A writer works on an ext4 image in a file. The file contains what the file system has written to its medium, and
//! none of the data that the kernel still has in memory, so a copy of the file is the state after a power cut. The
//! writer is stopped during the copy, and the copy is repeated if the file changed meanwhile, because no cut leaves
//! blocks of different moments. So cuts fall between the writes of the kernel to the medium, not inside one.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use convofold::Seq;
use rand::RngExt;
use rand::rngs::StdRng;
use rustix::process::{Pid, Signal, kill_process};

use super::campaign::{Campaign, Trials};
use super::examination::examine;
use super::feed::{Feed, Reference};
use super::ingester::{Ingester, Meal, Pace};
use super::mount::{Mount, copy_image, make_image};
use super::report::Report;
use crate::command::convofold;

/// The size of a medium, in bytes.
pub(super) const IMAGE_BYTES: u64 = 96 << 20;
const EVENTS: u64 = 20_000;
/// The number of cuts in one run of a writer; each is a copy of the medium.
const CUTS_A_RUN: u64 = 4;
/// The number of runs that continue on the medium of the previous run's last cut.
const RUNS_A_MEDIUM: u64 = 3;
/// The number of events of a bulk replay, which ends with a checkpoint of all of them.
const REPLAYED_EVENTS: u64 = 40_000;
/// One of this number of groups of trials cuts bulk replays.
const GROUPS_A_REPLAY: u64 = 2;
/// The maximum number of copies of a medium that the kernel changes meanwhile.
const COPIES: usize = 20;

/// Cuts until all trials are done.
///
/// # Errors
/// If the feed cannot be made.
pub fn run(campaign: &Campaign) -> Result<Report> {
    let folder = tempfile::Builder::new().prefix("cuts-").tempdir().context("a folder")?;
    let feed = Feed::generate(EVENTS, campaign.seed)?;
    let empty = folder.path().join("empty");
    make_image(&empty, IMAGE_BYTES)?;
    let bulk = Bulk::make(folder.path(), &empty, campaign.seed)?;
    campaign.run(CUTS_A_RUN * RUNS_A_MEDIUM, |cuts, trials| {
        if cuts.start / (CUTS_A_RUN * RUNS_A_MEDIUM) % GROUPS_A_REPLAY == GROUPS_A_REPLAY - 1 {
            return bulk.cut_all(cuts, trials);
        }
        let desk = tempfile::Builder::new().prefix("medium-").tempdir_in(folder.path()).context("a folder")?;
        let mut medium = Medium {
            image: desk.path().join("image"),
            folder: desk.path().to_owned(),
            feed: feed.clone(),
            reference: Reference::new(feed.clone()),
            acknowledged: 0,
        };
        copy_image(&empty, &medium.image)?;
        let mut failed = None;
        for first in cuts.clone().step_by(usize::try_from(CUTS_A_RUN)?) {
            let run = first..(first + CUTS_A_RUN).min(cuts.end);
            if trials.is_stopped() {
                break;
            }
            if let Err((cut, error)) = medium.run(run, trials) {
                failed = Some((cut, error));
                break;
            }
        }
        if let Some((cut, error)) = failed {
            trials.failed(cut, &error, Some(desk));
        }
        Ok(())
    })
}

/// A bulk replay to cut.
struct Bulk {
    folder: PathBuf,
    /// An image of an empty file system.
    empty: PathBuf,
    feed: Arc<Feed>,
    log: PathBuf,
    /// How long the replay takes, with its checkpoint.
    took: Duration,
}

impl Bulk {
    fn make(folder: &Path, empty: &Path, seed: u64) -> Result<Self> {
        let feed = Feed::generate(REPLAYED_EVENTS, seed)?;
        let log = folder.join("log");
        feed.write(&log)?;
        let mut bulk = Self { folder: folder.to_owned(), empty: empty.to_owned(), feed, log, took: Duration::ZERO };
        let image = folder.join("measured");
        copy_image(empty, &image)?;
        let mount = Mount::image(&image, &folder.join("mounted"))?;
        let began = Instant::now();
        bulk.finish(&mount)?;
        bulk.took = began.elapsed();
        mount.unmount()?;
        Ok(bulk)
    }

    fn cut_all(&self, cuts: Range<u64>, trials: &Trials<'_>) -> Result<()> {
        for cut in cuts {
            if trials.is_stopped() {
                break;
            }
            let desk = tempfile::Builder::new().prefix("bulk-").tempdir_in(&self.folder).context("a folder")?;
            match self.cut(desk.path(), &mut trials.random(cut)) {
                Ok(what) => trials.passed(what),
                Err(error) => trials.failed(cut, &error, Some(desk)),
            }
        }
        Ok(())
    }

    /// Cuts the power at a random moment of the replay; it must then be possible to finish it.
    fn cut(&self, desk: &Path, random: &mut StdRng) -> Result<&'static str> {
        let (image, cut) = (desk.join("image"), desk.join("cut"));
        copy_image(&self.empty, &image)?;
        let mount = Mount::image(&image, &desk.join("mounted"))?;
        let after = random.random_range(Duration::ZERO..=self.took);
        let has_ended = cut_power(&mut self.command(&mount), after, &image, &cut)?;
        mount.unmount()?;
        let mount = Mount::image(&cut, &desk.join("cut-mounted"))?;
        let mut reference = Reference::new(self.feed.clone());
        let acknowledged = if has_ended { self.feed.len() } else { 0 };
        let db = mount.point().join("db");
        let found = examine(&db, &self.feed, &mut reference, acknowledged).context("after the cut")?;
        self.finish(&mount).context("the replay after the cut")?;
        examine(&db, &self.feed, &mut reference, self.feed.len()).context("after the replay had run again")?;
        mount.unmount()?;
        Ok(match has_ended {
            true => "cut after a replay",
            false if found.events == self.feed.len() => "cut at the checkpoint of a replay",
            false => "cut while replaying",
        })
    }

    fn command(&self, mount: &Mount) -> Command {
        let mut replay = convofold();
        replay.arg("replay").arg(&self.log).arg("--db").arg(mount.point().join("db"));
        replay
    }

    fn finish(&self, mount: &Mount) -> Result<()> {
        let output = self.command(mount).output().context("running a replay")?;
        ensure!(output.status.success(), "it failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(())
    }
}

/// A medium with a database on it.
struct Medium {
    image: PathBuf,
    folder: PathBuf,
    feed: Arc<Feed>,
    reference: Reference,
    /// The last event that the database on it must contain.
    acknowledged: Seq,
}

/// A medium at the moment of a power cut.
struct Cut {
    trial: u64,
    image: PathBuf,
    acknowledged: Seq,
    what: &'static str,
}

impl Medium {
    /// Runs a writer, cuts it several times, examines every cut and continues with the last one.
    fn run(&mut self, trial_nos: Range<u64>, trials: &Trials<'_>) -> Result<(), (u64, anyhow::Error)> {
        let first = trial_nos.start;
        let cuts = self.write(trial_nos, trials).map_err(|error| (first, error))?;
        for cut in &cuts {
            let events = self.examine(cut, trials).map_err(|error| (cut.trial, error))?;
            trials.passed(cut.what);
            self.acknowledged = events;
        }
        let Some(last) = cuts.last() else { return Ok(()) };
        fs::rename(&last.image, &self.image).map_err(|error| (last.trial, error.into()))
    }

    fn write(&self, trial_nos: Range<u64>, trials: &Trials<'_>) -> Result<Vec<Cut>> {
        let mount = Mount::image(&self.image, &self.folder.join("mounted"))?;
        let mut ingest = convofold();
        ingest.arg("ingest").arg("--db").arg(mount.point().join("db"));
        let pace = Pace::any(&mut trials.random(trial_nos.start));
        let (after, known) = (self.acknowledged, self.acknowledged);
        let meal = Meal { after, to: self.feed.len(), known, pace, ends: false };
        let ingester = Ingester::start(ingest, &self.feed, meal)?;
        let mut cuts = Vec::new();
        for trial in trial_nos.clone() {
            let closes = trial + 1 == trial_nos.end && trial % 3 == 0;
            cuts.push(self.cut(&ingester, trial, closes, &mut trials.random(trial))?);
        }
        let ended = ingester.kill()?;
        ended.expect_killed_or_well()?;
        mount.unmount()?;
        Ok(cuts)
    }

    fn cut(&self, ingester: &Ingester, trial: u64, closes: bool, random: &mut StdRng) -> Result<Cut> {
        let pid = Pid::from_child(ingester.child());
        let so_far = ingester.acknowledged();
        let what = if so_far == self.acknowledged && random.random_bool(0.2) {
            sleep(random.random_range(Duration::ZERO..Duration::from_millis(150)));
            "cut early"
        } else {
            ingester.wait_for((so_far + random.random_range(1..700)).min(self.feed.len()))?;
            if closes {
                kill_process(pid, Signal::INT).context("interrupting")?;
                sleep(random.random_range(Duration::ZERO..Duration::from_millis(60)));
                "cut while closing"
            } else {
                sleep(random.random_range(Duration::ZERO..Duration::from_millis(8)));
                "cut while writing"
            }
        };
        // What is acknowledged at this point must be on the medium; later acknowledgements may be.
        let acknowledged = ingester.acknowledged();
        let image = self.folder.join(format!("cut-{trial}"));
        kill_process(pid, Signal::STOP).context("stopping")?;
        let copied = copy_while_still(&self.image, &image);
        kill_process(pid, Signal::CONT).context("continuing")?;
        copied?;
        Ok(Cut { trial, image, acknowledged, what })
    }

    /// Opens the database on a medium as the cut left it; returns its number of events.
    fn examine(&mut self, cut: &Cut, trials: &Trials<'_>) -> Result<Seq> {
        let mount = Mount::image(&cut.image, &self.folder.join("examined"))?;
        let db = mount.point().join("db");
        let found = examine(&db, &self.feed, &mut self.reference, cut.acknowledged)
            .with_context(|| format!("{}, {} events acknowledged", cut.what, cut.acknowledged))?;
        found.saw.iter().for_each(|(what, count)| trials.saw(what, *count));
        mount.unmount()?;
        Ok(found.events)
    }
}

/// Starts a command that works on this image, and cuts the power after this time: `cut` is what the medium contains then.
/// Returns whether the command had ended before.
pub(super) fn cut_power(command: &mut Command, after: Duration, image: &Path, cut: &Path) -> Result<bool> {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("starting a command")?;
    sleep(after);
    let has_ended = child.try_wait().context("asking for the end")?.is_some();
    if !has_ended {
        kill_process(Pid::from_child(&child), Signal::STOP).context("stopping")?;
    }
    let copied = copy_while_still(image, cut);
    child.kill().context("killing")?;
    child.wait().context("waiting for the end")?;
    copied?;
    Ok(has_ended)
}

/// Copies an image as of one moment.
fn copy_while_still(from: &Path, to: &Path) -> Result<()> {
    let changed_at = || Ok::<_, anyhow::Error>(fs::metadata(from).context("the image")?.modified()?);
    for _ in 0..COPIES {
        let before = changed_at()?;
        copy_image(from, to)?;
        if changed_at()? == before {
            return Ok(());
        }
    }
    ensure!(false, "the medium does not come to rest");
    Ok(())
}
