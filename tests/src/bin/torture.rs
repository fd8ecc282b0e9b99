//! `torture`: trials of durability, as many as there is time for.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a command")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use anyhow::{Result, ensure};
use clap::{Args, Parser, Subcommand};
use convofold_tests::torture::campaign::{Campaign, STOPPED};
use convofold_tests::torture::kills::{self, KillOptions};
use convofold_tests::torture::ledger::Ledger;
use convofold_tests::torture::report::Report;
use convofold_tests::torture::{cuts, damages, faults, full, mount, strace, trace};

/// Holds the promises of durability against the real binary.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  torture kills --count 1000 --ledger torture.ndjson
  torture kills --seed 7 --from 140 --count 1        one trial once more
  torture kills --count 100000 --seed 7 --ledger torture.ndjson --resume

A trial that failed is told with its seed and number, and what is left of it is kept. The exit code is 1 then.
")]
struct Torture {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// SIGKILL at any moment of ingest, replay, opening and closing.
    Kills {
        #[command(flatten)]
        trials: TrialArgs,
        /// Kill while opening only.
        #[arg(long)]
        during_open: bool,
        /// Examine a copy of the database after so many kills.
        #[arg(long, value_name = "N", default_value_t = KillOptions::default().kills_an_examination,
            value_parser = clap::value_parser!(u64).range(1..))]
        examine_every: u64,
    },
    /// One damage to one file of a database.
    Damages(TrialArgs),
    /// Power cuts: what an ext4 in a file has on its medium at any moment. Needs root and loop devices.
    Cuts(TrialArgs),
    /// Disks that become full. Needs root.
    Full(TrialArgs),
    /// No answer without a barrier before it, as strace sees it. Needs strace.
    Trace(TrialArgs),
    /// System calls that fail, one at a time or from one on. Needs strace.
    Faults(TrialArgs),
}

/// Which trials to make.
#[derive(Debug, Args)]
struct TrialArgs {
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 100)]
    count: u64,
    /// What chance begins from [default: a new one, which is told].
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// The first trial.
    #[arg(long, value_name = "I", default_value_t = 0)]
    from: u64,
    /// Add a JSON line for what was done to this file.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Go on after the last trial in the ledger of this kind and seed, up to --count in all.
    #[arg(long, requires = "ledger", requires = "seed", conflicts_with = "from")]
    resume: bool,
    /// How many at once.
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
    /// Where to keep what is left of failed trials.
    #[arg(long, value_name = "DIR", default_value = "torture-failures")]
    keep: PathBuf,
}

impl TrialArgs {
    fn campaign(&self, kind: &'static str) -> Result<Campaign> {
        let seed = self.seed.unwrap_or_else(|| rand::random::<u32>().into());
        let ledger = self.ledger.clone().map(Ledger::at);
        let (from, count) = match &ledger {
            Some(ledger) if self.resume => {
                let next = ledger.next(kind, seed)?;
                (next, self.count.saturating_sub(next))
            }
            _ => (self.from, self.count),
        };
        eprintln!("{kind} --seed {seed} --from {from} --count {count}");
        let (threads, keep) = (self.threads, self.keep.clone());
        Ok(Campaign { kind, seed, from, count, threads, ledger, keep, tells: true })
    }
}

impl Kind {
    fn run(&self) -> Result<(&'static str, Report)> {
        match self {
            Self::Kills { trials, during_open, examine_every } => {
                let kills_an_opening = if *during_open { 1 } else { KillOptions::default().kills_an_opening };
                let options = KillOptions { kills_an_opening, kills_an_examination: *examine_every };
                Ok(("kills", kills::run(&trials.campaign("kills")?, options)?))
            }
            Self::Damages(trials) => Ok(("damages", damages::run(&trials.campaign("damages")?)?)),
            Self::Cuts(trials) => Ok(("cuts", with_mounts(|| cuts::run(&trials.campaign("cuts")?))?)),
            Self::Trace(trials) => Ok(("trace", with_strace(|| trace::run(&trials.campaign("trace")?))?)),
            Self::Faults(trials) => Ok(("faults", with_strace(|| faults::run(&trials.campaign("faults")?))?)),
            Self::Full(trials) => Ok(("full", with_mounts(|| full::run(&trials.campaign("full")?))?)),
        }
    }
}

/// Where nothing can be mounted, a word and no trial.
fn with_mounts(run: impl FnOnce() -> Result<Report>) -> Result<Report> {
    match mount::obstacle() {
        None => run(),
        Some(why) => {
            eprintln!("skipped, because no file system can be mounted here: {why}");
            Ok(Report::default())
        }
    }
}

/// Where there is no strace, a word and no trial.
fn with_strace(run: impl FnOnce() -> Result<Report>) -> Result<Report> {
    if strace::is_here() {
        return run();
    }
    eprintln!("skipped, because there is no strace here, or it may not be used");
    Ok(Report::default())
}

fn run() -> Result<()> {
    let kind = Torture::parse().kind;
    ctrlc::set_handler(|| {
        eprintln!("stopping after the trials that have begun");
        STOPPED.store(true, Ordering::SeqCst);
    })?;
    let (kind, report) = kind.run()?;
    println!("{}", report.table(kind));
    ensure!(report.failures.is_empty(), "{} trials failed", report.failures.len());
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
