//! Which events state, open and close (rules F2 and F3).

use super::cause::Causes;
use super::seen::{Seen, states_status};
use crate::effect::Seq;
use crate::fold::Lists;

/// The statements about the status.
///
/// What a conversation is after a statement depends on that statement alone. So if the last one before a place is there, other
/// ones change nothing at that place.
#[derive(Debug, Default)]
pub(super) struct Statements {
    last: Option<Seq>,
    /// The events that opened or closed it.
    changes: Vec<Seq>,
    /// The number of changes up to the last reopening.
    reopened: usize,
    /// The messages that count as after a close.
    after_close: Vec<Seq>,
    /// The changes because of which the conversation was open or closed at a message.
    at_messages: Vec<Seq>,
}

impl Statements {
    pub(super) fn see(&mut self, seen: &Seen<'_, '_>, lists: Lists<'_>) {
        if seen.is_message() && !seen.opens_by_status() {
            let place = self.changes.last().copied().filter(|change| self.at_messages.last() != Some(change));
            self.at_messages.extend(place);
            self.after_close.extend(seen.stays_closed().then_some(seen.seq()));
        }
        if states_status(seen.fact, lists) {
            self.last = Some(seen.seq());
        }
        if seen.changes_status() {
            self.changes.push(seen.seq());
        }
        if seen.reopens() {
            self.reopened = self.changes.len();
        }
    }

    /// The last statement.
    pub(super) fn last(&self) -> Option<Seq> {
        self.last
    }

    /// The event that opened or closed it last.
    pub(super) fn last_change(&self) -> Option<Seq> {
        self.changes.last().copied()
    }

    /// All events that opened or closed it.
    pub(super) fn changes(&self) -> Causes {
        Causes::of(self.changes.iter().copied())
    }

    pub(super) fn reopens(&self) -> Causes {
        Causes::of(self.changes.iter().take(self.reopened).copied())
    }

    pub(super) fn closed_at(&self) -> Causes {
        let reopening = self.reopened.checked_sub(1).and_then(|index| self.changes.get(index).copied());
        Causes::of(self.last_change()).and(reopening, "began the last open interval")
    }

    pub(super) fn messages_after_close(&self) -> Causes {
        let places = self.at_messages.iter();
        let causes = Causes::of(self.after_close.iter().copied());
        places.fold(causes, |causes, change| causes.and(Some(*change), "opened or closed it before a message"))
    }
}
