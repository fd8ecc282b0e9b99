//! From the steps of one conversation to what it contributes to each measure.

mod turn;

use crate::event::Direction;
use crate::report::measure::Measure;
use crate::report::query::ReportQuery;
use crate::report::transitions::{Said, Standing, Transition, Transitions};
use crate::state::AgentRef;
use turn::Turn;

/// The end of what has no end yet.
pub(crate) const NEVER: i64 = i64::MAX;

/// A group of the report, by its number.
pub(crate) type Group = u32;

/// The group of what is not in the report.
pub(crate) const HIDDEN: Group = Group::MAX;

/// What one conversation contributes to one measure. Times are milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) measure: Measure,
    /// The place of the measure among those of the query.
    pub(crate) place: usize,
    pub(crate) group: Group,
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// It happened.
    Event { at: i64 },
    /// It happened; a conversation counts once for a bucket.
    Once { at: i64 },
    /// It happened, and counts where it is the last at the end of a bucket: until the conversation is reopened.
    Last { at: i64, since: i64, reopened_at: i64 },
    /// A duration ended. `reopened_at` as above, for the last close; else [`NEVER`].
    Duration { since: i64, at: i64, length: i64, reopened_at: i64 },
    /// A turn was answered in time, or not.
    Decided { since: i64, at: i64, is_met: bool },
    /// A message of unknown direction.
    Unknown { at: i64 },
    /// It ran after `from` and up to `until`.
    Pending { since: i64, from: i64, until: i64 },
    /// It was so from `from` on and before `until`. `since`: the beginning of the wait.
    Span { since: i64, from: i64, until: i64, amount: u64 },
}

/// A span that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Running {
    from: i64,
    group: Group,
    since: i64,
    amount: u64,
}

/// The measures that a query asks for.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    /// The place of each measure in the query, by its place in [`Measure::ALL`].
    places: [Option<usize>; Measure::ALL.len()],
    has_within: bool,
}

impl Wanted {
    fn of(query: &ReportQuery) -> Self {
        let mut all = Self { places: [None; Measure::ALL.len()], has_within: false };
        for (place, measure) in query.measures.iter().enumerate() {
            match all.places.get_mut(measure.place()) {
                Some(wanted) => *wanted = Some(place),
                None => all.has_within = true,
            }
        }
        all
    }

    fn place(&self, measure: Measure) -> Option<usize> {
        self.places.get(measure.place()).copied().flatten()
    }
}

/// The walk over the steps of one conversation.
pub(crate) struct Walk<'a, E: FnMut(Item)> {
    query: &'a ReportQuery,
    wanted: Wanted,
    /// Whether each agent is excluded. Empty if none is.
    excluded: Vec<bool>,
    emit: E,
    /// The spans that run now, each at the place of its measure in [`SPANS`].
    spans: [Option<Running>; SPANS.len()],
    /// What the spans that run now depend on.
    spans_of: Option<SpansOf>,
    turn: Option<Turn>,
    /// The memory for the groups of the next turn.
    spare_groups: Vec<(i64, Group)>,
    /// The first message of the member since the last close event (F9).
    first_inbound_of_span: Option<i64>,
    has_response: bool,
    answered_turns: u64,
    /// The first agent that answered, and whether another one did as well.
    answering_agent: Option<u32>,
    has_several_answering: bool,
    has_had_agent: bool,
    reopens: u64,
    has_closed: bool,
    /// The length of the open intervals that have ended, apart from the first one.
    later_open_ms: i64,
    first_open_until: Option<i64>,
    reopened_at: Option<i64>,
}

/// What decides which spans run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SpansOf {
    standing: Standing,
    group: Group,
    has_had_agent: bool,
    has_closed: bool,
}

/// The measures that are spans: levels, totals, and pending durations that depend on the standing alone.
const SPANS: [Measure; 12] = [
    Measure::Open,
    Measure::Unassigned,
    Measure::Waiting,
    Measure::Unread,
    Measure::OldestWaiting,
    Measure::CustomerWait,
    Measure::AgentWait,
    Measure::Handling,
    Measure::TimeToAssignment,
    Measure::FirstClose,
    Measure::LastClose,
    Measure::OpenTime,
];

