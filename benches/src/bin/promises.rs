//! Measures the cost of durability: a commit with and without our own barrier, and checking a whole database.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use comfy_table::{Table, presets};
use convofold::audit::Sample;
use convofold::replay::{Input, Replay};
use convofold::{Batch, Convofold, Direction, Draft, Event, Kind, Time};
use convofold_benches::log::{Content, generated};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the cost of durability.
#[derive(clap::Parser)]
struct Args {
    /// Number of events to check.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Number of single-event commits per round.
    #[arg(long, default_value_t = 500)]
    commits: usize,
    /// Number of rounds; everything is timed in turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let scratch = tempfile::tempdir()?;
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["commit of one event", "median", "99th percentile"]);
    for (name, mut times) in commits(&args, scratch.path())? {
        times.sort_unstable();
        let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
        table.add_row([name.to_owned(), micros(at(50)), micros(at(99))]);
    }
    print(&table)?;
    print(&checks(&args, scratch.path())?)
}

/// Commits the same bytes in different ways, in turns.
fn commits(args: &Args, scratch: &Path) -> Result<Vec<(&'static str, Vec<Duration>)>> {
    let events = messages(args.commits * args.rounds)?;
    let value = vec![0x5a; 300];
    let mut raw = File::create(scratch.join("raw"))?;
    let sled = sled::Config::default().path(scratch.join("sled")).segment_size(2 << 20).open()?;
    let sled_file = OpenOptions::new().read(true).open(scratch.join("sled/db"))?;
    let db = Convofold::open(scratch.join("commits"))?;
    let mut outcomes = [
        ("append to a file + fdatasync", Vec::new()),
        ("sled: insert + flush, no barrier", Vec::new()),
        ("sled: insert + flush + fdatasync", Vec::new()),
        ("convofold: submit + wait, durable", Vec::new()),
    ];
    let mut key = 0_u64;
    for round in events.chunks(args.commits) {
        for (way, (_, times)) in outcomes.iter_mut().enumerate() {
            for event in round {
                let started = Instant::now();
                key += 1;
                match way {
                    0 => {
                        raw.write_all(&value)?;
                        raw.sync_data()?;
                    }
                    1 | 2 => {
                        sled.insert(key.to_be_bytes(), value.as_slice())?;
                        sled.flush()?;
                        if way == 2 {
                            sled_file.sync_data()?;
                        }
                    }
                    _ => drop(db.submit(Batch::new(vec![event.clone()]))?.wait()?),
                }
                times.push(started.elapsed());
            }
        }
    }
    db.close()?;
    Ok(outcomes.into())
}

/// Messages of one conversation, one second apart.
fn messages(count: usize) -> Result<Vec<Event>> {
    let text = "Is anybody there? I have been waiting for quite some time now.";
    let message = |number: usize| {
        let occurred = Time::from_ms(1_700_000_000_000 + i64::try_from(number)? * 1_000);
        Ok(Draft::new("bench", "c-1", Kind::Message, occurred).direction(Direction::In).text(text).build()?)
    };
    (0..count).map(message).collect()
}

fn checks(args: &Args, scratch: &Path) -> Result<Table> {
    let log = generated(args.events, Content::Mixed, scratch)?;
    let dir = scratch.join("checks");
    let db = Convofold::open(&dir)?;
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["check", "events/s"]);
    let report = Replay::new(&db).input(Input::path(&log)).run()?;
    let mut row = |name: &str, events: u64, took: Duration| {
        let a_second = u128::from(events) * 1_000 / took.as_millis().max(1);
        table.add_row([name.to_owned(), a_second.to_string()]);
    };
    row("replay, durable at the end", report.events, report.took);
    let started = Instant::now();
    let audit = db.audit(Sample::All)?;
    ensure!(audit.is_clean(), "the audit found {:?}", audit.differences.first());
    row("audit of all conversations", report.events, started.elapsed());
    let started = Instant::now();
    let audit = db.audit(Sample::Random { conversations: 100, seed: 1 })?;
    ensure!(audit.is_clean(), "the audit found {:?}", audit.differences.first());
    row("audit of 100 conversations", report.events, started.elapsed());
    db.checkpoint()?;
    let started = Instant::now();
    let verified = db.verify(|_| {})?;
    ensure!(verified.is_clean(), "verify found {:?}", verified.problems.first());
    row("verify, one checkpoint compared", verified.events, started.elapsed());
    let started = Instant::now();
    let backup = scratch.join("backup");
    let made = db.backup(&backup, &convofold::backup::BackupOptions::new(), |_| {})?;
    row("backup, verified", made.contents.last_seq, started.elapsed());
    let hash = db.state_hash();
    db.close()?;
    drop(db);
    let started = Instant::now();
    let restored = scratch.join("restored");
    let options = convofold::Options::new();
    let restored = convofold::backup::restore(&[&backup], restored, &options, |_| {})?;
    row("restore, verified", restored.last_seq, started.elapsed());
    let started = Instant::now();
    let repaired = convofold::repair::Repair::new(&dir, scratch.join("repaired")).run()?;
    row("repair", repaired.events, started.elapsed());
    ensure!(restored.state_hash == hash && repaired.state_hash == hash, "the state hash differs");
    Ok(table)
}

fn micros(time: Duration) -> String {
    format!("{} us", time.as_micros())
}

fn print(table: &Table) -> Result<()> {
    writeln!(std::io::stdout(), "{table}").context("writing the table")
}
