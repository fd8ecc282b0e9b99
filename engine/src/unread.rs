//! Unread messages, and unread counts stated by the source (rules F7 and F10).

use crate::ranks::{Ranks, count_from};
use crate::time::Time;
use crate::trail::Trail;

/// Two stamps of one happening can differ by less than this (rules F7 and F10).
const ONE_HAPPENING_NS: i128 = 1_000_000_000;

/// Whether a message at this time, ordered before a count that holds as of another time, is not in that count.
pub(crate) fn is_past(time: Time, as_of: Time) -> bool {
    #[cfg(test)]
    tests::READS.set(tests::READS.get() + 1);
    time.ns_since(as_of) >= ONE_HAPPENING_NS
}

/// The number of entries before an entry.
type Position = u32;

#[expect(clippy::cast_possible_truncation, reason = "four billion entries do not fit into memory")]
fn position(entries: usize) -> Position {
    entries as Position
}

/// The base of counting, and the messages since.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    unread: u64,
    /// The "as of" time, if the base is a stated count: only later messages are added to it.
    as_of: Option<Time>,
}

impl Count {
    /// Adds a message that is ordered after the base.
    fn add(&mut self, time: Time) {
        if self.as_of.is_none_or(|as_of| time > as_of) {
            self.unread = self.unread.saturating_add(1);
        }
    }
}

/// An outbound message.
#[derive(Clone, Copy, Debug)]
struct Outbound {
    position: Position,
    time: Time,
    /// The number of inbound messages before it.
    inbound: u32,
}

/// An unread count that a lifecycle event states.
#[derive(Clone, Copy, Debug)]
struct Stated {
    position: Position,
    expected: u64,
    as_of: Time,
    at: Time,
    /// The number of inbound messages before it.
    inbound: u32,
    /// What is held at it, without later messages.
    held: Count,
    /// Whether the base of what is held is an outbound message with a later time than `as_of`, by less than a second.
    is_base_later: bool,
    /// The latest "as of" time up to here.
    up_to: Time,
}

/// A stated count that exceeds the known messages: some messages are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) expected: u64,
    pub(crate) found: u64,
    pub(crate) at: Time,
    /// The time of the base of what is held: of an outbound message, or the "as of" time of a stated count; not later than
    /// `up_to`. The missing messages are later. `None` if there is no base.
    pub(crate) since: Option<Time>,
    /// The "as of" time. The missing messages are not later.
    pub(crate) up_to: Time,
}

/// Counts messages in the order of T2. It must be settled before it is read.
///
/// Each entry takes logarithmic time. A message with a time up to the "as of" time of a count that was stated before it
/// is held at that count (F10), so these counts are examined again: all at once, when it is settled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread {
    entries: Position,
    /// The times of all inbound messages in the order of T2.
    inbound: Trail<Time>,
    ranks: Ranks,
    /// Outbound messages. A message is dropped if one with a later position and no later time makes it irrelevant. So
    /// both positions and times increase, and the last message up to a time is found by binary search.
    outbound: Trail<Outbound>,
    stated: Trail<Stated>,
    count: Count,
    /// The number of stated counts that were examined and did not change since.
    examined: Position,
    /// The examined counts that exceed the messages held, by index, with the number of these.
    exceeding: Vec<(usize, u64)>,
    /// The number of stated counts and messages that were examined when it was settled last.
    steps_settled: usize,
}

impl Unread {
    /// Adds an inbound message.
    pub(crate) fn inbound(&mut self, time: Time) {
        self.examine_again(time);
        self.entries += 1;
        self.ranks.insert(time, &self.inbound);
        self.inbound.push(time);
        self.count.add(time);
    }

    /// Adds an outbound message.
    pub(crate) fn outbound(&mut self, time: Time) {
        self.examine_again(time);
        while self.outbound.last().is_some_and(|earlier| earlier.time >= time) {
            self.outbound.pop();
        }
        self.outbound.push(Outbound { position: self.entries, time, inbound: self.inbound_len() });
        self.entries += 1;
        self.count = Count::default();
    }

