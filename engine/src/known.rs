//! The identities that a conversation has seen, looked up once for every event that arrives.

use hashbrown::{HashSet, HashTable};

use crate::event::{At, Kind};
use crate::fact::Fact;
use crate::identity::Identity;
use crate::timeline::Timeline;

/// The maximum number of identities for a linear search, which is faster than hashing for short conversations.
const LINEAR_UP_TO: usize = if cfg!(test) { 8 } else { 64 };

/// The fingerprints of all identities of a conversation, and where its facts are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// All fingerprints while there are few of them.
    few: Vec<u64>,
    many: Option<HashSet<u64>>,
    /// Replaces `many` once an event with a known identity and another time or rank arrived.
    keys: Option<HashTable<Key>>,
}

/// What finds a fact in the timeline, except its identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    fingerprint: u64,
    at: At,
    kind: Kind,
}

impl Key {
    fn of(fact: &Fact) -> Self {
        Self { fingerprint: fact.identity.fingerprint(), at: fact.at, kind: fact.kind }
    }
}

impl Known {
    /// `false` is certain; `true` can be a collision of fingerprints.
    pub(crate) fn may_contain(&self, fingerprint: u64) -> bool {
        match (&self.keys, &self.many) {
            (Some(keys), _) => keys.find(fingerprint, |key| key.fingerprint == fingerprint).is_some(),
            (None, Some(many)) => many.contains(&fingerprint),
            (None, None) => self.few.contains(&fingerprint),
        }
    }

    /// Adds the identity of a fact.
    pub(crate) fn insert(&mut self, fact: &Fact) {
        let key = Key::of(fact);
        match (&mut self.keys, &mut self.many) {
            (Some(keys), _) => {
                keys.insert_unique(key.fingerprint, key, |key| key.fingerprint);
            }
            (None, Some(many)) => {
                many.insert(key.fingerprint);
            }
            (None, None) if self.few.len() < LINEAR_UP_TO => self.few.push(key.fingerprint),
            (None, None) => {
                let all = std::mem::take(&mut self.few).into_iter().chain([key.fingerprint]);
                self.many = Some(all.collect());
            }
        }
    }

    /// Notes that a fact was replaced by another one with the same identity.
    pub(crate) fn replace(&mut self, before: &Fact, now: &Fact) {
        let (before, now) = (Key::of(before), Key::of(now));
        let known = self.keys.as_mut().and_then(|keys| keys.find_mut(before.fingerprint, |key| *key == before));
        if let Some(key) = known {
            *key = now;
        }
    }

    /// The index of the fact with this identity, whatever its time and kind.
    pub(crate) fn find(&mut self, identity: &Identity, facts: &Timeline) -> Option<usize> {
        if facts.len() <= LINEAR_UP_TO {
            return facts.iter().position(|fact| fact.identity == *identity);
        }
        self.many = None;
        let keys = self.keys.get_or_insert_with(|| keys_of(facts));
        let fingerprint = identity.fingerprint();
        let same = keys.iter_hash(fingerprint).filter(|key| key.fingerprint == fingerprint);
        same.filter_map(|key| facts.find_at(key.at, key.kind, identity)).next()
    }

    /// Approximate size on the heap, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        // A table has a byte of its own for each place.
        let many = self.many.as_ref().map_or(0, |many| many.capacity() * (size_of::<u64>() + 1));
        let keys = self.keys.as_ref().map_or(0, |keys| keys.capacity() * (size_of::<Key>() + 1));
        self.few.capacity() * size_of::<u64>() + many + keys
    }

    /// Frees unused capacity.
    pub(crate) fn shrink(&mut self) {
        self.few.shrink_to_fit();
    }
}

fn keys_of(facts: &Timeline) -> HashTable<Key> {
    let mut keys = HashTable::with_capacity(facts.len());
    for key in facts.iter().map(Key::of) {
        keys.insert_unique(key.fingerprint, key, |key| key.fingerprint);
    }
    keys
}
