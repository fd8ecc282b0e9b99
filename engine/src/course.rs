//! One conversation as it was after each of its events.

use crate::conversation::Conversation;
use crate::effect::Seq;
use crate::event::Direction;
use crate::fact::Fact;
use crate::fold::Fold;
use crate::image::{ConversationImage, ImageError};
use crate::moment::Moment;
use crate::past::Revivals;
use crate::query::ConversationRow;
use crate::resident::row_after;
use crate::time::Time;

/// A conversation after one of its events that count, in the order in which they happened (T2).
///
/// It is a function of the set of events: the conversation at a time is the one after the last step up to this time, as
/// [`Past`](crate::Past) has it at [`Moment::as_of`] this time. A late event changes the steps from its time on. An event that
/// counts less than another version of it (rule I2) has a step at the times before that version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// The time of the event (rules T1 and T3), with all digits.
    pub at: Time,
    /// The conversation after it, as lists show it.
    pub row: ConversationRow,
    /// The answer that the event is, or tells of.
    pub reply: Option<Reply>,
    /// By how much newer the newest event was that was known before this one, in milliseconds; `None` if none was newer.
    pub late_by_ms: Option<i64>,
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

/// The steps of a conversation from a time on ([`Board::course`](crate::Board::course)).
#[derive(Debug)]
pub struct Course(Source);

#[derive(Debug)]
enum Source {
    Steps(Vec<Step>),
    /// The conversation has conflicts.
    Conflicting {
        image: Box<ConversationImage>,
        since: Time,
    },
}

impl Course {
    /// The steps after `since_ms`, after the last one up to it.
    pub(crate) fn of(conversation: &Conversation, since_ms: i64) -> Self {
        let since = Time::from_ms(since_ms).unwrap_or(if since_ms < 0 { Time::MIN } else { Time::MAX });
        if conversation.conflicts.is_empty() {
            return Self(Source::Steps(of_counting(conversation, since)));
        }
        let image = Box::new(ConversationImage::of(conversation));
        Self(Source::Conflicting { image, since })
    }

    /// The steps. A conversation with conflicts is folded here, once for each time at which another version of an event counted
    /// than today. This needs no board.
    ///
    /// # Errors
    /// [`ImageError`] if the conversation has conflicts and was loaded from an invalid image.
    pub fn steps(self) -> Result<Vec<Step>, ImageError> {
        match self.0 {
            Source::Steps(steps) => Ok(steps),
            Source::Conflicting { image, since } => {
                let conversation = image.into_conversation()?;
                let mut course = of_counting(&conversation, since);
                revive(&mut course, &conversation, since);
                Ok(course)
            }
        }
    }
}

/// The steps of the events that count today.
fn of_counting(conversation: &Conversation, since: Time) -> Vec<Step> {
    let past = conversation.facts.timed_up_to(since);
    let (steps, mut fold) = conversation.fold_near(past);
    let mut course: Vec<Step> = Vec::new();
    let mut seqs = Vec::new();
    let mut add = |fold: &mut Fold, at: Time, reply, seq: Seq| {
        fold.settle();
        let row = row_after((&conversation.id, conversation.lists()), fold, course.last().map(|step| &step.row));
        course.push(Step { at, row, reply, late_by_ms: None });
        seqs.push(seq);
    };
    // The time of the last event up to `since`, until its step is added.
    let last = steps.checked_sub(1).and_then(|last| conversation.facts.get(last));
    let mut last_past = last.map(|fact| fact.at.alone());
    let timed = conversation.facts.timed_len();
    for (number, (at, fact)) in conversation.in_order().enumerate().skip(steps) {
        if at > since
            && let Some(at) = last_past.take()
        {
            add(&mut fold, at, None, 0);
        }
        let waiting = fold.waiting();
        fold.step(&fact, at, conversation.lists());
        if number >= timed {
            fold.clock_suspicions.push(at);
        }
        if at > since {
            let reply = reply(&fact, at, waiting.map(|(since, _)| since), &fold);
            add(&mut fold, at, reply, fact.seq);
        } else {
            last_past = Some(at);
        }
    }
    if let Some(at) = last_past {
        add(&mut fold, at, None, 0);
    }
    set_late(&mut course, &seqs);
    course
}

/// Compares the steps, which are in the order of their times, with the order of arrival.
fn set_late(course: &mut [Step], seqs: &[Seq]) {
    // The first arrival of those from each step on. It never falls.
    let mut first = Seq::MAX;
    let mut first_from = seqs.to_vec();
    for seq in first_from.iter_mut().rev() {
        first = first.min(*seq);
        *seq = first;
    }
    let times: Vec<_> = course.iter().map(|step| step.at.ms()).collect();
    for ((step, seq), place) in course.iter_mut().zip(seqs).zip(0..) {
        // The last step that was known before this one.
        let newest = first_from.partition_point(|first| first < seq);
        let newest = newest.checked_sub(1).filter(|newest| *newest > place).and_then(|newest| times.get(newest));
        step.late_by_ms = newest.map(|newest| newest - step.at.ms());
    }
}

