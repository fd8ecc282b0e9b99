//! Kills and power cuts of the commands that care for a database.
//!
//! [`run`] sends SIGKILL at a random moment of `trim`, `compact`, `erase`, `retain`, `backup`, `restore` and `repair`.
//! [`run_one`] takes one of them: at random moments, at each system call that changes a file, or with power cuts.
//!
//! The database must stay whole: as it was, or with everything that the command does. What has its final name must be
//! complete. The same command must succeed afterwards, or name what has to be removed first.

mod bench;
mod desk;
mod calls;
mod cuts;

use anyhow::{Context, Result};
use rand::RngExt;

pub use self::bench::Work;
use self::bench::{Bench, WORKS};
use self::desk::Desk;
use super::campaign::Campaign;
use super::report::Report;

/// When a command is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Moment {
    /// SIGKILL at a random moment.
    Random,
    /// SIGKILL at a system call, each of them in turn. Needs strace.
    Calls,
    /// A power cut at a random moment. Needs root and loop devices.
    Cuts,
}

/// Kills until all trials are done.
///
/// # Errors
/// If the files cannot be made.
pub fn run(campaign: &Campaign) -> Result<Report> {
    kill_at_random(campaign, &WORKS)
}

/// Kills one of the commands, or cuts the power, until all trials are done.
///
/// # Errors
/// If the files cannot be made.
pub fn run_one(campaign: &Campaign, work: Work, at: Moment) -> Result<Report> {
    match at {
        Moment::Random => kill_at_random(campaign, &[work]),
        Moment::Calls => calls::run(campaign, work),
        Moment::Cuts => cuts::run(campaign, work),
    }
}

fn kill_at_random(campaign: &Campaign, works: &[Work]) -> Result<Report> {
    let folder = tempfile::Builder::new().prefix("care-").tempdir().context("a folder")?;
    let bench = Bench::make(folder.path(), campaign.seed, works)?;
    campaign.run(1, |range, trials| {
        for trial in range {
            let desk = tempfile::Builder::new().prefix("care-").tempdir_in(folder.path()).context("a folder")?;
            let work = *works.get(usize::try_from(trial)? % works.len()).context("a command")?;
            let place = Desk { bench: &bench, work, folder: desk.path(), is_in_empty: trials.random(trial).random() };
            match place.kill(trial, trials).with_context(|| format!("{:?} in {}", place.work, place.folder.display())) {
                Ok(true) => trials.passed(work.name()),
                Ok(false) => trials.passed("ended before the kill"),
                Err(error) => trials.failed(trial, &error, Some(desk)),
            }
        }
        Ok(())
    })
}
