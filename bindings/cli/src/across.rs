//! A cluster that a command asks: `--db nats://HOST:PORT/LOG`.

use std::collections::BTreeMap;
use std::io::Write;

use convofold::{
    AgentLoad, Arrivals, Conflict, Explanation, FieldName, HistoryEntry, MomentReport, Page, Query, Report,
    ReportQuery, State, StateHash, Totals, When,
};
use convofold_cluster::ask::{
    AskOptions, Gather, GatherError, GatherView, Gathered, Missing, PartitionAnswer, RegisteredOwners,
};
use convofold_cluster::nats::{ClusterError, ConnectOptions, Nats, Registry};
use convofold_cluster::{LogName, NodeRecord, RecordError};
use convofold_server::{Asker, ListedPage};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::console::Console;
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::opened::States;

/// Number of missing partitions that are named in notes, and of stale ones.
const SHOWN: usize = 8;

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
        let (_nats, registry) = open_log(url)?;
        Self::of_log(&registry, token, console)
    }

    /// Reads who owns the partitions of a log, and asks these nodes.
    ///
    /// # Errors
    /// [`CliError`] if the brokers do not answer.
    pub fn of_log(registry: &Registry, token: Option<String>, console: &mut Console) -> Result<Self, CliError> {
        let map = registry.read().map_err(|error| CliError::new(Exit::Failure, chain(&error)))?;
        let is_overheard = |record: &NodeRecord| Asker::of_url(&record.url).is_ok_and(|asker| asker.is_overheard());
        if token.is_some() && map.nodes.values().any(is_overheard) {
            console.note("warning: the token and the answers cross the network in clear: use https");
        }
        let owners = RegisteredOwners::new(registry, &map);
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
        for from in partitions {
            // One answer that may be old is enough for the whole command.
            let is_stale = told.partitions.get(&from.partition).is_some_and(|known| known.is_stale);
            if !is_stale || from.is_stale {
                told.partitions.insert(from.partition, from);
            }
        }
        told.missing.extend(missing.into_iter().map(|missing| (missing.partition, missing)));
        Ok(answer)
    }

    /// Like [`Cluster::noted`], for a conversation: nothing is known if its partition is missing, or an answer that may be old
    /// says that there is none.
    fn found<T>(&self, gathered: Result<Gathered<Option<T>>, GatherError>) -> Result<Option<T>, CliError> {
        let gathered = gathered?;
        let stale = gathered.stale().next().filter(|_| gathered.answer.is_none()).map(PartitionAnswer::staleness);
        match gathered.missing.first().map(ToString::to_string).or(stale) {
            Some(why) => Err(CliError::new(Exit::Incomplete, why)),
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

    /// Whether partitions are missing in the answers so far, or their part may be old.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        let told = self.told.lock();
        !told.missing.is_empty() || told.partitions.values().any(|from| from.is_stale)
    }

    /// Prints which partitions are missing, and whose part may be old. Returns how the command ends.
    pub fn tell(&self, console: &mut Console) -> Exit {
        let told = self.told.lock();
        let missing: Vec<_> = told.missing.values().map(ToString::to_string).collect();
        let stale: Vec<_> =
            told.partitions.values().filter(|from| from.is_stale).map(PartitionAnswer::staleness).collect();
        for (what, found) in [("incomplete", &missing), ("stale", &stale)] {
            found.iter().take(SHOWN).for_each(|found| console.note(format_args!("{what}: {found}")));
            if found.len() > SHOWN {
                console.note(format_args!("{what}: {} more partitions", found.len() - SHOWN));
            }
        }
        if missing.is_empty() && stale.is_empty() { Exit::Success } else { Exit::Incomplete }
    }
}

