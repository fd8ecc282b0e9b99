//! Questions to all partitions, now or at a moment.

use std::sync::Arc;

use convofold::engine::ReportBuilder;
use convofold::{
    AgentLoad, AgentRef, Arrivals, Conflict, Explanation, FieldName, HistoryEntry, MomentReport, Query, Report,
    ReportQuery, State, StateHash, Time, Totals, When,
};
use convofold_server::{ListedPage, Question, Questions};

use super::answer::Gathered;
use super::asking::Parts;
use super::error::GatherError;
use super::gather::Gather;
use super::lists::List;
use super::numbers;

/// Number of conversations among which the name of an agent is looked for at once. Almost all of them have one.
const NAME_ROWS: usize = 10;

/// The state of a conversation, and how its events arrived, which is not told of the past.
pub type StateAndArrivals = (State, Option<Arrivals>);

/// All partitions at a moment ([`Gather::at`]). The methods have the names of those of
/// [`View`](convofold::View), and the answers of one database with the events of all partitions.
#[derive(Clone, Copy, Debug)]
pub struct GatherView<'a> {
    gather: &'a Gather,
    as_of: Option<When>,
    known_at: Option<When>,
}

impl<'a> GatherView<'a> {
    pub(super) fn new(gather: &'a Gather, as_of: Option<When>, known_at: Option<When>) -> Self {
        Self { gather, as_of, known_at }
    }

    /// Whether the answers are about the past.
    #[must_use]
    pub fn is_past(&self) -> bool {
        self.as_of.is_some() || self.known_at.is_some()
    }

