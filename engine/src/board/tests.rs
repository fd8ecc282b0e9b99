//! Tests of the board through its public API.

use std::collections::HashMap;

use super::*;
use crate::cursor::{Cursor, Order, Sort};
use crate::draft::Draft;
use crate::effect::{Admission, Effect, Seq};
use crate::event::{AgentMention, Direction, Event, Kind};
use crate::newest::Newest;
use crate::query::{AgentLoad, ConversationRow, Query, QueryError, StatusFilter, TimeField};
use crate::time::Time;
use crate::{AIRSHIP, Identity};

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
fn q2_open_conversations_come_with_the_latest_activity_first() {
    assert_eq!(ids(&busy().index, &Query::new()), ["one", "four", "three", "two"]);
}

#[test]
fn q2_by_agent_takes_an_id_or_a_name() {
    let index = busy().index;
    assert_eq!(ids(&index, &of_agent("a2")), ["two"]);
    assert_eq!(ids(&index, &of_agent("Ann")), ["one", "two"]);
    assert_eq!(ids(&index, &of_agent("a1")), ["one", "three"], "the id of one agent and the name of another");
    assert_eq!(ids(&index, &of_agent("nobody")), [""; 0]);
}

#[test]
fn q2_every_filter_narrows_and_all_of_them_must_hold() {
    let index = busy().index;
    let all = Query::new;
    assert_eq!(ids(&index, &all().unassigned(true)), ["four"]);
    assert_eq!(ids(&index, &all().member("Mo")), ["three"]);
    assert_eq!(ids(&index, &all().number("555")), ["four", "two"]);
    assert_eq!(ids(&index, &all().tenant("t1")), ["one"]);
    assert_eq!(ids(&index, &all().shortcode("s1")), ["one"]);
    assert_eq!(ids(&index, &all().channel("sms")), ["one", "three"]);
    assert_eq!(ids(&index, &all().unread_min(2)), ["one"]);
    assert_eq!(ids(&index, &all().idle_since_ms(at(20).map(Time::ms))), ["three", "two"]);
    assert_eq!(ids(&index, &all().waiting_since_ms(at(30).map(Time::ms))), ["four", "three"]);
    assert_eq!(ids(&index, &all().number("555").tenant("t2")), ["two"]);
    assert_eq!(ids(&index, &all().number("555").tenant("t1")), [""; 0]);
    assert_eq!(ids(&index, &all().agent("a2").unassigned(true)), [""; 0]);
}

#[test]
fn q2_sorted_by_waiting_those_that_do_not_wait_come_last() {
    assert_eq!(ids(&busy().index, &Query::new().sort(Sort::Waiting)), ["three", "four", "one", "two"]);
    assert_eq!(ids(&busy().index, &Query::new().sort(Sort::Started)), ["one", "two", "three", "four"]);
}

#[test]
fn q2_a_limit_of_time_finds_the_same_in_every_order() {
    let index = busy().index;
    let orders = || Sort::ALL.into_iter().flat_map(|sort| [false, true].map(|reverse| (sort, reverse)));
    for since in [i64::MIN, 0, 19, 20, 30, 60, i64::MAX] {
        for (sort, reverse) in orders() {
            let all = || Query::new().sort(sort).reverse(reverse);
            let rows = |query: Query| index.query(&query).unwrap().rows;
            let waiting: Vec<_> =
                rows(all()).into_iter().filter(|row| row.waiting_since.is_some_and(|at| at <= since)).collect();
            assert_eq!(rows(all().waiting_since_ms(since)), waiting, "{sort} {reverse} {since}");
            let idle: Vec<_> = rows(all()).into_iter().filter(|row| row.last_active_at <= since).collect();
            assert_eq!(rows(all().idle_since_ms(since)), idle, "{sort} {reverse} {since}");
        }
    }
}

