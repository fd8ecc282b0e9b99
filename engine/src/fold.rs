//! The fold: rules F1 to F11, one event at a time in the order of T2.
//!
//! [`Fold::step`] applies every rule that depends on earlier events only. Values that depend on the whole set (the
//! start of the first interval, unread counts, suspicions) are kept in a form from which they can be read at any time.

use crate::agents::{AgentNumber, Agents};
use crate::attribute::Attribute;
use crate::context::Context;
use crate::event::{AgentMention, At, Direction, Kind};
use crate::fact::Fact;
use crate::newest::Newest;
use crate::session::{Session, SessionStatus};
use crate::texts::Field;
use crate::time::Time;
use crate::trail::Trail;
use crate::unread::Unread;

/// The lists to which a fact refers by index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lists<'a> {
    pub(crate) contexts: &'a [Context],
    pub(crate) sessions: &'a [Session],
}

impl<'a> Lists<'a> {
    /// Whether they have what a fact refers to.
    pub(crate) fn have(self, fact: &Fact<'_>) -> bool {
        let has_session = fact.session.is_none_or(|session| (session as usize) < self.sessions.len());
        (fact.context as usize) < self.contexts.len() && has_session
    }

    /// The source of the events with this context.
    pub(crate) fn source(self, context: u32) -> &'a str {
        self.contexts.get(context as usize).map_or("", Context::source)
    }
}

/// The name that a source gives for a member without a known name.
pub(crate) const UNKNOWN_NAME: &str = "Unknown";

/// The position of an event in the order of T2.
pub(crate) type Position = u32;

/// An agent and the time of its assignment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Assignment {
    pub(crate) agent: Option<AgentNumber>,
    pub(crate) at: Time,
}

/// A text that may be the last message, and the position of its event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextAt {
    pub(crate) time: Time,
    pub(crate) position: Position,
    pub(crate) direction: Option<Direction>,
}

#[cfg(test)]
thread_local! {
    /// The number of steps on this thread, with which tests measure work.
    static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// The number of steps that `run` takes.
#[cfg(test)]
pub(crate) fn steps(run: impl FnOnce()) -> u64 {
    let before = STEPS.get();
    run();
    STEPS.get() - before
}

/// An event whose own epoch field is more than a day later than its `occurred` (rule T1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClocksApart {
    pub(crate) occurred: Time,
    pub(crate) own: Time,
    pub(crate) at: Time,
}

/// The state of a conversation after some of its events. It must be settled before it is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fold {
    steps: Position,
    pub(crate) has_lifecycle: bool,
    pub(crate) is_closed: bool,
    pub(crate) reopens: u64,
    closed_at: Option<Time>,
    /// The end of the first open interval. It begins at `started_at`, which depends on the whole set.
    first_open_until: Option<Time>,
    later_open_ms: i64,
    reopened_at: Option<Time>,
    started: Option<Time>,
    first_at: Option<Time>,
    last_at: Option<Time>,
    /// The largest time of the events whose clock is credible (rule T1).
    credible_at: Option<Time>,
    last_active: Option<Time>,
    pub(crate) agents: Agents,
    pub(crate) assignments: Trail<Assignment>,
    pub(crate) messages_in: u64,
    pub(crate) messages_out: u64,
    pub(crate) messages_other: u64,
    pub(crate) messages_after_close: u64,
    channel_from: Option<u32>,
    pub(crate) unread: Unread,
    pub(crate) first_inbound: Option<Time>,
    /// The first inbound message since the last close.
    first_inbound_of_span: Option<Time>,
    pub(crate) first_response_ms: Option<i64>,
    /// Since when somebody waits, and the last message that waits.
    waiting: Option<(Time, Time)>,
    /// Whether a message that is not outbound is ordered after the last close and the last outbound message.
    is_written_after: bool,
    message_text: Option<TextAt>,
    lifecycle_text: Option<TextAt>,
    /// The context with the latest value of every attribute.
    attribute_from: [Option<u32>; Attribute::COUNT],
    last_context: Option<u32>,
    session: Option<Box<Session>>,
    pub(crate) session_is_stale: bool,
    pub(crate) clocks_apart: Option<ClocksApart>,
    pub(crate) clock_suspicions: Vec<Time>,
}

