//! Verification of the past: every recorded state hash is computed again from the events of the conversations.
//!
//! Conversations keep all of their events, also those that were dropped from the log. What arrived later does not count.

use convofold_engine::{Seq, StateHash};

use super::recorded::Recorded;
use super::{Problem, VerifyError, VerifyProgress, VerifyReport};
use crate::state::base::all_images;
use crate::state::shared::Shared;
use crate::storage::{ReadStorage, StorageError};

/// Compares all recorded hashes in one pass over the conversations.
pub(super) fn check(
    shared: &Shared,
    storage: &dyn ReadStorage,
    recorded: &Recorded,
    report: &mut VerifyReport,
    on_progress: &mut impl FnMut(VerifyProgress),
) -> Result<(), VerifyError> {
    let seqs: Vec<Seq> = recorded.0.iter().map(|recorded| recorded.seq).collect();
    // What each hash adds to the one before it.
    let mut differences = vec![StateHash::default(); seqs.len()];
    let of = u64::from(shared.live.board().slot_count());
    for (image, conversations) in all_images(shared, storage).zip(1..) {
        let image = match image {
            Ok(image) => image,
            Err(StorageError::Value(why)) => return damaged(&why, recorded, report),
            Err(error) => return Err(error.into()),
        };
        let note = |place: usize, more: StateHash| {
            if let Some(difference) = differences.get_mut(place) {
                *difference = difference.plus(more);
            }
        };
        if let Err(why) = image.hashes_known_at(&seqs, note) {
            return damaged(&why, recorded, report);
        }
        on_progress(VerifyProgress::Past { conversations, of });
    }
    let mut found = StateHash::default();
    for (expected, difference) in recorded.0.iter().zip(differences) {
        found = found.plus(difference);
        expected.compare(found, report);
    }
    Ok(())
}

/// Without one conversation, nothing can be compared.
fn damaged(why: &impl std::fmt::Display, recorded: &Recorded, report: &mut VerifyReport) -> Result<(), VerifyError> {
    if recorded.newest().is_some() {
        report.newest_hash_skipped = Some("a conversation cannot be read".to_owned());
    }
    report.add(Problem::Memory { why: why.to_string() });
    Ok(())
}
