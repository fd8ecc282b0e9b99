//! P9: time and processor time per event, in a short replay and in one thirty times as long.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use convofold::Convofold;
use convofold::replay::{Input, Replay};
use serde::{Deserialize, Serialize};

use super::scale::Scale;
use crate::figure::{Figure, Unit};
use crate::log::compressed;
use crate::results::{Results, Row, Target};
use crate::task;
use crate::usage::Usage;

const TIMES: u64 = 30;

/// A point in a replay.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Point {
    events: u64,
    elapsed: Duration,
    /// Processor time of the process.
    processor: Duration,
}

type Time = fn(&Point) -> Duration;

/// The progress of a replay.
///
/// # Errors
/// If the replay fails.
pub fn course((log, folder): (PathBuf, PathBuf)) -> Result<Vec<Point>> {
    let db = Convofold::open(folder)?;
    let before = Usage::now()?;
    let point = |events, elapsed| {
        let processor = Usage::now().unwrap_or(before).since(before).processor;
        Point { events, elapsed, processor }
    };
    let mut course = vec![Point::default()];
    let replay = Replay::new(&db).input(Input::path(log));
    let report = replay.on_progress(|progress| course.push(point(progress.events, progress.elapsed))).run()?;
    course.push(point(report.events, report.took));
    db.close()?;
    Ok(course)
}

/// The time or the processor time after which this number of events was replayed, in seconds.
fn reached(course: &[Point], events: u64, of: Time) -> Option<f64> {
    let place = course.iter().position(|point| point.events >= events)?;
    let (before, after) = (course.get(place.checked_sub(1)?)?, course.get(place)?);
    let share = (events - before.events) as f64 / (after.events - before.events).max(1) as f64;
    let (from, to) = (of(before).as_secs_f64(), of(after).as_secs_f64());
    Some(from + (to - from) * share)
}

/// Measures P9, always with a generated log.
///
/// # Errors
/// If a measurement fails.
pub fn measure(scale: &Scale, results: &mut Results) -> Result<()> {
    let events = scale.growth;
    let log = compressed(events, &scale.scratch)?;
    let early_events = events / TIMES;
    let mut courses = Vec::new();
    for _ in 0..scale.rounds {
        let folder = tempfile::tempdir_in(&scale.scratch)?;
        courses.push(task::run(course, (log.clone(), folder.path().to_owned()))?);
    }
    let times: [(&str, Time); 2] = [("time", |point| point.elapsed), ("processor time", |point| point.processor)];
    for (name, of) in times {
        let each = |events: u64| {
            let reached = courses.iter().map(|course| Some(reached(course, events, of)? * 1e9 / events as f64));
            let reached = reached.collect::<Option<Vec<_>>>().context("the replay was too fast or ended early");
            Ok::<_, anyhow::Error>(Figure::new(Unit::Nanoseconds, reached?))
        };
        let (what, early) = (format!("{name} an event, {events} events"), format!("{early_events} events"));
        let row = Row::new("P9", what, &each(events)?, early, &each(early_events)?);
        results.rows.push(row.target(Target::AtMost(1.1)));
    }
    Ok(())
}
