//! Queries over many conversations.

use std::collections::VecDeque;
use std::convert::Infallible;

use convofold::{Cursor, Query, Sort, StatusFilter, TimeField};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator};

use crate::database::Convofold;
use crate::error::{Failure, value_error};
use crate::names::Choice;
use crate::number::Whole;
use crate::result::{Show, result};
use crate::state::{AgentRef, LastMessage};
use crate::time::{Moment, Utc};

result! {
    /// A row of a query.
    ConversationRow from row: convofold::ConversationRow {
        /// Id of the conversation.
        id: String = row.id(),
        /// The business that the conversation belongs to.
        tenant: Option<String> = row.tenant.clone(),
        /// Channel of the latest message.
        channel: Option<String> = row.channel.clone(),
        /// The assigned agent; None if nobody is assigned.
        agent: Option<AgentRef> = row.agent.clone(),
        /// Name of the customer.
        member_name: Option<String> = row.member_name(),
        /// Number of the customer.
        member_number: Option<String> = row.member_number(),
        /// Id of the customer at the business.
        member_business_id: Option<String> = row.member_business_id(),
        /// Channel id of the customer.
        member_channel_id: Option<String> = row.member_channel_id(),
        /// The sender that the customer wrote to.
        shortcode: Option<String>,
        /// Number of unread messages.
        unread: u64,
        /// Start of the conversation, in milliseconds since the epoch.
        started_at: i64,
        /// Time of the latest activity, in milliseconds since the epoch.
        last_active_at: i64,
        /// Time of the close, in milliseconds since the epoch; None while open.
        closed_at: Option<i64>,
        /// Time of the first unanswered message, in milliseconds since the epoch; None if none is unanswered.
        waiting_since: Option<i64>,
        /// Whether the data of the source are contradictory; `State.suspect` has the details.
        suspect: bool,
        /// The latest message with a text; None if there is none, or if the query does not ask for it.
        last_message: Option<LastMessage>,
    }
    utc {
        started_at_utc: Utc = started_at,
        last_active_at_utc: Utc = last_active_at,
        closed_at_utc: Option<Utc> = closed_at,
        waiting_since_utc: Option<Utc> = waiting_since,
    }
}

result! {
    /// A page of a query result. It has a length and can be iterated over.
    Page from convofold::Page {
        /// The conversations, in order.
        rows: Vec<ConversationRow>,
        /// The `cursor` of the next page; None on the last page.
        next: Option<String>,
        /// Why the first page is empty: the conditions whose value no open conversation has, with similar values.
        unknown: Vec<UnknownValue>,
    }
    methods {
        fn __len__(&self) -> usize {
            self.rows.len()
        }

        fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Rows<'py>> {
            Ok(Rows(slf.getattr("rows")?.try_iter()?))
        }
    }
}

result! {
    /// A condition that no open conversation meets, whatever the other conditions are.
    UnknownValue from convofold::UnknownValue {
        /// Name of the condition, such as `agent`.
        condition: String,
        /// Its value.
        value: String,
        /// Similar values that open conversations have, the most similar one first.
        similar: Vec<String>,
    }
}

/// An iterator over the rows of a page.
struct Rows<'py>(Bound<'py, PyIterator>);

impl<'py> IntoPyObject<'py> for Rows<'py> {
    type Target = PyIterator;
    type Output = Bound<'py, PyIterator>;
    type Error = Infallible;

    #[cfg(feature = "stub")]
    const OUTPUT_TYPE: pyo3::inspect::PyStaticExpr =
        pyo3::type_hint_subscript!(crate::stub::ITERATOR, <ConversationRow as pyo3::PyTypeInfo>::TYPE_HINT);

    fn into_pyobject(self, _py: Python<'py>) -> Result<Self::Output, Self::Error> {
        Ok(self.0)
    }
}

impl Show<String> for Cursor {
    fn show(self) -> String {
        self.to_string()
    }
}

