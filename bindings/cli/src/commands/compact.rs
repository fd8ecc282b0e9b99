//! `convofold compact`.

use clap::Args;
use convofold::Options;

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::table::Facts;
use crate::output::text;

/// Rewrite the storage without unused room.
///
/// The storage keeps room that it no longer uses: after a replay about half of its file, and after `trim` what was dropped. A
/// copy without it is written beside it, which needs room for a second copy; then the database moves to the copy, and the old
/// storage is removed. Nothing else changes. A database that another process holds answers questions and takes events
/// meanwhile.
///
/// A process that is killed leaves the database compacted or as it was.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  convofold compact --db ./db
")]
pub struct CompactArgs {
    #[command(flatten)]
    db: DbArgs,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl CompactArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let db = self.db.open_or_ask(&Options::new().create(false), CliError::open, console)?;
        let compacted = db.compact()?;
        if self.json {
            console.json(&compacted)?;
        } else {
            let mut facts = Facts::default();
            facts
                .add("on disk before", text::bytes(compacted.before_bytes))
                .add("on disk now", text::bytes(compacted.after_bytes));
            facts.print(console)?;
        }
        Ok(Exit::Success)
    }
}
