//! Which messages count, and which are unread (rules F6, F7 and F10).

use super::cause::Causes;
use super::seen::Seen;
use crate::effect::Seq;
use crate::time::Time;
use crate::unread::is_past;

const BASE: &str = "the base of the count";

/// A message from the member.
#[derive(Clone, Copy, Debug)]
struct Inbound {
    seq: Seq,
    time: Time,
}

/// From where unread messages are counted.
#[derive(Clone, Copy, Debug)]
struct Base {
    seq: Seq,
    /// The time as of which a stated count holds; `None` for a message to the member.
    as_of: Option<Time>,
    /// The number of inbound messages before it.
    inbound: usize,
}

/// A message to the member.
#[derive(Clone, Copy, Debug)]
struct Outbound {
    base: Base,
    time: Time,
    /// The number of stated counts before it.
    stated: usize,
}

/// A stated count of unread messages.
#[derive(Clone, Copy, Debug)]
struct Stated {
    seq: Seq,
    expected: u64,
    as_of: Time,
    inbound: usize,
    /// The base of what is held at it, without later messages.
    base: Option<Base>,
}

/// The messages by direction, and the bases of counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    inbound: Vec<Inbound>,
    outbound: Vec<Seq>,
    other: Vec<Seq>,
    base: Option<Base>,
    stated: Vec<Stated>,
    /// Messages to the member, without those that one of a later place and no later time replaces.
    bases: Vec<Outbound>,
}

impl Counts {
    pub(super) fn see(&mut self, seen: &Seen<'_, '_>) {
        let (seq, inbound) = (seen.seq(), self.inbound.len());
        if seen.is_inbound() {
            self.inbound.push(Inbound { seq, time: seen.fact.message_time(seen.at) });
        } else if seen.is_outbound() {
            self.outbound.push(seq);
            let base = Base { seq, as_of: None, inbound };
            let time = seen.fact.message_time(seen.at);
            while self.bases.last().is_some_and(|earlier| earlier.time >= time) {
                self.bases.pop();
            }
            self.bases.push(Outbound { base, time, stated: self.stated.len() });
            self.base = Some(base);
        } else if seen.is_message() {
            self.other.push(seq);
        } else if let Some(expected) = seen.fact.unread {
            let as_of = seen.fact.count_as_of(seen.at);
            let base = self.held_base(as_of);
            self.stated.push(Stated { seq, expected, as_of, inbound, base });
            self.base = Some(Base { seq, as_of: Some(as_of), inbound });
        }
    }

    /// The base of what is held at a count that is stated here (rule F10).
    fn held_base(&self, as_of: Time) -> Option<Base> {
        let held = self.bases.partition_point(|outbound| !is_past(outbound.time, as_of));
        let outbound = held.checked_sub(1).and_then(|last| self.bases.get(last));
        let outbound = outbound.filter(|outbound| outbound.stated == self.stated.len()).map(|outbound| outbound.base);
        let stated = self.stated.last();
        outbound.or(stated.map(|last| Base { seq: last.seq, as_of: Some(last.as_of), inbound: last.inbound }))
    }

    pub(super) fn messages_in(&self) -> Causes {
        Causes::of(self.inbound.iter().map(|message| message.seq))
    }

    pub(super) fn messages_out(&self) -> Causes {
        Causes::of(self.outbound.iter().copied())
    }

    pub(super) fn messages_other(&self) -> Causes {
        Causes::of(self.other.iter().copied())
    }

    pub(super) fn first_inbound(&self) -> Causes {
        Causes::of(self.inbound.first().map(|message| message.seq))
    }

    pub(super) fn unread(&self) -> Causes {
        let from = self.base.map_or(0, |base| base.inbound);
        let as_of = self.base.and_then(|base| base.as_of);
        let counts = |(place, message): &(usize, &Inbound)| match as_of {
            None => *place >= from,
            Some(as_of) if *place >= from => message.time > as_of,
            Some(as_of) => is_past(message.time, as_of),
        };
        let counted = self.inbound.iter().enumerate().filter(counts);
        Causes::of(counted.map(|(_, message)| message.seq)).and(self.base.map(|base| base.seq), BASE)
    }

