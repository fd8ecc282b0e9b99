//! P5: a page of 50 open conversations of an agent, by last activity, while events are ingested.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use convofold::{Batch, Convofold, Query};
use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::scale::Scale;
use crate::figure::{Figure, Unit};
use crate::peers::{Row as Conversation, sqlite};
use crate::population::{Population, fill, mixed};
use crate::results::{Results, Row, Target};
use crate::task;

const PAGE: usize = 50;
/// Duration of each part of a round.
const PART: Duration = Duration::from_millis(1_000);
/// Time between two queries: a thousand per second.
const PACE: Duration = Duration::from_millis(1);
/// Number of events per submission.
const BATCH: u64 = 64;

/// The results, one value per round. Times are in nanoseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Pages {
    /// The median and the 99th percentile without other load.
    idle: [Vec<f64>; 2],
    /// The same while events are ingested.
    busy: [Vec<f64>; 2],
    /// The 99th percentile of the queries that were not preempted, and the share of these, while events are ingested.
    undisturbed: [Vec<f64>; 2],
    /// Events per second, without and with queries.
    ingest: [Vec<f64>; 2],
}

/// A query: its duration, and whether the system preempted the thread meanwhile.
#[derive(Clone, Copy, Debug)]
struct Asked {
    took: f64,
    was_preempted: bool,
}

/// A system that ingests and answers.
trait Desk: Sync {
    /// Ingests this number of messages, starting with this one.
    fn take(&self, population: Population, open: u64, from: u64) -> Result<()>;
    /// Number of conversations of an agent on a page.
    fn page(&self, agent: String) -> Result<usize>;
}

struct Ours(Convofold);

impl Desk for Ours {
    fn take(&self, population: Population, open: u64, from: u64) -> Result<()> {
        let events = (from..from + BATCH).map(|place| population.later(mixed(12, place) % open, 5 + place));
        self.0.submit(Batch::new(events.collect::<Result<_>>()?))?.wait()?;
        Ok(())
    }

    fn page(&self, agent: String) -> Result<usize> {
        let query = Query::new().agent(agent.as_str()).limit(PAGE);
        Ok(self.0.query(&query)?.rows.len())
    }
}

/// A connection that writes and one that reads, as the WAL allows.
struct Theirs {
    writer: parking_lot::Mutex<Box<dyn crate::peers::Store + Send>>,
    reader: parking_lot::Mutex<rusqlite::Connection>,
}

impl Desk for Theirs {
    fn take(&self, population: Population, open: u64, from: u64) -> Result<()> {
        let events = (from..from + BATCH).map(|place| population.later(mixed(12, place) % open, 5 + place));
        self.writer.lock().store(&events.collect::<Result<Vec<_>>>()?)
    }

    fn page(&self, agent: String) -> Result<usize> {
        let reader = self.reader.lock();
        let mut page = reader.prepare_cached(sqlite::PAGE)?;
        let rows = page.query_map(params![agent, i64::try_from(PAGE)?], sqlite::read)?;
        Ok(rows.collect::<rusqlite::Result<Vec<(String, Conversation)>>>()?.len())
    }
}

/// Fills convofold and measures it.
///
/// # Errors
/// If the database fails.
pub fn ours((open, closed, rounds, folder): (u64, u64, usize, PathBuf)) -> Result<Pages> {
    let population = Population::of(open);
    let db = Convofold::open(folder)?;
    fill(&db, (open..open + closed).map(|number| population.closed(number)))?;
    fill(&db, (0..open).map(|number| population.open(number)))?;
    db.checkpoint()?;
    let desk = Ours(db);
    let pages = all(&desk, population, open, rounds)?;
    desk.0.close()?;
    Ok(pages)
}

/// Fills SQLite and measures it.
///
/// # Errors
/// If SQLite fails.
pub fn theirs((open, closed, rounds, folder): (u64, u64, usize, PathBuf)) -> Result<Pages> {
    let population = Population::of(open);
    let mut writer = sqlite::fast(&folder)?;
    let mut batch = Vec::new();
    let closed = (open..open + closed).map(|number| population.closed(number));
    for events in closed.chain((0..open).map(|number| population.open(number))) {
        batch.extend(events?);
        if batch.len() >= 10_000 {
            writer.store(&batch)?;
            batch.clear();
        }
    }
    writer.store(&batch)?;
    writer.settle()?;
    let reader = sqlite::connect(&folder, sqlite::Synchronous::Normal)?;
    all(&Theirs { writer: writer.into(), reader: reader.into() }, population, open, rounds)
}

fn all(desk: &impl Desk, population: Population, open: u64, rounds: usize) -> Result<Pages> {
    let mut pages = Pages::default();
    let mut taken = 0;
    // The first round warms caches and is not counted.
    for round in 0..=rounds {
        let idle = ask(desk, population, PART / 2)?;
        let mut ingest = [0.0; 2];
        let mut busy = Vec::new();
        // They take turns in being first.
        for place in 0..2 {
            let with_questions = (round + place) % 2;
            let mut questions = |part| if with_questions == 1 { ask(desk, population, part) } else { wait(part) };
            let (times, rate) = while_taking(desk, population, open, &mut taken, &mut questions)?;
            if let Some(slot) = ingest.get_mut(with_questions) {
                *slot = rate;
            }
            busy.extend(times);
        }
        if round == 0 {
            continue;
        }
        let undisturbed: Vec<_> = busy.iter().filter(|asked| !asked.was_preempted).copied().collect();
        pages.undisturbed[1].push(undisturbed.len() as f64 / busy.len() as f64);
        pages.undisturbed[0].push(times(&undisturbed).at(0.99));
        for (all, asked) in [(&mut pages.idle, idle), (&mut pages.busy, busy)] {
            let times = times(&asked);
            all.iter_mut().zip([0.5, 0.99]).for_each(|(values, share)| values.push(times.at(share)));
        }
        pages.ingest.iter_mut().zip(ingest).for_each(|(values, rate)| values.push(rate));
    }
    Ok(pages)
}

