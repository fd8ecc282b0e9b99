//! Reports: from conversations in memory and evicted, at a moment, and without those that cannot count.

use std::sync::Arc;

use convofold_engine::{
    AgentMention, Direction, Draft, Event, Every, GroupBy, Kind, Measure, MeasureValue, Moment, Report, ReportQuery,
    Time,
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

/// A report of a view of some tenants: of the conversations that one of them had at its moment and has now, what they did while
/// one of them had them.
#[test]
fn a_report_of_some_tenants_has_nothing_of_others() {
    for options in [Options::new(), Options::new().memory_bytes(4_000)] {
        let home = Home::new();
        let db = home.open_on(&Arc::default(), options);
        let said = |id: &str, minute, tenant: &str, agent: &str| {
            let at = Time::from_ms(BEGINNING_MS + minute * MINUTE_MS);
            let draft = Draft::new("desk", id, Kind::Message, at).direction(Some(Direction::In)).tenant(tenant);
            let name = format!("{agent} of {tenant}");
            draft.agent(AgentMention::agent(agent, name.as_str())).build().unwrap()
        };
        let courses = [("stays", "n", "n"), ("left", "n", "s"), ("came", "s", "n"), ("other", "s", "s")];
        let of_time = |minute, tenant: fn(&(&'static str, &'static str, &'static str)) -> &'static str| {
            courses.iter().map(|course| said(course.0, minute, tenant(course), tenant(course))).collect::<Vec<_>>()
        };
        submit(&db, Batch::new(of_time(1, |(_, before, _)| before)));
        submit(&db, Batch::new(of_time(70, |(.., now)| now)));
        db.checkpoint().unwrap();
        let asked = || query(0, 120).by([GroupBy::Agent, GroupBy::Tenant]);
        let at = |moment| db.at(moment).of_tenants(["n".to_owned()]);
        let view = at(Moment::LATEST);
        let report = view.measures(asked()).unwrap();
        let text = serde_json::to_string(&report).unwrap();
        assert!(text.contains("n of n") && !text.contains("\"s\"") && !text.contains("s of s"), "{text}");
        // `came` was not theirs at first, and `left` is not theirs now.
        assert_eq!(counts(&report, Measure::MessagesIn), 3);
        assert_eq!((counts(&report, Measure::Started), counts(&report, Measure::Open)), (1, 2));
        let behind = view.behind(asked(), Measure::MessagesIn).unwrap();
        let ids: Vec<_> = behind.rows.iter().map(|row| &*row.conversation).collect();
        assert_eq!(ids, ["stays", "came", "stays"]);
        // Then nobody knew of the second message.
        assert_eq!(counts(&at(Moment::known_at(4)).measures(asked()).unwrap(), Measure::MessagesIn), 1);
        let none = db.at(Moment::LATEST).of_tenants([]).measures(asked()).unwrap();
        assert!(none.rows.is_empty());
        // The query cannot widen what is seen.
        let of = |tenants: &[&str]| {
            let tenants = tenants.iter().map(|tenant| (*tenant).to_owned()).collect::<Vec<_>>();
            counts(&view.measures(asked().tenants(tenants)).unwrap(), Measure::MessagesIn)
        };
        assert_eq!([of(&["s"]), of(&["n", "s"]), of(&["n"])], [0, 3, 3]);
    }
}

/// A random event of the first hours, some with a message whose own time is far from that of the event.
fn random(next: &mut impl FnMut(i64) -> i64) -> Event {
    let (number, minute) = (next(40), next(600));
    let at = |minute: i64| Time::from_ms(BEGINNING_MS + minute * MINUTE_MS);
    let id = format!("case-{number}");
    let draft = match next(6) {
        0 => Draft::new("desk", &id, Kind::Open, at(minute)),
        1 => Draft::new("desk", &id, Kind::Close, at(minute)),
        kind => {
            let sent = [minute, minute, minute - 200, minute + 200][usize::try_from(next(4)).unwrap()];
            let direction = if kind % 2 == 0 { Direction::In } else { Direction::Out };
            Draft::new("desk", &id, Kind::Message, at(minute)).direction(Some(direction)).sent(at(sent).unwrap())
        }
    };
    let agent = ["Ann", "Bo"][usize::try_from(next(2)).unwrap()];
    let draft = if next(3) == 0 { draft.agent(AgentMention::agent(agent, agent)) } else { draft };
    draft.tenant("north").build().unwrap()
}

#[test]
fn a_report_that_takes_over_rows_agrees_with_one_of_the_moment() {
    for seed in 0..6 {
        let home = Home::new();
        let db =
            home.open_on(&Arc::default(), Options::new().memory_bytes(if seed % 2 == 0 { 4_000 } else { 1 << 30 }));
        let mut state: u64 = seed;
        let mut next = |below: i64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i64::try_from(state >> 33).unwrap() % below
        };
        submit(&db, Batch::new((0..300).map(|_| random(&mut next)).collect::<Vec<_>>()));
        for _ in 0..8 {
            submit(&db, Batch::new((0..next(4)).map(|_| random(&mut next)).collect::<Vec<_>>()));
            if next(3) == 0 {
                db.checkpoint().unwrap();
            }
            let from = next(10) * 60;
            let query = query(from, from + 60 + next(400)).every(Every::Hours(1)).by([GroupBy::Agent]);
            let fresh = db.at(Moment::known_at(db.stats().last_seq)).measures(query.clone()).unwrap();
            assert_eq!(db.measures(query).unwrap(), fresh, "{seed}");
        }
    }
}

#[test]
fn a_message_counts_at_its_own_time_outside_the_times_of_the_events() {
    let home = Home::new();
    let db = home.open_on(&Arc::default(), Options::new().memory_bytes(4_000));
    let sent = |minute: i64| Time::from_ms(BEGINNING_MS + minute * MINUTE_MS).unwrap();
    let message = |minute: i64, own: i64| {
        let at = Time::from_ms(BEGINNING_MS + minute * MINUTE_MS);
        let draft = Draft::new("desk", "case-1", Kind::Message, at).direction(Some(Direction::In)).sent(sent(own));
        draft.build().unwrap()
    };
    let closed = event(1, Kind::Close, 32, None);
    submit(&db, Batch::new(vec![message(30, 10), message(31, 50), closed]));
    db.checkpoint().unwrap();
    for (from, to) in [(5, 15), (45, 55)] {
        assert_eq!(counts(&db.measures(query(from, to)).unwrap(), Measure::MessagesIn), 1, "{from}");
    }
}
