//! What one conversation contributes to reports: its steps, without its events.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::attribute::Attribute;
use crate::chunk::{PackedFacts, Rows};
use crate::context::Context;
use crate::event::{Direction, Kind};
use crate::fact::Fact;
use crate::fold::{Fold, Lists, is_close};
use crate::interner::Interner;
use crate::moment::Moment;
use crate::past::Past;
use crate::session::{Session, SessionStatus};
use crate::state::AgentRef;
use crate::time::Time;

/// The steps of one conversation in the order in which they happened (T2). Every measure is computed from them alone.
///
/// Each step depends on the events up to it only, so the steps up to a time are the same whatever happens later. They are the
/// steps of the events that count in the whole set (I2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transitions {
    /// The id of the conversation.
    pub id: Arc<str>,
    /// All agents that were ever assigned, each with its latest name.
    pub agents: Vec<AgentRef>,
    /// The places of the conversation, each once.
    pub places: Vec<ReportPlace>,
    /// The steps.
    pub steps: Vec<Transition>,
}

/// Where a conversation belongs, apart from its agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ReportPlace {
    /// The tenant.
    pub tenant: Option<Arc<str>>,
    /// The channel of the latest message.
    pub channel: Option<Arc<str>>,
    /// The source of the latest event.
    pub source: Option<Arc<str>>,
    /// The shortcode.
    pub shortcode: Option<Arc<str>>,
}

/// What one event did. Times are milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// Its time (T1 and T3).
    pub at: i64,
    /// The message that it is.
    pub message: Option<Said>,
    /// Whether it is a close event, of an open conversation or of a closed one (F9).
    pub is_close: bool,
    /// Whether the conversation begins with it, and is not closed by its first statement.
    pub starts: bool,
    /// The number of steps from closed to open (F3).
    pub reopens: u64,
    /// The number of steps from open to closed.
    pub closings: u64,
    /// The conversation after it.
    pub after: Standing,
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Said {
    /// Its own time (T4).
    pub at: i64,
    /// Its direction, if it is known.
    pub direction: Option<Direction>,
}

/// A conversation after one of its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// Whether it is open (F2).
    pub is_open: bool,
    /// The assigned agent (F5), by its place in the list of agents.
    pub agent: Option<u32>,
    /// The place, by its place in their list.
    pub place: u32,
    /// Unread messages (F7).
    pub unread: u64,
    /// Since when the member waits (F9, F11); `None` if it is closed.
    pub waiting_since: Option<i64>,
    /// When it began (F4).
    pub started_at: i64,
    /// The first message from the member.
    pub first_inbound_at: Option<i64>,
}

impl Transitions {
    /// Whether the conversation has an event, or a message by its own time, from `from_ms` on and before `to_ms`, or is open
    /// then. Another one is in no number of a report of this time.
    pub(crate) fn meets(&self, from_ms: i64, to_ms: i64) -> bool {
        let is_in = |at: i64| from_ms <= at && at < to_ms;
        let is_open_in = |step: &Transition, until: i64| step.after.is_open && step.at < to_ms && until > from_ms;
        let ends = self.steps.iter().skip(1).map(|next| next.at).chain([i64::MAX]);
        let mut steps = self.steps.iter().zip(ends);
        steps.any(|(step, until)| {
            is_in(step.at) || step.message.is_some_and(|said| is_in(said.at)) || is_open_in(step, until)
        })
    }
}

impl Past<'_> {
    /// The steps that reports are computed from. Those from the end of a report on are among them: their messages can have own
    /// times before it (T4).
    #[must_use]
    pub fn transitions(&self) -> Transitions {
        let mut reader = TransitionsReader::default();
        reader.read(self);
        reader.transitions
    }
}

/// Reads the transitions of one conversation after another into the same memory.
#[derive(Debug, Default)]
pub struct TransitionsReader {
    transitions: Transitions,
    /// The texts of places, most of which many conversations share.
    texts: Interner,
}

/// The maximum number of texts that a reader keeps for the next conversations.
const KEPT_TEXTS: usize = 4_096;

