//! What several databases in one process cost: memory, threads, files, time to open, and processor time while nothing happens.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use convofold::ingest::{Format, Limits, Parser};
use convofold::{Convofold, Options, StateHash};
use convofold_benches::figure::{Figure, Unit, show};
use convofold_benches::log::{Content, generated};
use convofold_benches::outcome::{disk_bytes, memory_bytes};
use convofold_benches::results::{Results, Row};
use convofold_benches::task;
use convofold_benches::usage::Usage;
use convofold_cluster::{Partitions, Splitter};
use serde::{Deserialize, Serialize};

/// The options of a node (`bindings/cluster/src/node/partition.rs`).
const CACHE_BYTES: u64 = 8 << 20;
const CHECKPOINT_LOG_BYTES: u64 = 16 << 20;
const MEMORY_BYTES: u64 = 1 << 30;
const MIN_MEMORY_BYTES: u64 = 16 << 20;
/// All segments of a case together. sled has several of each database in memory.
const MAX_SEGMENTS_BYTES: u64 = 256 << 20;

/// The size of a measurement.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Number of events, of Airship, in all databases of a case together.
    #[arg(long, default_value_t = 200_000)]
    events: u64,
    /// Numbers of databases.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 64])]
    counts: Vec<u32>,
    /// Sizes of sled's segments, in MiB.
    #[arg(long, value_delimiter = ',', default_values_t = [2, 4, 16])]
    segments: Vec<u64>,
    /// Seconds in which nothing happens.
    #[arg(long, default_value_t = 3)]
    idle: u64,
}

/// The options that a node with this number of partitions has for each of them.
pub(crate) fn options(partitions: u64, options: Options) -> Options {
    let memory_bytes = (MEMORY_BYTES / partitions.max(1)).max(MIN_MEMORY_BYTES);
    options.cache_bytes(CACHE_BYTES).checkpoint_log_bytes(CHECKPOINT_LOG_BYTES).memory_bytes(memory_bytes)
}

/// Some databases in one folder.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Case {
    count: u32,
    segment_bytes: u64,
    idle: Duration,
    folder: PathBuf,
    log: PathBuf,
}

/// What a process with all of them open costs.
#[derive(Serialize, Deserialize)]
pub(crate) struct Cost {
    /// Until all are open.
    pub(crate) opened: Duration,
    pub(crate) memory_bytes: u64,
    pub(crate) threads: u64,
    pub(crate) files: u64,
    pub(crate) disk_bytes: u64,
    /// The share of one processor while nothing happens.
    pub(crate) idle: f64,
    /// The sum of the state hashes, if there are events.
    hash: Option<StateHash>,
}

impl Cost {
    /// What this process costs now, after it has opened everything.
    pub(crate) fn now(opened: Duration, idle: Duration, folder: &Path) -> Result<Self> {
        let before = Usage::now()?;
        std::thread::sleep(idle);
        let used = Usage::now()?.since(before).processor;
        Ok(Self {
            opened,
            memory_bytes: memory_bytes()?,
            threads: entries("/proc/self/task")?,
            files: entries("/proc/self/fd")?,
            disk_bytes: disk_bytes(folder)?,
            idle: used.as_secs_f64() / idle.as_secs_f64(),
            hash: None,
        })
    }

    /// One line.
    pub(crate) fn note(&self, what: &str) -> String {
        let Self { opened, memory_bytes, threads, files, disk_bytes, idle, .. } = self;
        format!(
            "{what}: open after {}, {} of memory, {threads} threads, {files} open files, {} on the disk, idle {:.1} % of a processor",
            show(Unit::Nanoseconds, opened.as_nanos() as f64),
            show(Unit::Bytes, *memory_bytes as f64),
            show(Unit::Bytes, *disk_bytes as f64),
            idle * 100.0,
        )
    }
}

fn entries(folder: &str) -> Result<u64> {
    Ok(std::fs::read_dir(folder)?.count() as u64)
}

impl Case {
    fn open(&self) -> Result<Vec<Convofold>> {
        let segment_bytes = usize::try_from(self.segment_bytes)?;
        let options = options(u64::from(self.count), Options::new().segment_bytes(segment_bytes));
        (0..self.count).map(|it| Ok(options.clone().open(self.folder.join(format!("p{it}")))?)).collect()
    }

