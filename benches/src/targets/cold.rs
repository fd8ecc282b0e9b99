//! P4: opening a large database that is not in the page cache: bytes read from the disk, and time.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use convofold::Convofold;
use convofold::replay::{Input, Replay};
use rustix::fs::{Advice, fadvise};
use serde::{Deserialize, Serialize};

use super::scale::Scale;
use crate::figure::{Figure, Unit};
use crate::log::compressed;
use crate::outcome::disk_bytes;
use crate::results::{Results, Row, Target};
use crate::task;

/// Bytes that opening may read for each event of the log: 100 MB for ten million.
const BYTES_PER_EVENT: f64 = 10.0;

/// What a database contains.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Content {
    events: u64,
    conversations: u64,
    open: u64,
}

/// Time, and bytes that were read from the disk.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ReadCold {
    took: Duration,
    bytes: u64,
}

/// Replays a log into a new database and closes it.
///
/// # Errors
/// If the replay fails.
pub fn fill((log, folder): (PathBuf, PathBuf)) -> Result<Content> {
    let db = Convofold::open(folder)?;
    Replay::new(&db).input(Input::path(log)).run()?;
    let stats = db.stats();
    let content = Content { events: stats.last_seq, conversations: stats.conversations, open: stats.open };
    db.close()?;
    Ok(content)
}

/// Opens the database, and closes it after the measurement.
///
/// # Errors
/// If the database fails.
pub fn open(folder: PathBuf) -> Result<ReadCold> {
    let (began, before) = (Instant::now(), bytes_read()?);
    let db = Convofold::open(folder)?;
    let opened = ReadCold { took: began.elapsed(), bytes: bytes_read()? - before };
    db.close()?;
    Ok(opened)
}

/// Reads all files in order, and nothing else.
///
/// # Errors
/// If a file cannot be read.
pub fn read(folder: PathBuf) -> Result<ReadCold> {
    let (began, before) = (Instant::now(), bytes_read()?);
    let mut buffer = vec![0; 1 << 20];
    for path in files(&folder)? {
        let mut file = File::open(path)?;
        while file.read(&mut buffer)? > 0 {}
    }
    Ok(ReadCold { took: began.elapsed(), bytes: bytes_read()? - before })
}

/// What this process has read from the disk and not from the page cache, in bytes.
fn bytes_read() -> Result<u64> {
    let io = std::fs::read_to_string("/proc/self/io")?;
    let bytes = io.lines().find_map(|line| line.strip_prefix("read_bytes: "));
    Ok(bytes.context("the system does not count bytes read")?.parse()?)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(entries.into_iter().filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect())
}

/// Drops the files of a folder from the page cache. Needs no root; writes them to the disk before.
///
/// # Errors
/// If a file cannot be opened.
pub fn make_cold(folder: &Path) -> Result<()> {
    for path in files(folder)? {
        let file = File::open(path)?;
        file.sync_all()?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
    }
    Ok(())
}

/// Measures opening with a cold cache.
///
/// # Errors
/// If a measurement fails.
pub fn measure(scale: &Scale, results: &mut Results) -> Result<()> {
    let log = compressed(scale.cold, &scale.scratch)?;
    let folder = tempfile::tempdir_in(&scale.scratch)?;
    let database = folder.path().to_owned();
    let Content { events, conversations, open } = task::run(fill, (log, database.clone()))?;
    let stored = disk_bytes(&database)?;
    let (mut opened, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        make_cold(&database)?;
        opened.push(task::run(self::open, database.clone())?);
        make_cold(&database)?;
        raw.push(task::run(read, database.clone())?);
    }
    let least = raw.iter().map(|read| read.bytes).min().unwrap_or_default();
    if least < stored / 10 * 9 {
        results.notes.push(format!(
            "opening cold: the page cache was not dropped; reading {stored} bytes read only {least} from the disk."
        ));
    }
    ensure!(events == scale.cold, "{events} of {} events were replayed", scale.cold);
    let figure = |unit, reads: &[ReadCold], of: fn(&ReadCold) -> f64| Figure::new(unit, reads.iter().map(of));
    let bytes = |reads: &[ReadCold]| figure(Unit::Bytes, reads, |read| read.bytes as f64);
    let time = |reads: &[ReadCold]| figure(Unit::Nanoseconds, reads, |read| read.took.as_nanos() as f64);
    let what = format!("open cold, {events} events, {open} of {conversations} conversations open");
    results.rows.extend([
        Row::new(
            "P4",
            format!("{what}: bytes read"),
            &bytes(&opened),
            "stored",
            &Figure::once(Unit::Bytes, stored as f64),
        )
        .target(Target::ValueAtMost(BYTES_PER_EVENT * events as f64)),
        Row::new("P4", format!("{what}: time"), &time(&opened), "reading all that is stored, cold", &time(&raw)),
    ]);
    Ok(())
}
