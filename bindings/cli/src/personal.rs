//! Members, in a database of this process or of another one: what is stored about them, erasures, and legal holds.

#[cfg(feature = "serve")]
use std::io;
use std::io::Write;
#[cfg(feature = "serve")]
use std::ops::ControlFlow;
#[cfg(feature = "serve")]
use std::sync::{Arc, Mutex, PoisonError};

use convofold::erase::{Erasable, Erase, EraseError, Erased, Erasure};
use convofold::{Disclosed, ExportEventsError, Hold, HoldError, OpenError, RewriteError, StateHash, Subject};
#[cfg(feature = "serve")]
use convofold_server::{Cleaned, Client, ClientError, EraseRequest};
use serde::Serialize;

#[cfg(feature = "serve")]
use crate::client_error::blamed;
use crate::console::Console;
use crate::database::DbArgs;
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::opened::Database;
#[cfg(feature = "serve")]
use crate::output::text;

/// Each method fails with the [`CliError`] for the reader of the command.
#[expect(clippy::missing_errors_doc, reason = "the sentence above holds for all of them")]
impl Database {
    /// Writes everything that is stored about these subjects.
    pub fn disclose(&self, subjects: &[Subject], out: &mut impl Write) -> Result<Disclosed, CliError> {
        let failed = |why: String| CliError::new(Exit::Failure, format!("cannot read a conversation: {why}"));
        match self {
            Self::Here(db) => db.disclose(subjects, out).map_err(|error| match error {
                ExportEventsError::Write(error) => error.into(),
                error => failed(chain(&error)),
            }),
            #[cfg(feature = "serve")]
            Self::Elsewhere(client) => client.disclose(subjects, out).map_err(|error| blamed(error, failed)),
            #[cfg(feature = "cluster")]
            Self::Across(cluster) => Err(cluster.unsupported("a disclosure")),
        }
    }

    /// The conversations that an erasure of these subjects would change.
    pub fn erasable(&self, subjects: &[Subject]) -> Result<Vec<Erasable>, CliError> {
        match self {
            Self::Here(db) => Erase::new(subjects.to_vec()).dry_run(db).map_err(|error| CliError::conversation(&error)),
            #[cfg(feature = "serve")]
            Self::Elsewhere(client) => Ok(client.erasable(subjects)?),
            #[cfg(feature = "cluster")]
            Self::Across(cluster) => Err(cluster.unsupported("an erasure")),
        }
    }

    /// The receipts of all erasures; or of the one before which the state had this hash.
    pub fn erasures(&self, hash_before: Option<StateHash>) -> Result<Vec<Erasure>, CliError> {
        match (self, hash_before) {
            (Self::Here(db), None) => Ok(db.erasures()),
            (Self::Here(db), Some(hash)) => Ok(db.erasure_of(hash).into_iter().collect()),
            #[cfg(feature = "serve")]
            (Self::Elsewhere(client), hash_before) => Ok(client.erasures(hash_before)?),
            #[cfg(feature = "cluster")]
            (Self::Across(cluster), _) => Err(cluster.unsupported("the receipts of erasures")),
        }
    }

    /// Places a legal hold. Returns its number.
    pub fn hold(&self, subject: &Subject, reason: &str) -> Result<u64, CliError> {
        match self {
            Self::Here(db) => db.hold(subject.clone(), reason).map_err(|error| hold_failed(&error)),
            #[cfg(feature = "serve")]
            Self::Elsewhere(client) => client.hold(subject, reason).map_err(hold_refused),
            #[cfg(feature = "cluster")]
            Self::Across(cluster) => Err(cluster.unsupported("a legal hold")),
        }
    }

    /// Lifts a legal hold.
    pub fn lift_hold(&self, number: u64) -> Result<(), CliError> {
        match self {
            Self::Here(db) => db.lift_hold(number).map_err(|error| hold_failed(&error)),
            #[cfg(feature = "serve")]
            Self::Elsewhere(client) => client.lift_hold(number).map_err(hold_refused),
            #[cfg(feature = "cluster")]
            Self::Across(cluster) => Err(cluster.unsupported("a legal hold")),
        }
    }

    /// All legal holds.
    pub fn holds(&self) -> Result<Vec<Hold>, CliError> {
        match self {
            Self::Here(db) => Ok(db.holds()),
            #[cfg(feature = "serve")]
            Self::Elsewhere(client) => Ok(client.holds()?),
            #[cfg(feature = "cluster")]
            Self::Across(cluster) => Err(cluster.unsupported("a list of legal holds")),
        }
    }
}

fn hold_failed(error: &HoldError) -> CliError {
    match error {
        HoldError::Unknown { .. } => no_such_hold(error.to_string()),
        HoldError::Reason { .. } => CliError::new(Exit::Usage, error.to_string()),
        error => CliError::new(Exit::Failure, chain(error)),
    }
}

fn no_such_hold(detail: String) -> CliError {
    CliError::new(Exit::NotFound, detail).hint("`convofold hold --list` lists them")
}

