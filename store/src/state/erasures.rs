//! Erased events: how they are recognised when they arrive again, and the receipts of their erasures.

use std::collections::HashSet;

use convofold_engine::{EventRef, Seq, StateHash};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::format::erasures::{Key, KeyedHash, StoredErasure};
use crate::format::numbered::Numbered;
use crate::state::records::{DamagedRecord, load};
use crate::storage::{ReadStorage, StorageError};

/// An erasure, for an auditor. It contains nothing about the member.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Erasure {
    /// Its number, from 1.
    pub number: u64,
    /// When, in milliseconds since the epoch.
    pub at: i64,
    /// Why these conversations.
    pub rule: String,
    /// Number of erased conversations.
    pub conversations: u64,
    /// Number of erased events.
    pub events: u64,
    /// The last event in the log then.
    pub last_seq: Seq,
    /// HMAC-SHA-256 over the state hash before it, with a key of the database, in hexadecimal. The hash itself would tell who has
    /// the receipt what was erased, if they can guess it. [`Convofold::erasure_of`](crate::Convofold::erasure_of) recognises
    /// the hash.
    pub keyed_hash_before: String,
    /// The state hash after it.
    pub hash_after: StateHash,
    /// The fold version by which both states were derived.
    pub fold_version: u32,
}

impl Erasure {
    pub(crate) fn of(number: u64, stored: &StoredErasure) -> Self {
        Self {
            number,
            at: i64::try_from(stored.at_ms).unwrap_or(i64::MAX),
            rule: stored.rule.clone(),
            conversations: stored.conversations.len() as u64,
            events: stored.events.len() as u64,
            last_seq: stored.last_seq,
            // 256 bits in hexadecimal, like a state hash.
            keyed_hash_before: StateHash::from_bytes(stored.keyed_hash_before).to_string(),
            hash_after: StateHash::from_bytes(stored.hash_after),
            fold_version: stored.fold_version,
        }
    }
}

/// All erasures of a database. Nearly every database has none.
#[derive(Debug, Default)]
pub(crate) struct Erasures {
    /// Usually one: a database that was restored with a ledger can have the key of the ledger beside its own.
    keyed: Vec<Keyed>,
    /// The sum of the hashes of the ids that all erased conversations have now.
    pseudonyms: u64,
    pub(crate) receipts: Vec<Erasure>,
    /// Those that cannot be read. With one of them, nothing may be written: erased events would come back.
    pub(crate) damaged: Vec<DamagedRecord>,
}

/// What was erased, as hashes with one key.
#[derive(Debug)]
struct Keyed {
    key: Key,
    hasher: Hasher,
    conversations: HashSet<KeyedHash>,
    events: HashSet<KeyedHash>,
}

impl Erasures {
    /// Reads all that can be read.
    pub(crate) fn load(storage: &dyn ReadStorage) -> Result<Self, StorageError> {
        let (stored, damaged) = load(storage)?;
        Ok(Self { damaged, ..Self::of(&stored) })
    }

    /// Those that are stored, with their numbers.
    pub(crate) fn of(stored: &Numbered<StoredErasure>) -> Self {
        let mut erasures = Self::default();
        stored.iter().for_each(|(number, erasure)| erasures.add(*number, erasure));
        erasures
    }

    fn add(&mut self, number: u64, erasure: &StoredErasure) {
        self.receipts.push(Erasure::of(number, erasure));
        self.pseudonyms = self.pseudonyms.wrapping_add(erasure.pseudonyms);
        let place = self.keyed.iter().position(|keyed| keyed.key == erasure.key).unwrap_or(self.keyed.len());
        if place == self.keyed.len() {
            let Some(hasher) = Hasher::new(&erasure.key) else { return };
            self.keyed.push(Keyed { key: erasure.key, hasher, conversations: HashSet::new(), events: HashSet::new() });
        }
        if let Some(keyed) = self.keyed.get_mut(place) {
            keyed.conversations.extend(&erasure.conversations);
            keyed.events.extend(&erasure.events);
        }
    }

    /// Whether events of a conversation with this id were erased. Others need not be asked about one by one.
    pub(crate) fn have_conversation(&self, id: &str) -> bool {
        self.keyed.iter().any(|keyed| keyed.conversations.contains(&keyed.hasher.conversation(id)))
    }

    /// Whether this event, or another one with its identity, was erased.
    pub(crate) fn have_event(&self, event: EventRef<'_>) -> bool {
        self.keyed.iter().any(|keyed| keyed.events.contains(&keyed.hasher.event(event)))
    }

    /// A hash of what was erased, and of the ids in its place, whatever the order of the erasures was. Keyed hashes are random
    /// numbers, so their sum is a hash of all of them.
    pub(crate) fn sum(&self) -> u64 {
        let first = |bytes: &[u8]| bytes.first_chunk().copied().map_or(0, u64::from_le_bytes);
        let of = |keyed: &Keyed| {
            let hashes = keyed.conversations.iter().chain(&keyed.events).map(|hash| first(hash));
            hashes.fold(first(&keyed.key), u64::wrapping_add)
        };
        self.keyed.iter().map(of).fold(self.pseudonyms, u64::wrapping_add)
    }

    /// The erasure before which the state had this hash.
    pub(crate) fn of_state(&self, hash: StateHash) -> Option<&Erasure> {
        let with_key = |keyed: &Keyed| StateHash::from_bytes(keyed.hasher.state(hash)).to_string();
        let hashes: Vec<_> = self.keyed.iter().map(with_key).collect();
        self.receipts.iter().find(|receipt| hashes.contains(&receipt.keyed_hash_before))
    }

    /// The number of the last one; 0 if there is none.
    pub(crate) fn last(&self) -> u64 {
        self.receipts.last().map_or(0, |receipt| receipt.number)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.receipts.is_empty()
    }
}

/// Hashes ids with a key.
#[derive(Debug)]
pub(crate) struct Hasher(Hmac<Sha256>);

impl Hasher {
    /// Every length of a key is valid, so this never returns `None`.
    pub(crate) fn new(key: &Key) -> Option<Self> {
        Hmac::new_from_slice(key).map(Self).ok()
    }

    pub(crate) fn conversation(&self, id: &str) -> KeyedHash {
        self.hash(&[b"conversation", id.as_bytes()])
    }

    /// The hash of an event's identity, in its conversation. It stays the same when retention removes the text of the event: an
    /// erasure after that knows the event as it came, and one before it knows the event without its text.
    pub(crate) fn event(&self, event: EventRef<'_>) -> KeyedHash {
        let identity = event.identity();
        let form = if identity.was_content() { [0, 1] } else { [identity.part(), 0] };
        let (conversation, source, text) = (event.conversation(), event.source(), identity.text());
        self.hash(&[b"event", conversation.as_bytes(), source.as_bytes(), &form, text.as_bytes()])
    }

    /// The hash of a state hash.
    pub(crate) fn state(&self, hash: StateHash) -> [u8; 32] {
        self.whole(&[b"state", &hash.to_bytes()])
    }

    fn hash(&self, parts: &[&[u8]]) -> KeyedHash {
        self.whole(parts).first_chunk().copied().unwrap_or_default()
    }

    fn whole(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}
