//! `convofold export`.

use clap::Args;
use convofold::ingest::Limits;

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::past::{MomentArgs, Reader};

/// Print the state of every conversation, open and closed, or every event.
///
/// Prints one JSON object per line on standard output, sorted by the bytes of `id`. Equal states give identical bytes on
/// every machine, so `cmp` compares two exports. Times and durations are in milliseconds.
///
/// With --events it prints every accepted event in full, in the order of arrival. `replay` reads this form; the resulting
/// database has the same events, states and hash.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold export --db ./db > conversations.ndjson
  convofold export --db ./db | grep '\"status\":\"open\"' | wc -l
  convofold export --db ./db --as-of 2026-03-02T14:05:00Z
  convofold export --db ./db --events | convofold replay - --db ./copy
")]
pub struct ExportArgs {
    #[command(flatten)]
    db: DbArgs,
    #[command(flatten)]
    moment: MomentArgs,
    /// Print every accepted event, in the form that `replay` reads. At a moment, those that count then.
    #[arg(long)]
    events: bool,
    /// No effect: the export is always JSON. Accepted because every reading command has --json.
    #[arg(long)]
    json: bool,
}

impl ExportArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let db = self.moment.open(&self.db, None, console)?;
        if self.events {
            return print_events(&db, console);
        }
        if db.export(console.out())? == 0 {
            let then = if db.is_past() { " at this moment" } else { "" };
            console.note(format_args!("the database contains no conversations{then}"));
        }
        Ok(db.end(console))
    }
}

fn print_events(db: &Reader, console: &mut Console) -> Result<Exit, CliError> {
    let (events, longest_line_bytes) = db.export_events(console.out())?;
    let max_bytes = Limits::default().max_own_line_bytes();
    if events == 0 {
        console.note("the database contains no events");
    } else if longest_line_bytes > max_bytes as u64 {
        console.note(format_args!(
            "the longest line has {bytes} bytes, and `replay` accepts at most {max_bytes} by default: replay it with --max-line \
             {bytes}",
            bytes = longest_line_bytes
        ));
    }
    Ok(db.end(console))
}
