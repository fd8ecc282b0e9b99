//! Members, in a database of this process or of another one: what is stored about them, and legal holds.

use std::io::Write;

use convofold::{Disclosed, ExportEventsError, Hold, HoldError, Subject};
#[cfg(feature = "serve")]
use convofold_server::ClientError;

use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::opened::Database;
#[cfg(feature = "serve")]
use crate::opened::blamed;

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
        }
    }

    /// Places a legal hold. Returns its number.
    pub fn hold(&self, subject: &Subject, reason: &str) -> Result<u64, CliError> {
        match self {
            Self::Here(db) => db.hold(subject.clone(), reason).map_err(|error| hold_failed(&error)),
            #[cfg(feature = "serve")]
            Self::Elsewhere(client) => client.hold(subject, reason).map_err(hold_refused),
        }
    }

    /// Lifts a legal hold.
    pub fn lift_hold(&self, number: u64) -> Result<(), CliError> {
        match self {
            Self::Here(db) => db.lift_hold(number).map_err(|error| hold_failed(&error)),
            #[cfg(feature = "serve")]
            Self::Elsewhere(client) => client.lift_hold(number).map_err(hold_refused),
        }
    }

    /// All legal holds.
    pub fn holds(&self) -> Result<Vec<Hold>, CliError> {
        match self {
            Self::Here(db) => Ok(db.holds()),
            #[cfg(feature = "serve")]
            Self::Elsewhere(client) => Ok(client.holds()?),
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
