//! `convofold erase` for what is not this database: backups, and databases that were restored from them.

use std::path::{Path, PathBuf};

use clap::Args;
use convofold::Options;
use convofold::erase::{Erase, EraseBackupError, EraseError, Ledger};

use crate::commands::erase::{SubjectArgs, tell};
use crate::commands::restore::read_ledger;
use crate::console::Console;
use crate::error::{CliError, chain, is_full};
use crate::exit::Exit;
use crate::output::text;

/// Options about copies.
#[derive(Debug, Args)]
pub(super) struct CopiesArgs {
    /// Write a ledger of all erasures so far to this new file, for `restore --erasures` and --again. It contains no id
    /// and no text, but a person who has it can test whether an id that they know was erased.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["members", "numbers", "conversations", "dry_run", "receipts", "again"])]
    ledger: Option<PathBuf>,
    /// Erase again what is in this ledger, from a database that was restored from an earlier backup.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["members", "numbers", "conversations", "dry_run", "receipts"])]
    again: Option<PathBuf>,
    /// Erase from this complete backup instead of a database. It is restored into a folder beside it, and replaced by a
    /// new backup.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dry_run", "receipts", "ledger", "again"])]
    backup: Option<PathBuf>,
}

impl CopiesArgs {
    /// Whether a backup is erased from, and no database.
    #[cfg(feature = "cluster")]
    pub(super) fn is_about_backup(&self) -> bool {
        self.backup.is_some()
    }

    /// Refuses options that are about one database, for a cluster.
    #[cfg(feature = "cluster")]
    pub(super) fn expect_none(&self) -> Result<(), CliError> {
        if self.ledger.is_none() && self.again.is_none() {
            return Ok(());
        }
        Err(CliError::new(Exit::Usage, "a ledger is of one database, and each owner of a partition has its own")
            .hint("run this command on the machine of an owner, with --db DIR/pN"))
    }

    /// Does what the options ask for; `None` if there are none.
    pub(super) fn run(
        &self,
        db: &Path,
        (subjects, open_too): (&SubjectArgs, bool),
        json: bool,
        console: &mut Console,
    ) -> Result<Option<Exit>, CliError> {
        let erased = if let Some(file) = &self.ledger {
            write_ledger(db, file, console)?;
            return Ok(Some(Exit::Success));
        } else if let Some(file) = &self.again {
            read_ledger(file)?.erase_from(db, &Options::new()).map_err(|error| not_again(db, &error))?
        } else if let Some(file) = &self.backup {
            Erase::new(subjects.expect()?).open_too(open_too).run_on_backup(file).map_err(|error| not_from(&error))?
        } else {
            return Ok(None);
        };
        match erased {
            Some(erased) => tell(&erased, json, console)?,
            None => console.note("no conversation is about them"),
        }
        Ok(Some(Exit::Success))
    }
}

fn write_ledger(db: &Path, file: &Path, console: &mut Console) -> Result<(), CliError> {
    let failed = |why: String| CliError::new(Exit::Failure, format!("no ledger written: {why}"));
    let opened = Options::new().read_only(true).open(db).map_err(|error| CliError::open(db, &error))?;
    let ledger = Ledger::of(&opened).map_err(|error| failed(chain(&error)))?;
    ledger.write(file).map_err(|error| failed(chain(&error)))?;
    console.note(format_args!("{} in {}", text::counted(ledger.receipts().len() as u64, "erasure"), file.display()));
    Ok(())
}

fn not_again(db: &Path, error: &EraseError) -> CliError {
    match error {
        EraseError::Open(error) => CliError::open(db, error),
        error => CliError::new(Exit::Failure, format!("cannot erase: {}", chain(error)))
            .hint("use the database only when the same command has succeeded"),
    }
}

fn not_from(error: &EraseBackupError) -> CliError {
    let failed = CliError::new(Exit::Failure, format!("nothing was erased from the backup: {}", chain(error)));
    match error {
        EraseBackupError::Incremental { .. } => failed.hint(
            "restore the whole sequence of backups, erase from the database, make a complete backup, and delete the sequence",
        ),
        EraseBackupError::Erase(EraseError::StillOpen { .. }) => failed.hint("erase them too with --open-too"),
        _ if is_full(error) => failed.hint("the disk is full: two databases and a backup must fit beside the file"),
        _ => failed,
    }
}
