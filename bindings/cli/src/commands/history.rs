//! `convofold history`.

use clap::Args;
use convofold::HistoryEntry;
use serde::Serialize;

use super::show::unknown;
use crate::console::Console;
use crate::database::DbArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::event::{self, Said};
use crate::output::{Listing, time};

/// Show every event of one conversation, in the order in which they happened.
///
/// Prints a table on standard output: an event's place in the log (a small one that stands below larger ones arrived
/// early, a large one above smaller ones arrived late), when it happened, what it did and what it said. An event that is
/// marked as a conflict lost to another of the same identity and has no effect.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  convofold history 700100_1627535468595 --db ./db
")]
pub struct HistoryArgs {
    /// The conversation's id, as `open` and `export` print it.
    id: String,
    #[command(flatten)]
    db: DbArgs,
    /// Print one JSON object instead: {"id": ..., "history": [...]}.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct HistoryJson<'a> {
    id: &'a str,
    history: Vec<HistoryEntry>,
}

impl HistoryArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let db = self.db.open(console)?;
        let history = db.history(&self.id).map_err(|error| CliError::conversation(&error))?;
        let history = history.ok_or_else(|| unknown(&self.id))?;
        if self.json {
            console.json(&HistoryJson { id: &self.id, history })?;
        } else {
            table(&history).print(console)?;
        }
        Ok(Exit::Success)
    }
}

fn table(history: &[HistoryEntry]) -> Listing {
    let mut table = Listing::new(&["SEQ", "AT (UTC)", "EVENT", "SAYS"]).numbers(&["SEQ"]).ends_in_text();
    for entry in history {
        let said =
            Said { direction: entry.direction, agent: &entry.agent, unread: entry.unread, text: entry.text.as_deref() };
        let conflict = if entry.counts { "" } else { " (conflict)" };
        table.row(vec![
            entry.seq.to_string(),
            time::to_millisecond(entry.at),
            format!("{}{conflict}", event::kind(entry.kind)),
            said.in_words(entry.kind),
        ]);
    }
    table
}
