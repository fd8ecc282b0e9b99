//! Faults: one system call fails, or all calls from there on.
//!
//! strace makes the nth call of a kind fail. The calls are counted first, so that each of them can fail once. The
//! command must end by itself, must not panic, and must not acknowledge an event that a later opening does not find or
//! that was not durable at the answer.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use convofold::Seq;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::answers::PATIENCE;
use super::campaign::{Campaign, Trials};
use super::examination::{copy_folder, examine};
use super::feed::{Feed, Reference};
use super::ingester::{Ingester, Meal, Pace};
use super::limits::run_limited;
use super::report::Report;
use super::strace::{Call, calls, traced};
use super::trace::check;
use crate::command::convofold;

const EVENTS: u64 = 400;
/// The kinds of calls, with the error they return.
const FAULTS: [(&str, &str); 11] = [
    ("fdatasync", "EIO"),
    ("fsync", "EIO"),
    ("sync_file_range", "EIO"),
    ("pwrite64", "ENOSPC"),
    ("pwrite64", "EIO"),
    ("pread64", "EIO"),
    ("write", "ENOSPC"),
    ("ftruncate", "EIO"),
    ("openat", "EMFILE"),
    ("rename", "ENOSPC"),
    ("flock", "ENOLCK"),
];
/// Calls before the program starts, such as loading libraries, are not counted.
const LOADER_FAILED: i32 = 127;
/// A replay that could not read its log to the end says so with this code.
const INCOMPLETE_INPUT: i32 = 3;

/// The commands to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Work {
    /// Into a new database.
    Ingest,
    /// Into a database that a killed process left.
    IngestOn,
    /// A replay into a new database, with its checkpoint.
    Replay,
    /// A query of a database that a killed process left.
    Open,
}

const WORKS: [Work; 4] = [Work::Ingest, Work::IngestOn, Work::Replay, Work::Open];

/// A fault to inject.
#[derive(Clone, Copy, Debug)]
struct Fault {
    work: Work,
    call: &'static str,
    error: &'static str,
    /// The number of the call within its kind, from 1.
    nth: usize,
    /// Whether all later calls fail as well.
    and_later: bool,
}

/// The files that the commands work on.
struct Bench {
    feed: Arc<Feed>,
    log: std::path::PathBuf,
    /// A database that a killed process left.
    killed: std::path::PathBuf,
    /// Its number of events.
    known: Seq,
}

/// Injects faults until all trials are done or all faults are tried: a `--count` above their number tries all of them.
///
/// # Errors
/// If the files cannot be made.
pub fn run(campaign: &Campaign) -> Result<Report> {
    let folder = tempfile::Builder::new().prefix("faults-").tempdir().context("a folder")?;
    let bench = Bench::make(folder.path(), campaign.seed)?;
    let mut faults = all_faults(&bench, folder.path())?;
    faults.shuffle(&mut StdRng::seed_from_u64(campaign.seed));
    let count = campaign.count.min((faults.len() as u64).saturating_sub(campaign.from));
    let campaign = Campaign { count, ..campaign.clone() };
    campaign.run(1, |range, trials| {
        for trial in range {
            let Some(fault) = faults.get(usize::try_from(trial)?) else { break };
            let desk = tempfile::Builder::new().prefix("fault-").tempdir_in(folder.path()).context("a folder")?;
            match bench.inject(*fault, desk.path(), trials).with_context(|| format!("{fault:?}")) {
                Ok(what) => trials.passed(what),
                Err(error) => trials.failed(trial, &error, Some(desk)),
            }
        }
        Ok(())
    })
}

/// Every call of these kinds that the commands make without a fault. strace counts per thread, and the work of each
/// thread differs from run to run, so the last ones may find no call.
fn all_faults(bench: &Bench, folder: &Path) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    for work in WORKS {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for (call, error) in FAULTS {
            let count = match counts.get(call) {
                Some(count) => *count,
                None => {
                    let desk = tempfile::tempdir_in(folder).context("a folder")?;
                    let trace = desk.path().join("trace");
                    bench.run(work, desk.path(), Some(call), None)?;
                    let count = most_of_a_thread(&calls(&trace)?, call);
                    counts.insert(call, count);
                    count
                }
            };
            let both = |nth| [false, true].map(|and_later| Fault { work, call, error, nth, and_later });
            faults.extend((1..=count).flat_map(both));
        }
    }
    Ok(faults)
}

/// The number of calls of this name in the thread that made most of them.
pub(super) fn most_of_a_thread(calls: &[Call], name: &str) -> usize {
    let mut counts: HashMap<u32, usize> = HashMap::new();
    for call in calls.iter().filter(|call| call.name == name) {
        *counts.entry(call.thread).or_default() += 1;
    }
    counts.into_values().max().unwrap_or_default()
}

