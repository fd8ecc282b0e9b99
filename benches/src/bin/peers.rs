//! Replays the same generated log with convofold and with its peers, in turns, and prints how they compare.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use comfy_table::{Table, presets};
use convofold_benches::log::generated;
use convofold_benches::outcome::Outcome;
use convofold_benches::{ours, sqlite};

/// As in the command; SQLite brings an allocator of its own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// convofold beside its peers, on the same events in one run.
#[derive(Parser)]
struct Args {
    /// How many events to generate.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// How often every peer runs; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Replay this log instead of a generated one.
    #[arg(long)]
    log: Option<PathBuf>,
    /// Run one peer once and print what it took as JSON: what this program calls itself with, so that every run has a
    /// process, and a peak of memory, of its own.
    #[arg(long, hide = true)]
    only: Option<Peer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Peer {
    Convofold,
    Sqlite,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let scratch = tempfile::tempdir()?;
    if let (Some(peer), Some(log)) = (args.only, &args.log) {
        let outcome = match peer {
            Peer::Convofold => ours::replay(log, scratch.path())?,
            Peer::Sqlite => sqlite::replay(log, scratch.path())?,
        };
        return print(&serde_json::to_string(&outcome)?);
    }
    let log = match args.log {
        Some(log) => log,
        None => generated(args.events, scratch.path())?,
    };
    let mut ours = Vec::new();
    let mut sqlite = Vec::new();
    for _ in 0..args.rounds.max(1) {
        ours.push(run(Peer::Convofold, &log)?);
        sqlite.push(run(Peer::Sqlite, &log)?);
    }
    for outcome in ours.iter().chain(&sqlite) {
        ensure!(outcome.answers == ours[0].answers, "the peers disagree: {:?} {:?}", outcome.answers, ours[0].answers);
    }
    print(&format!("{}\n{}", table(&[(Peer::Convofold, &ours), (Peer::Sqlite, &sqlite)]), ratios(&ours, &sqlite)))
}

fn run(peer: Peer, log: &Path) -> Result<Outcome> {
    let name = peer.to_possible_value().context("every peer has a name")?;
    let mut command = Command::new(std::env::current_exe()?);
    let output = command.arg("--only").arg(name.get_name()).arg("--log").arg(log).output()?;
    ensure!(output.status.success(), "{peer:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn table(peers: &[(Peer, &Vec<Outcome>)]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["peer", "events/s (median)", "min - max", "reopen", "peak memory", "disk", "disk/event"]);
    for (peer, outcomes) in peers {
        let mut rates: Vec<_> = outcomes.iter().map(rate).collect();
        rates.sort_by(f64::total_cmp);
        let last = &outcomes[outcomes.len() - 1];
        table.add_row([
            format!("{peer:?}"),
            format!("{:.0}", rates[rates.len() / 2]),
            format!("{:.0} - {:.0}", rates[0], rates[rates.len() - 1]),
            format!("{:.0} ms", median(outcomes, |outcome| outcome.reopen).as_secs_f64() * 1e3),
            format!("{:.0} MiB", last.peak_memory_bytes as f64 / 1048576.0),
            format!("{:.0} MiB", last.disk_bytes as f64 / 1048576.0),
            format!("{:.0} B", last.disk_bytes as f64 / last.answers.events as f64),
        ]);
    }
    table
}

/// Round by round, since the machine's speed drifts between rounds.
fn ratios(ours: &[Outcome], theirs: &[Outcome]) -> String {
    let mut ratios: Vec<_> = ours.iter().zip(theirs).map(|(ours, theirs)| rate(ours) / rate(theirs)).collect();
    ratios.sort_by(f64::total_cmp);
    let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
    format!("convofold / SQLite: {:.1} (rounds: {least:.1} - {most:.1})", ratios[ratios.len() / 2])
}

fn rate(outcome: &Outcome) -> f64 {
    outcome.answers.events as f64 / outcome.replay.as_secs_f64()
}

fn median(outcomes: &[Outcome], of: impl Fn(&Outcome) -> Duration) -> Duration {
    let mut values: Vec<_> = outcomes.iter().map(of).collect();
    values.sort();
    values[values.len() / 2]
}

fn print(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}