#[test]
fn q2_an_agent_is_found_after_somebody_else_took_over() {
    let index = listed(vec![
        Draft { agent: agent("a1", "Ann"), ..message("one", 0, IN) },
        Draft { agent: agent("a2", "Bob"), ..message("one", 10, OUT) },
        Draft { agent: AgentMention::Nobody, ..open("one", 20) },
        Draft { agent: agent("a2", "Bob"), ..message("two", 30, IN) },
    ])
    .index;
    let any = |agent| Query::new().any_agent(agent);
    assert_eq!(ids(&index, &any("ann")), ["one"]);
    assert_eq!(ids(&index, &any("a2")), ["two", "one"]);
    assert_eq!(ids(&index, &any("a2").unassigned(true)), ["one"]);
    assert_eq!(ids(&index, &of_agent("a2")), ["two"]);
}

#[test]
fn q2_times_are_half_open_ranges() {
    let index = busy().index;
    let times = |since, until, by| {
        let ms = |offset| at(offset).map(Time::ms);
        ids(&index, &Query::new().since_ms(ms(since)).until_ms(ms(until)).by(by).sort(Sort::Started))
    };
    assert_eq!(times(10, 30, TimeField::Started), ["two", "three"]);
    assert_eq!(times(10, 31, TimeField::Active), ["two", "three", "four"]);
    assert_eq!(times(0, 100, TimeField::Closed), [""; 0], "open conversations have no such time");
}

#[test]
fn q2_a_reversed_order_is_the_order_from_its_end() {
    for (sort, query) in Sort::ALL.into_iter().flat_map(|sort| [(sort, Query::new()), (sort, of_agent("Ann"))]) {
        let index = busy().index;
        let mut all = ids(&index, &query.clone().sort(sort));
        all.reverse();
        let mut query = query.sort(sort).reverse(true).limit(1);
        let mut found = Vec::new();
        while found.len() < all.len() {
            let page = index.query(&query).unwrap();
            found.extend(page.rows.iter().map(|row| row.id().to_owned()));
            let Some(next) = page.next else { break };
            query = query.cursor(next.to_string().parse::<Cursor>().unwrap());
        }
        assert_eq!(found, all, "{sort:?}");
    }
}

#[test]
fn q2_an_index_does_not_answer_for_conversations_that_it_does_not_have() {
    let index = busy().index;
    for status in [StatusFilter::Closed, StatusFilter::Any] {
        assert_eq!(index.query(&Query::new().status(status)).unwrap_err(), QueryError::NotInIndex);
        assert_eq!(ids(&index, &after_close().status(status)), [""; 0]);
    }
    assert_eq!(ids(&index, &after_close().status(StatusFilter::Open)), [""; 0]);
}

#[test]
fn q2_a_caller_with_a_condition_sees_nothing_else() {
    let index = busy().index;
    let of_t2 = |row: &ConversationRow| row.tenant.as_deref() == Some("t2");
    let page = index.query_matching(&Query::new(), of_t2).unwrap();
    assert_eq!(page.rows.iter().map(|row| row.id()).collect::<Vec<_>>(), ["two"]);
    let page = index.query_matching(&Query::new().shortcode("s11"), of_t2).unwrap();
    assert_eq!(page.unknown[0].similar, [""; 0], "the similar value is of another tenant");
    assert_eq!(index.query(&Query::new().shortcode("s11")).unwrap().unknown[0].similar, ["s1"]);
}

#[test]
fn q2_pages_join_without_hole_or_repeat_while_events_arrive() {
    for sort in Sort::ALL {
        let mut listed = busy();
        let all = ids(&listed.index, &Query::new().sort(sort));
        let mut query = Query::new().sort(sort).limit(1);
        let mut found = Vec::new();
        loop {
            let page = listed.index.query(&query).unwrap();
            found.extend(page.rows.iter().map(|row| row.id().to_owned()));
            let seq = 100 + found.len() as u64;
            listed.apply(seq, &build(message("elsewhere", HOUR, IN)));
            let Some(next) = page.next else { break };
            query = query.cursor(next.to_string().parse::<Cursor>().unwrap());
        }
        found.retain(|id| id != "elsewhere");
        assert_eq!(found, all, "{sort:?}");
    }
}

