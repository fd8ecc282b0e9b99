//! One walk over the events of a conversation, which notes the causes of every value.

use super::cause::Causes;
use super::counts::Counts;
use super::field::{Topic, given};
use super::mentions::Mentions;
use super::seen::{Before, Seen, session_of, states_status};
use super::statements::Statements;
use super::values::Values;
use super::waits::{Response, Waits};
use crate::context::Context;
use crate::effect::Seq;
use crate::event::{AgentMention, Direction};
use crate::fact::Fact;
use crate::fold::{Fold, Lists};
use crate::texts::Field;
use crate::time::Time;

/// How the value of a field depends on the order of closes without a time (rule T3). Their times, and their order, depend on
/// the last event that has a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dependence {
    None,
    Order,
    Time,
}

/// An event that lost to another one with the same identity (rule I2).
#[derive(Clone, Copy, Debug)]
pub(super) struct Loser<'a> {
    pub(super) winner: Seq,
    pub(super) fact: Fact<'a>,
}

/// What a walk notes.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    lists: Lists<'a>,
    fold: Fold,
    losers: Vec<Loser<'a>>,
    values: Values,
    statements: Statements,
    response: Response,
    waits: Waits,
    mentions: Mentions<'a>,
    counts: Counts,
}

impl<'a> Walk<'a> {
    /// Walks over all events in the order of T2. The losers are sorted by their winners.
    pub(super) fn over(
        events: impl Iterator<Item = (Time, Fact<'a>)>,
        losers: Vec<Loser<'a>>,
        lists: Lists<'a>,
    ) -> Self {
        let mut walk = Self {
            lists,
            fold: Fold::default(),
            losers,
            values: Values::default(),
            statements: Statements::default(),
            response: Response::default(),
            waits: Waits::default(),
            mentions: Mentions::default(),
            counts: Counts::default(),
        };
        for (at, fact) in events {
            walk.step(at, &fact);
        }
        walk
    }

    fn step(&mut self, at: Time, fact: &Fact<'a>) {
        let before = Before::of(&self.fold);
        self.fold.step(fact, at, self.lists);
        let seen = Seen::new(fact, at, self.lists, before, &self.fold);
        self.response.see(&seen, self.statements.last_change());
        self.values.see(&seen, self.lists);
        self.statements.see(&seen, self.lists);
        self.waits.see(&seen);
        self.mentions.see(&seen);
        self.counts.see(&seen);
    }

    /// The events that make the value of a field.
    pub(super) fn causes(&self, topic: Topic) -> Causes {
        let mut causes = self.by_rule(topic);
        causes.settle();
        let losers_without_time = || self.losers.iter().filter(|loser| !loser.fact.is_timed()).count();
        let has_untimed = self.values.untimed.iter().any(|seq| causes.get(*seq).is_some());
        let needs_latest = match self.dependence(topic) {
            Dependence::None => false,
            Dependence::Order => has_untimed && self.values.untimed.len() + losers_without_time() > 1,
            Dependence::Time => has_untimed,
        };
        if needs_latest {
            causes = causes.and(self.values.last_timed, "decides the time of a close without one (T3)");
            causes.settle();
        }
        let may_change = |loser: &&Loser<'_>| has_untimed || self.may_change(topic, &loser.fact);
        let winners = self.losers.iter().filter(may_change).map(|loser| loser.winner);
        let others: Vec<_> = winners.filter(|winner| causes.get(*winner).is_none()).collect();
        for winner in others {
            causes = causes.and(Some(winner), "another version of it would count");
        }
        causes.settle();
        causes
    }

    fn by_rule(&self, topic: Topic) -> Causes {
        let Self { values, statements, mentions, counts, .. } = self;
        let (is_closed, change) = (self.fold.is_closed, statements.last_change());
        match topic {
            Topic::Id => Causes::of(values.first),
            Topic::Source | Topic::LastEventAt => Causes::of(values.last),
            Topic::Attribute(attribute) => values.attribute(attribute),
            Topic::Channel => values.channel(),
            Topic::Status => Causes::of(statements.last().or(values.first)),
            Topic::OpenedBy => values.opened_by(),
            Topic::StartedAt => values.started_at(),
            Topic::LastActiveAt if is_closed => Causes::of(change),
            Topic::LastActiveAt => values.active_at().and(change, "opened it last"),
            Topic::ClosedAt => statements.closed_at(),
            Topic::Reopens => statements.reopens(),
            Topic::AgentId => mentions.agent_id(),
            Topic::AgentName => mentions.agent_name(),
            Topic::Assignments => mentions.assignments(),
            Topic::MessagesIn => counts.messages_in(),
            Topic::MessagesOut => counts.messages_out(),
            Topic::MessagesOther => counts.messages_other(),
            Topic::MessagesAfterClose => statements.messages_after_close(),
            Topic::Unread => counts.unread(),
            Topic::FirstInboundAt => counts.first_inbound(),
            Topic::FirstResponseMs => self.response.causes(),
            Topic::WaitingSince => self.waits.waiting_since(is_closed, change),
            Topic::LatestUnansweredAt => self.waits.latest_unanswered_at(is_closed, change),
            Topic::OpenMs => {
                let last = Causes::of(values.last.filter(|_| !is_closed));
                statements.changes().with(values.started_at()).with(last)
            }
            Topic::ByAgent => mentions.by_agent(),
            Topic::LastMessage => values.last_text(),
            Topic::Suspect => values.clocks().with(counts.compared()),
            Topic::Session(index) => values.session_value(index),
            Topic::SessionStale => values.session_is_stale(),
        }
    }

    fn dependence(&self, topic: Topic) -> Dependence {
        match topic {
            Topic::Id | Topic::OpenedBy => Dependence::None,
            Topic::StartedAt if self.values.gives_start() => Dependence::None,
            Topic::StartedAt
            | Topic::LastActiveAt
            | Topic::LastEventAt
            | Topic::ClosedAt
            | Topic::Assignments
            | Topic::Unread
            | Topic::WaitingSince
            | Topic::LatestUnansweredAt
            | Topic::OpenMs
            | Topic::LastMessage
            | Topic::Suspect => Dependence::Time,
            _ => Dependence::Order,
        }
    }

    /// Whether an event can have an effect on the value of a field, if it is one more.
    fn may_change(&self, topic: Topic, fact: &Fact<'_>) -> bool {
        match topic {
            Topic::Id => false,
            Topic::OpenedBy => !fact.kind.is_message(),
            Topic::Session(_) | Topic::SessionStale if self.values.has_several_sources() => true,
            topic => gives(topic, fact, self.lists).unwrap_or(true),
        }
    }

    pub(super) fn lists(&self) -> Lists<'a> {
        self.lists
    }

