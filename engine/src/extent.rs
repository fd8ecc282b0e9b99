//! The bounds of the events of a conversation, which tell whether a question about a moment has to read it.

use std::ops::Range;

use crate::effect::Seq;
use crate::fact::Fact;
use crate::index::Slot;
use crate::moment::Moment;
use crate::time::Time;

/// The bounds of all events of a conversation, in time and in arrival.
///
/// At a moment with `as_of < first_at` or `known_at < first_seq` the conversation does not exist. At one with
/// `as_of >= last_at` and `known_at >= last_seq` it is as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// No event is earlier, and no message by its own time (T4), in milliseconds since the epoch. For a close without a usable
    /// time (rule T3), its own time counts: it has that time while no other event is known.
    pub first_at: i64,
    /// No event is later, no message by its own time, and no stated start (F4), in milliseconds since the epoch.
    pub last_at: i64,
    /// The first sequence number.
    pub first_seq: Seq,
    /// The last sequence number.
    pub last_seq: Seq,
}

impl Extent {
    /// Whether the conversation may have other events at one of these moments than at the other.
    pub(crate) fn may_differ(&self, moments: [Moment; 2]) -> bool {
        let Self { first_at, last_at, first_seq, last_seq } = *self;
        let may_exist = |moment: &Moment| {
            moment.as_of.is_none_or(|as_of| first_at <= as_of.ms())
                && moment.known_at.is_none_or(|seq| first_seq <= seq)
        };
        // Times have digits beyond milliseconds.
        let may_lack = |moment: &Moment| {
            moment.as_of.is_some_and(|as_of| last_at >= as_of.ms()) || moment.known_at.is_some_and(|seq| last_seq > seq)
        };
        moments.iter().any(may_exist) && moments.iter().any(may_lack)
    }
}

/// The bounds that do not depend on the fold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventBounds {
    /// In milliseconds since the epoch.
    first_at: i64,
    /// The latest own time of a message, or start of the conversation, in milliseconds since the epoch.
    last_own: i64,
    first_seq: Seq,
    last_seq: Seq,
}

impl Default for EventBounds {
    /// That of no event.
    fn default() -> Self {
        Self { first_at: i64::MAX, last_own: i64::MIN, first_seq: Seq::MAX, last_seq: 0 }
    }
}

impl EventBounds {
    /// Adds an event, whether it counts or not.
    pub(crate) fn add(&mut self, fact: &Fact<'_>) {
        self.first_at = self.first_at.min(fact.at.alone().ms());
        if let Some(sent) = fact.sent {
            self.first_at = self.first_at.min(sent.ms());
            self.last_own = self.last_own.max(sent.ms());
        }
        if let Some(started) = fact.started {
            self.last_own = self.last_own.max(started.ms());
        }
        self.first_seq = self.first_seq.min(fact.seq);
        self.last_seq = self.last_seq.max(fact.seq);
    }

    pub(crate) fn of<'a>(facts: impl Iterator<Item = Fact<'a>>) -> Self {
        let mut bounds = Self::default();
        facts.for_each(|fact| bounds.add(&fact));
        bounds
    }

    pub(crate) fn first_seq(&self) -> Seq {
        self.first_seq
    }

    pub(crate) fn last_seq(&self) -> Seq {
        self.last_seq
    }

    /// `last_at` is the largest time of all events that count.
    pub(crate) fn extent(&self, last_at: Time) -> Extent {
        let Self { first_at, last_own, first_seq, last_seq } = *self;
        Extent { first_at, last_at: last_at.ms().max(last_own), first_seq, last_seq }
    }
}

/// The extents of all evicted conversations, by slot. Takes 12.5 bytes for each conversation.
///
/// Bounds are rounded outwards: what they rule out is never needed.
#[derive(Debug, Default)]
pub(crate) struct Extents {
    rounded: Vec<Rounded>,
    /// The smallest first sequence number of each [`GROUP`] of slots.
    first_seqs: Vec<Seq>,
}

/// The number of slots that share a first sequence number. Conversations take slots in order of first arrival, so those of
/// a group arrived one after another.
const GROUP: usize = 16;

/// The number of sequence numbers that one step stands for.
const SEQS: u64 = 256;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounded {
    /// Seconds since the epoch; before the first event.
    began: u32,
    /// Seconds since the epoch; after the last event. [`NEVER`] for a conversation that lists show now.
    ended: u32,
    /// After the last sequence number / [`SEQS`].
    arrived: u32,
}

const NEVER: u32 = u32::MAX;

impl Rounded {
    /// Of a conversation that can be in any answer.
    const ANY: Self = Self { began: 0, ended: NEVER, arrived: u32::MAX };

    pub(crate) fn of(extent: &Extent, is_listed: bool) -> Self {
        let Extent { first_at, last_at, last_seq, .. } = *extent;
        let ended = if is_listed { NEVER } else { seconds(last_at).saturating_add(1) };
        let arrived = u32::try_from(last_seq.div_ceil(SEQS)).unwrap_or(u32::MAX);
        Self { began: seconds(first_at).min(NEVER - 1), ended, arrived }
    }
}

impl Extent {
    /// The second since the epoch before which no event is.
    pub(crate) fn began(&self) -> u32 {
        Rounded::of(self, true).began
    }
}

/// Rounded down.
fn seconds(ms: i64) -> u32 {
    u32::try_from(ms.div_euclid(1_000).max(0)).unwrap_or(NEVER)
}

/// A moment in the units of [`Rounded`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoundedMoment {
    as_of: u32,
    known_at: u32,
}