#[test]
fn q2_a_cursor_of_another_sort_order_is_refused() {
    let index = busy().index;
    assert_eq!(index.query(&Query::new().limit(0)).unwrap().next, None, "0 is no limit");
    let next = index.query(&Query::new().limit(1)).unwrap().next;
    let error = index.query(&Query::new().sort(Sort::Waiting).cursor(next)).unwrap_err();
    let order = |sort| Order { sort, reverse: false };
    let expected = QueryError::CursorOfAnotherOrder { expected: order(Sort::Waiting), found: order(Sort::Activity) };
    assert_eq!(error, expected);
    for nonsense in ["", "a", "a1", "x1:id", "a99999999999999999999:id", "é1:id"] {
        assert!(nonsense.parse::<Cursor>().is_err(), "{nonsense}");
    }
}

#[test]
fn q2_a_change_that_moves_nothing_shows_in_every_list() {
    let agent = agent("a1", "Ann");
    let mut listed = listed(vec![Draft { agent, ..message("one", 60, IN) }]);
    // The event is earlier, so the conversation keeps its rank among those of its agent.
    listed.apply(2, &build(message("one", 30, IN)));
    let unread = |query| listed.index.query(&query).unwrap().rows[0].unread;
    assert_eq!((unread(Query::new()), unread(of_agent("a1"))), (2, 2));
    assert_eq!(listed.index.agents()[0].unread, 2);
    expect_alike(&listed.index, &listed.board.index());
}

#[test]
fn q3_agents_and_totals_follow_every_change() {
    let mut listed = busy();
    let loads = listed.index.agents();
    let row = |name: Option<&str>| {
        let of = |load: &&AgentLoad| load.agent.as_ref().and_then(|agent| agent.id.as_deref()) == name;
        loads.iter().find(of).map(|load| (load.open, load.unread, load.waiting, load.oldest_waiting_since))
    };
    assert_eq!(row(Some("a1")), Some((1, 2, 1, at(50).map(Time::ms))));
    assert_eq!(row(Some("a2")), Some((1, 0, 0, None)));
    assert_eq!(loads.len(), 4, "two agents with ids, one by name, and unassigned");

    let totals = listed.index.totals();
    assert_eq!(totals.iter().map(|row| row.conversations).sum::<u64>(), 5);
    assert_eq!(totals.iter().map(|row| row.open).sum::<u64>(), 4);

    listed.apply(8, &build(message("one", 70, OUT)));
    let closing = ["one", "two", "three", "four"];
    for (seq, id) in (9..).zip(closing) {
        listed.apply(seq, &build(Draft { kind: Kind::Close, ..open(id, HOUR) }));
    }
    assert!(listed.index.agents().is_empty());
    assert_eq!(listed.index.open_len(), 0);
    let left: u64 = listed.index.totals().iter().map(|row| row.open + row.unread + row.waiting).sum();
    assert_eq!(left, 0);
}

#[test]
fn q3_agents_of_two_tenants_are_two_agents() {
    let of = |id, ms, tenant| Draft { agent: agent("user:31", "Chris"), ..message(id, ms, IN).tenant(tenant) };
    let by_name = |id, tenant| Draft { agent: agent("", "Chris"), ..open(id, 50).tenant(tenant) };
    let mut listed = listed(vec![
        of("a1", 10, "A"),
        of("b1", 20, "B"),
        of("a2", 30, "A"),
        message("a3", 40, IN).tenant("A"),
        message("b3", 45, IN).tenant("B"),
        by_name("a4", "A"),
        by_name("b4", "B"),
    ]);
    let loads = listed.index.agents();
    let rows: Vec<_> = loads
        .iter()
        .map(|load| {
            let id = load.agent.as_ref().and_then(|agent| agent.id.as_deref());
            (load.tenant.as_deref(), id, load.agent.is_some(), load.open, load.unread)
        })
        .collect();
    let chris = Some("user:31");
    let expected = [
        (Some("A"), chris, true, 2, 2),
        (Some("A"), None, false, 1, 1),
        (Some("B"), None, false, 1, 1),
        (Some("A"), None, true, 1, 0),
        (Some("B"), None, true, 1, 0),
        (Some("B"), chris, true, 1, 1),
    ];
    assert_eq!(rows, expected);

    let index = &listed.index;
    assert_eq!(ids(index, &of_agent("user:31")), ["a2", "b1", "a1"]);
    assert_eq!(ids(index, &of_agent("user:31").tenant("A")), ["a2", "a1"]);
    assert_eq!(ids(index, &of_agent("chris").tenant("B")), ["b4", "b1"]);
    assert_eq!(ids(index, &of_agent("user:31").tenant("C")), [""; 0]);
    assert_eq!(ids(index, &of_agent("user:31").sort(Sort::Started)), ["a1", "b1", "a2"]);
    assert_eq!(ids(index, &Query::new().unassigned(true)), ["b3", "a3"]);
    assert_eq!(ids(index, &Query::new().unassigned(true).tenant("A")), ["a3"]);
    let page = index.query(&of_agent("user:31").limit(2)).unwrap();
    assert_eq!(ids(index, &of_agent("user:31").cursor(page.next)), ["a1"]);

    // The conversation moves to another tenant, and so does its agent.
    listed.apply(8, &build(of("a1", 60, "B")));
    assert_eq!(ids(&listed.index, &of_agent("user:31").tenant("B")), ["a1", "b1"]);
    expect_alike(&listed.index, &listed.board.index());
}

