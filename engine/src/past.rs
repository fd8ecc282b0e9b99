//! One conversation at a moment, folded from its packed facts.
//!
//! The events of a conversation at a [`Moment`] are a set like any other, and its state is the fold of that set by the
//! ordinary rules. Nothing but the fold is built: no conversation, no identities, no events. Nearly every conversation has
//! no conflict; then its timed facts up to a time are its first ones, and the bound of arrival passes over some of them.
//!
//! **Conflicts** (rule I2): the set contains versions of events, not identities. The version that counts today has the
//! smallest content of all, so it counts in each set that contains it. In a set without it, the smallest version in the set
//! counts: it is *revived*.
//!
//! **Closes without a usable time** (rule T3) have the time of the latest event. In a smaller set that would be an earlier
//! time, at every moment. So their times are determined from all events that count within the bound of arrival, and those
//! that are too late are left out. Once such a close is in the set, all events that count are in it too.

mod events;
mod hashes;
mod revival;
mod suspects;

pub(crate) use revival::Revivals;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::conversation::Conversation;
use crate::effect::Seq;
use crate::event::At;
use crate::extent::{EventBounds, Extent};
use crate::fact::Fact;
use crate::fold::{Fold, Lists};
use crate::history::{self, HistoryEntry};
use crate::id_map::fingerprint;
use crate::identity::Identity;
use crate::image::{ConversationImage, ImageError};
use crate::moment::Moment;
use crate::outline::Outline;
use crate::query::{ConversationRow, Query};
use crate::resident::row_after;
use crate::state::State;
use crate::time::Time;
use crate::timeline::{self, Timeline};

/// A conversation at a moment at which it exists.
#[derive(Debug)]
pub struct Past<'a> {
    id: &'a Arc<str>,
    lists: Lists<'a>,
    facts: &'a Timeline,
    /// The conversation in memory, whose saved folds are a start.
    resident: Option<&'a Conversation>,
    reach: Reach<'a>,
    /// The number of timed facts up to the bound of time. They are the first ones.
    timed_end: usize,
    /// The timed facts in the order of T2, if there are conflicts because of which these are not those of `facts`.
    merged: Option<Vec<Fact<'a>>>,
    /// The closes without a usable time, with their times, in the order of T2.
    untimed: Vec<(Time, Fact<'a>)>,
    /// The events that lost to another one in the set.
    lost: Vec<Fact<'a>>,
    versions: Vec<Versions<'a>>,
    fold: OnceCell<Fold>,
}

/// Decides which facts are in the set.
#[derive(Clone, Copy, Debug)]
struct Reach<'a> {
    moment: Moment,
    /// The events that are left out, in ascending order.
    left_out: &'a [Seq],
    /// The time of the latest event that has one and counts within the bound of arrival.
    latest: Option<Time>,
}

impl Reach<'_> {
    fn knows(&self, fact: &Fact<'_>) -> bool {
        self.moment.knows(fact.seq) && (self.left_out.is_empty() || self.left_out.binary_search(&fact.seq).is_err())
    }

    fn has(&self, fact: &Fact<'_>) -> bool {
        self.knows(fact) && self.moment.reaches(self.when(fact))
    }

    /// The time of an event, by rules T1 and T3.
    fn when(&self, fact: &Fact<'_>) -> Time {
        match fact.at {
            At::Timed(at) => at,
            At::Untimed { .. } => timeline::untimed_at(fact, self.latest),
        }
    }
}

/// The versions of an event that has several (rule I2).
#[derive(Clone, Debug, Default)]
struct Versions<'a> {
    counting: Option<Fact<'a>>,
    lost: Vec<Fact<'a>>,
}

