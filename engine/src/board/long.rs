//! Long conversations: the same answers from any arrival, and the work for them.

use proptest::prelude::*;

use super::*;
use crate::draft::Draft;
use crate::effect::Admission;
use crate::event::{AgentMention, Direction, Event, Kind};
use crate::fact::comparisons;
use crate::fold::steps;
use crate::time::Time;
use crate::{AIRSHIP, Identity};

const START_MS: i64 = 1_700_000_000_000;

/// The kinds of logs that once took the square of their length.
#[derive(Clone, Copy, Debug)]
enum Log {
    InOrder,
    NewestFirst,
    /// Closes without a usable time (T3).
    Untimed,
    /// The events of `InOrder` with other texts.
    OtherText,
    /// The events of `InOrder` with other times.
    OtherTime,
    /// Every message with another agent.
    Agents,
    /// Unread counts as of a time far ahead, between messages.
    StatedAhead,
}

#[track_caller]
fn build(draft: Draft<'_>) -> Event {
    draft.build().unwrap()
}

fn at(ms: i64) -> Option<Time> {
    Time::from_ms(START_MS + ms)
}

fn event(log: Log, number: i64, count: i64) -> Event {
    let (id, name) = (format!("id {number}"), format!("agent {number}"));
    let message = Draft::new(AIRSHIP, "c", Kind::Message, at(number * 1_000))
        .direction(Direction::In)
        .text("first")
        .identity(Identity::given(&id, 0));
    let draft = match log {
        Log::InOrder => message,
        Log::NewestFirst => Draft { occurred: at((count - number) * 1_000), ..message },
        Log::Untimed => Draft { kind: Kind::Close, occurred: None, started: at(1), ..message },
        Log::OtherText => message.text("second"),
        Log::OtherTime => Draft { occurred: at(number * 1_000 + 500), ..message },
        Log::Agents => Draft { agent: AgentMention::Agent { id: Some(&name), name: None }, ..message },
        Log::StatedAhead if number % 2 == 0 => message,
        Log::StatedAhead => {
            Draft { kind: Kind::Open, active: at(i64::from(u32::MAX)), unread: Some(5), text: None, ..message }
        }
    };
    draft.build().unwrap()
}

/// Applies events as one group of the writer, which unlocks the board every 32 events.
fn commit(board: &mut Board, index: &mut Index, log: impl Iterator<Item = Event>) {
    let mut log = (board.edits + 1..).zip(log).peekable();
    while log.peek().is_some() {
        let mut edit = board.edit();
        for (seq, event) in log.by_ref().take(32) {
            edit.apply(seq, &event);
        }
        edit.finish_within(64).into_iter().for_each(|update| index.apply(update));
    }
    while let Some(mut derived) = board.derive_unsettled() {
        board.set_derived(&mut derived).into_iter().for_each(|update| index.apply(update));
    }
}

fn all(log: Log, count: i64) -> impl Iterator<Item = Event> {
    (0..count).map(move |number| event(log, number, count))
}

#[test]
fn the_work_for_a_group_is_proportional_to_its_length() {
    use Log::{Agents, InOrder, NewestFirst, OtherText, OtherTime, StatedAhead, Untimed};
    let logs: [&[Log]; 6] = [
        &[InOrder, OtherText, OtherTime],
        &[InOrder, OtherTime],
        &[NewestFirst],
        &[Untimed],
        &[Agents],
        &[StatedAhead],
    ];
    for logs in logs {
        let mut compared = Vec::new();
        for count in [500, 2_000] {
            let (mut board, mut index) = (Board::new(), Index::default());
            for log in logs {
                let mut stepped = 0;
                let made = comparisons(|| stepped = steps(|| commit(&mut board, &mut index, all(*log, count))));
                // Without an order of arrival, every event is folded once more when the group ends.
                assert!(stepped <= 2 * count as u64 + 64, "{log:?}: {stepped} steps for {count} events");
                compared.push(made / count as u64);
            }
        }
        for (few, many) in compared.iter().zip(&compared[logs.len()..]) {
            // Four times as many events: two more comparisons in each of several searches.
            assert!(*many <= few + 12, "{logs:?}: {compared:?} comparisons for each event");
        }
        compared.clear();
    }
}

