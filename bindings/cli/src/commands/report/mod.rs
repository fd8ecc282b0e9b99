//! `convofold report`.

mod cells;
mod html;
mod options;
mod tables;

use clap::Args;
use convofold::{Behind, Measure, Report, ReportQuery};
use serde::Serialize;

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::zone::DisplayZone;
use crate::past::MomentArgs;
use crate::values::clock_ms;
use options::{Form, MeasureList, QueryArgs};

/// Count and measure conversations by time, agent, tenant or channel.
///
/// Prints a row for each bucket of time (--every) and group (--by) in which anything happened. Without --by there is a row for
/// each bucket. The values are those at the moment: an answer counts for the agent who gave it, also after a transfer.
///
/// A duration belongs to the bucket in which it ends. For each measure of durations, JSON and CSV have their number (`n`), those
/// that had not ended at the end of the bucket (`pending`), the mean, and percentiles by nearest rank. A late event changes the
/// report of the time at which it happened; --known-at prints the report as it was before. docs/measures.md defines each measure.
#[derive(Debug, Args)]
#[command(after_help = format!("{}\nExamples:
  convofold report --db ./db --from -7d --every 1d --tz Europe/Berlin
  convofold report --db ./db --from 2026-03-02 --to 2026-03-09 --by agent --measure response,handling,closings
  convofold report --db ./db --from 2026-03-02 --every 1h --measure within:5m --calendar hours.json --format csv
  convofold report --db ./db --from 2026-03-02 --to 2026-03-03 --rows unanswered      the conversations behind a number
", options::help()))]
pub struct ReportArgs {
    #[command(flatten)]
    db: DbArgs,
    #[command(flatten)]
    query: QueryArgs,
    /// The report as it was known at this time: a time with a zone (2026-03-02T09:40:00Z), a time before now (-2h), or the
    /// sequence number of an event (seq:812).
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    known_at: Option<convofold::When>,
    /// List what a measure counted: the conversations, messages or turns behind each number, one a row.
    #[arg(long, value_name = "MEASURE", conflicts_with = "measure")]
    rows: Option<Measure>,
    /// What to measure: names separated by commas, or `all` [default: in a table the most important ones, else all; `within`
    /// only if it is given].
    #[arg(long, value_name = "MEASURE,...", value_delimiter = ',')]
    measure: Vec<MeasureList>,
    /// Form of the result. Times and durations are integers in milliseconds in `json`; in `csv` times are RFC 3339. `html` is
    /// a page with tables and charts, complete in one file.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Form,
    /// Short for --format json.
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(Serialize)]
struct OfCluster<'a> {
    #[serde(flatten)]
    report: &'a Report,
    cluster: serde_json::Value,
}

impl ReportArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let form = if self.json { Form::Json } else { self.format };
        let db = MomentArgs::new(None, self.known_at).open(&self.db, None, console)?;
        db.tell(form == Form::Table, console);
        let now = db.report().and_then(|report| report.time).unwrap_or_else(clock_ms);
        let query = self.query.query(now)?;
        match self.rows {
            Some(measure) => self.print_rows(&db.behind(&query, measure)?, form, console)?,
            None => {
                let query = query.measures(MeasureList::measures(&self.measure, form));
                let report = db.measures(&query)?;
                match (form, db.cluster()) {
                    (Form::Json, Some(cluster)) => console.json(&OfCluster { report: &report, cluster })?,
                    _ => self.print_report(&report, &query, form, console)?,
                }
            }
        }
        Ok(db.end(console))
    }

    fn zone(&self) -> &DisplayZone {
        self.query.zone()
    }

    fn print_report(
        &self,
        report: &Report,
        query: &ReportQuery,
        form: Form,
        console: &mut Console,
    ) -> Result<(), CliError> {
        match form {
            Form::Json => console.json(report),
            Form::Csv => tables::report_csv(report, self.zone(), console),
            Form::Html => html::print(report, query, self.zone(), console),
            Form::Table => {
                console.note(format_args!("time zone {}, database of zones {}", report.zone, report.tzdb));
                tables::report_table(report, self.zone(), console)
            }
        }
    }

    fn print_rows(&self, behind: &Behind, form: Form, console: &mut Console) -> Result<(), CliError> {
        match form {
            Form::Json => console.json(behind),
            Form::Csv => tables::behind_csv(behind, self.zone(), console),
            Form::Table => tables::behind_table(behind, self.zone(), console),
            Form::Html => {
                Err(CliError::new(Exit::Usage, "--rows has no form html".to_owned())
                    .hint("--format table, csv or json"))
            }
        }
    }
}
