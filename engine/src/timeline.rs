//! The events of a conversation with a time, in the order of T2.

use std::cmp::Ordering;

use crate::event::Event;
use crate::fact::Fact;

/// The usual number of events. Reserving space for them at once avoids repeated moves of the first ones.
const USUAL_EVENTS: usize = 16;

/// Sorted facts, followed by recently added facts that are not sorted yet.
///
/// These are sorted together. One by one, a log in reverse order would move every fact for every fact.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    facts: Vec<Fact>,
    /// The number of leading facts that are sorted and precede all others.
    sorted: usize,
    /// The index of the fact that is last in order.
    latest: usize,
}

impl Timeline {
    pub(crate) fn new(facts: Vec<Fact>) -> Self {
        let mut timeline = Self { facts, ..Self::default() };
        timeline.sort(0);
        timeline
    }

    /// All facts; sorted only directly after [`Timeline::sort`].
    pub(crate) fn facts(&self) -> &[Fact] {
        &self.facts
    }

    pub(crate) fn len(&self) -> usize {
        self.facts.len()
    }

    /// The fact that is last in order.
    pub(crate) fn latest(&self) -> Option<&Fact> {
        self.facts.get(self.latest)
    }

    /// Adds a fact. Returns whether it is the last in order.
    pub(crate) fn push(&mut self, fact: Fact) -> bool {
        let is_latest = self.latest().is_none_or(|latest| latest.order(&fact).is_lt());
        if is_latest {
            self.latest = self.facts.len();
            self.sorted += usize::from(self.sorted == self.facts.len());
        }
        if self.facts.is_empty() {
            self.facts.reserve(USUAL_EVENTS);
        }
        self.facts.push(fact);
        is_latest
    }

    /// Sorts all facts. Returns whether the first `kept` of the sorted facts are still the first.
    pub(crate) fn sort(&mut self, kept: usize) -> bool {
        let (sorted, new) = self.facts.split_at(self.sorted);
        if new.is_empty() {
            return true;
        }
        let last_kept = kept.checked_sub(1).and_then(|last| sorted.get(last));
        let is_kept = last_kept.is_none_or(|last| new.iter().all(|fact| fact.order(last).is_gt()));
        // The sort merges existing runs, so the sorted prefix costs one comparison per fact.
        self.facts.sort_by(Fact::order);
        self.sorted = self.facts.len();
        self.latest = self.facts.len().saturating_sub(1);
        is_kept
    }

    /// The index of the fact with the event's identity.
    ///
    /// A duplicate has the same rank in the order as the known event. Only a conflict needs a search of all facts.
    pub(crate) fn find(&self, event: &Event) -> Option<usize> {
        let (sorted, new) = self.facts.split_at(self.sorted);
        let order = |fact: &Fact| fact.order_among(event.at(), event.kind(), event.identity());
        if let Ok(place) = sorted.binary_search_by(order) {
            return Some(place);
        }
        let is_it = |fact: &Fact| fact.identity == *event.identity();
        let among_new = new.iter().position(is_it).map(|place| self.sorted + place);
        among_new.or_else(|| sorted.iter().position(is_it))
    }

    pub(crate) fn get(&self, place: usize) -> Option<&Fact> {
        self.facts.get(place)
    }

    /// Removes the fact at an index, which must be valid.
    pub(crate) fn remove(&mut self, place: usize) -> Fact {
        let fact = self.facts.remove(place);
        self.sorted -= usize::from(place < self.sorted);
        let by_order = |a: &(usize, &Fact), b: &(usize, &Fact)| -> Ordering { a.1.order(b.1) };
        self.latest = self.facts.iter().enumerate().max_by(by_order).map_or(0, |(place, _)| place);
        fact
    }

    /// The capacity in facts.
    pub(crate) fn capacity(&self) -> usize {
        self.facts.capacity()
    }

    pub(crate) fn shrink(&mut self) {
        self.facts.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::Draft;
    use crate::event::Kind;
    use crate::identity::Identity;
    use crate::time::Time;

    fn event(ms: i64, id: &str) -> Event {
        let draft = Draft::new("test", "c", Kind::Message, Time::from_ms(ms)).identity(Identity::given(id, 0));
        draft.build().unwrap()
    }

    fn push(timeline: &mut Timeline, ms: i64, id: &str) -> bool {
        timeline.push(Fact::new(0, &event(ms, id), 0, None))
    }

    fn ids(timeline: &Timeline) -> Vec<String> {
        timeline.facts().iter().map(|fact| fact.identity.text().into_owned()).collect()
    }

    #[test]
    fn facts_are_sorted_from_any_order() {
        let mut timeline = Timeline::default();
        let pushed = [(3, "c"), (1, "a"), (4, "d"), (2, "b")];
        let is_last: Vec<_> = pushed.iter().map(|(ms, id)| push(&mut timeline, *ms, id)).collect();
        assert_eq!(is_last, [true, false, true, false]);
        assert_eq!(timeline.latest().unwrap().identity.text(), "d");
        timeline.sort(0);
        assert_eq!(ids(&timeline), ["a", "b", "c", "d"]);
    }

    #[test]
    fn every_fact_is_found_before_and_after_sorting_and_by_another_time() {
        let mut timeline = Timeline::default();
        for (ms, id) in [(3, "c"), (1, "a"), (2, "b")] {
            push(&mut timeline, ms, id);
        }
        for _ in 0..2 {
            for (ms, id) in [(1, "a"), (2, "b"), (3, "c"), (9, "a")] {
                let place = timeline.find(&event(ms, id)).unwrap();
                assert_eq!(timeline.get(place).unwrap().identity.text(), id);
            }
            assert_eq!(timeline.find(&event(1, "x")), None);
            timeline.sort(0);
        }
    }

    #[test]
    fn sorting_tells_whether_the_first_facts_stayed_the_first() {
        let mut timeline = Timeline::default();
        push(&mut timeline, 1, "a");
        push(&mut timeline, 3, "c");
        push(&mut timeline, 2, "b");
        assert!(timeline.clone().sort(1));
        assert!(!timeline.sort(2));
        assert!(push(&mut timeline, 4, "d"));
        assert!(timeline.sort(3));
    }

    #[test]
    fn removing_a_fact_keeps_the_order() {
        for taken in 0..4 {
            let mut timeline = Timeline::default();
            for (ms, id) in [(1, "a"), (3, "c"), (4, "d"), (2, "b")] {
                push(&mut timeline, ms, id);
            }
            let gone = timeline.remove(taken).identity.text().into_owned();
            let late = push(&mut timeline, 0, "z");
            assert!(!late, "{gone}");
            assert!(push(&mut timeline, 5, "e"), "{gone}");
            timeline.sort(0);
            let expected = ["z", "a", "b", "c", "d", "e"].into_iter().filter(|id| *id != gone);
            assert_eq!(ids(&timeline), expected.collect::<Vec<_>>());
        }
    }
}
