//! `convofold compact`.

use clap::Args;
use convofold::{Compacted, Options, Stats};

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::opened::Database;
use crate::output::table::Facts;
use crate::output::text;

/// Give unused room back to the file system.
///
/// The storage keeps room that it no longer uses: after a replay about half of its file, after `trim` the dropped blocks. The
/// command writes a copy without unused room, for which the disk must have room, moves the database to the copy, and removes
/// the old storage. Nothing else changes. If another process holds the database, it answers questions and takes events
/// meanwhile.
///
/// A killed process leaves the database compacted or as it was.
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
        db.close()?;
        if self.json {
            console.json(&compacted)?;
        } else {
            table(compacted).print(console)?;
        }
        Ok(Exit::Success)
    }
}

fn table(compacted: Compacted) -> Facts {
    let mut facts = Facts::default();
    facts
        .add("on disk before", text::bytes(compacted.before_bytes))
        .add("on disk now", text::bytes(compacted.after_bytes));
    facts
}

/// A smaller database is not worth a compaction.
const MIN_BYTES: u64 = 32 << 20;

/// What a command does about unused room that it leaves.
#[derive(Debug, Args)]
pub(super) struct AfterwardsArgs {
    /// Give unused room back to the file system at the end, as `convofold compact` does.
    #[arg(long)]
    compact: bool,
}

impl AfterwardsArgs {
    /// Compacts the database if that was asked for. Otherwise says so if more than half of the storage is unused.
    pub(super) fn run(&self, db: &Database, args: &DbArgs, console: &mut Console) -> Result<(), CliError> {
        if self.compact {
            console.note(table(db.compact()?).plain());
            return Ok(());
        }
        let Stats { disk_bytes, unused_bytes, .. } = match db {
            Database::Here(here) => here.stats(),
            // A server compacts on its own schedule, and the token may not allow the question.
            #[cfg(feature = "serve")]
            _ => return Ok(()),
        };
        if disk_bytes >= MIN_BYTES && unused_bytes > disk_bytes / 2 {
            let folder = text::quoted(&args.db.display().to_string());
            console.note(format_args!(
                "about {} of {} on disk are unused: `convofold compact --db {folder}` gives them back",
                text::bytes(unused_bytes),
                text::bytes(disk_bytes)
            ));
        }
        Ok(())
    }
}