#[test]
fn q2_closed_conversations_that_are_unanswered_after_their_close_are_listed() {
    let close = |id, ms| Draft { kind: Kind::Close, ..open(id, ms) };
    let other = |id, ms| Draft { direction: None, ..message(id, ms, IN) };
    let mut listed = listed(vec![
        message("in", 0, IN).tenant("t").member_number("555"),
        close("in", 10),
        message("in", 20, IN),
        Draft { agent: agent("a1", "Ann"), ..close("unknown", 10) },
        other("unknown", 30),
        close("answered", 10),
        message("answered", 20, IN),
        message("answered", 30, OUT),
        message("before", 0, IN),
        close("before", 10),
        close("again", 10),
        message("again", 20, IN),
        close("again", 30),
        message("open", 40, IN),
    ]);
    let index = &listed.index;
    assert_eq!(ids(index, &after_close()), ["unknown", "in"]);
    assert_eq!(ids(index, &Query::new()), ["open"]);
    assert_eq!(ids(index, &after_close().sort(Sort::Started)), ["in", "unknown"]);
    assert_eq!(ids(index, &after_close().tenant("t")), ["in"]);
    assert_eq!(ids(index, &after_close().number("+555")), ["in"]);
    assert_eq!(ids(index, &after_close().agent("Ann")), ["unknown"]);
    let row = index.query(&after_close().limit(1)).unwrap().rows[0].clone();
    let ms = |offset| at(offset).map(Time::ms);
    assert_eq!((row.closed_at, Some(row.last_active_at), row.waiting_since), (ms(10), ms(30), None));
    let counts = |index: &Index| index.totals().iter().map(|row| row.unanswered_after_close).collect::<Vec<_>>();
    assert_eq!(counts(index), [1, 1]);
    assert!(index.agents().iter().all(|load| load.agent.is_none()), "closed ones are nobody's work");

    // Evicted, they are still listed and counted.
    let slots = 0..listed.board.slot_count();
    let outlines: Vec<_> = slots.map(|slot| listed.board.outline(slot).unwrap()).collect();
    expect_alike(&Board::of_outlines(outlines, StateHash::default()).1.sort(), &listed.index);
    let image = evict(&mut listed.board, 0);
    listed.reload(0, image);
    listed.apply(20, &build(message("in", 50, OUT)));
    listed.apply(21, &build(open("unknown", 60)));
    assert_eq!(ids(&listed.index, &after_close()), [""; 0]);
    assert_eq!(ids(&listed.index, &Query::new()), ["open", "unknown"]);
    assert_eq!(counts(&listed.index), [0, 0]);
    expect_alike(&listed.index, &listed.board.index());
}

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

