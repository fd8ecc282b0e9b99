//! SIGKILL at each system call that changes a file or makes a change durable.
//!
//! strace kills the process at the nth call of a kind, before the call. The calls are counted first, so that each of them is the
//! last one once. strace counts per thread, and the work of a thread differs from run to run, so the last numbers may find no call.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::bench::{Bench, Work};
use super::desk::Desk;
use crate::torture::campaign::{Campaign, Trials};
use crate::torture::faults::most_of_a_thread;
use crate::torture::report::Report;
use crate::torture::strace::{calls, traced};

/// What a file is created, changed, made durable, renamed and removed by.
const CALLS: [&str; 11] = [
    "write",
    "pwrite64",
    "fdatasync",
    "fsync",
    "sync_file_range",
    "ftruncate",
    "mkdir",
    "chmod",
    "rename",
    "unlink",
    "unlinkat",
];

/// The last call of a process: the nth of its kind.
#[derive(Clone, Copy, Debug)]
struct Last {
    call: &'static str,
    nth: usize,
}

pub(super) fn run(campaign: &Campaign, work: Work) -> Result<Report> {
    let folder = tempfile::Builder::new().prefix("calls-").tempdir().context("a folder")?;
    let bench = Bench::make(folder.path(), campaign.seed, &[work])?;
    let mut all = all_calls(&bench, work, folder.path())?;
    all.shuffle(&mut StdRng::seed_from_u64(campaign.seed));
    let count = campaign.count.min((all.len() as u64).saturating_sub(campaign.from));
    let campaign = Campaign { count, ..campaign.clone() };
    campaign.run(1, |range, trials| {
        for trial in range {
            let Some(last) = all.get(usize::try_from(trial)?) else { break };
            let desk = tempfile::Builder::new().prefix("call-").tempdir_in(folder.path()).context("a folder")?;
            let place = Desk { bench: &bench, work, folder: desk.path(), is_in_empty: false };
            match kill(&place, *last, trials)
                .with_context(|| format!("{last:?}, {:?} in {}", place.work, place.folder.display()))
            {
                Ok(true) => trials.passed(last.call),
                Ok(false) => trials.passed("found no such call"),
                Err(error) => trials.failed(trial, &error, Some(desk)),
            }
        }
        Ok(())
    })
}

/// Every call that the command makes when nobody kills it.
fn all_calls(bench: &Bench, work: Work, folder: &Path) -> Result<Vec<Last>> {
    let desk = tempfile::tempdir_in(folder).context("a folder")?;
    let place = Desk { bench, work, folder: desk.path(), is_in_empty: false };
    place.lay()?;
    let trace = desk.path().join("trace");
    let mut command = traced(&place.command(), Some(&CALLS.join(",")), None, &trace);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().context("running a command")?;
    ensure!(status.success(), "the command ended with {status}");
    let made = calls(&trace)?;
    let of_kind = |call: &'static str| (1..=most_of_a_thread(&made, call)).map(move |nth| Last { call, nth });
    Ok(CALLS.into_iter().flat_map(of_kind).collect())
}

fn kill(place: &Desk<'_>, Last { call, nth }: Last, trials: &Trials<'_>) -> Result<bool> {
    place.lay()?;
    let inject = format!("{call}:signal=KILL:when={nth}");
    let mut command = traced(&place.command(), Some(call), Some(&inject), &place.folder.join("trace"));
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().context("running a command")?;
    // strace ends like the process that it traces.
    let is_killed = status.signal() == Some(9);
    ensure!(is_killed || status.success(), "it ended by itself with {status}");
    place.go_on(is_killed, trials)?;
    Ok(is_killed)
}
