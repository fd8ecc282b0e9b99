//! Reports as tables and as CSV.

use convofold::{Behind, BehindRow, Report};

use super::cells::{self, Number};
use crate::console::Console;
use crate::error::CliError;
use crate::output::zone::DisplayZone;
use crate::output::{Listing, Precision, Value, csv, text, time};

/// Prints a report as CSV, with a column for each part of each measure.
pub(super) fn report_csv(report: &Report, zone: &DisplayZone, console: &mut Console) -> Result<(), CliError> {
    let parts: Vec<_> = report.measures.iter().flat_map(|measure| cells::parts(*measure, false)).collect();
    let names = ["from", "to"].into_iter().chain(cells::group_names(&report.by, false));
    let names: Vec<_> = names.chain(parts.iter().map(|part| part.name.as_str())).collect();
    let mut out = csv::Writer::new(console.out());
    out.header(&names)?;
    for row in &report.rows {
        let mut values = vec![Value::Time(row.from), Value::Time(row.to)];
        values.extend(cells::group_cells(&row.group, false));
        let numbers = row.values.iter().flat_map(|(measure, value)| cells::numbers(*measure, value, false));
        values.extend(numbers.map(Number::exact));
        out.row(&values, zone)?;
    }
    out.finish()
}

/// Prints a report as a table.
pub(super) fn report_table(report: &Report, zone: &DisplayZone, console: &mut Console) -> Result<(), CliError> {
    let groups: Vec<_> = cells::group_names(&report.by, true).iter().map(|name| name.to_uppercase()).collect();
    let parts: Vec<_> = report.measures.iter().flat_map(|measure| cells::parts(*measure, true)).collect();
    let headings = ["FROM"].into_iter().chain(groups.iter().map(String::as_str));
    let headings: Vec<_> = headings.chain(parts.iter().map(|part| part.heading.as_str())).collect();
    let mut table = Listing::new(&headings);
    for column in 1 + groups.len()..headings.len() {
        table = table.right(column);
    }
    for row in &report.rows {
        let mut cells = vec![zone.show(row.from, Precision::Second)];
        cells.extend(cells::group_cells(&row.group, true).into_iter().map(|value| shown(&value, zone)));
        let numbers = row.values.iter().flat_map(|(measure, value)| cells::numbers(*measure, value, true));
        cells.extend(numbers.map(|number| shown_number(number, zone)));
        table.row(cells);
    }
    if table.is_empty() {
        console.note("nothing happened");
        return Ok(());
    }
    table.print(console)
}

/// A number for people.
pub(super) fn shown_number(number: Number, zone: &DisplayZone) -> String {
    match number {
        Number::Cell(value) => shown(&value, zone),
        Number::Fraction(fraction) => fraction.map_or_else(|| text::UNKNOWN.to_owned(), |it| format!("{it:.2}")),
    }
}

/// A cell for people.
pub(super) fn shown(value: &Value, zone: &DisplayZone) -> String {
    match value {
        Value::Missing(instead) => (*instead).to_owned(),
        Value::Text(text) => text.clone(),
        Value::Number(number) => text::count(*number),
        Value::Time(ms) => zone.show(*ms, Precision::Second),
        Value::Length(ms) => time::length(*ms),
        Value::Flag(flag) => flag.to_string(),
    }
}

/// The columns of a list of what is behind numbers.
fn behind_names<'a>(behind: &Behind, is_table: bool) -> Vec<&'a str> {
    let by: Vec<_> = behind.rows.first().map(|row| row.group.iter().map(|(by, _)| *by).collect()).unwrap_or_default();
    let groups = cells::group_names(&by, is_table);
    let of_time: &[&str] = if is_table { &["bucket"] } else { &["from", "to"] };
    let rest = ["conversation", "since", "at", "value", "outcome"];
    of_time.iter().copied().chain(groups).chain(rest).collect()
}

fn behind_cells(behind: &Behind, row: &BehindRow, is_table: bool) -> Vec<Value> {
    let mut values = if is_table { vec![] } else { vec![Value::Time(row.from), Value::Time(row.to)] };
    if is_table {
        values.push(Value::Time(row.from));
    }
    values.extend(cells::group_cells(&row.group, is_table));
    let value = row.value.map(|value| match behind.measure.kind().unit() {
        "milliseconds" => Value::Length(value),
        _ => Value::Number(value.unsigned_abs()),
    });
    values.extend([
        Value::Text(row.conversation.to_string()),
        Value::time(row.since),
        Value::time(row.at),
        value.unwrap_or(Value::Missing(text::UNKNOWN)),
        Value::text(row.outcome.map(convofold::RowOutcome::name)),
    ]);
    values
}

/// Prints what is behind the numbers of a measure as CSV.
pub(super) fn behind_csv(behind: &Behind, zone: &DisplayZone, console: &mut Console) -> Result<(), CliError> {
    let mut out = csv::Writer::new(console.out());
    out.header(&behind_names(behind, false))?;
    for row in &behind.rows {
        out.row(&behind_cells(behind, row, false), zone)?;
    }
    out.finish()
}

/// Prints what is behind the numbers of a measure as a table.
pub(super) fn behind_table(behind: &Behind, zone: &DisplayZone, console: &mut Console) -> Result<(), CliError> {
    if behind.rows.is_empty() {
        console.note("nothing was counted");
        return Ok(());
    }
    let names: Vec<_> = behind_names(behind, true).iter().map(|name| name.to_uppercase()).collect();
    let mut table = Listing::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for row in &behind.rows {
        let cells = behind_cells(behind, row, true);
        table.row(cells.iter().map(|value| shown(value, zone)).collect());
    }
    table.print(console)
}
