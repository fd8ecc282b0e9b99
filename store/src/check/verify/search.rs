//! Verification of the search index: every block is readable, and every closed conversation has its entries.

use convofold_engine::Board;

use super::{Problem, VerifyReport};
use crate::search::{AllEntries, Runs};
use crate::state::shared::Shared;
use crate::state::snapshot::Snapshot;
use crate::storage::{ReadStorage, StorageError};

/// Compares the index with the board to which the log folds at the snapshot.
pub(super) fn check(
    shared: &Shared,
    storage: &dyn ReadStorage,
    board: &Board,
    snapshot: &Snapshot,
    report: &mut VerifyReport,
) -> Result<(), StorageError> {
    let Some((runs, unsaved)) = shared.search.with_unsaved(&shared.live) else {
        if shared.search.was_given_up() {
            report.add(Problem::SearchIndex { why: "it is damaged".to_owned() });
        }
        return Ok(());
    };
    // A checkpoint that was requested meanwhile may have saved later changes.
    let saved_seq = shared.log_figures.checkpoint_seq.load(std::sync::atomic::Ordering::Relaxed);
    if saved_seq > snapshot.position.last_seq() {
        return Ok(());
    }
    match AllEntries::read(&runs, storage) {
        Ok(entries) => report.add_all(missing(board, &entries, |slot| unsaved.contains(&slot))),
        // Runs that were merged and deleted meanwhile are not damaged.
        Err(StorageError::Value(why)) if is_current(shared, &runs) => {
            report.add(Problem::SearchIndex { why: why.to_string() });
        }
        Err(StorageError::Value(_)) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

fn is_current(shared: &Shared, runs: &Runs) -> bool {
    shared.search.with_unsaved(&shared.live).is_some_and(|(now, _)| std::sync::Arc::ptr_eq(&now, runs))
}

/// The conversations that lack an entry.
fn missing(board: &Board, entries: &AllEntries, is_unsaved: impl Fn(u32) -> bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    for slot in (0..board.slot_count()).filter(|slot| !is_unsaved(*slot)) {
        let Some(keys) = board.search_keys(slot) else { continue };
        if !entries.contain(slot, &keys) {
            let id = board.id(slot).map(ToString::to_string).unwrap_or_default();
            problems.push(Problem::SearchIndex { why: format!("it lacks an entry of conversation {id:?}") });
        }
    }
    problems
}
