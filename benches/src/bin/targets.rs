//! Measures what is promised, P1 to P9 of `docs/benchmarks.md`, and prints how far it is reached.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use convofold_benches::limits;
use convofold_benches::peers::Peer;
use convofold_benches::results::Results;
use convofold_benches::targets::{
    Scale, disk, disorder, growth, live, memory, opening, pages, recovery, replay, tasks,
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
}

/// What is promised of speed, memory and disk, measured in one run.
#[derive(Parser)]
struct Args {
    /// Only these.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Which>,
    /// How many events a log has.
    #[arg(long, default_value_t = 200_000)]
    events: u64,
    /// How often everything is measured; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many conversations are open (P4, P5, P6).
    #[arg(long, default_value_t = 100_000)]
    open: u64,
    /// How many closed ones are beside them (P5, P6).
    #[arg(long, default_value_t = 200_000)]
    closed: u64,
    /// How many events the replay has that shows growth (P9).
    #[arg(long, default_value_t = 1_500_000)]
    growth: u64,
    /// After how many events memory is looked at, and after a third of them (P6).
    #[arg(long, default_value_t = 1_500_000)]
    churn: u64,
    /// Use this log instead of a generated one.
    #[arg(long)]
    log: Option<PathBuf>,
    /// Replay every log (`*.ndjson`) in this folder too, each beside all peers.
    #[arg(long)]
    logs: Option<PathBuf>,
    /// Where to write results.md and results.json.
    #[arg(long)]
    out: Option<PathBuf>,
    /// The document whose results are to be replaced.
    #[arg(long)]
    document: Option<PathBuf>,
    /// Between which markers of it.
    #[arg(long, default_value = "results")]
    section: String,
    /// Where to put logs and databases; as a rule a new temporary folder.
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
    let Args { events, open, closed, growth, churn, log, .. } = args;
    let scale = Scale { events, rounds: args.rounds.max(1), open, closed, growth, churn, scratch, log };
    let mut results = Results::new();
    results.limits = limits::measure(&replay::log(&scale)?, scale.rounds, &scale.scratch)?;
    for which in Which::value_variants() {
        if !args.only.is_empty() && !args.only.contains(which) {
            continue;
        }
        match which {
            Which::P1 => {
                replay::measure(&scale, &Peer::OTHERS, &mut results)?;
                if let Some(folder) = &args.logs {
                    replay::measure_all(folder, &scale, &Peer::OTHERS, &mut results)?;
                }
            }
            Which::P2 => live::measure(&scale, &mut results)?,
            Which::P3 => recovery::measure(&scale, &mut results)?,
            Which::P4 => opening::measure(&scale, &mut results)?,
            Which::P5 => pages::measure(&scale, &mut results)?,
            Which::P6 => memory::measure(&scale, &mut results)?,
            Which::P7 => disk::measure(&scale, &mut results)?,
            Which::P8 => disorder::measure(&scale, &mut results)?,
            Which::P9 => growth::measure(&scale, &mut results)?,
        }
        args.out.as_deref().map_or(Ok(()), |folder| results.write(folder))?;
    }
    args.document.map_or(Ok(()), |document| results.write_into(&document, &args.section))?;
    writeln!(std::io::stdout(), "{}", results.markdown())?;
    Ok(())
}