impl<'a> Versions<'a> {
    /// All events with several versions among these facts.
    fn of(facts: &'a Timeline, conflicts: impl Iterator<Item = Fact<'a>>, lists: Lists<'_>) -> Vec<Self> {
        let mut all: HashMap<Identity, Self> = HashMap::new();
        let mut fingerprints = Vec::new();
        for fact in conflicts {
            fingerprints.push(fact.short_fingerprint());
            all.entry(fact.identity(lists)).or_default().lost.push(fact);
        }
        if fingerprints.is_empty() {
            return Vec::new();
        }
        fingerprints.sort_unstable();
        for fact in facts.iter().filter(|fact| fingerprints.binary_search(&fact.short_fingerprint()).is_ok()) {
            if let Some(versions) = all.get_mut(&fact.identity(lists)) {
                versions.counting = Some(fact);
            }
        }
        all.into_values().collect()
    }

    /// The version that counts among those for which `is_in` is true, if that is not the one that counts today.
    fn revived(&self, is_in: &impl Fn(&Fact<'_>) -> bool, lists: Lists<'_>) -> Option<Fact<'a>> {
        if self.counting.as_ref().is_some_and(is_in) {
            return None;
        }
        self.lost.iter().filter(|fact| is_in(fact)).min_by_key(|fact| fact.content(lists)).copied()
    }
}

impl<'a> Past<'a> {
    /// `None` if no event is in the set.
    fn of(
        (id, lists): (&'a Arc<str>, Lists<'a>),
        (facts, conflicts): (&'a Timeline, impl Iterator<Item = Fact<'a>>),
        resident: Option<&'a Conversation>,
        moment: Moment,
    ) -> Option<Self> {
        let versions = Versions::of(facts, conflicts, lists);
        Self::within((id, lists), facts, versions, resident, Reach { moment, left_out: &[], latest: None })
    }

    /// `None` if no event is within reach.
    fn within(
        (id, lists): (&'a Arc<str>, Lists<'a>),
        facts: &'a Timeline,
        versions: Vec<Versions<'a>>,
        resident: Option<&'a Conversation>,
        reach: Reach<'a>,
    ) -> Option<Self> {
        let moment = reach.moment;
        let timed_end = moment.as_of.map_or(facts.timed_len(), |as_of| facts.timed_up_to(as_of));
        let (merged, untimed, lost, fold) = (None, Vec::new(), Vec::new(), OnceCell::new());
        let none = Vec::new();
        let mut past =
            Self { id, lists, facts, resident, reach, timed_end, merged, untimed, lost, versions: none, fold };
        let has_untimed = facts.timed_len() < facts.len()
            || versions.iter().flat_map(|versions| &versions.lost).any(|fact| !fact.is_timed());
        if has_untimed {
            past.reach.latest = latest_known(facts, &versions, moment, lists);
        }
        past.revive(&versions);
        if has_untimed {
            let revived = versions.iter().filter_map(|versions| versions.revived(&|fact| past.reach.has(fact), lists));
            let untimed =
                facts.untimed().filter(|fact| past.reach.has(fact)).chain(revived.filter(|fact| !fact.is_timed()));
            let latest = past.timed(0).last().map(|fact| fact.at.alone());
            past.untimed = timeline::untimed_in_order(untimed, latest, lists);
        }
        past.versions = versions;
        let is_empty = past.untimed.is_empty() && past.timed(0).next().is_none();
        (!is_empty).then_some(past)
    }

