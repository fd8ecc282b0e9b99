//! Which conversations changed: since they were saved, and since a search looked at them.

use std::collections::BTreeSet;

use super::Board;
use crate::index::Slot;

/// The maximum length of [`Board::changes`].
const MAX_CHANGES: usize = 1 << 18;

impl Board {
    /// The slots of the conversations that changed since the last call, in order.
    pub fn take_unsaved(&mut self) -> BTreeSet<u32> {
        // An edit that touches an unsettled conversation again does not note it as unsaved.
        let stay = self.unsettled.iter().copied().filter(|slot| self.is_unsettled(*slot)).collect();
        std::mem::replace(&mut self.unsaved, stay)
    }

    /// The slots of the conversations that changed since the last [`Board::take_unsaved`], in order.
    #[must_use]
    pub fn unsaved(&self) -> &BTreeSet<u32> {
        &self.unsaved
    }

    /// The slots of the conversations that changed since the last call. `None` if they are not known: at the first call, or
    /// if there were more than 262,144 of them.
    pub fn take_changes(&mut self) -> Option<Vec<u32>> {
        self.changes.replace(Vec::new())
    }

    /// Stops noting changes for [`Board::take_changes`].
    pub fn forget_changes(&mut self) {
        self.changes = None;
    }

    pub(super) fn note_change(&mut self, slot: Slot) {
        self.unsaved.insert(slot);
        self.note_change_again(slot);
    }

    /// Like [`Board::note_change`], for a conversation that is unsaved.
    pub(super) fn note_change_again(&mut self, slot: Slot) {
        if let Some(changes) = &mut self.changes {
            changes.push(slot);
            if changes.len() > MAX_CHANGES {
                self.changes = None;
            }
        }
    }

    /// Reverts [`Board::take_unsaved`] after a failed save.
    pub fn put_back_unsaved(&mut self, slots: BTreeSet<u32>) {
        self.unsaved.extend(slots);
    }
}
