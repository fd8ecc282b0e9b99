//! The history of a conversation.

use convofold::Mention;
use pyo3::prelude::*;

use crate::result::{Show, result};
use crate::state::AgentRef;
use crate::time::datetime;

result! {
    /// One event in the history of its conversation, in the order in which they happened.
    HistoryEntry {
        /// Its place in the log: when it was learned.
        seq: u64,
        /// When it happened, in milliseconds since the epoch.
        at: i64,
        /// What it did: `open`, `open_closed`, `update`, `update_open`, `message` or `close`.
        kind: &'static str,
        /// `in` (from the member), `out` (to the member) or None.
        direction: Option<&'static str>,
        /// A message's channel.
        channel: Option<String>,
        /// A message's own time, or the time as of which the text of a lifecycle event counts.
        said_at: Option<i64>,
        /// A message's text, or the last text that a lifecycle event carries.
        text: Option<String>,
        /// What it says of the agent: `silent` (nothing), `nobody` (that nobody is assigned) or `agent`.
        mentions: &'static str,
        /// The agent that it says is assigned.
        agent: Option<AgentRef>,
        /// Who is assigned once it has happened, by the name that is the latest in the conversation; None is nobody.
        assigned: Option<AgentRef>,
        /// How many unread messages it states.
        unread: Option<u64>,
        /// Its identity.
        identity: String,
        /// False for one that lost to another event of the same identity: shown, and without effect.
        counts: bool,
        /// Whether an event that happened after it was known before it.
        late: bool,
    }
    methods {
        /// `at` as a datetime in UTC.
        #[getter]
        fn at_utc<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
            datetime(py, self.at)
        }
    }
}

impl Show<HistoryEntry> for convofold::HistoryEntry {
    fn show(self) -> HistoryEntry {
        let (mentions, agent) = match self.agent {
            Mention::Nobody => ("nobody", None),
            Mention::Agent(agent) => ("agent", Some(agent)),
            _ => ("silent", None),
        };
        HistoryEntry {
            seq: self.seq,
            at: self.at,
            kind: self.kind.show(),
            direction: self.direction.show(),
            channel: self.channel,
            said_at: self.said_at,
            text: self.text,
            mentions,
            agent: agent.show(),
            assigned: self.assigned.show(),
            unread: self.unread,
            identity: self.identity,
            counts: self.counts,
            late: self.late,
        }
    }
}

result! {
    /// How the events of a conversation arrived.
    Arrivals from convofold::Arrivals {
        /// Events that count.
        events: u64,
        /// Events that lost to another of the same identity.
        conflicts: u64,
        /// Deliveries of events known already.
        duplicates: u64,
        /// Events that took a place before ones known already.
        late: u64,
        /// The first place in the log.
        first_seq: u64,
        /// The last place in the log.
        last_seq: u64,
    }
}