/// Regression: the totals wrapped while the sum of an agent did not.
#[test]
fn q3_the_sum_of_unread_counts_saturates() {
    let stated = |id| Draft { unread: Some(u64::MAX / 2), ..open(id, 0) };
    let mut listed = listed(vec![stated("one"), stated("two"), stated("three")]);
    assert_eq!((listed.index.totals()[0].unread, listed.index.agents()[0].unread), (u64::MAX, u64::MAX));
    for (seq, id) in (4..).zip(["one", "two", "three"]) {
        listed.apply(seq, &build(Draft { kind: Kind::Close, ..open(id, HOUR) }));
    }
    assert_eq!(listed.index.totals()[0].unread, 0);
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
fn a_board_comes_back_from_its_images() {
    let mut original = busy().board;
    let mut restored = Board::new();
    for slot in 0..original.slot_count() {
        restored.load(slot, original.image(slot).unwrap()).unwrap();
    }
    assert_eq!(restored.state_hash(), original.state_hash());
    expect_alike(&restored.index(), &original.index());
    assert_eq!(restored.history("one"), original.history("one"));
    let image = original.image(0).unwrap();
    assert!(matches!(restored.load(0, image.clone()), Err(ImageError::SlotTaken { slot: 0, .. })));
    assert!(matches!(restored.load(99, image), Err(ImageError::SlotTaken { slot: 99, .. })));
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

#[test]
fn an_image_that_refers_to_nothing_is_refused() {
    let image = busy().board.image(0).unwrap();
    let empty = ConversationImage { facts: crate::Facts::default(), ..image.clone() };
    assert_eq!(Board::new().load(0, empty).unwrap_err(), ImageError::Empty);
    let dangling = ConversationImage { contexts: Vec::new(), ..image };
    assert!(matches!(Board::new().load(0, dangling), Err(ImageError::Dangling { list: "context", .. })));
}

mod eviction;

/// Limits a little above what it takes, so that it does not grow unnoticed.
#[test]
fn a_conversation_in_memory_is_small() {
    let agent = "00000000-0000-0000-0000-000000000000";
    let (text, id) = ("I am running 3 minutes late, will you", "11111111-1111-1111-1111-111111111111_1700000000000");
    let draft = |kind, ms| {
        let draft = Draft::new(AIRSHIP, id, kind, at(ms)).identity(Identity::from_uuid([ms.to_le_bytes()[0]; 16], 0));
        let draft = draft.tenant(agent).app_key("QNOXAh8PA6pekvhz3cwHOf").shortcode("363450");
        draft.member_number("15550000000").member_business_id(agent).text(text)
    };
    let convo = |kind, ms, agent| draft(kind, ms).member_name("Thi Mai Eriksen").agent(agent).started(at(0));
    let message = |ms, direction| draft(Kind::Message, ms).member_channel_id(agent).channel("sms").direction(direction);
    let assigned = AgentMention::agent(agent, "An Agent");
    let events = [
        convo(Kind::Open, 0, AgentMention::Nobody),
        message(1, Direction::In),
        convo(Kind::Open, 2, assigned),
        message(3, Direction::Out),
        message(4, Direction::In),
        convo(Kind::Close, 5, assigned),
    ];
    let mut board = Board::new();
    let mut bytes = Vec::new();
    for (seq, draft) in (1..).zip(events) {
        board.edit().apply(seq, &draft.build().unwrap());
        let _ = board.state_hash();
        bytes.push(board.resident_bytes());
    }
    assert!(bytes[4] <= 2_860 && bytes[5] <= 1_800, "{bytes:?}");
}

/// A conversation is stored alike however its events are grouped, also the contexts that its facts share.
#[test]
fn a_context_that_comes_back_is_stored_alike_with_and_without_its_index() {
    let names: Vec<_> = (0..12).map(|number| format!("Name {number}")).collect();
    let back = names.iter().chain(&names[..2]).chain(&names[..1]);
    let events: Vec<_> = (0..)
        .zip(back)
        .map(|(ms, name)| build(message("c", ms, Direction::In).member_name(Some(name.as_str()))))
        .collect();
    let mut known = HashMap::new();
    let [mut grouped, mut single] = [Board::default(), Board::default()];
    let mut edit = grouped.edit();
    for (seq, event) in (1..).zip(&events) {
        let context = known.entry(event.member_name()).or_default();
        edit.apply_at(&mut None, context, seq, event.into());
        let mut edit = single.edit();
        edit.apply(seq, event);
        drop(edit.finish());
    }
    drop(edit.finish());
    assert_eq!(grouped.image(0), single.image(0));
}
