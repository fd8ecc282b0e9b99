//! Measures what this machine can do with a log: reading, parsing, copying, appending.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use convofold_benches::limits;
use convofold_benches::log::{Content, generated};
use convofold_benches::results::Results;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the limits of this machine.
#[derive(Parser)]
struct Args {
    /// Number of events to generate.
    #[arg(long, default_value_t = 200_000)]
    events: u64,
    /// Number of rounds; results are medians.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Use this log instead of a generated one.
    #[arg(long)]
    log: Option<PathBuf>,
    /// Directory for results.md and results.json.
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let scratch = tempfile::tempdir()?;
    let log = match args.log {
        Some(log) => log,
        None => generated(args.events, Content::Airship, scratch.path())?,
    };
    let limits = limits::measure(&log, args.rounds.max(1), scratch.path())?;
    let results = Results { limits, ..Results::new() };
    args.out.as_deref().map_or(Ok(()), |folder| results.write(folder))?;
    writeln!(std::io::stdout(), "{}", results.markdown())?;
    Ok(())
}
