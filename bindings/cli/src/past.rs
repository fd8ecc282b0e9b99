//! Questions about the past: `--as-of` and `--known-at`.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use convofold::{
    AgentLoad, Behind, Conflict, Explanation, FieldName, HashProof, HistoryEntry, Measure, Moment, MomentError,
    MomentReport, Page, Query, Report, ReportQuery, Seq, State, StateHash, StorageError, Suspects, SuspectsQuery, Time,
    Totals, View, When,
};
#[cfg(feature = "serve")]
use convofold_server::{Client, ClientView};

#[cfg(feature = "cluster")]
use crate::across::Cluster;
use crate::console::Console;
use crate::database::{DbArgs, NowArgs};
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::opened::{Database, States, visit_conflicts};
use crate::output::time;
use crate::values::clock_ms;

#[cfg(feature = "serve")]
const BAD_REQUEST: u16 = 400;
#[cfg(feature = "serve")]
const FORBIDDEN: u16 = 403;

/// The moment that a question is about.
#[derive(Debug, Args)]
pub struct MomentArgs {
    /// Answer as it was at this time, with everything learned since: a time with a zone (2026-03-02T09:40:00Z), `latest` (the
    /// newest event), or a time before now (-2h). Events at exactly this time count.
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    as_of: Option<When>,
    /// Answer as it was known at this time: a time as for --as-of, or the sequence number of an event (seq:812). With both,
    /// what was known then of the time --as-of.
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    known_at: Option<When>,
}

/// The bounds of a moment. Neither depends on the clock.
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    as_of: Option<When>,
    known_at: Option<When>,
}

impl MomentArgs {
    /// The moment with these bounds.
    #[must_use]
    pub fn new(as_of: Option<When>, known_at: Option<When>) -> Self {
        Self { as_of, known_at }
    }

    /// Whether a bound was given.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.as_of.is_some() || self.known_at.is_some()
    }

    /// Opens the database for reading at the moment. `now` is the time before which durations count, if the command has that
    /// option.
    ///
    /// # Errors
    /// [`CliError`] if the database cannot be opened, or there is no answer about the moment.
    pub fn open(&self, db: &DbArgs, now: Option<&NowArgs>, console: &mut Console) -> Result<Reader, CliError> {
        self.read(db.open(console)?, now)
    }

    /// Like [`MomentArgs::open`], with a database that is open.
    ///
    /// # Errors
    /// [`CliError`] if there is no answer about the moment.
    pub fn read(&self, db: Database, now: Option<&NowArgs>) -> Result<Reader, CliError> {
        if !self.is_given() {
            return Ok(Reader::new(db, None));
        }
        let now_ms = now.map_or_else(clock_ms, |now| now.ms(&db));
        let fixed = |when| match when {
            When::Ago { ms } => {
                let ms = now_ms.saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX));
                When::At(Time::from_ms(ms).unwrap_or(Time::MIN))
            }
            when => when,
        };
        let bounds = Bounds { as_of: self.as_of.map(fixed), known_at: self.known_at.map(fixed) };
        let then = bounds.resolve(&db)?;
        Ok(Reader::new(db, Some(then)))
    }
}

impl Bounds {
    fn resolve(self, db: &Database) -> Result<Then, CliError> {
        match db {
            Database::Here(db) => {
                let moment = db.moment(self.as_of, self.known_at, Time::now()).map_err(|error| failed(&error))?;
                Ok(Then::Here(db.at(moment)))
            }
            #[cfg(feature = "serve")]
            Database::Elsewhere(client) => {
                let report = client.at(self.as_of, self.known_at).report_of_lists().map_err(refused)?;
                Ok(Then::Elsewhere(self, report))
            }
            #[cfg(feature = "cluster")]
            Database::Across(cluster) => {
                let report = cluster.at(self.as_of, self.known_at)?.moment()?;
                Ok(Then::Elsewhere(self, report))
            }
        }
    }
}

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
enum Then {
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
enum Place<'a> {
    Now(&'a Database),
    Here(&'a View),
    #[cfg(feature = "serve")]
    Elsewhere(ClientView<'a>),
    #[cfg(feature = "cluster")]
    Across(&'a Cluster, Bounds),
}

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
    fn new(db: Database, then: Option<Then>) -> Self {
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

    fn place(&self) -> Place<'_> {
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
    fn noted<T>(&self, (answer, report): (T, MomentReport)) -> T {
        self.late_events.store(report.late_events.unwrap_or(NOT_COUNTED), Ordering::Relaxed);
        answer
    }

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
            Place::Across(cluster, _) => Err(cluster.unsupported("the conflicts of all conversations")),
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
            "an export"
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
            Place::Across(cluster, _) => Err(cluster.unsupported("an export of events")),
        }
    }
}

fn of_storage<T>(answer: Result<T, StorageError>) -> Result<T, CliError> {
    answer.map_err(|error| CliError::conversation(&error))
}

fn failed(error: &MomentError) -> CliError {
    match error {
        MomentError::Storage(error) => CliError::conversation(error),
        MomentError::Mark(_) => CliError::unreadable_log(&chain(error)),
        error => CliError::new(Exit::Usage, error.to_string()),
    }
}

/// The server refuses the bounds with the same words.
#[cfg(feature = "serve")]
pub(crate) fn refused(error: convofold_server::ClientError) -> CliError {
    match error {
        convofold_server::ClientError::Problem(refusal) if refusal.status == BAD_REQUEST => {
            CliError::new(Exit::Usage, refusal.detail)
        }
        error => error.into(),
    }
}

/// The error for a conversation that exists now and did not exist at the moment.
#[must_use]
pub fn did_not_exist(id: &str) -> CliError {
    CliError::new(Exit::NotFound, format!("conversation {id:?} did not exist at this moment"))
        .hint("`convofold history` shows when its events happened, and their sequence numbers")
}

/// What an answer is about, in words.
#[must_use]
pub fn in_words(report: &MomentReport) -> String {
    report.in_words(time::to_millisecond)
}