#[cfg(feature = "serve")]
fn hold_refused(error: ClientError) -> CliError {
    match (error.status(), error.cause()) {
        (Some(404), Some(cause)) => no_such_hold(cause.to_owned()),
        (Some(400), Some(cause)) => CliError::new(Exit::Usage, cause.to_owned()),
        _ => error.into(),
    }
}

/// What an erasure did.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// `None` if nothing is about the subjects.
    #[serde(flatten)]
    pub erased: Option<Erased>,
    /// What was removed from the files of `convofold serve`.
    #[cfg(feature = "serve")]
    pub cleaned: Cleaned,
}

impl Outcome {
    /// Notes what was removed from the files of `convofold serve`.
    #[cfg(feature = "serve")]
    pub(crate) fn note_cleaned(&self, console: &mut Console) {
        let Cleaned { rejects, alerts, undelivered, .. } = self.cleaned;
        if rejects > 0 {
            console.note(format_args!("{} of the server removed", text::counted(rejects, "reject")));
        }
        if alerts > 0 {
            let messages = text::counted(undelivered, "message");
            console.note(format_args!(
                "{} of the server removed; {messages} of them will not be sent",
                text::counted(alerts, "alert")
            ));
        }
    }

    /// Without the feature `serve` nothing is removed beside the database.
    #[cfg(not(feature = "serve"))]
    pub(crate) fn note_cleaned(&self, _console: &mut Console) {}
}

/// Erases from a closed database, or asks the process that holds it.
///
/// # Errors
/// [`CliError`] for the reader of the command.
pub fn erase(db: &DbArgs, subjects: &[Subject], open_too: bool, console: &mut Console) -> Result<Outcome, CliError> {
    let here = || erase_here(db, subjects, open_too);
    let is_held = |error: &EraseError| matches!(error, EraseError::Open(OpenError::AlreadyOpen { .. }));
    #[cfg(feature = "serve")]
    {
        let client = match db.server(console)? {
            Some(client) => client,
            None => {
                db.expect_folder()?;
                match db.run_or_ask(here, is_held) {
                    ControlFlow::Continue(outcome) => return outcome.map_err(|error| erase_failed(db, &error)),
                    ControlFlow::Break(client) => client,
                }
            }
        };
        erase_elsewhere(&client, subjects, open_too)
    }
    #[cfg(not(feature = "serve"))]
    {
        let _ = (console, is_held);
        db.expect_folder()?;
        here().map_err(|error| erase_failed(db, &error))
    }
}

fn erase_here(db: &DbArgs, subjects: &[Subject], open_too: bool) -> Result<Outcome, EraseError> {
    let erase = Erase::new(subjects.to_vec()).open_too(open_too);
    #[cfg(feature = "serve")]
    {
        let cleaned = Arc::new(Mutex::new(Cleaned::default()));
        let (folder, counted) = (db.db.clone(), cleaned.clone());
        let erase = erase.beside(move |search| {
            let removed = convofold_server::clean(&folder, &|bytes| search.finds(bytes));
            *counted.lock().unwrap_or_else(PoisonError::into_inner) += removed.map_err(io::Error::other)?;
            Ok(())
        });
        let erased = erase.run(&db.db)?;
        let cleaned = *cleaned.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Outcome { erased, cleaned })
    }
    #[cfg(not(feature = "serve"))]
    Ok(Outcome { erased: erase.run(&db.db)? })
}

#[cfg(feature = "serve")]
fn erase_elsewhere(client: &Client, subjects: &[Subject], open_too: bool) -> Result<Outcome, CliError> {
    let failed = |why: String| {
        CliError::new(Exit::Failure, format!("cannot erase: {why}"))
            .hint("nothing was erased; --dry-run lists the conversations")
    };
    let answer = client.erase(&EraseRequest { open_too, ..EraseRequest::of(subjects) });
    let answer = answer.map_err(|error| blamed(error, failed))?;
    Ok(Outcome { erased: answer.erased, cleaned: answer.cleaned })
}

fn erase_failed(db: &DbArgs, error: &EraseError) -> CliError {
    let failed = |why: String| CliError::new(Exit::Failure, format!("cannot erase: {why}"));
    match error {
        EraseError::Open(error) => CliError::open(&db.db, error),
        EraseError::Held { .. } => failed(error.to_string())
            .hint("nothing was erased; --dry-run marks them, and `convofold hold --lift` lifts a hold"),
        EraseError::Beside { .. } => {
            failed(error.to_string()).hint("nothing was erased; remove the file, and try again")
        }
        EraseError::Rewrite(RewriteError::Remains { .. }) | EraseError::Move(_) => failed(chain(error)).hint(
            "the next opening of the database completes or undoes it: if `convofold erase --receipts` does not print the receipt, \
             run the command again",
        ),
        EraseError::StillOpen { .. } => {
            failed(error.to_string()).hint("nothing was erased; close them first, or erase them too with --open-too")
        }
        error => failed(chain(error)).hint("nothing was erased"),
    }
}