    /// The conversation without some of the events of the set, given in ascending order; `None` if there are no others. Where
    /// the version of an event that counts is left out, the smallest one of the others counts. No other event joins the set.
    pub(crate) fn without<'b>(&self, events: &'b [Seq]) -> Option<Past<'b>>
    where
        'a: 'b,
    {
        let reach = Reach { left_out: events, latest: None, ..self.reach };
        Past::within((self.id, self.lists), self.facts, self.versions.clone(), self.resident, reach)
    }

    /// The same conversation at another moment; `None` if no event is within its bounds.
    #[must_use]
    pub fn at(&self, moment: Moment) -> Option<Past<'a>> {
        let reach = Reach { moment, left_out: &[], latest: None };
        Past::within((self.id, self.lists), self.facts, self.versions.clone(), self.resident, reach)
    }

    /// Collects the events that count or lose otherwise than today.
    fn revive(&mut self, versions: &[Versions<'a>]) {
        let (reach, lists) = (self.reach, self.lists);
        let mut revived = Vec::new();
        for versions in versions {
            let again = versions.revived(&|fact| reach.has(fact), lists);
            let is_lost = |fact: &&Fact<'_>| reach.has(fact) && again.is_none_or(|again| again.seq != fact.seq);
            self.lost.extend(versions.lost.iter().filter(is_lost));
            revived.extend(again.filter(Fact::is_timed));
        }
        if !revived.is_empty() {
            let mut merged: Vec<_> = self.timed(0).chain(revived).collect();
            merged.sort_by(|a, b| a.compare(b, lists));
            self.merged = Some(merged);
        }
    }

    /// The facts of the set that have a time, without the first `skipped`, in the order of T2.
    fn timed(&self, skipped: usize) -> impl Iterator<Item = Fact<'a>> {
        let reach = self.reach;
        let merged = self.merged.as_deref();
        let packed = merged.is_none().then(|| {
            let facts = self.facts.timed_after(skipped).take(self.timed_end.saturating_sub(skipped));
            facts.filter(move |fact| reach.knows(fact))
        });
        merged.into_iter().flatten().skip(skipped).copied().chain(packed.into_iter().flatten())
    }

    /// All facts of the set that count, with their times, in the order of T2.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (Time, Fact<'a>)> {
        self.timed(0).map(|fact| (fact.at.alone(), fact)).chain(self.untimed.iter().copied())
    }

    /// The events that lost to another one in the set (rule I2), each with the number of that one.
    pub(crate) fn lost_with_winners(&self) -> impl Iterator<Item = (Seq, Fact<'a>)> {
        let mut fingerprints: Vec<_> = self.lost.iter().map(Fact::short_fingerprint).collect();
        fingerprints.sort_unstable();
        let may_win = |fact: &Fact<'_>| fingerprints.binary_search(&fact.short_fingerprint()).is_ok();
        let winners = self.in_order().map(|(_, fact)| fact).filter(|fact| !fingerprints.is_empty() && may_win(fact));
        let winners: HashMap<_, _> = winners.map(|fact| (fact.identity(self.lists), fact.seq)).collect();
        self.lost.iter().filter_map(move |fact| Some((*winners.get(&fact.identity(self.lists))?, *fact)))
    }

    pub(crate) fn lists(&self) -> Lists<'a> {
        self.lists
    }

    fn fold(&self) -> &Fold {
        self.fold.get_or_init(|| {
            let (steps, mut fold) = self.start();
            self.timed(steps).for_each(|fact| fold.step(&fact, fact.at.alone(), self.lists));
            for (at, fact) in &self.untimed {
                fold.step(fact, *at, self.lists);
                fold.clock_suspicions.push(*at);
            }
            fold.settle();
            fold
        })
    }

    /// A saved fold of first facts that are all in the set, and their number.
    fn start(&self) -> (usize, Fold) {
        let Some(resident) = self.resident.filter(|_| self.merged.is_none()) else { return Default::default() };
        let first = self.facts.timed_after(0).take(self.timed_end);
        let is_whole = self.reach.moment.known_at.is_none() && self.reach.left_out.is_empty();
        let all_in = if is_whole { self.timed_end } else { first.take_while(|fact| self.reach.knows(fact)).count() };
        resident.fold_near(all_in)
    }

    /// The text of the event at a position in the order of T2.
    fn text_at(&self, position: u32) -> Option<&'a str> {
        let mut left = position as usize;
        for fact in self.timed(0) {
            if left == 0 {
                return fact.text;
            }
            left -= 1;
        }
        self.untimed.get(left)?.1.text
    }

    /// The id of the conversation.
    #[must_use]
    pub fn id(&self) -> &'a Arc<str> {
        self.id
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> State {
        State::derive((self.id, self.lists), self.fold(), |position| self.text_at(position))
    }

    /// The row, open or closed, as lists show it. Without its last message.
    #[must_use]
    pub fn row(&self) -> ConversationRow {
        row_after((self.id, self.lists), self.fold(), None)
    }

    /// Its row if it matches a query ([`Query::is_match`]), which a row alone cannot tell of all conditions.
    #[must_use]
    pub fn row_for(&self, query: &Query) -> Option<ConversationRow> {
        let is_wanted = !query.unanswered_after_close || self.fold().is_unanswered_after_close();
        is_wanted.then(|| self.row()).filter(|row| query.is_match(row))
    }

    /// Its entry in an index of the moment ([`Board::of_outlines`](crate::Board::of_outlines)).
    #[must_use]
    pub fn outline(&self) -> Outline {
        let (fold, row, extent) = (self.fold(), self.row(), self.extent());
        if fold.is_closed && !fold.is_unanswered_after_close() {
            return Outline::unlisted(fingerprint(self.id), row.tenant, row.channel, fold.newest(), extent);
        }
        Outline::listed(row, fold.newest(), extent)
    }

    /// The bounds of the events of the set.
    #[must_use]
    pub fn extent(&self) -> Extent {
        let facts = self.in_order().map(|(_, fact)| fact).chain(self.lost.iter().copied());
        EventBounds::of(facts).extent(self.fold().last_event_at())
    }

    /// The events of the set, in the order in which they happened (rule Q1). Those that lost to another one in the set are
    /// marked; an event whose competitor is not in the set counts.
    #[must_use]
    pub fn history(&self) -> Vec<HistoryEntry> {
        history::of_facts((self.id, self.lists), self.in_order(), self.lost.iter().copied())
    }

    /// The number of events in the set that were learned after the one with this sequence number.
    #[must_use]
    pub fn learned_after(&self, seq: Seq) -> u64 {
        let facts = self.in_order().map(|(_, fact)| fact).chain(self.lost.iter().copied());
        facts.filter(|fact| fact.seq > seq).count() as u64
    }
}

