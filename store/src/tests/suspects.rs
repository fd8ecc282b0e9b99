//! The report of suspects: from the indexes, at a moment, and while most conversations are evicted.

use std::sync::Arc;

use convofold_engine::{
    Direction, Draft, Event, Kind, Moment, Past, SuspectEvent, SuspectKind, Suspects, SuspectsBuilder, SuspectsQuery,
    Time,
};

use super::{Home, submit};
use crate::{Batch, Convofold, Options};

const BEGINNING_MS: i64 = 1_700_000_000_000;

fn draft(conversation: u64, kind: Kind, second: i64) -> (String, Kind, Option<Time>) {
    (format!("case-{conversation}"), kind, Time::from_ms(BEGINNING_MS + second * 1_000))
}

/// A message of each conversation, a count that is too high in every third one, and a close of every second one.
fn events() -> Vec<Event> {
    let mut events = Vec::new();
    for number in 0..60 {
        let tenant = ["north", "south"][usize::from(number % 4 == 0)];
        let mut push = |kind, second, change: &dyn Fn(Draft<'_>) -> Event| {
            let (id, kind, at) = draft(number, kind, second);
            events.push(change(Draft::new("desk", &id, kind, at).tenant(tenant)));
        };
        let second = i64::try_from(number).unwrap() * 100;
        push(Kind::Message, second, &|draft| draft.direction(Direction::In).build().unwrap());
        let unread = if number % 3 == 0 { 3 } else { 1 };
        let counted_at = Time::from_ms(BEGINNING_MS + (second + 10) * 1_000);
        push(Kind::Update, second + 10, &|draft| draft.unread(unread).active(counted_at).build().unwrap());
        if number % 2 == 0 {
            push(Kind::Close, second + 20, &|draft| draft.build().unwrap());
        }
    }
    events
}

fn found_in(past: &Past<'_>) -> Vec<SuspectEvent> {
    past.suspect_events()
}

/// The report that follows from the states of all conversations, one by one.
fn expected(db: &Convofold, query: &SuspectsQuery) -> Suspects {
    let mut builder = SuspectsBuilder::new(query.clone());
    for state in db.scan_states() {
        let state = state.unwrap();
        let found = db.at(Moment::LATEST).about(&state.id, found_in).unwrap().unwrap();
        assert_eq!(found.len(), state.suspect.len());
        if query.wants(&state.source, state.tenant.as_deref()) {
            builder.add(&state.source, &found);
        }
    }
    builder.finish()
}

#[test]
fn the_report_finds_open_and_closed_conversations_in_memory_and_evicted() {
    for options in [Options::new(), Options::new().memory_bytes(4_000)] {
        let home = Home::new();
        let db = home.open_on(&Arc::default(), options);
        submit(&db, Batch::new(events()));
        db.checkpoint().unwrap();
        let report = db.suspects(&SuspectsQuery::new()).unwrap();
        assert_eq!((report.conversations, report.events), (20, 20));
        assert_eq!((report.kinds[0].kind, report.kinds[0].missing), (SuspectKind::Unread, 40));
        // No two gaps have a time in common.
        assert_eq!(report.losses.len(), 20);
        let queries = [
            SuspectsQuery::new(),
            SuspectsQuery::new().tenants(vec!["south".to_owned()]),
            SuspectsQuery::new().tenants(vec!["south".to_owned(), "north".to_owned()]),
            SuspectsQuery::new().tenants(vec![]),
            SuspectsQuery::new().source("other".to_owned()),
            SuspectsQuery::new().since_ms(BEGINNING_MS + 1_000_000).until_ms(BEGINNING_MS + 2_000_000),
            SuspectsQuery::new().zone("Asia/Tokyo".parse().unwrap()),
        ];
        for query in queries {
            let report = db.suspects(&query).unwrap();
            assert_eq!(report, expected(&db, &query), "{query:?}");
            assert_eq!(db.at(Moment::LATEST).suspects(&query).unwrap(), report, "{query:?}");
        }
    }
}

#[test]
fn the_report_of_the_past_does_not_know_what_arrived_later() {
    let home = Home::new();
    let db = home.open_on(&Arc::default(), Options::new());
    submit(&db, Batch::new(events()));
    let before = db.suspects(&SuspectsQuery::new()).unwrap();
    let seq = db.stats().last_seq;
    // The missing messages of the first conversation arrive.
    let late = [3, 5].map(|second| {
        let (id, kind, at) = draft(0, Kind::Message, second);
        Draft::new("desk", &id, kind, at).direction(Direction::In).build().unwrap()
    });
    submit(&db, Batch::new(late.into()));
    let after = db.suspects(&SuspectsQuery::new()).unwrap();
    assert_eq!((before.conversations, after.conversations), (20, 19));
    let at = |moment| db.at(moment).suspects(&SuspectsQuery::new()).unwrap();
    assert_eq!(at(Moment::known_at(seq)), before);
    assert_eq!(at(Moment::LATEST), after);
    assert_eq!(at(Moment::as_of(Time::from_ms(BEGINNING_MS + 9_999).unwrap())).events, 0);
}
