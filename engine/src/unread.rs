//! Unread messages, and unread counts stated by the source (rules F7 and F10).

use crate::time::Time;

/// The position of an event in the order of T2.
pub(crate) type Position = u32;

/// An unread count that a lifecycle event states.
#[derive(Clone, Copy, Debug)]
struct Stated {
    position: Position,
    count: u64,
    as_of: Time,
    at: Time,
}

/// The base of counting: a stated count and its "as of" time.
#[derive(Clone, Copy, Debug)]
struct Base {
    position: Position,
    count: u64,
    as_of: Time,
}

/// A stated count that exceeds the known messages: some messages are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) expected: u64,
    pub(crate) found: u64,
    pub(crate) at: Time,
}

/// Everything that decides the number of unread messages. It is filled in the order of T2 and must be settled before it
/// is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread {
    /// The times of all inbound messages, sorted once settled.
    inbound: Vec<Time>,
    is_unsorted: bool,
    /// Outbound messages. A message is dropped if one with a later position and no later time makes it irrelevant. So
    /// both positions and times increase, and the last message up to a time is found by binary search.
    outbound: Vec<(Time, Position)>,
    last_outbound: Option<(Time, Position)>,
    stated: Vec<Stated>,
    /// The latest "as of" time of a stated count.
    stated_up_to: Option<Time>,
    /// The number of stated counts that were examined, and the number of those that exceed the known messages. Later
    /// messages do not change that.
    examined: usize,
    exceeding: usize,
}

impl Unread {
    pub(crate) fn inbound(&mut self, time: Time) {
        self.examine_again_after(time);
        self.is_unsorted |= self.inbound.last().is_some_and(|last| *last > time);
        self.inbound.push(time);
    }

    pub(crate) fn outbound(&mut self, time: Time, position: Position) {
        self.examine_again_after(time);
        while self.outbound.last().is_some_and(|(earlier, _)| *earlier >= time) {
            self.outbound.pop();
        }
        self.outbound.push((time, position));
        self.last_outbound = Some((time, position));
    }

    pub(crate) fn stated(&mut self, count: u64, as_of: Time, at: Time, position: Position) {
        self.stated.push(Stated { position, count, as_of, at });
        self.stated_up_to = self.stated_up_to.max(Some(as_of));
    }

    /// A message up to the latest "as of" time changes the number that stated counts are compared with, so they are
    /// examined again.
    fn examine_again_after(&mut self, time: Time) {
        if self.stated_up_to.is_some_and(|up_to| time <= up_to) {
            (self.examined, self.exceeding) = (0, 0);
        }
    }

    /// Prepares for reading, after messages or counts were added.
    pub(crate) fn settle(&mut self) {
        if std::mem::take(&mut self.is_unsorted) {
            self.inbound.sort_unstable();
        }
        let new = self.stated.iter().enumerate().skip(self.examined);
        self.exceeding += new.filter(|(index, stated)| stated.count > self.held_at(*index, stated)).count();
        self.examined = self.stated.len();
    }

    /// Whether [`Unread::missing`] yields anything.
    pub(crate) fn is_missing_any(&self) -> bool {
        self.exceeding > 0
    }

    /// Size on the heap, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.inbound.capacity() * size_of::<Time>()
            + self.outbound.capacity() * size_of::<(Time, Position)>()
            + self.stated.capacity() * size_of::<Stated>()
    }

    /// Rule F7.
    pub(crate) fn count(&self) -> u64 {
        let base = Self::later_base(self.last_outbound, self.stated.last());
        self.counted(base, self.inbound.len())
    }

    /// Rule F10: every stated count that exceeds the messages known as of its time.
    pub(crate) fn missing(&self) -> impl Iterator<Item = Missing> {
        self.stated.iter().enumerate().filter_map(|(index, stated)| {
            let found = self.held_at(index, stated);
            (stated.count > found).then_some(Missing { expected: stated.count, found, at: stated.at })
        })
    }

    /// The messages known at the stated count number `index`: those with a time up to its "as of" time, at any
    /// position, and the other events at earlier positions.
    fn held_at(&self, index: usize, stated: &Stated) -> u64 {
        let outbound = self.outbound.partition_point(|(time, _)| *time <= stated.as_of);
        let outbound = outbound.checked_sub(1).and_then(|last| self.outbound.get(last)).copied();
        let before = index.checked_sub(1).and_then(|before| self.stated.get(before));
        self.counted(Self::later_base(outbound, before), self.inbound_up_to(stated.as_of))
    }

    fn later_base(outbound: Option<(Time, Position)>, stated: Option<&Stated>) -> Option<Base> {
        let outbound = outbound.map(|(as_of, position)| Base { position, count: 0, as_of });
        let stated = stated.map(|stated| Base { position: stated.position, count: stated.count, as_of: stated.as_of });
        match (outbound, stated) {
            (Some(a), Some(b)) => Some(if a.position > b.position { a } else { b }),
            (one, other) => one.or(other),
        }
    }

    /// The base and the inbound messages after it, among the first `held` of them.
    fn counted(&self, base: Option<Base>, held: usize) -> u64 {
        let (count, read) = base.map_or((0, 0), |base| (base.count, self.inbound_up_to(base.as_of)));
        count.saturating_add(held.saturating_sub(read) as u64)
    }

    fn inbound_up_to(&self, time: Time) -> usize {
        // Messages are nearly in order, so the answer is nearly always "all of them".
        if self.inbound.last().is_none_or(|last| *last <= time) {
            return self.inbound.len();
        }
        self.inbound.partition_point(|inbound| *inbound <= time)
    }
}
