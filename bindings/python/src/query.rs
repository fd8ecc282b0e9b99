//! Questions about many conversations.

use std::collections::VecDeque;
use std::sync::Arc;

use convofold::{Cursor, Query};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::database::Convofold;
use crate::error::Failure;
use crate::result::{Show, result};
use crate::state::AgentRef;
use crate::time::{datetime, datetime_opt};

result! {
    /// An open conversation, as far as a list shows it.
    OpenConversation {
        /// The id.
        id: String,
        /// The tenant.
        tenant: Option<String>,
        /// The channel of the latest message.
        channel: Option<String>,
        /// The assigned agent's id.
        agent_id: Option<String>,
        /// The assigned agent's name.
        agent_name: Option<String>,
        /// The member's name.
        member_name: Option<String>,
        /// The member's number.
        member_number: Option<String>,
        /// The member's id at the business.
        member_business_id: Option<String>,
        /// The member's channel id.
        member_channel_id: Option<String>,
        /// The shortcode.
        shortcode: Option<String>,
        /// Unread messages.
        unread: u64,
        /// When it began, in milliseconds since the epoch.
        started_at: i64,
        /// When it was last active, in milliseconds since the epoch.
        last_active_at: i64,
        /// The first message that waits for an answer, in milliseconds since the epoch.
        waiting_since: Option<i64>,
        /// Whether there is a suspicion.
        suspect: bool,
    }
    methods {
        /// `started_at` as a datetime in UTC.
        #[getter]
        fn started_at_utc<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
            datetime(py, self.started_at)
        }

        /// `last_active_at` as a datetime in UTC.
        #[getter]
        fn last_active_at_utc<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
            datetime(py, self.last_active_at)
        }

        /// `waiting_since` as a datetime in UTC.
        #[getter]
        fn waiting_since_utc<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
            datetime_opt(py, self.waiting_since)
        }
    }
}

impl Show<OpenConversation> for Arc<convofold::OpenConversation> {
    fn show(self) -> OpenConversation {
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        OpenConversation {
            id: self.id.to_string(),
            tenant: text(&self.tenant),
            channel: text(&self.channel),
            agent_id: text(&self.agent_id),
            agent_name: text(&self.agent_name),
            member_name: text(&self.member_name),
            member_number: text(&self.member_number),
            member_business_id: text(&self.member_business_id),
            member_channel_id: text(&self.member_channel_id),
            shortcode: text(&self.shortcode),
            unread: self.unread,
            started_at: self.started_at,
            last_active_at: self.last_active_at,
            waiting_since: self.waiting_since,
            suspect: self.suspect,
        }
    }
}

result! {
    /// One page of an answer. It has a length and can be iterated over.
    Page from convofold::Page {
        /// The conversations, in order.
        rows: Vec<OpenConversation>,
        /// Where the next page begins, for `cursor`; None where this is the last one.
        next: Option<String>,
    }
    methods {
        fn __len__(&self) -> usize {
            self.rows.len()
        }

        fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
            Ok(slf.getattr("rows")?.try_iter()?.into_any())
        }
    }
}

impl Show<String> for Cursor {
    fn show(self) -> String {
        self.to_string()
    }
}

result! {
    /// What an agent has to do.
    AgentLoad from convofold::AgentLoad {
        /// The agent; None stands for the conversations that nobody is assigned to.
        agent: Option<AgentRef>,
        /// Open conversations.
        open: u64,
        /// Unread messages in them.
        unread: u64,
        /// Those that wait for an answer.
        waiting: u64,
        /// The message that waits longest, in milliseconds since the epoch.
        oldest_waiting_since: Option<i64>,
    }
    methods {
        /// `oldest_waiting_since` as a datetime in UTC.
        #[getter]
        fn oldest_waiting_since_utc<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
            datetime_opt(py, self.oldest_waiting_since)
        }
    }
}

result! {
    /// The conversations of a tenant on a channel.
    Totals from convofold::Totals {
        /// The tenant.
        tenant: Option<String>,
        /// The channel of the latest message.
        channel: Option<String>,
        /// All conversations, open or closed.
        conversations: u64,
        /// The open ones.
        open: u64,
        /// Those that wait for an answer.
        waiting: u64,
        /// Unread messages in the open ones.
        unread: u64,
    }
}

pub(crate) fn page(db: &convofold::Convofold, query: &Query) -> Result<Page, Failure> {
    Ok(db.query(query)?.show())
}

/// All rows of an answer, read a page at a time.
#[pyclass(frozen, module = "convofold")]
pub(crate) struct OpenConversations {
    db: Py<Convofold>,
    rest: Mutex<Rest>,
}

/// What was not shown yet.
struct Rest {
    /// What `query` is called with; `None` behind the last page.
    arguments: Option<Py<PyDict>>,
    ready: VecDeque<OpenConversation>,
}

impl OpenConversations {
    pub(crate) fn new(db: Py<Convofold>, arguments: Py<PyDict>) -> Self {
        Self { db, rest: Mutex::new(Rest { arguments: Some(arguments), ready: VecDeque::new() }) }
    }
}

impl Rest {
    fn next(&mut self, py: Python<'_>, db: &Py<Convofold>) -> PyResult<Option<OpenConversation>> {
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
impl OpenConversations {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<OpenConversation>> {
        if let Some(row) = self.rest.try_lock().and_then(|mut rest| rest.ready.pop_front()) {
            return Ok(Some(row));
        }
        // Who reads a page holds this lock and may want the interpreter's, so nobody waits for it with that one.
        py.detach(|| {
            let mut rest = self.rest.lock();
            Python::attach(|py| rest.next(py, &self.db))
        })
    }
}
