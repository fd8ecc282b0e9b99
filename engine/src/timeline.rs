//! The events of a conversation in the order of T2.

use crate::chunk::Chunk;
use crate::event::At;
use crate::fact::{Fact, Place};
use crate::facts::Facts;
use crate::fold::Lists;
use crate::time::Time;

/// Facts in the order of T2: those with a time, then those without, which are in the order of their own times.
///
/// The facts are stored in chunks, so that adding or removing one costs the same wherever it belongs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    facts: Facts,
    /// The number of facts with a time.
    timed: usize,
}

impl Timeline {
    /// The timeline of facts in this order; `None` if it is not that of T2.
    pub(crate) fn of(facts: Facts, lists: Lists<'_>) -> Option<Self> {
        let mut timed = 0;
        let counted = facts.iter().inspect(|fact| timed += usize::from(fact.is_timed()));
        let is_ordered = counted.is_sorted_by(|a, b| a.compare(b, lists).is_lt());
        is_ordered.then_some(Self { facts, timed })
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(crate) fn len(&self) -> usize {
        self.facts.len()
    }

    /// The number of facts with a time. They precede the others.
    pub(crate) fn timed_len(&self) -> usize {
        self.timed
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Fact<'_>> {
        self.facts.iter()
    }

    /// The facts with a time, without the first `skipped`.
    pub(crate) fn timed_after(&self, skipped: usize) -> impl Iterator<Item = Fact<'_>> {
        self.facts.after(skipped).take(self.timed.saturating_sub(skipped))
    }

    /// The facts without a time.
    pub(crate) fn untimed(&self) -> impl Iterator<Item = Fact<'_>> {
        self.facts.after(self.timed)
    }

    /// The facts without a time, with their times by rule T3, in the order of T2.
    pub(crate) fn untimed_in_order(&self, lists: Lists<'_>) -> Vec<(Time, Fact<'_>)> {
        let latest = self.timed.checked_sub(1).and_then(|last| self.get(last)).map(|fact| fact.at.alone());
        untimed_in_order(self.untimed(), latest, lists)
    }

    /// The number of facts with a time up to this one. They are the first ones.
    pub(crate) fn timed_up_to(&self, at: Time) -> usize {
        let at = At::Timed(at);
        let index = self.facts.partition_point(|chunk| chunk.ends_up_to(at));
        let Some(chunk) = self.facts.chunk(index) else { return self.timed };
        self.facts.place_of(index, chunk.iter().take_while(|fact| fact.at <= at).count())
    }

    pub(crate) fn get(&self, place: usize) -> Option<Fact<'_>> {
        self.facts.get(place)
    }

    /// Inserts a fact where it belongs. Returns its index.
    pub(crate) fn insert(&mut self, fact: &Fact<'_>, place: &Place<'_>, lists: Lists<'_>) -> usize {
        self.timed += usize::from(fact.is_timed());
        if self.facts.last_chunk().order_of_last(place, lists).is_lt() {
            self.facts.push(fact);
            return self.len() - 1;
        }
        // Not after the last fact, so there is a chunk with a later fact.
        let chunk = self.chunk_of(place, lists);
        let (gap, _) = self.facts.chunk_or_last(chunk).gap_at(place, lists);
        let index = self.facts.place_of(chunk, gap.offset);
        self.facts.insert(chunk, &gap, fact);
        index
    }

    /// The index of the first chunk that does not end before this place.
    fn chunk_of(&self, place: &Place<'_>, lists: Lists<'_>) -> usize {
        self.facts.partition_point(|chunk: &Chunk| chunk.order_of_last(place, lists).is_lt())
    }

    /// Removes the fact at an index.
    pub(crate) fn remove(&mut self, place: usize) {
        self.timed -= usize::from(self.get(place).is_some_and(|fact| fact.is_timed()));
        self.facts.remove(place);
    }

    /// The index of the fact at this place.
    pub(crate) fn find(&self, place: &Place<'_>, lists: Lists<'_>) -> Option<usize> {
        let chunk = self.chunk_of(place, lists);
        let (gap, is_there) = self.facts.chunk(chunk)?.gap_at(place, lists);
        is_there.then(|| self.facts.place_of(chunk, gap.offset))
    }

    /// The size on the heap in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.facts.heap_bytes()
    }

    /// Frees unused capacity.
    pub(crate) fn shrink(&mut self) {
        self.facts.shrink();
    }
}

/// The time of a fact without one, by rule T3. `latest` is the latest time of the facts that have one.
pub(crate) fn untimed_at(fact: &Fact<'_>, latest: Option<Time>) -> Time {
    match latest {
        Some(latest) => fact.started.map_or(latest, |started| started.max(latest)),
        None => fact.at.alone(),
    }
}

