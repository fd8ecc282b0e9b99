//! The events of a conversation that lost to another event with the same identity (rule I2).

use hashbrown::HashTable;

use crate::fact::Fact;
use crate::identity::{ContentHash, Identity};

/// The events that lost, in order of arrival.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conflicts {
    facts: Vec<Fact>,
    places: HashTable<Place>,
}

/// Where an event is in the list.
#[derive(Clone, Copy, Debug)]
struct Place {
    hash: u64,
    index: u32,
}

impl Conflicts {
    pub(crate) fn facts(&self) -> &[Fact] {
        &self.facts
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    #[expect(clippy::cast_possible_truncation, reason = "four billion events do not fit into memory")]
    pub(crate) fn push(&mut self, fact: Fact) {
        let place = Place { hash: hash(&fact.identity, fact.content), index: self.facts.len() as u32 };
        self.places.insert_unique(place.hash, place, |place| place.hash);
        self.facts.push(fact);
    }

    /// Whether an event with this identity and content lost.
    pub(crate) fn contain(&self, identity: &Identity, content: ContentHash) -> bool {
        if self.is_empty() {
            return false;
        }
        let is_it = |place: &Place| {
            let fact = self.facts.get(place.index as usize);
            fact.is_some_and(|fact| fact.content == content && fact.identity == *identity)
        };
        self.places.find(hash(identity, content), is_it).is_some()
    }

    /// Size on the heap in bytes, without the texts of the facts.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.facts.capacity() * size_of::<Fact>() + self.places.capacity() * (size_of::<Place>() + 1)
    }
}

impl FromIterator<Fact> for Conflicts {
    fn from_iter<I: IntoIterator<Item = Fact>>(facts: I) -> Self {
        let mut conflicts = Self::default();
        facts.into_iter().for_each(|fact| conflicts.push(fact));
        conflicts
    }
}

fn hash(identity: &Identity, content: ContentHash) -> u64 {
    identity.fingerprint() ^ content.low_bits().rotate_left(32)
}
