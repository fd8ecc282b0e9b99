//! Tests of the board through its public API.

use super::*;
use crate::cursor::Sort;
use crate::draft::Draft;
use crate::effect::{Admission, Effect, Seq};
use crate::event::{AgentMention, Direction, Event, Kind};
use crate::newest::Newest;
use crate::query::Query;
use crate::time::Time;
use crate::{AIRSHIP, Identity};

mod counts;
mod eviction;
mod images;
mod queries;

const HOUR: i64 = 3_600_000;

fn at(ms: i64) -> Option<Time> {
    Time::from_ms(1_700_000_000_000 + ms)
}

fn message(conversation: &str, ms: i64, direction: Direction) -> Draft<'_> {
    Draft::new(AIRSHIP, conversation, Kind::Message, at(ms)).direction(direction)
}

fn open(conversation: &str, ms: i64) -> Draft<'_> {
    Draft::new(AIRSHIP, conversation, Kind::Open, at(ms))
}

fn agent<'a>(id: &'a str, name: &'a str) -> AgentMention<'a> {
    AgentMention::Agent { id: (!id.is_empty()).then_some(id), name: (!name.is_empty()).then_some(name) }
}

#[track_caller]
fn build(draft: Draft<'_>) -> Event {
    draft.build().unwrap()
}

/// A board, and an index that receives every update.
#[derive(Default)]
struct Listed {
    board: Board,
    index: Index,
}

impl Listed {
    fn apply(&mut self, seq: Seq, event: &Event) -> Effect {
        let mut batch = self.board.edit();
        let effect = batch.apply(seq, event);
        batch.finish().into_iter().for_each(|update| self.index.apply(update));
        effect
    }

    #[track_caller]
    fn reload(&mut self, slot: u32, image: ConversationImage) {
        self.board.reload(slot, image.prepare().unwrap()).unwrap();
    }
}

#[track_caller]
fn listed(drafts: Vec<Draft<'_>>) -> Listed {
    let mut listed = Listed::default();
    for (seq, draft) in (1..).zip(drafts) {
        listed.apply(seq, &build(draft));
    }
    listed
}

/// Saves and evicts one conversation.
#[track_caller]
fn evict(board: &mut Board, slot: u32) -> ConversationImage {
    let image = board.image(slot).unwrap();
    let mut unsaved = board.take_unsaved();
    unsaved.remove(&slot);
    board.put_back_unsaved(unsaved);
    drop(board.evict(&[slot]));
    image
}

#[track_caller]
fn ids(index: &Index, query: &Query) -> Vec<String> {
    index.query(query).unwrap().rows.iter().map(|row| row.id().to_owned()).collect()
}

/// Asserts that both give the same answer to every question.
#[track_caller]
fn expect_alike(a: &Index, b: &Index) {
    for sort in Sort::ALL {
        let query = Query::new().sort(sort);
        assert_eq!(a.query(&query).unwrap().rows, b.query(&query).unwrap().rows);
    }
    for query in [of_agent("Ann"), of_agent("a1"), Query::new().number("555"), after_close()] {
        assert_eq!(a.query(&query).unwrap().rows, b.query(&query).unwrap().rows);
    }
    assert_eq!((a.totals(), a.agents(), a.open_len()), (b.totals(), b.agents(), b.open_len()));
    assert_eq!(a.newest(), b.newest());
}

fn after_close() -> Query {
    Query::new().unanswered_after_close(true)
}

fn of_agent(agent: &str) -> Query {
    Query::new().agent(agent)
}

/// Four open conversations and a closed one.
fn busy() -> Listed {
    listed(vec![
        Draft { agent: agent("a1", "Ann"), ..open("one", 0).shortcode("s1").tenant("t1") },
        Draft { agent: agent("a2", "Ann"), ..open("two", 10).member_number("555").tenant("t2") },
        Draft { agent: agent("", "a1"), channel: Some("sms"), ..message("three", 20, IN).member_name("Mo") },
        Draft { channel: Some("in_app"), ..message("four", 30, IN).member_number("555") },
        Draft { kind: Kind::Close, agent: agent("a1", "Ann"), ..open("gone", 40) },
        Draft { channel: Some("sms"), ..message("one", 50, IN) },
        Draft { channel: Some("sms"), ..message("one", 60, IN) },
    ])
}

const IN: Direction = Direction::In;
const OUT: Direction = Direction::Out;

#[test]
fn t1_the_newest_event_has_a_credible_clock() {
    let newest = |listed: &Listed| listed.index.newest().map(Newest::at_ms);
    let ahead = |ms| Draft { occurred: at(0), sent: at(ms), ..message("ahead", 0, IN) };
    let untimed = Draft { kind: Kind::Close, occurred: None, started: at(90 * HOUR), ..open("untimed", 0) };
    let mut listed = listed(vec![ahead(25 * HOUR), untimed]);
    assert_eq!(newest(&listed), at(90 * HOUR).map(Time::ms), "no other event");
    for (seq, ms) in [(3, 5), (4, 9), (5, 7)] {
        listed.apply(seq, &build(message("credible", ms, IN)));
    }
    assert_eq!(newest(&listed), at(9).map(Time::ms));
    listed.apply(6, &build(ahead(24 * HOUR)));
    assert_eq!(newest(&listed), at(24 * HOUR).map(Time::ms), "exactly a day is credible");
    expect_alike(&listed.index, &listed.board.index());
    let slots = 0..listed.board.slot_count();
    let outlines: Vec<_> = slots.map(|slot| listed.board.outline(slot).unwrap()).collect();
    assert_eq!(outlines.iter().map(Outline::newest).max().map(Newest::at_ms), newest(&listed));
    assert_eq!(Board::of_outlines(outlines, StateHash::default()).1.sort().newest(), listed.index.newest());
}