    pub(super) fn losers_to(&self, winner: Seq) -> impl Iterator<Item = &Loser<'a>> {
        let first = self.losers.partition_point(|loser| loser.winner < winner);
        self.losers.iter().skip(first).take_while(move |loser| loser.winner == winner)
    }
}

/// Whether an event gives something of which the latest, or the first, or each one counts; `None` for the values that depend
/// on more.
pub(super) fn gives(topic: Topic, fact: &Fact<'_>, lists: Lists<'_>) -> Option<bool> {
    let context = lists.contexts.get(fact.context as usize);
    let is_from = |direction| fact.kind.is_message() && fact.direction == direction;
    Some(match topic {
        Topic::Attribute(attribute) => {
            context.is_some_and(|context| context.get(Field::Attribute(attribute)).is_some())
        }
        Topic::Channel => fact.kind.is_message(),
        Topic::Status => states_status(fact, lists),
        Topic::AgentId | Topic::AgentName | Topic::Assignments => {
            context.map(Context::agent).unwrap_or_default() != AgentMention::Silent
        }
        Topic::MessagesIn | Topic::FirstInboundAt => is_from(Some(Direction::In)),
        Topic::MessagesOut => is_from(Some(Direction::Out)),
        Topic::MessagesOther => is_from(None),
        Topic::LastMessage => fact.text.is_some(),
        Topic::Session(index) => {
            session_of(fact, lists).is_some_and(|session| given(session).get(index) == Some(&true))
        }
        _ => return None,
    })
}
