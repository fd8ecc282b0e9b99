//! A run of retention that found nothing to remove: only its record is written.

use std::sync::atomic::Ordering;

use convofold_engine::Seq;

use crate::format::retention::StoredRetentionRun;
use crate::state::shared::Shared;
use crate::write::replacing::{Late, Spoils};

/// A run of retention that changes nothing in the storage but its record.
pub(crate) struct IdleRun {
    pub(crate) number: u64,
    pub(crate) run: StoredRetentionRun,
    /// What makes it wrong; `None` if nothing can, because no rule is about texts or conversations.
    pub(crate) spoilt_by: Option<SpoiltBy>,
}

/// What was committed after the conversations were read, and would have been removed.
pub(crate) struct SpoiltBy {
    /// The number of checkpoints that had been begun when the conversations were read.
    pub(crate) checkpoints_begun: u64,
    pub(crate) spoils: Spoils,
}

impl IdleRun {
    /// Whether something that was committed since, up to this event, should not be there after the run.
    pub(crate) fn is_spoilt(&self, shared: &Shared, last_seq: Seq) -> bool {
        let Some(SpoiltBy { checkpoints_begun, spoils }) =
            self.spoilt_by.as_ref().filter(|_| last_seq > self.run.last_seq)
        else {
            return false;
        };
        // A checkpoint forgets which conversations changed before it.
        if shared.log_figures.checkpoints_begun.load(Ordering::SeqCst) != *checkpoints_begun {
            return true;
        }
        let board = shared.live.board();
        let mut changed = board.unsaved().iter().filter_map(|slot| board.image(*slot));
        changed.any(|image| spoils(Late::Conversation(&image)))
    }
}