impl<'a, E: FnMut(Item)> Walk<'a, E> {
    /// Calls `emit` with everything that a conversation contributes to the measures of the query. `group_of` is the group of a
    /// standing, or [`HIDDEN`].
    pub(crate) fn run(
        query: &'a ReportQuery,
        transitions: &Transitions,
        mut group_of: impl FnMut(&Standing) -> Group,
        emit: E,
    ) {
        let has_excluded = !query.excluded_agents.is_empty();
        let agents = transitions.agents.iter().filter(|_| has_excluded);
        let mut walk = Walk {
            query,
            wanted: Wanted::of(query),
            excluded: agents.map(|agent| is_excluded(query, agent)).collect(),
            emit,
            spans: [None; SPANS.len()],
            spans_of: None,
            turn: None,
            spare_groups: Vec::new(),
            first_inbound_of_span: None,
            has_response: false,
            answered_turns: 0,
            answering_agent: None,
            has_several_answering: false,
            has_had_agent: false,
            reopens: 0,
            has_closed: false,
            later_open_ms: 0,
            first_open_until: None,
            reopened_at: None,
        };
        let steps = &transitions.steps;
        let mut before = None;
        for (number, step) in steps.iter().enumerate() {
            let reopened_at = || {
                let later = steps.get(number + 1..).unwrap_or_default();
                later.iter().find(|later| later.reopens > 0).map_or(NEVER, |later| later.at)
            };
            walk.step(step, before, group_of(&step.after), reopened_at);
            before = Some(&step.after);
        }
        walk.finish();
    }

    fn step(&mut self, step: &Transition, before: Option<&Standing>, group: Group, reopened_at: impl FnOnce() -> i64) {
        self.count_steps(step, group);
        self.count_assignment(step, before, group);
        if let Some(said) = step.message {
            self.count_message(said, group);
        }
        self.turns(step, group);
        self.closing(step, before, group, reopened_at);
        self.update_spans(step, group);
    }

    fn emit(&mut self, measure: Measure, group: Group, what: What) {
        if let Some(place) = self.wanted.place(measure) {
            self.emit_at((place, measure), group, what);
        }
    }

    /// Like [`Self::emit`], for a measure and its place in the query.
    fn emit_at(&mut self, (place, measure): (usize, Measure), group: Group, what: What) {
        if group != HIDDEN {
            (self.emit)(Item { measure, place, group, what });
        }
    }

    fn count(&mut self, measure: Measure, group: Group, at: i64) {
        self.emit(measure, group, What::Event { at });
    }

    fn count_steps(&mut self, step: &Transition, group: Group) {
        self.reopens += step.reopens;
        if step.starts {
            self.count(Measure::Started, group, step.at);
        }
        for _ in 0..step.reopens {
            self.count(Measure::Reopened, group, step.at);
        }
        for _ in 0..step.closings {
            self.count(Measure::Closings, group, step.at);
        }
        if step.closings > 0 {
            self.emit(Measure::ClosedConversations, group, What::Once { at: step.at });
        }
    }

    fn is_excluded(&self, agent: u32) -> bool {
        self.excluded.get(agent as usize).copied().unwrap_or_default()
    }

    /// The assigned agent whose work counts.
    fn agent(&self, standing: &Standing) -> Option<u32> {
        standing.agent.filter(|agent| !self.is_excluded(*agent))
    }

    fn count_assignment(&mut self, step: &Transition, before: Option<&Standing>, group: Group) {
        let earlier = before.and_then(|before| self.agent(before));
        let Some(agent) = self.agent(&step.after) else { return };
        if earlier == Some(agent) {
            return;
        }
        self.count(Measure::Assignments, group, step.at);
        if earlier.is_some() {
            self.count(Measure::Transfers, group, step.at);
        }
        if !self.has_had_agent {
            self.has_had_agent = true;
            let since = waits_for_agent_since(&step.after);
            self.duration(Measure::TimeToAssignment, group, (since, step.at), NEVER);
        }
    }

    fn count_message(&mut self, said: Said, group: Group) {
        let measure = match said.direction {
            Some(Direction::In) => Measure::MessagesIn,
            Some(Direction::Out) => Measure::MessagesOut,
            None => Measure::MessagesOther,
        };
        self.count(measure, group, said.at);
        self.emit(Measure::ActiveConversations, group, What::Once { at: said.at });
        if said.direction.is_none() {
            let query = self.query;
            for (place, measure) in query.measures.iter().enumerate().filter(|(_, measure)| measure.has_unknown()) {
                self.emit_at((place, *measure), group, What::Unknown { at: said.at });
            }
        }
    }

    fn duration(&mut self, measure: Measure, group: Group, (since, at): (i64, i64), reopened_at: i64) {
        if let Some(place) = self.wanted.place(measure) {
            let length = self.query.length(since, at);
            self.emit_at((place, measure), group, What::Duration { since, at, length, reopened_at });
        }
    }

    /// Closes, and the open intervals that they end.
    fn closing(
        &mut self,
        step: &Transition,
        before: Option<&Standing>,
        group: Group,
        reopened_at: impl FnOnce() -> i64,
    ) {
        let was_open = before.is_none_or(|before| before.is_open);
        self.end_interval(step, was_open);
        if step.closings == 0 {
            return;
        }
        if let Some(since) = before.and_then(|before| before.waiting_since) {
            self.duration(Measure::Unanswered, group, (since, step.at), NEVER);
        }
        let whole = (step.after.started_at, step.at);
        if !self.has_closed {
            self.has_closed = true;
            self.duration(Measure::FirstClose, group, whole, NEVER);
        }
        if !step.after.is_open {
            self.last_close(step, group, reopened_at());
        }
    }

