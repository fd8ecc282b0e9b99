//! P2: live ingest, each submission acknowledged after the barrier, beside a raw append of the same bytes and a bare group
//! commit.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use convofold::{Batch, Convofold, Event};
use parking_lot::Mutex;

use super::replay;
use super::scale::Scale;
use crate::events;
use crate::figure::{Figure, Unit};
use crate::limits::group_commit::group_commit;
use crate::limits::raw::Appends;
use crate::peers::Store;
use crate::peers::sqlite::{Plain, Synchronous};
use crate::results::{Results, Row, Target};

/// Number of commits per turn.
const TURN: usize = 10;
/// Number of turns per round.
const TURNS: usize = 30;
const SUBMITTERS: usize = 64;
/// Events per round with many submitters.
const SUBMITTED: usize = 64 * 100;
/// Events per round for SQLite, which is slower.
const SUBMITTED_TO_SQLITE: usize = 64 * 10;

/// Measures P2.
///
/// # Errors
/// If a measurement fails.
pub fn measure(scale: &Scale, results: &mut Results) -> Result<()> {
    let round = TURN * TURNS + SUBMITTED;
    let events = events::first(&replay::log(scale)?, round * scale.rounds)?;
    let folder = tempfile::tempdir_in(&scale.scratch)?;
    let db = Convofold::open(folder.path().join("ours"))?;
    let mut appends = Appends::new(folder.path())?;
    let (mut alone, mut together) = (Alone::default(), Together::default());
    for events in events.chunks(round) {
        let (one, many) = events.split_at((TURN * TURNS).min(events.len()));
        alone.round(one, &db, &mut appends)?;
        together.round(many, &db, &mut appends, folder.path())?;
    }
    db.close()?;
    for _ in 0..scale.rounds {
        let events = events.get(..SUBMITTED_TO_SQLITE).unwrap_or(&events);
        together.sqlite.push(sqlite(events, &scale.scratch)?);
        together.grouped_sqlite.push(grouped_sqlite(events, &scale.scratch)?);
    }
    alone.tell(results);
    together.tell(results);
    Ok(())
}

/// One submitter. One value per round, in nanoseconds.
#[derive(Default)]
struct Alone {
    ours: [Vec<f64>; 2],
    raw: [Vec<f64>; 2],
}

impl Alone {
    fn round(&mut self, events: &[Event], db: &Convofold, appends: &mut Appends) -> Result<()> {
        let (mut ours, mut raw) = (Vec::new(), Vec::new());
        for turn in events.chunks(TURN) {
            let before = db.stats().log_bytes;
            for event in turn {
                let batch = Batch::new(vec![event.clone()]);
                let began = Instant::now();
                db.submit(batch)?.wait()?;
                ours.push(nanoseconds(began.elapsed()));
            }
            let bytes = usize::try_from((db.stats().log_bytes - before) / turn.len() as u64)?;
            for _ in turn {
                raw.push(nanoseconds(appends.append(bytes)?));
            }
        }
        for (all, times) in [(&mut self.ours, ours), (&mut self.raw, raw)] {
            let times = Figure::new(Unit::Nanoseconds, times);
            for (values, share) in all.iter_mut().zip([0.5, 0.99]) {
                values.push(times.at(share));
            }
        }
        Ok(())
    }

    fn tell(&self, results: &mut Results) {
        let figure = |values: &Vec<f64>| Figure::new(Unit::Nanoseconds, values.iter().copied());
        let named = ["median", "99th percentile"].into_iter().zip(self.ours.iter().zip(&self.raw));
        for (place, (name, (ours, raw))) in named.enumerate() {
            let what = format!("1 submitter, {name}");
            let row = Row::new("P2", what, &figure(ours), "raw append + fdatasync", &figure(raw));
            results.rows.push(if place == 0 { row.target(Target::AtMost(1.5)) } else { row });
        }
    }
}

/// Many submitters. One value per round, in events per second.
#[derive(Default)]
struct Together {
    ours: Vec<f64>,
    bare: Vec<f64>,
    raw: Vec<f64>,
    sqlite: Vec<f64>,
    grouped_sqlite: Vec<f64>,
}

