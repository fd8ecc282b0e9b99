//! P6: resident memory by number of conversations.

use std::path::PathBuf;

use anyhow::Result;
use convofold::Convofold;
use serde::{Deserialize, Serialize};

use super::scale::Scale;
use crate::figure::{Figure, Unit};
use crate::outcome::memory_bytes;
use crate::population::{Population, content_bytes, fill, settle};
use crate::results::{Results, Row, Target};
use crate::task;

/// Resident memory after each step, in bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Steps(Vec<u64>);

impl Steps {
    /// The memory of one of `count` conversations, from step to step.
    fn each(&self, from: usize, count: u64) -> f64 {
        let at = |step: usize| self.0.get(step).copied().unwrap_or_default() as f64;
        (at(from + 1) - at(from)) / count as f64
    }
}

/// Memory with half of the open conversations, with all of them, with half of the closed ones, and with all of them.
///
/// # Errors
/// If the database fails.
pub fn held((open, closed, folder): (u64, u64, PathBuf)) -> Result<Steps> {
    let population = Population::of(open);
    let db = Convofold::open(folder)?;
    let mut steps = Vec::new();
    for numbers in [0..open / 2, open / 2..open, open..open + closed / 2, open + closed / 2..open + closed] {
        let conversations =
            numbers.map(|number| if number < open { population.open(number) } else { population.closed(number) });
        fill(&db, conversations)?;
        db.checkpoint()?;
        settle();
        steps.push(memory_bytes()?);
    }
    db.close()?;
    Ok(Steps(steps))
}

/// Memory after a third of `events` events and after all of them, with a constant number of open conversations.
///
/// # Errors
/// If the database fails.
pub fn growing((open, events, folder): (u64, u64, PathBuf)) -> Result<Steps> {
    let population = Population::of(open);
    let db = Convofold::open(folder)?;
    let mut steps = Vec::new();
    let mut taken = fill(&db, (0..open).map(|number| population.open(number)))?;
    let mut number = open;
    for until in [events / 3, events] {
        let count = until.saturating_sub(taken) / 3;
        taken += fill(&db, (number..number + count).map(|number| population.closed(number)))?;
        number += count;
        db.checkpoint()?;
        settle();
        steps.push(memory_bytes()?);
    }
    db.close()?;
    Ok(Steps(steps))
}

/// Measures P6.
///
/// # Errors
/// If a measurement fails.
pub fn measure(scale: &Scale, results: &mut Results) -> Result<()> {
    let Scale { open, closed, churn, .. } = *scale;
    let population = Population::of(open);
    let content: u64 = (0..100).map(|number| Ok(content_bytes(&population.open(number)?))).sum::<Result<_>>()?;
    let content = Figure::once(Unit::Bytes, content as f64 / 100.0);
    let (mut of_open, mut of_closed, mut early, mut late) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // Memory differs little from round to round, and a round takes long.
    for _ in 0..scale.rounds.min(3) {
        let folder = tempfile::tempdir_in(&scale.scratch)?;
        let steps = task::run(held, (open, closed, folder.path().to_owned()))?;
        of_open.push(steps.each(0, open - open / 2));
        of_closed.push(steps.each(2, closed - closed / 2));
        let folder = tempfile::tempdir_in(&scale.scratch)?;
        let steps = task::run(growing, (open / 10, churn, folder.path().to_owned()))?;
        early.extend(steps.0.first().map(|bytes| *bytes as f64));
        late.extend(steps.0.last().map(|bytes| *bytes as f64));
    }
    let figure = |values: Vec<f64>| Figure::new(Unit::Bytes, values);
    let (of_open, of_closed, early, late) = (figure(of_open), figure(of_closed), figure(early), figure(late));
    let archived = Figure::once(Unit::Bytes, 24.0);
    let what = format!("memory after {churn} events, {} open", open / 10);
    results.rows.extend([
        Row::new("P6", format!("memory an open conversation, of {open}"), &of_open, "its own content", &content)
            .target(Target::AtMost(1.4)),
        Row::new("P6", format!("memory a closed conversation, of {closed}"), &of_closed, "24 bytes", &archived)
            .target(Target::AtMost(1.0)),
        Row::new("P6", what, &late, "after a third of them", &early).target(Target::AtMost(1.1)),
    ]);
    Ok(())
}
