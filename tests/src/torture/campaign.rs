//! Many trials of one kind: seeds, threads, progress, failures.

#![expect(clippy::print_stderr, reason = "prints progress if asked to")]

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;

use super::ledger::{Ledger, Share};
use super::report::{Failure, Report};

/// Time between two progress messages and entries in the ledger.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

/// The number of failures whose files are kept; more of them add no information.
const KEPT_FAILURES: usize = 20;

/// Set when the user interrupts. Running trials finish, so that their mounts are removed.
pub static STOPPED: AtomicBool = AtomicBool::new(false);

/// Selects the trials. Trial i of a seed is the same wherever the campaign starts, except for the timing of threads.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The name of this kind of trial.
    pub kind: &'static str,
    /// The seed of the random choices.
    pub seed: u64,
    /// The first trial.
    pub from: u64,
    /// How many trials.
    pub count: u64,
    /// Number of trials that run at the same time.
    pub threads: usize,
    /// Where to record finished trials.
    pub ledger: Option<Ledger>,
    /// Where to keep the files of failed trials.
    pub keep: PathBuf,
    /// Whether to print progress on standard error.
    pub tells: bool,
}

/// Collects the results of trials.
#[derive(Debug)]
pub struct Trials<'a> {
    campaign: &'a Campaign,
    began: Instant,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    report: Report,
    /// Finished groups that come after an unfinished one.
    done: Vec<Range<u64>>,
    /// All trials before this one are finished.
    frontier: u64,
    /// The trials before this one are in the ledger.
    noted: u64,
    shown: Duration,
}

impl Campaign {
    /// A few trials with a fresh seed, for tests: without progress messages or a ledger.
    #[must_use]
    pub fn short(kind: &'static str, count: u64) -> Self {
        let keep = std::env::temp_dir().join("convofold-torture");
        Self { kind, seed: rand::random(), from: 0, count, threads: 1, ledger: None, keep, tells: false }
    }

    /// The random choices of a trial.
    #[must_use]
    pub fn random(&self, trial: u64) -> StdRng {
        StdRng::seed_from_u64(self.seed ^ trial.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// Runs the trials, in groups of consecutive trials that build on each other. A group ends at its first failure.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub fn run(
        &self,
        group_trials: u64,
        make: impl Fn(Range<u64>, &Trials<'_>) -> Result<()> + Sync,
    ) -> Result<Report> {
        let end = self.from.saturating_add(self.count);
        let told = Mutex::new(Told { frontier: self.from, noted: self.from, ..Told::default() });
        let trials = Trials { campaign: self, began: Instant::now(), told };
        let next = AtomicU64::new(self.from);
        thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(|| {
                    while !STOPPED.load(Ordering::SeqCst) {
                        let Ok(group) = take_group(&next, group_trials, end) else { break };
                        if let Err(error) = make(group.clone(), &trials) {
                            trials.failed(group.start, &error, None);
                        }
                        trials.done(group);
                    }
                });
            }
        });
        let mut told = trials.told.into_inner().unwrap_or_else(PoisonError::into_inner);
        told.report.took = trials.began.elapsed();
        self.note(&mut told)?;
        Ok(told.report)
    }

    fn note(&self, told: &mut Told) -> Result<()> {
        let Some(ledger) = self.ledger.as_ref().filter(|_| told.frontier > told.noted) else { return Ok(()) };
        let failed = told.report.failures.iter().map(|failure| failure.trial);
        let share = Share {
            kind: self.kind.to_owned(),
            seed: self.seed,
            from: told.noted,
            to: told.frontier,
            failed: failed.filter(|trial| (told.noted..told.frontier).contains(trial)).collect(),
            seconds: in_seconds(told.report.took),
            tally: told.report.tally.clone(),
        };
        ledger.add(&share)?;
        told.noted = told.frontier;
        Ok(())
    }
}

fn in_seconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 10.0).round() / 10.0
}

/// The next group; groups begin at multiples of their size wherever the campaign starts.
fn take_group(next: &AtomicU64, group_trials: u64, end: u64) -> Result<Range<u64>, u64> {
    let after = |start: u64| (start / group_trials + 1) * group_trials;
    let take = |start: u64| (start < end).then(|| after(start).min(end));
    let start = next.try_update(Ordering::SeqCst, Ordering::SeqCst, take)?;
    Ok(start..after(start).min(end))
}

