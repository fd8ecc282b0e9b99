//! The events of a conversation that lost to another event with the same identity (rule I2).

use hashbrown::HashTable;

use crate::event::EventRef;
use crate::fact::{Fact, short};
use crate::facts::Facts;
use crate::fold::Lists;

/// The events that lost, in order of arrival. Nearly every conversation has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conflicts(Option<Box<Inner>>);

#[derive(Clone, Debug, Default)]
struct Inner {
    facts: Facts,
    places: HashTable<Place>,
}

/// Where an event is in the list.
#[derive(Clone, Copy, Debug)]
struct Place {
    hash: u64,
    index: u32,
}

impl Conflicts {
    pub(crate) fn of(facts: Facts) -> Self {
        if facts.is_empty() {
            return Self::default();
        }
        let mut places = HashTable::with_capacity(facts.len());
        for (index, fact) in (0..).zip(facts.iter()) {
            let hash = hash(fact.short_fingerprint(), fact.check);
            places.insert_unique(hash, Place { hash, index }, |place| place.hash);
        }
        Self(Some(Box::new(Inner { facts, places })))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Fact<'_>> {
        self.0.iter().flat_map(|inner| inner.facts.iter())
    }

    /// A copy of the facts.
    pub(crate) fn facts(&self) -> Facts {
        self.0.as_ref().map(|inner| inner.facts.clone()).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |inner| inner.facts.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Adds a fact with the identity of this event.
    pub(crate) fn push(&mut self, fact: &Fact<'_>, event: EventRef<'_>) {
        let Inner { facts, places } = &mut **self.0.get_or_insert_default();
        let hash = hash(short(event.fingerprint()), fact.check);
        let index = u32::try_from(facts.len()).unwrap_or(u32::MAX);
        places.insert_unique(hash, Place { hash, index }, |place| place.hash);
        facts.push(fact);
    }

    /// Whether an event with this event's identity lost.
    pub(crate) fn have_identity(&self, event: EventRef<'_>, lists: Lists<'_>) -> bool {
        self.iter().any(|fact| fact.identity(lists) == *event.identity())
    }

    /// Whether this event lost.
    pub(crate) fn contain(&self, event: EventRef<'_>, lists: Lists<'_>) -> bool {
        let Some(Inner { facts, places }) = self.0.as_deref() else { return false };
        let is_it = |place: &Place| {
            let fact = facts.get(place.index as usize);
            let fact = fact.filter(|fact| fact.check == event.content().check());
            fact.is_some_and(|fact| fact.content(lists) == event.content() && fact.identity(lists) == *event.identity())
        };
        let hash = hash(short(event.fingerprint()), event.content().check());
        places.find(hash, is_it).is_some()
    }

    /// The size on the heap in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let bytes = |Inner { facts, places }: &Inner| {
            size_of::<Inner>() + facts.heap_bytes() + places.capacity() * (size_of::<Place>() + 1)
        };
        self.0.as_deref().map_or(0, bytes)
    }
}

fn hash(fingerprint: u32, check: u32) -> u64 {
    u64::from(fingerprint) << 32 | u64::from(check)
}
