//! Replays the same log with convofold and its peers, in turns, and prints a comparison.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use convofold_benches::peers::Peer;
use convofold_benches::results::Results;
use convofold_benches::targets::{Scale, replay, tasks};
use convofold_benches::task;

/// As in the command; databases written in C have their own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Compares convofold with its peers, on the same events in one run.
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
    /// Use every log (`*.ndjson`) in this directory instead.
    #[arg(long)]
    logs: Option<PathBuf>,
    /// Peers to run [default: all].
    #[arg(long, value_delimiter = ',')]
    peers: Vec<Peer>,
    /// Directory for results.md and results.json.
    #[arg(long)]
    out: Option<PathBuf>,
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
    let Args { events, log, .. } = args;
    let rounds = args.rounds.max(1);
    let scale = Scale { events, rounds, scratch, log, ..Scale::default() };
    let peers = if args.peers.is_empty() { Peer::OTHERS.to_vec() } else { args.peers };
    let mut results = Results::new();
    match args.logs {
        Some(folder) => replay::measure_all(&folder, &scale, &peers, &mut results)?,
        None => replay::measure(&scale, &peers, &mut results)?,
    }
    args.out.as_deref().map_or(Ok(()), |folder| results.write(folder))?;
    writeln!(std::io::stdout(), "{}", results.markdown())?;
    Ok(())
}
