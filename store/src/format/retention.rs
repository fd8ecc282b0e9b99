//! Retention: what its runs removed, and by which rules. What they removed does not come back. Each run is a numbered record
//! (`numbered.rs`) with the magic "cfRT".

use convofold_engine::{Seq, Time};
use serde::{Deserialize, Serialize};

use super::erasures::Key;
use super::frame::FrameKind;
use super::numbered::{FIELD_BYTES, NumberedRecord};
use crate::damage::Damage;

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredRetentionRun {
    /// The key of the hash of before, the same in all runs of a database.
    pub(crate) key: Key,
    /// When, in milliseconds since the epoch.
    pub(crate) at_ms: i64,
    /// The last event in the log then.
    pub(crate) last_seq: Seq,
    /// The time before which the log was trimmed, in milliseconds since the epoch, and what was trimmed.
    pub(crate) log_before_ms: Option<i64>,
    pub(crate) trimmed: u64,
    /// One for each tenant with a rule of its own, and one without a tenant for all others.
    pub(crate) horizons: Vec<StoredHorizon>,
    /// Number of conversations that were held, and stayed as they are.
    pub(crate) held: u64,
    /// HMAC-SHA-256 of the state hash of before, and the state hash after it.
    pub(crate) keyed_hash_before: [u8; 32],
    pub(crate) hash_after: [u8; 32],
}

/// What was removed of one tenant, or of all without a rule of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredHorizon {
    pub(crate) tenant: Option<String>,
    /// In milliseconds since the epoch.
    pub(crate) texts_before_ms: Option<i64>,
    pub(crate) closed_before_ms: Option<i64>,
    /// Number of texts, of conversations that are gone, and of their events.
    pub(crate) texts: u64,
    pub(crate) conversations: u64,
    pub(crate) events: u64,
    /// The last event of a conversation that is gone; 0 if there is none.
    pub(crate) last_gone_seq: Seq,
}

impl NumberedRecord for StoredRetentionRun {
    const MARK: FrameKind = FrameKind { magic: *b"cfRT", version: 1, field_bytes: FIELD_BYTES };
    const NAMES: &'static str = "retention/";

    fn check(&self) -> Result<(), Damage> {
        let of_horizons = self.horizons.iter().flat_map(|horizon| [horizon.texts_before_ms, horizon.closed_before_ms]);
        let times = of_horizons.chain([Some(self.at_ms), self.log_before_ms]).flatten();
        match times.filter(|ms| Time::from_ms(*ms).is_none()).min() {
            Some(found) => Err(Damage::NoSuch { field: "time of a run of retention", found: found.unsigned_abs() }),
            None => Ok(()),
        }
    }
}
