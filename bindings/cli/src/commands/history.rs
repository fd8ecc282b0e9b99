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
/// Prints a table on standard output: sequence number in the log, event time, kind and content. An event whose sequence
/// number is larger than that of a later row arrived late. An event marked as a conflict has the identity of another event
/// but different content, and has no effect.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  convofold history 700100_1627535468595 --db ./db
")]
pub struct HistoryArgs {
    /// Id of the conversation, as printed by `open` and `export`.
    id: String,
    #[command(flatten)]
    db: DbArgs,
    /// Print one JSON object: {"id": ..., "history": [...]}.
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
