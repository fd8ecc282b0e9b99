//! Maintenance of a database of this process or of another one.

use convofold::audit::{AuditReport, Sample};
use convofold::backup::BackupSource;
use convofold::retention::{Retained, Retention, RetentionRun};
use convofold::verify::{VerifyProgress, VerifyReport};
use convofold::{Compacted, Time, Trimmed};

#[cfg(feature = "serve")]
use crate::client_error::blamed;
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::opened::Database;

/// Calls the method of the database, or that of the client, and gives their errors these words; a cluster cannot do it.
macro_rules! ask {
    ($self:ident, $failed:ident, $db:ident => $here:expr, $client:ident => $elsewhere:expr, $what:literal) => {
        match $self {
            Database::Here($db) => $here.map_err(|error| $failed(chain(&error))),
            #[cfg(feature = "serve")]
            Database::Elsewhere($client) => $elsewhere.map_err(|error| blamed(error, $failed)),
            #[cfg(feature = "cluster")]
            Database::Across(cluster) => Err(cluster.unsupported($what)),
        }
    };
}

/// Each method fails with the [`CliError`] for the reader of the command.
#[expect(clippy::missing_errors_doc, reason = "the sentence above holds for all of them")]
impl Database {
    /// Checks everything, and the past if `with_past` is set.
    pub fn verify(&self, with_past: bool, on_progress: impl FnMut(VerifyProgress)) -> Result<VerifyReport, CliError> {
        let failed = |why: String| CliError::new(Exit::Failure, format!("cannot verify: {why}"));
        if with_past {
            return ask!(
                self,
                failed,
                db => db.verify_past(on_progress),
                client => client.verify_past(on_progress),
                "a verification"
            );
        }
        ask!(self, failed, db => db.verify(on_progress), client => client.verify(on_progress), "a verification")
    }

    /// Folds conversations again.
    pub fn audit(&self, sample: Sample) -> Result<AuditReport, CliError> {
        let failed = |why: String| {
            CliError::new(Exit::Failure, format!("cannot audit: {why}")).hint("`convofold verify` lists the damage")
        };
        ask!(self, failed, db => db.audit(sample), client => client.audit(sample), "an audit")
    }

    /// Drops the beginning of the log.
    pub fn trim_log(&self, before: Time) -> Result<Trimmed, CliError> {
        let failed = |why: String| unchanged(format!("cannot drop the beginning of the log: {why}"));
        ask!(self, failed, db => db.trim_log(before), client => client.trim_log(before), "a trim")
    }

    /// Rewrites the storage without unused room.
    pub fn compact(&self) -> Result<Compacted, CliError> {
        let failed = |why: String| unchanged(format!("cannot compact: {why}"));
        ask!(self, failed, db => db.compact(), client => client.compact(), "a compaction")
    }

    /// Removes what these rules say, and closes the database if it was opened here.
    pub fn retain(&self, rules: &Retention, now: Time, dry_run: bool) -> Result<Retained, CliError> {
        let failed = |why: String| {
            CliError::new(Exit::Failure, format!("cannot remove what is old: {why}"))
                .hint("`convofold retain --runs` lists the runs that are complete")
        };
        let retained = ask!(
            self,
            failed,
            db => db.retain(rules, now, dry_run),
            client => client.retain(rules, now, dry_run),
            "a run of retention"
        )?;
        self.close()?;
        Ok(retained)
    }

    /// All runs of retention.
    pub fn retention_runs(&self) -> Result<Vec<RetentionRun>, CliError> {
        match self {
            Self::Here(db) => Ok(db.retention_runs()),
            #[cfg(feature = "serve")]
            Self::Elsewhere(client) => Ok(client.retention_runs()?),
            #[cfg(feature = "cluster")]
            Self::Across(cluster) => Err(cluster.unsupported("a list of the runs of retention")),
        }
    }

    /// The bytes of a backup.
    pub fn backup_source(&self) -> Result<&dyn BackupSource, CliError> {
        match self {
            Self::Here(db) => Ok(db),
            #[cfg(feature = "serve")]
            Self::Elsewhere(client) => Ok(client),
            #[cfg(feature = "cluster")]
            Self::Across(cluster) => Err(cluster.unsupported("a backup")),
        }
    }
}

/// The failure of an operation that changes no data.
fn unchanged(what: String) -> CliError {
    CliError::new(Exit::Failure, what).hint("no data are lost; `convofold verify` shows details")
}
