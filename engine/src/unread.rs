//! Unread messages, and unread counts stated by the source (rules F7 and F10).

use crate::time::Time;

/// Two stamps of one happening can differ by less than this (rules F7 and F10).
const ONE_HAPPENING_NS: i128 = 1_000_000_000;

/// Whether a message at this time, ordered before a count that holds as of another time, is not in that count.
fn is_past(time: Time, as_of: Time) -> bool {
    time.ns_since(as_of) >= ONE_HAPPENING_NS
}

/// What decides the number of unread messages.
#[derive(Clone, Copy, Debug)]
enum Entry {
    Inbound(Time),
    Outbound(Time),
    /// An index in [`Unread::stated`].
    Stated(u32),
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

/// An unread count that a lifecycle event states.
#[derive(Clone, Copy, Debug)]
struct Stated {
    expected: u64,
    as_of: Time,
    at: Time,
    /// The messages held at the event. Current only while it is smaller than `expected`.
    held: Count,
}

/// A stated count that exceeds the known messages: some messages are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) expected: u64,
    pub(crate) found: u64,
    pub(crate) at: Time,
}

/// Counts messages in the order of T2.
///
/// On a healthy stream each message and each stated count takes constant time. The entries are read again only for a
/// count with an "as of" time that lies a second or more before the time of an earlier message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread {
    /// In the order of T2.
    entries: Vec<Entry>,
    count: Count,
    /// The latest own time of a message.
    latest: Option<Time>,
    stated: Vec<Stated>,
    /// The latest "as of" time of a stated count.
    stated_up_to: Option<Time>,
    /// The indexes of the stated counts that exceed the messages held, in order.
    exceeding: Vec<u32>,
}

impl Unread {
    /// Adds an inbound message.
    pub(crate) fn inbound(&mut self, time: Time) {
        self.entries.push(Entry::Inbound(time));
        self.latest = self.latest.max(Some(time));
        self.count.add(time);
        if self.is_in_a_stated_count(time) {
            let stated = &mut self.stated;
            self.exceeding.retain(|index| {
                stated.get_mut(*index as usize).is_some_and(|stated| {
                    if time <= stated.as_of {
                        stated.held.add(time);
                    }
                    stated.expected > stated.held.unread
                })
            });
        }
    }

    /// Adds an outbound message.
    pub(crate) fn outbound(&mut self, time: Time) {
        self.entries.push(Entry::Outbound(time));
        self.latest = self.latest.max(Some(time));
        self.count = Count::default();
        if self.is_in_a_stated_count(time) {
            let held = (0..).zip(&mut self.stated).filter_map(|(index, stated)| {
                if time <= stated.as_of {
                    stated.held = Count::default();
                }
                (stated.expected > stated.held.unread).then_some(index)
            });
            self.exceeding = held.collect();
        }
    }

    /// Whether a message belongs to a count that was stated before it.
    fn is_in_a_stated_count(&self, time: Time) -> bool {
        self.stated_up_to.is_some_and(|up_to| time <= up_to)
    }

    /// Adds a count that a lifecycle event states.
    #[expect(clippy::cast_possible_truncation, reason = "four billion events do not fit into memory")]
    pub(crate) fn stated(&mut self, count: u64, as_of: Time, at: Time) {
        let has_past = self.latest.is_some_and(|latest| is_past(latest, as_of));
        let held = if has_past { self.count_of(|time| !is_past(time, as_of)) } else { self.count };
        let index = self.stated.len() as u32;
        self.stated.push(Stated { expected: count, as_of, at, held });
        self.stated_up_to = self.stated_up_to.max(Some(as_of));
        if count > held.unread {
            self.exceeding.push(index);
        }
        self.entries.push(Entry::Stated(index));
        self.count = if has_past { self.count_of(|_| true) } else { Count { unread: count, as_of: Some(as_of) } };
    }

    /// Rule F7 for all stated counts and the messages at these times.
    fn count_of(&self, is_held: impl Fn(Time) -> bool) -> Count {
        let base = self.entries.iter().rposition(|entry| match entry {
            Entry::Inbound(_) => false,
            Entry::Outbound(time) => is_held(*time),
            Entry::Stated(_) => true,
        });
        let (before, after) = self.entries.split_at(base.unwrap_or_default());
        let inbound = |entry: &Entry| match entry {
            Entry::Inbound(time) if is_held(*time) => Some(*time),
            _ => None,
        };
        let mut count = match after.first() {
            Some(Entry::Stated(index)) => self.stated.get(*index as usize).map_or_else(Count::default, |stated| {
                let past = before.iter().filter_map(inbound).filter(|time| is_past(*time, stated.as_of)).count();
                Count { unread: stated.expected.saturating_add(past as u64), as_of: Some(stated.as_of) }
            }),
            _ => Count::default(),
        };
        after.iter().filter_map(inbound).for_each(|time| count.add(time));
        count
    }

    /// Size on the heap, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
            + self.stated.capacity() * size_of::<Stated>()
            + self.exceeding.capacity() * size_of::<u32>()
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
        let exceeding = self.exceeding.iter().filter_map(|index| self.stated.get(*index as usize));
        exceeding.map(|stated| Missing { expected: stated.expected, found: stated.held.unread, at: stated.at })
    }
}
