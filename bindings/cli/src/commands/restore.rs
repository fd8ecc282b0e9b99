//! `convofold restore`.

use std::path::PathBuf;

use clap::Args;
use convofold::Options;
use convofold::backup::{RestoreError, RestoreReport, restore, restore_and_erase};
use convofold::erase::{EraseError, Erased, Ledger};
use serde::Serialize;

use super::backup::show;
use crate::console::Console;
use crate::database::DbArgs;
use crate::error::{CliError, chain, is_full};
use crate::exit::Exit;
use crate::output::bar::Bar;
use crate::output::table::Facts;
use crate::output::{text, time};

/// Create a database from backups.
///
/// Takes a complete backup and the incremental backups made after it, in this order. All backups are checked before
/// anything is written. The new database is opened and compared with the last backup before it gets its name, so the
/// result is a complete database or none.
///
/// A backup from before an erasure contains what was erased. With --erasures it is erased again before the database
/// gets its name.
///
/// Standard error shows progress on a terminal, and a report; --json prints the report as one JSON object on standard
/// output instead.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold restore monday.cfbk --db ./restored
  convofold restore monday.cfbk tuesday.cfbk --db ./restored
  convofold restore monday.cfbk --db ./restored --erasures erasures.cfel
")]
pub struct RestoreArgs {
    /// The backups: a complete one, then the incremental ones in order.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    db: DbArgs,
    /// Erase again what was erased after the backup: a ledger that `convofold erase --ledger` wrote.
    #[arg(long, value_name = "FILE")]
    erasures: Option<PathBuf>,
    /// Print the report as one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct RestoreJson {
    last_seq: u64,
    blocks: u64,
    conversations: u64,
    hash: String,
    took_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    erased: Option<Erased>,
}

impl RestoreArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        self.db.expect_folder()?;
        let ledger = self.erasures.as_ref().map(read_ledger).transpose()?;
        let bar = Bar::new(console.shows_progress());
        let (db, options) = (&self.db.db, Options::new());
        let outcome = match &ledger {
            None => restore(&self.files, db, &options, |progress| show(&bar, progress)).map(|report| (report, None)),
            Some(ledger) => restore_and_erase(&self.files, db, &options, ledger, |progress| show(&bar, progress)),
        };
        drop(bar);
        let (report, erased) = outcome.map_err(|error| self.failed(&error))?;
        if self.json {
            console.json(&as_json(&report, erased))?;
        } else {
            console.note(table(&report, ledger.is_some(), erased.as_ref()).plain());
        }
        Ok(Exit::Success)
    }

    fn failed(&self, error: &RestoreError) -> CliError {
        let failed = CliError::new(Exit::Failure, format!("nothing restored: {}", chain(error)));
        match error {
            RestoreError::Open(error) => CliError::open(&self.db.db, error),
            RestoreError::File(_) => failed.hint("use another copy of that backup, or an earlier one"),
            RestoreError::NotComplete { .. } | RestoreError::NotNext { .. } => failed.hint(
                "pass the complete backup first, then each incremental backup in the order in which they were made",
            ),
            RestoreError::Erase(error) if matches!(**error, EraseError::Held { .. }) => failed.hint(
                "restore without --erasures, lift the hold, and erase with `convofold erase --again` before events arrive",
            ),
            _ if is_full(error) => failed.hint("the disk is full: free some space and try again"),
            _ => failed,
        }
    }
}

/// Reads a ledger of erasures.
pub(super) fn read_ledger(file: &PathBuf) -> Result<Ledger, CliError> {
    Ledger::read(file).map_err(|error| CliError::new(Exit::Failure, chain(&error)))
}

fn as_json(report: &RestoreReport, erased: Option<Erased>) -> RestoreJson {
    RestoreJson {
        last_seq: report.last_seq,
        blocks: report.blocks,
        conversations: report.conversations,
        hash: report.state_hash.to_string(),
        took_ms: time::ms(report.took),
        erased,
    }
}

fn table(report: &RestoreReport, has_ledger: bool, erased: Option<&Erased>) -> Facts {
    let mut facts = Facts::default();
    facts
        .add("events", format!("up to {}", text::count(report.last_seq)))
        .add("conversations", text::count(report.conversations))
        .add("state hash", report.state_hash.to_string())
        .add("took", time::took(report.took));
    if has_ledger {
        let conversations = erased.map_or(0, |erased| erased.receipt.conversations);
        facts.add("erased again", text::counted(conversations, "conversation"));
    }
    facts
}
