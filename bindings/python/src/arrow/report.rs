//! Reports, and what is behind their numbers: one row per bucket and group, and one per thing that was counted.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, TimestampMillisecondArray};
use arrow_schema::{ArrowError, Field};
use convofold::{Behind, BehindRow, GroupBy, GroupValue, Measure, MeasureKind, Report, ReportRow};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::columns::{self, fraction, number, record, required, text, time};

/// The table of a report.
pub(crate) fn of_report(report: &Report) -> Result<RecordBatch, ArrowError> {
    let times = ["from", "to"].map(|name| required(time(name)));
    let values = report.measures.iter().map(|measure| value_column(*measure));
    let fields = times.into_iter().chain(group_columns(&report.by)).chain(values).collect();
    let rows: Vec<_> = report.rows.iter().map(Row).collect();
    batch(fields, &rows, &report.zone)
}

/// The table of what is behind the numbers of a measure.
pub(crate) fn of_behind(behind: &Behind, by: &[GroupBy], zone: &str) -> Result<RecordBatch, ArrowError> {
    let times = ["from", "to"].map(|name| required(time(name)));
    let rest = [required(text("conversation_id")), time("since"), time("at"), number("value"), text("outcome")];
    let fields = times.into_iter().chain(group_columns(by)).chain(rest).collect();
    let rows: Vec<_> = behind.rows.iter().map(Counted).collect();
    batch(fields, &rows, zone)
}

fn batch(fields: Vec<Field>, rows: &[impl Serialize], zone: &str) -> Result<RecordBatch, ArrowError> {
    let schema = columns::schema(fields);
    let batch = serde_arrow::to_record_batch(schema.fields(), &rows);
    let batch = batch.map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
    let zone: Arc<str> = zone.into();
    let in_zone = |(field, column): (&Arc<Field>, &ArrayRef)| match column.as_any().downcast_ref() {
        Some(times) => {
            let times: &TimestampMillisecondArray = times;
            let times = times.clone().with_timezone(zone.clone());
            let field = field.as_ref().clone().with_data_type(times.data_type().clone());
            (field, Arc::new(times) as ArrayRef)
        }
        None => (field.as_ref().clone(), column.clone()),
    };
    let (fields, columns) = schema.fields().iter().zip(batch.columns()).map(in_zone).unzip();
    RecordBatch::try_new(columns::schema(fields), columns)
}

fn group_columns(by: &[GroupBy]) -> impl Iterator<Item = Field> {
    let columns = |by: &GroupBy| match by {
        GroupBy::Agent => AGENT.map(text).to_vec(),
        by => vec![text(by.name())],
    };
    by.iter().flat_map(columns)
}

/// The columns of an agent.
const AGENT: [&str; 3] = ["agent_tenant", "agent_id", "agent_name"];

fn value_column(measure: Measure) -> Field {
    let count = |name| required(number(name));
    let name = measure.to_string();
    match measure.kind() {
        MeasureKind::Count | MeasureKind::Total => required(number(&name)),
        MeasureKind::Level => record(&name, vec![count("end"), count("max"), fraction("mean")]),
        MeasureKind::Distribution => {
            let lengths = ["pending", "mean", "p50", "p90", "p95", "max"].map(number);
            let unknown = measure.has_unknown().then(|| count("unknown"));
            record(&name, [count("n")].into_iter().chain(lengths).chain(unknown).collect())
        }
        MeasureKind::Outcome => {
            let counts = ["met", "missed", "pending", "unknown"].map(count);
            record(&name, counts.into_iter().chain([fraction("share")]).collect())
        }
        // `Duration`, and kinds that this package does not know yet.
        _ => number(&name),
    }
}

/// A row of a report as columns.
struct Row<'a>(&'a ReportRow);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ReportRow { from, to, group, values, .. } = self.0;
        let mut columns = serializer.serialize_map(None)?;
        columns.serialize_entry("from", from)?;
        columns.serialize_entry("to", to)?;
        add_group(&mut columns, group)?;
        for (measure, value) in values {
            columns.serialize_entry(&measure.to_string(), value)?;
        }
        columns.end()
    }
}

/// What a measure counted, as columns.
struct Counted<'a>(&'a BehindRow);

impl Serialize for Counted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let BehindRow { from, to, group, conversation, since, at, value, outcome, .. } = self.0;
        let mut columns = serializer.serialize_map(None)?;
        columns.serialize_entry("from", from)?;
        columns.serialize_entry("to", to)?;
        add_group(&mut columns, group)?;
        columns.serialize_entry("conversation_id", conversation)?;
        columns.serialize_entry("since", since)?;
        columns.serialize_entry("at", at)?;
        columns.serialize_entry("value", value)?;
        columns.serialize_entry("outcome", outcome)?;
        columns.end()
    }
}

fn add_group<M: SerializeMap>(columns: &mut M, group: &[(GroupBy, GroupValue)]) -> Result<(), M::Error> {
    for (by, value) in group {
        match value {
            GroupValue::Agent(agent) => {
                for (name, value) in AGENT.into_iter().zip([&agent.tenant, &agent.id, &agent.name]) {
                    columns.serialize_entry(name, value)?;
                }
            }
            value => columns.serialize_entry(by.name(), value)?,
        }
    }
    Ok(())
}