impl Fold {
    /// Applies the next event in the order of T2. `at` is its time; for a close without a usable time (T3) the events
    /// before it decide the time.
    pub(crate) fn step(&mut self, fact: &Fact<'_>, at: Time, lists: Lists<'_>) {
        #[cfg(test)]
        STEPS.set(STEPS.get() + 1);
        self.time(fact, at);
        if let Some(context) = lists.contexts.get(fact.context as usize) {
            self.attributes(fact.context, lists);
            self.agent(context.agent(), at);
        }
        let session = fact.session.and_then(|number| lists.sessions.get(number as usize));
        let status = session.and_then(Session::usable_status);
        let was_closed = self.is_closed;
        let closes = self.state_status(fact.kind, status, at);
        if fact.kind.is_message() {
            // A message by which the conversation closes or reopens is not counted.
            self.messages_after_close += u64::from(was_closed && self.is_closed);
            self.message(fact, at);
        } else {
            self.lifecycle(fact, at);
        }
        if closes {
            self.first_inbound_of_span = None;
            self.waiting = None;
            self.is_written_after = false;
        }
        if let Some(status) = status {
            self.wait_by_status(status, at);
        }
        self.session(session, status, fact.kind);
        self.steps += 1;
    }

    /// Rules T1 and F4.
    fn time(&mut self, fact: &Fact<'_>, at: Time) {
        self.first_at = Some(self.first_at.map_or(at, |first| first.min(at)));
        self.last_at = self.last_at.max(Some(at));
        if let Some((occurred, own)) = fact.clocks_apart() {
            self.clocks_apart.get_or_insert(ClocksApart { occurred, own, at });
        } else if matches!(fact.at, At::Timed(_)) {
            self.credible_at = self.credible_at.max(Some(at));
        }
    }

    /// Rules F2, F3 and F11: what the event states about the status. Returns whether it closes.
    fn state_status(&mut self, kind: Kind, status: Option<SessionStatus>, at: Time) -> bool {
        let by_kind = matches!(kind, Kind::Close | Kind::OpenClosed);
        if matches!(kind, Kind::Open | Kind::OpenClosed | Kind::UpdateOpen) {
            self.open(at);
        }
        if by_kind {
            self.close(at);
        }
        match status.map(SessionStatus::is_closed) {
            None => {}
            Some(true) => self.close(at),
            Some(false) => self.open(at),
        }
        is_close(kind, status)
    }

    /// Rule F8 for attributes. An event with the same context as the one before it changes none.
    fn attributes(&mut self, number: u32, lists: Lists<'_>) {
        if self.last_context.replace(number) == Some(number) {
            return;
        }
        for (from, attribute) in self.attribute_from.iter_mut().zip(Attribute::ALL) {
            let field = Field::Attribute(attribute);
            let value = |number: u32| lists.contexts.get(number as usize).and_then(|context| context.get(field));
            let Some(given) = value(number) else { continue };
            let is_no_name = attribute == Attribute::MemberName && given == UNKNOWN_NAME;
            if !is_no_name || from.and_then(value).is_none() {
                *from = Some(number);
            }
        }
    }

    /// Rule F5.
    fn agent(&mut self, mention: AgentMention<'_>, at: Time) {
        let agent = match mention {
            AgentMention::Silent => return,
            AgentMention::Nobody => None,
            AgentMention::Agent { id, name } => self.agents.mention(id, name),
        };
        if self.agents.assign(agent) {
            self.assignments.push(Assignment { agent, at });
        }
    }

    /// Rules F6, F7 and F9 for a message.
    fn message(&mut self, fact: &Fact<'_>, at: Time) {
        let time = fact.message_time(at);
        self.last_active = self.last_active.max(Some(time));
        self.channel_from = Some(fact.context);
        self.agents.count_message(fact.direction);
        match fact.direction {
            Some(Direction::In) => self.inbound(time),
            Some(Direction::Out) => self.outbound(time),
            None => self.messages_other += 1,
        }
        self.is_written_after = fact.direction != Some(Direction::Out);
        if fact.text.is_some() {
            self.message_text = Some(TextAt { time, position: self.steps, direction: fact.direction });
        }
    }

