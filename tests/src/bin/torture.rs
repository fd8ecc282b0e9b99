//! `torture`: durability trials, in any number.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a command")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use anyhow::{Result, ensure};
use clap::{Args, Parser, Subcommand};
use convofold_tests::torture::campaign::{Campaign, STOPPED};
use convofold_tests::torture::care::{Moment, Work};
use convofold_tests::torture::kills::{self, KillOptions};
use convofold_tests::torture::ledger::Ledger;
use convofold_tests::torture::report::Report;
use convofold_tests::torture::{care, cuts, damages, faults, full, mount, read_only, strace, stream, trace, webhooks};

/// Tests the durability promises with the real binary.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  torture kills --count 1000 --ledger torture.ndjson
  torture kills --seed 7 --from 140 --count 1        one trial once more
  torture kills --count 100000 --seed 7 --ledger torture.ndjson --resume

Prints the seed and number of each failed trial and keeps its files. The exit code is 1 if a trial failed.
")]
struct Torture {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// SIGKILL at a random moment of ingest, replay, opening or closing.
    Kills {
        #[command(flatten)]
        trials: TrialArgs,
        /// Kill only while the database is opening.
        #[arg(long)]
        during_open: bool,
        /// Number of kills between two examinations of a copy of the database.
        #[arg(long, value_name = "N", default_value_t = KillOptions::default().kills_an_examination,
            value_parser = clap::value_parser!(u64).range(1..))]
        examine_every: u64,
    },
    /// SIGKILL of `serve` while it receives webhooks over several connections, 200 webhooks a kill.
    Webhooks(TrialArgs),
    /// SIGKILL of `serve` while it fetches Airship's stream, which breaks meanwhile, 200 events a kill.
    Stream(TrialArgs),
    /// SIGKILL at a random moment of trim, compact, erase, retain, backup, restore and repair.
    Care(TrialArgs),
    /// Kills and power cuts of `compact`.
    Compact(RewriteArgs),
    /// Kills and power cuts of `erase`.
    Erase(RewriteArgs),
    /// Kills and power cuts of `retain`.
    Retain(RewriteArgs),
    /// One random damage to one file of a database.
    Damages(TrialArgs),
    /// Power cuts: copies of an ext4 image during ingest, bulk replay and its checkpoint. Needs root and loop devices.
    Cuts(TrialArgs),
    /// Reading where nothing can be written. Every other trial mounts a file system if that is possible.
    ReadOnly(TrialArgs),
    /// Full disks. Needs root.
    Full(TrialArgs),
    /// No answer before a disk barrier, checked with strace. Needs strace.
    Trace(TrialArgs),
    /// Failing system calls: one call, or all calls after it. Needs strace.
    Faults(TrialArgs),
}

/// Selects the trials of a command that writes the storage again.
#[derive(Debug, Args)]
struct RewriteArgs {
    #[command(flatten)]
    trials: TrialArgs,
    /// When the command is ended.
    #[arg(long, value_enum, default_value = "random")]
    at: Moment,
}

impl RewriteArgs {
    /// Runs the trials. The names are those of the kinds of trials, for each moment.
    fn run(&self, work: Work, names: [&'static str; 3]) -> Result<(&'static str, Report)> {
        let [random, calls, cuts] = names;
        let run = |kind| care::run_one(&self.trials.campaign(kind)?, work, self.at);
        Ok(match self.at {
            Moment::Random => (random, run(random)?),
            Moment::Calls => (calls, with_strace(|| run(calls))?),
            Moment::Cuts => (cuts, with_mounts(|| run(cuts))?),
        })
    }
}

/// Selects the trials.
#[derive(Debug, Args)]
struct TrialArgs {
    /// Number of trials.
    #[arg(long, value_name = "N", default_value_t = 100)]
    count: u64,
    /// Seed of the random choices [default: a new seed, which is printed].
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Number of the first trial.
    #[arg(long, value_name = "I", default_value_t = 0)]
    from: u64,
    /// Append a JSON line about the finished trials to this file.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Continue after the last trial that the ledger has for this kind and seed, up to a total of --count.
    #[arg(long, requires = "ledger", requires = "seed", conflicts_with = "from")]
    resume: bool,
    /// Number of trials that run at the same time.
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
    /// Directory for the files of failed trials.
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
            Self::Webhooks(trials) => Ok(("webhooks", webhooks::run(&trials.campaign("webhooks")?)?)),
            Self::Stream(trials) => Ok(("stream", stream::run(&trials.campaign("stream")?)?)),
            Self::Care(trials) => Ok(("care", care::run(&trials.campaign("care")?)?)),
            Self::Compact(args) => args.run(Work::Compact, ["compact", "compact-calls", "compact-cuts"]),
            Self::Erase(args) => args.run(Work::Erase, ["erase", "erase-calls", "erase-cuts"]),
            Self::Retain(args) => args.run(Work::Retain, ["retain", "retain-calls", "retain-cuts"]),
            Self::ReadOnly(trials) => Ok(("read-only", read_only::run(&trials.campaign("read-only")?)?)),
            Self::Damages(trials) => Ok(("damages", damages::run(&trials.campaign("damages")?)?)),
            Self::Cuts(trials) => Ok(("cuts", with_mounts(|| cuts::run(&trials.campaign("cuts")?))?)),
            Self::Trace(trials) => Ok(("trace", with_strace(|| trace::run(&trials.campaign("trace")?))?)),
            Self::Faults(trials) => Ok(("faults", with_strace(|| faults::run(&trials.campaign("faults")?))?)),
            Self::Full(trials) => Ok(("full", with_mounts(|| full::run(&trials.campaign("full")?))?)),
        }
    }
}

/// Runs the trials if file systems can be mounted; otherwise prints why not.
fn with_mounts(run: impl FnOnce() -> Result<Report>) -> Result<Report> {
    match mount::obstacle() {
        None => run(),
        Some(why) => {
            eprintln!("skipped: cannot mount a file system: {why}");
            Ok(Report::default())
        }
    }
}

/// Runs the trials if strace works; otherwise says that they are skipped.
fn with_strace(run: impl FnOnce() -> Result<Report>) -> Result<Report> {
    if strace::is_here() {
        return run();
    }
    eprintln!("skipped: strace is not installed or not permitted");
    Ok(Report::default())
}

fn run() -> Result<()> {
    let kind = Torture::parse().kind;
    ctrlc::set_handler(|| {
        eprintln!("stopping after the running trials");
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