impl TransitionsReader {
    /// Reads the transitions of a conversation: those that [`Past::transitions`] returns.
    pub fn read(&mut self, past: &Past<'_>) {
        let mut walk = self.walk(past.id().clone(), past.lists());
        past.in_order().for_each(|(at, fact)| walk.step(at, &fact));
        walk.finish();
    }

    /// Reads the transitions of a packed conversation, in one pass over its facts. Returns whether it exists at the moment.
    /// `None` if it is not one of the usual ones, or is invalid: [`ConversationImage::past`](crate::ConversationImage::past)
    /// tells. In the usual ones, all events have a time; there must be no bound of it.
    pub fn read_packed(&mut self, packed: &PackedConversation<'_>, moment: Moment) -> Option<bool> {
        let PackedConversation { id, contexts, sessions, facts } = *packed;
        let lists = Lists { contexts, sessions };
        let mut walk = self.walk(id.into(), lists);
        let mut last: Option<Fact<'_>> = None;
        for facts in facts.iter().filter(|_| moment.as_of.is_none()) {
            let mut rows = Rows::of(*facts);
            for _ in 0..facts.len {
                let fact = rows.next()?;
                let follows = last.is_none_or(|last| last.compare(&fact, lists).is_lt());
                if !follows || !fact.is_timed() || !lists.have(&fact) {
                    return None;
                }
                if moment.knows(fact.seq) {
                    walk.step(fact.at.alone(), &fact);
                }
                last = Some(fact);
            }
            if !rows.is_at_end() {
                return None;
            }
        }
        last?;
        let exists = !walk.steps.is_empty();
        walk.finish();
        Some(exists)
    }

    /// The walk over the events of the next conversation.
    fn walk<'a>(&mut self, id: Arc<str>, lists: Lists<'a>) -> Walk<'a, '_> {
        let Self { transitions, texts } = self;
        texts.forget_more_than(KEPT_TEXTS);
        transitions.id = id;
        let Transitions { agents, places, steps, .. } = transitions;
        agents.clear();
        places.clear();
        steps.clear();
        let places = Places { texts, places, last: None, numbers: HashMap::new() };
        Walk { lists, fold: Fold::default(), agents, places, steps }
    }

    /// The transitions that were read last.
    #[must_use]
    pub fn transitions(&self) -> &Transitions {
        &self.transitions
    }
}

/// A conversation as it is stored: without events that lost to another one (rule I2).
#[derive(Clone, Copy, Debug)]
pub struct PackedConversation<'a> {
    /// The id.
    pub id: &'a str,
    /// The list that [`Fact::context`] indexes.
    pub contexts: &'a [Context],
    /// The list that [`Fact::session`] indexes.
    pub sessions: &'a [Session],
    /// The events, in the order of T2.
    pub facts: &'a [PackedFacts<'a>],
}

/// The walk over the events.
struct Walk<'a, 't> {
    lists: Lists<'a>,
    fold: Fold,
    agents: &'t mut Vec<AgentRef>,
    places: Places<'t>,
    steps: &'t mut Vec<Transition>,
}

impl Walk<'_, '_> {
    fn finish(self) {
        self.agents.extend(self.fold.agents.all().iter().map(crate::agents::Agent::to_ref));
    }

    fn step(&mut self, at: Time, fact: &Fact<'_>) {
        let before = self.steps.last().map(|step| step.after);
        let reopens_before = self.fold.reopens;
        self.fold.step(fact, at, self.lists);
        let session = fact.session.and_then(|number| self.lists.sessions.get(number as usize));
        let status = session.and_then(Session::usable_status);
        // The first statement of an event is that of its kind (F11).
        let first_statement_closes = match fact.kind {
            Kind::Close => true,
            Kind::Open | Kind::OpenClosed | Kind::UpdateOpen => false,
            Kind::Update | Kind::Message => status.is_some_and(SessionStatus::is_closed),
        };
        let starts = before.is_none() && !first_statement_closes;
        let reopens = self.fold.reopens - reopens_before;
        let after = self.standing();
        let was_open = before.is_some_and(|before| before.is_open);
        let opened = u64::from(was_open) + u64::from(starts) + reopens;
        let message = fact.kind.is_message();
        self.steps.push(Transition {
            at: at.ms(),
            message: message.then(|| Said { at: fact.message_time(at).ms(), direction: fact.direction }),
            is_close: is_close(fact.kind, status),
            starts,
            reopens,
            closings: opened.saturating_sub(u64::from(after.is_open)),
            after,
        });
    }

