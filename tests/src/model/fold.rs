//! The fold: one function per field, directly from its rule. The events are those of one conversation in the order of
//! T2, at least one.

use super::event::{Content, Direction, Event, Kind, SessionValue};
use super::time::{Nanos, SECOND, shown_ms};

/// A suspicion (F10, T1, T3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Suspect {
    pub(crate) at_ms: i128,
    pub(crate) field: &'static str,
    pub(crate) expected: Option<i128>,
    pub(crate) found: Option<i128>,
}

/// The last message (F8).
pub(crate) struct LastMessage {
    pub(crate) text: String,
    pub(crate) direction: Option<Direction>,
    pub(crate) at: Nanos,
}

/// F8: the latest non-null value of an attribute.
pub(crate) fn latest<T>(events: &[Event], get: impl Fn(&Content) -> Option<T>) -> Option<T> {
    events.iter().rev().find_map(|event| get(&event.content))
}

/// F8: `"Unknown"` never replaces a known name, and is shown only if no other name is known.
pub(crate) fn member_name(events: &[Event]) -> Option<String> {
    let name = |content: &Content| content.member_name.clone();
    let known = |content: &Content| name(content).filter(|name| name != "Unknown");
    latest(events, known).or_else(|| latest(events, name))
}

/// F8 and F11: a field value of the session.
pub(crate) fn session_value(events: &[Event], key: &str) -> Option<SessionValue> {
    latest(events, |content| {
        let value = content.session.iter().find(|(name, _)| *name == key);
        value.map(|(_, value)| value.clone())
    })
}

/// F11: a `changed` without a usable status, and nothing with one ordered after it.
pub(crate) fn session_stale(events: &[Event]) -> bool {
    let with_status = events.iter().rposition(|event| event.content.usable_status().is_some());
    let without =
        events.iter().rposition(|event| event.content.kind == Kind::Changed && event.content.usable_status().is_none());
    // All events are later than the start of time.
    without > with_status
}

/// F1: `"message"` while only messages are known.
pub(crate) fn opened_by(events: &[Event]) -> &'static str {
    if events.iter().all(|event| event.content.is_message()) { "message" } else { "lifecycle" }
}

/// F4: the smallest start given, else the smallest `at`.
pub(crate) fn started_at(events: &[Event]) -> Nanos {
    let given = events.iter().filter_map(|event| event.content.started).min();
    let first = events.iter().map(|event| event.content.at).min();
    given.or(first).unwrap_or_default()
}

/// F4: the largest `at`.
pub(crate) fn last_event_at(events: &[Event]) -> Nanos {
    let last = events.iter().map(|event| event.content.at).max();
    last.unwrap_or_default()
}

/// F4: null when closed; else the largest of message and activity times, else the last event's.
pub(crate) fn last_active_at(events: &[Event]) -> Option<Nanos> {
    if is_closed(events) {
        return None;
    }
    let messages = messages(events).map(Content::own_time);
    let stated = events.iter().filter_map(|event| event.content.last_active);
    messages.chain(stated).max().or(Some(last_event_at(events)))
}

/// An interval in which the conversation was open; no end while it still is.
struct OpenInterval {
    from: Nanos,
    to: Option<Nanos>,
}

/// F1-F3: a conversation is open from its start until a close, and again from a statement that opens it.
fn open_intervals(events: &[Event]) -> Vec<OpenInterval> {
    let begin = |from| OpenInterval { from, to: None };
    let mut intervals = vec![begin(started_at(events))];
    for event in events {
        for opens in event.content.steps() {
            let is_open = intervals.last().is_some_and(|interval| interval.to.is_none());
            if opens && !is_open {
                intervals.push(begin(event.content.at));
            }
            if let (false, true, Some(interval)) = (opens, is_open, intervals.last_mut()) {
                interval.to = Some(event.content.at);
            }
        }
    }
    intervals
}

/// F2: the latest statement decides.
pub(crate) fn is_closed(events: &[Event]) -> bool {
    closed_at(events).is_some()
}

/// F3: while closed, the time of the close that ended the last open interval.
pub(crate) fn closed_at(events: &[Event]) -> Option<Nanos> {
    open_intervals(events).last().and_then(|interval| interval.to)
}

/// F3: the steps from closed to open.
pub(crate) fn reopens(events: &[Event]) -> usize {
    open_intervals(events).len() - 1
}

/// F9: the sum of the open intervals; a running one counts up to the last event.
pub(crate) fn open_ms(events: &[Event]) -> i128 {
    let length = |interval: &OpenInterval| {
        let to = interval.to.unwrap_or(last_event_at(events));
        duration_ms(interval.from, to)
    };
    open_intervals(events).iter().map(length).sum()
}

