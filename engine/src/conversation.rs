//! One conversation: the sorted timeline of its facts, and the state derived from them.

use std::sync::Arc;

use crate::effect::{Admission, Effect, Seq};
use crate::event::{At, Event};
use crate::fact::Fact;
use crate::fold::{Context, Fold, Lists};
use crate::known::Known;
use crate::session::Session;
use crate::time::Time;

/// How many of the latest contexts are searched for one that says the same.
const CONTEXTS_SEARCHED: usize = 8;

/// A conversation and everything that was ever learned of it.
///
/// The facts are the truth. The fold is derived from them, kept while the conversation is open so that the next event
/// costs one step, and dropped when it is closed.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub(crate) id: Arc<str>,
    /// Events that have a time, in the order of T2.
    pub(crate) timed: Vec<Fact>,
    /// Closes that have none (T3).
    pub(crate) untimed: Vec<Fact>,
    /// Events that lost to another of the same identity (I2).
    pub(crate) conflicts: Vec<Fact>,
    pub(crate) contexts: Vec<Context>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) arrivals: Counts,
    known: Known,
    fold: Option<Box<Fold>>,
    /// How many of the timed facts the fold has taken.
    folded: usize,
}

/// How events arrived (spec F12): beside the state, never in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Deliveries of events that were known already.
    pub duplicates: u64,
    /// Events that took a place before ones known already.
    pub late: u64,
}

/// Where an identity was found.
enum Found {
    Timed(usize),
    Untimed(usize),
}

impl Conversation {
    pub(crate) fn new(id: Arc<str>) -> Self {
        Self {
            id,
            timed: Vec::new(),
            untimed: Vec::new(),
            conflicts: Vec::new(),
            contexts: Vec::new(),
            sessions: Vec::new(),
            arrivals: Counts::default(),
            known: Known::default(),
            fold: None,
            folded: 0,
        }
    }

    /// The conversation whose memory this is. The facts may come in any order.
    pub(crate) fn from_memory(
        id: Arc<str>,
        facts: Vec<Fact>,
        conflicts: Vec<Fact>,
        contexts: Vec<Context>,
        sessions: Vec<Session>,
        arrivals: Counts,
    ) -> Self {
        let mut known = Known::default();
        for fact in &facts {
            known.insert(fact.identity.fingerprint());
        }
        let (mut timed, untimed): (Vec<_>, Vec<_>) =
            facts.into_iter().partition(|fact| matches!(fact.at, At::Timed(_)));
        if !timed.is_sorted_by(|a, b| a.order(b).is_lt()) {
            timed.sort_by(Fact::order);
        }
        Self { timed, untimed, conflicts, contexts, sessions, arrivals, known, ..Self::new(id) }
    }

    /// Whether the event is to be logged (spec I2).
    pub(crate) fn admit(&self, event: &Event) -> Admission {
        match self.find(event) {
            Some(found) if self.says_the_same(&found, event) => Admission::Duplicate,
            Some(_) | None => Admission::Log,
        }
    }

    /// Takes an event. The state that depends on it is derived at the next [`Conversation::settle`].
    pub(crate) fn apply(&mut self, seq: Seq, event: &Event) -> Effect {
        match self.find(event) {
            None => self.place(seq, event),
            Some(found) if self.says_the_same(&found, event) => {
                self.arrivals.duplicates += 1;
                Effect::Duplicate
            }
            Some(found) => self.resolve(&found, seq, event),
        }
    }

    fn find(&self, event: &Event) -> Option<Found> {
        let identity = event.identity();
        if !self.known.may_contain(identity.fingerprint()) {
            return None;
        }
        // A repeat is mostly a recent one.
        let timed = self.timed.iter().rposition(|fact| fact.identity == *identity).map(Found::Timed);
        timed.or_else(|| self.untimed.iter().position(|fact| fact.identity == *identity).map(Found::Untimed))
    }

    fn fact(&self, found: &Found) -> Option<&Fact> {
        match found {
            Found::Timed(place) => self.timed.get(*place),
            Found::Untimed(place) => self.untimed.get(*place),
        }
    }

    fn says_the_same(&self, found: &Found, event: &Event) -> bool {
        let content = event.content();
        self.fact(found).is_some_and(|fact| fact.content == content)
            || self.conflicts.iter().any(|fact| fact.content == content && fact.identity == *event.identity())
    }

    /// Two events of one identity say different things: the one with the smaller content hash counts (I2).
    fn resolve(&mut self, found: &Found, seq: Seq, event: &Event) -> Effect {
        let counts = self.fact(found).is_some_and(|fact| event.content() < fact.content);
        if counts {
            let loser = match found {
                Found::Timed(place) => self.timed.remove(*place),
                Found::Untimed(place) => self.untimed.remove(*place),
            };
            self.conflicts.push(loser);
            self.forget_fold();
            let winner = self.remember(seq, event);
            self.insert(winner);
        } else {
            let loser = self.remember(seq, event);
            self.conflicts.push(loser);
        }
        Effect::Conflict { counts }
    }

