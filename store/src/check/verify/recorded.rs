//! The recorded state hashes that a verification expects.

use std::sync::atomic::Ordering;

use convofold_engine::{Board, FOLD_VERSION, Moment, Seq, StateHash};

use super::{Problem, VerifyReport};
use crate::checkpoint::recorded::{DamagedValue, recorded_hashes};
use crate::state::shared::Shared;
use crate::state::snapshot::Snapshot;
use crate::storage::{ReadStorage, StorageError};

/// Recorded hashes of the current fold version, in order. Those of others cannot be compared.
pub(super) struct Recorded(pub(super) Vec<Expected>);

/// A recorded hash.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) seq: Seq,
    hash: StateHash,
}

impl Recorded {
    /// Reads those of the time before the snapshot.
    pub(super) fn find(
        shared: &Shared,
        storage: &dyn ReadStorage,
        snapshot: &Snapshot,
        report: &mut VerifyReport,
    ) -> Result<Self, StorageError> {
        let (hashes, damages) = recorded_hashes(storage)?;
        let named = |(number, why): DamagedValue| Problem::RecordedHashes { number, why: why.to_string() };
        report.add_all(damages.into_iter().map(named));
        let last_seq = snapshot.position.last_seq();
        // Another checkpoint may have been written since the snapshot, but not after events that are not there.
        let applied_seq = shared.applied_seq.load(Ordering::SeqCst);
        let beyond = hashes.last().filter(|newest| newest.seq > applied_seq);
        report.add_all(beyond.map(|newest| Problem::Shortened { expected: newest.seq, found: applied_seq }));
        let known: Vec<_> = hashes.into_iter().filter(|recorded| recorded.seq <= last_seq).collect();
        report.recorded_hashes = known.len() as u64;
        let incomparable = known.last().map(|newest| newest.fold_version).filter(|version| *version != FOLD_VERSION);
        report.newest_hash_skipped = incomparable
            .map(|version| format!("fold version {version} cannot be compared with fold version {FOLD_VERSION}"));
        let expected = known.into_iter().filter(|recorded| recorded.fold_version == FOLD_VERSION);
        let expected =
            expected.map(|recorded| Expected { seq: recorded.seq, hash: StateHash::from_bytes(recorded.state_hash) });
        Ok(Self(expected.collect()))
    }

    pub(super) fn newest(&self) -> Option<Expected> {
        self.0.last().copied()
    }
}

impl Expected {
    /// Compares it with these conversations as they were known then.
    pub(super) fn compare_within(self, board: &Board, report: &mut VerifyReport) {
        let then = Moment::known_at(self.seq);
        let hash = |slot| board.past(board.id(slot)?, then, |past| StateHash::of_state(&past.state()));
        let hashes = (0..board.slot_count()).filter_map(hash);
        self.compare(hashes.fold(StateHash::default(), StateHash::plus), report);
    }

    pub(super) fn compare(self, found: StateHash, report: &mut VerifyReport) {
        report.recorded_hashes_compared += 1;
        if found != self.hash {
            report.add(Problem::RecordedHash { seq: self.seq, expected: self.hash, found });
        }
    }
}
