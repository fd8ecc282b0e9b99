//! Prints rows in the format that was asked for.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::column::{Column, Kind, Value};
use super::fit;
use super::format::{Format, FormatArgs, Rows};
use super::table::Listing;
use super::{csv, markdown, text, time};
use crate::console::Console;
use crate::error::CliError;

/// A row in JSON: all of its fields, or the columns that were asked for.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Record<T> {
    /// All fields.
    Whole(T),
    /// Selected columns.
    Selected(Selected),
}

/// Selected columns of a row.
pub struct Selected {
    columns: Vec<&'static str>,
    values: Vec<Value>,
}

impl Serialize for Selected {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        for (column, value) in self.columns.iter().zip(&self.values) {
            map.serialize_entry(column, value)?;
        }
        map.end()
    }
}

impl<R: Rows> FormatArgs<R> {
    /// Sorts and reverses rows as the options say. Without --sort, the given order counts.
    pub fn arrange<T>(&self, rows: &mut Vec<T>, cells: impl Fn(&T) -> Vec<Value>) {
        let is_sorted_by = |name: &str| R::COLUMNS.iter().position(|column| column.name == name);
        let Some(column) = self.sort().and_then(is_sorted_by) else {
            if self.is_reversed() {
                rows.reverse();
            }
            return;
        };
        let keyed = rows.drain(..).map(|row| (cells(&row).swap_remove(column), row));
        let mut keyed: Vec<(Value, T)> = keyed.collect();
        keyed.sort_by(|(one, _), (two, _)| one.order(two, self.is_reversed()));
        rows.extend(keyed.into_iter().map(|(_, row)| row));
    }

    /// Prints rows. `cells` has a value for each column, `hidden` names columns that a table does not need by default,
    /// and `whole` makes the object of --format json.
    ///
    /// # Errors
    /// [`CliError`] if standard output cannot be written.
    pub fn print<T: Serialize, J: Serialize>(
        &self,
        rows: Vec<T>,
        cells: impl Fn(&T) -> Vec<Value>,
        hidden: &[&str],
        whole: impl FnOnce(Vec<Record<T>>) -> J,
        console: &mut Console,
    ) -> Result<(), CliError> {
        match self.format() {
            Format::Json => {
                let records = rows.into_iter().map(|row| self.record(row, &cells)).collect();
                console.json(&whole(records))
            }
            Format::Jsonl | Format::Csv => self.print_lines(rows, cells, true, console),
            Format::Table => {
                let (columns, cells) = self.shown(&rows, cells, hidden);
                let (columns, cells) = match self.width().or(console.width()) {
                    Some(width) => fit::fit(columns, cells, width, self.columns().is_empty()),
                    None => fit::unfitted(columns, cells),
                };
                let headings: Vec<_> = columns.iter().map(|column| column.heading.as_str()).collect();
                let mut table = Listing::new(&headings);
                for (index, column) in columns.iter().enumerate() {
                    if matches!(column.kind, Kind::Number | Kind::Length) {
                        table = table.right(index);
                    }
                }
                cells.into_iter().for_each(|row| table.row(row));
                table.print(console)
            }
            Format::Markdown => {
                let (columns, cells) = self.shown(&rows, cells, hidden);
                markdown::print(&columns, &cells, console)
            }
        }
    }

    /// Prints rows of a format with one row per line, with the header before the first ones.
    ///
    /// # Errors
    /// [`CliError`] if standard output cannot be written.
    pub fn print_lines<T: Serialize>(
        &self,
        rows: Vec<T>,
        cells: impl Fn(&T) -> Vec<Value>,
        are_first: bool,
        console: &mut Console,
    ) -> Result<(), CliError> {
        if self.format().is_json() {
            return rows.into_iter().try_for_each(|row| console.json(&self.record(row, &cells)));
        }
        let chosen = self.chosen(|column| column.in_csv);
        let mut writer = csv::Writer::new(console.out());
        if are_first {
            writer.header(&chosen.iter().map(|(_, column)| column.name).collect::<Vec<_>>())?;
        }
        for row in &rows {
            writer.row(&pick(&chosen, cells(row)), self.zone())?;
        }
        writer.finish()
    }

    fn record<T>(&self, row: T, cells: impl Fn(&T) -> Vec<Value>) -> Record<T> {
        if self.has_whole_objects() {
            return Record::Whole(row);
        }
        let chosen = self.chosen(|_| true);
        let columns = chosen.iter().map(|(_, column)| column.name).collect();
        Record::Selected(Selected { columns, values: pick(&chosen, cells(&row)) })
    }

    /// The columns that were asked for, in that order, or the default ones.
    fn chosen(&self, is_default: impl Fn(&Column) -> bool) -> Vec<(usize, &'static Column)> {
        let all = || R::COLUMNS.iter().enumerate();
        if self.columns().is_empty() {
            return all().filter(|(_, column)| is_default(column)).collect();
        }
        let named = |name: &String| all().find(|(_, column)| column.name == name);
        self.columns().iter().filter_map(named).collect()
    }

    /// The columns and cells of a table for people.
    fn shown<T>(
        &self,
        rows: &[T],
        cells: impl Fn(&T) -> Vec<Value>,
        hidden: &[&str],
    ) -> (Vec<Shown>, Vec<Vec<String>>) {
        let chosen = self.chosen(|column| column.in_table && !hidden.contains(&column.name));
        let columns: Vec<_> = chosen.iter().map(|(_, column)| Shown::new(column, self)).collect();
        let row = |row: &T| {
            let values = pick(&chosen, cells(row));
            columns.iter().zip(values).map(|(column, value)| self.text_of(column.kind, &value)).collect()
        };
        let cells = rows.iter().map(row).collect();
        (columns, cells)
    }

    fn text_of(&self, kind: Kind, value: &Value) -> String {
        match value {
            Value::Missing(shown) => (*shown).to_owned(),
            Value::Text(text) => text.clone(),
            Value::Number(number) => text::count(*number),
            Value::Length(ms) => time::length(*ms),
            Value::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
            Value::Time(ms) => match kind {
                Kind::Time(precision) => self.zone().show(*ms, precision),
                _ => time::to_millisecond(*ms),
            },
        }
    }
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What it contains.
    pub kind: Kind,
    /// The heading, with the time zone.
    pub heading: String,
    /// The heading without the time zone.
    pub short_heading: &'static str,
    /// When it is left out.
    pub rank: u8,
}

impl Shown {
    fn new<R: Rows>(column: &Column, args: &FormatArgs<R>) -> Self {
        let heading = match column.kind {
            Kind::Time(_) => format!("{} ({})", column.heading, args.zone()),
            _ => column.heading.to_owned(),
        };
        Self { kind: column.kind, heading, short_heading: column.heading, rank: column.rank }
    }
}

fn pick(chosen: &[(usize, &Column)], cells: Vec<Value>) -> Vec<Value> {
    chosen.iter().filter_map(|(index, _)| cells.get(*index).cloned()).collect()
}