    /// Gives each event to the database of its partition.
    fn fill(&self, databases: &[Convofold]) -> Result<()> {
        let partitions = Partitions::new(NonZeroU32::try_from(self.count)?);
        let splitter = Splitter::new(Parser::new(Format::Auto, Limits::default()), partitions);
        let log = std::fs::read(&self.log)?;
        let mut inputs = vec![Vec::new(); databases.len()];
        for payload in splitter.split(&log).payloads {
            let input = inputs.get_mut(payload.partition as usize).context("a partition of the log")?;
            input.extend_from_slice(&payload.bytes);
            input.push(b'\n');
        }
        drop(log);
        for (db, input) in databases.iter().zip(inputs) {
            let report = db.ingest(&input, Format::Auto)?;
            ensure!(report.rejections.is_empty(), "the log has inputs that are no events");
        }
        Ok(())
    }
}

/// Makes the databases, and fills them afterwards.
pub(crate) fn make(case: Case) -> Result<Cost> {
    let began = Instant::now();
    let databases = case.open()?;
    let mut cost = Cost::now(began.elapsed(), case.idle, &case.folder)?;
    case.fill(&databases)?;
    cost.hash = databases.iter().map(Convofold::state_hash).reduce(StateHash::plus);
    databases.iter().try_for_each(Convofold::close)?;
    Ok(cost)
}

/// Opens them again, with their contents.
pub(crate) fn reopen(case: Case) -> Result<Cost> {
    let began = Instant::now();
    let databases = case.open()?;
    let mut cost = Cost::now(began.elapsed(), case.idle, &case.folder)?;
    cost.hash = databases.iter().map(Convofold::state_hash).reduce(StateHash::plus);
    databases.iter().try_for_each(Convofold::close)?;
    Ok(cost)
}

pub(crate) fn run(args: &Args, results: &mut Results) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let log = generated(args.events, Content::Airship, scratch.path())?;
    let mut hashes = Vec::new();
    for count in &args.counts {
        let mut smallest: Option<(u64, Cost)> = None;
        for segment in &args.segments {
            let (segment_bytes, what) = (segment << 20, format!("{count} databases, segments of {segment} MiB"));
            if u64::from(*count) * segment_bytes > MAX_SEGMENTS_BYTES {
                results.notes.push(format!("{what}: not measured, they could take all memory"));
                continue;
            }
            let folder = tempfile::tempdir_in(scratch.path())?;
            let idle = Duration::from_secs(args.idle);
            let (path, log) = (folder.path().to_owned(), log.clone());
            let case = Case { count: *count, segment_bytes, idle, folder: path, log };
            let made = task::run(make, case.clone())?;
            let again = task::run(reopen, case)?;
            ensure!(made.hash == again.hash, "{what}: the state is another one after opening");
            hashes.push(again.hash);
            results.notes.push(made.note(&format!("{what}, new")));
            results.notes.push(again.note(&format!("{what}, with {} events", args.events)));
            match &smallest {
                None => smallest = Some((*segment, again)),
                Some((smallest, other)) => compare(results, &what, &again, *smallest, other),
            }
        }
    }
    ensure!(hashes.iter().all(|hash| Some(hash) == hashes.first()), "the sums of the hashes differ: {hashes:?}");
    Ok(())
}

/// Compares larger segments with the smallest ones.
fn compare(results: &mut Results, what: &str, one: &Cost, segment: u64, other: &Cost) {
    let against = format!("segments of {segment} MiB");
    let mut row = |name: &str, unit, one: f64, other: f64| {
        let (one, other) = (Figure::once(unit, one), Figure::once(unit, other));
        results.rows.push(Row::new("cluster", format!("{what}: {name}"), &one, against.as_str(), &other));
    };
    row("memory", Unit::Bytes, one.memory_bytes as f64, other.memory_bytes as f64);
    row("disk", Unit::Bytes, one.disk_bytes as f64, other.disk_bytes as f64);
    row("open again", Unit::Nanoseconds, one.opened.as_nanos() as f64, other.opened.as_nanos() as f64);
}
