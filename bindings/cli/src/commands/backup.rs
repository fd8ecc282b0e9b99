//! `convofold backup`.

use std::path::PathBuf;

use clap::Args;
use convofold::backup::{self, BackupContents, BackupError, BackupOptions, BackupReport, Progress, Step};

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::{CliError, chain, is_full};
use crate::exit::Exit;
use crate::output::bar::Bar;
use crate::output::table::Facts;
use crate::output::{text, time};

/// Back up the database to one file.
///
/// The file contains the whole log and depends on no other file. `restore` creates a database from it. The file is written
/// under a temporary name, read and checked, and then renamed; an existing file is never overwritten. With --since it
/// contains only the events after an earlier backup, and can only be restored together with that backup.
///
/// Standard error shows progress on a terminal, and a report; --json prints the report as one JSON object on standard
/// output instead.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold backup monday.cfbk --db ./db
  convofold backup tuesday.cfbk --db ./db --since monday.cfbk
  convofold restore monday.cfbk tuesday.cfbk --db ./restored
")]
pub struct BackupArgs {
    /// The file to write. It must not exist.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    db: DbArgs,
    /// Write an incremental backup: only the events after this earlier backup.
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
        let outcome = backup::write(db.backup_source()?, &self.file, &options, |progress| show(&bar, progress));
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

/// Shows the progress of a backup or a restore.
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
        .add("backup", if incremental { "incremental" } else { "complete" })
        .add("events", format!("{events}, up to {}", text::count(last_seq)))
        .add("conversations", text::count(conversations))
        .add("bookmarks", text::count(bookmarks))
        .add("state hash", state_hash.to_string())
        .add("size", text::bytes(bytes))
        .add("took", time::took(report.took));
    facts
}

fn failed(error: &BackupError) -> CliError {
    let failed = CliError::new(Exit::Failure, format!("no backup written: {}", chain(error)));
    match error {
        BackupError::Exists { .. } => failed.hint("choose another name; a backup never overwrites a file"),
        BackupError::Diverged { .. } | BackupError::Dropped { .. } => {
            failed.hint("make a complete backup, without --since")
        }
        BackupError::Since(_) => failed.hint("pass an undamaged backup to --since, or make a complete backup"),
        BackupError::Damaged { .. } | BackupError::Remote { is_damaged: true, .. } => {
            failed.hint("`convofold verify` lists the damage, `convofold repair` saves what can be read")
        }
        _ if is_full(error) => failed.hint("the disk is full: free some space and try again"),
        _ => failed,
    }
}
