//! What queries over many conversations return.

use std::collections::VecDeque;
use std::convert::Infallible;

use convofold::Cursor;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator};

use crate::error::Failure;
use crate::result::{Show, result};
use crate::state::{AgentRef, LastMessage};
use crate::time::Utc;

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

/// An iterator over all rows of a query.
#[pyclass(frozen, module = "convofold")]
pub(crate) struct ConversationRows {
    /// The database or the view.
    asked: Py<PyAny>,
    rest: Mutex<Rest>,
}

impl ConversationRows {
    /// `filters` are the arguments of the method `query` of `asked`.
    pub(crate) fn new(asked: Bound<'_, PyAny>, filters: Option<Bound<'_, PyDict>>) -> Result<Self, Failure> {
        let filters = filters.unwrap_or_else(|| PyDict::new(asked.py()));
        if !filters.contains("limit")? {
            filters.set_item("limit", 1_000)?;
        }
        let rest = Rest { arguments: Some(filters.unbind()), ready: VecDeque::new() };
        Ok(Self { asked: asked.unbind(), rest: Mutex::new(rest) })
    }
}

/// The rows that were not returned yet.
struct Rest {
    /// The arguments of `query` for the next page; `None` after the last page.
    arguments: Option<Py<PyDict>>,
    ready: VecDeque<ConversationRow>,
}

impl Rest {
    fn next(&mut self, py: Python<'_>, asked: &Py<PyAny>) -> PyResult<Option<ConversationRow>> {
        if self.ready.is_empty() {
            self.fill(py, asked)?;
        }
        Ok(self.ready.pop_front())
    }

    fn fill(&mut self, py: Python<'_>, asked: &Py<PyAny>) -> PyResult<()> {
        let Some(arguments) = &self.arguments else { return Ok(()) };
        let page = asked.bind(py).call_method("query", (), Some(arguments.bind(py)))?;
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
            Python::attach(|py| rest.next(py, &self.asked))
        });
        Ok(row?)
    }
}
