//! `convofold suspects`.

use clap::{Args, ValueEnum};
use convofold::{Loss, MomentReport, SuspectKind, Suspects, SuspectsOfDay, SuspectsOfKind, SuspectsQuery, Zone};
use serde::Serialize;

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print::Record;
use crate::output::{Column, FormatArgs, Kind, Precision, Rows, Value, text};
use crate::past::{MomentArgs, Reader};
use crate::values;

/// Report what looks wrong in the data of the sources, and when messages were lost.
///
/// Prints a table on standard output: suspect events by kind and source. The kinds are `unread` (the source states more unread
/// messages than have arrived: some are missing), `clock_ahead` (an event's own time is more than a day after its `occurred`)
/// and `untimed_close` (a close without a usable time).
///
/// --by loss lists the intervals in which messages were lost, by the numbers that the sources state. Each conversation whose
/// count is too high has a gap, from its last base (an answer, or the count before) to the count. A loss explains all gaps that
/// have a time in common, so an outage is one loss: FROM and TO are what its gaps have in common, EARLIEST and LATEST contain
/// them all, EVENTS is their number, MISSING the least number of messages.
///
/// --format json prints one object with all three lists: {"conversations": ..., "kinds": [...], "days": [...], "losses":
/// [...]}; the other forms print the list of --by.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold suspects --db ./db
  convofold suspects --db ./db --by loss --sort missing --reverse
  convofold suspects --db ./db --by day --since 2026-03-01 --tz Europe/Berlin --format csv
  convofold list --db ./db --suspect            the conversations
")]
pub struct SuspectsArgs {
    #[command(flatten)]
    db: DbArgs,
    #[command(flatten)]
    moment: MomentArgs,
    /// What each row is.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    by: By,
    /// Only suspect events at this time or later: a time such as 2021-07-29 or 2021-07-29 05:11 (UTC if it has no zone).
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    since: Option<i64>,
    /// Only suspect events before this time.
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    until: Option<i64>,
    /// Only conversations of this tenant.
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// Only conversations of this source, such as airship.
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    #[command(flatten)]
    output: FormatArgs<SuspectRows>,
}

/// What a row is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum By {
    /// A kind of suspicion and a source.
    #[default]
    Kind,
    /// A day in the zone of --tz, a kind and a source.
    Day,
    /// An interval in which messages of a source were lost.
    Loss,
}

struct SuspectRows;

impl Rows for SuspectRows {
    const COLUMNS: &'static [Column] = &[
        Column::new("day", "DAY", Kind::Text),
        Column::new("kind", "KIND", Kind::Text),
        Column::new("source", "SOURCE", Kind::Text),
        Column::new("from", "FROM", Kind::Time(Precision::Second)),
        Column::new("to", "TO", Kind::Time(Precision::Second)),
        Column::new("conversations", "CONVERSATIONS", Kind::Number),
        Column::new("events", "EVENTS", Kind::Number),
        Column::new("missing", "MISSING", Kind::Number),
        Column::new("first_at", "FIRST", Kind::Time(Precision::Second)).optional(2),
        Column::new("last_at", "LAST", Kind::Time(Precision::Second)).optional(1),
        Column::new("earliest", "EARLIEST", Kind::Time(Precision::Second)).optional(2),
        Column::new("latest", "LATEST", Kind::Time(Precision::Second)).optional(1),
    ];
}

impl By {
    /// The columns that its rows do not have.
    fn without(self) -> &'static [&'static str] {
        match self {
            Self::Kind => &["day", "from", "to", "earliest", "latest"],
            Self::Day => &["from", "to", "first_at", "last_at", "earliest", "latest"],
            Self::Loss => &["day", "kind", "conversations", "first_at", "last_at"],
        }
    }
}

#[derive(Serialize)]
struct SuspectsJson {
    #[serde(flatten)]
    suspects: Suspects,
    #[serde(skip_serializing_if = "Option::is_none")]
    moment: Option<MomentReport>,
}

#[derive(Serialize)]
struct RowsJson {
    suspects: Vec<Record<Row>>,
}

/// A row of any of the three lists.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Row {
    Kind(SuspectsOfKind),
    Day(SuspectsOfDay),
    Loss(Loss),
}

impl SuspectsArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let zone: Zone = self.output.zone().to_string().parse().map_err(|_| {
            let what = format!("--tz: days need the name of a zone in the IANA database, found {}", self.output.zone());
            CliError::new(Exit::Usage, what)
        })?;
        let query = SuspectsQuery::new()
            .since_ms(self.since)
            .until_ms(self.until)
            .tenants(self.tenant.clone().map(|tenant| vec![tenant]))
            .source(self.source.clone())
            .zone(zone);
        let open = |console: &mut Console| self.moment.open(&self.db, None, console);
        self.output.each_time(open, console, |db, console| self.show(db, &query, console))
    }

    fn show(&self, db: &Reader, query: &SuspectsQuery, console: &mut Console) -> Result<(), CliError> {
        let is_for_people = self.output.format().is_for_people();
        db.tell(is_for_people, console);
        let suspects = db.suspects(query)?;
        if self.output.has_whole_objects() && self.output.format() == crate::output::format::Format::Json {
            return console.json(&SuspectsJson { suspects, moment: db.report() });
        }
        if is_for_people {
            console.note(in_words(&suspects));
        }
        let mut rows: Vec<Row> = match self.by {
            By::Kind => suspects.kinds.into_iter().map(Row::Kind).collect(),
            By::Day => suspects.days.into_iter().map(Row::Day).collect(),
            By::Loss => suspects.losses.into_iter().map(Row::Loss).collect(),
        };
        if rows.is_empty() && is_for_people {
            return Ok(());
        }
        self.output.arrange(&mut rows, cells);
        self.output.print(rows, cells, self.by.without(), |suspects| RowsJson { suspects }, console)
    }
}

fn in_words(suspects: &Suspects) -> String {
    if suspects.events == 0 {
        return "nothing is suspect".to_owned();
    }
    let events = text::counted(suspects.events, "suspect event");
    let conversations = text::counted(suspects.conversations, "conversation");
    let losses = match suspects.losses.len() as u64 {
        0 => String::new(),
        1 => ", 1 loss of messages".to_owned(),
        losses => format!(", {} losses of messages", text::count(losses)),
    };
    format!("{events} in {conversations}{losses}")
}

fn cells(row: &Row) -> Vec<Value> {
    let none = || Value::text(None);
    let text = |text: &str| Value::text(Some(text));
    let kind = |kind: SuspectKind| text(kind.name());
    match row {
        Row::Kind(row) => vec![
            none(),
            kind(row.kind),
            text(&row.source),
            none(),
            none(),
            Value::Number(row.conversations),
            Value::Number(row.events),
            Value::Number(row.missing),
            Value::Time(row.first_at),
            Value::Time(row.last_at),
            none(),
            none(),
        ],
        Row::Day(row) => vec![
            text(&row.day),
            kind(row.kind),
            text(&row.source),
            none(),
            none(),
            Value::Number(row.conversations),
            Value::Number(row.events),
            Value::Number(row.missing),
            none(),
            none(),
            none(),
            none(),
        ],
        Row::Loss(row) => vec![
            none(),
            kind(SuspectKind::Unread),
            text(&row.source),
            Value::Time(row.from),
            Value::Time(row.to),
            none(),
            Value::Number(row.gaps),
            Value::Number(row.missing),
            none(),
            none(),
            Value::Time(row.earliest),
            Value::Time(row.latest),
        ],
    }
}
