//! Questions while owners are down. With one owner of each partition the answers are those of one database; without an owner of
//! some partitions they are those of one database without these partitions, which are named.

use std::net::SocketAddr;

use convofold::{Moment, Query, Sort, StatusFilter, Time, When};

use super::ask::{
    BEGIN_MS, PARTITIONS, World, answered, closed_address, expect_pages_without, json, queries, report_queries,
};
use crate::ask::Gather;

/// Asks a world in which the first owner of every other partition is down, the second owner of the others, and both of these.
fn gather(world: &World, lost: &[u32]) -> Gather {
    let closed = closed_address();
    let place = |address: SocketAddr| world.addresses.iter().position(|known| *known == address).unwrap();
    world.gather(|address| match u32::try_from(place(address)).unwrap() {
        partition if lost.contains(&partition) => vec![closed, closed],
        partition if partition % 2 == 0 => vec![closed, address],
        _ => vec![address, closed],
    })
}

/// Every filter and order, forwards and backwards, in pages of different sizes.
fn expect_all_pages(seed: u64, lost: &[u32]) {
    let world = World::without(lost, seed, 400);
    let (gather, latest) = (gather(&world, lost), world.db().at(Moment::LATEST));
    let mut pages = 0;
    for (turn, query) in queries().into_iter().enumerate() {
        for (place, sort) in Sort::ALL.into_iter().enumerate() {
            for reverse in [false, true] {
                let limit = [3, 7, 25, 0][(place + turn + usize::from(reverse)) % 4];
                let query = query.clone().sort(sort).reverse(reverse).limit(limit);
                let page = |query: &Query| world.db().query_with_last_messages(query).unwrap();
                pages += expect_pages_without(lost, &gather.now(), &query, page, &latest);
            }
        }
    }
    assert!(pages > 300, "{pages}");
}

#[test]
fn every_page_is_that_of_one_database_while_one_owner_of_each_partition_is_down() {
    expect_all_pages(80, &[]);
}

#[test]
fn every_page_is_that_of_the_other_partitions_while_both_owners_of_some_are_down() {
    expect_all_pages(81, &[2, 5]);
}

#[test]
fn numbers_are_those_of_the_other_partitions_while_both_owners_of_some_are_down() {
    let all: Vec<u32> = (0..PARTITIONS).collect();
    for (seed, lost) in [(82, &[][..]), (83, &[0]), (84, &[1, 2, 7]), (85, &all[..])] {
        let world = World::without(lost, seed, 300);
        let (gather, db) = (gather(&world, lost), world.db());
        let now = gather.now();
        let mut agents = db.agents();
        agents.sort_by_key(|load| load.agent.is_none());
        assert_eq!(answered(lost, now.agents().unwrap()).0, agents);
        assert_eq!(answered(lost, now.totals().unwrap()).0, db.totals());
        assert_eq!(answered(lost, now.state_hash().unwrap()), db.state_hash());
        assert_eq!(answered(lost, now.find_ids("c-1", 5).unwrap()), db.find_ids("c-1", 5).unwrap());
        for query in report_queries() {
            let expected = db.measures(query.clone()).unwrap();
            assert_eq!(answered(lost, now.measures(&query).unwrap()), expected, "{query:?}");
        }
    }
}

#[test]
fn answers_about_a_moment_are_those_of_the_other_partitions_while_both_owners_of_some_are_down() {
    for (seed, lost) in [(86, &[][..]), (87, &[3, 4])] {
        let world = World::without(lost, seed, 300);
        let gather = gather(&world, lost);
        for minutes in [15, 50, 90] {
            let as_of = Some(When::At(Time::from_ms(BEGIN_MS + minutes * 60_000).unwrap()));
            let view = world.db().at(world.db().moment(as_of, None, Time::now()).unwrap());
            let gathered = gather.at(as_of, None).unwrap();
            assert_eq!(answered(lost, gathered.state_hash().unwrap()), view.state_hash().unwrap());
            assert_eq!(answered(lost, gathered.totals().unwrap()).0, view.totals().unwrap());
            for sort in Sort::ALL {
                let query = Query::new().status(StatusFilter::Any).sort(sort).limit(6);
                let expected = view.query_with_report(&query, |_| true).unwrap().0;
                let found = answered(lost, gathered.query(&query).unwrap());
                assert_eq!(found.rows.len(), expected.rows.len());
                for (found, expected) in found.rows.iter().zip(&expected.rows) {
                    assert_eq!((found.id(), json(found.waiting_since)), (expected.id(), json(expected.waiting_since)));
                }
                assert_eq!(found.next, expected.next);
            }
        }
    }
}
