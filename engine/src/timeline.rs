//! The events of a conversation in the order of T2.

use crate::event::{At, EventRef, Kind};
use crate::fact::Fact;
use crate::identity::Identity;
use crate::time::Time;

/// The maximum number of facts in a chunk. An insertion or a removal moves at most the facts of one chunk.
const CHUNK_FACTS: usize = if cfg!(test) { 8 } else { 128 };

/// The usual number of events. Reserving space for them at once avoids repeated moves of the first ones.
const USUAL_FACTS: usize = 16;

/// Facts in the order of T2: those with a time, then those without, which are in the order of their own times.
///
/// The facts are stored in chunks, so that adding or removing one costs the same wherever it belongs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    /// No chunk is empty.
    chunks: Vec<Vec<Fact>>,
    len: usize,
    /// The number of facts with a time.
    timed: usize,
}

impl Timeline {
    /// Sorts these facts.
    pub(crate) fn new(mut facts: Vec<Fact>) -> Self {
        facts.sort_by(Fact::order);
        let (len, timed) = (facts.len(), facts.iter().filter(|fact| is_timed(fact)).count());
        if len <= CHUNK_FACTS {
            let chunks = if facts.is_empty() { Vec::new() } else { vec![facts] };
            return Self { chunks, len, timed };
        }
        let mut facts = facts.into_iter();
        let chunk = || Some(facts.by_ref().take(CHUNK_FACTS).collect()).filter(|chunk: &Vec<_>| !chunk.is_empty());
        Self { chunks: std::iter::from_fn(chunk).collect(), len, timed }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The number of facts with a time. They precede the others.
    pub(crate) fn timed_len(&self) -> usize {
        self.timed
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Fact> {
        self.chunks.iter().flatten()
    }

    /// The facts with a time, without the first `skipped`.
    pub(crate) fn timed_after(&self, skipped: usize) -> impl Iterator<Item = &Fact> {
        self.after(skipped).take(self.timed.saturating_sub(skipped))
    }

    /// The facts without a time.
    pub(crate) fn untimed(&self) -> impl Iterator<Item = &Fact> {
        self.after(self.timed)
    }

    /// The facts without a time, with their times by rule T3, in the order of T2.
    pub(crate) fn untimed_in_order(&self) -> Vec<(Time, &Fact)> {
        let latest = self.timed.checked_sub(1).and_then(|last| self.get(last)).map(|fact| fact.at.alone());
        let at = |fact: &Fact| match latest {
            Some(latest) => fact.started.map_or(latest, |started| started.max(latest)),
            None => fact.at.alone(),
        };
        let mut facts: Vec<_> = self.untimed().map(|fact| (at(fact), fact)).collect();
        facts.sort_by(|(a_at, a), (b_at, b)| a_at.cmp(b_at).then_with(|| a.identity.cmp(&b.identity)));
        facts
    }

    fn after(&self, skipped: usize) -> impl Iterator<Item = &Fact> {
        let (chunk, skipped) = self.locate(skipped);
        self.chunks.get(chunk..).unwrap_or_default().iter().flatten().skip(skipped)
    }

    pub(crate) fn get(&self, place: usize) -> Option<&Fact> {
        let (chunk, offset) = self.locate(place);
        self.chunks.get(chunk)?.get(offset)
    }

    /// The chunk with the fact at this index, and its index in the chunk.
    fn locate(&self, place: usize) -> (usize, usize) {
        let mut offset = place;
        for (chunk, facts) in self.chunks.iter().enumerate() {
            if offset < facts.len() {
                return (chunk, offset);
            }
            offset -= facts.len();
        }
        (self.chunks.len(), offset)
    }

    fn place_of(&self, chunk: usize, offset: usize) -> usize {
        offset + self.chunks.iter().take(chunk).map(Vec::len).sum::<usize>()
    }

    /// Inserts a fact. Returns its index.
    pub(crate) fn insert(&mut self, fact: Fact) -> usize {
        self.timed += usize::from(is_timed(&fact));
        self.len += 1;
        let is_last = self.chunks.last().and_then(|facts| facts.last()).is_none_or(|last| last.order(&fact).is_lt());
        if is_last {
            self.push(fact);
            return self.len - 1;
        }
        // Not after the last fact, so there is a chunk with a later fact.
        let ends_before = |facts: &Vec<Fact>| facts.last().is_some_and(|last| last.order(&fact).is_lt());
        let mut chunk = self.chunks.partition_point(ends_before);
        let Some(facts) = self.chunks.get_mut(chunk) else { return self.len - 1 };
        let mut offset = facts.partition_point(|known| known.order(&fact).is_lt());
        if facts.len() < CHUNK_FACTS {
            facts.insert(offset, fact);
        } else {
            let mut upper = facts.split_off(CHUNK_FACTS / 2);
            if offset <= facts.len() {
                facts.insert(offset, fact);
                self.chunks.insert(chunk + 1, upper);
            } else {
                offset -= facts.len();
                upper.insert(offset, fact);
                chunk += 1;
                self.chunks.insert(chunk, upper);
            }
        }
        self.place_of(chunk, offset)
    }

    fn push(&mut self, fact: Fact) {
        match self.chunks.last_mut() {
            Some(facts) if facts.len() < CHUNK_FACTS => facts.push(fact),
            last => {
                let mut facts = Vec::with_capacity(if last.is_none() { USUAL_FACTS } else { CHUNK_FACTS });
                facts.push(fact);
                self.chunks.push(facts);
            }
        }
    }

    /// Removes the fact at an index.
    pub(crate) fn remove(&mut self, place: usize) -> Option<Fact> {
        let (chunk, offset) = self.locate(place);
        let facts = self.chunks.get_mut(chunk).filter(|facts| offset < facts.len())?;
        let fact = facts.remove(offset);
        if facts.is_empty() {
            self.chunks.remove(chunk);
        }
        self.len -= 1;
        self.timed -= usize::from(is_timed(&fact));
        Some(fact)
    }

    /// The index of the fact with the event's identity, if it also has the event's time and rank. A duplicate has both.
    pub(crate) fn find(&self, event: EventRef<'_>) -> Option<usize> {
        self.find_at(event.at(), event.kind(), event.identity())
    }

    /// The index of the fact with this time, rank and identity.
    pub(crate) fn find_at(&self, at: At, kind: Kind, identity: &Identity) -> Option<usize> {
        let order = |fact: &Fact| fact.order_among(at, kind, identity);
        let ends_before = |facts: &Vec<Fact>| facts.last().is_some_and(|last| order(last).is_lt());
        let chunk = self.chunks.partition_point(ends_before);
        let offset = self.chunks.get(chunk)?.binary_search_by(order).ok()?;
        Some(self.place_of(chunk, offset))
    }

    /// Size on the heap in bytes, without the texts of the facts.
    pub(crate) fn heap_bytes(&self) -> usize {
        // All chunks except the first have the capacity of a whole chunk, or nearly.
        let first = self.chunks.first().map_or(0, Vec::capacity);
        let facts = first + self.chunks.len().saturating_sub(1) * CHUNK_FACTS;
        self.chunks.capacity() * size_of::<Vec<Fact>>() + facts * size_of::<Fact>()
    }

    /// Frees unused capacity.
    pub(crate) fn shrink(&mut self) {
        self.chunks.iter_mut().for_each(Vec::shrink_to_fit);
        self.chunks.shrink_to_fit();
    }
}

fn is_timed(fact: &Fact) -> bool {
    matches!(fact.at, At::Timed(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::Draft;
    use crate::event::Event;
    use crate::fact::comparisons;

    fn event(ms: i64, id: &str) -> Event {
        let draft = Draft::new("test", "c", Kind::Message, Time::from_ms(ms)).identity(Identity::given(id, 0));
        draft.build().unwrap()
    }

    fn insert(timeline: &mut Timeline, ms: i64, id: &str) -> usize {
        timeline.insert(Fact::new(0, event(ms, id).as_ref(), 0, None))
    }

    fn ids(timeline: &Timeline) -> Vec<String> {
        timeline.iter().map(|fact| fact.identity.text().into_owned()).collect()
    }

    /// A permutation of `0..count`, for a count that is no multiple of 7919.
    fn shuffled(count: i64) -> impl Iterator<Item = i64> {
        (0..count).map(move |number| number * 7919 % count)
    }

    #[test]
    fn facts_are_in_order_from_any_order() {
        let mut timeline = Timeline::default();
        let places: Vec<_> =
            [(3, "c"), (1, "a"), (4, "d"), (2, "b")].map(|(ms, id)| insert(&mut timeline, ms, id)).to_vec();
        assert_eq!(places, [0, 0, 2, 1]);
        assert_eq!(ids(&timeline), ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_close_without_a_time_is_after_all_facts_with_one() {
        let mut timeline = Timeline::default();
        let close = |ms, id| {
            let draft = Draft { started: Time::from_ms(ms), ..Draft::new("test", "c", Kind::Close, None) };
            Fact::new(0, draft.identity(Identity::given(id, 0)).build().unwrap().as_ref(), 0, None)
        };
        let places: Vec<_> = [close(9, "y"), close(3, "x")].map(|fact| timeline.insert(fact)).to_vec();
        assert_eq!((places, insert(&mut timeline, 5, "a"), timeline.timed_len()), (vec![0, 0], 0, 1));
        assert_eq!(ids(&timeline), ["a", "x", "y"]);
        assert_eq!(timeline.untimed().count(), 2);
        assert_eq!(timeline.timed_after(0).count(), 1);
        timeline.remove(1);
        assert_eq!((timeline.len(), timeline.timed_len()), (2, 1));
    }

    #[test]
    fn every_fact_is_found_read_and_removed_across_chunks() {
        const COUNT: i64 = 1_000;
        let mut timeline = Timeline::default();
        for ms in shuffled(COUNT) {
            let place = insert(&mut timeline, ms, &ms.to_string());
            assert_eq!(timeline.get(place).unwrap().identity.text(), ms.to_string());
        }
        let sorted = Timeline::new(timeline.iter().cloned().collect());
        assert_eq!(ids(&timeline), ids(&sorted));
        for timeline in [&mut timeline, &mut sorted.clone()] {
            for ms in shuffled(COUNT) {
                let place = timeline.find(event(ms, &ms.to_string()).as_ref()).unwrap();
                assert_eq!(timeline.timed_after(place).next(), timeline.get(place));
                assert_eq!(timeline.find(event(ms, "x").as_ref()), None);
                assert_eq!(timeline.remove(place).unwrap().identity.text(), ms.to_string());
                assert_eq!(timeline.find(event(ms, &ms.to_string()).as_ref()), None);
            }
            assert_eq!((timeline.len(), timeline.remove(0)), (0, None));
        }
    }

    #[test]
    fn a_chunk_splits_around_a_new_fact() {
        let chunk = CHUNK_FACTS as i64;
        for ms in [0, 1, chunk - 1, chunk + 1, 2 * chunk - 1, 2 * chunk + 1] {
            let facts = (0..2 * chunk).map(|ms| Fact::new(0, event(2 * ms, "f").as_ref(), 0, None));
            let mut timeline = Timeline::new(facts.collect());
            let place = insert(&mut timeline, ms, "new");
            assert_eq!(timeline.get(place).unwrap().identity.text(), "new");
            let times: Vec<_> = timeline.iter().map(|fact| fact.at).collect();
            assert!(times.is_sorted() && times.len() == 2 * CHUNK_FACTS + 1, "{ms}");
        }
    }

    #[test]
    fn insertions_and_searches_compare_logarithmically_many_facts() {
        let mut per_fact = Vec::new();
        for count in [1_000, 16_000] {
            let mut timeline = Timeline::default();
            let made = comparisons(|| {
                for ms in shuffled(count) {
                    insert(&mut timeline, ms, "f");
                    timeline.find(event(ms, "f").as_ref()).unwrap();
                }
            });
            per_fact.push(made / count as u64);
        }
        assert!(per_fact[1] <= per_fact[0] + 3 * 4, "{per_fact:?}");
    }
}
