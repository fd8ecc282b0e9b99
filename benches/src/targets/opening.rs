//! P4: opening after a kill, with many open conversations and 100,000 events after the checkpoint.

use std::collections::HashMap;
use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use convofold::Options;
use serde::{Deserialize, Serialize};

use super::scale::Scale;
use crate::figure::{Figure, Unit};
use crate::peers::{Row as Conversation, encode_event, sqlite};
use crate::population::{Population, fill, mixed};
use crate::results::{Results, Row, Target};
use crate::task;

/// Number of events after the checkpoint.
const AFTER: u64 = 100_000;
/// The size of a block of convofold's log before compression, and the compression level.
const BLOCK_BYTES: usize = 256 << 10;
const LEVEL: i32 = 1;

/// The size of what an opening reads.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Left {
    /// The stored bytes of the checkpoint and of the events after it.
    bytes: u64,
    events_after: u64,
}

/// Fills a database with open conversations, writes a checkpoint, and submits more events. The caller kills the
/// process.
///
/// # Errors
/// If the database fails.
pub fn leave((open, folder): (u64, PathBuf)) -> Result<Left> {
    let population = Population::of(open);
    let db = Options::new().checkpoint_log_bytes(u64::MAX).memory_bytes(u64::MAX).open(folder)?;
    fill(&db, (0..open).map(|number| population.open(number)))?;
    let checkpoint = db.checkpoint()?;
    let before = db.stats().log_bytes;
    let events_after = fill(&db, later(population, open))?;
    let bytes = checkpoint.bytes_written + db.stats().log_bytes - before;
    std::mem::forget(db);
    Ok(Left { bytes, events_after })
}

fn later(population: Population, open: u64) -> impl Iterator<Item = Result<Vec<convofold::Event>>> {
    (0..AFTER).map(move |place| Ok(vec![population.later(mixed(11, place) % open, 5 + place)?]))
}

/// Opens the database and returns the time. The caller kills the process, so that the database does not change.
///
/// # Errors
/// If the database fails, or does not resume from the checkpoint.
pub fn open((folder, open, events_after): (PathBuf, u64, u64)) -> Result<Duration> {
    let began = Instant::now();
    let db = Options::new().checkpoint_log_bytes(u64::MAX).memory_bytes(u64::MAX).open(folder)?;
    let took = began.elapsed();
    let (recovery, found) = (db.recovery(), db.stats().open);
    ensure!(found == open, "{found} of {open} conversations are open");
    ensure!(recovery.events_replayed == events_after, "{} events after the checkpoint", recovery.events_replayed);
    std::mem::forget(db);
    Ok(took)
}

/// The same events in SQLite. The caller kills the process.
///
/// # Errors
/// If SQLite fails.
pub fn leave_sqlite((open, folder): (u64, PathBuf)) -> Result<u64> {
    let population = Population::of(open);
    let mut store = sqlite::fast(&folder)?;
    let mut batch = Vec::new();
    for events in (0..open).map(|number| population.open(number)).chain(later(population, open)) {
        batch.extend(events?);
        if batch.len() >= 10_000 {
            store.store(&batch)?;
            batch.clear();
        }
    }
    store.store(&batch)?;
    std::mem::forget(store);
    Ok(open)
}

/// Opens SQLite and loads the open conversations; returns the time.
///
/// # Errors
/// If SQLite fails.
pub fn open_sqlite((folder, open): (PathBuf, u64)) -> Result<Duration> {
    let began = Instant::now();
    let connection = sqlite::connect(&folder, sqlite::Synchronous::Normal)?;
    let loaded: HashMap<String, Conversation> = connection
        .prepare("SELECT * FROM conversation WHERE open")?
        .query_map([], sqlite::read)?
        .collect::<rusqlite::Result<_>>()?;
    let took = began.elapsed();
    ensure!(loaded.len() as u64 == open, "{} of {open} conversations are open", loaded.len());
    Ok(took)
}

/// A file with the same number of bytes of the same events, compressed in the same way: the time to read and decompress
/// it.
struct Blocks {
    lengths: Vec<usize>,
    file: std::path::PathBuf,
}

impl Blocks {
    fn write(bytes: u64, open: u64, folder: &Path) -> Result<Self> {
        let population = Population::of(open);
        let file = folder.join("blocks");
        let mut out = File::create(&file)?;
        let (mut block, mut lengths, mut written) = (Vec::new(), Vec::new(), 0);
        let mut number = 0;
        while written < bytes {
            for event in population.open(number)? {
                block.extend(encode_event(&event)?);
            }
            number += 1;
            if block.len() >= BLOCK_BYTES {
                let compressed = zstd::bulk::compress(&block, LEVEL)?;
                out.write_all(&compressed)?;
                written += compressed.len() as u64;
                lengths.push(compressed.len());
                block.clear();
            }
        }
        Ok(Self { lengths, file })
    }

    /// Runs on one thread.
    fn read(&self) -> Result<Duration> {
        let began = Instant::now();
        let mut file = File::open(&self.file)?;
        let mut decompressor = zstd::bulk::Decompressor::new()?;
        let (mut stored, mut block) = (Vec::new(), Vec::with_capacity(2 * BLOCK_BYTES));
        for length in &self.lengths {
            stored.resize(*length, 0);
            file.read_exact(&mut stored)?;
            block.clear();
            decompressor.decompress_to_buffer(&stored, &mut block)?;
            black_box(&block);
        }
        Ok(began.elapsed())
    }
}

/// Measures P4.
///
/// # Errors
/// If a measurement fails.
pub fn measure(scale: &Scale, results: &mut Results) -> Result<()> {
    let open = scale.open;
    let folders = [(); 3].map(|()| tempfile::tempdir_in(&scale.scratch));
    let [ours, theirs, raw] = folders;
    let (ours, theirs, raw) = (ours?, theirs?, raw?);
    let left = task::run_and_kill(leave, (open, ours.path().to_owned()))?;
    task::run_and_kill(leave_sqlite, (open, theirs.path().to_owned()))?;
    let blocks = Blocks::write(left.bytes, open, raw.path())?;
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..scale.rounds {
        let ours = task::run_and_kill(self::open, (ours.path().to_owned(), open, left.events_after))?;
        let theirs = task::run_and_kill(open_sqlite, (theirs.path().to_owned(), open))?;
        for (times, took) in times.iter_mut().zip([ours, theirs, blocks.read()?]) {
            times.push(took.as_nanos() as f64);
        }
    }
    let [ours, theirs, raw] = times.map(|times| Figure::new(Unit::Nanoseconds, times));
    let what = format!("open after a kill, {open} open");
    let row = |against: &str, other| Row::new("P4", what.clone(), &ours, against, other);
    results.rows.extend([
        row("read + decompress as many bytes, 1 thread", &raw).target(Target::AtMost(3.0)),
        row("SQLite: open, load what is open", &theirs).target(Target::AtMost(1.0)),
    ]);
    Ok(())
}
