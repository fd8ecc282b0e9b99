//! Recorded hashes, and their comparison with the state as it was known then.

use convofold_engine::{FOLD_VERSION, Moment, Seq, StateHash};
use xxhash_rust::xxh3::xxh3_64;

use crate::api::handle::Convofold;
use crate::api::view::View;
use crate::checkpoint::recorded::recorded_hashes;
use crate::format::recorded_hashes::StoredHash;
use crate::state::erasures::Erasure;
use crate::state::lent_storage::LentStorage;
use crate::storage::StorageError;

/// The state hash after an event, as a checkpoint recorded it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct RecordedHash {
    /// The last event of the state.
    pub seq: Seq,
    /// The time of the last commit in the state, in milliseconds since the epoch.
    pub committed_at: i64,
    /// The fold version by which the state was derived. States of another fold version have other hashes.
    pub fold_version: u32,
    /// The hash.
    pub hash: StateHash,
}

/// The state hashes that checkpoints recorded ([`Convofold::recorded_hashes`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct RecordedHashes {
    /// Those that can be read, in the order of their events.
    pub hashes: Vec<RecordedHash>,
    /// What is wrong with the stored values that cannot be read. Each had up to 128 hashes.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub damages: Vec<String>,
}

/// The state hash at a moment, and the one that a checkpoint recorded there ([`View::hash_proof`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct HashProof {
    /// The hash of the state at the moment, computed now.
    pub hash: StateHash,
    /// The recorded hash; `None` if no checkpoint was written after exactly these events, or its hash is no longer kept.
    pub recorded: Option<RecordedHash>,
    /// Whether both are equal: if not, the past was rewritten. `None` if there is no recorded hash, or it has another fold
    /// version and cannot be compared.
    pub equal: Option<bool>,
    /// Number of stored values with recorded hashes that cannot be read. Without a recorded hash, one of them may have had it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub damaged_values: u64,
}

impl HashProof {
    fn new(hash: StateHash, recorded: Option<RecordedHash>, damaged_values: u64) -> Self {
        let comparable = recorded.filter(|recorded| recorded.fold_version == FOLD_VERSION);
        Self { hash, recorded, equal: comparable.map(|recorded| recorded.hash == hash), damaged_values }
    }
}

impl From<StoredHash> for RecordedHash {
    fn from(StoredHash { seq, committed_ms, fold_version, state_hash }: StoredHash) -> Self {
        let committed_at = i64::try_from(committed_ms).unwrap_or(i64::MAX);
        Self { seq, committed_at, fold_version, hash: StateHash::from_bytes(state_hash) }
    }
}

impl Convofold {
    /// The state hashes that checkpoints recorded, in the order of their events. They are never replaced, and survive a trim, a
    /// backup and its restoration, and a repair up to the first lost event.
    ///
    /// The newest 128 are all kept. Older ones are thinned: between two of them are at most a 128th of the events since, or one
    /// checkpoint.
    ///
    /// # Errors
    /// [`StorageError`] if the storage fails, or the database is closed. Damaged records are in the answer.
    pub fn recorded_hashes(&self) -> Result<RecordedHashes, StorageError> {
        let (hashes, damages) = recorded_hashes(LentStorage::of(self.shared()).as_ref())?;
        Ok(RecordedHashes {
            hashes: hashes.into_iter().map(RecordedHash::from).collect(),
            damages: damages.into_iter().map(|(number, why)| format!("value {number}: {why}")).collect(),
        })
    }
}

impl Convofold {
    /// The receipts of all erasures, in order.
    #[must_use]
    pub fn erasures(&self) -> Vec<Erasure> {
        self.shared().erasures.read().receipts.clone()
    }

    /// A hash of what erasures and runs of retention have removed so far, of 53 bits; 0 if that is nothing. It says nothing about
    /// anybody.
    ///
    /// Two databases with the same events have the same [`Convofold::state_hash`] if their hashes of what was removed are equal.
    /// If these differ, the state hashes cannot be compared.
    #[must_use]
    pub fn removed_hash(&self) -> u64 {
        let shared = self.shared();
        let erasures = {
            let erasures = shared.erasures.read();
            (!erasures.is_empty()).then(|| erasures.sum())
        };
        let retention = shared.removals.read().sum();
        if erasures.is_none() && retention.is_empty() {
            return 0;
        }
        let erasures = erasures.unwrap_or_default().to_le_bytes();
        // A number that every reader of JSON keeps.
        (xxh3_64(&[erasures.as_slice(), &retention].concat()) >> 11).max(1)
    }

    /// The receipt of the erasure before which the state had this hash. So an auditor who has an older backup can see that it
    /// is the state that a receipt is about.
    #[must_use]
    pub fn erasure_of(&self, hash_before: StateHash) -> Option<Erasure> {
        self.shared().erasures.read().of_state(hash_before).cloned()
    }
}

impl View {
    /// The state hash, and the one that a checkpoint recorded after the same events, if one did. They are equal unless the
    /// past was rewritten, in this process or in the files.
    ///
    /// Only a moment that is bounded by arrival alone can have a recorded hash.
    ///
    /// # Errors
    /// As for [`Convofold::state`] and [`Convofold::recorded_hashes`].
    pub fn hash_proof(&self) -> Result<HashProof, StorageError> {
        let Moment { as_of, known_at } = self.moment();
        let Some(seq) = known_at.filter(|_| as_of.is_none() && self.has_all_tenants()) else {
            return Ok(HashProof::new(self.state_hash()?, None, 0));
        };
        let RecordedHashes { hashes, damages } = self.db().recorded_hashes()?;
        Ok(HashProof::new(self.state_hash()?, recorded_after(seq, hashes), damages.len() as u64))
    }
}

/// The hash recorded after this event, of the current fold version if there is one.
fn recorded_after(seq: Seq, hashes: Vec<RecordedHash>) -> Option<RecordedHash> {
    let here = hashes.into_iter().filter(|recorded| recorded.seq == seq);
    here.max_by_key(|recorded| (recorded.fold_version == FOLD_VERSION, recorded.fold_version))
}
