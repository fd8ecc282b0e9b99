//! Turns: a question of the member, and the answer to it.

use super::{Group, Item, NEVER, Walk, What};
use crate::event::Direction;
use crate::report::measure::Measure;
use crate::report::transitions::{Said, Transition};

/// A question that is not answered yet: the first message of the member since the last answer or close event.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    /// The own time of the message (T4).
    asked: i64,
    /// Since when it runs: since it was asked, or since the conversation was reopened after it. `None` while it is closed.
    runs_from: Option<i64>,
    /// The groups of the conversation while it runs, each with the time from which on.
    groups: Vec<(i64, Group)>,
    /// Whether the conversation has had no first response.
    is_first: bool,
}

/// The answer to a question.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    /// The own time of the message (T4).
    at: i64,
    group: Group,
    /// Whether the conversation is open after it. Otherwise the turn is dropped (F9).
    counts: bool,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Answered(Answer),
    Closed { at: i64 },
}

impl Turn {
    /// `groups` is empty, and kept for its memory.
    fn new(asked: i64, is_open: bool, group: Group, is_first: bool, mut groups: Vec<(i64, Group)>) -> Self {
        groups.extend(is_open.then_some((asked, group)));
        Self { asked, runs_from: is_open.then_some(asked), groups, is_first }
    }

    /// The conversation is open after an event at this time.
    fn goes_on(&mut self, at: i64, group: Group) {
        self.runs_from.get_or_insert(at);
        if self.groups.last().is_none_or(|(_, last)| *last != group) {
            self.groups.push((at, group));
        }
    }

    /// The group at a time.
    fn group_at(&self, at: i64) -> Option<Group> {
        let found = self.groups.iter().rfind(|(from, _)| *from <= at).or(self.groups.first());
        found.map(|(_, group)| *group)
    }

    /// The times that it runs before `until`, each in one group.
    fn pieces(&self, until: i64) -> impl Iterator<Item = (Group, i64, i64)> {
        let ends = self.groups.iter().skip(1).map(|(from, _)| *from).chain([until]);
        let pieces = self.groups.iter().zip(ends).map(move |((from, group), end)| (*group, *from, end.min(until)));
        pieces.filter(|(_, from, end)| from < end)
    }
}

impl<E: FnMut(Item)> Walk<'_, E> {
    pub(super) fn turns(&mut self, step: &Transition, group: Group) {
        let is_open = step.after.is_open;
        if let Some(turn) = self.turn.as_mut().filter(|_| is_open) {
            turn.goes_on(step.at, group);
        }
        match step.message {
            Some(Said { at, direction: Some(Direction::In) }) => {
                self.first_inbound_of_span.get_or_insert(at);
                let (is_first, spare) = (!self.has_response, &mut self.spare_groups);
                self.turn.get_or_insert_with(|| Turn::new(at, is_open, group, is_first, std::mem::take(spare)));
            }
            Some(Said { at, direction: Some(Direction::Out) }) => {
                let is_excluded = step.after.agent.is_some_and(|agent| self.is_excluded(agent));
                if !is_excluded {
                    self.answer(Answer { at, group, counts: is_open }, step.after.agent);
                }
            }
            _ => {}
        }
        if step.is_close {
            self.first_inbound_of_span = None;
            if let Some(turn) = self.turn.take() {
                self.end_turn(turn, Some(End::Closed { at: step.at }));
            }
        }
    }

    fn answer(&mut self, answer: Answer, agent: Option<u32>) {
        if let Some(agent) = agent {
            self.has_several_answering |= *self.answering_agent.get_or_insert(agent) != agent;
        }
        if let Some(since) = self.first_inbound_of_span.filter(|_| answer.counts && !self.has_response) {
            self.has_response = true;
            self.duration(Measure::FirstResponse, answer.group, (since, answer.at), NEVER);
        }
        let Some(turn) = self.turn.take() else { return };
        if answer.counts {
            self.answered_turns += 1;
            self.duration(Measure::Response, answer.group, (turn.asked, answer.at), NEVER);
        }
        self.end_turn(turn, Some(End::Answered(answer)));
    }

    /// Counts the time in which a turn ran, and whether it was answered in time. `None`: it has not ended.
    pub(super) fn end_turn(&mut self, mut turn: Turn, end: Option<End>) {
        let until = match end {
            Some(End::Answered(Answer { at, .. }) | End::Closed { at }) => at,
            None => NEVER,
        };
        for measure in [Measure::Response, Measure::FirstResponse] {
            if let Some(place) = self.wanted.place(measure).filter(|_| measure == Measure::Response || turn.is_first) {
                self.pending((place, measure), &turn, until);
            }
        }
        let measures = if self.wanted.has_within { self.query.measures.as_slice() } else { &[] };
        for (place, measure) in measures.iter().enumerate() {
            if let Measure::Within(length_ms) = *measure {
                self.decide((place, *measure), length_ms, &turn, end, until);
            }
        }
        turn.groups.clear();
        self.spare_groups = turn.groups;
    }

    fn pending(&mut self, (place, measure): (usize, Measure), turn: &Turn, until: i64) {
        for (group, from, until) in turn.pieces(until) {
            self.emit_at((place, measure), group, What::Pending { since: turn.asked, from, until });
        }
    }

    /// A turn is missed when more than the length has passed while it runs, and met when it is answered before.
    fn decide(
        &mut self,
        (place, measure): (usize, Measure),
        length_ms: i64,
        turn: &Turn,
        end: Option<End>,
        until: i64,
    ) {
        let since = turn.asked;
        let missed_at = turn.runs_from.map(|from| self.query.after(since, length_ms).map_or(NEVER, |at| at.max(from)));
        self.pending((place, measure), turn, missed_at.map_or(until, |missed| missed.min(until)));
        let (group, at, is_met) = match (end, missed_at) {
            (_, Some(missed)) if missed < until => (turn.group_at(missed).unwrap_or_default(), missed, false),
            (Some(End::Answered(answer)), Some(_)) if answer.counts => {
                (answer.group, answer.at, self.query.length(since, answer.at) <= length_ms)
            }
            _ => return,
        };
        self.emit_at((place, measure), group, What::Decided { since, at, is_met });
    }
}
