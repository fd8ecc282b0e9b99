//! A cluster that a command asks: `--db nats://HOST:PORT/LOG`.

use std::collections::BTreeMap;

use convofold::{
    AgentLoad, Arrivals, Conflict, Explanation, FieldName, HistoryEntry, MomentReport, Page, Query, Report,
    ReportQuery, State, StateHash, Totals, When,
};
use convofold_cluster::ask::{
    AskOptions, Gather, GatherError, GatherView, Gathered, KnownOwners, Missing, PartitionAnswer,
};
use convofold_cluster::nats::{ClusterError, ConnectOptions, Nats, Registry};
use convofold_cluster::{ClusterMap, LogName, NodeRecord, RecordError};
use convofold_server::{Asker, ListedPage};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::console::Console;
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::opened::States;

/// Number of missing partitions that are named in notes.
const SHOWN_MISSING: usize = 8;

/// The partitions of a log, asked through the nodes that own them.
#[derive(Debug)]
pub struct Cluster {
    gather: Gather,
    /// Who answered, and what is missing, in all answers so far.
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    partitions: BTreeMap<u32, PartitionAnswer>,
    missing: BTreeMap<u32, Missing>,
}

impl Cluster {
    /// Asks through this.
    #[must_use]
    pub fn new(gather: Gather) -> Self {
        Self { gather, told: Mutex::default() }
    }

    /// Reads who owns the partitions of a log, `nats://HOST:PORT,HOST:PORT/LOG`, and asks these nodes.
    ///
    /// # Errors
    /// [`CliError`] if the brokers do not answer, or have no such log.
    pub fn connect(url: &str, token: Option<String>, console: &mut Console) -> Result<Self, CliError> {
        let invalid = || CliError::new(Exit::Usage, format!("expected nats://HOST:PORT/LOG, found {url}"));
        let (servers, log) = url.strip_prefix("nats://").and_then(|rest| rest.rsplit_once('/')).ok_or_else(invalid)?;
        let log: LogName = log.parse().map_err(|error: RecordError| CliError::new(Exit::Usage, error.to_string()))?;
        let servers: Vec<_> = servers.split(',').map(|server| format!("nats://{server}")).collect();
        let map = read_map(&servers.join(","), &log).map_err(|error| CliError::new(Exit::Failure, chain(&error)))?;
        let is_overheard = |record: &NodeRecord| Asker::of_url(&record.url).is_ok_and(|asker| asker.is_overheard());
        if token.is_some() && map.nodes.values().any(is_overheard) {
            console.note("warning: the token and the answers cross the network in clear: use https");
        }
        let owners = KnownOwners::of_cluster(&map);
        let owners = owners.map_err(|error| CliError::new(Exit::Failure, error.to_string()))?;
        Ok(Self::new(Gather::new(owners, AskOptions::default().token(token))?))
    }

    /// What asks the nodes.
    #[must_use]
    pub fn into_gather(self) -> Gather {
        self.gather
    }

    /// The questions at a moment.
    ///
    /// # Errors
    /// [`CliError`] if a bound means nothing in a cluster.
    pub fn at(&self, as_of: Option<When>, known_at: Option<When>) -> Result<ClusterView<'_>, CliError> {
        Ok(ClusterView { cluster: self, view: self.gather.at(as_of, known_at)? })
    }

    /// The questions about now.
    #[must_use]
    pub fn now(&self) -> ClusterView<'_> {
        ClusterView { cluster: self, view: self.gather.now() }
    }

    /// The error of a command that no cluster answers.
    #[must_use]
    pub fn unsupported(&self, what: &str) -> CliError {
        CliError::new(Exit::Usage, format!("a cluster does not answer this: {what}"))
            .hint("ask one partition: --db URL/partitions/N, with the URL of a node (`convofold cluster status`)")
    }

    /// Takes who answered and what is missing.
    fn noted<T>(&self, gathered: Result<Gathered<T>, GatherError>) -> Result<T, CliError> {
        let Gathered { answer, partitions, missing, .. } = gathered?;
        let mut told = self.told.lock();
        told.partitions.extend(partitions.into_iter().map(|from| (from.partition, from)));
        told.missing.extend(missing.into_iter().map(|missing| (missing.partition, missing)));
        Ok(answer)
    }

    /// Like [`Cluster::noted`], for a conversation: nothing is known if its partition is missing.
    fn found<T>(&self, gathered: Result<Gathered<Option<T>>, GatherError>) -> Result<Option<T>, CliError> {
        let gathered = gathered?;
        match gathered.missing.first() {
            Some(missing) => Err(CliError::new(Exit::Incomplete, missing.to_string())),
            None => self.noted(Ok(gathered)),
        }
    }

    /// Who answered and what is missing, for the JSON of an answer.
    #[must_use]
    pub fn as_json(&self) -> Value {
        let told = self.told.lock();
        let values = |map: &BTreeMap<u32, Missing>| map.values().cloned().collect::<Vec<_>>();
        json!({ "partitions": told.partitions.values().collect::<Vec<_>>(), "missing": values(&told.missing) })
    }

    /// Whether partitions are missing in the answers so far.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        !self.told.lock().missing.is_empty()
    }

    /// Prints which partitions are missing. Returns how the command ends.
    pub fn tell(&self, console: &mut Console) -> Exit {
        let told = self.told.lock();
        for missing in told.missing.values().take(SHOWN_MISSING) {
            console.note(format_args!("incomplete: {missing}"));
        }
        if told.missing.len() > SHOWN_MISSING {
            console.note(format_args!("incomplete: {} more are missing", told.missing.len() - SHOWN_MISSING));
        }
        if told.missing.is_empty() { Exit::Success } else { Exit::Incomplete }
    }
}

