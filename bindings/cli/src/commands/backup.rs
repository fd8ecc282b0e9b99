//! `convofold backup`.

use std::path::PathBuf;

use clap::Args;
use convofold::backup::{BackupContents, BackupError, BackupOptions, BackupReport, Progress, Step};

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::{CliError, chain, is_full};
use crate::exit::Exit;
use crate::output::bar::Bar;
use crate::output::table::Facts;
use crate::output::{text, time};

/// Write the database into one file.
///
/// The file holds the whole log and rests on nothing else; `restore` makes a database of it again. It is written under
/// another name, read again and checked before it is given its own, and never written over one that is there. With
/// --since it holds only what came after an earlier backup, and is of use only together with that one.
///
/// Standard error shows progress on a terminal, and a closing report; with --json the report is one JSON object on
/// standard output instead.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold backup monday.cfbk --db ./db
  convofold backup tuesday.cfbk --db ./db --since monday.cfbk
  convofold restore monday.cfbk tuesday.cfbk --db ./restored
")]
pub struct BackupArgs {
    /// The file to write. There must be none with that name.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    db: DbArgs,
    /// Only what came since this backup was made.
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
    /// Print the report as one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

impl BackupArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let db = self.db.open(console)?;
        let options = self.since.as_ref().map_or_else(BackupOptions::new, |file| BackupOptions::new().since(file));
        let bar = Bar::new(console.shows_progress());
        let outcome = db.backup(&self.file, &options, |progress| show(&bar, progress));
        drop(bar);
        let report = outcome.map_err(|error| failed(&error))?;
        if self.json {
            console.json(&report)?;
        } else {
            console.note(table(&report).plain());
        }
        Ok(Exit::Success)
    }
}

/// How far a backup or a restore is.
pub(super) fn show(bar: &Bar, Progress { step, seq, last_seq, .. }: Progress) {
    let step = match step {
        Step::Write => "writing",
        Step::Check => "checking",
        _ => "working",
    };
    bar.show(step, seq, last_seq);
}

fn table(report: &BackupReport) -> Facts {
    let BackupContents { first_seq, last_seq, conversations, bookmarks, state_hash, bytes, incremental, .. } =
        report.contents;
    let events = text::counted((last_seq + 1).saturating_sub(first_seq), "event");
    let mut facts = Facts::default();
    facts
        .add("backup", if incremental { "goes on from the one given with --since" } else { "complete" })
        .add("events", format!("{events}, up to {}", text::count(last_seq)))
        .add("conversations", text::count(conversations))
        .add("bookmarks", text::count(bookmarks))
        .add("state hash", state_hash.to_string())
        .add("size", text::bytes(bytes))
        .add("took", time::took(report.took));
    facts
}

fn failed(error: &BackupError) -> CliError {
    let failed = CliError::new(Exit::Failure, format!("there is no backup: {}", chain(error)));
    match error {
        BackupError::Exists { .. } => failed.hint("give another name; a backup is never written over"),
        BackupError::Diverged { .. } | BackupError::Dropped { .. } => {
            failed.hint("make a complete backup, without --since")
        }
        BackupError::Since(_) => failed.hint("name a backup that is whole with --since, or make a complete one"),
        BackupError::Damaged { .. } => {
            failed.hint("`convofold verify` tells what is damaged, `convofold repair` saves what can be read")
        }
        _ if is_full(error) => failed.hint("the disk is full: free some space and try again"),
        _ => failed,
    }
}