    fn last_close(&mut self, step: &Transition, group: Group, reopened_at: i64) {
        let (since, at) = (step.after.started_at, step.at);
        self.duration(Measure::LastClose, group, (since, at), reopened_at);
        if self.wanted.place(Measure::OpenTime).is_some() {
            let first = self.query.length(since, self.first_open_until.unwrap_or(at));
            let length = first + self.later_open_ms;
            self.emit(Measure::OpenTime, group, What::Duration { since, at, length, reopened_at });
        }
        let last = What::Last { at, since, reopened_at };
        if self.reopens == 0 && self.answered_turns == 1 {
            self.emit(Measure::OneTurn, group, last);
        }
        if self.reopens == 0 && self.answering_agent.is_some() && !self.has_several_answering {
            self.emit(Measure::OneAgent, group, last);
        }
    }

    /// The open intervals (F9): the first one begins at the start, which depends on later events.
    fn end_interval(&mut self, step: &Transition, was_open: bool) {
        let ends = (was_open || step.reopens > 0) && (!step.after.is_open || (was_open && step.reopens > 0));
        if ends && self.first_open_until.is_none() {
            self.first_open_until = Some(step.at);
        } else if ends && was_open {
            let since = self.reopened_at.unwrap_or(step.at);
            self.later_open_ms += self.query.length(since, step.at);
        }
        if step.reopens > 0 && step.after.is_open {
            self.reopened_at = Some(step.at);
        }
    }

    fn update_spans(&mut self, step: &Transition, group: Group) {
        let (has_had_agent, has_closed) = (self.has_had_agent, self.has_closed);
        let now = Some(SpansOf { standing: step.after, group, has_had_agent, has_closed });
        if self.spans_of == now {
            return;
        }
        self.spans_of = now;
        for (place, measure) in SPANS.into_iter().enumerate() {
            if self.wanted.place(measure).is_none() {
                continue;
            }
            let now = self.span(measure, &step.after);
            let now = now.map(|(since, amount)| Running { from: step.at, group, since, amount });
            let Some(running) = self.spans.get_mut(place) else { continue };
            let is_same = match (&running, &now) {
                (Some(a), Some(b)) => (a.group, a.since, a.amount) == (b.group, b.since, b.amount),
                (None, None) => true,
                _ => false,
            };
            if !is_same {
                let ended = std::mem::replace(running, now);
                self.end_span(measure, ended, step.at);
            }
        }
    }

    /// Since when, and how much of a measure the conversation is; `None` if nothing.
    fn span(&self, measure: Measure, standing: &Standing) -> Option<(i64, u64)> {
        if !standing.is_open {
            return None;
        }
        let started = standing.started_at;
        let waiting = standing.waiting_since;
        match measure {
            Measure::Open => Some((0, 1)),
            Measure::Unassigned => standing.agent.is_none().then_some((0, 1)),
            Measure::Unread => (standing.unread > 0).then_some((0, standing.unread)),
            Measure::Waiting | Measure::CustomerWait => waiting.map(|_| (0, 1)),
            Measure::OldestWaiting => waiting.map(|since| (since, 1)),
            Measure::AgentWait => waiting.is_none().then_some((0, 1)),
            Measure::Handling => self.agent(standing).map(|_| (0, 1)),
            Measure::TimeToAssignment => (!self.has_had_agent).then_some((waits_for_agent_since(standing), 1)),
            Measure::FirstClose => (!self.has_closed).then_some((started, 1)),
            Measure::LastClose | Measure::OpenTime => Some((started, 1)),
            _ => None,
        }
    }

    fn end_span(&mut self, measure: Measure, span: Option<Running>, until: i64) {
        let Some(Running { from, group, since, amount }) = span.filter(|span| span.from < until) else { return };
        let what = if measure.has_pending() {
            What::Pending { since, from, until }
        } else {
            What::Span { since, from, until, amount }
        };
        self.emit(measure, group, what);
    }

    fn finish(&mut self) {
        for (measure, span) in SPANS.into_iter().zip(std::mem::take(&mut self.spans)) {
            self.end_span(measure, span, NEVER);
        }
        if let Some(turn) = self.turn.take() {
            self.end_turn(turn, None);
        }
    }
}

/// The beginning of the time to an agent.
fn waits_for_agent_since(standing: &Standing) -> i64 {
    standing.first_inbound_at.unwrap_or(standing.started_at)
}

fn is_excluded(query: &ReportQuery, agent: &AgentRef) -> bool {
    let known = agent.id.as_deref().or(agent.name.as_deref());
    query.excluded_agents.iter().any(|excluded| Some(excluded.as_str()) == known)
}
