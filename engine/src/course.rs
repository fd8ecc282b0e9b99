//! One conversation as it was after each of its events.

use crate::conversation::Conversation;
use crate::event::Direction;
use crate::fact::Fact;
use crate::fold::Fold;
use crate::query::ConversationRow;
use crate::resident::row_after;
use crate::time::Time;

/// A conversation after one of its events that count, in the order in which they happened (T2).
///
/// It is a function of the set of events: the conversation as it was at a time is the one after all of its events with this
/// or an earlier time, whenever they arrived. A late event changes the steps from its time on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// The time of the event (rules T1 and T3), in milliseconds since the epoch.
    pub at: i64,
    /// The conversation after it, as lists show it.
    pub row: ConversationRow,
    /// The answer that the event is, or tells of.
    pub reply: Option<Reply>,
}

/// An answer to the member: an outbound message, or a status by which the wait ends while the conversation stays open (F11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// When it was given, in milliseconds since the epoch: the message's own time (T4).
    pub at: i64,
    /// The beginning of the wait that it ended, in milliseconds since the epoch; `None` if nobody waited.
    pub waited_since: Option<i64>,
}

/// The steps after `since_ms`, after the last one up to it.
pub(crate) fn of(conversation: &Conversation, since_ms: i64) -> Vec<Step> {
    let is_past = |at: Time| at.ms() <= since_ms;
    let past = conversation.facts.timed_after(0).take_while(|fact| is_past(fact.at.alone())).count();
    let (steps, mut fold) = conversation.fold_near(past);
    let mut course: Vec<Step> = Vec::new();
    let mut add = |fold: &mut Fold, at: Time, reply| {
        fold.settle();
        let row = row_after((&conversation.id, conversation.lists()), fold, course.last().map(|step| &step.row));
        course.push(Step { at: at.ms(), row, reply });
    };
    // The time of the last event up to `since_ms`, until its step is added.
    let last = steps.checked_sub(1).and_then(|last| conversation.facts.get(last));
    let mut last_past = last.map(|fact| fact.at.alone());
    let timed = conversation.facts.timed_len();
    for (number, (at, fact)) in conversation.in_order().enumerate().skip(steps) {
        if !is_past(at)
            && let Some(at) = last_past.take()
        {
            add(&mut fold, at, None);
        }
        let waiting = fold.waiting();
        fold.step(&fact, at, conversation.lists());
        if number >= timed {
            fold.clock_suspicions.push(at);
        }
        if is_past(at) {
            last_past = Some(at);
        } else {
            let reply = reply(&fact, at, waiting.map(|(since, _)| since), &fold);
            add(&mut fold, at, reply);
        }
    }
    if let Some(at) = last_past {
        add(&mut fold, at, None);
    }
    course
}

