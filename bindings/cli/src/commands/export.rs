//! `convofold export`.

use clap::Args;
use convofold::ingest::Limits;
use convofold::{Convofold, ExportEventsError};

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::{CliError, chain};
use crate::exit::Exit;

/// Print the state of every conversation, open and closed, or every event.
///
/// Prints one JSON object a line on standard output, sorted by the bytes of `id`. Equal states give identical bytes on
/// every machine, so two exports can be compared with `cmp`. Times and durations are milliseconds.
///
/// With --events it prints all that was accepted instead, in the order in which it arrived and in full. `replay` reads
/// that back, and a database made from it has the same events, states and hash.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold export --db ./db > conversations.ndjson
  convofold export --db ./db | grep '\"status\":\"open\"' | wc -l
  convofold export --db ./db --events | convofold replay - --db ./copy
")]
pub struct ExportArgs {
    #[command(flatten)]
    db: DbArgs,
    /// Print every accepted event instead, in the form that `replay` reads back.
    #[arg(long)]
    events: bool,
    /// Changes nothing: the export is JSON. Accepted so that every reading command takes it.
    #[arg(long)]
    json: bool,
}

impl ExportArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let db = self.db.open(console)?;
        if self.events {
            return print_events(&db, console);
        }
        let report = db.export(console.out())?;
        if report.conversations == 0 {
            console.note("the database holds no conversation yet");
        }
        Ok(Exit::Success)
    }
}

fn print_events(db: &Convofold, console: &mut Console) -> Result<Exit, CliError> {
    let report = db.export_events(console.out()).map_err(|error| match error {
        ExportEventsError::Write(error) => error.into(),
        ExportEventsError::Changes(error) => CliError::log(&error),
        error => CliError::new(Exit::Failure, format!("cannot export the events: {}", chain(&error))),
    })?;
    let max_bytes = Limits::default().max_own_line_bytes();
    if report.events == 0 {
        console.note("the database holds no event yet");
    } else if report.longest_line_bytes > max_bytes as u64 {
        console.note(format_args!(
            "the longest line has {} bytes, and `replay` takes no more than {max_bytes}: spread what is longer over \
             several lines, each event in a file of its own",
            report.longest_line_bytes
        ));
    }
    Ok(Exit::Success)
}
