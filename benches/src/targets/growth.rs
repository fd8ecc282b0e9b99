//! P9: time per event, in a short replay and in one thirty times as long.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use convofold::Convofold;
use convofold::replay::{Input, Replay};

use super::scale::Scale;
use crate::figure::{Figure, Unit};
use crate::log::compressed;
use crate::results::{Results, Row, Target};
use crate::task;

const TIMES: u64 = 30;

/// Progress of a replay: events and seconds.
///
/// # Errors
/// If the replay fails.
pub fn course((log, folder): (PathBuf, PathBuf)) -> Result<Vec<(u64, Duration)>> {
    let db = Convofold::open(folder)?;
    let mut course = vec![(0, Duration::ZERO)];
    let replay = Replay::new(&db).input(Input::path(log));
    let report = replay.on_progress(|progress| course.push((progress.events, progress.elapsed))).run()?;
    course.push((report.events, report.took));
    db.close()?;
    Ok(course)
}

/// The time at which this number of events was replayed, in seconds.
fn reached(course: &[(u64, Duration)], events: u64) -> Option<f64> {
    let place = course.iter().position(|(taken, _)| *taken >= events)?;
    let (before, after) = (course.get(place.checked_sub(1)?)?, course.get(place)?);
    let share = (events - before.0) as f64 / (after.0 - before.0).max(1) as f64;
    let (from, to) = (before.1.as_secs_f64(), after.1.as_secs_f64());
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
    let (mut early, mut late) = (Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        let folder = tempfile::tempdir_in(&scale.scratch)?;
        let course = task::run(course, (log.clone(), folder.path().to_owned()))?;
        let each = |events| Some(reached(&course, events)? * 1e9 / events as f64);
        early.push(each(early_events).context("the replay went by too fast")?);
        late.push(each(events).context("the replay ended early")?);
    }
    let figure = |values| Figure::new(Unit::Nanoseconds, values);
    let what = format!("time an event, {events} events");
    let row = Row::new("P9", what, &figure(late), format!("{early_events} events"), &figure(early));
    results.rows.push(row.target(Target::AtMost(1.1)));
    Ok(())
}
