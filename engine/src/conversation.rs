//! One conversation: its facts, and the state derived from them.

use std::sync::Arc;

use crate::conflicts::Conflicts;
use crate::context::Context;
use crate::effect::{Admission, Effect, Seq};
use crate::event::{At, EventRef};
use crate::extent::EventBounds;
use crate::fact::{Fact, Place};
use crate::fold::{Fold, Lists};
use crate::folds::Folds;
use crate::growth::{ARC_BYTES, reserve_one};
use crate::image::ConversationImage;
use crate::known::{Key, Known};
use crate::session::Session;
use crate::time::Time;
use crate::timeline::Timeline;

/// The number of latest contexts to search for an equal one.
const CONTEXTS_SEARCHED: usize = 8;

/// A closed conversation with more events keeps its fold, because folding it again would be slow.
const RESTS_UP_TO_EVENTS: usize = if cfg!(test) { 64 } else { 1024 };

/// A conversation with all its facts.
///
/// Facts are the source of truth. The folds are derived from them, kept while the conversation is open so that the next
/// event costs one step, and dropped when it is closed.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub(crate) id: Arc<str>,
    /// The events that count.
    pub(crate) facts: Timeline,
    /// Events that lost to another event with the same identity (rule I2).
    pub(crate) conflicts: Conflicts,
    pub(crate) contexts: Vec<Context>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) arrivals: ArrivalCounts,
    /// The bounds of all events, whether they count or not.
    pub(crate) bounds: EventBounds,
    known: Known,
    folds: Option<Box<Folds>>,
    /// The number of first facts that have not changed since they were folded; `None` if all facts are folded.
    kept: Option<usize>,
    /// The total length of the texts of the contexts.
    context_bytes: usize,
}

/// How events arrived (rule F12). Not part of the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArrivalCounts {
    /// Deliveries of events that were known already.
    pub duplicates: u64,
    /// Events that sort before an event that was known already.
    pub late: u64,
}

impl Conversation {
    pub(crate) fn new(id: Arc<str>) -> Self {
        Self {
            id,
            facts: Timeline::default(),
            conflicts: Conflicts::default(),
            contexts: Vec::new(),
            sessions: Vec::new(),
            arrivals: ArrivalCounts::default(),
            bounds: EventBounds::default(),
            known: Known::default(),
            folds: None,
            kept: None,
            context_bytes: 0,
        }
    }

    /// The conversation of an image; `None` if its facts are not in the order of T2.
    pub(crate) fn of(image: ConversationImage) -> Option<Self> {
        let ConversationImage { id, facts, conflicts, contexts, sessions, arrivals } = image;
        let lists = Lists { contexts: &contexts, sessions: &sessions };
        let facts = Timeline::of(facts, lists)?;
        let bounds = EventBounds::of(facts.iter().chain(conflicts.iter()));
        let (known, conflicts) = (Known::of(&facts, lists), Conflicts::of(conflicts));
        let context_bytes = contexts.iter().map(Context::text_bytes).sum();
        let kept = Some(0);
        Some(Self {
            facts,
            conflicts,
            contexts,
            sessions,
            arrivals,
            bounds,
            known,
            kept,
            context_bytes,
            ..Self::new(id)
        })
    }

    /// Whether to log the event (rule I2).
    pub(crate) fn admit(&self, event: EventRef<'_>) -> Admission {
        let may_know = self.known.may_contain(event.fingerprint());
        if may_know && self.knows(self.find(event), event) { Admission::Duplicate } else { Admission::Log }
    }

    /// The index of the fact with the event's identity, if it also has the event's time and rank. A duplicate has both.
    fn find(&self, event: EventRef<'_>) -> Option<usize> {
        self.facts.find(&Place::of(event), self.lists())
    }

    /// Whether the event arrived before, with this content. `same` is the fact with its time, rank and identity.
    fn knows(&self, same: Option<usize>, event: EventRef<'_>) -> bool {
        let same = same.and_then(|place| self.facts.get(place));
        let same = same.filter(|fact| fact.check == event.content().check());
        same.is_some_and(|fact| fact.content(self.lists()) == event.content())
            || self.conflicts.contain(event, self.lists())
    }

