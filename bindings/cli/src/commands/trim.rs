//! `convofold trim`.

use clap::Args;
use convofold::{Options, Time};

use crate::commands::compact::AfterwardsArgs;
use crate::console::Console;
use crate::database::{DbArgs, NowArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::table::Facts;
use crate::output::text;
use crate::values::Millis;

/// Drop the older part of the log and keep the state.
///
/// Drops blocks from the beginning of the log if all their events are older than the given age and are contained in
/// both checkpoints. Conversations, histories, the export and the state hash do not change, and late or repeated events
/// are still recognised. The dropped blocks are the second copy of these events: `tail` starts later, and damaged
/// checkpoints can no longer be rebuilt from the log. Make a backup first. The dropped bytes stay in the storage as
/// unused room, unless --compact gives them back to the file system.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  convofold trim --db ./db --older-than 90d --compact
")]
pub struct TrimArgs {
    #[command(flatten)]
    db: DbArgs,
    /// Minimum age of the events to drop: 90d, 12h, 2w.
    #[arg(long, value_name = "DURATION")]
    older_than: Millis,
    #[command(flatten)]
    now: NowArgs,
    #[command(flatten)]
    afterwards: AfterwardsArgs,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl TrimArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let db = self.db.open_or_ask(&Options::new().create(false), CliError::open, console)?;
        // Events cannot be older than the epoch.
        let before = Time::from_ms(self.now.ms(&db).saturating_sub(self.older_than.0).max(0));
        let trimmed = db.trim_log(before.ok_or_else(no_time)?)?;
        self.afterwards.run(&db, &self.db, console)?;
        db.close()?;
        if self.json {
            console.json(&trimmed)?;
        } else {
            let mut facts = Facts::default();
            facts
                .add("events dropped", text::count(trimmed.events))
                .add("blocks dropped", text::count(trimmed.blocks))
                .add("bytes dropped", text::bytes(trimmed.bytes))
                .add("log begins with event", text::count(trimmed.first_seq));
            facts.print(console)?;
        }
        if trimmed.events == 0 {
            console.note("nothing dropped: no block is that old, or the previous checkpoint does not contain it yet");
        }
        Ok(Exit::Success)
    }
}

fn no_time() -> CliError {
    CliError::new(Exit::Usage, "the duration is longer than any event can be old")
}
