//! A database that a command reads: opened by this process, or asked through the process that holds it.

use std::io::Write;

#[cfg(feature = "cluster")]
use convofold::When;
use convofold::{
    AgentLoad, Arrivals, Behind, Conflict, Convofold, Cursor, DatabaseId, Explanation, ExportEventsError, FieldName,
    HistoryEntry, Measure, Page, Query, RecordedHashes, Recovery, Report, ReportQuery, Scan, Seq, State, StateHash,
    Stats, StorageError, Suspects, SuspectsQuery, Totals, UnknownValue,
};
#[cfg(feature = "serve")]
use convofold_server::Client;
use serde::{Deserialize, Serialize};

#[cfg(feature = "cluster")]
use crate::across::Cluster;
use crate::changes::Changes;
#[cfg(feature = "serve")]
use crate::client_error::{blamed, blames_log, refused};
use crate::error::{CliError, chain};
use crate::exit::Exit;

/// A database that a command reads.
///
/// The methods have the names of those of [`Convofold`], and the same answers and errors wherever the database is.
#[derive(Debug)]
pub enum Database {
    /// Opened by this process.
    Here(Convofold),
    /// Asked through the process that holds it, or through a server.
    #[cfg(feature = "serve")]
    Elsewhere(Client),
    /// The partitions of a cluster.
    #[cfg(feature = "cluster")]
    Across(Cluster),
}

/// A page of conversations in full.
#[derive(Debug, Default)]
pub struct States {
    /// The conversations.
    pub conversations: Vec<State>,
    /// The position of the next page.
    pub next: Option<Cursor>,
    /// Why the first page is empty.
    pub unknown: Vec<UnknownValue>,
}

impl States {
    /// The conversations of a page, of which `state` gives the states.
    pub(crate) fn of(
        page: Page,
        state: impl Fn(&str) -> Result<Option<State>, StorageError>,
    ) -> Result<Self, CliError> {
        let states = page.rows.iter().filter_map(|row| state(row.id()).transpose());
        let conversations = states.collect::<Result<_, _>>().map_err(|error| CliError::conversation(&error))?;
        Ok(Self { conversations, next: page.next, unknown: page.unknown })
    }
}

#[cfg(feature = "serve")]
impl From<convofold_server::StatePage> for States {
    fn from(page: convofold_server::StatePage) -> Self {
        let convofold_server::StatePage { conversations, next, unknown, .. } = page;
        Self { conversations, next, unknown }
    }
}

/// Figures about a database.
#[derive(Debug)]
pub struct Figures {
    /// The identity of the database.
    pub database_id: DatabaseId,
    /// The time of the newest event.
    pub latest_at: Option<i64>,
    /// Numbers and sizes.
    pub stats: Stats,
    /// How it was opened.
    pub opening: Opening,
}

/// How a database was opened, by this process or by the one that holds it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Opening {
    /// The last event of the checkpoint that was used.
    pub checkpoint_seq: Option<u64>,
    /// Events that were folded after it.
    pub events_replayed: u64,
    /// Blocks that were read after it.
    pub blocks_replayed: u64,
    /// How long it took.
    pub took_ms: i64,
    /// Checkpoints that could not be used.
    pub skipped: Vec<Skipped>,
    /// Unfinished files that were removed.
    pub removed_files: Vec<String>,
}

/// A checkpoint that could not be used.
#[derive(Debug, Serialize, Deserialize)]
pub struct Skipped {
    /// Why not.
    pub why: String,
}

/// Calls the method of the database, or that of the client, or that of the cluster; or names what a cluster does not answer.
macro_rules! ask {
    ($self:ident, $db:ident => $here:expr, $client:ident => $elsewhere:expr, $what:literal) => {
        ask!($self, $db => $here, $client => $elsewhere, cluster => Err(cluster.unsupported($what)))
    };
    ($self:ident, $db:ident => $here:expr, $client:ident => $elsewhere:expr, $cluster:ident => $across:expr) => {
        match $self {
            Database::Here($db) => $here,
            #[cfg(feature = "serve")]
            Database::Elsewhere($client) => $elsewhere.map_err(CliError::from),
            #[cfg(feature = "cluster")]
            Database::Across($cluster) => $across,
        }
    };
}