#[test]
fn a_late_event_costs_about_twice_the_steps_of_the_events_after_it() {
    const COUNT: i64 = 10_000;
    let (mut board, mut index) = (Board::new(), Index::default());
    commit(&mut board, &mut index, all(Log::InOrder, COUNT));
    for after in [1, 10, 100, 1_000] {
        let draft = Draft::new(AIRSHIP, "c", Kind::Message, at((COUNT - after) * 1_000 - 1));
        let late = draft.build().unwrap();
        let stepped = steps(|| commit(&mut board, &mut index, std::iter::once(late)));
        assert!(stepped <= 2 * after as u64 + 300, "{stepped} steps for {after} events");
    }
}

#[test]
fn what_is_left_unsettled_is_up_to_date_for_who_asks() {
    let (mut board, mut index) = (Board::new(), Index::default());
    commit(&mut board, &mut index, all(Log::InOrder, 100));
    let before = board.state_hash();
    let mut edit = board.edit();
    edit.apply(200, &event(Log::InOrder, -1, 100));
    assert!(edit.finish_within(8).is_empty());
    assert_eq!(board.state("c").unwrap().messages_in, 101);
    assert_ne!(board.state_hash(), before);
    // An edit in the meantime settles it, and what was derived before that is not used.
    let mut outdated = board.derive_unsettled().unwrap();
    board.edit().apply(201, &event(Log::InOrder, -2, 100));
    let update = board.set_derived(&mut outdated).unwrap();
    index.apply(update);
    assert!(board.derive_unsettled().is_none());
    assert_eq!(index.query(&crate::Query::new()).unwrap().rows[0].unread, 102);
}

/// An event of one of two conversations, often late, often with the identity of another one.
fn any_event() -> impl Strategy<Value = Event> {
    let kind = prop::sample::select(vec![Kind::Message, Kind::Message, Kind::Message, Kind::Open, Kind::Close]);
    let ms = || prop::option::weighted(0.8, 0_i64..400);
    let said = (kind, prop::option::of(any::<bool>()), prop::option::weighted(0.3, 0_u64..5), any::<bool>());
    let agent = (prop::option::weighted(0.3, "[ab]"), prop::option::weighted(0.3, "[AB]"), any::<bool>());
    (0_u32..400, 0_u8..8, [ms(), ms(), ms(), ms()], said, agent).prop_map(|(id, conversation, times, said, agent)| {
        let (kind, is_inbound, unread, has_text) = said;
        let id = format!("id {id}");
        let (agent_id, agent_name, is_nobody) = agent;
        let [occurred, sent, started, active] = times.map(|ms| at(ms? * 300));
        let sent = sent.filter(|_| kind.is_message());
        let has_time = occurred.is_some() || sent.is_some() || (!kind.is_message() && active.or(started).is_some());
        let mut draft = Draft::new(AIRSHIP, if conversation == 0 { "short" } else { "long" }, kind, occurred);
        if !has_time {
            draft.occurred = at(7);
        }
        (draft.sent, draft.started, draft.active, draft.unread) = (sent, started, active, unread);
        draft.direction = is_inbound.map(|is_inbound| if is_inbound { Direction::In } else { Direction::Out });
        draft.text = has_text.then_some("text");
        draft.agent = AgentMention::from_parts(agent_id.as_deref(), agent_name.as_deref(), is_nobody);
        draft.identity = Some(Identity::given(&id, 0));
        build(draft)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Folding again from a saved fold gives what folding everything gives, however the events were grouped.
    #[test]
    fn a_long_conversation_is_the_fold_of_its_facts(
        events in prop::collection::vec(any_event(), 1..400),
        cut in 1_usize..60,
        max_steps in 0_usize..100,
    ) {
        let (mut board, mut index) = (Board::new(), Index::default());
        let mut seq = 0;
        for group in events.chunks(cut) {
            let mut edit = board.edit();
            for event in group {
                seq += 1;
                edit.apply(seq, event);
            }
            edit.finish_within(max_steps).into_iter().for_each(|update| index.apply(update));
            while let Some(mut derived) = board.derive_unsettled() {
                board.set_derived(&mut derived).into_iter().for_each(|update| index.apply(update));
            }
        }
        let mut afresh = Board::new();
        for slot in 0..board.slot_count() {
            afresh.load(slot, board.image(slot).unwrap()).unwrap();
        }
        for id in board.ids() {
            prop_assert_eq!(board.state(&id), afresh.state(&id));
            prop_assert_eq!(board.history(&id), afresh.history(&id));
        }
        prop_assert_eq!(&index, &afresh.index());
        prop_assert_eq!(board.state_hash(), afresh.state_hash());
        for event in &events {
            prop_assert_eq!(board.admissions().admit(event), Admission::Duplicate);
        }
    }
}
