//! Reports: from conversations in memory and evicted, at a moment, and without those that cannot count.

use std::sync::Arc;

use convofold_engine::{
    Direction, Draft, Event, Every, GroupBy, Kind, Measure, MeasureValue, Moment, Report, ReportQuery, Time,
};

use super::{Home, submit};
use crate::{Batch, Convofold, Options, ReportError};

const BEGINNING_MS: i64 = 1_700_000_000_000;
const MINUTE_MS: i64 = 60_000;

fn event(number: i64, kind: Kind, minute: i64, direction: Option<Direction>) -> Event {
    let at = Time::from_ms(BEGINNING_MS + minute * MINUTE_MS);
    let id = format!("case-{number}");
    let tenant = ["north", "south"][usize::from(number % 3 == 0)];
    Draft::new("desk", &id, kind, at).direction(direction).tenant(tenant).build().unwrap()
}

/// A conversation begins every ten minutes. Each is answered after five; every second one is closed after 30.
fn events() -> Vec<Event> {
    let of_one = |number: i64| {
        let begins = number * 10;
        let asked = event(number, Kind::Message, begins, Some(Direction::In));
        let answered = event(number, Kind::Message, begins + 5, Some(Direction::Out));
        let closed = (number % 2 == 0).then(|| event(number, Kind::Close, begins + 30, None));
        [Some(asked), Some(answered), closed].into_iter().flatten()
    };
    (0..60).flat_map(of_one).collect()
}

fn query(from_minute: i64, to_minute: i64) -> ReportQuery {
    ReportQuery::new(BEGINNING_MS + from_minute * MINUTE_MS, BEGINNING_MS + to_minute * MINUTE_MS)
}

fn counts(report: &Report, measure: Measure) -> u64 {
    let values = report.rows.iter().flat_map(|row| &row.values).filter(|(of, _)| *of == measure);
    let count = |(_, value): &(Measure, MeasureValue)| match value {
        MeasureValue::Count(count) => *count,
        MeasureValue::Level(level) => level.end,
        MeasureValue::Distribution(of) => of.n,
        other => panic!("{other:?}"),
    };
    values.map(count).sum()
}

fn database(home: &Home, options: Options) -> Convofold {
    let db = home.open_on(&Arc::default(), options);
    submit(&db, Batch::new(events()));
    db.checkpoint().unwrap();
    db
}

#[test]
fn a_report_is_the_same_from_memory_and_from_pages() {
    let homes = [Home::new(), Home::new()];
    let [here, evicted] = [Options::new(), Options::new().memory_bytes(4_000)];
    let dbs = [database(&homes[0], here), database(&homes[1], evicted)];
    for query in [query(0, 1_000), query(95, 211).every(Every::Hours(1)), query(0, 1_000).by([GroupBy::Tenant])] {
        let [report, of_pages] = [&dbs[0], &dbs[1]].map(|db| db.measures(query.clone()).unwrap());
        assert_eq!(report, of_pages);
        let behind = dbs.each_ref().map(|db| db.behind(query.clone(), Measure::Response).unwrap());
        assert_eq!(behind[0], behind[1]);
        let ended = behind[0].rows.iter().filter(|row| row.outcome.is_none()).count();
        assert_eq!(ended as u64, counts(&report, Measure::Response));
    }
    let report = dbs[1].measures(query(100, 200)).unwrap();
    let count = |measure| counts(&report, measure);
    // The conversations 10 to 19 begin, 8 to 16 with even numbers are closed; 1 to 19 without an even number stay open.
    assert_eq!((count(Measure::Started), count(Measure::Closings), count(Measure::Response)), (10, 5, 10));
    assert_eq!(count(Measure::Open), 10 + 1);
}

#[test]
fn a_report_of_the_past_does_not_know_what_arrived_later() {
    let home = Home::new();
    let db = database(&home, Options::new().memory_bytes(4_000));
    let (before, seq) = (db.measures(query(0, 700)).unwrap(), db.stats().last_seq);
    // The first conversation was closed; now a close and a message of the time before arrive.
    let late = vec![event(1, Kind::Close, 20, None), event(0, Kind::Message, 1, Some(Direction::In))];
    submit(&db, Batch::new(late));
    let after = db.measures(query(0, 700)).unwrap();
    assert_eq!((counts(&before, Measure::Closings), counts(&after, Measure::Closings)), (30, 31));
    assert_eq!((counts(&before, Measure::Open), counts(&after, Measure::Open)), (30, 29));
    assert_eq!(db.at(Moment::known_at(seq)).measures(query(0, 700)).unwrap(), before);
    // At its end it was not known that the conversation had been closed long before the report begins.
    let then = db.at(Moment::known_at(seq)).measures(query(300, 700)).unwrap();
    assert_eq!(counts(&then, Measure::Open), 30);
    assert_eq!(counts(&db.measures(query(300, 700)).unwrap(), Measure::Open), 29);
}

#[test]
fn a_report_that_cannot_be_is_refused() {
    let home = Home::new();
    let db = home.open_on(&Arc::default(), Options::new());
    assert!(matches!(db.measures(query(1, 1)), Err(ReportError::Query(_))));
    assert!(
        db.measures(query(0, 1)).unwrap().rows.iter().all(|row| row.values.iter().all(|(_, value)| value.is_empty()))
    );
}
