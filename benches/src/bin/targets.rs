//! Measures the targets P1 to P9 of `docs/benchmarks.md` and prints how far they are reached.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use convofold_benches::limits;
use convofold_benches::peers::Peer;
use convofold_benches::results::Results;
use convofold_benches::targets::{
    Scale, cold, disk, disorder, growth, hostile, live, memory, opening, pages, recovery, replay, tasks,
};
use convofold_benches::task;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    P1,
    P2,
    P3,
    P4,
    P5,
    P6,
    P7,
    P8,
    P9,
    Growth,
}

/// Measures the targets of speed, memory and disk in one run.
#[derive(Parser)]
struct Args {
    /// Targets to measure [default: all].
    #[arg(long, value_delimiter = ',')]
    only: Vec<Which>,
    /// Number of events in a log.
    #[arg(long, default_value_t = 200_000)]
    events: u64,
    /// Number of rounds; results are medians.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Number of open conversations (P4, P5, P6).
    #[arg(long, default_value_t = 100_000)]
    open: u64,
    /// Number of closed conversations beside them (P5, P6).
    #[arg(long, default_value_t = 200_000)]
    closed: u64,
    /// Number of events in the long replay (P9).
    #[arg(long, default_value_t = 1_500_000)]
    growth: u64,
    /// Number of events after which memory is measured, and after a third of them (P6).
    #[arg(long, default_value_t = 1_500_000)]
    churn: u64,
    /// Number of events in the database that is opened cold (P4).
    #[arg(long, default_value_t = 1_000_000)]
    cold: u64,
    /// Number of events of the longest conversation whose log could cost the square of its length.
    #[arg(long, default_value_t = 160_000)]
    hostile: u64,
    /// Use this log instead of a generated one.
    #[arg(long)]
    log: Option<PathBuf>,
    /// Also replay every log (`*.ndjson`) in this directory, with all peers.
    #[arg(long)]
    logs: Option<PathBuf>,
    /// Directory for results.md and results.json.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Document with a section of results to replace.
    #[arg(long)]
    document: Option<PathBuf>,
    /// Name of the section's markers in the document.
    #[arg(long, default_value = "results")]
    section: String,
    /// Directory for logs and databases [default: a temporary directory].
    #[arg(long)]
    scratch: Option<PathBuf>,
}

fn main() -> Result<()> {
    if task::serve(&tasks())? {
        return Ok(());
    }
    let args = Args::parse();
    let temporary = tempfile::tempdir()?;
    let scratch = args.scratch.unwrap_or_else(|| temporary.path().to_owned());
    let Args { events, open, closed, growth, churn, cold, hostile, log, .. } = args;
    let scale = Scale { events, rounds: args.rounds.max(1), open, closed, growth, churn, cold, hostile, scratch, log };
    let mut results = Results::new();
    results.limits = limits::measure(&replay::log(&scale)?, scale.rounds, &scale.scratch)?;
    for which in Which::value_variants() {
        if !args.only.is_empty() && !args.only.contains(which) {
            continue;
        }
        match which {
            Which::P1 => {
                replay::measure(&scale, &Peer::OTHERS, &mut results)?;
                if scale.log.is_none() {
                    replay::measure_contents(&scale, &Peer::OTHERS, &mut results)?;
                }
                if let Some(folder) = &args.logs {
                    replay::measure_all(folder, &scale, &Peer::OTHERS, &mut results)?;
                }
            }
            Which::P2 => live::measure(&scale, &mut results)?,
            Which::P3 => recovery::measure(&scale, &mut results)?,
            Which::P4 => {
                opening::measure(&scale, &mut results)?;
                cold::measure(&scale, &mut results)?;
            }
            Which::P5 => pages::measure(&scale, &mut results)?,
            Which::P6 => memory::measure(&scale, &mut results)?,
            Which::P7 => disk::measure(&scale, &mut results)?,
            Which::P8 => disorder::measure(&scale, &mut results)?,
            Which::P9 => growth::measure(&scale, &mut results)?,
            Which::Growth => hostile::measure(&scale, &mut results)?,
        }
        args.out.as_deref().map_or(Ok(()), |folder| results.write(folder))?;
    }
    args.document.map_or(Ok(()), |document| results.write_into(&document, &args.section))?;
    writeln!(std::io::stdout(), "{}", results.markdown())?;
    Ok(())
}