result! {
    /// The workload of an agent of a tenant.
    AgentLoad from convofold::AgentLoad {
        /// The tenant.
        tenant: Option<String>,
        /// The agent; None stands for the conversations without an agent.
        agent: Option<AgentRef>,
        /// Number of open conversations.
        open: u64,
        /// Number of unread messages in them.
        unread: u64,
        /// Number of conversations that wait for an answer.
        waiting: u64,
        /// Time of the oldest unanswered message, in milliseconds since the epoch; None if none is unanswered.
        oldest_waiting_since: Option<i64>,
    }
    utc {
        oldest_waiting_since_utc: Option<Utc> = oldest_waiting_since,
    }
}

result! {
    /// Counts for a tenant and channel.
    Totals from convofold::Totals {
        /// The tenant.
        tenant: Option<String>,
        /// Channel of the latest message.
        channel: Option<String>,
        /// Number of conversations, open or closed.
        conversations: u64,
        /// Number of open conversations.
        open: u64,
        /// Number of conversations that wait for an answer.
        waiting: u64,
        /// Number of unread messages in the open conversations.
        unread: u64,
        /// Number of closed conversations that are unanswered after their close.
        unanswered_after_close: u64,
    }
}

#[pymethods]
impl Convofold {
    /// Returns a page of conversations that meet every given condition.
    ///
    /// - `status`: `open` (default), `closed` or `any`. Only open conversations, and closed ones that are unanswered after
    ///   their close, are always in memory; other queries read from the disk.
    /// - `agent`: id or name of the assigned agent; `any_agent`: of an agent that is assigned or was assigned before;
    ///   `unassigned`: only conversations without an agent.
    /// - `member`: name, business id or channel id of the customer; `number`: number of the customer.
    /// - `tenant`, `shortcode`, `channel`: values of the conversation. Names and channels compare without case, numbers
    ///   and shortcodes without `+` and spaces.
    /// - `unread_min`: minimum number of unread messages.
    /// - `idle_since`: last active at this time or earlier; `waiting_since`: waiting since this time or earlier. A time is
    ///   milliseconds since the epoch, a `datetime` with a time zone, or an RFC 3339 string.
    /// - `since`, `until`: the time named by `by` is in this range, `until` not included. `by`: `active` (latest activity;
    ///   the default), `started` or `closed`.
    /// - `suspect`: only conversations whose data look wrong (missing messages, impossible clock).
    /// - `unanswered_after_close`: only closed conversations with a message that is not outbound after both their last
    ///   close and their last outbound message; the default of `status` is then `closed`.
    /// - `sort`: `activity` (most recently active first; the default), `waiting` (longest waiting first), `started`
    ///   (oldest first) or `closed` (most recently closed first); `reverse`: reverse the order.
    /// - `limit`: maximum number of rows of the page (0: no limit); `cursor`: `next` of the previous page.
    /// - `last_message`: also return the latest message of every conversation. This reads from the disk if a conversation
    ///   is not in memory.
    #[pyo3(signature = (
        *, status=None, agent=None, any_agent=None, unassigned=false, member=None, number=None, tenant=None,
        shortcode=None, channel=None, unread_min=None, idle_since=None, waiting_since=None, since=None, until=None,
        by=None, suspect=false, unanswered_after_close=false, sort=None, reverse=false, limit=None, cursor=None,
        last_message=false
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keyword arguments")]
    fn query(
        &self,
        py: Python<'_>,
        status: Option<Choice<StatusFilter>>,
        agent: Option<&str>,
        any_agent: Option<&str>,
        unassigned: bool,
        member: Option<&str>,
        number: Option<&str>,
        tenant: Option<&str>,
        shortcode: Option<&str>,
        channel: Option<&str>,
        unread_min: Option<Whole<u64>>,
        idle_since: Option<Moment>,
        waiting_since: Option<Moment>,
        since: Option<Moment>,
        until: Option<Moment>,
        by: Option<Choice<TimeField>>,
        suspect: bool,
        unanswered_after_close: bool,
        sort: Option<Choice<Sort>>,
        reverse: bool,
        limit: Option<Whole<usize>>,
        cursor: Option<&str>,
        last_message: bool,
    ) -> Result<Page, Failure> {
        if agent.is_some() && unassigned {
            return Err(value_error("agent and unassigned exclude each other".to_owned()));
        }
        let query = Query::new()
            .status(status.map(|Choice(status)| status))
            .agent(agent)
            .any_agent(any_agent)
            .unassigned(unassigned)
            .member(member)
            .number(number)
            .tenant(tenant)
            .shortcode(shortcode)
            .channel(channel)
            .unread_min(Whole::get(unread_min))
            .idle_since_ms(Moment::ms(idle_since))
            .waiting_since_ms(Moment::ms(waiting_since))
            .since_ms(Moment::ms(since))
            .until_ms(Moment::ms(until))
            .by(Choice::or_default(by))
            .suspect(suspect)
            .unanswered_after_close(unanswered_after_close)
            .sort(Choice::or_default(sort))
            .reverse(reverse)
            .limit(Whole::get(limit))
            .cursor(cursor.map(str::parse::<Cursor>).transpose()?);
        if last_message {
            return self.detached(py, |db| db.query_with_last_messages(&query)).map(Show::show);
        }
        self.detached(py, |db| db.query(&query)).map(Show::show)
    }

