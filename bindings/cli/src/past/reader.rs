//! A database at the moment that a command asks about.

use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(feature = "serve")]
use convofold::When;
use convofold::{Moment, MomentReport, Seq, StateHash, View};
#[cfg(feature = "serve")]
use convofold_server::{Client, ClientView};

#[cfg(feature = "serve")]
use super::Bounds;
use super::in_words;
#[cfg(feature = "cluster")]
use crate::across::Cluster;
#[cfg(feature = "serve")]
use crate::client_error::BAD_REQUEST;
use crate::console::Console;
use crate::database::NowArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::opened::Database;

#[cfg(feature = "serve")]
const FORBIDDEN: u16 = 403;

/// A database that a command reads, at the moment that it asks about.
#[derive(Debug)]
pub struct Reader {
    db: Database,
    /// `None` for now.
    then: Option<Then>,
    /// The late events of the last list or number, or [`NOT_COUNTED`].
    late_events: AtomicU64,
}

/// No number of late events.
const NOT_COUNTED: u64 = u64::MAX;

#[derive(Debug)]
pub(super) enum Then {
    Here(View),
    #[cfg(feature = "serve")]
    Elsewhere(Bounds, MomentReport),
}

#[cfg(feature = "serve")]
impl Then {
    fn bounds(&self) -> Bounds {
        match self {
            Self::Here(_) => Bounds::default(),
            Self::Elsewhere(bounds, _) => *bounds,
        }
    }

    /// The last event within the bounds, if they bound arrival.
    fn known_at(&self) -> Option<Seq> {
        match self {
            Self::Here(_) => None,
            Self::Elsewhere(_, report) => report.known_at,
        }
    }
}

