//! Output formats, and the options that all commands with a table share.

use std::fmt;
use std::marker::PhantomData;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};

use super::column::Column;
use super::zone::DisplayZone;
use crate::values::{self, Interval};

/// The form of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns for people.
    #[default]
    Table,
    /// One JSON object with every field.
    Json,
    /// One JSON object per line and row.
    Jsonl,
    /// RFC 4180, with a header row.
    Csv,
    /// A table in GitHub Flavored Markdown.
    Markdown,
}

impl Format {
    /// Whether the values are those of the state, without names of a file of the operator.
    #[must_use]
    pub fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Jsonl)
    }

    /// Whether times and durations are shown as text for people.
    #[must_use]
    pub fn is_for_people(self) -> bool {
        matches!(self, Self::Table | Self::Markdown)
    }
}

/// The rows of a command.
pub trait Rows: 'static {
    /// The columns, in their order.
    const COLUMNS: &'static [Column];
    /// Sort orders that are not columns.
    const ORDERS: &'static [&'static str] = &[];
    /// Help for --sort.
    const SORT_HELP: &'static str = "Sort by a column: smallest value first, rows without a value last";
}

/// How rows are printed.
#[derive(Args)]
#[command(next_help_heading = "Output")]
pub struct FormatArgs<R: Rows> {
    /// Form of the result. In `json` and `jsonl` times and durations are integers in milliseconds, in `csv` times are
    /// RFC 3339. Cells of `csv` that a spreadsheet would take for a formula begin with an apostrophe.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
    /// Short for --format json.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Columns to print, separated by commas [default: in a table the most important ones, in csv all, in JSON every
    /// field].
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',', value_parser = column_parser::<R>())]
    columns: Vec<String>,
    #[arg(long, value_name = "ORDER", help = R::SORT_HELP, value_parser = order_parser::<R>())]
    sort: Option<String>,
    /// Reverse the order of the rows.
    #[arg(long)]
    reverse: bool,
    /// Time zone of printed times: a name of the IANA database, or `local`. JSON is not affected.
    #[arg(long, value_name = "ZONE", default_value_t)]
    tz: DisplayZone,
    /// Fit a table into this number of columns [default: the width of the terminal; a table that is piped or redirected is
    /// not fitted].
    #[arg(long, value_name = "COLUMNS", value_parser = values::positive::<usize>)]
    width: Option<usize>,
    /// Print again every few seconds until Ctrl-C [default: 2 seconds].
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2")]
    watch: Option<Interval>,
    #[arg(skip)]
    rows: PhantomData<R>,
}

impl<R: Rows> FormatArgs<R> {
    /// The form of the result.
    #[must_use]
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }

    /// Whether no option was given that only rows have.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let is_text = matches!(self.format(), Format::Table | Format::Json);
        is_text
            && self.columns.is_empty()
            && self.sort.is_none()
            && !self.reverse
            && self.width.is_none()
            && self.watch.is_none()
    }

    /// The names of the columns that were asked for; none means the default.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The sort order, if one was given.
    #[must_use]
    pub fn sort(&self) -> Option<&str> {
        self.sort.as_deref()
    }

    /// Whether the order is reversed.
    #[must_use]
    pub fn is_reversed(&self) -> bool {
        self.reverse
    }

    /// The time zone of printed times.
    #[must_use]
    pub fn zone(&self) -> &DisplayZone {
        &self.tz
    }

    /// The width that was given.
    #[must_use]
    pub fn width(&self) -> Option<usize> {
        self.width
    }

    /// The time between two refreshes, if the command watches.
    #[must_use]
    pub fn watch(&self) -> Option<Interval> {
        self.watch
    }

    /// Whether JSON has every field instead of selected columns.
    #[must_use]
    pub fn has_whole_objects(&self) -> bool {
        self.format().is_json() && self.columns.is_empty()
    }
}

impl<R: Rows> fmt::Debug for FormatArgs<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { format, json, columns, sort, reverse, tz, width, watch, rows: _ } = self;
        f.debug_struct("FormatArgs")
            .field("format", format)
            .field("json", json)
            .field("columns", columns)
            .field("sort", sort)
            .field("reverse", reverse)
            .field("tz", tz)
            .field("width", width)
            .field("watch", watch)
            .finish()
    }
}

fn column_parser<R: Rows>() -> PossibleValuesParser {
    PossibleValuesParser::new(R::COLUMNS.iter().map(|column| column.name))
}

fn order_parser<R: Rows>() -> PossibleValuesParser {
    PossibleValuesParser::new(R::ORDERS.iter().copied().chain(R::COLUMNS.iter().map(|column| column.name)))
}
