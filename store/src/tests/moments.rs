//! Answers about a moment equal those of a database that was given only the events within its bounds: in memory, evicted,
//! after a trim, a restart and a restoration.

use std::sync::Arc;

use convofold_engine::ingest::Format;
use convofold_engine::{
    At, Conflict, Draft, Event, Identity, Kind, Moment, Query, Seq, Sort, State, StateHash, StatusFilter, Time, When,
};

use super::{Home, export, message, messages, submit};
use crate::care::backup::{BackupOptions, restore};
use crate::clock::driven::DrivenClock;
use crate::storage::memory::MemoryStorage;
use crate::{Batch, Convofold, MomentError, Options, Scan, View};

const BEGINNING_MS: u64 = 1_800_000_000_000;
/// Of the first message; the others follow at intervals of a second.
const FIRST_MESSAGE_MS: i64 = 1_700_000_000_000;

fn time(ms: i64) -> Time {
    Time::from_ms(ms).unwrap()
}

/// Most conversations are evicted.
fn cramped() -> Options {
    Options::new().memory_bytes(4_000).block_bytes(2_000)
}

/// Messages out of order, closes with and without a usable time, reopened conversations, and conflicts.
fn mixed(chunk: u64) -> Vec<Event> {
    let mut events = messages(chunk * 60, 80);
    for number in (0..37).step_by(3) {
        let id = format!("case-{number}");
        let timed = message(&id, chunk * 60 + 20 + number);
        let untimed = Draft::new("test", &id, Kind::Close, None).started(Time::from_ms(FIRST_MESSAGE_MS));
        let close = if number % 2 == 0 { timed.draft().kind(Kind::Close) } else { untimed };
        events.push(close.build().unwrap());
    }
    let identity = Some(Identity::given("one", 0));
    events.push(message("odd", chunk * 50 + 3).draft().identity(identity).build().unwrap());
    events
}

/// A database whose events arrived in an order other than that of their times, ten seconds of the machine's clock between
/// two commits.
fn lived_in(options: Options) -> (Home, Arc<MemoryStorage>, Convofold) {
    let home = Home::new();
    let storage = Arc::new(MemoryStorage::default());
    let driven = DrivenClock::at(BEGINNING_MS);
    let db = home.open_on(&storage, options.clock(driven.clock()));
    for (number, chunk) in [2, 0, 3, 1].into_iter().enumerate() {
        driven.set(BEGINNING_MS + number as u64 * 10_000);
        submit(&db, Batch::new(mixed(chunk)));
    }
    db.checkpoint().unwrap();
    db.sync().unwrap();
    (home, storage, db)
}

/// Every logged event with its number.
fn log(db: &Convofold) -> Vec<(Seq, Event)> {
    let mut all: Vec<_> = db
        .scan()
        .flat_map(|conversation| conversation.unwrap().history)
        .map(|entry| (entry.seq, entry.event))
        .collect();
    all.sort_by_key(|(seq, _)| *seq);
    all
}

/// A database that was given only the events within the bounds.
fn given(log: &[(Seq, Event)], moment: Moment) -> (Home, Convofold) {
    let known = log.iter().filter(|(seq, _)| moment.known_at.is_none_or(|known_at| *seq <= known_at));
    let known: Vec<_> = known.map(|(_, event)| event.clone()).collect();
    let all = Home::new();
    let all_known = all.open_on(&Arc::default(), Options::new());
    submit(&all_known, Batch::new(known.clone()));
    let when = |event: &Event| match event.at() {
        At::Timed(at) => at,
        // No event of this test has a time with digits below the millisecond.
        At::Untimed { .. } => {
            let history = all_known.history(event.conversation()).unwrap().unwrap();
            time(history.iter().find(|entry| entry.event == *event).unwrap().at)
        }
    };
    let within = known.into_iter().filter(|event| moment.as_of.is_none_or(|as_of| when(event) <= as_of));
    let home = Home::new();
    let db = home.open_on(&Arc::default(), Options::new());
    submit(&db, Batch::new(within.collect()));
    (home, db)
}

