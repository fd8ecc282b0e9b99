//! A quantity that was measured several times.

use serde::{Deserialize, Serialize};

/// The unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Events per second.
    EventsPerSecond,
    /// Bytes per second.
    BytesPerSecond,
    /// Nanoseconds.
    Nanoseconds,
    /// Bytes.
    Bytes,
    /// A number of things.
    Count,
    /// The ratio of two quantities.
    Times,
}

/// The values of one quantity, one per round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The unit.
    pub unit: Unit,
    /// The values, in order of rounds.
    pub values: Vec<f64>,
}

impl Figure {
    /// A figure with these values.
    #[must_use]
    pub fn new(unit: Unit, values: impl IntoIterator<Item = f64>) -> Self {
        Self { unit, values: values.into_iter().collect() }
    }

    /// A figure that was measured once.
    #[must_use]
    pub fn once(unit: Unit, value: f64) -> Self {
        Self::new(unit, [value])
    }

    /// The value at this share of the sorted values, from 0 to 1; the upper one if two are in the middle. NaN
    /// without values.
    #[must_use]
    pub fn at(&self, share: f64) -> f64 {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index, not negative")]
        let place = (sorted.len() as f64 * share) as usize;
        sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
    }

    /// The median.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.at(0.5)
    }

    /// The ratio of this figure to the other one, per round, because the speed of the machine changes between rounds. A
    /// figure that was measured once is compared with every round of the other.
    #[must_use]
    pub fn by(&self, other: &Self) -> Self {
        let rounds = if self.values.len() == 1 || other.values.len() == 1 {
            self.values.len().max(other.values.len())
        } else {
            self.values.len().min(other.values.len())
        };
        let value = |figure: &Self, round: usize| figure.values.get(round).or(figure.values.first()).copied();
        let ratio = |round| Some(value(self, round)? / value(other, round)?);
        Self::new(Unit::Times, (0..rounds).filter_map(ratio))
    }

    /// The median as text.
    #[must_use]
    pub fn show(&self) -> String {
        show(self.unit, self.median())
    }

    /// The minimum and the maximum as text; empty for a single value.
    #[must_use]
    pub fn spread(&self) -> String {
        if self.values.len() < 2 {
            return String::new();
        }
        format!("{} - {}", show(self.unit, self.at(0.0)), show(self.unit, self.at(1.0)))
    }
}

/// A value as text.
#[must_use]
pub fn show(unit: Unit, value: f64) -> String {
    let pick = |steps: &[(f64, &str)], least: &str| {
        let step = steps.iter().find(|(size, _)| value.abs() >= *size);
        step.map_or_else(
            || format!("{value:.0} {least}"),
            |(size, name)| format!("{:.*} {name}", digits(value / size), value / size),
        )
    };
    match unit {
        Unit::EventsPerSecond => pick(&[(1e6, "M/s"), (1e3, "k/s")], "/s"),
        Unit::BytesPerSecond => pick(&[(1e9, "GB/s"), (1e6, "MB/s")], "B/s"),
        Unit::Nanoseconds => pick(&[(1e9, "s"), (1e6, "ms"), (1e3, "us")], "ns"),
        Unit::Bytes => pick(&[(1e9, "GB"), (1e6, "MB"), (1e3, "kB")], "B"),
        Unit::Count => pick(&[(1e6, "M"), (1e3, "k")], "").trim_end().to_owned(),
        Unit::Times => format!("{value:.*}", digits(value)),
    }
}

fn digits(value: f64) -> usize {
    match value.abs() {
        ..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    }
}