/// The time of the latest event that has one and counts within the bound of arrival.
fn latest_known(facts: &Timeline, versions: &[Versions<'_>], moment: Moment, lists: Lists<'_>) -> Option<Time> {
    let is_known = |fact: &Fact<'_>| moment.knows(fact.seq);
    let last = match moment.known_at {
        None => facts.timed_len().checked_sub(1).and_then(|last| facts.get(last)),
        Some(_) => facts.timed_after(0).filter(is_known).last(),
    };
    let revived = versions.iter().filter_map(|versions| versions.revived(&is_known, lists));
    revived.filter(Fact::is_timed).chain(last).map(|fact| fact.at.alone()).max()
}

impl Conversation {
    pub(crate) fn past(&self, moment: Moment) -> Option<Past<'_>> {
        Past::of((&self.id, self.lists()), (&self.facts, self.conflicts.iter()), Some(self), moment)
    }
}

impl ConversationImage {
    /// Calls `look` with the conversation at a moment; `None` if no event is within its bounds.
    ///
    /// # Errors
    /// [`ImageError`] if the image is invalid.
    pub fn past<T>(self, moment: Moment, look: impl FnOnce(&Past<'_>) -> T) -> Result<Option<T>, ImageError> {
        self.check()?;
        let Self { id, facts, conflicts, contexts, sessions, .. } = self;
        let lists = Lists { contexts: &contexts, sessions: &sessions };
        let facts = Timeline::of(facts, lists).ok_or(ImageError::Order)?;
        Ok(Past::of((&id, lists), (&facts, conflicts.iter()), None, moment).as_ref().map(look))
    }
}

#[cfg(test)]
mod tests;
