//! Columns and their values.

use std::cmp::Ordering;

use serde::{Serialize, Serializer};

use super::text::UNKNOWN;

/// A column that a command can print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in options, CSV and JSON.
    pub name: &'static str,
    /// Its heading in tables.
    pub heading: &'static str,
    /// What it contains.
    pub kind: Kind,
    /// Whether tables have it by default.
    pub in_table: bool,
    /// Whether CSV has it by default.
    pub in_csv: bool,
    /// When it is left out of a table that is too wide: the largest rank first, rank 0 never.
    pub rank: u8,
}

/// What a column contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An id; a narrow table shortens it first.
    Id,
    /// A name.
    Text,
    /// What somebody wrote; a table gives it the space that the others leave.
    Message,
    /// A number, aligned to the right.
    Number,
    /// A duration, aligned to the right.
    Length,
    /// A time.
    Time(Precision),
    /// Yes or no.
    Flag,
}

/// The precision of a time in tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// To the second.
    Second,
    /// To the millisecond.
    Millisecond,
}

impl Column {
    /// A column that tables and CSV have by default.
    #[must_use]
    pub const fn new(name: &'static str, heading: &'static str, kind: Kind) -> Self {
        Self { name, heading, kind, in_table: true, in_csv: true, rank: 0 }
    }

    /// Leaves the column out of tables that do not ask for it.
    #[must_use]
    pub const fn not_in_table(self) -> Self {
        Self { in_table: false, ..self }
    }

    /// Leaves the column out of CSV that does not ask for it, because other columns contain its parts.
    #[must_use]
    pub const fn not_in_csv(self) -> Self {
        Self { in_csv: false, ..self }
    }

    /// Lets a table that is too wide leave out the column.
    #[must_use]
    pub const fn optional(self, rank: u8) -> Self {
        Self { rank, ..self }
    }
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// No value, and what a table shows instead.
    Missing(&'static str),
    /// A text.
    Text(String),
    /// A number.
    Number(u64),
    /// A time, in milliseconds since the epoch.
    Time(i64),
    /// A duration in milliseconds.
    Length(i64),
    /// Yes or no.
    Flag(bool),
}

impl Value {
    /// A text, if it is known.
    #[must_use]
    pub fn text(text: Option<&str>) -> Self {
        text.map_or(Self::Missing(UNKNOWN), |text| Self::Text(text.to_owned()))
    }

    /// A number, if it is known.
    #[must_use]
    pub fn number(number: Option<u64>) -> Self {
        number.map_or(Self::Missing(UNKNOWN), Self::Number)
    }

    /// A time in milliseconds since the epoch, if it is known.
    #[must_use]
    pub fn time(ms: Option<i64>) -> Self {
        ms.map_or(Self::Missing(UNKNOWN), Self::Time)
    }

    /// The time since then, if it is known; zero if it lies in the future.
    #[must_use]
    pub fn since(then: Option<i64>, now: i64) -> Self {
        then.map_or(Self::Missing(UNKNOWN), |then| Self::Length(now.saturating_sub(then).max(0)))
    }

    /// The order of two cells of a column, reversed or not. Cells without a value are last in both.
    #[must_use]
    pub fn order(&self, other: &Self, is_reversed: bool) -> Ordering {
        let ordering = match (self, other) {
            (Self::Missing(_), Self::Missing(_)) => return Ordering::Equal,
            (Self::Missing(_), _) => return Ordering::Greater,
            (_, Self::Missing(_)) => return Ordering::Less,
            (Self::Text(one), Self::Text(two)) => {
                one.to_lowercase().cmp(&two.to_lowercase()).then_with(|| one.cmp(two))
            }
            (Self::Number(one), Self::Number(two)) => one.cmp(two),
            (Self::Time(one), Self::Time(two)) | (Self::Length(one), Self::Length(two)) => one.cmp(two),
            (Self::Flag(one), Self::Flag(two)) => one.cmp(two),
            // A column has values of one kind.
            _ => Ordering::Equal,
        };
        if is_reversed { ordering.reverse() } else { ordering }
    }
}

impl Serialize for Value {
    /// Times and durations are integers, in milliseconds.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Missing(_) => serializer.serialize_unit(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Time(ms) | Self::Length(ms) => serializer.serialize_i64(*ms),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_values_are_last_in_both_directions() {
        let mut cells = vec![Value::Missing("-"), Value::Number(2), Value::Number(10)];
        cells.sort_by(|one, two| one.order(two, false));
        assert_eq!(cells, [Value::Number(2), Value::Number(10), Value::Missing("-")]);
        cells.sort_by(|one, two| one.order(two, true));
        assert_eq!(cells, [Value::Number(10), Value::Number(2), Value::Missing("-")]);
    }

    #[test]
    fn texts_are_sorted_without_case() {
        let [upper, lower] = ["Bert", "agnes"].map(|name| Value::text(Some(name)));
        assert_eq!(lower.order(&upper, false), Ordering::Less);
    }
}