/// Each method fails with the [`CliError`] for the reader of the command.
#[expect(clippy::missing_errors_doc, reason = "the sentence above holds for all of them")]
impl Database {
    /// The workload of every agent.
    pub fn agents(&self) -> Result<Vec<AgentLoad>, CliError> {
        ask!(self, db => Ok(db.agents()), client => client.agents(), cluster => Ok(cluster.now().agents()?.0))
    }

    /// Counts per tenant and channel.
    pub fn totals(&self) -> Result<Vec<Totals>, CliError> {
        ask!(self, db => Ok(db.totals()), client => client.totals(), cluster => Ok(cluster.now().totals()?.0))
    }

    /// The state hash.
    pub fn state_hash(&self) -> Result<StateHash, CliError> {
        ask!(self, db => Ok(db.state_hash()), client => client.state_hash(), cluster => cluster.now().state_hash())
    }

    /// Numbers and sizes.
    pub fn stats(&self) -> Result<Stats, CliError> {
        ask!(
            self,
            db => Ok(db.stats()),
            client => client.figures().map(|figures| figures.stats),
            "numbers and sizes of the database"
        )
    }

    /// The number of conversations, and of those that are open.
    pub fn counts(&self) -> Result<(u64, u64), CliError> {
        let of_stats = |stats: Stats| (stats.conversations, stats.open);
        #[cfg(feature = "cluster")]
        if let Self::Across(_) = self {
            let add = |(all, open), row: &Totals| (all + row.conversations, open + row.open);
            return Ok(self.totals()?.iter().fold((0, 0), add));
        }
        self.stats().map(of_stats)
    }

    /// Figures about the database and how it was opened.
    pub fn figures(&self) -> Result<Figures, CliError> {
        let opening = |recovery: serde_json::Value| {
            serde_json::from_value(recovery)
                .map_err(|error| CliError::new(Exit::Failure, format!("cannot read how it was opened: {error}")))
        };
        match self {
            Self::Here(db) => Ok(Figures {
                database_id: db.database_id(),
                latest_at: db.latest_at().ok().flatten(),
                stats: db.stats(),
                opening: opening(as_json(db.recovery()))?,
            }),
            #[cfg(feature = "serve")]
            Self::Elsewhere(client) => {
                let convofold_server::Figures { database_id, latest_at, stats, recovery, .. } = client.figures()?;
                Ok(Figures { database_id, latest_at, stats, opening: opening(recovery)? })
            }
            #[cfg(feature = "cluster")]
            Self::Across(cluster) => Err(cluster.unsupported("figures about the database")),
        }
    }

    /// The time of the newest event.
    pub fn latest_at(&self) -> Result<Option<i64>, CliError> {
        ask!(
            self,
            db => db.latest_at().map_err(|error| CliError::conversation(&error)),
            client => client.figures().map(|figures| figures.latest_at),
            cluster => Ok(cluster.at(Some(When::Latest), None)?.moment()?.time)
        )
    }

    /// The state of a conversation.
    pub fn state(&self, id: &str) -> Result<Option<State>, CliError> {
        ask!(
            self,
            db => db.state(id).map_err(|error| CliError::conversation(&error)),
            client => client.state(id).map(|found| found.map(|(state, _)| state)),
            cluster => Ok(cluster.now().state(id)?.map(|(state, _)| state))
        )
    }

    /// How the events of a conversation arrived.
    pub fn arrivals(&self, id: &str) -> Result<Option<Arrivals>, CliError> {
        ask!(
            self,
            db => db.arrivals(id).map_err(|error| CliError::conversation(&error)),
            client => client.state(id).map(|found| found.map(|(_, arrivals)| arrivals)),
            cluster => Ok(cluster.now().state(id)?.and_then(|(_, arrivals)| arrivals))
        )
    }