    fn standing(&mut self) -> Standing {
        let fold = &self.fold;
        Standing {
            is_open: !fold.is_closed,
            agent: fold.agents.assigned(),
            place: self.places.number(fold, self.lists),
            unread: fold.unread.count(),
            waiting_since: fold.waiting().map(|(since, _)| since.ms()),
            started_at: fold.started_at().ms(),
            first_inbound_at: fold.first_inbound.map(Time::ms),
        }
    }
}

/// The places of a conversation.
struct Places<'t> {
    texts: &'t mut Interner,
    places: &'t mut Vec<ReportPlace>,
    /// The place of the step before, and the contexts that its texts are from.
    last: Option<([Option<u32>; 4], u32)>,
    /// The numbers of the places, if there are many.
    numbers: HashMap<ReportPlace, u32>,
}

/// The maximum number of places for a linear search.
const LINEAR_UP_TO: usize = if cfg!(test) { 2 } else { 8 };

impl Places<'_> {
    /// The number of the present place. It rarely changes.
    fn number(&mut self, fold: &Fold, lists: Lists<'_>) -> u32 {
        let from = fold.place_from();
        if let Some((_, number)) = self.last.filter(|(before, _)| *before == from) {
            return number;
        }
        let now = [
            fold.attribute(Attribute::Tenant, lists),
            fold.channel(lists),
            fold.source(lists),
            fold.attribute(Attribute::Shortcode, lists),
        ];
        let before = self.last.filter(|(_, before)| self.places.get(*before as usize).is_some_and(|it| it.is(now)));
        let number = before.map_or_else(|| self.find(now), |(_, before)| before);
        self.last = Some((from, number));
        number
    }

    #[expect(clippy::cast_possible_truncation, reason = "four billion places do not fit into memory")]
    fn find(&mut self, now: [Option<&str>; 4]) -> u32 {
        let next = self.places.len() as u32;
        let is_linear = self.places.len() <= LINEAR_UP_TO;
        let known = self.places.iter().take(LINEAR_UP_TO + 1).position(|place| place.is(now));
        if let Some(number) = known {
            return number as u32;
        }
        let [tenant, channel, source, shortcode] = now.map(|text| text.map(|text| self.texts.share(text)));
        let place = ReportPlace { tenant, channel, source, shortcode };
        if !is_linear {
            if self.numbers.is_empty() {
                self.numbers.extend(self.places.iter().cloned().zip(0..));
            }
            let number = *self.numbers.entry_ref(&place).or_insert(next);
            if number < next {
                return number;
            }
        }
        self.places.push(place);
        next
    }
}

impl ReportPlace {
    /// Whether its tenant, channel, source and shortcode are these.
    fn is(&self, texts: [Option<&str>; 4]) -> bool {
        [&self.tenant, &self.channel, &self.source, &self.shortcode].map(Option::as_deref) == texts
    }
}

#[cfg(test)]
mod tests {
    use crate::course::tests::{any_events, board};
    use crate::{Moment, Past, Time};

    #[test]
    fn steps_agree_with_the_state_and_with_each_moment() {
        for seed in 0..40 {
            let events = any_events(seed, 30);
            let whole = board(&events);
            let transitions = whole.past("c-1", Moment::LATEST, transitions).unwrap();
            let state = whole.state("c-1").unwrap();
            let sum = |of: fn(&super::Transition) -> u64| transitions.steps.iter().map(of).sum::<u64>();
            assert_eq!(sum(|step| step.reopens), state.reopens, "{seed}");
            assert_eq!(sum(|step| u64::from(step.message.is_some())), messages(&state), "{seed}");
            let open = sum(|step| u64::from(step.starts)) + state.reopens - sum(|step| step.closings);
            assert_eq!(open, u64::from(state.closed_at.is_none()), "{seed}");
            if whole.conflicts("c-1").unwrap().is_empty() {
                for step in &transitions.steps {
                    let then = Time::from_ms_and_ns(step.at, 999_999).unwrap();
                    let row = whole.past("c-1", Moment::as_of(then), row).unwrap();
                    let last = transitions.steps.iter().rfind(|other| other.at == step.at).unwrap().after;
                    assert_eq!(last.is_open, row.closed_at.is_none(), "{seed}");
                    assert_eq!((last.unread, last.waiting_since), (row.unread, row.waiting_since), "{seed}");
                    assert_eq!(last.started_at, row.started_at, "{seed}");
                    let agent = last.agent.and_then(|agent| transitions.agents.get(agent as usize));
                    let id =
                        |agent: Option<&crate::AgentRef>| agent.map(|agent| (agent.id.clone(), agent.id.is_none()));
                    assert_eq!(id(agent), id(row.agent.as_ref()), "{seed}");
                }
            }
        }
    }