    /// Adds a count that a lifecycle event states.
    pub(crate) fn stated(&mut self, count: u64, as_of: Time, at: Time) {
        let (held, is_base_later) = self.held(as_of);
        let up_to = self.stated.last().map_or(as_of, |last| last.up_to.max(as_of));
        let (position, inbound) = (self.entries, self.inbound_len());
        self.stated.push(Stated { position, expected: count, as_of, at, inbound, held, is_base_later, up_to });
        self.entries += 1;
        let past = self.inbound.len() - self.held_in_all(as_of);
        self.count = Count { unread: count.saturating_add(past as u64), as_of: Some(as_of) };
    }

    fn inbound_len(&self) -> Position {
        position(self.inbound.len())
    }

    /// Notes that a message is held at all stated counts with an "as of" time not before it.
    fn examine_again(&mut self, time: Time) {
        if self.stated.last().is_some_and(|last| time <= last.up_to) {
            let first = self.stated.partition_point(|stated| stated.up_to < time);
            self.examined = self.examined.min(position(first));
        }
    }

    /// The number of inbound messages so far that are not past an "as of" time.
    fn held_in_all(&self, as_of: Time) -> usize {
        self.ranks.count(&self.inbound, |time| !is_past(time, as_of))
    }

    /// Rule F7 for what is held at a count stated here: the messages so far that are not past its "as of" time, and
    /// every stated count. Also whether the base is later than that time.
    fn held(&self, as_of: Time) -> (Count, bool) {
        let is_held = |time: &Time| !is_past(*time, as_of);
        let since = |inbound: u32| self.inbound.iter_from(inbound as usize).copied().filter(is_held);
        let last = self.stated.last();
        let outbound = self.last_outbound(|time| is_held(&time));
        let outbound = outbound.filter(|outbound| last.is_none_or(|last| outbound.position > last.position));
        // Nothing before the last stated count is read one by one, so this takes constant time for each message.
        match (outbound, last) {
            (Some(outbound), _) => {
                (Count { unread: since(outbound.inbound).count() as u64, as_of: None }, outbound.time > as_of)
            }
            (None, Some(last)) => {
                let is_later = |time: Time| is_past(time, last.as_of);
                let later_since = since(last.inbound).filter(|time| is_later(*time)).count();
                let later = self.held_in_all(as_of).saturating_sub(self.held_in_all(last.as_of));
                let later_before = later - later_since;
                let mut count =
                    Count { unread: last.expected.saturating_add(later_before as u64), as_of: Some(last.as_of) };
                since(last.inbound).for_each(|time| count.add(time));
                (count, false)
            }
            (None, None) => (Count { unread: self.held_in_all(as_of) as u64, as_of: None }, false),
        }
    }

    /// The last outbound message with one of the times for which `is_held` is true: all times up to one.
    fn last_outbound(&self, is_held: impl Fn(Time) -> bool) -> Option<Outbound> {
        let held = self.outbound.partition_point(|outbound| is_held(outbound.time));
        self.outbound.get(held.checked_sub(1)?).copied()
    }

    /// Prepares for reading, after entries were added.
    pub(crate) fn settle(&mut self) {
        let (first, stated) = (self.examined as usize, self.stated.len());
        self.examined = position(stated);
        let known = self.exceeding.partition_point(|(index, _)| *index < first);
        self.exceeding.truncate(known);
        if first == stated {
            self.steps_settled = 0;
            return;
        }
        let found = self.found_from(first);
        let exceeding = (first..).zip(self.stated.iter_from(first)).zip(found);
        let exceeding = exceeding.filter(|((_, stated), found)| stated.expected > *found);
        self.exceeding.extend(exceeding.map(|((index, _), found)| (index, found)));
    }

    /// The messages held at every stated count from an index on: with those that are ordered after it and have a time
    /// up to its "as of" time.
    fn found_from(&mut self, first: usize) -> Vec<u64> {
        let last = self.inbound.len();
        let mut first_read = last;
        let mut found = Vec::with_capacity(self.stated.len().saturating_sub(first));
        let mut later = Vec::new();
        for (index, stated) in self.stated.iter_from(first).enumerate() {
            let outbound = self.last_outbound(|time| time <= stated.as_of);
            let base = outbound.filter(|outbound| outbound.position > stated.position);
            let (unread, after, from) = match base {
                Some(outbound) => (0, None, outbound.inbound as usize),
                None => (stated.held.unread, stated.held.as_of, stated.inbound as usize),
            };
            found.push(unread);
            if from < last && after.is_none_or(|after| after < stated.as_of) {
                later.push((from, index, after, stated.as_of));
                first_read = first_read.min(from);
            }
        }
        self.steps_settled = found.len() + last - first_read;
        for (index, count) in count_from(later, &self.inbound) {
            if let Some(found) = found.get_mut(index) {
                *found = found.saturating_add(count as u64);
            }
        }
        found
    }