    /// Returns an iterator over all rows of a query, with the arguments of `query`. It reads pages of `limit` rows
    /// (default: 1,000).
    #[pyo3(signature = (**filters: "object"))]
    fn query_all(slf: Bound<'_, Self>, filters: Option<Bound<'_, PyDict>>) -> Result<ConversationRows, Failure> {
        slf.get().open()?;
        let filters = filters.unwrap_or_else(|| PyDict::new(slf.py()));
        if !filters.contains("limit")? {
            filters.set_item("limit", 1_000)?;
        }
        let rest = Rest { arguments: Some(filters.unbind()), ready: VecDeque::new() };
        Ok(ConversationRows { db: slf.unbind(), rest: Mutex::new(rest) })
    }

    /// Returns the workload of every agent of every tenant.
    fn agents(&self, py: Python<'_>) -> Result<Vec<AgentLoad>, Failure> {
        self.asked(py, convofold::Convofold::agents).map(Show::show)
    }

    /// Returns counts per tenant and channel.
    fn totals(&self, py: Python<'_>) -> Result<Vec<Totals>, Failure> {
        self.asked(py, convofold::Convofold::totals).map(Show::show)
    }
}

/// An iterator over all rows of a query.
#[pyclass(frozen, module = "convofold")]
pub(crate) struct ConversationRows {
    db: Py<Convofold>,
    rest: Mutex<Rest>,
}

/// The rows that were not returned yet.
struct Rest {
    /// The arguments of `query` for the next page; `None` after the last page.
    arguments: Option<Py<PyDict>>,
    ready: VecDeque<ConversationRow>,
}

impl Rest {
    fn next(&mut self, py: Python<'_>, db: &Py<Convofold>) -> PyResult<Option<ConversationRow>> {
        if self.ready.is_empty() {
            self.fill(py, db)?;
        }
        Ok(self.ready.pop_front())
    }

    fn fill(&mut self, py: Python<'_>, db: &Py<Convofold>) -> PyResult<()> {
        let Some(arguments) = &self.arguments else { return Ok(()) };
        let page = db.bind(py).call_method("query", (), Some(arguments.bind(py)))?;
        let page = page.cast_into::<Page>()?.get().clone();
        match page.next {
            Some(next) => arguments.bind(py).set_item("cursor", next)?,
            None => self.arguments = None,
        }
        self.ready = page.rows.into();
        Ok(())
    }
}

#[pymethods]
impl ConversationRows {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> Result<Option<ConversationRow>, Failure> {
        if let Some(row) = self.rest.try_lock().and_then(|mut rest| rest.ready.pop_front()) {
            return Ok(Some(row));
        }
        // The thread that reads a page holds this lock and can wait for the interpreter's lock, so this thread must not hold
        // the interpreter's lock while it waits here.
        let row = py.detach(|| {
            let mut rest = self.rest.lock();
            Python::attach(|py| rest.next(py, &self.db))
        });
        Ok(row?)
    }
}