    #[test]
    fn packed_facts_have_the_transitions_of_the_conversation() {
        let mut reader = super::TransitionsReader::default();
        let (mut usual, mut unusual) = (0, 0);
        for seed in 0..60 {
            let mut events = any_events(seed, 20);
            // Without conflicts.
            let mut known = std::collections::HashSet::new();
            events.retain(|event| known.insert(event.identity().clone()));
            let whole = board(&events);
            let image = whole.image(0).unwrap();
            let facts: Vec<_> = image.facts.packed().collect();
            let packed = super::PackedConversation {
                id: &image.id,
                contexts: &image.contexts,
                sessions: &image.sessions,
                facts: &facts,
            };
            for known_at in [0, 1, 7, 20, 1_000] {
                let moment = Moment::known_at(known_at);
                let read = reader.read_packed(&packed, moment);
                let expected = whole.past("c-1", moment, transitions);
                if let Some(exists) = read {
                    assert_eq!(exists.then(|| reader.transitions().clone()), expected, "{seed}");
                }
                usual += usize::from(read.is_some());
                unusual += usize::from(read.is_none());
            }
            assert_eq!(reader.read_packed(&packed, Moment::as_of(Time::from_ms(5_000).unwrap())), None);
        }
        assert!(usual > 40 && unusual > 40, "{usual} {unusual}");
    }

    #[test]
    fn packed_facts_that_are_invalid_are_none() {
        let event = |ms: i64, id: &str| {
            let draft = crate::draft::Draft::new("test", "c", crate::event::Kind::Message, Time::from_ms(ms));
            draft.identity(crate::Identity::given(id, 0)).build().unwrap()
        };
        let image = board(&[event(1, "a"), event(1, "b"), event(2, "a")]).image(0).unwrap();
        let mut reader = super::TransitionsReader::default();
        let mut read = |contexts: &[_], facts: &[crate::PackedFacts<'_>]| {
            let packed = super::PackedConversation { id: "c", contexts, sessions: &[], facts };
            reader.read_packed(&packed, Moment::LATEST)
        };
        let facts: Vec<_> = image.facts.packed().collect();
        assert_eq!(read(&image.contexts, &facts), Some(true));
        assert_eq!(read(&[], &facts), None);
        assert_eq!(read(&image.contexts, &[]), None);
        assert_eq!(read(&image.contexts, &[facts[0], facts[0]]), None);
        let longer = crate::PackedFacts { len: facts[0].len + 1, ..facts[0] };
        let shorter = crate::PackedFacts { len: facts[0].len - 1, ..facts[0] };
        assert_eq!([longer, shorter].map(|facts| read(&image.contexts, &[facts])), [None; 2]);
    }

    #[test]
    fn a_reader_finds_what_a_conversation_has_whatever_it_read_before() {
        let mut reader = super::TransitionsReader::default();
        for seed in 0..40 {
            let whole = board(&any_events(seed, 30));
            let expected = whole.past("c-1", Moment::LATEST, transitions).unwrap();
            whole.past("c-1", Moment::LATEST, |past| reader.read(past)).unwrap();
            assert_eq!(reader.transitions(), &expected, "{seed}");
        }
    }

    fn transitions(past: &Past<'_>) -> super::Transitions {
        past.transitions()
    }

    fn row(past: &Past<'_>) -> crate::ConversationRow {
        past.row()
    }

    fn messages(state: &crate::State) -> u64 {
        state.messages_in + state.messages_out + state.messages_other
    }
}