    /// Every event of a conversation.
    pub fn history(&self, id: &str) -> Result<Option<Vec<HistoryEntry>>, CliError> {
        ask!(
            self,
            db => db.history(id).map_err(|error| CliError::conversation(&error)),
            client => client.history(id),
            cluster => cluster.now().history(id)
        )
    }

    /// Why a conversation is what it is.
    pub fn explain(
        &self,
        id: &str,
        field: Option<FieldName>,
        limit: usize,
    ) -> Result<Option<Vec<Explanation>>, CliError> {
        ask!(
            self,
            db => db.explain(id, field, limit).map_err(|error| CliError::conversation(&error)),
            client => client.explain(id, field, limit),
            cluster => cluster.now().explain(id, field, limit)
        )
    }

    /// The conflicts of a conversation.
    pub fn conflicts(&self, id: &str) -> Result<Option<Vec<Conflict>>, CliError> {
        ask!(
            self,
            db => db.conflicts(id).map_err(|error| CliError::conversation(&error)),
            client => client.conflicts(id),
            cluster => cluster.now().conflicts(id)
        )
    }

    /// Calls `visit` with the conflicts of all conversations.
    pub fn each_conflict(&self, visit: impl FnMut(Conflict) -> Result<(), CliError>) -> Result<(), CliError> {
        match self {
            Self::Here(db) => visit_conflicts(db.scan_conflicts(), visit),
            #[cfg(feature = "serve")]
            Self::Elsewhere(client) => {
                let mut visit = visit;
                client.scan_conflicts()?.try_for_each(|conflict| visit(conflict?))
            }
            #[cfg(feature = "cluster")]
            Self::Across(cluster) => cluster.now().each_conflict(visit),
        }
    }

    /// The ids that begin with these characters.
    pub fn find_ids(&self, beginning: &str, limit: usize) -> Result<Vec<String>, CliError> {
        ask!(
            self,
            db => db.find_ids(beginning, limit).map_err(|error| CliError::conversation(&error)),
            client => client.find_ids(beginning, limit),
            cluster => cluster.now().find_ids(beginning, limit)
        )
    }

    /// One page of conversations; their last texts can be missing.
    pub fn query(&self, query: &Query) -> Result<Page, CliError> {
        match self {
            Self::Here(db) => db.query(query).map_err(|error| CliError::page(&error)),
            #[cfg(feature = "serve")]
            _ => self.query_with_last_messages(query),
        }
    }

    /// One page of conversations, with their last texts.
    pub fn query_with_last_messages(&self, query: &Query) -> Result<Page, CliError> {
        match self {
            Self::Here(db) => db.query_with_last_messages(query).map_err(|error| CliError::page(&error)),
            #[cfg(feature = "serve")]
            Self::Elsewhere(client) => Ok(client.query(query)?),
            #[cfg(feature = "cluster")]
            Self::Across(cluster) => Ok(cluster.now().query(query)?.0),
        }
    }

    /// One page of conversations in full.
    pub fn query_states(&self, query: &Query) -> Result<States, CliError> {
        match self {
            Self::Here(db) => States::of(self.query(query)?, |id| db.state(id)),
            #[cfg(feature = "serve")]
            Self::Elsewhere(client) => Ok(client.query_states(query)?.into()),
            #[cfg(feature = "cluster")]
            Self::Across(cluster) => Ok(cluster.now().query_states(query)?.0),
        }
    }

    /// The events from this one on.
    pub fn changes(&self, from: Seq) -> Result<Changes, CliError> {
        ask!(
            self,
            db => Ok(Changes::Here(db.changes(from))),
            client => client.changes(from, false).map(|changes| Changes::Elsewhere { changes, from }),
            "the change feed"
        )
    }

