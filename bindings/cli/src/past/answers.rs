//! The answers about a moment, with the names of those about now.

use std::io::Write;

use convofold::{
    AgentLoad, Behind, Conflict, Explanation, FieldName, HashProof, HistoryEntry, Measure, MomentReport, Page, Query,
    Report, ReportQuery, State, StateHash, StorageError, Suspects, SuspectsQuery, Totals, View,
};

use super::reader::{Place, Reader};
#[cfg(feature = "serve")]
use crate::client_error::refused;
use crate::error::CliError;
use crate::opened::{States, visit_conflicts};

/// Calls the method of the database, of the view, of the client, or of the cluster; or names what a cluster does not answer.
macro_rules! ask {
    ($self:ident, $db:ident => $now:expr, $view:ident => $here:expr, $client:ident => $elsewhere:expr, $what:literal) => {
        match $self.place() {
            Place::Now($db) => $now,
            Place::Here($view) => $here,
            #[cfg(feature = "serve")]
            Place::Elsewhere($client) => $elsewhere.map_err(CliError::from),
            #[cfg(feature = "cluster")]
            Place::Across(cluster, _) => Err(cluster.unsupported($what)),
        }
    };
    ($self:ident, $db:ident => $now:expr, $view:ident => $here:expr, $client:ident => $elsewhere:expr, $cluster:ident => $across:expr) => {
        match $self.place() {
            Place::Now($db) => $now,
            Place::Here($view) => $here,
            #[cfg(feature = "serve")]
            Place::Elsewhere($client) => $elsewhere.map_err(CliError::from),
            #[cfg(feature = "cluster")]
            Place::Across(cluster, bounds) => {
                let $cluster = cluster.at(bounds.as_of, bounds.known_at)?;
                $across
            }
        }
    };
}

/// Each method fails with the [`CliError`] for the reader of the command.
#[expect(clippy::missing_errors_doc, reason = "the sentence above holds for all of them")]
impl Reader {
    /// What the answers about one conversation are about; `None` for now.
    pub fn report_of(&self, id: &str) -> Result<Option<MomentReport>, CliError> {
        ask!(
            self,
            _db => Ok(None),
            view => view.report(Some(id)).map(Some).map_err(|error| CliError::conversation(&error)),
            client => client.report(id),
            cluster => cluster.moment_of(id)
        )
    }

    /// The workload of every agent.
    pub fn agents(&self) -> Result<Vec<AgentLoad>, CliError> {
        ask!(
            self,
            db => db.agents(),
            view => of_storage(view.agents_with_report()).map(|found| self.noted(found)),
            client => client.agents_with_report().map(|found| self.noted(found)),
            cluster => cluster.agents().map(|found| self.noted(found))
        )
    }

    /// Counts per tenant and channel.
    pub fn totals(&self) -> Result<Vec<Totals>, CliError> {
        ask!(
            self,
            db => db.totals(),
            view => of_storage(view.totals_with_report()).map(|found| self.noted(found)),
            client => client.totals_with_report().map(|found| self.noted(found)),
            cluster => cluster.totals().map(|found| self.noted(found))
        )
    }

    /// A report.
    pub fn measures(&self, query: &ReportQuery) -> Result<Report, CliError> {
        ask!(
            self,
            db => db.measures(query),
            view => view.measures(query.clone()).map_err(|error| CliError::report(&error)),
            client => client.measures(query).map_err(refused),
            cluster => cluster.measures(query)
        )
    }

    /// What is behind the numbers of a measure of a report.
    pub fn behind(&self, query: &ReportQuery, measure: Measure) -> Result<Behind, CliError> {
        ask!(
            self,
            db => db.behind(query, measure),
            view => view.behind(query.clone(), measure).map_err(|error| CliError::report(&error)),
            client => client.behind(query, measure).map_err(refused),
            "what is behind the numbers of a report"
        )
    }

    /// What is suspect.
    pub fn suspects(&self, query: &SuspectsQuery) -> Result<Suspects, CliError> {
        ask!(
            self,
            db => db.suspects(query),
            view => view.suspects(query).map_err(|error| CliError::page(&error)),
            client => client.suspects(query),
            "what is suspect"
        )
    }

    /// The state hash, and the one that a checkpoint recorded; `None` for now.
    pub fn hash_proof(&self) -> Result<Option<HashProof>, CliError> {
        ask!(
            self,
            _db => Ok(None),
            view => of_storage(view.hash_proof()).map(Some),
            client => client.hash_proof().map(Some),
            _cluster => Ok(None)
        )
    }

    /// The state hash.
    pub fn state_hash(&self) -> Result<StateHash, CliError> {
        ask!(
            self,
            db => db.state_hash(),
            view => of_storage(view.state_hash()),
            client => client.state_hash(),
            cluster => cluster.state_hash()
        )
    }