    fn inbound(&mut self, time: Time) {
        self.messages_in += 1;
        self.unread.inbound(time);
        self.first_inbound.get_or_insert(time);
        self.first_inbound_of_span.get_or_insert(time);
        let since = self.waiting.map_or(time, |(since, _)| since);
        self.waiting = Some((since, time));
    }

    fn outbound(&mut self, time: Time) {
        self.messages_out += 1;
        self.unread.outbound(time);
        if let (Some(first), None, false) = (self.first_inbound_of_span, self.first_response_ms, self.is_closed) {
            self.first_response_ms = Some(ms_between(first, time));
        }
        self.waiting = None;
    }

    /// Rule F11: who waits, where messages do not tell.
    fn wait_by_status(&mut self, status: SessionStatus, at: Time) {
        match status {
            SessionStatus::InQueue | SessionStatus::CustomerLast => {
                self.waiting.get_or_insert((at, at));
            }
            SessionStatus::UserLast => self.waiting = None,
            _ => {}
        }
    }

    /// Rules F1, F4, F7, F8 and F10 for a lifecycle event.
    fn lifecycle(&mut self, fact: &Fact<'_>, at: Time) {
        self.has_lifecycle = true;
        self.started = [self.started, fact.started].into_iter().flatten().min();
        self.last_active = self.last_active.max(fact.active);
        if let Some(count) = fact.unread {
            self.unread.stated(count, fact.count_as_of(at), at);
        }
        if fact.text.is_some() {
            let text = TextAt { time: fact.text_as_of(at), position: self.steps, direction: fact.direction };
            if self.lifecycle_text.is_none_or(|known| known.time <= text.time) {
                self.lifecycle_text = Some(text);
            }
        }
    }

    fn open(&mut self, at: Time) {
        if self.is_closed {
            self.is_closed = false;
            self.reopens += 1;
            self.reopened_at = Some(at);
            self.closed_at = None;
        }
    }

    fn close(&mut self, at: Time) {
        if self.is_closed {
            return;
        }
        self.is_closed = true;
        self.closed_at = Some(at);
        match self.reopened_at {
            Some(since) => self.later_open_ms += ms_between(since, at),
            None => self.first_open_until = Some(at),
        }
    }

    /// Rules F8 and F11 for session values.
    fn session(&mut self, session: Option<&Session>, status: Option<SessionStatus>, kind: Kind) {
        if status.is_some() {
            self.session_is_stale = false;
        } else if kind == Kind::Update {
            self.session_is_stale = true;
        }
        if let Some(session) = session {
            self.session.get_or_insert_default().update(session);
        }
    }

    /// Prepares for reading, after one or more steps.
    pub(crate) fn settle(&mut self) {
        self.unread.settle();
    }

    /// The work of the last [`Fold::settle`], in steps.
    pub(crate) fn steps_settled(&self) -> usize {
        self.unread.steps_settled()
    }