fn wait(part: Duration) -> Result<Vec<Asked>> {
    std::thread::sleep(part);
    Ok(Vec::new())
}

fn times(asked: &[Asked]) -> Figure {
    Figure::new(Unit::Nanoseconds, asked.iter().map(|asked| asked.took))
}

/// How often the system preempted this thread.
fn preemptions() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/thread-self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"));
    Ok(line.ok_or_else(|| anyhow!("the system does not count preemptions"))?.trim().parse()?)
}

/// Queries pages of different agents, one per millisecond; returns their durations.
fn ask(desk: &impl Desk, population: Population, part: Duration) -> Result<Vec<Asked>> {
    let began = Instant::now();
    let mut all = Vec::new();
    let mut due = began;
    while began.elapsed() < part {
        let agent = population.agent(mixed(13, all.len() as u64));
        let before = preemptions()?;
        let asked = Instant::now();
        let rows = desk.page(agent)?;
        let took = asked.elapsed().as_nanos() as f64;
        all.push(Asked { took, was_preempted: preemptions()? > before });
        ensure!(rows == PAGE, "a page has {rows} conversations");
        due += PACE;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok(all)
}

/// Calls a function while another thread ingests; returns its result and the number of events per second.
fn while_taking(
    desk: &impl Desk,
    population: Population,
    open: u64,
    taken: &mut u64,
    work: &mut impl FnMut(Duration) -> Result<Vec<Asked>>,
) -> Result<(Vec<Asked>, f64)> {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let from = *taken;
        let is_over = &is_over;
        let taking = scope.spawn(move || -> Result<(u64, Duration)> {
            let (began, mut next) = (Instant::now(), from);
            while !is_over.load(Ordering::Relaxed) {
                desk.take(population, open, next)?;
                next += BATCH;
            }
            Ok((next, began.elapsed()))
        });
        let worked = work(PART);
        is_over.store(true, Ordering::Relaxed);
        let (next, took) = taking.join().map_err(|_| anyhow!("the submitter panicked"))??;
        *taken = next;
        Ok((worked?, (next - from) as f64 / took.as_secs_f64()))
    })
}

/// Measures P5.
///
/// # Errors
/// If a measurement fails.
pub fn measure(scale: &Scale, results: &mut Results) -> Result<()> {
    let Scale { open, closed, rounds, .. } = *scale;
    let folder = tempfile::tempdir_in(&scale.scratch)?;
    let ours = task::run(ours, (open, closed, rounds, folder.path().to_owned()))?;
    let folder = tempfile::tempdir_in(&scale.scratch)?;
    let theirs = task::run(theirs, (open, closed, rounds, folder.path().to_owned()))?;
    let figure = |values: &Vec<f64>| Figure::new(Unit::Nanoseconds, values.iter().copied());
    let limit = Figure::once(Unit::Nanoseconds, 50_000.0);
    let [busy_median, busy_last] = &ours.busy;
    let what = |name: &str| format!("page of {PAGE} of {open} open and {closed} closed, {name}");
    let (median, last) = (what("median, while events come in"), what("99th percentile, while events come in"));
    let by = |share: &Figure, other: &Vec<f64>| figure(other).by(share);
    let faster = |what: &str, ours: &Vec<f64>, theirs: &Vec<f64>| Row {
        ratio: by(&figure(ours), theirs),
        ..Row::new("P5", what, &figure(ours), "SQLite's indexed query (ratio: how much slower)", &figure(theirs))
    };
    let [undisturbed, share] = &ours.undisturbed;
    let share = Figure::new(Unit::Times, share.iter().copied()).median() * 100.0;
    let undisturbed_what = what(&format!("99th percentile of the {share:.1} % that were not preempted"));
    let [sqlite_median, sqlite_last] = &theirs.busy;
    let [idle_median, idle_last] = &ours.idle;
    let [sqlite_idle_median, sqlite_idle_last] = &theirs.idle;
    results.rows.extend([
        Row::new("P5", &last, &figure(busy_last), "50 us", &limit).target(Target::AtMost(1.0)),
        faster(&last, busy_last, sqlite_last).target(Target::AtLeast(10.0)),
        Row::new("P5", undisturbed_what, &figure(undisturbed), "50 us", &limit),
        faster(&median, busy_median, sqlite_median),
        faster(&what("99th percentile, nothing else"), idle_last, sqlite_idle_last),
        faster(&what("median, nothing else"), idle_median, sqlite_idle_median),
    ]);
    for (name, pages, target) in [("convofold", &ours, Some(Target::AtLeast(0.95))), ("SQLite", &theirs, None)] {
        let [without, with] = pages.ingest.clone().map(|rates| Figure::new(Unit::EventsPerSecond, rates));
        let what = format!("{name}: events taken while 1,000 pages a second are asked for");
        results.rows.push(Row { target, ..Row::new("P5", what, &with, "without", &without) });
    }
    Ok(())
}