fn export_of(view: &View) -> String {
    let mut out = Vec::new();
    let report = view.export(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!((report.conversations, report.bytes), (text.lines().count() as u64, text.len() as u64));
    text
}

/// Both scans return the same conversations; their order is that of arrival, which differs. So do sequence numbers.
#[track_caller]
fn expect_equal_scans(view: &View, expected: &Convofold, moment: Moment) {
    let in_order = |scan: Scan<State>| {
        let mut states: Vec<State> = scan.map(Result::unwrap).collect();
        states.sort_by(|a, b| a.id.cmp(&b.id));
        states
    };
    assert_eq!(in_order(view.scan_states()), in_order(expected.scan_states()), "{moment:?}");
    for found in view.scan().map(Result::unwrap) {
        let id = &found.state.id;
        assert_eq!(view.state(id).unwrap().as_ref(), Some(&found.state), "{id} {moment:?}");
        assert_eq!(view.history(id).unwrap().as_ref(), Some(&found.history), "{id} {moment:?}");
    }
    assert_eq!(view.scan().count(), expected.scan().count(), "{moment:?}");
}

#[track_caller]
fn expect_the_past(db: &Convofold, log: &[(Seq, Event)]) {
    let middle = time(FIRST_MESSAGE_MS + 130_000);
    let moments = [
        Moment::LATEST,
        Moment::as_of(middle),
        Moment::known_at(log.len() as Seq / 2),
        Moment { as_of: Some(middle), known_at: Some(log.len() as Seq / 2) },
        Moment { as_of: Some(time(FIRST_MESSAGE_MS - 1)), known_at: None },
        Moment::known_at(1),
    ];
    for moment in moments {
        let (_home, expected) = given(log, moment);
        let view = db.at(moment);
        assert_eq!(export_of(&view), export(&expected), "{moment:?}");
        assert_eq!(view.state_hash().unwrap(), expected.state_hash(), "{moment:?}");
        assert_eq!(view.agents().unwrap(), expected.agents(), "{moment:?}");
        assert_eq!(view.totals().unwrap(), expected.totals(), "{moment:?}");
        expect_the_events(&view, &expected, moment);
        expect_equal_scans(&view, &expected, moment);
        for status in [StatusFilter::Open, StatusFilter::Closed, StatusFilter::Any] {
            let mut query = Query::new().status(status).sort(Sort::Started).agent("ida").limit(5);
            loop {
                let [found, expected] =
                    [view.query_with_last_messages(&query), expected.query_with_last_messages(&query)];
                let (found, expected) = (found.unwrap(), expected.unwrap());
                assert_eq!((&found.rows, &found.next), (&expected.rows, &expected.next), "{moment:?}");
                let Some(next) = found.next else { break };
                query = query.cursor(next);
            }
        }
        for number in [0, 3, 17, 30, 99] {
            let id = format!("case-{number}");
            assert_eq!(view.state(&id).unwrap(), expected.state(&id).unwrap(), "{id} {moment:?}");
            assert_eq!(view.row(&id).unwrap(), expected.row(&id).unwrap(), "{id} {moment:?}");
            let events = |history: Option<Vec<convofold_engine::HistoryEntry>>| {
                history.map(|entries| entries.into_iter().map(|entry| (entry.at, entry.event)).collect::<Vec<_>>())
            };
            assert_eq!(events(view.history(&id).unwrap()), events(expected.history(&id).unwrap()), "{id} {moment:?}");
        }
    }
}

/// The events of a moment make a database with its states and its conflicts.
#[track_caller]
fn expect_the_events(view: &View, expected: &Convofold, moment: Moment) {
    let mut out = Vec::new();
    let report = view.export_events(&mut out).unwrap();
    let lines = out.split_inclusive(|byte| *byte == b'\n');
    assert_eq!((report.events, report.bytes), (lines.count() as u64, out.len() as u64), "{moment:?}");
    assert!(moment.known_at.is_none_or(|known_at| report.last_seq <= known_at), "{moment:?}");
    let home = Home::new();
    let db = home.open_on(&Arc::default(), Options::new());
    let ingested = db.ingest(&out, Format::Convofold).unwrap();
    assert_eq!((ingested.events, ingested.counts.duplicates, ingested.rejected_total()), (report.events, 0, 0));
    assert_eq!(db.state_hash(), expected.state_hash(), "{moment:?}");
    let conflicts = |all: Vec<Conflict>| {
        let mut found: Vec<_> = all.into_iter().map(|it| (it.conversation, it.identity, it.fields)).collect();
        found.sort_by_key(|(id, identity, fields)| (id.clone(), identity.clone(), format!("{fields:?}")));
        found
    };
    let all: Vec<_> = view.scan_conflicts().flat_map(Result::unwrap).collect();
    let alone: Vec<_> = view.conflicts("odd").unwrap().unwrap_or_default();
    assert_eq!(all, alone, "{moment:?}");
    assert_eq!(conflicts(all), conflicts(expected.scan_conflicts().flat_map(Result::unwrap).collect()), "{moment:?}");
}

#[test]
fn the_past_is_that_of_a_database_with_the_events_within_the_bounds() {
    for (options, is_cramped) in [(Options::new(), false), (cramped(), true)] {
        let (_home, _storage, db) = lived_in(options);
        let stats = db.stats();
        assert_eq!(stats.resident < stats.conversations, is_cramped, "{stats:?}");
        expect_the_past(&db, &log(&db));
    }
}

#[test]
fn the_past_survives_a_trim_a_restart_and_a_restoration() {
    let (home, storage, db) = lived_in(cramped());
    let log = log(&db);
    let file = home.path().with_extension("backup");
    db.backup(&file, &BackupOptions::default(), |_| ()).unwrap();
    db.trim_log(time(FIRST_MESSAGE_MS + 250_000)).unwrap();
    assert!(db.stats().first_seq > 1);
    expect_the_past(&db, &log);
    db.close().unwrap();
    let again = home.open_on(&MemoryStorage::with(storage.contents()), cramped());
    expect_the_past(&again, &log);
    let other = Home::new();
    restore(&[&file], other.path(), &Options::new(), |_| ()).unwrap();
    let restored = other.open_with(cramped());
    expect_the_past(&restored, &log);
    // Times of arrival are kept, too.
    let at = |seconds: u64| Some(When::At(time(i64::try_from(BEGINNING_MS + seconds * 1_000).unwrap())));
    let now = time(i64::try_from(BEGINNING_MS).unwrap() + 60_000);
    for db in [&again, &restored] {
        assert_eq!(db.moment(None, at(15), now).unwrap(), db.moment(None, at(19), now).unwrap());
    }
    assert_eq!(again.moment(None, at(15), now).unwrap(), restored.moment(None, at(15), now).unwrap());
}

#[test]
fn a_question_about_open_conversations_reads_those_that_may_have_been_open() {
    let home = Home::new();
    let db = home.open_on(&Arc::default(), cramped());
    // Each is open for ten seconds, and the next one begins when it closes.
    for number in 0..640 {
        let id = format!("case-{number}");
        let close = message(&id, number * 10 + 10).draft().kind(Kind::Close).build().unwrap();
        submit(&db, Batch::new(vec![message(&id, number * 10), close]));
    }
    db.checkpoint().unwrap();
    db.sync().unwrap();
    let read = || db.counters().pages_read;
    let before = read();
    let during = |seconds: i64| Moment::as_of(time(FIRST_MESSAGE_MS + seconds * 1_000));
    let open = db.at(during(3_205)).query(&Query::new()).unwrap().rows;
    assert_eq!(open.iter().map(|row| row.id()).collect::<Vec<_>>(), ["case-320"]);
    assert_eq!(db.at(during(3_205)).agents().unwrap().iter().map(|load| load.open).sum::<u64>(), 1);
    assert_eq!(read() - before, 2);
    // Of those that closed later, the first ones may be within the same 256 events.
    let known = db.at(Moment::known_at(641)).query(&Query::new()).unwrap().rows;
    assert_eq!(known.iter().map(|row| row.id()).collect::<Vec<_>>(), ["case-320"]);
    assert!(read() - before < 30, "{}", read() - before);
    let before = read();
    assert!(db.at(during(-1)).state_hash().unwrap() == StateHash::default() && read() == before);
}

#[test]
fn a_view_does_not_change_while_events_arrive() {
    let (_home, _storage, db) = lived_in(cramped());
    let moment = Moment::as_of(time(FIRST_MESSAGE_MS + 100_000));
    let view = db.at(moment);
    let before = (export_of(&view), view.state_hash().unwrap());
    submit(&db, Batch::new((0..60).map(|number| message(&format!("late-{number}"), number)).collect()));
    submit(&db, Batch::new((0..37).map(|number| message(&format!("case-{number}"), 1_000)).collect()));
    db.sync().unwrap();
    assert_eq!((export_of(&view), view.state_hash().unwrap()), before);
    assert_ne!(db.at(moment).state_hash().unwrap(), before.1);
}

#[test]
fn a_bound_is_resolved_or_refused() {
    let (_home, _storage, db) = lived_in(Options::new());
    let beginning = i64::try_from(BEGINNING_MS).unwrap();
    let (now, last) = (time(beginning + 60_000), db.stats().last_seq);
    let known_at = |when| db.moment(None, Some(when), now).map(|moment| moment.known_at.unwrap());
    let as_of = |when| db.moment(Some(when), None, now).map(|moment| moment.as_of.unwrap());
    assert_eq!(db.moment(None, None, now).unwrap(), Moment::LATEST);
    assert_eq!(known_at(When::Latest).unwrap(), last);
    assert_eq!(known_at(When::Seq(7)).unwrap(), 7);
    assert_eq!(known_at(When::At(time(beginning + 30_000))).unwrap(), last);
    assert_eq!(known_at(When::Ago { ms: 30_000 }).unwrap(), last);
    assert!(known_at(When::Ago { ms: 30_001 }).unwrap() < last);
    assert_eq!(as_of(When::At(now)).unwrap(), now);
    assert_eq!(as_of(When::Ago { ms: 1_500 }).unwrap(), time(beginning + 58_500));
    assert_eq!(as_of(When::Latest).unwrap().ms(), db.latest_at().unwrap().unwrap());
    assert_eq!(db.at(Moment::as_of(as_of(When::Latest).unwrap())).state_hash().unwrap(), db.state_hash());

    let future = When::At(time(beginning + 60_001));
    assert!(matches!(as_of(future), Err(MomentError::Future { bound: "as_of", .. })));
    assert!(matches!(known_at(future), Err(MomentError::Future { bound: "known_at", .. })));
    assert!(matches!(as_of(When::Seq(7)), Err(MomentError::SeqAsOf { seq: 7 })));
    for seq in [0, last + 1] {
        assert!(matches!(known_at(When::Seq(seq)), Err(MomentError::NoSuchSeq { last: found, .. }) if found == last));
    }
    let early = known_at(When::At(time(beginning - 1))).unwrap_err();
    assert!(matches!(early, MomentError::BeforeFirst { .. }) && early.to_string().contains("seq:1"), "{early}");
    let empty = Home::new().open_on(&Arc::default(), Options::new());
    for (as_of, known_at) in [
        (Some(When::Latest), None),
        (Some(When::At(now)), None),
        (None, Some(When::Latest)),
        (None, Some(When::Seq(1))),
    ] {
        assert!(matches!(empty.moment(as_of, known_at, now), Err(MomentError::Empty)));
    }
}

#[test]
fn a_time_before_the_first_event_is_refused_with_the_time_of_the_first() {
    for options in [Options::new(), cramped()] {
        let (_home, _storage, db) = lived_in(options);
        let log = log(&db);
        let now = time(i64::try_from(BEGINNING_MS).unwrap() + 60_000);
        let first = log.iter().map(|(_, event)| event.at().alone()).min().unwrap();
        let before = Time::from_ms_and_ns(first.ms() - 1, 999_999).unwrap();
        let at = |as_of: Time, known_at| db.moment(Some(When::At(as_of)), known_at, now);
        assert_eq!(at(first, None).unwrap(), Moment::as_of(first));
        let error = at(before, None).unwrap_err();
        let is_right =
            matches!(error, MomentError::BeforeFirstEvent { at, first: found } if (at, found) == (before, first));
        assert!(is_right && error.to_string().contains(&first.to_string()), "{error}");
        // Of those that were known then.
        let known_first = log.iter().take(10).map(|(_, event)| event.at().alone()).min().unwrap();
        assert!(known_first > first);
        let known = at(first, Some(When::Seq(10))).unwrap_err();
        assert!(matches!(known, MomentError::BeforeFirstEvent { first, .. } if first == known_first), "{known}");
        assert!(at(known_first, Some(When::Seq(10))).is_ok());
    }
}

/// Conversations that are evicted, each a second after the one before, with two events at the same time that contradict each
/// other.
fn evicted(count: u64) -> (Home, Convofold) {
    let home = Home::new();
    let db = home.open_on(&Arc::default(), cramped());
    for number in 0..count {
        let version = |text: &str| {
            let draft = message(&format!("case-{number}"), number);
            draft.draft().identity(Some(Identity::given("x", 0))).text(text).build().unwrap()
        };
        submit(&db, Batch::new(vec![version("one"), version("two")]));
    }
    db.checkpoint().unwrap();
    db.sync().unwrap();
    assert!(db.stats().resident < 32, "{:?}", db.stats());
    (home, db)
}

#[test]
fn to_name_the_first_event_only_conversations_that_began_in_its_second_are_read() {
    let (_home, db) = evicted(640);
    // The first event of the latest conversation comes last, and is the first of all.
    let early = Draft::new("helpdesk", "case-639", Kind::Message, Time::from_ms(FIRST_MESSAGE_MS - 5_000));
    submit(&db, Batch::new(vec![early.build().unwrap()]));
    db.checkpoint().unwrap();
    db.sync().unwrap();
    let pages_read = |known_at, expected_ms: i64| {
        let before = db.counters().pages_read;
        let as_of = Some(When::At(time(FIRST_MESSAGE_MS - 10_000)));
        let error = db.moment(as_of, known_at, time(FIRST_MESSAGE_MS)).unwrap_err();
        let is_first = matches!(error, MomentError::BeforeFirstEvent { first, .. } if first == time(expected_ms));
        assert!(is_first, "{error} {expected_ms}");
        db.counters().pages_read - before
    };
    assert!(pages_read(None, FIRST_MESSAGE_MS - 5_000) <= 1);
    // That event was not known: its conversation is read, then the one that began first.
    assert!(pages_read(Some(When::Seq(1_280)), FIRST_MESSAGE_MS) <= 2);
}

#[test]
fn conflicts_of_a_moment_are_read_as_they_are_taken() {
    let (_home, db) = evicted(160);
    let view = db.at(Moment::known_at(310));
    let before = db.counters().pages_read;
    let mut conflicts = view.scan_conflicts();
    assert_eq!(conflicts.next().unwrap().unwrap().len(), 1);
    assert!(db.counters().pages_read - before <= 1);
    assert_eq!(conflicts.map(Result::unwrap).map(|found| found.len()).sum::<usize>(), 154);
    // Conversations that came later are not read.
    let before = db.counters().pages_read;
    assert_eq!(db.at(Moment::known_at(30)).scan_conflicts().count(), 15);
    assert!(db.counters().pages_read - before <= 1);
}

/// A conversation that another tenant had then or has now is in no answer.
#[test]
fn a_view_of_tenants_has_what_they_had_then_and_have_now() {
    for options in [Options::new(), cramped()] {
        let home = Home::new();
        let db = home.open_on(&Arc::default(), options);
        let said = |id: &str, second, tenant: &str| message(id, second).draft().tenant(tenant).build().unwrap();
        let courses = [("stays", "n", "n"), ("left", "n", "s"), ("came", "s", "n"), ("other", "s", "s")];
        submit(&db, Batch::new(courses.iter().map(|(id, before, _)| said(id, 1, before)).collect()));
        submit(&db, Batch::new(courses.iter().map(|(id, _, now)| said(id, 9, now)).collect()));
        submit(&db, Batch::new((0..99).map(|number| message(&format!("none-{number}"), 2)).collect()));
        db.checkpoint().unwrap();
        db.sync().unwrap();
        let at = |second: i64| Moment::as_of(time(FIRST_MESSAGE_MS + second * 1_000));
        for (moment, seen) in [
            (at(5), &["stays"][..]),
            (at(9), &["came", "stays"]),
            (Moment::known_at(4), &["stays"]),
            (Moment::known_at(8), &["came", "stays"]),
            (Moment::LATEST, &["came", "stays"]),
        ] {
            let view = db.at(moment).of_tenants(["n".to_owned()]);
            let mut listed: Vec<_> =
                view.query(&Query::new()).unwrap().rows.iter().map(|row| row.id().to_owned()).collect();
            listed.sort();
            assert_eq!(listed, seen, "{moment:?}");
            assert_eq!(export_of(&view).lines().count(), seen.len());
            assert_eq!(view.scan_states().count(), seen.len());
            assert_eq!(view.agents().unwrap().iter().map(|load| load.open).sum::<u64>(), seen.len() as u64);
            assert_eq!(view.totals().unwrap().iter().map(|row| row.conversations).sum::<u64>(), seen.len() as u64);
            for (id, ..) in courses {
                let is_seen = seen.contains(&id);
                assert_eq!(view.state(id).unwrap().is_some(), is_seen, "{id} {moment:?}");
                assert_eq!(view.history(id).unwrap().is_some(), is_seen);
                assert_eq!(view.conflicts(id).unwrap().is_some(), is_seen);
                assert_eq!(view.explain(id, None, 1).unwrap().is_some(), is_seen);
            }
        }
        let late =
            |tenant: &str, id| db.at(Moment::known_at(4)).of_tenants([tenant.to_owned()]).late_events(id).unwrap();
        assert_eq!([late("n", "stays"), late("n", "left"), late("s", "left")], [Some(1), Some(0), Some(0)]);
    }
}

#[test]
fn an_answer_says_that_history_was_replayed() {
    let home = Home::new();
    let driven = DrivenClock::at(FIRST_MESSAGE_MS.unsigned_abs());
    let db = home.open_on(&Arc::default(), Options::new().clock(driven.clock()));
    let commit_at = |seconds: u64, events: &[u64]| {
        driven.set(FIRST_MESSAGE_MS.unsigned_abs() + seconds * 1_000);
        submit(&db, Batch::new(events.iter().map(|second| message("case-1", *second)).collect()));
    };
    // Live, with an event that came late; then the history of two hours.
    commit_at(7_201, &[3, 7_200]);
    commit_at(14_401, &[10, 5_000]);
    let report = |moment| db.at(moment).report(None).unwrap();
    let replayed = [1, 2, 3, 4].map(|seq| report(Moment::known_at(seq)).replayed);
    assert_eq!(replayed, [Some(false), Some(false), Some(true), Some(true)]);
    assert_eq!(report(Moment::as_of(time(FIRST_MESSAGE_MS))).replayed, None);
    let words = report(Moment::known_at(3)).to_string();
    assert!(words.contains("after event 3") && words.contains("the time of the replay"), "{words}");
    assert!(!report(Moment::known_at(1)).to_string().contains("replay"));
}

#[test]
fn late_events_are_those_that_had_happened_and_were_learned_later() {
    let home = Home::new();
    let driven = DrivenClock::at(FIRST_MESSAGE_MS.unsigned_abs());
    let db = home.open_on(&Arc::default(), Options::new().clock(driven.clock()));
    let after = |seconds: u64| FIRST_MESSAGE_MS.unsigned_abs() + seconds * 1_000;
    // (learned at, happened at), in seconds.
    for (learned, happened) in [(1, 0), (11, 10), (31, 20), (41, 40), (51, 5)] {
        driven.set(after(learned));
        submit(&db, Batch::new(vec![message("case-1", happened)]));
    }
    let late = |moment| db.at(moment).late_events("case-1").unwrap();
    let as_of = |seconds: i64| Moment::as_of(time(FIRST_MESSAGE_MS + seconds * 1_000));
    assert_eq!([1, 5, 15, 25, 35, 60].map(|seconds| late(as_of(seconds))), [0, 1, 1, 2, 1, 0].map(Some));
    // The same by arrival: what was missing then.
    assert_eq!([1, 2, 3, 4, 5].map(|seq| late(Moment::known_at(seq))), [0, 1, 1, 1, 0].map(Some));
    // What was known then is not recorded.
    assert_eq!(late(Moment::as_of(time(FIRST_MESSAGE_MS))), None);
    let of_agents = |moment| db.at(moment).agents_with_report().unwrap().1.late_events;
    assert_eq!([1, 15, 25, 60].map(|seconds| of_agents(as_of(seconds))), [0, 1, 2, 0].map(Some));
    assert_eq!(of_agents(Moment::as_of(time(FIRST_MESSAGE_MS))), None);
    assert_eq!(late(Moment::LATEST), None);
    assert_eq!(db.at(Moment::known_at(2)).time(), Time::from_ms(FIRST_MESSAGE_MS + 11_000));
}

#[test]
fn late_events_of_a_list_or_number_are_those_of_the_conversations_that_it_is_about() {
    let all = |_: &convofold_engine::ConversationRow| true;
    for options in [Options::new(), cramped()] {
        let (_home, _storage, db) = lived_in(options);
        let (middle, mut has_closed) = (time(FIRST_MESSAGE_MS + 130_000), false);
        for moment in [Moment::known_at(40), Moment::known_at(200), Moment { as_of: Some(middle), known_at: Some(100) }]
        {
            let view = db.at(moment);
            let sum = |ids: &mut dyn Iterator<Item = String>| {
                Some(ids.map(|id| view.late_events(&id).unwrap().unwrap()).sum::<u64>())
            };
            let mut query = Query::new().status(StatusFilter::Any).limit(5);
            loop {
                let (page, report) = view.query_with_report(&query, all).unwrap();
                assert_eq!(report.late_events, sum(&mut page.rows.iter().map(|row| row.id().to_owned())), "{moment:?}");
                let Some(next) = page.next else { break };
                query = query.cursor(next);
            }
            let open = view.query(&Query::new()).unwrap().rows;
            let of_open = sum(&mut open.iter().map(|row| row.id().to_owned()));
            let (agents, report) = view.agents_with_report().unwrap();
            assert_eq!((agents, report.late_events), (view.agents().unwrap(), of_open), "{moment:?}");
            let of_all = sum(&mut view.scan_states().map(|state| state.unwrap().id.to_string()));
            let (totals, report) = view.totals_with_report().unwrap();
            assert_eq!((totals, report.late_events), (view.totals().unwrap(), of_all), "{moment:?}");
            assert!(of_open > Some(0) && of_all >= of_open, "{moment:?} {of_open:?} {of_all:?}");
            has_closed |= of_all > of_open;
        }
        assert!(has_closed);
        assert_eq!(db.at(Moment::as_of(middle)).totals_with_report().unwrap().1.late_events, None);
    }
}
