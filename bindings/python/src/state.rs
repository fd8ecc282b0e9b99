//! The state of a conversation.

use std::hash::{DefaultHasher, Hash, Hasher};

use pyo3::prelude::*;

use crate::result::result;
use crate::time::{datetime, datetime_opt};

result! {
    /// Everything that follows from the set of a conversation's events. Times are milliseconds since the epoch, durations
    /// milliseconds, and None is unknown. The fields are the keys of the export, in its order.
    State from convofold::State {
        /// The conversation's id.
        id: String,
        /// `airship`, `superoffice`, or the host's word.
        source: String,
        /// The business whose conversation it is.
        tenant: Option<String>,
        /// The channel of the latest message.
        channel: Option<String>,
        /// `open` or `closed`.
        status: &'static str,
        /// What made it known: `message` or `lifecycle`.
        opened_by: &'static str,
        /// When it began.
        started_at: i64,
        /// When it was last active; None when closed.
        last_active_at: Option<i64>,
        /// The time of its latest event.
        last_event_at: i64,
        /// When it was closed; None while open.
        closed_at: Option<i64>,
        /// How often it was opened again.
        reopens: u64,
        /// The customer.
        member: Member,
        /// The sender that the member wrote to.
        shortcode: Option<String>,
        /// Airship's app key.
        app_key: Option<String>,
        /// Who is assigned.
        agent: Option<AgentRef>,
        /// Every change of the agent, in order.
        assignments: Vec<Assigned>,
        /// Messages from the member.
        messages_in: u64,
        /// Messages to the member.
        messages_out: u64,
        /// Messages of which the direction is not known.
        messages_other: u64,
        /// Messages placed while it was closed.
        messages_after_close: u64,
        /// Messages that nobody has answered or looked at.
        unread: u64,
        /// The time of the first message from the member.
        first_inbound_at: Option<i64>,
        /// From the first message of the member to the first answer.
        first_response_ms: Option<i64>,
        /// The first message that waits for an answer.
        waiting_since: Option<i64>,
        /// The last message that waits for an answer.
        latest_unanswered_at: Option<i64>,
        /// How long it was open, all intervals together.
        open_ms: i64,
        /// Messages by the agent assigned at the time.
        by_agent: Vec<ByAgent>,
        /// The last text that was said.
        last_message: Option<LastMessage>,
        /// Where the source contradicts itself or messages are missing.
        suspect: Vec<Suspicion>,
        /// What SuperOffice says of the session; None for other sources.
        session: Option<Session>,
    }
    methods {
        /// `started_at` as a datetime in UTC.
        #[getter]
        fn started_at_utc<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
            datetime(py, self.started_at)
        }

        /// `last_active_at` as a datetime in UTC.
        #[getter]
        fn last_active_at_utc<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
            datetime_opt(py, self.last_active_at)
        }

        /// `last_event_at` as a datetime in UTC.
        #[getter]
        fn last_event_at_utc<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
            datetime(py, self.last_event_at)
        }

        /// `closed_at` as a datetime in UTC.
        #[getter]
        fn closed_at_utc<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
            datetime_opt(py, self.closed_at)
        }

        /// `waiting_since` as a datetime in UTC.
        #[getter]
        fn waiting_since_utc<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
            datetime_opt(py, self.waiting_since)
        }
    }
}

result! {
    /// The customer of a conversation.
    Member from convofold::Member {
        /// The name; `Unknown` only where no other was ever given.
        name: Option<String>,
        /// The phone number, or the device and its channel.
        number: Option<String>,
        /// The id at the business.
        business_id: Option<String>,
        /// The channel id.
        channel_id: Option<String>,
    }
}

result! {
    /// An agent, with the latest name known in the conversation.
    AgentRef from convofold::AgentRef {
        /// The id; None for an agent known by name only.
        id: Option<String>,
        /// The name.
        name: Option<String>,
    }
    methods {
        fn __hash__(&self) -> u64 {
            let mut hasher = DefaultHasher::new();
            (&self.id, &self.name).hash(&mut hasher);
            hasher.finish()
        }
    }
}

result! {
    /// A change of the agent.
    Assigned from convofold::Assigned {
        /// Who is assigned from then on; None is nobody.
        agent: Option<AgentRef>,
        /// When.
        at: i64,
    }
}

result! {
    /// Messages that an agent was assigned for.
    ByAgent from convofold::ByAgent {
        /// The agent.
        agent: AgentRef,
        /// Messages from the member.
        messages_in: u64,
        /// Messages to the member.
        messages_out: u64,
    }
}

result! {
    /// The last text that was said.
    LastMessage from convofold::LastMessage {
        /// The text.
        text: String,
        /// Who said it: `in` (the member), `out` (an agent) or None.
        direction: Option<&'static str>,
        /// When it was said.
        at: i64,
    }
}

result! {
    /// Something that cannot be right, shown and never repaired in silence.
    Suspicion from convofold::Suspicion {
        /// What it is about: `clock` or `unread`.
        field: &'static str,
        /// What the source says.
        expected: Option<u64>,
        /// What the events give.
        found: Option<u64>,
        /// The time of the event that shows it.
        at: i64,
    }
}

result! {
    /// The field values of a SuperOffice session.
    Session from convofold::SessionState {
        /// `AlertLevel`.
        alert_level: Option<i64>,
        /// `ChatbotIsactive`.
        chatbot_is_active: Option<bool>,
        /// `Consented`.
        consented: Option<bool>,
        /// `ContactId`.
        contact_id: Option<i64>,
        /// `CustomerAlias`.
        customer_alias: Option<String>,
        /// `CustomerId`.
        customer_id: Option<i64>,
        /// `ProjectId`.
        project_id: Option<i64>,
        /// `Rating`.
        rating: Option<i64>,
        /// `SaleId`.
        sale_id: Option<i64>,
        /// `Status`, as a number.
        status: Option<i64>,
        /// `TicketId`.
        ticket_id: Option<i64>,
        /// `TopicId`.
        topic_id: Option<i64>,
        /// `UserId`.
        user_id: Option<i64>,
        /// A `changed` without a usable status came after the latest event that had one.
        stale: bool,
    }
}