    /// The state of a conversation.
    pub fn state(&self, id: &str) -> Result<Option<State>, CliError> {
        ask!(
            self,
            db => db.state(id),
            view => of_storage(view.state(id)),
            client => client.state(id),
            cluster => Ok(cluster.state(id)?.map(|(state, _)| state))
        )
    }

    /// Every event of a conversation.
    pub fn history(&self, id: &str) -> Result<Option<Vec<HistoryEntry>>, CliError> {
        ask!(
            self,
            db => db.history(id),
            view => of_storage(view.history(id)),
            client => client.history(id),
            cluster => cluster.history(id)
        )
    }

    /// The conflicts of a conversation.
    pub fn conflicts(&self, id: &str) -> Result<Option<Vec<Conflict>>, CliError> {
        ask!(
            self,
            db => db.conflicts(id),
            view => of_storage(view.conflicts(id)),
            client => client.conflicts(id),
            cluster => cluster.conflicts(id)
        )
    }

    /// Calls `visit` with the conflicts of all conversations.
    pub fn each_conflict(&self, visit: impl FnMut(Conflict) -> Result<(), CliError>) -> Result<(), CliError> {
        match self.place() {
            Place::Now(db) => db.each_conflict(visit),
            Place::Here(view) => visit_conflicts(view.scan_conflicts(), visit),
            #[cfg(feature = "serve")]
            Place::Elsewhere(client) => {
                let mut visit = visit;
                client.scan_conflicts()?.try_for_each(|conflict| visit(conflict?))
            }
            #[cfg(feature = "cluster")]
            Place::Across(cluster, bounds) => cluster.at(bounds.as_of, bounds.known_at)?.each_conflict(visit),
        }
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
            db => db.explain(id, field, limit),
            view => of_storage(view.explain(id, field, limit)),
            client => client.explain(id, field, limit),
            cluster => cluster.explain(id, field, limit)
        )
    }

    /// One page of conversations; their last texts can be missing.
    pub fn query(&self, query: &Query) -> Result<Page, CliError> {
        ask!(
            self,
            db => db.query(query),
            view => self.page(view, query),
            client => client.query_with_report(query).map(|found| self.noted(found)),
            cluster => cluster.query(query).map(|found| self.noted(found))
        )
    }

    /// One page of conversations, with their last texts.
    pub fn query_with_last_messages(&self, query: &Query) -> Result<Page, CliError> {
        ask!(
            self,
            db => db.query_with_last_messages(query),
            view => {
                let mut page = self.page(view, query)?;
                of_storage(view.add_last_messages(&mut page))?;
                Ok(page)
            },
            client => client.query_with_report(query).map(|found| self.noted(found)),
            cluster => cluster.query(query).map(|found| self.noted(found))
        )
    }

    fn page(&self, view: &View, query: &Query) -> Result<Page, CliError> {
        let found = view.query_with_report(query, |_| true).map_err(|error| CliError::page(&error))?;
        Ok(self.noted(found))
    }

    /// One page of conversations in full.
    pub fn query_states(&self, query: &Query) -> Result<States, CliError> {
        match self.place() {
            Place::Now(db) => db.query_states(query),
            Place::Here(view) => States::of(self.page(view, query)?, |id| view.state(id)),
            #[cfg(feature = "serve")]
            Place::Elsewhere(client) => {
                let page = client.query_states(query)?;
                let moment = page.moment;
                Ok(self.noted((page, moment)).into())
            }
            #[cfg(feature = "cluster")]
            Place::Across(cluster, bounds) => {
                Ok(self.noted(cluster.at(bounds.as_of, bounds.known_at)?.query_states(query)?))
            }
        }
    }

    /// Writes the state of every conversation. Returns their number.
    pub fn export(&self, out: &mut impl Write) -> Result<u64, CliError> {
        ask!(
            self,
            db => db.export(out),
            view => Ok(view.export(out)?.conversations),
            client => client.export(out),
            cluster => cluster.export(out)
        )
    }

    /// Writes every event. Returns their number and the length of the longest line.
    pub fn export_events(&self, out: &mut impl Write) -> Result<(u64, u64), CliError> {
        match self.place() {
            Place::Now(db) => db.export_events(out),
            Place::Here(view) => {
                let report = view.export_events(out)?;
                Ok((report.events, report.longest_line_bytes))
            }
            #[cfg(feature = "serve")]
            Place::Elsewhere(client) => {
                let report = client.export_events(out)?;
                Ok((report.events, report.longest_line_bytes))
            }
            #[cfg(feature = "cluster")]
            Place::Across(cluster, bounds) => cluster.at(bounds.as_of, bounds.known_at)?.export_events(out),
        }
    }
}

fn of_storage<T>(answer: Result<T, StorageError>) -> Result<T, CliError> {
    answer.map_err(|error| CliError::conversation(&error))
}
