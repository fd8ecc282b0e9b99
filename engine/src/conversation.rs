//! One conversation: its facts, and the state derived from them.

use std::sync::Arc;

use hashbrown::HashSet;

use crate::context::Context;
use crate::effect::{Admission, Effect, Seq};
use crate::event::{At, Event};
use crate::fact::Fact;
use crate::fold::{Fold, Lists};
use crate::identity::{ContentHash, Identity};
use crate::known::Known;
use crate::session::Session;
use crate::time::Time;
use crate::timeline::Timeline;

/// The number of latest contexts to search for an equal one.
const CONTEXTS_SEARCHED: usize = 8;

/// A closed conversation with more events keeps its fold, because folding it again would be slow.
const RESTS_UP_TO_EVENTS: usize = 1024;

/// Approximate size of a context on the heap: the ends of its texts, and the texts.
const CONTEXT_BYTES: usize = 224;

/// Approximate overhead of an allocation.
const ALLOCATION_BYTES: usize = 16;

/// The size of a fact's text.
fn text_bytes_of(fact: &Fact) -> usize {
    fact.text.as_ref().map_or(0, |text| text.len() + ALLOCATION_BYTES)
}

/// A conversation with all its facts.
///
/// Facts are the source of truth. The fold is derived from them, kept while the conversation is open so that the next
/// event costs one step, and dropped when it is closed. A late event costs one step for each event of the conversation.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub(crate) id: Arc<str>,
    /// Events with a time; in order after [`Conversation::settle`].
    pub(crate) timed: Timeline,
    /// Closes without a usable time (rule T3).
    pub(crate) untimed: Vec<Fact>,
    /// Events that lost to another event with the same identity (rule I2).
    pub(crate) conflicts: Vec<Fact>,
    /// The identities and content hashes of the conflicts.
    lost: HashSet<(Identity, ContentHash)>,
    pub(crate) contexts: Vec<Context>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) arrivals: ArrivalCounts,
    known: Known,
    fold: Option<Box<Fold>>,
    /// The number of timed facts that the fold contains.
    folded: usize,
    /// The total length of the texts of all facts.
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

/// Where the event with an identity was found.
#[derive(Clone, Copy)]
enum Found {
    Timed(usize),
    Untimed(usize),
}

impl Conversation {
    pub(crate) fn new(id: Arc<str>) -> Self {
        Self {
            id,
            timed: Timeline::default(),
            untimed: Vec::new(),
            conflicts: Vec::new(),
            lost: HashSet::new(),
            contexts: Vec::new(),
            sessions: Vec::new(),
            arrivals: ArrivalCounts::default(),
            known: Known::default(),
            fold: None,
            folded: 0,
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
        for fact in &facts {
            known.insert(fact.identity.fingerprint());
        }
        let is_timed = |fact: &Fact| matches!(fact.at, At::Timed(_));
        let (timed, untimed): (Vec<_>, Vec<_>) = facts.into_iter().partition(is_timed);
        let lost = conflicts.iter().map(|fact| (fact.identity.clone(), fact.content)).collect();
        let text_bytes = timed.iter().chain(&untimed).chain(&conflicts).map(text_bytes_of).sum();
        let timed = Timeline::new(timed);
        Self { timed, untimed, conflicts, lost, contexts, sessions, arrivals, known, text_bytes, ..Self::new(id) }
    }

    /// Whether to log the event (rule I2).
    pub(crate) fn admit(&self, event: &Event) -> Admission {
        match self.find(event) {
            Some(found) if self.says_the_same(found, event) => Admission::Duplicate,
            Some(_) | None => Admission::Log,
        }
    }

    /// Applies an event. [`Conversation::settle`] then derives the state.
    pub(crate) fn apply(&mut self, seq: Seq, event: &Event) -> Effect {
        match self.find(event) {
            None => self.place(seq, event),
            Some(found) if self.says_the_same(found, event) => {
                self.arrivals.duplicates += 1;
                Effect::Duplicate
            }
            Some(found) => self.resolve(found, seq, event),
        }
    }

    fn find(&self, event: &Event) -> Option<Found> {
        let identity = event.identity();
        if !self.known.may_contain(identity.fingerprint()) {
            return None;
        }
        let untimed = || self.untimed.iter().position(|fact| fact.identity == *identity).map(Found::Untimed);
        self.timed.find(event).map(Found::Timed).or_else(untimed)
    }

    fn fact(&self, found: Found) -> Option<&Fact> {
        match found {
            Found::Timed(place) => self.timed.get(place),
            Found::Untimed(place) => self.untimed.get(place),
        }
    }

    fn says_the_same(&self, found: Found, event: &Event) -> bool {
        let content = event.content();
        self.fact(found).is_some_and(|fact| fact.content == content)
            || (!self.lost.is_empty() && self.lost.contains(&(event.identity().clone(), content)))
    }

    /// Two events with the same identity have different content: the one with the smaller content hash counts (rule
    /// I2).
    fn resolve(&mut self, found: Found, seq: Seq, event: &Event) -> Effect {
        let counts = self.fact(found).is_some_and(|fact| event.content() < fact.content);
        let arrived = self.remember(seq, event);
        let loser = if counts {
            self.forget_fold();
            let loser = match found {
                Found::Timed(place) => self.timed.remove(place),
                Found::Untimed(place) => self.untimed.remove(place),
            };
            self.insert(arrived);
            loser
        } else {
            arrived
        };
        self.lost.insert((loser.identity.clone(), loser.content));
        self.conflicts.push(loser);
        Effect::Conflict { counts }
    }

    fn place(&mut self, seq: Seq, event: &Event) -> Effect {
        self.known.insert(event.identity().fingerprint());
        let fact = self.remember(seq, event);
        let is_last = self.insert(fact);
        self.arrivals.late += u64::from(!is_last);
        if is_last { Effect::Applied } else { Effect::Late }
    }

    /// Inserts a fact. Returns whether it is the last one in order.
    fn insert(&mut self, fact: Fact) -> bool {
        if matches!(fact.at, At::Untimed { .. }) {
            self.untimed.push(fact);
            return true;
        }
        self.timed.push(fact) && self.untimed.is_empty()
    }

    fn remember(&mut self, seq: Seq, event: &Event) -> Fact {
        let context = self.context(event);
        let session = event.session().map(|session| self.session(session));
        let fact = Fact::new(seq, event, context, session);
        self.text_bytes += text_bytes_of(&fact);
        fact
    }

    #[expect(clippy::cast_possible_truncation, reason = "four billion contexts do not fit into memory")]
    fn context(&mut self, event: &Event) -> u32 {
        let same = |context: &Context| context.is_of(event);
        let from = self.contexts.len().saturating_sub(CONTEXTS_SEARCHED);
        if let Some(place) = self.contexts.iter().skip(from).rposition(same) {
            return (from + place) as u32;
        }
        self.contexts.push(Context::of(event));
        (self.contexts.len() - 1) as u32
    }

    #[expect(clippy::cast_possible_truncation, reason = "four billion sessions do not fit into memory")]
    fn session(&mut self, session: &Session) -> u32 {
        if self.sessions.last() != Some(session) {
            self.sessions.push(session.clone());
        }
        (self.sessions.len() - 1) as u32
    }

    fn forget_fold(&mut self) {
        self.fold = None;
        self.folded = 0;
    }

    /// Sorts the facts and derives the fold from them.
    pub(crate) fn settle(&mut self) {
        if !self.timed.sort(self.folded) {
            self.forget_fold();
        }
        let lists = Lists { contexts: &self.contexts, sessions: &self.sessions };
        let fold = self.fold.get_or_insert_default();
        for fact in self.timed.facts().iter().skip(self.folded) {
            fold.step(fact, fact.at.alone(), lists);
        }
        fold.settle();
        self.folded = self.timed.len();
    }

    /// Frees what a closed conversation does not need; it is derived again on demand.
    pub(crate) fn rest(&mut self) {
        if self.timed.len() > RESTS_UP_TO_EVENTS {
            return;
        }
        self.forget_fold();
        self.timed.shrink();
        self.contexts.shrink_to_fit();
        self.known.shrink();
    }

    /// Approximate size on the heap, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let facts = self.timed.capacity() + self.untimed.capacity() + self.conflicts.capacity();
        facts * size_of::<Fact>()
            + self.text_bytes
            + self.contexts.len() * (size_of::<Context>() + CONTEXT_BYTES)
            + self.sessions.capacity() * size_of::<Session>()
            + self.timed.len() * size_of::<u64>()
            + self.fold.as_ref().map_or(0, |_| 2 * size_of::<Fold>())
    }

