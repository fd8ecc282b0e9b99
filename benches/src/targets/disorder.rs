//! P8: the same log shuffled, with duplicates; and its days in reverse order.

use anyhow::{Result, ensure};

use super::replay::replay_files;
use super::scale::Scale;
use crate::figure::{Figure, Unit};
use crate::log::{Content, days, generated, shuffled};
use crate::results::{Results, Row, Target};
use crate::task;

/// Number of files that the log is cut into.
const DAYS: u64 = 30;

/// Measures P8, always with a generated log.
///
/// # Errors
/// If a replay fails, or the answers differ.
pub fn measure(scale: &Scale, results: &mut Results) -> Result<()> {
    let folder = tempfile::tempdir_in(&scale.scratch)?;
    let log = generated(scale.events, Content::Airship, &scale.scratch)?;
    let shuffled = shuffled(scale.events, Content::Airship, folder.path())?;
    let mut reversed = days(&log, DAYS, folder.path())?;
    reversed.reverse();
    let inputs = [vec![log], vec![shuffled], reversed];
    let mut rates = [Vec::new(), Vec::new(), Vec::new()];
    let mut expected = None;
    for _ in 0..scale.rounds {
        for (files, rates) in inputs.iter().zip(&mut rates) {
            let folder = tempfile::tempdir_in(&scale.scratch)?;
            let outcome = task::run(replay_files, (files.clone(), folder.path().to_owned()))?;
            let expected = expected.get_or_insert_with(|| outcome.answers.clone());
            ensure!(outcome.answers == *expected, "{:?} and {expected:?}", outcome.answers);
            rates.push(outcome.rate());
        }
    }
    let [in_order, shuffled, reversed] = rates.map(|rates| Figure::new(Unit::EventsPerSecond, rates));
    let row = |what, figure| Row::new("P8", what, figure, "in order (P1)", &in_order);
    results.rows.push(row("shuffled, 5 % twice", &shuffled).target(Target::AtLeast(0.8)));
    results.rows.push(row("30 days in reverse order", &reversed).target(Target::AtLeast(0.5)));
    Ok(())
}