    fn place(&mut self, seq: Seq, event: &Event) -> Effect {
        self.known.insert(event.identity().fingerprint());
        let fact = self.remember(seq, event);
        let is_last = self.insert(fact);
        self.arrivals.late += u64::from(!is_last);
        if is_last { Effect::Applied } else { Effect::Late }
    }

    /// Puts a fact in its place; says whether that is the last one.
    fn insert(&mut self, fact: Fact) -> bool {
        if matches!(fact.at, At::Untimed { .. }) {
            self.untimed.push(fact);
            return true;
        }
        let place = match self.timed.last() {
            Some(last) if last.order(&fact).is_gt() => {
                self.timed.partition_point(|earlier| earlier.order(&fact).is_lt())
            }
            _ => self.timed.len(),
        };
        let is_last = place == self.timed.len() && self.untimed.is_empty();
        self.timed.insert(place, fact);
        if place < self.folded {
            self.forget_fold();
        }
        is_last
    }

    fn remember(&mut self, seq: Seq, event: &Event) -> Fact {
        let context = self.context(event);
        let session = event.session().map(|session| self.session(session));
        Fact::new(seq, event, context, session)
    }

    #[expect(clippy::cast_possible_truncation, reason = "four billion contexts do not fit into memory")]
    fn context(&mut self, event: &Event) -> u32 {
        let nobody = event.says_nobody();
        let same = |context: &Context| context.nobody == nobody && context.texts.repeats(event.texts());
        let from = self.contexts.len().saturating_sub(CONTEXTS_SEARCHED);
        if let Some(place) = self.contexts.iter().skip(from).rposition(same) {
            return (from + place) as u32;
        }
        self.contexts.push(Context { texts: event.texts().repeating(), nobody });
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

    /// Brings the fold up to the facts.
    pub(crate) fn settle(&mut self) {
        let lists = Lists { contexts: &self.contexts, sessions: &self.sessions };
        let fold = self.fold.get_or_insert_default();
        for fact in self.timed.iter().skip(self.folded) {
            if let At::Timed(at) = fact.at {
                fold.step(fact, at, lists);
            }
        }
        self.folded = self.timed.len();
    }

    /// Gives back what a conversation that has come to rest does not need: it is derived again when asked for.
    pub(crate) fn rest(&mut self) {
        self.forget_fold();
        self.timed.shrink_to_fit();
        self.contexts.shrink_to_fit();
        self.known.shrink();
    }

    pub(crate) fn lists(&self) -> Lists<'_> {
        Lists { contexts: &self.contexts, sessions: &self.sessions }
    }

    /// Calls `read` with the fold of all events.
    pub(crate) fn with_fold<R>(&self, read: impl FnOnce(&Fold) -> R) -> R {
        let settled = self.fold.as_deref().filter(|_| self.folded == self.timed.len());
        match settled {
            Some(fold) if self.untimed.is_empty() => read(fold),
            Some(fold) => read(&self.with_untimed(fold.clone())),
            None => read(&self.with_untimed(self.fold_timed())),
        }
    }

    fn fold_timed(&self) -> Fold {
        let mut fold = Fold::default();
        for fact in &self.timed {
            if let At::Timed(at) = fact.at {
                fold.step(fact, at, self.lists());
            }
        }
        fold
    }

    /// Takes the closes that have no time (T3): after all others, at the time of the latest of those.
    fn with_untimed(&self, mut fold: Fold) -> Fold {
        for (at, fact) in self.untimed_in_order() {
            fold.step(fact, at, self.lists());
            fold.clock_suspicions.push(at);
        }
        fold
    }

    fn untimed_in_order(&self) -> Vec<(Time, &Fact)> {
        let latest = self.timed.last().and_then(|fact| match fact.at {
            At::Timed(at) => Some(at),
            At::Untimed { .. } => None,
        });
        let mut closes: Vec<_> = self
            .untimed
            .iter()
            .map(|fact| match (fact.at, latest) {
                (At::Timed(at), _) | (At::Untimed { alone: at }, None) => (at, fact),
                (At::Untimed { .. }, Some(latest)) => {
                    (fact.started.map_or(latest, |started| started.max(latest)), fact)
                }
            })
            .collect();
        closes.sort_by(|(a_at, a), (b_at, b)| a_at.cmp(b_at).then_with(|| a.identity.cmp(&b.identity)));
        closes
    }

    /// All facts that count, in the order of T2, with their times.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (Time, &Fact)> {
        let timed = self.timed.iter().filter_map(|fact| match fact.at {
            At::Timed(at) => Some((at, fact)),
            At::Untimed { .. } => None,
        });
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