    /// Approximate size on the heap, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let shared = self.assignments.heap_bytes() - self.assignments.copied_bytes();
        self.copied_bytes() + shared + self.unread.heap_bytes() - self.unread.copied_bytes()
    }

    /// Approximate size of a copy on the heap, in bytes: what it does not share.
    pub(crate) fn copied_bytes(&self) -> usize {
        self.agents.heap_bytes()
            + self.assignments.copied_bytes()
            + self.unread.copied_bytes()
            + self.session.as_ref().map_or(0, |_| size_of::<Session>())
            + self.clock_suspicions.capacity() * size_of::<Time>()
    }

    /// Rule F4.
    pub(crate) fn started_at(&self) -> Time {
        self.started.or(self.first_at).unwrap_or(Time::MIN)
    }

    /// The largest time of all events.
    pub(crate) fn last_event_at(&self) -> Time {
        self.last_at.unwrap_or(Time::MIN)
    }

    /// Rule F4: null if closed.
    pub(crate) fn last_active_at(&self) -> Option<Time> {
        (!self.is_closed).then(|| self.active_at())
    }

    /// The last activity, open or closed.
    pub(crate) fn active_at(&self) -> Time {
        self.last_active.unwrap_or(self.last_event_at())
    }

    /// The newest event (rule T1).
    pub(crate) fn newest(&self) -> Newest {
        let at = self.credible_at.unwrap_or(self.last_event_at());
        Newest::new(at.ms(), self.credible_at.is_some())
    }

    /// Rule F3: null while open.
    pub(crate) fn closed_at(&self) -> Option<Time> {
        self.closed_at
    }

    /// Rule F9: the sum of the open intervals. A running interval counts up to the last event.
    pub(crate) fn open_ms(&self) -> i64 {
        let first_until = self.first_open_until.unwrap_or(self.last_event_at());
        let running = self.reopened_at.filter(|_| !self.is_closed);
        let running_ms = running.map_or(0, |since| ms_between(since, self.last_event_at()));
        ms_between(self.started_at(), first_until) + self.later_open_ms + running_ms
    }

    /// Whether it is closed and unanswered after its close (rule Q2).
    pub(crate) fn is_unanswered_after_close(&self) -> bool {
        self.is_closed && self.is_written_after
    }

    /// Whether it has a suspicion (rules T1, T3 and F10).
    pub(crate) fn is_suspect(&self) -> bool {
        self.clocks_apart.is_some() || !self.clock_suspicions.is_empty() || self.unread.is_missing_any()
    }

    /// Rules F9 and F11: since when somebody waits, and the last message that waits.
    pub(crate) fn waiting(&self) -> Option<(Time, Time)> {
        self.waiting.filter(|_| !self.is_closed)
    }

    /// Rule F8: a text that a lifecycle event carries counts only if it is later.
    pub(crate) fn last_text(&self) -> Option<TextAt> {
        match (self.message_text, self.lifecycle_text) {
            (Some(message), Some(lifecycle)) if lifecycle.time <= message.time => Some(message),
            (message, lifecycle) => lifecycle.or(message),
        }
    }

    /// Rule F6: the channel of the latest message.
    pub(crate) fn channel<'a>(&self, lists: Lists<'a>) -> Option<&'a str> {
        Self::text(self.channel_from, Field::Channel, lists)
    }

    /// The source of the latest event; every event has one.
    pub(crate) fn source<'a>(&self, lists: Lists<'a>) -> Option<&'a str> {
        Self::text(self.last_context, Field::Source, lists)
    }

    /// Rule F8: the latest value of an attribute.
    pub(crate) fn attribute<'a>(&self, attribute: Attribute, lists: Lists<'a>) -> Option<&'a str> {
        Self::text(self.attribute_from[attribute as usize], Field::Attribute(attribute), lists)
    }

    /// The contexts that the tenant, the channel, the source and the shortcode are from.
    pub(crate) fn place_from(&self) -> [Option<u32>; 4] {
        let [tenant, shortcode] =
            [Attribute::Tenant, Attribute::Shortcode].map(|attribute| self.attribute_from[attribute as usize]);
        [tenant, self.channel_from, self.last_context, shortcode]
    }

    fn text(from: Option<u32>, field: Field, lists: Lists<'_>) -> Option<&str> {
        lists.contexts.get(from? as usize)?.get(field)
    }

    /// The session values, the latest of each.
    pub(crate) fn session_values(&self) -> Option<&Session> {
        self.session.as_deref()
    }
}

/// Whether an event of this kind, which states this status, is a close event, of an open conversation or of a closed one (F9).
pub(crate) fn is_close(kind: Kind, status: Option<SessionStatus>) -> bool {
    matches!(kind, Kind::Close | Kind::OpenClosed) || status.is_some_and(SessionStatus::is_closed)
}

/// A displayed duration: the difference of the displayed times, never negative (rule T4).
fn ms_between(from: Time, to: Time) -> i64 {
    (to.ms() - from.ms()).max(0)
}