/// A conflict can remove the newest event. Then it is unknown until a newer one arrives.
#[test]
fn t1_a_conflict_never_leaves_a_wrong_newest_event() {
    let with = |ms| build(Draft { identity: Some(Identity::given("x", 0)), ..message("c", ms, IN) });
    let (mut loser, mut winner) = (with(100), with(50));
    if loser.content() < winner.content() {
        (loser, winner) = (with(50), with(100));
    }
    let mut listed = listed(vec![message("other", 10, IN)]);
    listed.apply(2, &loser);
    assert_eq!(listed.apply(3, &winner), Effect::Conflict { counts: true });
    let expected = listed.board.outline(1).map(|outline| outline.newest());
    assert!(listed.index.newest().is_none_or(|newest| Some(newest) == expected));
    listed.apply(4, &build(message("other", 200, IN)));
    assert_eq!(listed.index.newest().map(Newest::at_ms), at(200).map(Time::ms));
}

#[test]
fn i2_repeats_are_known_from_the_board_and_from_the_same_group() {
    let mut board = Board::new();
    let event = build(message("c", 0, IN));
    let mut admissions = board.admissions();
    assert_eq!(admissions.admit(&event), Admission::Log);
    assert_eq!(admissions.admit(&event), Admission::Duplicate);
    assert_eq!(board.edit().apply(1, &event), Effect::Applied);
    assert_eq!(board.admissions().admit(&event), Admission::Duplicate);
    assert_eq!(board.edit().apply(2, &event), Effect::Duplicate);
    assert_eq!(board.arrivals("c").unwrap().duplicates, 1);
}

/// Regression: admission compared fingerprints, and these two events had the same.
#[test]
fn i2_ids_made_by_counting_are_different_events_in_one_group() {
    let ids = ["00000001-0000-0000-0000-000000000001", "00000002-0000-0000-0000-000000000002"];
    let events = ids.map(|id| build(Draft { identity: Some(Identity::given(id, 0)), ..message("c", 0, IN) }));
    let board = Board::new();
    let mut admissions = board.admissions();
    for event in &events {
        assert_eq!(admissions.admit(event), Admission::Log, "{event:?}");
    }
}

#[test]
fn i2_of_two_contents_the_smaller_hash_counts_in_any_order() {
    let with_text =
        |text| build(Draft { identity: Some(Identity::given("x", 0)), text: Some(text), ..message("c", 0, IN) });
    let (mut a, mut b) = (with_text("one"), with_text("other"));
    if b.content() < a.content() {
        std::mem::swap(&mut a, &mut b);
    }
    let mut smaller_first = Board::new();
    assert_eq!(smaller_first.edit().apply(1, &a), Effect::Applied);
    assert_eq!(smaller_first.edit().apply(2, &b), Effect::Conflict { counts: false });
    let mut larger_first = Board::new();
    assert_eq!(larger_first.edit().apply(1, &b), Effect::Applied);
    assert_eq!(larger_first.edit().apply(2, &a), Effect::Conflict { counts: true });
    for board in [&mut smaller_first, &mut larger_first] {
        let state = board.state("c").unwrap();
        assert_eq!((state.messages_in, state.last_message.unwrap().text.as_str()), (1, a.text().unwrap()));
        let counting: Vec<_> = board.history("c").unwrap().iter().map(|entry| entry.counts).collect();
        assert_eq!(counting, [true, false]);
        assert_eq!(board.admissions().admit(&a), Admission::Duplicate);
        assert_eq!(board.admissions().admit(&b), Admission::Duplicate);
    }
    assert_eq!(smaller_first.state_hash(), larger_first.state_hash());
}

#[test]
fn h1_the_hash_is_kept_up_as_conversations_change() {
    let mut changing = busy().board;
    let before = changing.state_hash();
    changing.edit().apply(8, &build(message("one", 90, OUT)));
    let kept_up = changing.state_hash();
    assert_ne!(before, kept_up);
    let ids = changing.ids();
    let lines = ids.iter().map(|id| changing.state(id).unwrap().export_line());
    assert_eq!(lines.map(|line| StateHash::of_line(&line)).fold(StateHash::default(), StateHash::plus), kept_up);
}

#[test]
fn a_closed_conversation_is_hashed_and_indexed_from_the_fold_that_closed_it() {
    let mut board = Board::new();
    let closed = Draft { kind: Kind::Close, ..open("one", 9_000) };
    for (seq, draft) in (1..).zip([message("one", 1_000, Direction::In), closed]) {
        board.edit().apply(seq, &build(draft));
    }
    let with_fold = board.resident_bytes();
    let steps = crate::fold::steps(|| {
        assert!(board.search_keys(0).is_some());
        board.state_hash();
    });
    assert_eq!(steps, 0);
    assert!(board.resident_bytes() + (size_of::<crate::fold::Fold>() as u64) <= with_fold);
}
