//! A moment: how much of the events a question about the past is about.

use crate::effect::Seq;
use crate::time::Time;

/// Two bounds on events: when they happened, and when the database learned of them.
///
/// The answer to a question at a moment is the fold of exactly the events within both bounds, as if no other event existed.
/// There is one exception, without which closes of rule T3 would close a conversation at every moment: the time of a close
/// without a usable time is determined first, from all events within the bound of arrival.
///
/// - `as_of` alone: as it was, corrected by everything that was learned later.
/// - `known_at` alone: as it was known then.
/// - both: what was known then of an earlier time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Moment {
    /// Only events at this time or before it (rules T1 and T3), compared with all digits. `None`: all.
    pub as_of: Option<Time>,
    /// Only events with this sequence number or a smaller one. `None`: all.
    pub known_at: Option<Seq>,
}

impl Moment {
    /// All events.
    pub const LATEST: Self = Self { as_of: None, known_at: None };

    /// The events that happened at this time or before it.
    #[must_use]
    pub fn as_of(time: Time) -> Self {
        Self { as_of: Some(time), known_at: None }
    }

    /// The events that the database had learned up to this sequence number.
    #[must_use]
    pub fn known_at(seq: Seq) -> Self {
        Self { as_of: None, known_at: Some(seq) }
    }

    /// Whether it includes an event of this sequence number.
    pub(crate) fn knows(&self, seq: Seq) -> bool {
        self.known_at.is_none_or(|known_at| seq <= known_at)
    }

    /// Whether it includes an event at this time.
    pub(crate) fn reaches(&self, at: Time) -> bool {
        self.as_of.is_none_or(|as_of| at <= as_of)
    }
}