    /// Applies an event. [`Conversation::settle`] then derives the state. `context` is the index of its context, if it is
    /// known from another event, and is set.
    pub(crate) fn apply(&mut self, seq: Seq, event: EventRef<'_>, context: &mut Option<u32>) -> Effect {
        if !self.known.may_contain(event.fingerprint()) {
            return self.place(seq, event, context);
        }
        let same = self.find(event);
        if self.knows(same, event) {
            self.arrivals.duplicates += 1;
            return Effect::Duplicate;
        }
        let Self { known, facts, contexts, sessions, .. } = self;
        match same.or_else(|| known.find(event, facts, Lists { contexts, sessions })) {
            Some(known) => self.resolve(known, seq, event, context),
            None => self.place(seq, event, context),
        }
    }

    /// Two events with the same identity have different content: the one with the smaller content hash counts (rule
    /// I2).
    fn resolve(&mut self, known: usize, seq: Seq, event: EventRef<'_>, context: &mut Option<u32>) -> Effect {
        let fact = self.remember(seq, event, context);
        let lists = Lists { contexts: &self.contexts, sessions: &self.sessions };
        let loser = self.facts.get(known).filter(|known| event.content() < known.content(lists));
        let Some(loser) = loser else {
            self.conflicts.push(&fact, event);
            return Effect::Conflict { counts: false };
        };
        self.conflicts.push(&loser, event);
        self.known.replace(Key::of_fact(&loser, lists), Key::of(event));
        self.facts.remove(known);
        self.changed_from(known);
        self.insert(&fact, event);
        Effect::Conflict { counts: true }
    }

    fn place(&mut self, seq: Seq, event: EventRef<'_>, context: &mut Option<u32>) -> Effect {
        let fact = self.remember(seq, event, context);
        let is_last = self.insert(&fact, event);
        self.known.insert(Key::of(event), &self.facts, Lists { contexts: &self.contexts, sessions: &self.sessions });
        self.arrivals.late += u64::from(!is_last);
        if is_last { Effect::Applied } else { Effect::Late }
    }

    /// Inserts the fact of an event. Returns whether it is the last one in order; a close without a usable time always is.
    fn insert(&mut self, fact: &Fact<'_>, event: EventRef<'_>) -> bool {
        let Self { facts, folds, kept, contexts, sessions, .. } = self;
        let lists = Lists { contexts, sessions };
        let place = facts.insert(fact, &Place::of(event), lists);
        if place == 0 && folds.is_none() {
            *folds = Some(Box::default());
        }
        let is_settled_up_to = kept.is_none_or(|kept| kept >= place);
        let follows = is_settled_up_to && folds.as_mut().is_some_and(|folds| folds.follow(place, fact, lists));
        self.changed_from(place);
        if follows {
            self.kept = Some(place + 1);
        }
        matches!(fact.at, At::Untimed { .. }) || place + 1 == self.facts.len()
    }

    fn changed_from(&mut self, place: usize) {
        self.kept = Some(self.kept.map_or(place, |kept| kept.min(place)));
    }