/// How a command ended.
struct Done {
    code: Option<i32>,
    stderr: String,
    acknowledged: Seq,
    answer_ends: Vec<u64>,
}

impl Bench {
    fn make(folder: &Path, seed: u64) -> Result<Self> {
        let feed = Feed::generate(EVENTS, seed)?;
        let (log, killed) = (folder.join("log"), folder.join("killed"));
        feed.write(&log)?;
        let mut ingest = convofold();
        ingest.arg("ingest").arg("--db").arg(&killed);
        let known = EVENTS / 2;
        let meal = Meal { after: 0, to: known, known: 0, pace: Pace::Bursts(20), ends: false };
        let ingester = Ingester::start(ingest, &feed, meal)?;
        ensure!(ingester.wait_for(known)?, "ingest ended before it had answered");
        ingester.kill()?;
        Ok(Self { feed, log, killed, known })
    }

    /// Injects a fault and checks the database afterwards.
    fn inject(&self, fault: Fault, desk: &Path, trials: &Trials<'_>) -> Result<&'static str> {
        let Fault { work, call, error, nth, and_later } = fault;
        let inject = format!("{call}:error={error}:when={nth}{}", if and_later { "+" } else { "" });
        let done = self.run(work, desk, Some(call), Some(&inject))?;
        let said = done.stderr.trim();
        // tokio wakes its threads by writing to an event counter. No disk is behind it, so no real system refuses that.
        let is_impossible = said.contains("failed to wake I/O driver");
        ensure!(is_impossible || !said.contains("panicked"), "it panicked: {said}");
        let calls = calls(&desk.join("trace"))?;
        if !calls.iter().any(|call| call.injected) {
            return Ok("found no such call");
        }
        let after = if work == Work::IngestOn { self.known } else { 0 };
        if matches!(work, Work::Ingest | Work::IngestOn) {
            check(&calls, &self.feed, after, &done.answer_ends, false).context("an answer was too early")?;
        }
        let db = desk.join("db");
        let must_have = if work == Work::Open { self.known } else { done.acknowledged };
        let found = examine(&db, &self.feed, &mut Reference::new(self.feed.clone()), must_have)
            .with_context(|| format!("after it ended with {:?} and said: {said}", done.code))?;
        match done.code {
            Some(0) => {
                let to = if work == Work::Open { self.known } else { self.feed.len() };
                ensure!(found.events == to, "it reports success, but has {} of {to} events", found.events);
                Ok("endured")
            }
            Some(LOADER_FAILED) => Ok("did not start"),
            // The failed call can be one of the log that is replayed, not of the database.
            Some(INCOMPLETE_INPUT) if work == Work::Replay && said.contains("error: ") => {
                ensure!(!said.contains("incomplete inputs  0"), "it counts no incomplete input: {said}");
                Ok("read a part of the log")
            }
            // A failed write cannot be reported.
            Some(1) if said.contains("error: ") || call == "write" => {
                trials.saw("failures without a hint", u64::from(!said.contains("hint: ")));
                Ok("failed with an error")
            }
            code => bail!("it ended with {code:?} and said: {said}"),
        }
    }

    fn run(&self, work: Work, desk: &Path, call: Option<&str>, inject: Option<&str>) -> Result<Done> {
        let (db, trace) = (desk.join("db"), desk.join("trace"));
        let mut command = convofold();
        let after = match work {
            Work::Ingest => 0,
            Work::IngestOn => self.known,
            Work::Replay | Work::Open => return self.run_to_end(work, desk, call, inject),
        };
        if work == Work::IngestOn {
            copy_folder(&self.killed, &db)?;
        }
        command.arg("ingest").arg("--db").arg(&db);
        let meal = Meal { after, to: self.feed.len(), known: after, pace: Pace::Bursts(25), ends: true };
        let ended = Ingester::start(traced(&command, call, inject, &trace), &self.feed, meal)?.finish()?;
        let code = ended.status.code();
        Ok(Done { code, stderr: ended.stderr, acknowledged: ended.acknowledged, answer_ends: ended.answer_ends })
    }

    fn run_to_end(&self, work: Work, desk: &Path, call: Option<&str>, inject: Option<&str>) -> Result<Done> {
        let (db, trace) = (desk.join("db"), desk.join("trace"));
        let mut command = convofold();
        if work == Work::Replay {
            command.arg("replay").arg(&self.log).arg("--db").arg(&db);
        } else {
            copy_folder(&self.killed, &db)?;
            command.arg("hash").arg("--db").arg(&db);
        }
        let ran = run_limited(&traced(&command, call, inject, &trace), PATIENCE, desk)?;
        if let Some(disgrace) = ran.disgrace() {
            bail!("it failed badly ({disgrace}): {}", ran.stderr.trim());
        }
        Ok(Done { code: ran.code(), stderr: ran.stderr, acknowledged: 0, answer_ends: Vec::new() })
    }
}