/// The last event of a database; `None` if it is empty. Each caller may ask this, also one with a token for some tenants.
#[cfg(feature = "serve")]
fn last_seq(client: &Client) -> Result<Option<Seq>, CliError> {
    match client.at(None, Some(When::Latest)).report_of_lists() {
        Ok(report) => Ok(report.known_at),
        Err(error) if error.status() == Some(BAD_REQUEST) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Who answers.
pub(super) enum Place<'a> {
    Now(&'a Database),
    Here(&'a View),
    #[cfg(feature = "serve")]
    Elsewhere(ClientView<'a>),
    #[cfg(feature = "cluster")]
    Across(&'a Cluster, Bounds),
}

/// Each method fails with the [`CliError`] for the reader of the command.
#[expect(clippy::missing_errors_doc, reason = "the sentence above holds for all of them")]
impl Reader {
    pub(super) fn new(db: Database, then: Option<Then>) -> Self {
        Self { db, then, late_events: AtomicU64::new(NOT_COUNTED) }
    }

    /// The database, for questions about now.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.db
    }

    /// The same moment without events that arrive from now on.
    pub fn pinned(self) -> Result<Self, CliError> {
        let then = match (self.then, &self.db) {
            (None, Database::Here(db)) => Some(Then::Here(db.at(Moment::LATEST))),
            #[cfg(feature = "serve")]
            (then, Database::Elsewhere(client)) => {
                let bounds = then.as_ref().map(Then::bounds).unwrap_or_default();
                let known_at =
                    then.as_ref().and_then(Then::known_at).map_or_else(|| last_seq(client), |seq| Ok(Some(seq)));
                // Nothing is known of an empty database, at any moment.
                let pinned = known_at?.map(|seq| Bounds { known_at: Some(When::Seq(seq)), ..bounds }.resolve(&self.db));
                pinned.transpose()?.or(then)
            }
            (then, _) => then,
        };
        Ok(Self::new(self.db, then))
    }

    /// The last event of which the answers know, if they are about a moment.
    #[must_use]
    pub fn last_seq(&self) -> Option<Seq> {
        match self.then.as_ref()? {
            Then::Here(view) => Some(view.seq()),
            #[cfg(feature = "serve")]
            Then::Elsewhere(_, report) => report.known_at,
        }
    }

    /// The state hash of a database that another process holds, if the answers are about now.
    pub fn hash_of_now(&self) -> Result<Option<StateHash>, CliError> {
        #[cfg(feature = "serve")]
        if let (
            Some(Then::Elsewhere(Bounds { as_of: None, known_at: Some(When::Seq(seq)) }, _)),
            Database::Elsewhere(client),
        ) = (&self.then, &self.db)
        {
            return match client.seq_and_hash() {
                Ok((last_seq, hash)) => Ok((last_seq == *seq).then_some(hash)),
                // A token for some tenants has no hash of all of them.
                Err(error) if error.status() == Some(FORBIDDEN) => Ok(None),
                Err(error) => Err(error.into()),
            };
        }
        Ok(None)
    }

    /// The view that answers, if the database was opened by this process and the answers are about a moment.
    #[must_use]
    pub fn view(&self) -> Option<&View> {
        match &self.then {
            Some(Then::Here(view)) => Some(view),
            _ => None,
        }
    }

    pub(super) fn place(&self) -> Place<'_> {
        match (&self.then, &self.db) {
            (Some(Then::Here(view)), _) => Place::Here(view),
            #[cfg(feature = "serve")]
            (Some(Then::Elsewhere(bounds, _)), Database::Elsewhere(client)) => {
                Place::Elsewhere(client.at(bounds.as_of, bounds.known_at))
            }
            #[cfg(feature = "cluster")]
            (Some(Then::Elsewhere(bounds, _)), Database::Across(cluster)) => Place::Across(cluster, *bounds),
            (_, db) => Place::Now(db),
        }
    }

    /// Whether the answers are about the past.
    #[must_use]
    pub fn is_past(&self) -> bool {
        self.then.is_some()
    }

    /// What the answers about many conversations are about, with the late events of the last list or number; `None` for now.
    #[must_use]
    pub fn report(&self) -> Option<MomentReport> {
        let mut report = match self.then.as_ref()? {
            Then::Here(view) => view.report(None).ok()?,
            #[cfg(feature = "serve")]
            Then::Elsewhere(_, report) => *report,
        };
        report.late_events = Some(self.late_events.load(Ordering::Relaxed)).filter(|events| *events != NOT_COUNTED);
        Some(report)
    }

    /// Takes the late events of an answer.
    pub(super) fn noted<T>(&self, (answer, report): (T, MomentReport)) -> T {
        self.late_events.store(report.late_events.unwrap_or(NOT_COUNTED), Ordering::Relaxed);
        answer
    }

    /// The time to which ages count.
    #[must_use]
    pub fn now_ms(&self, now: &NowArgs) -> i64 {
        self.report().and_then(|report| report.time).unwrap_or_else(|| now.ms(&self.db))
    }

    /// Who of a cluster answered, and which partitions are missing, for the JSON of an answer; `None` for a database.
    #[must_use]
    pub fn cluster(&self) -> Option<serde_json::Value> {
        match &self.db {
            #[cfg(feature = "cluster")]
            Database::Across(cluster) => Some(cluster.as_json()),
            _ => None,
        }
    }

    /// Whether partitions of a cluster are missing in the answers: then nothing can be said of what was not found.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        match &self.db {
            #[cfg(feature = "cluster")]
            Database::Across(cluster) => cluster.is_incomplete(),
            _ => false,
        }
    }

    /// Prints which partitions of a cluster are missing in the answers. Returns how the command ends.
    #[cfg_attr(not(feature = "cluster"), expect(unused_variables, reason = "a database answers in full"))]
    pub fn end(&self, console: &mut Console) -> Exit {
        match &self.db {
            #[cfg(feature = "cluster")]
            Database::Across(cluster) => cluster.tell(console),
            _ => Exit::Success,
        }
    }

    /// The bounds of arrival and of events, if a cluster is asked about the past.
    #[cfg(feature = "cluster")]
    fn bounds_of_cluster(&self) -> Option<(Option<When>, Option<When>)> {
        match (&self.then, &self.db) {
            (Some(Then::Elsewhere(Bounds { as_of, known_at }, _)), Database::Across(_)) => Some((*known_at, *as_of)),
            _ => None,
        }
    }

    /// Prints what the answers are about, if they are about the past, and `is_wanted`.
    pub fn tell(&self, is_wanted: bool, console: &mut Console) {
        #[cfg(feature = "cluster")]
        if let Some((Some(known_at), as_of)) = self.bounds_of_cluster().filter(|_| is_wanted) {
            // There is no sequence number that all partitions share.
            let at = as_of.map(|as_of| format!("at {as_of}, ")).unwrap_or_default();
            console.note(format_args!("as it was {at}known at {known_at}"));
            return;
        }
        if let Some(report) = self.report().filter(|_| is_wanted) {
            console.note(in_words(&report));
        }
    }

    /// The hint of [`NowArgs::hint`], if the answers are about now.
    pub fn hint(&self, now: &NowArgs, console: &mut Console) {
        if !self.is_past() {
            now.hint(&self.db, console);
        }
    }
}