/// Facts without a time, with their times by rule T3, in the order of T2.
pub(crate) fn untimed_in_order<'a>(
    facts: impl Iterator<Item = Fact<'a>>,
    latest: Option<Time>,
    lists: Lists<'_>,
) -> Vec<(Time, Fact<'a>)> {
    let mut facts: Vec<_> = facts.map(|fact| (untimed_at(&fact, latest), fact)).collect();
    facts.sort_by(|(a_at, a), (b_at, b)| a_at.cmp(b_at).then_with(|| a.identity(lists).cmp(&b.identity(lists))));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::{CHUNK_FACTS, copied_bytes};
    use crate::context::Context;
    use crate::draft::Draft;
    use crate::event::{Event, Kind};
    use crate::fact::comparisons;
    use crate::identity::Identity;

    fn event(ms: i64, id: &str) -> Event {
        let draft = Draft::new("test", "c", Kind::Message, Time::from_ms(ms)).identity(Identity::given(id, 0));
        draft.build().unwrap()
    }

    /// The contexts of all events here.
    fn contexts() -> Vec<Context> {
        vec![Context::of(&event(1, "x"))]
    }

    fn lists(contexts: &[Context]) -> Lists<'_> {
        Lists { contexts, sessions: &[] }
    }

    fn add(timeline: &mut Timeline, event: &Event) -> usize {
        timeline.insert(&Fact::new(0, event.as_ref(), 0, None), &Place::of(event.as_ref()), lists(&contexts()))
    }

    fn insert(timeline: &mut Timeline, ms: i64, id: &str) -> usize {
        add(timeline, &event(ms, id))
    }

    fn find(timeline: &Timeline, ms: i64, id: &str) -> Option<usize> {
        timeline.find(&Place::of(event(ms, id).as_ref()), lists(&contexts()))
    }

    fn id(fact: &Fact<'_>) -> String {
        fact.identity(lists(&[])).text().into_owned()
    }

    fn ids(timeline: &Timeline) -> Vec<String> {
        timeline.iter().map(|fact| id(&fact)).collect()
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
    fn t2_at_equal_times_the_identity_decides() {
        let mut timeline = Timeline::default();
        let places: Vec<_> = ["c", "a", "d", "b"].map(|id| insert(&mut timeline, 7, id)).to_vec();
        assert_eq!((places, ids(&timeline)), (vec![0, 0, 2, 1], ["a", "b", "c", "d"].map(str::to_owned).to_vec()));
    }

    #[test]
    fn a_close_without_a_time_is_after_all_facts_with_one() {
        let mut timeline = Timeline::default();
        let close = |ms, id| {
            let draft = Draft { started: Time::from_ms(ms), ..Draft::new("test", "c", Kind::Close, None) };
            draft.identity(Identity::given(id, 0)).build().unwrap()
        };
        let places: Vec<_> = [close(9, "y"), close(3, "x")].map(|event| add(&mut timeline, &event)).to_vec();
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
            assert_eq!(id(&timeline.get(place).unwrap()), ms.to_string());
        }
        let again = Timeline::of(timeline.iter().collect(), lists(&contexts())).unwrap();
        assert_eq!(ids(&timeline), ids(&again));
        for timeline in [&mut timeline, &mut again.clone()] {
            for ms in shuffled(COUNT) {
                let place = find(timeline, ms, &ms.to_string()).unwrap();
                assert_eq!(timeline.timed_after(place).next(), timeline.get(place));
                assert_eq!(find(timeline, ms, "x"), None);
                assert_eq!(id(&timeline.get(place).unwrap()), ms.to_string());
                timeline.remove(place);
                assert_eq!(find(timeline, ms, &ms.to_string()), None);
            }
            assert_eq!((timeline.len(), timeline.get(0)), (0, None));
        }
    }

    #[test]
    fn facts_in_another_order_are_refused() {
        let events = [event(1, "a"), event(1, "b"), event(2, "a")];
        let of = |order: [usize; 3]| {
            let facts = order.map(|place| Fact::new(0, events[place].as_ref(), 0, None)).into_iter().collect();
            Timeline::of(facts, lists(&contexts())).is_some()
        };
        assert!(of([0, 1, 2]));
        assert!(![[1, 0, 2], [0, 2, 1], [0, 0, 2]].into_iter().any(of));
    }

    #[test]
    fn a_chunk_splits_around_a_new_fact() {
        let chunk = i64::from(CHUNK_FACTS);
        for ms in [0, 1, chunk - 1, chunk + 1, 2 * chunk - 1, 2 * chunk + 1] {
            let events: Vec<_> = (0..2 * chunk).map(|ms| event(2 * ms, "f")).collect();
            let facts = events.iter().map(|event| Fact::new(0, event.as_ref(), 0, None)).collect();
            let mut timeline = Timeline::of(facts, lists(&contexts())).unwrap();
            let place = insert(&mut timeline, ms, "new");
            assert_eq!(id(&timeline.get(place).unwrap()), "new");
            let times: Vec<_> = timeline.iter().map(|fact| fact.at).collect();
            assert!(times.is_sorted() && times.len() == 2 * CHUNK_FACTS as usize + 1, "{ms}");
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
                    find(&timeline, ms, "f").unwrap();
                }
            });
            per_fact.push(made / count as u64);
        }
        assert!(per_fact[1] <= per_fact[0] + 3 * 4, "{per_fact:?}");
    }

    /// Otherwise each late event beside a text of 64 MiB copies it.
    #[test]
    fn facts_that_arrive_beside_a_long_text_do_not_copy_it_each_time() {
        let text = "x".repeat(1 << 20);
        let long = event(500, "long").draft().text(text.as_str()).build().unwrap();
        let mut timeline = Timeline::default();
        for ms in (0..1_000).step_by(10) {
            insert(&mut timeline, ms, "f");
        }
        let late = shuffled(1_000).filter(|ms| ms % 10 > 0);
        let copied = copied_bytes(|| {
            add(&mut timeline, &long);
            for ms in late {
                insert(&mut timeline, ms, if ms % 2 > 0 { "a" } else { "z" });
            }
        });
        assert!(copied <= 8 << 20, "{copied} bytes");
        let times: Vec<_> = timeline.iter().map(|fact| fact.at).collect();
        assert!(times.is_sorted() && times.len() == 1_001);
    }
}
