//! One conversation: its facts, and the state derived from them.

use std::sync::Arc;

use crate::conflicts::Conflicts;
use crate::context::Context;
use crate::effect::{Admission, Effect, Seq};
use crate::event::{At, EventRef};
use crate::fact::Fact;
use crate::fold::{Fold, Lists};
use crate::folds::Folds;
use crate::known::Known;
use crate::session::Session;
use crate::time::Time;
use crate::timeline::Timeline;

/// The number of latest contexts to search for an equal one.
const CONTEXTS_SEARCHED: usize = 8;

/// A closed conversation with more events keeps its fold, because folding it again would be slow.
const RESTS_UP_TO_EVENTS: usize = if cfg!(test) { 64 } else { 1024 };

/// Approximate size of a context on the heap, without its texts.
const CONTEXT_BYTES: usize = 128;

/// Approximate overhead of an allocation.
const ALLOCATION_BYTES: usize = 16;

/// The size of a fact's text and of its identity's.
fn text_bytes_of(fact: &Fact) -> usize {
    fact.text.as_ref().map_or(0, |text| text.len() + ALLOCATION_BYTES) + fact.identity.heap_bytes()
}

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
    known: Known,
    folds: Option<Box<Folds>>,
    /// The number of first facts that have not changed since they were folded; `None` if all facts are folded.
    kept: Option<usize>,
    /// The total length of all texts.
    text_bytes: usize,
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
            known: Known::default(),
            folds: None,
            kept: None,
            text_bytes: 0,
        }
    }

    /// The conversation with these facts, which can be in any order.
    pub(crate) fn from_memory(
        id: Arc<str>,
        facts: Vec<Fact>,
        conflicts: Vec<Fact>,
        contexts: Vec<Context>,
        sessions: Vec<Session>,
        arrivals: ArrivalCounts,
    ) -> Self {
        let mut known = Known::default();
        facts.iter().for_each(|fact| known.insert(fact));
        let text_bytes = facts.iter().chain(&conflicts).map(text_bytes_of).sum::<usize>()
            + contexts.iter().map(Context::text_bytes).sum::<usize>();
        let (facts, conflicts) = (Timeline::new(facts), conflicts.into_iter().collect());
        let kept = Some(0);
        Self { facts, conflicts, contexts, sessions, arrivals, known, kept, text_bytes, ..Self::new(id) }
    }

    /// Whether to log the event (rule I2).
    pub(crate) fn admit(&self, event: EventRef<'_>) -> Admission {
        if self.knows(self.facts.find(event), event) { Admission::Duplicate } else { Admission::Log }
    }

    /// Whether the event arrived before, with this content. `same` is the fact with its time, rank and identity.
    fn knows(&self, same: Option<usize>, event: EventRef<'_>) -> bool {
        let content = event.content();
        same.and_then(|place| self.facts.get(place)).is_some_and(|fact| fact.content == content)
            || self.conflicts.contain(event.identity(), content)
    }

    /// Applies an event. [`Conversation::settle`] then derives the state.
    pub(crate) fn apply(&mut self, seq: Seq, event: EventRef<'_>) -> Effect {
        if !self.known.may_contain(event.fingerprint()) {
            return self.place(seq, event);
        }
        let same = self.facts.find(event);
        if self.knows(same, event) {
            self.arrivals.duplicates += 1;
            return Effect::Duplicate;
        }
        match same.or_else(|| self.known.find(event.identity(), &self.facts)) {
            Some(known) => self.resolve(known, seq, event),
            None => self.place(seq, event),
        }
    }

    /// Two events with the same identity have different content: the one with the smaller content hash counts (rule
    /// I2).
    fn resolve(&mut self, known: usize, seq: Seq, event: EventRef<'_>) -> Effect {
        let mut loser = self.remember(seq, event);
        let counts = self.facts.get(known).is_some_and(|fact| event.content() < fact.content);
        if counts && let Some(fact) = self.facts.remove(known) {
            self.changed_from(known);
            let winner = std::mem::replace(&mut loser, fact);
            self.known.replace(&loser, &winner);
            self.insert(winner);
        }
        self.conflicts.push(loser);
        Effect::Conflict { counts }
    }

    fn place(&mut self, seq: Seq, event: EventRef<'_>) -> Effect {
        let fact = self.remember(seq, event);
        self.known.insert(&fact);
        let is_last = self.insert(fact);
        self.arrivals.late += u64::from(!is_last);
        if is_last { Effect::Applied } else { Effect::Late }
    }

    /// Inserts a fact. Returns whether it is the last one in order; a close without a usable time always is.
    fn insert(&mut self, fact: Fact) -> bool {
        let is_untimed = matches!(fact.at, At::Untimed { .. });
        let place = self.facts.insert(fact);
        self.changed_from(place);
        is_untimed || place + 1 == self.facts.len()
    }

    fn changed_from(&mut self, place: usize) {
        self.kept = Some(self.kept.map_or(place, |kept| kept.min(place)));
    }

    fn remember(&mut self, seq: Seq, event: EventRef<'_>) -> Fact {
        let context = self.context(event);
        let session = event.session().map(|session| self.session(session));
        let fact = Fact::new(seq, event, context, session);
        self.text_bytes += text_bytes_of(&fact);
        fact
    }

    #[expect(clippy::cast_possible_truncation, reason = "four billion contexts do not fit into memory")]
    fn context(&mut self, event: EventRef<'_>) -> u32 {
        let same = |context: &Context| context.is_of(event);
        let from = self.contexts.len().saturating_sub(CONTEXTS_SEARCHED);
        if let Some(place) = self.contexts.iter().skip(from).rposition(same) {
            return (from + place) as u32;
        }
        let context = Context::of(event);
        self.text_bytes += context.text_bytes();
        self.contexts.push(context);
        (self.contexts.len() - 1) as u32
    }

    #[expect(clippy::cast_possible_truncation, reason = "four billion sessions do not fit into memory")]
    fn session(&mut self, session: &Session) -> u32 {
        if self.sessions.last() != Some(session) {
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
            + self.text_bytes
            + self.contexts.len() * (size_of::<Context>() + CONTEXT_BYTES)
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
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (Time, &Fact)> {
        let timed = self.facts.timed_after(0).map(|fact| (fact.at.alone(), fact));
        timed.chain(self.facts.untimed_in_order())
    }

    /// The text of the event at a position in the order of T2.
    pub(crate) fn text_at(&self, position: u32) -> Option<&str> {
        let place = position as usize;
        let fact = match place.checked_sub(self.facts.timed_len()) {
            None => self.facts.get(place),
            Some(untimed) => self.facts.untimed_in_order().get(untimed).map(|(_, fact)| *fact),
        };
        fact?.text.as_deref()
    }
}
