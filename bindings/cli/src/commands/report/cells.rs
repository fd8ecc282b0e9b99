//! The values of a report as cells.

use convofold::{GroupBy, GroupValue, Measure, MeasureKind, MeasureValue};

use crate::output::Value;
use crate::output::text::UNKNOWN;

/// A column of a measure.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Its name in CSV: `response_p90`.
    pub(super) name: String,
    /// Its heading in tables.
    pub(super) heading: String,
}

/// A cell with a number, exact or rounded.
#[derive(Clone, Debug)]
pub(super) enum Number {
    Cell(Value),
    /// A number with a fraction.
    Fraction(Option<f64>),
}

impl Number {
    fn count(count: u64) -> Self {
        Self::Cell(Value::Number(count))
    }

    fn counted(count: Option<u64>) -> Self {
        Self::Cell(Value::number(count))
    }

    fn length(ms: Option<i64>) -> Self {
        Self::Cell(ms.map_or(Value::Missing(UNKNOWN), Value::Length))
    }

    /// The cell of CSV.
    pub(super) fn exact(self) -> Value {
        match self {
            Self::Cell(value) => value,
            Self::Fraction(fraction) => Value::text(fraction.map(|fraction| fraction.to_string()).as_deref()),
        }
    }
}

/// The columns of a measure, all of them or those that a table has.
pub(super) fn parts(measure: Measure, is_table: bool) -> Vec<Part> {
    let names: &[&str] = match (measure.kind(), is_table) {
        (MeasureKind::Level, true) => &["", "max"],
        (MeasureKind::Level, false) => &["end", "max", "mean"],
        (MeasureKind::Distribution, true) => &["", "p50", "p90"],
        (MeasureKind::Distribution, false) => {
            let all: &[&str] = &["n", "pending", "mean", "p50", "p90", "p95", "max", "unknown"];
            if measure.has_unknown() { all } else { all.get(..7).unwrap_or(all) }
        }
        (MeasureKind::Outcome, true) => &["", "missed", "share"],
        (MeasureKind::Outcome, false) => &["met", "missed", "pending", "share", "unknown"],
        _ => &[""],
    };
    let part = |name: &&str| {
        let whole = measure.to_string();
        let (name, heading) = match (*name, is_table) {
            ("", _) => (whole.clone(), whole),
            (part, true) => (format!("{whole}_{part}"), part.to_owned()),
            (part, false) => (format!("{whole}_{part}"), String::new()),
        };
        Part { name, heading: heading.to_uppercase() }
    };
    names.iter().map(part).collect()
}

/// The values of a measure, one for each of its columns.
pub(super) fn numbers(measure: Measure, value: &MeasureValue, is_table: bool) -> Vec<Number> {
    match value {
        MeasureValue::Count(count) => vec![Number::count(*count)],
        MeasureValue::Duration(length) => vec![Number::length(*length)],
        MeasureValue::Total(length) => vec![Number::length(Some(*length))],
        MeasureValue::Level(level) => {
            let all = [Number::count(level.end), Number::count(level.max), Number::Fraction(level.mean)];
            all.into_iter().take(if is_table { 2 } else { 3 }).collect()
        }
        MeasureValue::Distribution(of) if is_table => {
            vec![Number::count(of.n), Number::length(of.p50), Number::length(of.p90)]
        }
        MeasureValue::Distribution(of) => {
            let lengths = [of.mean, of.p50, of.p90, of.p95, of.max].map(Number::length);
            let unknown = measure.has_unknown().then(|| Number::counted(of.unknown));
            [Number::count(of.n), Number::counted(of.pending)].into_iter().chain(lengths).chain(unknown).collect()
        }
        MeasureValue::Outcome(of) if is_table => {
            vec![Number::count(of.met), Number::count(of.missed), Number::Fraction(of.share)]
        }
        MeasureValue::Outcome(of) => {
            let [met, missed, pending, unknown] = [of.met, of.missed, of.pending, of.unknown].map(Number::count);
            vec![met, missed, pending, Number::Fraction(of.share), unknown]
        }
        // A kind that this command does not know yet.
        _ => Vec::new(),
    }
}

/// The columns of a group, by name.
pub(super) fn group_names(by: &[GroupBy], is_table: bool) -> Vec<&'static str> {
    let names = |by: &GroupBy| match by {
        GroupBy::Agent if is_table => vec!["tenant of agent", "agent"],
        GroupBy::Agent => vec!["agent_tenant", "agent_id", "agent_name"],
        by => vec![by.name()],
    };
    by.iter().flat_map(names).collect()
}

/// The cells of a group, for these columns.
pub(super) fn group_cells(group: &[(GroupBy, GroupValue)], is_table: bool) -> Vec<Value> {
    let cells = |(_, value): &(GroupBy, GroupValue)| match value {
        GroupValue::Agent(agent) => {
            let (tenant, id, name) = (agent.tenant.as_deref(), agent.id.as_deref(), agent.name.as_deref());
            if is_table {
                vec![Value::text(tenant), Value::Text(name.or(id).unwrap_or("(nobody)").to_owned())]
            } else {
                [tenant, id, name].map(Value::text).to_vec()
            }
        }
        GroupValue::Text(text) => vec![Value::text(text.as_deref())],
        _ => Vec::new(),
    };
    group.iter().flat_map(cells).collect()
}