    pub(crate) fn lists(&self) -> Lists<'_> {
        Lists { contexts: &self.contexts, sessions: &self.sessions }
    }

    /// Calls `read` with the fold of all events. The conversation must be settled.
    pub(crate) fn with_fold<R>(&self, read: impl FnOnce(&Fold) -> R) -> R {
        match &self.fold {
            Some(fold) if self.untimed.is_empty() => read(fold),
            Some(fold) => read(&self.with_untimed((**fold).clone())),
            None => read(&self.with_untimed(self.fold_timed())),
        }
    }

    fn fold_timed(&self) -> Fold {
        let mut fold = Fold::default();
        for fact in self.timed.facts() {
            fold.step(fact, fact.at.alone(), self.lists());
        }
        fold.settle();
        fold
    }

    /// Adds the closes without a usable time (T3): after all other events, at the time of the latest of them.
    fn with_untimed(&self, mut fold: Fold) -> Fold {
        for (at, fact) in self.untimed_in_order() {
            fold.step(fact, at, self.lists());
            fold.clock_suspicions.push(at);
        }
        fold.settle();
        fold
    }

    fn untimed_in_order(&self) -> Vec<(Time, &Fact)> {
        let latest = self.timed.latest().map(|fact| fact.at.alone());
        let at = |fact: &Fact| match latest {
            Some(latest) => fact.started.map_or(latest, |started| started.max(latest)),
            None => fact.at.alone(),
        };
        let mut closes: Vec<_> = self.untimed.iter().map(|fact| (at(fact), fact)).collect();
        closes.sort_by(|(a_at, a), (b_at, b)| a_at.cmp(b_at).then_with(|| a.identity.cmp(&b.identity)));
        closes
    }

    /// All facts that count, in the order of T2, with their times.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (Time, &Fact)> {
        let timed = self.timed.facts().iter().map(|fact| (fact.at.alone(), fact));
        timed.chain(self.untimed_in_order())
    }

    /// The text of the event at a position in the order of T2.
    pub(crate) fn text_at(&self, position: u32) -> Option<&str> {
        let place = position as usize;
        let fact = match self.timed.get(place) {
            Some(fact) => Some(fact),
            None => self.untimed_in_order().get(place - self.timed.len()).map(|(_, fact)| *fact),
        };
        fact?.text.as_deref()
    }
}
