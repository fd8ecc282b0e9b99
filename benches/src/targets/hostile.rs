//! Growth with hostile inputs: the time of an event in one long conversation whose log could cost the square of its length.

use anyhow::Result;

use super::scale::Scale;
use crate::figure::{Figure, Unit};
use crate::hostile::{Log, run};
use crate::results::{Results, Row, Target};

/// The long conversation has this number of times the events of the short one.
const TIMES: u64 = 16;

/// Measures growth.
///
/// # Errors
/// If a measurement fails.
pub fn measure(scale: &Scale, results: &mut Results) -> Result<()> {
    let counts = [scale.hostile / TIMES, scale.hostile];
    let [short, long] = counts;
    // An event may take as many times as long as the logarithm of their number has grown.
    let most = (long as f64).ln() / (short as f64).ln();
    for (name, log) in
        [("late", Log::Late), ("conflicts", Log::OtherText), ("untimed", Log::Untimed), ("agents", Log::Agents)]
    {
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..scale.rounds {
            for (count, times) in counts.iter().zip(&mut times) {
                times.push(run(log, *count)?.took.as_nanos() as f64 / *count as f64);
            }
        }
        let [of_short, of_long] = times.map(|times| Figure::new(Unit::Nanoseconds, times));
        let what = format!("time an event, {name}, {long} in one conversation");
        let row = Row::new("growth", what, &of_long, format!("{short} in one conversation"), &of_short);
        results.rows.push(row.target(Target::AtMost(most)));
    }
    Ok(())
}