impl Trials<'_> {
    /// The random choices of a trial.
    #[must_use]
    pub fn random(&self, trial: u64) -> StdRng {
        self.campaign.random(trial)
    }

    /// Whether the user has interrupted.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        STOPPED.load(Ordering::SeqCst)
    }

    /// A trial in which every promise was kept.
    pub fn passed(&self, what: &str) {
        self.tell(|told| {
            told.report.trials += 1;
            *told.report.tally.entry(what.to_owned()).or_default() += 1;
        });
    }

    /// Counts an observation.
    pub fn saw(&self, what: &str, count: u64) {
        if count > 0 {
            self.tell(|told| *told.report.tally.entry(what.to_owned()).or_default() += count);
        }
    }

    /// A trial in which a promise was broken. Its files are kept.
    pub fn failed(&self, trial: u64, why: &anyhow::Error, remains: Option<TempDir>) {
        let Campaign { kind, seed, keep, tells, .. } = self.campaign;
        let is_full =
            self.tell(|told| told.report.failures.iter().filter(|f| f.kept.is_some()).count() >= KEPT_FAILURES);
        let remains = remains.filter(|_| !is_full);
        let kept = remains.and_then(|remains| keep_remains(remains, &keep.join(format!("{kind}-{seed}-{trial}"))).ok());
        let why = format!("{why:#}");
        if *tells {
            let kept = kept.as_deref().map(|kept| format!("\n  kept in {}", kept.display())).unwrap_or_default();
            eprintln!("FAILED {kind} --seed {seed} --from {trial} --count 1: {why}{kept}");
        }
        self.tell(|told| {
            told.report.trials += 1;
            *told.report.tally.entry("FAILED".to_owned()).or_default() += 1;
            told.report.failures.push(Failure { trial, why, kept });
        });
    }

    fn tell<T>(&self, tell: impl FnOnce(&mut Told) -> T) -> T {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = tell(&mut told);
        let elapsed = self.began.elapsed();
        if elapsed >= told.shown + PROGRESS_INTERVAL {
            told.shown = elapsed;
            told.report.took = elapsed;
            if self.campaign.tells {
                eprintln!("{}", told.report.in_words(self.campaign.kind));
            }
            if let Err(error) = self.campaign.note(&mut told) {
                eprintln!("{error:#}");
            }
        }
        answer
    }

    fn done(&self, group: Range<u64>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_stopped() {
            // A group may end early.
            return;
        }
        told.done.push(group);
        told.done.sort_unstable_by_key(|group| group.start);
        let mut frontier = told.frontier;
        told.done.retain(|group| {
            let is_next = group.start == frontier;
            if is_next {
                frontier = group.end;
            }
            !is_next
        });
        told.frontier = frontier;
    }
}

/// Moves a directory to the kept failures.
fn keep_remains(remains: TempDir, to: &Path) -> Result<PathBuf> {
    fs::create_dir_all(to.parent().unwrap_or(to)).context("making the folder of failures")?;
    let from = remains.keep();
    let _ = fs::remove_dir_all(to);
    // A rename to another file system fails; the directory then stays where it is.
    Ok(fs::rename(&from, to).map_or(from, |()| to.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trial_is_made_once_in_groups_that_do_not_depend_on_where_it_began() {
        let campaign = Campaign { from: 7, threads: 3, ..Campaign::short("test", 30) };
        let seen = Mutex::new(Vec::new());
        let report = campaign
            .run(10, |group, trials| {
                seen.lock().unwrap().push(group.clone());
                group.for_each(|_| trials.passed("made"));
                Ok(())
            })
            .unwrap();
        let mut seen = seen.into_inner().unwrap();
        seen.sort_by_key(|group| group.start);
        assert_eq!(seen, [7..10, 10..20, 20..30, 30..37]);
        assert_eq!((report.trials, report.tally["made"]), (30, 30));
    }

    #[test]
    fn a_ledger_says_where_to_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::at(folder.path().join("ledger"));
        let campaign = Campaign { seed: 5, ledger: Some(ledger.clone()), ..Campaign::short("test", 12) };
        assert_eq!(ledger.next("test", 5).unwrap(), 0);
        let fail = |group: Range<u64>, _: &Trials<'_>| if group.start == 4 { anyhow::bail!("no") } else { Ok(()) };
        let report = campaign.run(4, fail).unwrap();
        assert_eq!(report.failures.len(), 1);
        assert_eq!((ledger.next("test", 5).unwrap(), ledger.next("test", 6).unwrap()), (12, 0));
    }
}
