//! `convofold history`.

use clap::Args;
use convofold::{Direction, HistoryEntry, MomentReport};
use serde::Serialize;

use crate::agent_names::{AgentNames, AgentNamesArgs};
use crate::console::Console;
use crate::database::{DbArgs, IdArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print::Record;
use crate::output::text::NOBODY;
use crate::output::{Column, FormatArgs, Kind, Precision, Rows, Value, event};
use crate::past::{self, MomentArgs, did_not_exist};

/// Show every event of one conversation, in the order in which they happened.
///
/// Prints a table on standard output: sequence number in the log, event time, kind and content. An event whose sequence
/// number is larger than that of a later row arrived late. An event marked as a conflict has the identity of another event
/// but different content, and has no effect.
///
/// --format json prints one object: {"id": ..., "history": [...]}, events in the form of `export --events`; jsonl prints one
/// entry per line.
///
/// --as-of and --known-at list the events that had happened, or were known, at another moment.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold history 700100_1627535468595 --db ./db
  convofold history 700100_1627535468595 --db ./db --sort seq --tz Europe/Berlin
")]
pub struct HistoryArgs {
    #[command(flatten)]
    id: IdArgs,
    #[command(flatten)]
    db: DbArgs,
    #[command(flatten)]
    moment: MomentArgs,
    #[command(flatten)]
    agent_names: AgentNamesArgs,
    #[command(flatten)]
    output: FormatArgs<HistoryRows>,
}

struct HistoryRows;

impl Rows for HistoryRows {
    const COLUMNS: &'static [Column] = &[
        Column::new("seq", "SEQ", Kind::Number),
        Column::new("at", "AT", Kind::Time(Precision::Millisecond)),
        Column::new("event", "EVENT", Kind::Text).not_in_csv(),
        Column::new("says", "SAYS", Kind::Message).not_in_csv(),
        Column::new("kind", "KIND", Kind::Text).not_in_table(),
        Column::new("direction", "DIRECTION", Kind::Text).not_in_table(),
        Column::new("channel", "CHANNEL", Kind::Text).not_in_table(),
        Column::new("assigned", "ASSIGNED", Kind::Text).not_in_table(),
        Column::new("assigned_id", "ASSIGNED ID", Kind::Id).not_in_table(),
        Column::new("unread", "UNREAD", Kind::Number).not_in_table(),
        Column::new("text", "TEXT", Kind::Message).not_in_table(),
        Column::new("counts", "COUNTS", Kind::Flag).not_in_table(),
        Column::new("late", "LATE", Kind::Flag).not_in_table(),
    ];
}

#[derive(Serialize)]
struct HistoryJson<'a> {
    id: &'a str,
    history: Vec<Record<HistoryEntry>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moment: Option<MomentReport>,
}

impl HistoryArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let names = self.agent_names.read()?;
        // JSON never contains names of the file.
        let names = if self.output.format().is_json() { AgentNames::default() } else { names };
        let open = |console: &mut Console| self.moment.open(&self.db, None, console);
        self.output.each_time(open, console, |db, console| {
            let id = self.id.find(db.database())?;
            let mut history = db.history(&id)?.ok_or_else(|| did_not_exist(&id))?;
            let moment = db.report_of(&id)?;
            if let Some(moment) = moment.as_ref().filter(|_| self.output.format().is_for_people()) {
                console.note(past::in_words(moment));
            }
            self.output.arrange(&mut history, |entry| cells(entry, &names));
            let whole = |history| HistoryJson { id: &id, history, moment };
            self.output.print(history, |entry| cells(entry, &names), &[], whole, console)
        })
    }
}

fn cells(entry: &HistoryEntry, names: &AgentNames) -> Vec<Value> {
    let HistoryEntry { event, assigned, .. } = entry;
    let conflict = if entry.counts { "" } else { " (conflict)" };
    let assigned = assigned.as_ref();
    vec![
        Value::Number(entry.seq),
        Value::Time(entry.at),
        Value::Text(format!("{}{conflict}", event::kind(event.kind()))),
        Value::Text(event::in_words(event, names)),
        Value::text(Some(event.kind().name())),
        Value::text(event.direction().map(Direction::name)),
        Value::text(event.channel()),
        assigned.map_or(Value::Missing(NOBODY), |agent| Value::Text(names.agent(Some(agent)))),
        Value::text(assigned.and_then(|agent| agent.id.as_deref())),
        Value::number(event.unread()),
        Value::text(event.text()),
        Value::Flag(entry.counts),
        Value::Flag(entry.late),
    ]
}
