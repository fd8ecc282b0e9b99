//! The identities that a conversation has seen, looked up once for every event that arrives.

use hashbrown::{HashSet, HashTable};

use crate::event::{At, EventRef};
use crate::fact::{Fact, Place, short};
use crate::fold::Lists;
use crate::timeline::Timeline;

/// The maximum number of identities for a linear search, which is faster than hashing for short conversations.
const LINEAR_UP_TO: usize = if cfg!(test) { 8 } else { 64 };

/// The fingerprints of all identities of a conversation.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// The lower halves of all fingerprints, while there are few of them.
    Few(Vec<u32>),
    Many(Box<HashSet<u64>>),
    /// Once an event with a known identity and another time or rank arrived.
    Keys(Box<HashTable<Key>>),
}

impl Default for Known {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

/// What finds a fact in the timeline, except its identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    fingerprint: u64,
    at: At,
    rank: u8,
}

impl Key {
    pub(crate) fn of(event: EventRef<'_>) -> Self {
        Self { fingerprint: event.fingerprint(), at: event.at(), rank: event.kind().rank() }
    }

    pub(crate) fn of_fact(fact: &Fact<'_>, lists: Lists<'_>) -> Self {
        Self { fingerprint: fact.fingerprint(lists), at: fact.at, rank: fact.kind.rank() }
    }
}

impl Known {
    /// The identities of these facts.
    pub(crate) fn of(facts: &Timeline, lists: Lists<'_>) -> Self {
        if facts.len() <= LINEAR_UP_TO {
            return Self::Few(facts.iter().map(|fact| fact.short_fingerprint()).collect());
        }
        Self::Many(Box::new(facts.iter().map(|fact| fact.fingerprint(lists)).collect()))
    }

    /// `false` is certain; `true` can be a collision of fingerprints.
    pub(crate) fn may_contain(&self, fingerprint: u64) -> bool {
        match self {
            Self::Few(few) => few.contains(&short(fingerprint)),
            Self::Many(many) => many.contains(&fingerprint),
            Self::Keys(keys) => keys.find(fingerprint, |key| key.fingerprint == fingerprint).is_some(),
        }
    }

    /// Adds the identity of a fact, which is among these facts.
    pub(crate) fn insert(&mut self, key: Key, facts: &Timeline, lists: Lists<'_>) {
        match self {
            Self::Few(few) if few.len() < LINEAR_UP_TO => few.push(short(key.fingerprint)),
            Self::Few(_) => *self = Self::of(facts, lists),
            Self::Many(many) => {
                many.insert(key.fingerprint);
            }
            Self::Keys(keys) => {
                keys.insert_unique(key.fingerprint, key, |key| key.fingerprint);
            }
        }
    }

    /// Notes that a fact was replaced by another one with the same identity.
    pub(crate) fn replace(&mut self, before: Key, now: Key) {
        if let Self::Keys(keys) = self
            && let Some(key) = keys.find_mut(before.fingerprint, |key| *key == before)
        {
            *key = now;
        }
    }

    /// The index of the fact with this event's identity, whatever its time and kind.
    pub(crate) fn find(&mut self, event: EventRef<'_>, facts: &Timeline, lists: Lists<'_>) -> Option<usize> {
        let (identity, fingerprint) = (event.identity(), event.fingerprint());
        if facts.len() <= LINEAR_UP_TO {
            let is_it =
                |fact: Fact<'_>| fact.short_fingerprint() == short(fingerprint) && fact.identity(lists) == *identity;
            return facts.iter().position(is_it);
        }
        if !matches!(self, Self::Keys(_)) {
            *self = Self::Keys(Box::new(keys_of(facts, lists)));
        }
        let Self::Keys(keys) = self else { return None };
        let same = keys.iter_hash(fingerprint).filter(|key| key.fingerprint == fingerprint);
        let mut places = same.map(|Key { at, rank, .. }| Place { at: *at, rank: *rank, identity });
        places.find_map(|place| facts.find(&place, lists))
    }

    /// Approximate size on the heap, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        // A table has a byte of its own for each place.
        match self {
            Self::Few(few) => few.capacity() * size_of::<u32>(),
            Self::Many(many) => size_of::<HashSet<u64>>() + many.capacity() * (size_of::<u64>() + 1),
            Self::Keys(keys) => size_of::<HashTable<Key>>() + keys.capacity() * (size_of::<Key>() + 1),
        }
    }

    /// Frees unused capacity.
    pub(crate) fn shrink(&mut self) {
        if let Self::Few(few) = self {
            few.shrink_to_fit();
        }
    }
}

fn keys_of(facts: &Timeline, lists: Lists<'_>) -> HashTable<Key> {
    let mut keys = HashTable::with_capacity(facts.len());
    for key in facts.iter().map(|fact| Key::of_fact(&fact, lists)) {
        keys.insert_unique(key.fingerprint, key, |key| key.fingerprint);
    }
    keys
}