fn read_map(servers: &str, log: &LogName) -> Result<ClusterMap, ClusterError> {
    let nats = Nats::connect(servers, ConnectOptions::new())?;
    Registry::open(&nats, log)?.read()
}

/// The questions to a cluster at a moment. Each method fails with the [`CliError`] for the reader of the command.
#[derive(Clone, Copy, Debug)]
pub struct ClusterView<'a> {
    cluster: &'a Cluster,
    view: GatherView<'a>,
}

#[expect(clippy::missing_errors_doc, reason = "the sentence above holds for all of them")]
impl ClusterView<'_> {
    /// What the answers about many conversations are about.
    pub fn moment(&self) -> Result<MomentReport, CliError> {
        self.cluster.noted(self.view.moment())
    }

    /// What the answers about a conversation are about.
    pub fn moment_of(&self, id: &str) -> Result<Option<MomentReport>, CliError> {
        self.cluster.found(self.view.moment_of(id))
    }

    /// The workload of every agent.
    pub fn agents(&self) -> Result<(Vec<AgentLoad>, MomentReport), CliError> {
        self.cluster.noted(self.view.agents())
    }

    /// Counts per tenant and channel.
    pub fn totals(&self) -> Result<(Vec<Totals>, MomentReport), CliError> {
        self.cluster.noted(self.view.totals())
    }

    /// The state hash. Without all partitions there is none.
    pub fn state_hash(&self) -> Result<StateHash, CliError> {
        let gathered = self.view.state_hash()?;
        match gathered.missing.first() {
            Some(missing) => Err(CliError::new(Exit::Incomplete, format!("there is no hash of all: {missing}"))),
            None => self.cluster.noted(Ok(gathered)),
        }
    }

    /// A report.
    pub fn measures(&self, query: &ReportQuery) -> Result<Report, CliError> {
        self.cluster.noted(self.view.measures(query))
    }

    /// The state of a conversation, and how its events arrived.
    pub fn state(&self, id: &str) -> Result<Option<(State, Option<Arrivals>)>, CliError> {
        self.cluster.found(self.view.state(id))
    }

    /// Every event of a conversation.
    pub fn history(&self, id: &str) -> Result<Option<Vec<HistoryEntry>>, CliError> {
        self.cluster.found(self.view.history(id))
    }

    /// The conflicts of a conversation.
    pub fn conflicts(&self, id: &str) -> Result<Option<Vec<Conflict>>, CliError> {
        self.cluster.found(self.view.conflicts(id))
    }

    /// Why a conversation is what it is.
    pub fn explain(
        &self,
        id: &str,
        field: Option<FieldName>,
        limit: usize,
    ) -> Result<Option<Vec<Explanation>>, CliError> {
        self.cluster.found(self.view.explain(id, field, limit))
    }

    /// The ids that begin with these characters.
    pub fn find_ids(&self, beginning: &str, limit: usize) -> Result<Vec<String>, CliError> {
        self.cluster.noted(self.view.find_ids(beginning, limit))
    }

    /// One page of conversations, with their last texts.
    pub fn query(&self, query: &Query) -> Result<(Page, MomentReport), CliError> {
        let ListedPage { rows, next, unknown, moment, .. } = self.cluster.noted(self.view.query(query))?;
        let mut page = Page::default();
        page.rows = rows.into_iter().map(Into::into).collect();
        (page.next, page.unknown) = (next, unknown);
        Ok((page, moment))
    }

    /// One page of conversations in full.
    pub fn query_states(&self, query: &Query) -> Result<(States, MomentReport), CliError> {
        let ListedPage { conversations, next, unknown, moment, .. } =
            self.cluster.noted(self.view.query_states(query))?;
        Ok((States { conversations, next, unknown }, moment))
    }
}

impl From<GatherError> for CliError {
    fn from(error: GatherError) -> Self {
        match error {
            GatherError::Query(error) => Self::page(&error.into()),
            GatherError::Refused { source, .. } => crate::past::refused(*source),
            GatherError::Seq { .. } | GatherError::Nothing { .. } | GatherError::Report(_) => {
                Self::new(Exit::Usage, error.to_string())
            }
            error => Self::new(Exit::Failure, chain(&error)),
        }
    }
}