impl Together {
    fn round(&mut self, events: &[Event], db: &Convofold, appends: &mut Appends, folder: &Path) -> Result<()> {
        let before = db.stats();
        let took = under_load(events, |event| {
            db.submit(Batch::new(vec![event.clone()]))?.wait()?;
            Ok(())
        })?;
        self.ours.push(events.len() as f64 / took.as_secs_f64());
        let took = group_commit(SUBMITTERS, events.len(), folder)?;
        self.bare.push(events.len() as f64 / took.as_secs_f64());
        // The bytes of these blocks, in one append per 64 events.
        let stored = db.stats().log_bytes - before.log_bytes;
        let groups = events.len().div_ceil(SUBMITTERS);
        let bytes = usize::try_from(stored)? / groups;
        let mut took = Duration::ZERO;
        for _ in 0..groups {
            took += appends.append(bytes)?;
        }
        self.raw.push(events.len() as f64 / took.as_secs_f64());
        Ok(())
    }

    fn tell(&self, results: &mut Results) {
        let figure = |values: &Vec<f64>| Figure::new(Unit::EventsPerSecond, values.iter().copied());
        let ours = figure(&self.ours);
        let what = format!("{SUBMITTERS} submitters");
        let row = |against: &str, other| Row::new("P2", what.clone(), &ours, against, &figure(other));
        results.rows.extend([
            row("bare group commit of 60 bytes each", &self.bare).target(Target::AtLeast(0.75)),
            row("raw append of 64 events + fdatasync", &self.raw),
            row("SQLite FULL, a transaction each", &self.sqlite).target(Target::AtLeast(10.0)),
            row("SQLite FULL, grouped by a thread of ours", &self.grouped_sqlite),
        ]);
    }
}

/// Each thread submits an event and waits for it before it takes the next one.
fn under_load(events: &[Event], submit: impl Fn(&Event) -> Result<()> + Sync) -> Result<Duration> {
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let work = || -> Result<()> {
            while let Some(event) = events.get(next.fetch_add(1, Ordering::Relaxed)) {
                submit(event)?;
            }
            Ok(())
        };
        let threads: Vec<_> = (0..SUBMITTERS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a submitter panicked"))?)
    })?;
    Ok(began.elapsed())
}

/// One connection behind a lock: with one connection each, submitters would wait longer for SQLite's own lock.
fn sqlite(events: &[Event], scratch: &Path) -> Result<f64> {
    let folder = tempfile::tempdir_in(scratch)?;
    let store = Mutex::new(Plain::open(folder.path(), Synchronous::Full)?);
    let took = under_load(events, |event| store.lock().store(std::slice::from_ref(event)))?;
    Ok(events.len() as f64 / took.as_secs_f64())
}

/// The natural improvement: a thread that commits all waiting events in one transaction.
fn grouped_sqlite(events: &[Event], scratch: &Path) -> Result<f64> {
    let folder = tempfile::tempdir_in(scratch)?;
    let mut store = Plain::open(folder.path(), Synchronous::Full)?;
    let (sender, receiver) = crossbeam_channel::bounded::<(Event, crossbeam_channel::Sender<()>)>(SUBMITTERS);
    std::thread::scope(|scope| {
        let writing = scope.spawn(move || -> Result<()> {
            while let Ok(first) = receiver.recv() {
                let waiting = std::iter::once(first).chain(receiver.try_iter());
                let (events, answers): (Vec<_>, Vec<_>) = waiting.unzip();
                store.store(&events)?;
                for answer in answers {
                    answer.send(())?;
                }
            }
            Ok(())
        });
        let submit = |event: &Event| {
            let (answer, answered) = crossbeam_channel::bounded(1);
            sender.send((event.clone(), answer))?;
            Ok(answered.recv()?)
        };
        let took = under_load(events, submit)?;
        drop(sender);
        writing.join().map_err(|_| anyhow!("the writer panicked"))??;
        Ok(events.len() as f64 / took.as_secs_f64())
    })
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_nanos() as f64
}
