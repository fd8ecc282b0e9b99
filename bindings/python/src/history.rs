//! The history of a conversation.

use convofold::Kind;

use crate::event::Event;
use crate::names::Name;
use crate::result::{Show, result};
use crate::state::AgentRef;
use crate::time::Utc;

result! {
    /// An event in the history of its conversation.
    HistoryEntry from convofold::HistoryEntry {
        /// Sequence number: the order in which events arrived.
        seq: u64,
        /// Time of the event, in milliseconds since the epoch.
        at: i64,
        /// The event.
        event: Event,
        /// The own time of a message, or the time of the text in a lifecycle event.
        said_at: Option<i64>,
        /// The assigned agent after the event, with the latest name known in the conversation; None if nobody is assigned.
        assigned: Option<AgentRef>,
        /// False for an event that lost to another event with the same identity: it is listed and has no effect.
        counts: bool,
        /// Whether a later event was known when this one arrived.
        late: bool,
    }
    utc {
        at_utc: Utc = at,
    }
}

result! {
    /// Two events of one identity with different contents.
    Conflict from conflict: convofold::Conflict {
        /// Id of the conversation.
        conversation: String,
        /// Identity of both events.
        identity: String,
        /// The kind of the event that counts.
        kind: Name<Kind>,
        /// Time of the event that counts, in milliseconds since the epoch.
        at: i64,
        /// Sequence number of the event that counts.
        kept_seq: u64,
        /// Sequence number of the event that has no effect.
        lost_seq: u64,
        /// The fields in which they differ.
        fields: Vec<ConflictingField>,
    }
    utc {
        at_utc: Utc = at,
    }
}

result! {
    /// A field in which two events differ.
    ConflictingField from field: convofold::ConflictingField {
        /// Name of the field in convofold's own form.
        field: String,
        /// The value that counts, as JSON.
        kept: String,
        /// The other value, as JSON.
        lost: String,
    }
}

result! {
    /// How the events of a conversation arrived.
    Arrivals from convofold::Arrivals {
        /// Number of events that count.
        events: u64,
        /// Number of events that lost to another event with the same identity.
        conflicts: u64,
        /// Number of repeated deliveries.
        duplicates: u64,
        /// Number of events that arrived after a later event.
        late: u64,
        /// Sequence number of the first event.
        first_seq: u64,
        /// Sequence number of the last event.
        last_seq: u64,
    }
}
