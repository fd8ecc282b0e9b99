//! The recorded state hashes that a verification expects.

use convofold_engine::{FOLD_VERSION, Seq, StateHash};

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
        storage: &dyn ReadStorage,
        snapshot: &Snapshot,
        report: &mut VerifyReport,
    ) -> Result<Self, StorageError> {
        let (hashes, damages) = recorded_hashes(storage)?;
        let named = |(number, why): DamagedValue| Problem::RecordedHashes { number, why: why.to_string() };
        report.add_all(damages.into_iter().map(named));
        let last_seq = snapshot.position.last_seq();
        let known =
            hashes.into_iter().filter(|recorded| recorded.seq <= last_seq).inspect(|_| report.recorded_hashes += 1);
        let expected = known.filter(|recorded| recorded.fold_version == FOLD_VERSION);
        let expected =
            expected.map(|recorded| Expected { seq: recorded.seq, hash: StateHash::from_bytes(recorded.state_hash) });
        Ok(Self(expected.collect()))
    }

    pub(super) fn newest(&self) -> Option<Expected> {
        self.0.last().copied()
    }
}

impl Expected {
    pub(super) fn compare(self, found: StateHash, report: &mut VerifyReport) {
        report.recorded_hashes_compared += 1;
        if found != self.hash {
            report.add(Problem::RecordedHash { seq: self.seq, expected: self.hash, found });
        }
    }
}