/// T4: durations are differences of the times shown, never negative.
fn duration_ms(from: Nanos, to: Nanos) -> i128 {
    (shown_ms(to) - shown_ms(from)).max(0)
}

fn messages(events: &[Event]) -> impl DoubleEndedIterator<Item = &Content> {
    let all = events.iter().map(|event| &event.content);
    all.filter(|content| content.is_message())
}

/// F6: distinct messages of a direction.
pub(crate) fn message_count(events: &[Event], direction: Option<Direction>) -> usize {
    let of_direction = |content: &&Content| content.direction == direction;
    messages(events).filter(of_direction).count()
}

/// F2: messages at positions where the conversation is closed, except those by which it closes or reopens.
pub(crate) fn messages_after_close(events: &[Event]) -> usize {
    let is_after_close = |(index, event): &(usize, &Event)| {
        event.content.is_message() && is_closed_before(events, *index) && is_closed_before(events, *index + 1)
    };
    events.iter().enumerate().filter(is_after_close).count()
}

/// Whether the conversation is closed before the event at an index.
fn is_closed_before(events: &[Event], index: usize) -> bool {
    let before = events[..index].iter();
    let last_step = before.rev().find_map(|event| event.content.steps().last().copied());
    last_step == Some(false)
}

/// F6: the channel of the latest message.
pub(crate) fn channel(events: &[Event]) -> Option<&str> {
    messages(events).next_back().and_then(|message| message.channel.as_deref())
}

/// The base of F7.
enum Base {
    Outbound,
    Stated { count: i128, as_of: Nanos },
}

/// F7, over the events given, which are in the order of T2.
fn unread_of(events: &[&Content]) -> i128 {
    let mut bases = events.iter().enumerate().filter_map(|(index, content)| Some((index, base(content)?)));
    let base = bases.next_back();
    let is_unread = |(index, content): &(usize, &&Content)| match &base {
        None => true,
        Some((base, Base::Outbound)) => index > base,
        Some((base, Base::Stated { as_of, .. })) => {
            let later_by = content.own_time() - as_of;
            later_by > 0 && (index > base || later_by >= SECOND)
        }
    };
    let inbound = events.iter().enumerate().filter(|(_, content)| content.is_message_of(Direction::In));
    let newer = inbound.filter(is_unread).count();
    let stated = match base {
        Some((_, Base::Stated { count, .. })) => count,
        _ => 0,
    };
    stated + i128::try_from(newer).unwrap_or(i128::MAX)
}

/// F7: an outbound message, or a convo event that states a count.
fn base(content: &Content) -> Option<Base> {
    if content.is_message_of(Direction::Out) {
        return Some(Base::Outbound);
    }
    let count = content.unread_count.filter(|_| !content.is_message())?;
    Some(Base::Stated { count, as_of: content.unread_as_of() })
}

/// F7: inbound messages that are neither answered nor seen.
pub(crate) fn unread(events: &[Event]) -> i128 {
    unread_of(&events.iter().map(|event| &event.content).collect::<Vec<_>>())
}

/// F8: the latest message with a text, unless a convo event reports a later one.
pub(crate) fn last_message(events: &[Event]) -> Option<LastMessage> {
    let said = messages(events).rev().find_map(|content| told(content, content.own_time()));
    let by_convos = events.iter().map(|event| &event.content);
    let reported = by_convos
        .filter(|content| !content.is_message())
        .filter_map(|content| told(content, text_as_of(content)))
        .max_by_key(|told| told.at); // Of equal times the last, which is later in T2.
    match (said, reported) {
        (Some(said), Some(reported)) if reported.at <= said.at => Some(said),
        (said, None) => said,
        (_, reported) => reported,
    }
}

fn told(content: &Content, at: Nanos) -> Option<LastMessage> {
    let direction = content.direction;
    let text = content.text.clone()?;
    Some(LastMessage { text, direction, at })
}

/// F8: the time of the text that a convo event reports.
fn text_as_of(content: &Content) -> Nanos {
    content.last_active.or(content.started).unwrap_or(content.at)
}

fn first_inbound_index(events: &[Event]) -> Option<usize> {
    let is_inbound = |event: &Event| event.content.direction_of_message() == Some(Direction::In);
    events.iter().position(is_inbound)
}

/// F9: the first inbound message.
pub(crate) fn first_inbound_at(events: &[Event]) -> Option<Nanos> {
    first_inbound_index(events).map(|index| events[index].content.own_time())
}

