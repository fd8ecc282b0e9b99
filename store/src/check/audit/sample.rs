//! Selection of conversations.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The conversations that an audit compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sample {
    /// All conversations.
    All,
    /// A random sample.
    Random {
        /// Sample size; if it exceeds the number of conversations, all are selected.
        conversations: u64,
        /// The seed: the same seed selects the same conversations, as long as no conversation is added.
        seed: u64,
    },
}

impl Sample {
    /// The selected slots of a board with this number of slots, in order.
    pub(super) fn slots(self, slot_count: u32) -> Vec<u32> {
        let Self::Random { conversations, seed } = self else { return (0..slot_count).collect() };
        let count = usize::try_from(conversations).unwrap_or(usize::MAX);
        // The slots with the smallest hashes form a random sample, which is the same on every machine.
        let lot = |slot: u32| (xxh3_64_with_seed(&slot.to_le_bytes(), seed), slot);
        let mut lots: Vec<_> = (0..slot_count).map(lot).collect();
        if count < lots.len() {
            lots.select_nth_unstable(count);
            lots.truncate(count);
        }
        let mut slots: Vec<_> = lots.into_iter().map(|(_, slot)| slot).collect();
        slots.sort_unstable();
        slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(conversations: u64, seed: u64) -> Vec<u32> {
        Sample::Random { conversations, seed }.slots(1_000)
    }

    #[test]
    fn a_draw_has_as_many_as_were_asked_for_and_none_twice() {
        for count in [0, 1, 10, 999, 1_000, u64::MAX] {
            let mut slots = draw(count, 7);
            slots.dedup();
            assert_eq!(slots.len() as u64, count.min(1_000));
            assert!(slots.is_sorted());
        }
        assert_eq!(Sample::All.slots(3), [0, 1, 2]);
    }

    #[test]
    fn a_seed_draws_the_same_and_another_seed_others() {
        assert_eq!(draw(10, 7), draw(10, 7));
        assert_ne!(draw(10, 7), draw(10, 8));
    }
}