    /// The work of the last [`Unread::settle`], in entries.
    pub(crate) fn steps_settled(&self) -> usize {
        self.steps_settled
    }

    /// Size on the heap, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.inbound.heap_bytes()
            + self.ranks.heap_bytes()
            + self.outbound.heap_bytes()
            + self.stated.heap_bytes()
            + self.exceeding.capacity() * size_of::<(usize, u64)>()
    }

    /// The size of a copy in bytes: what it does not share.
    pub(crate) fn copied_bytes(&self) -> usize {
        self.inbound.copied_bytes()
            + self.ranks.copied_bytes()
            + self.outbound.copied_bytes()
            + self.stated.copied_bytes()
            + self.exceeding.capacity() * size_of::<(usize, u64)>()
    }

    /// Rule F7.
    pub(crate) fn count(&self) -> u64 {
        self.count.unread
    }

    /// Whether [`Unread::missing`] yields anything.
    pub(crate) fn is_missing_any(&self) -> bool {
        !self.exceeding.is_empty()
    }

    /// Rule F10: every stated count that exceeds the messages held at its event.
    pub(crate) fn missing(&self) -> impl Iterator<Item = Missing> {
        let missing = |index: usize, found| {
            let stated = self.stated.get(index)?;
            let since = self.base_of(index, stated);
            Some(Missing { expected: stated.expected, found, at: stated.at, since, up_to: stated.as_of })
        };
        self.exceeding.iter().filter_map(move |(index, found)| missing(*index, *found))
    }

    /// The time of the base of what is held at a stated count, as [`Unread::found_from`] has it, at most its "as of" time.
    fn base_of(&self, index: usize, stated: &Stated) -> Option<Time> {
        let after = self.last_outbound(|time| time <= stated.as_of);
        if let Some(outbound) = after.filter(|outbound| outbound.position > stated.position) {
            return Some(outbound.time);
        }
        if stated.is_base_later {
            // A message with a time between both may have taken its place among the outbound messages.
            return Some(stated.as_of);
        }
        let before = index.checked_sub(1).and_then(|before| self.stated.get(before));
        let is_held = |outbound: &Outbound| outbound.position < stated.position && outbound.time <= stated.as_of;
        let held = self.outbound.partition_point(is_held).checked_sub(1).and_then(|last| self.outbound.get(last));
        let held = held.filter(|outbound| before.is_none_or(|before| outbound.position > before.position));
        let base = held.map(|outbound| outbound.time).or(before.map(|before| before.as_of));
        base.map(|time| time.min(stated.as_of))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    thread_local! {
        /// The number of times that were compared with an "as of" time on this thread.
        pub(super) static READS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    #[derive(Clone, Copy, Debug)]
    enum Entry {
        Inbound(i64),
        Outbound(i64),
        Stated(u64, i64),
    }

    fn at(ms: i64) -> Time {
        Time::from_ms(1_700_000_000_000 + ms).unwrap()
    }

    fn add(unread: &mut Unread, entry: Entry) {
        match entry {
            Entry::Inbound(ms) => unread.inbound(at(ms)),
            Entry::Outbound(ms) => unread.outbound(at(ms)),
            Entry::Stated(count, ms) => unread.stated(count, at(ms), at(0)),
        }
    }

    /// Rule F7, word for word, for the entries that are held: the count, and the time of its base in milliseconds.
    fn counted(entries: &[Entry], is_held: impl Fn(usize, Entry) -> bool) -> (u64, Option<i64>) {
        let held = || (0..).zip(entries.iter().copied()).filter(|(place, entry)| is_held(*place, *entry));
        let inbound = || {
            held().filter_map(|(place, entry)| if let Entry::Inbound(ms) = entry { Some((place, ms)) } else { None })
        };
        let base = held().filter(|(_, entry)| !matches!(entry, Entry::Inbound(_))).last();
        match base {
            None => (inbound().count() as u64, None),
            Some((base, Entry::Stated(count, as_of))) => {
                let counts =
                    |(place, ms): &(usize, i64)| if *place > base { *ms > as_of } else { *ms >= as_of + 1_000 };
                (count + inbound().filter(counts).count() as u64, Some(as_of))
            }
            Some((base, Entry::Inbound(ms) | Entry::Outbound(ms))) => {
                (inbound().filter(|(place, _)| *place > base).count() as u64, Some(ms))
            }
        }
    }

    /// Rule F10, word for word.
    fn missing(entries: &[Entry]) -> Vec<(u64, u64, Option<i64>, i64)> {
        let stated = (0..).zip(entries).filter_map(|(place, entry)| match entry {
            Entry::Stated(count, as_of) => Some((place, *count, *as_of)),
            _ => None,
        });
        let exceeding = stated.filter_map(|(place, count, as_of)| {
            let is_held = |other: usize, entry: Entry| match entry {
                Entry::Inbound(ms) | Entry::Outbound(ms) => ms <= as_of || (other < place && ms < as_of + 1_000),
                Entry::Stated(..) => other < place,
            };
            let (found, base) = counted(entries, is_held);
            (count > found).then_some((count, found, base.map(|base| base.min(as_of)), as_of))
        });
        exceeding.collect()
    }

    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let entry = prop_oneof![
            4 => (0_i64..8_000).prop_map(Entry::Inbound),
            1 => (0_i64..8_000).prop_map(Entry::Outbound),
            2 => (0_u64..12, 0_i64..8_000).prop_map(|(count, ms)| Entry::Stated(count, ms)),
        ];
        prop::collection::vec(entry, 0..120)
    }

    /// Regression: all entries were read again for each count as of a time that lies behind.
    #[test]
    fn an_entry_takes_logarithmic_time() {
        const COUNT: usize = 20_000;
        let logs: [fn(i64) -> Entry; 4] = [
            |number| if number % 2 == 0 { Entry::Inbound(number) } else { Entry::Stated(5, 0) },
            |number| if number % 2 == 0 { Entry::Inbound(-number) } else { Entry::Stated(5, 0) },
            |number| if number % 2 == 0 { Entry::Outbound(90_000_000) } else { Entry::Stated(5, number) },
            |number| if number % 2 == 0 { Entry::Inbound(number * 7_919 % 20_000) } else { Entry::Stated(9, 10_000) },
        ];
        for log in logs {
            let before = READS.get();
            let mut unread = Unread::default();
            (0..COUNT as i64).for_each(|number| add(&mut unread, log(number)));
            let read = READS.get() - before;
            assert!(read <= COUNT * 100, "{read} times were read for {COUNT} entries");
            unread.settle();
            assert!(unread.steps_settled() <= COUNT);
        }
    }

    proptest! {
        #[test]
        fn counts_are_those_of_the_rules(mut entries in entries(), is_sorted in any::<bool>(), cut in 1_usize..20) {
            if is_sorted {
                entries.sort_by_key(|entry| match entry {
                    Entry::Inbound(ms) | Entry::Outbound(ms) | Entry::Stated(_, ms) => *ms,
                });
            }
            let mut unread = Unread::default();
            for (number, entry) in entries.iter().enumerate() {
                add(&mut unread, *entry);
                if number % cut == 0 || number + 1 == entries.len() {
                    unread.settle();
                    let entries = &entries[..=number];
                    prop_assert_eq!(unread.count(), counted(entries, |_, _| true).0);
                    let ms = |time: Time| time.ms() - 1_700_000_000_000;
                    let found: Vec<_> = unread
                        .missing()
                        .map(|missing| (missing.expected, missing.found, missing.since.map(ms), ms(missing.up_to)))
                        .collect();
                    prop_assert_eq!(unread.is_missing_any(), !found.is_empty());
                    prop_assert_eq!(found, missing(entries));
                }
            }
        }
    }
}
