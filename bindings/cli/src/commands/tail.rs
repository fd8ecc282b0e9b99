//! `convofold tail`.

use std::io::Write;

use clap::Args;
use convofold::{Change, Seq, Stats};

use crate::agent_names::{AgentNames, AgentNamesArgs};
use crate::console::Console;
use crate::database::DbArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::opened::Database;
use crate::output::{event, text, time};
use crate::values;

const LAST: u64 = 20;

/// Show accepted events in the order of arrival.
///
/// Prints one event per line on standard output: sequence number, event time, conversation, kind and content; with --json
/// one JSON object per line. Without --from it prints the last events. With --from it prints every event from there on, and
/// standard error shows where to continue next time, without gaps and repetitions.
///
/// A host that keeps the database open follows the change feed (`Convofold::changes`).
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold tail --db ./db                      print the last 20 events
  convofold tail --db ./db --from 1 --json      print all events, for another program
")]
pub struct TailArgs {
    #[command(flatten)]
    db: DbArgs,
    /// Sequence number to start at; the first event has number 1.
    #[arg(long, value_name = "SEQ", value_parser = values::positive::<Seq>, allow_negative_numbers = true)]
    from: Option<Seq>,
    /// Maximum number of events (0 or all: no limit) [default: 20 without --from, no limit with it].
    #[arg(long, value_name = "N", value_parser = values::limit::<u64>, allow_negative_numbers = true)]
    limit: Option<u64>,
    #[command(flatten)]
    agent_names: AgentNamesArgs,
    /// Print one JSON object per line: {"seq": ..., "at": ..., "event": ...}, events in the form of `export --events`.
    #[arg(long)]
    json: bool,
}

impl TailArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let names = self.agent_names.read()?;
        let db = self.db.open(console)?;
        let stats = db.stats()?;
        let (from, limit) = self.range(&stats);
        let next = self.print(&db, from, limit, &names, console)?;
        if next == from {
            console
                .note(format_args!("no events at or after {from} (the log ends at {})", text::count(stats.last_seq)));
        } else if self.from.is_some() {
            console.flush()?;
            console.note(format_args!("continue with --from {next}"));
        }
        Ok(Exit::Success)
    }

    /// First event and maximum number of events.
    fn range(&self, stats: &Stats) -> (Seq, u64) {
        let default = if self.from.is_some() { 0 } else { LAST };
        let limit = match self.limit.unwrap_or(default) {
            0 => u64::MAX,
            limit => limit,
        };
        let from_the_end = stats.last_seq.saturating_sub(limit).saturating_add(1).max(stats.first_seq);
        (self.from.unwrap_or(from_the_end), limit)
    }

    /// Returns the sequence number after the last printed event.
    fn print(
        &self,
        db: &Database,
        from: Seq,
        limit: u64,
        names: &AgentNames,
        console: &mut Console,
    ) -> Result<Seq, CliError> {
        let mut changes = db.changes(from)?;
        let mut next = from;
        for _ in 0..limit {
            let Some(change) = changes.try_next()? else { break };
            if self.json {
                console.json(&change)?;
            } else {
                writeln!(console.out(), "{}", in_words(&change, names))?;
            }
            next = change.seq + 1;
        }
        Ok(next)
    }
}

fn in_words(change: &Change, names: &AgentNames) -> String {
    let Change { seq, event, .. } = change;
    let at = time::to_millisecond(event.at().alone().ms());
    let (conversation, kind) = (text::one_line(event.conversation()), event::kind(event.kind()));
    format!("{seq}  {at}  {conversation}  {kind}  {}", event::in_words(event, names)).trim_end().to_owned()
}