    /// The events from this one on. If another process holds the database, the feed waits for more.
    pub fn follow(&self, from: Seq) -> Result<Changes, CliError> {
        ask!(
            self,
            db => Ok(Changes::Here(db.changes(from))),
            client => client.changes(from, true).map(|changes| Changes::Elsewhere { changes, from }),
            "the change feed"
        )
    }

    /// The state hashes that checkpoints recorded.
    pub fn recorded_hashes(&self) -> Result<RecordedHashes, CliError> {
        ask!(
            self,
            db => db.recorded_hashes().map_err(|error| CliError::recorded_hashes(&error)),
            client => client.recorded_hashes(),
            "the hashes that checkpoints recorded"
        )
    }

    /// What is suspect.
    pub fn suspects(&self, query: &SuspectsQuery) -> Result<Suspects, CliError> {
        ask!(
            self,
            db => db.suspects(query).map_err(|error| CliError::page(&error)),
            client => client.suspects(query),
            "what is suspect"
        )
    }

    /// A report.
    pub fn measures(&self, query: &ReportQuery) -> Result<Report, CliError> {
        ask!(
            self,
            db => db.measures(query.clone()).map_err(|error| CliError::report(&error)),
            client => client.measures(query).map_err(refused),
            cluster => cluster.now().measures(query)
        )
    }

    /// What is behind the numbers of a measure of a report.
    pub fn behind(&self, query: &ReportQuery, measure: Measure) -> Result<Behind, CliError> {
        ask!(
            self,
            db => db.behind(query.clone(), measure).map_err(|error| CliError::report(&error)),
            client => client.behind(query, measure).map_err(refused),
            "what is behind the numbers of a report"
        )
    }

    /// Closes the database if it was opened here.
    pub fn close(&self) -> Result<(), CliError> {
        match self {
            Self::Here(db) => db.close().map_err(|error| CliError::new(Exit::Failure, chain(&error))),
            #[cfg(any(feature = "serve", feature = "cluster"))]
            _ => Ok(()),
        }
    }

    /// Writes every event. Returns their number and the length of the longest line.
    pub fn export_events(&self, out: &mut impl Write) -> Result<(u64, u64), CliError> {
        let other = |why: String| CliError::new(Exit::Failure, format!("cannot export the events: {why}"));
        match self {
            Self::Here(db) => match db.export_events(out) {
                Ok(report) => Ok((report.events, report.longest_line_bytes)),
                Err(ExportEventsError::Write(error)) => Err(error.into()),
                Err(ExportEventsError::Changes(error)) => Err(CliError::log(&error)),
                Err(error) => Err(other(chain(&error))),
            },
            #[cfg(feature = "serve")]
            Self::Elsewhere(client) => match client.export_events(out) {
                Ok(report) => Ok((report.events, report.longest_line_bytes)),
                Err(error) if blames_log(&error) => Err(CliError::unreadable_log(&error.words())),
                Err(error) => Err(blamed(error, other)),
            },
            #[cfg(feature = "cluster")]
            Self::Across(cluster) => cluster.now().export_events(out),
        }
    }

    /// Writes the state of every conversation. Returns their number.
    pub fn export(&self, out: &mut impl Write) -> Result<u64, CliError> {
        ask!(
            self,
            db => Ok(db.export(out)?.conversations),
            client => client.export(out),
            cluster => cluster.now().export(out)
        )
    }
}

/// Calls `visit` with the conflicts that a scan finds.
pub(crate) fn visit_conflicts(
    found: Scan<Vec<Conflict>>,
    mut visit: impl FnMut(Conflict) -> Result<(), CliError>,
) -> Result<(), CliError> {
    for conflicts in found {
        let conflicts = conflicts.map_err(|error| CliError::conversation(&error))?;
        conflicts.into_iter().try_for_each(&mut visit)?;
    }
    Ok(())
}

/// The JSON of what the opening found.
fn as_json(recovery: &Recovery) -> serde_json::Value {
    serde_json::to_value(recovery).unwrap_or_default()
}

impl From<Convofold> for Database {
    fn from(db: Convofold) -> Self {
        Self::Here(db)
    }
}
