//! `convofold history`.

use clap::Args;
use convofold::HistoryEntry;
use serde::Serialize;

use crate::agent_names::{AgentNames, AgentNamesArgs};
use crate::console::Console;
use crate::database::{DbArgs, IdArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Listing, event, time};

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
    #[command(flatten)]
    id: IdArgs,
    #[command(flatten)]
    db: DbArgs,
    #[command(flatten)]
    agent_names: AgentNamesArgs,
    /// Print one JSON object: {"id": ..., "history": [...]}, events in the form of `export --events`.
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
        let names = self.agent_names.read()?;
        let db = self.db.open(console)?;
        let id = self.id.find(&db)?;
        let history = db.history(&id)?.ok_or_else(|| self.id.unknown())?;
        if self.json {
            console.json(&HistoryJson { id: &id, history })?;
        } else {
            table(&history, &names).print(console)?;
        }
        Ok(Exit::Success)
    }
}

fn table(history: &[HistoryEntry], names: &AgentNames) -> Listing {
    let mut table = Listing::new(&["SEQ", "AT (UTC)", "EVENT", "SAYS"]).numbers(&["SEQ"]).ends_in_text();
    for entry in history {
        let conflict = if entry.counts { "" } else { " (conflict)" };
        table.row(vec![
            entry.seq.to_string(),
            time::to_millisecond(entry.at),
            format!("{}{conflict}", event::kind(entry.event.kind())),
            event::in_words(&entry.event, names),
        ]);
    }
    table
}