impl RoundedMoment {
    pub(crate) fn of(moment: Moment) -> Self {
        let as_of = moment.as_of.map_or(NEVER, |as_of| seconds(as_of.ms())).min(NEVER - 1);
        let known_at =
            moment.known_at.map_or(u32::MAX, |seq| u32::try_from(seq / SEQS).unwrap_or(u32::MAX).min(u32::MAX - 1));
        Self { as_of, known_at }
    }

    /// Whether the conversation may exist.
    pub(crate) fn may_have(self, rounded: Rounded) -> bool {
        rounded.began <= self.as_of
    }

    /// Whether the conversation may have been open, or have had events, at this moment or later.
    pub(crate) fn may_last(self, rounded: Rounded) -> bool {
        rounded.ended > self.as_of || rounded.arrived > self.known_at
    }

    /// Whether lists may show the conversation: they show it now, or it has events that are not in the set.
    pub(crate) fn may_list(self, rounded: Rounded) -> bool {
        self.may_have(rounded) && self.may_last(rounded)
    }
}

/// Like [`Extent::may_differ`], for rounded bounds.
pub(crate) fn may_differ(rounded: Rounded, moments: [Moment; 2]) -> bool {
    let may_exist = |moment: &Moment| RoundedMoment::of(*moment).may_have(rounded);
    let may_lack = |moment: &Moment| {
        let RoundedMoment { as_of, known_at } = RoundedMoment::of(*moment);
        moment.as_of.is_some() && rounded.ended > as_of || rounded.arrived > known_at
    };
    moments.iter().any(may_exist) && moments.iter().any(may_lack)
}

impl Extents {
    /// Adds the next slot, for a conversation in memory that first arrived with this number.
    pub(crate) fn add(&mut self, first_seq: Seq) {
        if self.rounded.len().is_multiple_of(GROUP) {
            self.first_seqs.push(first_seq);
        } else if let Some(known) = self.first_seqs.last_mut() {
            *known = first_seq.min(*known);
        }
        self.rounded.push(Rounded::ANY);
    }

    /// Sets the extent of a conversation that is evicted.
    pub(crate) fn set(&mut self, slot: Slot, rounded: Rounded) {
        if let Some(known) = self.rounded.get_mut(slot as usize) {
            *known = rounded;
        }
    }

    /// The second since the epoch before which no event of this conversation is; 0 if it is in memory.
    pub(crate) fn began(&self, slot: Slot) -> u32 {
        self.rounded.get(slot as usize).map_or(0, |rounded| rounded.began)
    }

    /// The conversation was reloaded: its next events can have any time.
    pub(crate) fn reset(&mut self, slot: Slot) {
        self.set(slot, Rounded::ANY);
    }

    /// The slots among these whose first event may have arrived by `known_at`, and for which `may_have` is true.
    pub(crate) fn slots(
        &self,
        among: Range<Slot>,
        known_at: Option<Seq>,
        may_have: impl Fn(Slot, Rounded) -> bool,
    ) -> Vec<Slot> {
        let among = among.start as usize..(among.end as usize).min(self.rounded.len());
        let mut found = Vec::new();
        for (group, first_seq) in
            self.first_seqs.iter().enumerate().take(among.end.div_ceil(GROUP)).skip(among.start / GROUP)
        {
            if known_at.is_some_and(|known_at| *first_seq > known_at) {
                continue;
            }
            let slots = (group * GROUP).max(among.start)..((group + 1) * GROUP).min(among.end);
            let (Some(rounded), Ok(first)) = (self.rounded.get(slots.clone()), Slot::try_from(slots.start)) else {
                break;
            };
            found.extend(
                (first..).zip(rounded).filter(|(slot, rounded)| may_have(*slot, **rounded)).map(|(slot, _)| slot),
            );
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_rounded_outwards() {
        let extent = Extent { first_at: 1_999, last_at: 5_000, first_seq: 3, last_seq: 257 };
        let rounded = Rounded::of(&extent, false);
        let may_list = |as_of_ms, known_at| {
            let as_of = Time::from_ms(as_of_ms);
            RoundedMoment::of(Moment { as_of, known_at: Some(known_at) }).may_list(rounded)
        };
        assert!(!may_list(999, 1_000));
        assert!(may_list(1_999, 1_000));
        assert!(may_list(4_999, 1_000));
        assert!(!may_list(6_000, 1_000));
        assert!(may_list(6_000, 256));
        assert!(!may_list(6_000, 512));
        assert!(RoundedMoment::of(Moment::LATEST).may_list(Rounded::of(&extent, true)));
        assert!(!RoundedMoment::of(Moment::LATEST).may_list(rounded));
    }

    #[test]
    fn times_beyond_the_range_are_never_ruled_out() {
        let far = 253_402_300_799_000;
        let rounded = Rounded::of(&Extent { first_at: far, last_at: far, first_seq: 1, last_seq: u64::MAX }, false);
        assert!(RoundedMoment::of(Moment { as_of: Time::from_ms(far), known_at: Some(1) }).may_list(rounded));
        assert!(RoundedMoment::of(Moment::LATEST).may_have(rounded));
    }

    #[test]
    fn slots_of_conversations_that_arrived_later_are_skipped() {
        let mut extents = Extents::default();
        (0..100).for_each(|slot| extents.add(slot * 10));
        assert_eq!(extents.slots(3..100, Some(325), |_, _| true), (3..48).collect::<Vec<_>>());
        assert_eq!(extents.slots(30..35, None, |slot, _| slot % 2 == 0), [30, 32, 34]);
        assert_eq!(extents.slots(90..200, None, |_, _| true).len(), 10);
    }
}