/// Connects to the brokers of a log, `nats://HOST:PORT,HOST:PORT/LOG`.
///
/// # Errors
/// [`CliError`] if the brokers do not answer, or have no such log.
pub fn open_log(url: &str) -> Result<(Nats, Registry), CliError> {
    let invalid = || CliError::new(Exit::Usage, format!("expected nats://HOST:PORT/LOG, found {url}"));
    let (servers, log) = url.strip_prefix("nats://").and_then(|rest| rest.rsplit_once('/')).ok_or_else(invalid)?;
    let log: LogName = log.parse().map_err(|error: RecordError| CliError::new(Exit::Usage, error.to_string()))?;
    let servers: Vec<_> = servers.split(',').map(|server| format!("nats://{server}")).collect();
    let open = || {
        let nats = Nats::connect(&servers.join(","), ConnectOptions::new())?;
        let registry = Registry::open(&nats, &log)?;
        Ok((nats, registry))
    };
    open().map_err(|error: ClusterError| CliError::new(Exit::Failure, chain(&error)))
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

    /// Calls `visit` with the conflicts of all conversations.
    pub fn each_conflict(&self, visit: impl FnMut(Conflict) -> Result<(), CliError>) -> Result<(), CliError> {
        self.cluster.noted(self.view.scan_conflicts())?.into_iter().try_for_each(visit)
    }

    /// Writes the state of every conversation. Returns their number.
    pub fn export(&self, out: &mut impl Write) -> Result<u64, CliError> {
        self.cluster.noted(self.view.export(out))
    }

    /// Writes every event. Returns their number and the length of the longest line.
    pub fn export_events(&self, out: &mut impl Write) -> Result<(u64, u64), CliError> {
        let report = self.cluster.noted(self.view.export_events(out))?;
        Ok((report.events, report.longest_line_bytes))
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
            GatherError::Refused { source, .. } => crate::client_error::refused(*source),
            GatherError::Missing(missing) => Self::new(Exit::Incomplete, missing.to_string()),
            GatherError::Write(error) => error.into(),
            GatherError::Seq { .. } | GatherError::Nothing { .. } | GatherError::Report(_) => {
                Self::new(Exit::Usage, error.to_string())
            }
            error => Self::new(Exit::Failure, chain(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use convofold_cluster::Partitions;
    use convofold_cluster::ask::KnownOwners;

    use super::*;

    fn cluster() -> Cluster {
        let owners = KnownOwners::new(Partitions::new(NonZeroU32::MIN), Vec::new());
        Cluster::new(Gather::new(owners, AskOptions::default()).unwrap())
    }

    /// An answer of these partitions and of followers in these states; only one that follows is current.
    fn answer<T: serde::de::DeserializeOwned>(answer: &Value, states: &[&str], missing: &[u32]) -> Gathered<T> {
        let from = |(partition, state): (u32, &&str)| {
            json!({ "partition": partition, "node": "a", "log_seq": 7, "lag": 5, "state": state,
                "verified_age_ms": 3_600_000, "is_stale": *state != "following" })
        };
        let partitions: Vec<_> = (0..).zip(states).map(from).collect();
        let missing: Vec<_> = missing.iter().map(|it| json!({ "partition": it, "why": ["b: no answer"] })).collect();
        serde_json::from_value(json!({ "answer": answer, "partitions": partitions, "missing": missing })).unwrap()
    }

    /// How a command ends after these answers, and what it prints.
    fn told(cluster: &Cluster) -> (Exit, String) {
        let mut frame = Console::plain(Box::new(std::io::sink()), Box::new(std::io::sink())).frame();
        let exit = cluster.tell(frame.console());
        (exit, frame.into_texts().unwrap().1)
    }

    #[test]
    fn a_command_names_the_partitions_whose_answers_may_be_old_and_its_exit_code_says_so() {
        let cluster = cluster();
        cluster.noted::<u32>(Ok(answer(&json!(1), &["following", "following"], &[]))).unwrap();
        assert_eq!(told(&cluster), (Exit::Success, String::new()));
        cluster.noted::<u32>(Ok(answer(&json!(1), &["following", "waiting"], &[2]))).unwrap();
        // A later answer that is current does not hide it.
        cluster.noted::<u32>(Ok(answer(&json!(1), &["following", "following"], &[]))).unwrap();
        let (exit, said) = told(&cluster);
        assert_eq!(exit, Exit::Incomplete);
        assert!(said.contains("incomplete: partition 2 is missing: b: no answer"), "{said}");
        let stale = "stale: partition 1: the answer of a may be old: its follower is waiting, verified 3600s ago";
        assert!(said.contains(stale), "{said}");
    }

    #[test]
    fn an_answer_that_may_be_old_does_not_say_that_a_conversation_does_not_exist() {
        let cluster = cluster();
        let absent = |state| cluster.found::<u32>(Ok(answer(&Value::Null, &[state], &[])));
        assert_eq!(absent("following").unwrap(), None);
        assert!(matches!(absent("waiting"), Err(CliError::Failed(failure)) if failure.exit() == Exit::Incomplete));
        assert_eq!(cluster.found::<u32>(Ok(answer(&json!(4), &["waiting"], &[]))).unwrap(), Some(4));
    }
}
