//! The map from ids to slots. It is the only structure with an entry for every conversation, so it has to be small.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::index::Slot;

/// 64 bits of every id, by slot, and the slots by these bits. Takes 14 to 20 bytes per conversation, independent of the
/// length of the ids.
///
/// Two ids can share their 64 bits, so a lookup can find another conversation. The caller has to compare the id.
#[derive(Debug, Default)]
pub(crate) struct IdMap {
    fingerprints: Vec<u64>,
    slots: HashTable<Slot>,
}

/// The 64 bits of an id. Checkpoints contain them, so they are the same on every machine and in every version.
pub(crate) fn fingerprint(id: &str) -> u64 {
    xxh3_64(id.as_bytes())
}

impl IdMap {
    /// The number of slots.
    pub(crate) fn len(&self) -> usize {
        self.fingerprints.len()
    }

    pub(crate) fn slot_count(&self) -> Slot {
        Slot::try_from(self.len()).unwrap_or(Slot::MAX)
    }

    /// The slot of the conversation with these bits for which `is_it` returns true.
    pub(crate) fn find(&self, fingerprint: u64, mut is_it: impl FnMut(Slot) -> bool) -> Option<Slot> {
        let found = self.slots.find(fingerprint, |slot| self.fingerprint(*slot) == Some(fingerprint) && is_it(*slot));
        found.copied()
    }

    /// The first slot of a conversation with these bits for which `is_it` returns true.
    pub(crate) fn find_first(&self, fingerprint: u64, is_it: impl Fn(Slot) -> bool) -> Option<Slot> {
        let same = self.slots.iter_hash(fingerprint).copied();
        same.filter(|slot| self.fingerprint(*slot) == Some(fingerprint) && is_it(*slot)).min()
    }

    pub(crate) fn fingerprint(&self, slot: Slot) -> Option<u64> {
        self.fingerprints.get(slot as usize).copied()
    }

    /// Adds the next slot, for an id with these bits.
    pub(crate) fn add(&mut self, fingerprint: u64) -> Slot {
        let slot = self.slot_count();
        let Self { fingerprints, slots } = self;
        fingerprints.push(fingerprint);
        let hash = |slot: &Slot| fingerprints.get(*slot as usize).copied().unwrap_or_default();
        slots.insert_unique(fingerprint, slot, hash);
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_found_at_its_slot_only() {
        let ids: Vec<String> = (0..10_000).map(|number| format!("conversation-{number}")).collect();
        let mut id_map = IdMap::default();
        for id in &ids {
            id_map.add(fingerprint(id));
        }
        for (slot, id) in (0..).zip(&ids) {
            assert_eq!(id_map.find(fingerprint(id), |_| true), Some(slot));
        }
        assert_eq!(id_map.find(fingerprint("another"), |_| true), None);
    }

    #[test]
    fn ids_with_the_same_bits_have_different_slots() {
        let mut id_map = IdMap::default();
        assert_eq!((id_map.add(7), id_map.add(7)), (0, 1));
        for wanted in [0, 1] {
            assert_eq!(id_map.find(7, |slot| slot == wanted), Some(wanted));
        }
        assert_eq!(id_map.find(7, |_| false), None);
        // The order stays when the table grows.
        for number in 0..1_000 {
            id_map.add(if number % 10 == 0 { 7 } else { fingerprint(&number.to_string()) });
        }
        let mut found = vec![];
        while let Some(slot) = id_map.find_first(7, |slot| found.last().is_none_or(|last| slot > *last)) {
            found.push(slot);
        }
        assert_eq!(found, [0, 1].into_iter().chain((2..1_002).step_by(10)).collect::<Vec<_>>());
    }

    /// Checkpoints contain these values.
    #[test]
    fn the_bits_of_an_id_never_change() {
        assert_eq!(fingerprint("case-7"), 7_584_310_530_729_352_584);
    }
}
