//! The state of a conversation.

use std::hash::{DefaultHasher, Hash, Hasher};

use convofold::{Direction, OpenedBy, Status, SuspectField};

use crate::names::Name;
use crate::result::{Show, result};
use crate::time::Utc;

result! {
    /// The state of a conversation, derived from the set of its events.
    ///
    /// Times are milliseconds since the epoch, durations milliseconds, and None means unknown. The fields are the keys of
    /// the export, in its order.
    State from convofold::State {
        /// Id of the conversation.
        id: String,
        /// Source of its events: `airship`, `superoffice` or the name of a custom source.
        source: String,
        /// The business that the conversation belongs to.
        tenant: Option<String>,
        /// Channel of the latest message.
        channel: Option<String>,
        /// Whether the conversation is open.
        status: Name<Status>,
        /// The kind of event that made the conversation known.
        opened_by: Name<OpenedBy>,
        /// Start of the conversation.
        started_at: i64,
        /// Time of the latest activity; None if closed.
        last_active_at: Option<i64>,
        /// Time of the latest event.
        last_event_at: i64,
        /// Time of closing; None while open.
        closed_at: Option<i64>,
        /// Number of times the conversation was reopened.
        reopens: u64,
        /// The customer.
        member: Member,
        /// The sender that the customer wrote to.
        shortcode: Option<String>,
        /// App key of Airship.
        app_key: Option<String>,
        /// The assigned agent; None if nobody is assigned.
        agent: Option<AgentRef>,
        /// Every change of the agent, in order.
        assignments: Vec<Assigned>,
        /// Number of messages from the customer.
        messages_in: u64,
        /// Number of messages to the customer.
        messages_out: u64,
        /// Number of messages with an unknown direction.
        messages_other: u64,
        /// Number of messages while the conversation was closed.
        messages_after_close: u64,
        /// Number of unread messages.
        unread: u64,
        /// Time of the first message from the customer.
        first_inbound_at: Option<i64>,
        /// Duration from the first message of the customer to the first answer.
        first_response_ms: Option<i64>,
        /// Time of the first unanswered message; None if none is unanswered.
        waiting_since: Option<i64>,
        /// Time of the latest unanswered message; None if none is unanswered.
        latest_unanswered_at: Option<i64>,
        /// Total duration for which the conversation was open.
        open_ms: i64,
        /// Number of messages by assigned agent.
        by_agent: Vec<ByAgent>,
        /// The latest message with a text.
        last_message: Option<LastMessage>,
        /// Contradictions in the data of the source, such as missing messages.
        suspect: Vec<Suspicion>,
        /// Values of the SuperOffice session; None for other sources.
        session: Option<Session>,
    }
    utc {
        started_at_utc: Utc = started_at,
        last_active_at_utc: Option<Utc> = last_active_at,
        last_event_at_utc: Utc = last_event_at,
        closed_at_utc: Option<Utc> = closed_at,
        waiting_since_utc: Option<Utc> = waiting_since,
    }
}

result! {
    /// The customer of a conversation.
    Member from convofold::Member {
        /// Name; `Unknown` only if no other name was ever given.
        name: Option<String>,
        /// Phone number, or device and channel.
        number: Option<String>,
        /// Id at the business.
        business_id: Option<String>,
        /// Channel id.
        channel_id: Option<String>,
    }
}

result! {
    /// An agent, with the latest name known in the conversation. Hashable.
    AgentRef: hashable from convofold::AgentRef {
        /// Id; None if only the name is known.
        id: Option<String>,
        /// Name.
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
    /// A change of the assigned agent.
    Assigned from convofold::Assigned {
        /// The agent from then on; None if nobody is assigned.
        agent: Option<AgentRef>,
        /// Time of the change.
        at: i64,
    }
}

result! {
    /// Number of messages while an agent was assigned.
    ByAgent from convofold::ByAgent {
        /// The agent.
        agent: AgentRef,
        /// Number of messages from the customer.
        messages_in: u64,
        /// Number of messages to the customer.
        messages_out: u64,
    }
}

result! {
    /// The latest message with a text.
    LastMessage from convofold::LastMessage {
        /// The text.
        text: String,
        /// Direction: `in` (from the customer), `out` (to the customer) or None.
        direction: Option<Name<Direction>>,
        /// Time of the message.
        at: i64,
    }
}

result! {
    /// A contradiction in the data of the source. It is reported, and never corrected silently.
    Suspicion from convofold::Suspicion {
        /// What it concerns.
        field: Name<SuspectField>,
        /// The value that the source states.
        expected: Option<u64>,
        /// The value that follows from the events.
        found: Option<u64>,
        /// Time of the event that shows the contradiction.
        at: i64,
    }
}

macro_rules! session {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        result! {
            /// Values of a SuperOffice session.
            Session from convofold::SessionState {
                $($(#[$doc])* $name: Option<$type>,)*
                /// Whether a `changed` event without a usable status followed the latest event with one.
                stale: bool,
            }
        }
    };
}

convofold::session_values!(session);