/// F9: the order of T2 is cut at every close. The first part with both has the value: from its first inbound message to
/// the first outbound one ordered after it. The answer counts only if the conversation is open there.
pub(crate) fn first_response_ms(events: &[Event]) -> Option<i128> {
    let mut begin = 0;
    let ends = (0..events.len()).filter(|index| events[*index].content.closes()).chain([events.len() - 1]);
    for end in ends {
        let part = || (begin..=end).map(|index| (index, &events[index].content));
        let question = part().find(|(_, content)| content.is_message_of(Direction::In));
        let answers = part()
            .filter(|(index, content)| content.is_message_of(Direction::Out) && !is_closed_before(events, index + 1));
        if let Some((asked, question)) = question
            && let Some((_, answer)) = answers.into_iter().find(|(index, _)| *index > asked)
        {
            return Some(duration_ms(question.own_time(), answer.own_time()));
        }
        begin = end + 1;
    }
    None
}

/// F9 and F11: since when somebody waits, and the latest unanswered message. Read backwards from the end.
fn waiting(events: &[Event]) -> Option<(Nanos, Nanos)> {
    if is_closed(events) {
        return None;
    }
    let ends_waiting = |content: &Content| {
        content.closes() || content.is_message_of(Direction::Out) || content.usable_status() == Some(6)
    };
    let last_end = events.iter().rposition(|event| ends_waiting(&event.content));
    let from = last_end.map_or(0, |index| index + 1);
    let waits = |content: &Content| matches!(content.usable_status(), Some(4 | 5));
    // An event can end one wait and begin another one: its status is applied last.
    let restarted = last_end.map(|index| &events[index].content).filter(|content| waits(content));
    let since = events[from..].iter().find_map(|Event { content, .. }| {
        let is_inbound = content.is_message_of(Direction::In);
        if is_inbound { Some(content.own_time()) } else { waits(content).then_some(content.at) }
    });
    let since = restarted.map(|content| content.at).or(since)?;
    let mut inbound = events[from..].iter().filter(|event| event.content.is_message_of(Direction::In));
    Some((since, inbound.next_back().map_or(since, |event| event.content.own_time())))
}

/// F9: since when somebody waits.
pub(crate) fn waiting_since(events: &[Event]) -> Option<Nanos> {
    waiting(events).map(|(since, _)| since)
}

/// F9: the latest unanswered message.
pub(crate) fn latest_unanswered_at(events: &[Event]) -> Option<Nanos> {
    waiting(events).map(|(_, latest)| latest)
}

/// F10, T1 and T3: by time, then field, otherwise in the order of T2.
pub(crate) fn suspect(events: &[Event]) -> Vec<Suspect> {
    let mut all = Vec::new();
    let first_apart = events.iter().position(|event| event.content.clocks_apart().is_some());
    for (index, event) in events.iter().enumerate() {
        let content = &event.content;
        let at_ms = shown_ms(content.at);
        all.extend(missing_messages(events, index));
        if let (true, Some((occurred, epoch_field))) = (Some(index) == first_apart, content.clocks_apart()) {
            let (expected, found) = (Some(shown_ms(occurred)), Some(shown_ms(epoch_field)));
            all.push(Suspect { at_ms, field: "clock", expected, found });
        }
        if content.without_time {
            all.push(Suspect { at_ms, field: "clock", expected: None, found: None });
        }
    }
    all.sort_by_key(|suspect| (suspect.at_ms, suspect.field));
    all
}

/// F10: a stated count that is greater than the fold's count at that position.
fn missing_messages(events: &[Event], index: usize) -> Option<Suspect> {
    let content = &events[index].content;
    let expected = content.unread_count.filter(|_| !content.is_message())?;
    let as_of = content.unread_as_of();
    let is_held = |(place, other): &(usize, &Event)| {
        if !other.content.is_message() {
            return *place < index;
        }
        let later_by = other.content.own_time() - as_of;
        later_by <= 0 || (*place < index && later_by < SECOND)
    };
    let held = events.iter().enumerate().filter(is_held);
    let found = unread_of(&held.map(|(_, event)| &event.content).collect::<Vec<_>>());
    (expected > found).then_some(Suspect {
        at_ms: shown_ms(content.at),
        field: "unread",
        expected: Some(expected),
        found: Some(found),
    })
}

impl Content {
    /// Whether it is a message of this direction.
    fn is_message_of(&self, direction: Direction) -> bool {
        self.direction_of_message() == Some(direction)
    }

    /// The direction of a message. A convo event has none itself; it can report a message that has one.
    fn direction_of_message(&self) -> Option<Direction> {
        self.direction.filter(|_| self.is_message())
    }
}