    pub(super) fn gather(&self) -> &'a Gather {
        self.gather
    }

    pub(super) fn questions(&self) -> Questions {
        Questions::at(self.as_of, self.known_at)
    }

    /// What the answers about many conversations are about. `time` is the latest one of all partitions. There is no `known_at`,
    /// because sequence numbers differ between owners.
    ///
    /// # Errors
    /// [`GatherError`], as for every method.
    pub fn moment(&self) -> Result<Gathered<MomentReport>, GatherError> {
        let gathered = self.gather.wait(self.all(Arc::new(self.questions().moment())))?;
        Ok(gathered.map(|parts| numbers::moment(parts.into_iter().map(|(_, moment)| moment))))
    }

    /// One page of the conversations that match a query, with their last messages: its `rows`. The cursor is that of one database.
    ///
    /// # Errors
    /// [`GatherError`]; [`GatherError::Query`] if the cursor was made with another sort order.
    pub fn query(&self, query: &Query) -> Result<Gathered<ListedPage>, GatherError> {
        self.list(List { query, conditions: &[], has_whole: false })
    }

    /// Like [`GatherView::query`], also with the whole conversations.
    ///
    /// # Errors
    /// As for [`GatherView::query`].
    pub fn query_states(&self, query: &Query) -> Result<Gathered<ListedPage>, GatherError> {
        self.list(List { query, conditions: &[], has_whole: true })
    }

    pub(super) fn list(&self, list: List<'_>) -> Result<Gathered<ListedPage>, GatherError> {
        self.gather.wait(self.page(list))
    }

    /// The workload of every agent, the busiest first, unassigned conversations last; and what it is about.
    ///
    /// # Errors
    /// [`GatherError`]
    pub fn agents(&self) -> Result<Gathered<(Vec<AgentLoad>, MomentReport)>, GatherError> {
        self.gather.wait(async {
            let mut gathered = self.all(Arc::new(self.questions().agents())).await?;
            let parts = std::mem::take(&mut gathered.answer).into_iter().map(|(_, part)| part);
            let (loads, moments): (Vec<_>, Vec<_>) = parts.unzip();
            let (mut agents, renamed) = numbers::agents(loads);
            for (tenant, id) in &renamed {
                let name = self.latest_name(tenant.as_deref(), id).await?;
                gathered.note(&name);
                let is_it = |load: &&mut AgentLoad| {
                    load.tenant == *tenant && load.agent.as_ref().is_some_and(|agent| agent.id.as_ref() == Some(id))
                };
                let agent = agents.iter_mut().find(is_it).and_then(|load| load.agent.as_mut());
                if let Some((agent, name)) = agent.zip(name.answer) {
                    agent.name = Some(name);
                }
            }
            numbers::sort(&mut agents);
            Ok(gathered.map(|_| (agents, numbers::moment(moments))))
        })
    }

    /// The name that an agent has in the open conversation that was active last.
    async fn latest_name(
        &self,
        tenant: Option<&str>,
        id: &Arc<str>,
    ) -> Result<Gathered<Option<Arc<str>>>, GatherError> {
        let of_tenant = tenant.map_or(("no_tenant", "true"), |tenant| ("tenant", tenant));
        let conditions = [("agent_id", &**id), of_tenant].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut query = Query::new().limit(NAME_ROWS);
        loop {
            let page = self.page(List { query: &query, conditions: &conditions, has_whole: false }).await?;
            let agents = page.answer.rows.iter().filter_map(|row| row.agent.as_ref());
            let name =
                agents.filter(|agent| agent.id.as_ref() == Some(id)).find_map(|AgentRef { name, .. }| name.clone());
            match page.answer.next.clone() {
                Some(next) if name.is_none() => query = query.cursor(next),
                _ => return Ok(page.map(|_| name)),
            }
        }
    }

    /// Counts per tenant and channel, and what they are about.
    ///
    /// # Errors
    /// [`GatherError`]
    pub fn totals(&self) -> Result<Gathered<(Vec<Totals>, MomentReport)>, GatherError> {
        let gathered = self.gather.wait(self.all(Arc::new(self.questions().totals())))?;
        Ok(gathered.map(|parts| {
            let (totals, moments): (Vec<_>, Vec<_>) = parts.into_iter().map(|(_, part)| part).unzip();
            (numbers::totals(totals), numbers::moment(moments))
        }))
    }

    /// The state hash: the sum of those of the partitions, which is that of one database.
    ///
    /// # Errors
    /// [`GatherError`]
    pub fn state_hash(&self) -> Result<Gathered<StateHash>, GatherError> {
        let gathered = self.gather.wait(self.all(Arc::new(self.questions().hash())))?;
        Ok(gathered
            .map(|parts| parts.into_iter().map(|(_, proof)| proof.hash).reduce(StateHash::plus).unwrap_or_default()))
    }

    /// What happened, by time and group. The end is cut to the moment, or to now.
    ///
    /// # Errors
    /// [`GatherError`]
    pub fn measures(&self, query: &ReportQuery) -> Result<Gathered<Report>, GatherError> {
        let present = self.present_ms()?;
        let mut query = query.clone();
        query.to_ms = query.to_ms.min(present.answer);
        // An invalid query is refused before anybody is asked.
        let mut report = ReportBuilder::new(query.clone())?;
        let gathered = self.gather.wait(self.all(Arc::new(self.questions().report_parts(&query))))?;
        let Gathered { answer, partitions, missing } = gathered;
        for (partition, parts) in answer {
            report.add_parts(parts).map_err(|source| GatherError::Parts { partition, source })?;
        }
        report.expect_size()?;
        let mut measured = Gathered { answer: report.finish(), partitions, missing };
        measured.note(&present);
        Ok(measured)
    }

    /// The time to which ages count. It may be too early if partitions are missing or stale.
    pub(super) fn present_ms(&self) -> Result<Gathered<i64>, GatherError> {
        let moment = if self.is_past() { self.moment()? } else { Gathered::default() };
        Ok(moment.map(|moment| moment.time.unwrap_or_else(|| Time::now().ms())))
    }

    /// The state of a conversation, and how its events arrived; `None` if it did not exist. One partition is asked, and if it is
    /// missing, nothing is known.
    ///
    /// # Errors
    /// [`GatherError`]
    pub fn state(&self, id: &str) -> Result<Gathered<Option<StateAndArrivals>>, GatherError> {
        self.one(id, self.questions().state(id))
    }

    /// What the answers about a conversation are about; `None` if it did not exist.
    ///
    /// # Errors
    /// [`GatherError`]
    pub fn moment_of(&self, id: &str) -> Result<Gathered<Option<MomentReport>>, GatherError> {
        self.one(id, self.questions().moment_of(id))
    }

    /// The events of a conversation; `None` if it did not exist. The sequence numbers are those of the owner that answers.
    ///
    /// # Errors
    /// [`GatherError`]
    pub fn history(&self, id: &str) -> Result<Gathered<Option<Vec<HistoryEntry>>>, GatherError> {
        self.one(id, self.questions().history(id))
    }

    /// The conflicts of a conversation; `None` if it did not exist.
    ///
    /// # Errors
    /// [`GatherError`]
    pub fn conflicts(&self, id: &str) -> Result<Gathered<Option<Vec<Conflict>>>, GatherError> {
        self.one(id, self.questions().conflicts(id))
    }

    /// Why a conversation is what it is, with at most `limit` events in a list; `None` if it did not exist.
    ///
    /// # Errors
    /// [`GatherError`]
    pub fn explain(
        &self,
        id: &str,
        field: Option<FieldName>,
        limit: usize,
    ) -> Result<Gathered<Option<Vec<Explanation>>>, GatherError> {
        self.one(id, self.questions().explain(id, field, limit))
    }

    /// The ids that begin with these characters, sorted by their bytes, `limit` at most (1,000 at most); always about now.
    ///
    /// # Errors
    /// [`GatherError`]
    pub fn find_ids(&self, prefix: &str, limit: usize) -> Result<Gathered<Vec<String>>, GatherError> {
        let gathered = self.gather.wait(self.all(Arc::new(Questions::ids(prefix, limit))))?;
        Ok(gathered.map(|parts| {
            let mut ids: Vec<_> = parts.into_iter().flat_map(|(_, ids)| ids).collect();
            ids.sort_unstable();
            ids.truncate(limit);
            ids
        }))
    }

    /// What the log had at this time must be in the answers.
    pub(super) fn known_at_time(&self) -> Option<Time> {
        match self.known_at {
            Some(When::At(time)) => Some(time),
            _ => None,
        }
    }

    /// Asks all partitions the same.
    pub(super) async fn all<T: Send + 'static>(
        &self,
        question: Arc<Question<T>>,
    ) -> Result<Gathered<Vec<(u32, T)>>, GatherError> {
        let all = 0..self.gather.partitions().count();
        self.each(all.map(|partition| (partition, question.clone()))).await
    }

    /// Asks each of these partitions its question. Those that had no event at the moment are left out.
    pub(super) async fn each<T: Send + 'static>(
        &self,
        questions: impl IntoIterator<Item = (u32, Arc<Question<T>>)>,
    ) -> Result<Gathered<Vec<(u32, T)>>, GatherError> {
        let asking = self.gather.asking();
        let parts = asking.ask(questions, self.known_at_time(), self.gather.token()).await?;
        let Parts { said, earliest, partitions, missing } = parts;
        if said.is_empty() && missing.is_empty() && !partitions.is_empty() {
            return Err(GatherError::Nothing { earliest });
        }
        Ok(Gathered { answer: said, partitions, missing })
    }

    /// Asks the partition of a conversation.
    pub(super) fn one<T: Send + 'static>(
        &self,
        id: &str,
        question: Question<Option<T>>,
    ) -> Result<Gathered<Option<T>>, GatherError> {
        let partition = self.gather.partitions().of(id);
        let gathered = self.gather.wait(self.each([(partition, Arc::new(question))]));
        match gathered {
            // The moment may lie before the first event of this partition, and not of others.
            Err(GatherError::Nothing { .. }) => Ok(Gathered::default()),
            gathered => Ok(gathered?.map(|parts| parts.into_iter().find_map(|(_, part)| part))),
        }
    }
}
