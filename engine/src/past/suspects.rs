//! The suspect events of one conversation, with the times in which messages are missing.

use super::Past;
use crate::attribute::Attribute;
use crate::suspects::{Gap, SuspectEvent, SuspectKind};
use crate::time::Time;

impl Past<'_> {
    /// The source of its latest event.
    #[must_use]
    pub fn source(&self) -> &str {
        self.fold().source(self.lists).unwrap_or_default()
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.fold().attribute(Attribute::Tenant, self.lists)
    }

    /// Its suspicions (rules T1, T3 and F10), the same as in its state and in the same order.
    #[must_use]
    pub fn suspect_events(&self) -> Vec<SuspectEvent> {
        let fold = self.fold();
        let clock = |kind, at: &Time| SuspectEvent { kind, at: at.ms(), gap: None };
        let ahead = fold.clocks_apart.iter().map(|clocks| clock(SuspectKind::ClockAhead, &clocks.at));
        let untimed = fold.clock_suspicions.iter().map(|at| clock(SuspectKind::UntimedClose, at));
        let unread = fold.unread.missing().map(|missing| {
            let after = missing.since.unwrap_or(fold.started_at()).ms();
            let missing_count = missing.expected - missing.found;
            let gap = Gap { after, until: missing.up_to.ms(), missing: missing_count };
            SuspectEvent { kind: SuspectKind::Unread, at: missing.at.ms(), gap: Some(gap) }
        });
        let mut events: Vec<_> = ahead.chain(untimed).chain(unread).collect();
        // As in the state: a clock before an unread count of the same time.
        events.sort_by_key(|event| (event.at, event.kind == SuspectKind::Unread));
        events
    }
}
