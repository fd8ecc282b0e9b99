//! Which conversations a question about a moment has to read.

use std::ops::Range;

use super::Board;
use crate::effect::Seq;
use crate::extent::{RoundedMoment, may_differ};
use crate::moment::Moment;
use crate::past::Past;
use crate::time::Time;

impl Board {
    /// Calls `look` with one conversation at a moment; `None` if it is evicted or unknown, or no event is within the bounds of
    /// the moment.
    pub fn past<T>(&self, id: &str, moment: Moment, look: impl FnOnce(&Past<'_>) -> T) -> Option<T> {
        self.conversation(id)?.past(moment).as_ref().map(look)
    }

    /// The slots among these whose conversations may exist at a moment. All that exist are among them.
    #[must_use]
    pub fn slots_existing_at(&self, moment: Moment, among: Range<u32>) -> Vec<u32> {
        let rounded = RoundedMoment::of(moment);
        self.extents.slots(among, moment.known_at, |_, extent| rounded.may_have(extent))
    }

    /// The slots among these whose conversations may exist at a moment, each after a second since the epoch: no event of the
    /// conversation is before that second, and unless the moment leaves events out, its first event is in it.
    #[must_use]
    pub fn beginnings(&self, moment: Moment, among: Range<u32>) -> Vec<(u32, u32)> {
        let began = |slot| match self.extents.began(slot) {
            0 => self.residents.get(&slot).map_or(0, |resident| resident.extent().began()),
            second => second,
        };
        self.slots_existing_at(moment, among).into_iter().map(|slot| (began(slot), slot)).collect()
    }

    /// The slots among these whose conversations may count in a report of the time between two times: those that may have been
    /// open or have had events then. All that do are among them.
    #[must_use]
    pub fn slots_within(&self, times: [Time; 2], known_at: Option<Seq>, among: Range<u32>) -> Vec<u32> {
        let [from, to] = times.map(|at| RoundedMoment::of(Moment { as_of: Some(at), known_at }));
        let is_within = |rounded| to.may_have(rounded) && from.may_last(rounded);
        let within = self.extents.slots(among, known_at, |_, rounded| is_within(rounded));
        let may_be_within = |slot: &u32| match self.residents.get(slot) {
            Some(resident) => resident.is_unsettled || is_within(resident.rounded()),
            None => true,
        };
        within.into_iter().filter(may_be_within).collect()
    }

    /// The slots among these whose conversations lists may show at a moment: those that may be open, or unanswered after
    /// their close. All that are so are among them.
    #[must_use]
    pub fn slots_listed_at(&self, moment: Moment, among: Range<u32>) -> Vec<u32> {
        let rounded = RoundedMoment::of(moment);
        // An evicted conversation is not in the map; asking it for each of them would be slow.
        let listed = self.extents.slots(among, moment.known_at, |_, extent| rounded.may_list(extent));
        let may_be_listed = |slot: &u32| match self.residents.get(slot) {
            Some(resident) => resident.is_unsettled || rounded.may_list(resident.rounded()),
            None => true,
        };
        listed.into_iter().filter(may_be_listed).collect()
    }

    /// The slots among these whose conversations may be different at two moments: not those that have all of their events at
    /// both, nor those that have none at either.
    #[must_use]
    pub fn slots_differing(&self, moments: [Moment; 2], among: Range<u32>) -> Vec<u32> {
        let [one, other] = moments.map(|moment| moment.known_at);
        let known_at = one.zip(other).map(|(one, other)| one.max(other));
        let differing = self.extents.slots(among, known_at, |_, extent| may_differ(extent, moments));
        let may_be_different = |slot: &u32| match self.residents.get(slot) {
            Some(resident) => resident.is_unsettled || resident.extent().may_differ(moments),
            None => true,
        };
        differing.into_iter().filter(may_be_different).collect()
    }
}
