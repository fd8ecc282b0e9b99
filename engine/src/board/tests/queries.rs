//! Queries of an index (Q2).

use super::*;
use crate::cursor::{Cursor, Order};
use crate::query::{ConversationRow, QueryError, StatusFilter, TimeField};

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