    fn remember<'a>(&mut self, seq: Seq, event: EventRef<'a>, context: &mut Option<u32>) -> Fact<'a> {
        // Among those that `context` searches: otherwise what is stored would depend on how events are grouped.
        let known = context.filter(|known| *known as usize >= self.first_searched_context());
        let context = *context.insert(known.unwrap_or_else(|| self.context(event)));
        let session = event.session().map(|session| self.session(session));
        let fact = Fact::new(seq, event, context, session);
        self.bounds.add(&fact);
        fact
    }

    fn first_searched_context(&self) -> usize {
        self.contexts.len().saturating_sub(CONTEXTS_SEARCHED)
    }

    #[expect(clippy::cast_possible_truncation, reason = "four billion contexts do not fit into memory")]
    fn context(&mut self, event: EventRef<'_>) -> u32 {
        let same = |context: &Context| context.is_of(event);
        let from = self.first_searched_context();
        if let Some(place) = self.contexts.iter().skip(from).rposition(same) {
            return (from + place) as u32;
        }
        let context = Context::of(event);
        self.context_bytes += context.text_bytes();
        reserve_one(&mut self.contexts);
        self.contexts.push(context);
        (self.contexts.len() - 1) as u32
    }

    #[expect(clippy::cast_possible_truncation, reason = "four billion sessions do not fit into memory")]
    fn session(&mut self, session: &Session) -> u32 {
        if self.sessions.last() != Some(session) {
            reserve_one(&mut self.sessions);
            self.sessions.push(session.clone());
        }
        (self.sessions.len() - 1) as u32
    }

    /// The number of steps of [`Conversation::settle`].
    pub(crate) fn steps_to_settle(&self) -> usize {
        let Some(kept) = self.kept else { return 0 };
        self.folds.as_ref().map_or(self.facts.len(), |folds| folds.steps_to_settle(kept, &self.facts))
    }

    /// Derives the state from the facts.
    pub(crate) fn settle(&mut self) {
        let mut folds = self.folds.take().unwrap_or_default();
        let kept = self.kept.take().unwrap_or(self.facts.len());
        folds.settle(kept, &self.facts, self.lists());
        self.folds = Some(folds);
    }

    /// The folds after [`Conversation::settle`], without changing the conversation.
    pub(crate) fn settled(&self) -> Box<Folds> {
        let kept = self.kept.unwrap_or(self.facts.len());
        let mut folds = self.folds.as_ref().map(|folds| Box::new(folds.base(kept))).unwrap_or_default();
        folds.settle(kept, &self.facts, self.lists());
        folds
    }

    /// Replaces the folds by those of [`Conversation::settled`]. Returns the earlier ones.
    pub(crate) fn set_settled(&mut self, folds: Box<Folds>) -> Option<Box<Folds>> {
        self.kept = None;
        self.folds.replace(folds)
    }

    /// Frees what a closed conversation does not need; it is derived again on demand.
    pub(crate) fn rest(&mut self) {
        if self.facts.len() > RESTS_UP_TO_EVENTS {
            return;
        }
        self.folds = None;
        self.facts.shrink();
        self.contexts.shrink_to_fit();
        self.known.shrink();
    }

    /// Approximate size on the heap, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.facts.heap_bytes()
            + self.conflicts.heap_bytes()
            + self.context_bytes
            + self.contexts.capacity() * size_of::<Context>()
            + (1 + self.contexts.len()) * ARC_BYTES
            + self.id.len()
            + self.sessions.capacity() * size_of::<Session>()
            + self.known.heap_bytes()
            + self.folds.as_ref().map_or(0, |folds| size_of::<Folds>() + folds.heap_bytes())
    }

    pub(crate) fn lists(&self) -> Lists<'_> {
        Lists { contexts: &self.contexts, sessions: &self.sessions }
    }

    /// Calls `read` with the fold of all events.
    pub(crate) fn with_fold<R>(&self, read: impl FnOnce(&Fold) -> R) -> R {
        match (&self.folds, self.kept) {
            (Some(folds), None) => read(folds.whole()),
            _ => read(self.settled().whole()),
        }
    }

    /// A fold of the first facts, at most `facts` of them, and their number. It must be settled before it is read.
    pub(crate) fn fold_near(&self, facts: usize) -> (usize, Fold) {
        let facts = self.kept.map_or(facts, |kept| facts.min(kept));
        self.folds.as_ref().map(|folds| folds.near(facts)).unwrap_or_default()
    }

    /// All facts that count, in the order of T2, with their times.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (Time, Fact<'_>)> {
        let timed = self.facts.timed_after(0).map(|fact| (fact.at.alone(), fact));
        timed.chain(self.facts.untimed_in_order(self.lists()))
    }

    /// The text of the event at a position in the order of T2.
    pub(crate) fn text_at(&self, position: u32) -> Option<&str> {
        let place = position as usize;
        match place.checked_sub(self.facts.timed_len()) {
            None => self.facts.facts().text_at(place),
            Some(untimed) => self.facts.untimed_in_order(self.lists()).get(untimed)?.1.text,
        }
    }
}