fn reply(fact: &Fact<'_>, at: Time, waiting_since: Option<Time>, after: &Fold) -> Option<Reply> {
    let waited_since = waiting_since.map(Time::ms);
    if fact.kind.is_message() && fact.direction == Some(Direction::Out) {
        return Some(Reply { at: fact.message_time(at).ms(), waited_since });
    }
    let is_answered = waited_since.is_some() && after.waiting().is_none() && !after.is_closed;
    is_answered.then_some(Reply { at: at.ms(), waited_since })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::draft::Draft;
    use crate::draft::tests::{at, message};
    use crate::event::{AgentMention, Event, Kind};
    use crate::identity::Identity;
    use crate::session::Session;
    use crate::{Board, HistoryEntry};

    pub(crate) fn board<'a>(events: impl IntoIterator<Item = &'a Event>) -> Board {
        let mut board = Board::new();
        let mut edit = board.edit();
        for (seq, event) in (1..).zip(events) {
            edit.apply(seq, event);
        }
        drop(edit);
        board
    }

    /// Numbers that look random, the same ones for the same seed.
    pub(crate) fn numbers(seed: u64) -> impl FnMut(usize) -> usize {
        let mut state = seed;
        move |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below
        }
    }

    /// Events of every kind, with times out of order, equal times, closes without a time, and conflicts.
    pub(crate) fn any_events(seed: u64, count: usize) -> Vec<Event> {
        let mut next = numbers(seed);
        let draft = |number: usize| {
            let ms = i64::try_from(next(count)).unwrap() * 700;
            let identity = Some(Identity::given(&number.saturating_sub(usize::from(next(12) == 0)).to_string(), 0));
            let agent = match next(5) {
                0 => AgentMention::Nobody,
                1 => AgentMention::agent("a", "Ann"),
                2 => AgentMention::Agent { id: None, name: Some("Bo") },
                _ => AgentMention::Silent,
            };
            let member_name = [None, Some("Yara"), Some("Unknown")][next(3)];
            let given = Draft { occurred: at(ms), identity, agent, ..message() }.member_name(member_name);
            let direction = [Some(Direction::In), Some(Direction::Out), None][next(3)];
            let said = Draft { sent: at(ms - 2_000 * i64::try_from(next(2)).unwrap()), direction, ..given.clone() };
            let lifecycle = |kind| Draft { kind, sent: None, direction: None, text: None, ..given.clone() };
            match next(12) {
                0 => lifecycle(Kind::Open),
                1 => lifecycle(Kind::Close),
                2 => Draft { started: at(ms), occurred: None, ..lifecycle(Kind::Close) },
                3 => lifecycle(Kind::Update).unread(next(4) as u64),
                4 => {
                    let status = Some([4, 6, 5, 9][next(4)]);
                    let session = Session { status, ..Session::default() };
                    Draft { session: Some(session), ..lifecycle(Kind::Update) }
                }
                _ => said,
            }
        };
        (0..count).map(draft).filter_map(|draft| draft.build().ok()).collect()
    }

    #[test]
    fn the_step_at_a_time_is_the_fold_of_the_events_up_to_it() {
        for seed in 0..60_u8 {
            let events = any_events(seed.into(), 12 + usize::from(seed) % 50);
            let whole = board(&events);
            let history: Vec<HistoryEntry> = whole.history("c-1").unwrap();
            let counting: Vec<_> = history.iter().filter(|entry| entry.counts).collect();
            let mut times: Vec<_> = counting.iter().map(|entry| entry.at).collect();
            times.dedup();
            let all = whole.course("c-1", i64::MIN).unwrap();
            assert_eq!(
                all.iter().map(|step| step.at).collect::<Vec<_>>(),
                counting.iter().map(|e| e.at).collect::<Vec<_>>()
            );
            for time in &times {
                let past = counting.iter().filter(|entry| entry.at <= *time).map(|entry| &entry.event);
                let expected = board(past).row("c-1").unwrap();
                let step = all.iter().rfind(|step| step.at <= *time).unwrap();
                assert_eq!(step.row, expected, "{seed} {time}");
                // The same from any time on.
                let since = whole.course("c-1", *time).unwrap();
                assert_eq!(since[0].row, expected, "{seed} {time}");
                let later: Vec<_> = all.iter().filter(|step| step.at > *time).collect();
                assert_eq!(since.iter().skip(1).collect::<Vec<_>>(), later, "{seed} {time}");
            }
            assert_eq!(all.last().unwrap().row, whole.row("c-1").unwrap());
            let before = whole.course("c-1", times[0] - 1).unwrap();
            assert_eq!(before, all);
        }
    }

    #[test]
    fn f11_an_answer_is_an_outbound_message_or_a_status_while_the_conversation_stays_open() {
        let said = |ms, direction| Draft { occurred: at(ms), sent: None, direction: Some(direction), ..message() };
        let status = |ms, status: i64| {
            let session = Session { status: Some(status), ..Session::default() };
            Draft { kind: Kind::Update, text: None, session: Some(session), ..said(ms, Direction::In) }.direction(None)
        };
        let close = Draft { kind: Kind::Close, text: None, ..said(9_000, Direction::In) }.direction(None);
        let drafts = [
            said(1_000, Direction::In),
            said(2_000, Direction::In),
            Draft { sent: at(3_500), ..said(4_000, Direction::Out) },
            said(5_000, Direction::Out),
            status(6_000, 5),
            status(7_000, 6),
            said(8_000, Direction::In),
            close,
        ];
        let events: Vec<_> = drafts.into_iter().map(|draft| draft.build().unwrap()).collect();
        let replies: Vec<_> =
            board(&events).course("c-1", 0).unwrap().into_iter().filter_map(|step| step.reply).collect();
        let reply = |at, waited_since| Reply { at, waited_since };
        assert_eq!(replies, [reply(3_500, Some(1_000)), reply(5_000, None), reply(7_000, Some(6_000))]);
    }
}
