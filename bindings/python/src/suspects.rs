//! Suspects as a report.

use convofold::SuspectKind;

use crate::names::Name;
use crate::result::{Show, result};
use crate::time::Utc;

result! {
    /// What is suspect in many conversations.
    Suspects from convofold::Suspects {
        /// Number of conversations with a suspect event.
        conversations: u64,
        /// Number of suspect events.
        events: u64,
        /// The time zone of the days.
        zone: String,
        /// Suspect events by kind and source.
        kinds: Vec<SuspectsOfKind>,
        /// Suspect events by day, kind and source.
        days: Vec<SuspectsOfDay>,
        /// When messages were lost.
        losses: Vec<Loss>,
    }
}

result! {
    /// The suspect events of a kind and a source.
    SuspectsOfKind from convofold::SuspectsOfKind {
        /// The kind.
        kind: Name<SuspectKind>,
        /// The source of the conversations.
        source: String,
        /// Number of conversations.
        conversations: u64,
        /// Number of events.
        events: u64,
        /// Number of missing messages, at least.
        missing: u64,
        /// Time of the first event, in milliseconds since the epoch.
        first_at: i64,
        /// Time of the last event, in milliseconds since the epoch.
        last_at: i64,
    }
    utc {
        first_at_utc: Utc = first_at,
        last_at_utc: Utc = last_at,
    }
}

result! {
    /// The suspect events of a day, a kind and a source.
    SuspectsOfDay from convofold::SuspectsOfDay {
        /// The day, as `2026-03-02`.
        day: String,
        /// The kind.
        kind: Name<SuspectKind>,
        /// The source of the conversations.
        source: String,
        /// Number of conversations.
        conversations: u64,
        /// Number of events.
        events: u64,
        /// Number of missing messages, at least.
        missing: u64,
    }
}

result! {
    /// An interval in which messages of a source were lost. One loss explains the gaps of all conversations that have a time in
    /// common. Times are milliseconds since the epoch.
    Loss from loss: convofold::Loss {
        /// The source.
        source: String,
        /// Beginning of the time that all gaps have in common. In a dict, the key is `from`.
        from_: i64 = loss.from,
        /// End of the time that all gaps have in common.
        to: i64,
        /// Beginning of the earliest gap: no message before it is missing.
        earliest: i64,
        /// End of the latest gap: no message after it is missing.
        latest: i64,
        /// Number of gaps: stated counts that are greater than what is known.
        gaps: u64,
        /// Number of missing messages, at least.
        missing: u64,
    }
}
