//! `convofold export`.

use clap::Args;

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::CliError;
use crate::exit::Exit;

/// Print the state of every conversation, open and closed.
///
/// Prints one JSON object a line on standard output, sorted by the bytes of `id`. Equal states give identical bytes on
/// every machine, so two exports can be compared with `cmp`. Times and durations are milliseconds.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold export --db ./db > conversations.ndjson
  convofold export --db ./db | grep '\"status\":\"open\"' | wc -l
")]
pub struct ExportArgs {
    #[command(flatten)]
    db: DbArgs,
    /// Changes nothing: the export is JSON. Accepted so that every reading command takes it.
    #[arg(long)]
    json: bool,
}

impl ExportArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let db = self.db.open(console)?;
        let report = db.export(console.out())?;
        if report.conversations == 0 {
            console.note("the database holds no conversation yet");
        }
        Ok(Exit::Success)
    }
}
