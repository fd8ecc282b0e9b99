//! Counts of an index: agents and totals (Q3).

use super::*;
use crate::query::AgentLoad;

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