    /// The stated counts, and the messages with which rule F10 compares them. For counts as of times that lie far behind these
    /// are more messages than those that it counts, because exactly these would need a search.
    pub(super) fn compared(&self) -> Causes {
        let mut marks = Marks::of(self.inbound.len());
        let mut causes = Causes::default();
        for (index, stated) in self.stated.iter().enumerate().filter(|(_, stated)| stated.expected > 0) {
            let base = self.base_of(index, stated);
            causes = causes.and(Some(stated.seq), "states a count").and(base.map(|base| base.seq), BASE);
            marks.add(&self.inbound, stated, base);
        }
        causes.with(Causes::of(marks.marked(&self.inbound)))
    }

    /// The base of what is held at a stated count, with later messages (rule F10).
    fn base_of(&self, index: usize, stated: &Stated) -> Option<Base> {
        let held = self.bases.partition_point(|outbound| outbound.time <= stated.as_of);
        let last = held.checked_sub(1).and_then(|last| self.bases.get(last));
        last.filter(|outbound| outbound.stated > index).map(|outbound| outbound.base).or(stated.base)
    }
}

/// Marks on inbound messages, by their index.
struct Marks {
    /// Beginnings and ends of marked intervals.
    steps: Vec<i64>,
    /// Messages from an index on are marked up to a time.
    up_to: Vec<Option<Time>>,
    /// Messages before an index are marked if they are past a time.
    past: Vec<Option<Time>>,
    single: Vec<usize>,
}

impl Marks {
    fn of(messages: usize) -> Self {
        let (steps, up_to, past) = (vec![0; messages + 1], vec![None; messages + 1], vec![None; messages + 1]);
        Self { steps, up_to, past, single: Vec::new() }
    }

    /// Marks the messages that are held at a stated count.
    fn add(&mut self, inbound: &[Inbound], stated: &Stated, base: Option<Base>) {
        let from = base.map_or(0, |base| base.inbound);
        match base.and_then(|base| base.as_of) {
            None if from < stated.inbound => {
                self.step(from, 1);
                self.step(stated.inbound, -1);
            }
            None => {}
            Some(as_of) => {
                // The base is the stated count before this one, so that these intervals do not overlap.
                let between = (from..).zip(inbound.get(from..stated.inbound).unwrap_or_default());
                let held = between.filter(|(_, message)| message.time > as_of && !is_past(message.time, stated.as_of));
                self.single.extend(held.map(|(index, _)| index));
                if let Some(past) = self.past.get_mut(from).filter(|_| as_of < stated.as_of) {
                    *past = Some(past.map_or(as_of, |past| past.min(as_of)));
                }
            }
        }
        if let Some(up_to) = self.up_to.get_mut(from.max(stated.inbound)) {
            *up_to = (*up_to).max(Some(stated.as_of));
        }
    }

    fn step(&mut self, index: usize, by: i64) {
        if let Some(step) = self.steps.get_mut(index) {
            *step += by;
        }
    }

    fn marked(&self, inbound: &[Inbound]) -> Vec<Seq> {
        let single = self.single.iter().filter_map(|index| inbound.get(*index));
        let mut marked: Vec<Seq> = single.map(|message| message.seq).collect();
        let (mut depth, mut up_to) = (0, None);
        for (index, message) in inbound.iter().enumerate() {
            depth += self.steps.get(index).copied().unwrap_or_default();
            up_to = up_to.max(self.up_to.get(index).copied().flatten());
            if depth > 0 || Some(message.time) <= up_to {
                marked.push(message.seq);
            }
        }
        let mut past: Option<Time> = None;
        for (index, message) in inbound.iter().enumerate().rev() {
            let here = self.past.get(index + 1).copied().flatten();
            past = past.into_iter().chain(here).min();
            if past.is_some_and(|past| is_past(message.time, past)) {
                marked.push(message.seq);
            }
        }
        marked
    }
}
