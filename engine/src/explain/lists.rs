//! The lists of events of one explanation.

use std::collections::VecDeque;

use serde_json::Value;

use super::cause::Causes;
use super::field::{Field, Topic};
use super::walk::{Loser, Walk, gives};
use super::{Explanation, Reason};
use crate::event::{Direction, Kind};
use crate::fact::Fact;
use crate::fold;
use crate::time::Time;

/// The list to which an event belongs that is no cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// It would decide without the causes.
    Over(&'static str),
    /// It is later, and changes nothing.
    Not(&'static str),
}

/// Collects the lists of a field, in the order of T2.
#[derive(Debug)]
pub(super) struct Lists<'c> {
    topic: Topic,
    causes: &'c Causes,
    /// The number of causes that were not seen yet.
    left: usize,
    because: Ends,
    over: Ends,
    not: Ends,
}

impl<'c> Lists<'c> {
    pub(super) fn new(topic: Topic, causes: &'c Causes, limit: usize) -> Self {
        let limit = if limit == 0 { usize::MAX } else { limit };
        // Where the first event decides, the nearest ones are those after it.
        let is_first = matches!(topic, Topic::FirstInboundAt | Topic::StartedAt);
        let over = if is_first { Ends::new(limit, 0) } else { Ends::new(0, limit) };
        let because = Ends::new(limit.div_ceil(2), limit / 2);
        Self { topic, causes, left: causes.len(), because, over, not: Ends::new(0, limit) }
    }

    pub(super) fn see(&mut self, at: Time, fact: &Fact<'_>, walk: &Walk<'_>) {
        if let Some(cause) = self.causes.get(fact.seq) {
            self.left -= 1;
            self.because.push(|| reason(at, fact, cause.role.map(str::to_owned)));
            walk.losers_to(fact.seq).for_each(|loser| self.lost(loser));
            return;
        }
        match self.side(fact, walk.lists()) {
            Some(Side::Over(why)) => self.over.push(|| reason(at, fact, Some(why.to_owned()))),
            Some(Side::Not(why)) => self.not.push(|| reason(at, fact, Some(why.to_owned()))),
            None => {}
        }
    }

    fn lost(&mut self, Loser { winner, fact }: &Loser<'_>) {
        let why = || format!("another version of event {winner}, with a larger content hash (I2)");
        self.over.push(|| reason(fact.at.alone(), fact, Some(why())));
    }

    /// To which list an event belongs that is no cause.
    fn side(&self, fact: &Fact<'_>, lists: fold::Lists<'_>) -> Option<Side> {
        let gives = gives(self.topic, fact, lists).unwrap_or_default();
        let is_after = self.left == 0 && self.causes.len() > 0;
        let is_message = fact.kind.is_message();
        let is_base = if is_message { fact.direction == Some(Direction::Out) } else { fact.unread.is_some() };
        Some(match self.topic {
            Topic::FirstInboundAt if gives => Side::Over("later"),
            Topic::StartedAt if !is_message && fact.started.is_some() => Side::Over("its start is not earlier"),
            Topic::Unread if is_base => Side::Over("an earlier base of the count"),
            Topic::WaitingSince if is_after && is_inbound(fact) => Side::Not("a wait is running already"),
            Topic::ClosedAt if is_after && fact.kind == Kind::Close => Side::Not("it is closed already"),
            Topic::Status if is_after && is_message => Side::Not("a message without a usable status never changes it"),
            Topic::Status if is_after => Side::Not("it has no usable status"),
            Topic::AgentId | Topic::AgentName if is_after && !gives => Side::Not("it names no agent"),
            Topic::Attribute(_) if is_after && gives => Side::Not("Unknown never replaces a known name"),
            Topic::LastMessage if is_after && gives => Side::Not("its text is of an earlier time"),
            Topic::Attribute(_)
            | Topic::Channel
            | Topic::Status
            | Topic::AgentId
            | Topic::AgentName
            | Topic::LastMessage
            | Topic::Session(_)
                if gives && !is_after =>
            {
                Side::Over("earlier")
            }
            _ => return None,
        })
    }

    pub(super) fn into_explanation(self, field: &Field, value: Value, without: Option<Value>) -> Explanation {
        let (because, because_count) = self.because.into_parts();
        let (mut over, over_count) = self.over.into_parts();
        if !matches!(self.topic, Topic::FirstInboundAt | Topic::StartedAt) {
            over.reverse();
        }
        let (not, not_count) = self.not.into_parts();
        Explanation {
            field: field.name.to_owned(),
            value,
            rule: field.rule.to_owned(),
            sentence: field.sentence.to_owned(),
            because,
            because_count,
            over,
            over_count,
            not,
            not_count,
            without,
        }
    }
}

fn is_inbound(fact: &Fact<'_>) -> bool {
    fact.kind.is_message() && fact.direction == Some(Direction::In)
}

fn reason(at: Time, fact: &Fact<'_>, why: Option<String>) -> Reason {
    Reason { seq: fact.seq, at: at.ms(), event: fact.kind, why, learned_after_ms: None }
}

/// The first and the last ones of a list.
#[derive(Debug)]
struct Ends {
    first_limit: usize,
    last_limit: usize,
    first: Vec<Reason>,
    last: VecDeque<Reason>,
    count: u64,
}

impl Ends {
    fn new(first_limit: usize, last_limit: usize) -> Self {
        Self { first_limit, last_limit, first: Vec::new(), last: VecDeque::new(), count: 0 }
    }

    fn push(&mut self, reason: impl FnOnce() -> Reason) {
        self.count += 1;
        if self.first.len() < self.first_limit {
            self.first.push(reason());
        } else if self.last_limit > 0 {
            if self.last.len() == self.last_limit {
                self.last.pop_front();
            }
            self.last.push_back(reason());
        }
    }

    /// The list, and its number if it is not whole.
    fn into_parts(self) -> (Vec<Reason>, Option<u64>) {
        let mut list = self.first;
        list.extend(self.last);
        let count = Some(self.count).filter(|count| *count > list.len() as u64);
        (list, count)
    }
}
