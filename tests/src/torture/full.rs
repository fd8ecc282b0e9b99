//! Full disks: a file system that is too small for the feed.
//!
//! The command must report it and end, and what it acknowledged must be there once there is free space again.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rand::RngExt;

use super::campaign::{Campaign, Trials};
use super::examination::examine;
use super::feed::{Feed, Reference};
use super::ingester::{Ended, Ingester, Meal, Pace};
use super::mount::{Mount, make_image};
use super::report::Report;
use crate::command::convofold;

const EVENTS: u64 = 60_000;
/// The size of the file system, and of a file that takes a part of it at first.
const IMAGE_BYTES: u64 = 24 << 20;
const MIB: u64 = 1 << 20;

/// Fills disks until all trials are done.
///
/// # Errors
/// If the feed or a file system cannot be made.
pub fn run(campaign: &Campaign) -> Result<Report> {
    let feed = Feed::generate(EVENTS, campaign.seed)?;
    campaign.run(1, |range, trials| {
        for trial in range {
            let folder = tempfile::Builder::new().prefix("full-").tempdir().context("a folder")?;
            let outcome = if trial % 2 == 0 {
                fill_tmpfs(folder.path(), &feed, trial, trials)
            } else {
                fill_image(folder.path(), &feed, trial, trials)
            };
            match outcome {
                Ok(()) => trials.passed(if trial % 2 == 0 { "filled tmpfs" } else { "filled ext4" }),
                Err(error) => trials.failed(trial, &error, Some(folder)),
            }
        }
        Ok(())
    })
}

fn fill_tmpfs(folder: &Path, feed: &Arc<Feed>, trial: u64, trials: &Trials<'_>) -> Result<()> {
    let size = trials.random(trial).random_range(MIB / 4..6 * MIB) / 4_096 * 4_096;
    let mount = Mount::tmpfs(size, &folder.join("mounted"))?;
    let filled = fill(mount.point(), feed, trial, trials)?;
    mount.resize(256 * MIB)?;
    go_on(mount.point(), feed, &filled, trials)
}

fn fill_image(folder: &Path, feed: &Arc<Feed>, trial: u64, trials: &Trials<'_>) -> Result<()> {
    let image = folder.join("image");
    make_image(&image, IMAGE_BYTES)?;
    let mount = Mount::image(&image, &folder.join("mounted"))?;
    let ballast = mount.point().join("ballast");
    let left = trials.random(trial).random_range(MIB / 4..5 * MIB);
    let space = rustix::fs::statvfs(mount.point()).context("asking for free space")?;
    let ballast_bytes = (space.f_bavail * space.f_frsize).saturating_sub(left);
    fs::write(&ballast, vec![1; usize::try_from(ballast_bytes)?]).context("writing the ballast")?;
    let filled = fill(mount.point(), feed, trial, trials)?;
    fs::remove_file(&ballast).context("removing the ballast")?;
    go_on(mount.point(), feed, &filled, trials)
}

/// Feeds until the command ends by itself.
fn fill(point: &Path, feed: &Arc<Feed>, trial: u64, trials: &Trials<'_>) -> Result<Ended> {
    let mut ingest = convofold();
    ingest.arg("ingest").arg("--db").arg(point.join("db"));
    let pace = Pace::any(&mut trials.random(trial));
    let ingester = Ingester::start(ingest, feed, Meal { after: 0, to: feed.len(), known: 0, pace, ends: true })?;
    let ended = ingester.finish()?;
    let said = &ended.stderr;
    ensure!(ended.status.code() == Some(1), "expected a failure, it ended with {}: {said}", ended.status);
    ensure!(said.contains("error: ") && said.contains("hint: "), "expected an error and a hint: {said}");
    let says_why = ["No space left", "full"].iter().any(|why| said.contains(why));
    ensure!(says_why, "expected a message about the full disk: {said}");
    ensure!(!said.contains("panicked"), "it panicked: {said}");
    trials.saw("events acknowledged on the way", ended.acknowledged);
    Ok(ended)
}

/// There is free space again: everything acknowledged must be there, and ingest must continue.
fn go_on(point: &Path, feed: &Arc<Feed>, filled: &Ended, trials: &Trials<'_>) -> Result<()> {
    let db = point.join("db");
    let mut reference = Reference::new(feed.clone());
    let story = || format!("after the message: {}", filled.stderr.trim());
    let found = examine(&db, feed, &mut reference, filled.acknowledged).with_context(story)?;
    found.saw.iter().for_each(|(what, count)| trials.saw(what, *count));
    let mut ingest = convofold();
    ingest.arg("ingest").arg("--db").arg(&db);
    let to = (found.events + 500).min(feed.len());
    let meal = Meal { after: found.events, to, known: found.events, pace: Pace::Fast, ends: true };
    let ended = Ingester::start(ingest, feed, meal)?.finish()?;
    ensure!(ended.status.success() && ended.acknowledged == to, "it does not continue: {ended:?}");
    examine(&db, feed, &mut reference, to).map(drop)
}
