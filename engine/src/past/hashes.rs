//! The state hash of one conversation as it was known after each of several events.

use crate::board::Board;
use crate::effect::Seq;
use crate::fact::Fact;
use crate::hash::StateHash;
use crate::image::{ConversationImage, ImageError};

impl ConversationImage {
    /// What this conversation adds to the state hash (rule H1) as it was known after each of these events, which ascend.
    ///
    /// Calls `note` with an index into `seqs` and the difference from the seq before it, in ascending order, and only where
    /// an event arrived in between. So the sum of all differences up to an index is the hash there.
    ///
    /// Each event is applied once, in the order of arrival, however many of the seqs are after it.
    ///
    /// # Errors
    /// [`ImageError`] if the image is invalid.
    pub fn hashes_known_at(&self, seqs: &[Seq], mut note: impl FnMut(usize, StateHash)) -> Result<(), ImageError> {
        self.check()?;
        let place_of = |fact: &Fact<'_>| seqs.partition_point(|seq| *seq < fact.seq);
        let (mut board, mut before) = (Board::new(), StateHash::default());
        for arrived in self.facts_in_log_order().chunk_by(|one, next| place_of(one) == place_of(next)) {
            let place = arrived.first().map_or(seqs.len(), place_of);
            if place == seqs.len() {
                break;
            }
            let mut edit = board.edit();
            for fact in arrived {
                edit.apply(fact.seq, &self.event(fact)?);
            }
            drop(edit);
            let now = board.state_hash();
            note(place, now.minus(before));
            before = now;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::tests::{any_events, board, numbers};

    #[test]
    fn the_sum_of_the_differences_is_the_hash_of_the_events_known_by_then() {
        for seed in 0..32_u64 {
            let mut next = numbers(seed + 7);
            let events = any_events(seed, 4 + next(40));
            let image = board(&events).image(0).unwrap();
            let last = image.facts.iter().chain(image.conflicts.iter()).map(|fact| fact.seq).max().unwrap();
            let mut seqs: Vec<Seq> = (0..last + 3).filter(|_| next(3) == 0).collect();
            let mut found = vec![StateHash::default(); seqs.len()];
            let mut noted = Vec::new();
            let note = |place: usize, more: StateHash| {
                noted.push(place);
                found[place] = more;
            };
            image.hashes_known_at(&seqs, note).unwrap();
            assert!(noted.is_sorted_by(|a, b| a < b), "seed {seed}: {noted:?}");
            let mut sum = StateHash::default();
            for (seq, more) in seqs.drain(..).zip(found) {
                sum = sum.plus(more);
                let mut known = Board::new();
                for (number, event) in (1..=seq).zip(&events) {
                    known.edit().apply(number, event);
                }
                assert_eq!(sum, known.state_hash(), "seed {seed}, seq {seq}");
            }
        }
    }
}