/// Corrects the steps at the times at which another version of an event counted than today (rule I2).
fn revive(course: &mut Vec<Step>, conversation: &Conversation, since: Time) {
    let revivals = Revivals::of(conversation);
    let first = revivals.versions().partition_point(|version| *version <= since).saturating_sub(1);
    let versions = revivals.versions().iter().skip(first);
    // Their rows are set below: another version counts at each of these times.
    let Some(row) = course.first().map(|step| step.row.clone()) else { return };
    course.extend(versions.map(|at| Step { at: *at, row: row.clone(), reply: None, late_by_ms: None }));
    course.sort_by_key(|step| step.at);
    // Of the steps up to `since`, the last one.
    let past = course.partition_point(|step| step.at <= since);
    course.drain(..past.saturating_sub(1));
    for same in course.chunk_by_mut(|step, next| step.at == next.at) {
        let at = same.first().map(|step| step.at).filter(|at| revivals.include(*at));
        let past = at.and_then(|at| conversation.past(Moment::as_of(at)));
        let Some(row) = past.map(|past| past.row()) else { continue };
        same.iter_mut().for_each(|step| step.row = row.clone());
    }
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
    use crate::{Board, Past};

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
            let occurred = Time::from_ms_and_ns(ms, [0, 0, 1, 999_999][next(4)]);
            let identity = Some(Identity::given(&number.saturating_sub(usize::from(next(12) == 0)).to_string(), 0));
            let agent = match next(5) {
                0 => AgentMention::Nobody,
                1 => AgentMention::agent("a", "Ann"),
                2 => AgentMention::Agent { id: None, name: Some("Bo") },
                _ => AgentMention::Silent,
            };
            let member_name = [None, Some("Yara"), Some("Unknown")][next(3)];
            let given = Draft { occurred, identity, agent, ..message() }.member_name(member_name);
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

    fn steps(board: &Board, since_ms: i64) -> Vec<Step> {
        board.course("c-1", since_ms).unwrap().steps().unwrap()
    }

    fn row_of_past(past: &Past<'_>) -> ConversationRow {
        past.row()
    }

    #[test]
    fn the_step_at_a_time_is_the_conversation_at_this_moment() {
        let mut revived = 0;
        for seed in 0..48_u8 {
            let events = any_events(seed.into(), 8 + usize::from(seed) % 24);
            let whole = board(&events);
            let all = steps(&whole, i64::MIN);
            assert!(all.is_sorted_by_key(|step| step.at), "{seed}");
            assert_eq!(all.last().unwrap().row, whole.row("c-1").unwrap());
            let row_at = |time| whole.past("c-1", Moment::as_of(time), row_of_past);
            let row_of = |course: &[Step], time| Some(course.iter().rfind(|step| step.at <= time)?.row.clone());
            let mut times: Vec<_> = events.iter().map(|event| event.at().alone()).collect();
            times.extend(all.iter().map(|step| step.at));
            let before = |time: Time| match time.sub_ms_ns() {
                0 => Time::from_ms_and_ns(time.ms() - 1, 999_999).unwrap_or(Time::MIN),
                ns => Time::from_ms_and_ns(time.ms(), ns - 1).unwrap(),
            };
            for time in times.iter().flat_map(|time| [*time, before(*time)]) {
                let expected = row_at(time);
                assert_eq!(row_of(&all, time), expected, "{seed} {time:?}");
                // The same from any time on.
                let ms = Time::from_ms(time.ms()).unwrap();
                let since = steps(&whole, time.ms());
                assert_eq!(row_of(&since, ms), row_at(ms), "{seed} {time:?}");
                assert!(since.get(1).is_none_or(|second| second.at > ms), "{seed} {time:?}");
                let later = |course: &[Step]| course.iter().filter(|step| step.at > ms).cloned().collect::<Vec<_>>();
                assert_eq!(later(&since), later(&all), "{seed} {time:?}");
            }
            let counting = whole.history("c-1").unwrap().iter().filter(|entry| entry.counts).count();
            revived += usize::from(all.len() > counting);
        }
        assert!(revived > 3, "{revived}");
    }

    /// Events with two versions each. Of about half of them, the later version counts.
    fn replaced(count: i64) -> Board {
        let version = |number: i64, ms: i64| {
            let identity = Some(Identity::given(&number.to_string(), 0));
            let text = format!("at {ms}");
            Draft { occurred: at(ms), sent: None, identity, text: Some(&text), ..message() }.build().unwrap()
        };
        let mut events = Vec::new();
        for number in 0..count {
            events.extend([0, 1_000].map(|after| version(number, number * 4_000 + after)));
        }
        board(&events)
    }

    /// A caller that holds the board waits for the steps that are made under its lock.
    #[test]
    fn conflicts_are_folded_beside_the_board_and_once_for_each_time_from_the_beginning_on() {
        let board = replaced(300);
        let mut course = None;
        assert_eq!(crate::fold::steps(|| course = board.course("c-1", i64::MIN)), 0);
        let whole = course.unwrap().steps().unwrap();
        assert!(whole.len() > 400, "{}", whole.len());
        // Of the last ten events, at most two times each.
        let late = crate::fold::steps(|| drop(steps(&board, 290 * 4_000 - 1)));
        assert!(late < 30 * 300, "{late}");
    }

    #[test]
    fn a_step_says_by_how_much_its_event_came_late() {
        let said = |ms| Draft { occurred: at(ms), sent: None, ..message() }.build().unwrap();
        let events = [10, 60, 30, 20, 40, 70].map(|seconds: i64| said(seconds * 1_000));
        let late = |since| {
            let course = steps(&board(&events), since);
            course.iter().map(|step| (step.at.ms() / 1_000, step.late_by_ms)).collect::<Vec<_>>()
        };
        let all = [(10, None), (20, Some(40_000)), (30, Some(30_000)), (40, Some(20_000)), (60, None), (70, None)];
        assert_eq!(late(0), all);
        // The first one stands for all up to then.
        assert_eq!(late(25_000), [&[(20, None)], &all[2..]].concat());
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
        let replies: Vec<_> = steps(&board(&events), 0).into_iter().filter_map(|step| step.reply).collect();
        let reply = |at, waited_since| Reply { at, waited_since };
        assert_eq!(replies, [reply(3_500, Some(1_000)), reply(5_000, None), reply(7_000, Some(6_000))]);
    }
}
