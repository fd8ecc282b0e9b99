//! Retention: what goes, what stays, what does not come back, and what a kill or a failure leaves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use convofold_engine::{
    AgentMention, Direction, Draft, Event, Every, GroupBy, Identity, Kind, Moment, Query, ReportQuery, StatusFilter,
    Subject, Time,
};

use super::erase::{contains, is_clean};
use super::{Home, message_with, messages, submit};
use crate::backup::{BackupError, BackupOptions, restore};
use crate::care::retention::{NeedsLog, RetainError, Retained, Retention, Rule};
use crate::diff::DryRun;
use crate::erase::Erase;
use crate::repair::Repair;
use crate::replay::Target;
use crate::storage::end_mark::storage_folder;
use crate::storage::memory::{Fault, MemoryStorage};
use crate::{Batch, Convofold, Options, PageError, ReportError, StorageError};

const BEGINNING_MS: i64 = 1_700_000_000_000;
const MINUTE: Duration = Duration::from_secs(60);
/// The number of events of a conversation; the last one closes it, except in every fifth conversation.
const EVENTS: u64 = 8;

/// Minutes after the beginning.
fn at(minute: u64) -> Time {
    Time::from_ms(BEGINNING_MS + i64::try_from(minute * 60_000).unwrap()).unwrap()
}

fn tenant_of(number: u64) -> &'static str {
    ["acme", "bolt"][usize::from(number % 3 == 2)]
}

/// The `place`th event of a conversation, which begins `number` minutes after the beginning.
fn event(number: u64, place: u64) -> Event {
    let (id, text) = (format!("case-{number:04}"), format!("the text {place} of case {number:04}"));
    let is_close = place + 1 == EVENTS && number % 5 != 4;
    let (kind, name) = (if is_close { Kind::Close } else { Kind::Message }, format!("event-{number}-{place}"));
    let direction = [Direction::In, Direction::Out][usize::from(place % 3 == 2)];
    let draft = Draft::new("desk", &id, kind, at(number + place)).agent(AgentMention::agent("7", "Ida"));
    let draft = draft.tenant(tenant_of(number)).member_business_id("m-7");
    let draft = if is_close { draft } else { draft.direction(direction).channel("sms").text(text.as_str()) };
    draft.identity(place.is_multiple_of(2).then(|| Identity::given(&name, 0))).build().unwrap()
}

/// All events of these conversations, in the order of their times.
fn events(numbers: std::ops::Range<u64>) -> Vec<Event> {
    let mut events: Vec<_> = numbers.flat_map(|number| (0..EVENTS).map(move |place| event(number, place))).collect();
    events.sort_by_key(|event| event.at().alone());
    events
}

/// Commits in portions, with checkpoints.
fn fill(db: &Convofold, events: &[Event]) {
    for (number, some) in events.chunks(events.len() / 9 + 1).enumerate() {
        for few in some.chunks(7) {
            submit(db, Batch::new(few.to_vec()).bookmark("upstream", number.to_string()));
        }
        db.checkpoint().unwrap();
    }
}

/// The export without texts, in any order.
fn impersonal(db: &Convofold, is_wanted: impl Fn(u64) -> bool) -> Vec<String> {
    let mut bytes = Vec::new();
    db.export(&mut bytes).unwrap();
    let line = |line: &str| {
        let mut state: serde_json::Value = serde_json::from_str(line).unwrap();
        let number = state["id"].as_str().unwrap().strip_prefix("case-").unwrap().parse().unwrap();
        state.as_object_mut().unwrap().remove("last_message");
        is_wanted(number).then(|| state.to_string())
    };
    let mut lines: Vec<_> = String::from_utf8(bytes).unwrap().lines().filter_map(line).collect();
    lines.sort();
    lines
}

fn report(db: &Convofold, from: u64) -> Result<String, ReportError> {
    let query = ReportQuery::new(at(from).ms(), at(from + 86_400).ms()).every(Every::Hours(1)).by([GroupBy::Agent]);
    Ok(format!("{:?}", db.measures(query)?.rows))
}

fn texts(minutes: u32) -> Retention {
    Retention::new().texts_older_than(minutes * MINUTE)
}

fn closed(minutes: u32) -> Retention {
    Retention::new().log_older_than(minutes * MINUTE).closed_older_than(minutes * MINUTE)
}

fn counts(retained: &Retained) -> (u64, u64, u64) {
    let horizons = &retained.run.horizons;
    let sum = |of: fn(&crate::care::retention::RetentionHorizon) -> u64| horizons.iter().map(of).sum::<u64>();
    (sum(|one| one.texts), sum(|one| one.conversations), sum(|one| one.events))
}

#[test]
fn r1_old_texts_are_gone_and_every_number_stays() {
    let home = Home::new();
    let db = home.open();
    let all = events(0..60);
    fill(&db, &all);
    let seqs = [17, 250, 470].map(Moment::known_at);
    let then = |db: &Convofold| seqs.map(|moment| db.at(moment).totals().unwrap());
    let before =
        (impersonal(&db, |_| true), report(&db, 0).unwrap(), then(&db), db.recorded_hashes().unwrap().hashes.len());
    let hash = db.state_hash();
    // Texts of the first 30 minutes.
    let (rules, now) = (texts(10), at(40));
    let would = db.retain(&rules, now, true).unwrap();
    assert_eq!((db.state_hash(), db.retention_runs().len()), (hash, 0));
    let retained = db.retain(&rules, now, false).unwrap();
    let old = all.iter().filter(|event| event.text().is_some() && event.at().alone() < at(30)).count() as u64;
    assert_eq!((counts(&retained), counts(&would)), ((old, 0, 0), (old, 0, 0)));
    assert_ne!(retained.run.hash_after, hash);
    assert_eq!((db.state_hash(), db.retention_runs()), (retained.run.hash_after, vec![retained.run.clone()]));
    let same = |db: &Convofold| {
        (impersonal(db, |_| true), report(db, 0).unwrap(), then(db), db.recorded_hashes().unwrap().hashes.len())
    };
    assert_eq!(same(&db), before);
    assert!(is_clean(&db));
    let last_text = |number: u64| db.state(&format!("case-{number:04}")).unwrap().unwrap().last_message;
    assert_eq!(last_text(10), None);
    assert!(last_text(55).unwrap().text.contains("case 0055"));
    // What arrives again is known.
    let receipt = submit(&db, Batch::new(all.clone()));
    assert_eq!((receipt.counts.duplicates, receipt.counts.total()), (all.len() as u64, all.len() as u64));
    assert_eq!(db.state_hash(), retained.run.hash_after);
    db.close().unwrap();
    for (text, is_there) in [("the text 0 of case 0003", false), ("the text 1 of case 0055", true)] {
        assert_eq!(contains(&home, text), is_there, "{text}");
    }
    let db = home.open();
    assert_eq!((same(&db), db.retention_runs().len()), (before, 1));
    assert!(is_clean(&db));
    // A second time, nothing is left to do.
    let again = db.retain(&rules, now, false).unwrap();
    assert_eq!((again.run.number, counts(&again), again.run.hash_after), (2, (0, 0, 0), retained.run.hash_after));
}

#[test]
fn r1_an_old_event_that_comes_late_loses_its_text_and_a_new_one_keeps_it() {
    let home = Home::new();
    let db = home.open();
    fill(&db, &events(0..20));
    db.retain(&texts(10), at(40), false).unwrap();
    let late = Draft::new("desk", "case-0003", Kind::Message, at(5)).text("a late secret").tenant("acme");
    let unknown = Draft::new("desk", "case-0777", Kind::Message, at(6)).text("another late secret").tenant("acme");
    let new = Draft::new("desk", "case-0003", Kind::Message, at(35)).text("a new text").tenant("acme");
    let batch = [late, unknown, new].map(|draft| draft.build().unwrap()).to_vec();
    let receipt = submit(&db, Batch::new(batch.clone()));
    assert_eq!((receipt.counts.late + receipt.counts.applied, receipt.counts.total()), (3, 3));
    assert_eq!(submit(&db, Batch::new(batch)).counts.duplicates, 3);
    assert_eq!(db.state("case-0003").unwrap().unwrap().last_message.unwrap().text, "a new text");
    assert_eq!(db.state("case-0777").unwrap().unwrap().last_message, None);
    assert!(is_clean(&db));
    db.close().unwrap();
    assert!(!contains(&home, "late secret") && contains(&home, "a new text"));
}

#[test]
fn r1_events_with_one_identity_are_known_whatever_their_text_was() {
    let home = Home::new();
    let db = home.open();
    let said = |text: &str, minute| {
        let identity = Identity::given("one", 0);
        Draft::new("desk", "case-0001", Kind::Message, at(minute)).text(text).identity(identity).build().unwrap()
    };
    let all: Vec<_> = ["one secret", "two secrets", "three secrets"].map(|text| said(text, 1)).to_vec();
    for event in &all {
        submit(&db, Batch::new(vec![event.clone()]));
    }
    let before = db.arrivals("case-0001").unwrap().unwrap();
    db.retain(&texts(1), at(9), false).unwrap();
    assert_eq!(db.arrivals("case-0001").unwrap().unwrap(), before);
    let receipt = submit(&db, Batch::new([all, vec![said("a fourth secret", 1)]].concat()));
    assert_eq!((receipt.counts.duplicates, receipt.counts.total()), (4, 4));
    assert!(is_clean(&db));
    db.close().unwrap();
    assert!(!contains(&home, "secret"));
}

#[test]
fn r2_conversations_that_ended_long_ago_are_gone_and_the_others_stay_what_they_are() {
    let home = Home::new();
    let db = home.open();
    let all = events(0..200);
    fill(&db, &all);
    // Those that ended before minute 100.
    let goes = |number: u64| number % 5 != 4 && number + EVENTS <= 100;
    let before = impersonal(&db, |number| !goes(number));
    let later = report(&db, 100).unwrap();
    let retained = db.retain(&closed(200), at(300), false).unwrap();
    let gone: BTreeSet<u64> = (0..200).filter(|number| goes(*number)).collect();
    assert_eq!(counts(&retained), (0, gone.len() as u64, gone.len() as u64 * EVENTS));
    assert!(retained.run.trimmed_events > 0);
    let check = |db: &Convofold| {
        assert_eq!(impersonal(db, |_| true), before);
        assert_eq!((report(db, 100).unwrap(), db.state_hash()), (later.clone(), retained.run.hash_after));
        for number in 0..200 {
            assert_eq!(db.state(&format!("case-{number:04}")).unwrap().is_none(), goes(number), "{number}");
        }
        let found = db.query(&Query::new().status(StatusFilter::Any).member("m-7").limit(1_000)).unwrap();
        assert_eq!(found.rows.len(), 200 - gone.len());
        assert!(is_clean(db));
    };
    check(&db);
    // What arrives again does not come back, also after a new conversation has the id.
    let receipt = submit(&db, Batch::new(all.clone()));
    let erased = gone.len() as u64 * EVENTS;
    assert_eq!((receipt.counts.erased, receipt.counts.duplicates), (erased, all.len() as u64 - erased));
    check(&db);
    db.close().unwrap();
    assert!(!contains(&home, "case-0003") && contains(&home, "case-0004"));
    let db = home.open();
    check(&db);
    submit(&db, Batch::new(vec![Draft::new("desk", "case-0003", Kind::Message, at(301)).build().unwrap()]));
    let state = db.state("case-0003").unwrap();
    let receipt = submit(&db, Batch::new(all));
    assert_eq!((receipt.counts.erased, db.state("case-0003").unwrap()), (erased, state));
    db.checkpoint().unwrap();
    assert!(is_clean(&db));
}

#[test]
fn r2_events_in_the_log_and_open_conversations_stay() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(events(0..30)));
    // One block with all events, which is not old enough to be trimmed.
    let retained = db.retain(&closed(1), at(20), false).unwrap();
    assert_eq!((counts(&retained), retained.run.trimmed_events), ((0, 0, 0), 0));
    assert_eq!(db.stats().conversations, 30);
}

#[test]
fn r3_a_moment_before_the_horizon_is_refused_and_a_conversation_that_is_there_is_not() {
    let home = Home::new();
    let db = home.open();
    fill(&db, &events(0..200));
    db.retain(&closed(200), at(300), false).unwrap();
    let before = at(100);
    let is_expired =
        |error: &StorageError| matches!(error, StorageError::Expired { before: found } if *found == before);
    for (moment, is_refused) in [
        (Moment::as_of(at(99)), true),
        (Moment::as_of(at(100)), false),
        (Moment::known_at(3), true),
        (Moment::known_at(db.stats().last_seq), false),
        (Moment::LATEST, false),
    ] {
        let view = db.at(moment);
        let answers = [
            view.totals().map(drop),
            view.agents().map(drop),
            view.state_hash().map(drop),
            view.index().map(drop),
            view.query(&Query::new()).map(drop).map_err(|error| match error {
                PageError::Storage(error) => error,
                error => panic!("{error}"),
            }),
        ];
        for answer in answers {
            assert_eq!(answer.as_ref().is_err_and(is_expired), is_refused, "{moment:?}: {answer:?}");
            assert_eq!(answer.is_err(), is_refused);
        }
        assert_eq!(view.export(&mut std::io::sink()).is_err(), is_refused);
        assert_eq!(view.scan_states().any(|state| state.is_err()), is_refused);
        assert_eq!(db.at(Moment::LATEST).diff(&view).is_err(), is_refused);
    }
    for (from, is_refused) in [(99, true), (100, false)] {
        let answer = report(&db, from);
        let is_it = |error: &ReportError| matches!(error, ReportError::Storage(error) if is_expired(error));
        assert_eq!(answer.as_ref().is_err_and(is_it), is_refused, "{answer:?}");
    }
    // One that is still there.
    assert!(db.at(Moment::as_of(at(10))).state("case-0004").unwrap().is_some());
}

#[test]
fn a_rule_of_a_tenant_replaces_the_one_for_all() {
    let home = Home::new();
    let db = home.open();
    let all = events(0..60);
    fill(&db, &all);
    let rules = texts(10).tenant("bolt", Rule::new().texts_older_than(30 * MINUTE));
    let retained = db.retain(&rules, at(40), false).unwrap();
    let old = |tenant: &str, minute| {
        let is_old = |event: &&Event| event.tenant() == Some(tenant) && event.at().alone() < at(minute);
        all.iter().filter(is_old).filter(|event| event.text().is_some()).count() as u64
    };
    let of_tenants: Vec<_> = retained.run.horizons.iter().map(|one| (one.tenant.as_deref(), one.texts)).collect();
    assert_eq!(of_tenants, [(None, old("acme", 30)), (Some("bolt"), old("bolt", 10))]);
    let receipt = submit(&db, Batch::new(all.clone()));
    assert_eq!(receipt.counts.duplicates, all.len() as u64);
    // Answers for a tenant of which nothing is gone are given.
    let rules = Retention::new().log_older_than(MINUTE).tenant("bolt", Rule::new().closed_older_than(MINUTE));
    db.retain(&rules, at(100), false).unwrap();
    let view = db.at(Moment::as_of(at(20)));
    assert!(view.clone().of_tenants(["acme".to_owned()]).totals().is_ok());
    for view in [view.clone().of_tenants(["bolt".to_owned()]), view] {
        assert!(matches!(view.totals(), Err(StorageError::Expired { .. })));
    }
}

#[test]
fn a_legal_hold_keeps_a_conversation() {
    let home = Home::new();
    let db = home.open();
    let all = events(0..200);
    fill(&db, &all);
    let id = "case-0003".to_owned();
    let before = db.state(&id).unwrap();
    db.hold(Subject::Conversation(id.clone()), "a claim").unwrap();
    let rules = closed(200).texts_older_than(10 * MINUTE);
    let retained = db.retain(&rules, at(300), false).unwrap();
    assert_eq!((retained.run.held, db.state(&id).unwrap()), (1, before));
    assert!(is_clean(&db));
    assert_eq!(db.holds().len(), 1);
    // What arrives again changes nothing, and what is late keeps its text.
    let hash = db.state_hash();
    let receipt = submit(&db, Batch::new(all.clone()));
    assert_eq!((receipt.counts.duplicates + receipt.counts.erased, db.state_hash()), (all.len() as u64, hash));
    let late =
        Draft::new("desk", "case-0003", Kind::Message, at(4)).text("a late text").tenant("acme").build().unwrap();
    submit(&db, Batch::new(vec![late]));
    let history = db.history("case-0003").unwrap().unwrap();
    assert!(history.iter().any(|entry| entry.event.text() == Some("a late text")));
    // Once the hold is lifted, the next run removes what it kept.
    db.lift_hold(1).unwrap();
    assert_eq!(db.retain(&rules, at(300), false).unwrap().run.held, 0);
    let history = db.history("case-0003").unwrap().unwrap();
    assert!(history.iter().all(|entry| entry.event.text().is_none()));
    assert!(is_clean(&db));
}

#[test]
fn an_erasure_and_a_compaction_keep_what_retention_removed() {
    let home = Home::new();
    let db = home.open();
    let all = events(0..200);
    fill(&db, &all);
    db.retain(&closed(200).texts_older_than(150 * MINUTE), at(300), false).unwrap();
    let runs = db.retention_runs();
    let erase = Erase::new([Subject::Conversation("case-0120".to_owned())]);
    assert_eq!(db.erase(&erase).unwrap().unwrap().receipt.conversations, 1);
    db.compact().unwrap();
    db.close().unwrap();
    let db = home.open();
    assert_eq!((db.retention_runs(), db.erasures().len()), (runs, 1));
    let hash = db.state_hash();
    let receipt = submit(&db, Batch::new(all.clone()));
    assert_eq!((receipt.counts.duplicates + receipt.counts.erased, db.state_hash()), (all.len() as u64, hash));
    assert!(is_clean(&db));
}

#[test]
fn restored_and_repaired_databases_know_what_retention_removed() {
    let home = Home::new();
    let db = home.open();
    let path = |name| home.dir.path().join(name);
    let [earlier, file, restored, repaired] = ["earlier", "backup", "restored", "repaired"].map(path);
    let all = events(0..200);
    fill(&db, &all);
    db.backup(&earlier, &BackupOptions::new(), |_| {}).unwrap();
    db.retain(&closed(200).texts_older_than(150 * MINUTE), at(300), false).unwrap();
    let (runs, hash) = (db.retention_runs(), db.state_hash());
    let since = BackupOptions::new().since(&earlier);
    let error = db.backup(home.dir.path().join("since"), &since, |_| {}).unwrap_err();
    assert!(matches!(error, BackupError::Retained { number: 1, .. }), "{error:?}");
    db.backup(&file, &BackupOptions::new(), |_| {}).unwrap();
    db.close().unwrap();
    restore(&[&file], &restored, &Options::new(), |_| {}).unwrap();
    Repair::new(home.path(), &repaired).run().unwrap();
    for folder in [restored, repaired] {
        let db = Convofold::open(folder).unwrap();
        assert_eq!((db.retention_runs(), db.state_hash()), (runs.clone(), hash));
        let receipt = submit(&db, Batch::new(all.clone()));
        assert_eq!((receipt.counts.duplicates + receipt.counts.erased, db.state_hash()), (all.len() as u64, hash));
        assert!(is_clean(&db));
    }
}

#[test]
fn closed_conversations_need_a_rule_for_the_log() {
    let needs = |rules: &Retention| rules.check();
    assert_eq!(needs(&Retention::new().closed_older_than(MINUTE)), Err(NeedsLog { closed_ms: 60_000 }));
    assert_eq!(
        needs(&closed(9).tenant("acme", Rule::new().closed_older_than(MINUTE))),
        Err(NeedsLog { closed_ms: 60_000 })
    );
    assert_eq!(needs(&closed(9)), Ok(()));
    let home = Home::new();
    let db = home.open();
    let error = db.retain(&Retention::new().closed_older_than(MINUTE), at(1), true).unwrap_err();
    assert!(matches!(error, RetainError::Rules(_)), "{error:?}");
}

#[test]
fn an_empty_database_and_one_of_which_everything_goes_can_be_used() {
    let home = Home::new();
    let db = home.open();
    let rules = closed(1).texts_older_than(MINUTE);
    assert_eq!(counts(&db.retain(&rules, at(1), false).unwrap()), (0, 0, 0));
    // The last block stays in the log, and its conversations with it.
    let all: Vec<_> = events(0..60).into_iter().filter(|event| !event.conversation().ends_with(['4', '9'])).collect();
    fill(&db, &all);
    fill(&db, &messages(0, 9));
    let retained = db.retain(&rules, at(500), false).unwrap();
    assert_eq!(counts(&retained).1, 48);
    assert!(is_clean(&db));
    submit(&db, Batch::new(vec![message_with("case-new", 99_999, "hello")]));
    db.close().unwrap();
    let db = home.open();
    assert!(is_clean(&db));
}

#[test]
fn no_operation_of_a_run_can_fail_badly() {
    let rules = closed(20).texts_older_than(10 * MINUTE);
    let (shelf, kept) = (Home::new(), Arc::default());
    let db = shelf.open_on(&kept, Options::new());
    let (old, new): (Vec<_>, Vec<_>) = events(0..26).into_iter().partition(|event| event.at().alone() < at(30));
    for events in [old.as_slice()].into_iter().chain(new.chunks(3)) {
        submit(&db, Batch::new(events.to_vec()));
        db.checkpoint().unwrap();
    }
    db.trim_log(at(30)).unwrap();
    db.close().unwrap();
    for (fault, repeats) in [(Fault::Undone, false), (Fault::Done, false), (Fault::NoSpace, false)] {
        for at_call in 1.. {
            let (home, storage) = (shelf.copied_to(Home::new()), MemoryStorage::with(kept.contents()));
            let db = home.open_on(&storage, Options::new());
            storage.fail_any.arm(at_call, fault, repeats);
            let outcome = db.retain(&rules, at(50), false);
            storage.fail_any.set(0);
            let _ = db.close();
            let created = storage.created();
            let all = [Some(storage.clone()), created.clone()];
            let failed = all.into_iter().flatten().any(|one| !one.failed().is_empty());
            let is_moved = storage_folder(&home.path()).unwrap().file_name().unwrap() != "sled";
            assert!(is_moved || outcome.is_err(), "call {at_call} ({fault:?}): {outcome:?}");
            let left = if is_moved { created.unwrap() } else { storage };
            for left in [MemoryStorage::with(left.contents()), left.after_power_cut()] {
                let home = home.copied_to(Home::new());
                let survivor = home.open_on(&left, Options::new());
                let is_gone = |number: u64| is_moved && number % 5 != 4 && number + EVENTS <= 30;
                for number in 0..26 {
                    let state = survivor.state(&format!("case-{number:04}")).unwrap();
                    let messages = state.map(|state| state.messages_in + state.messages_out);
                    let all = EVENTS - u64::from(number % 5 != 4);
                    assert_eq!(messages, (!is_gone(number)).then_some(all), "call {at_call} ({fault:?}): {number}");
                }
                assert_eq!(survivor.retention_runs().len(), usize::from(is_moved));
                assert!(survivor.verify(|_| {}).unwrap().is_clean());
            }
            if !failed {
                assert!(at_call > 20, "{at_call} operations");
                break;
            }
        }
    }
}

#[test]
fn a_dry_run_of_a_replay_knows_what_retention_removed() {
    let home = Home::new();
    let db = home.open();
    let all = events(0..200);
    fill(&db, &all);
    db.retain(&closed(200).texts_older_than(150 * MINUTE), at(300), false).unwrap();
    let now = db.at(Moment::LATEST);
    let dry_run = DryRun::of(&now);
    let late =
        Draft::new("desk", "case-0004", Kind::Message, at(7)).text("a late text").tenant("acme").build().unwrap();
    let batch = Batch::new([all, vec![late]].concat());
    let receipt = Target::submit(&dry_run, batch.clone()).unwrap().wait().unwrap();
    let outcome = dry_run.finish().unwrap();
    assert_eq!(outcome.diff().unwrap().count(), 1);
    assert_eq!(submit(&db, batch).counts, receipt.counts);
}

/// Runs when this number of pages have been read, at the next one, when nothing is locked.
fn after_pages(db: &Convofold, pages: u64, run: impl FnOnce() + Send + 'static) {
    let other = db.clone();
    db.shared().archive.before_page.set(move || match pages.checked_sub(1) {
        Some(left) => after_pages(&other, left, run),
        None => run(),
    });
}

/// A database whose conversations are all evicted, and a run of retention that is done after this number of pages. The flag says
/// whether it was.
fn overtaken(pages: u64) -> (Home, Convofold, Arc<AtomicBool>) {
    let home = Home::new();
    let db = home.open_on(&Arc::default(), Options::new());
    fill(&db, &events(0..200));
    crate::conversations::archive::evict(&db.shared().live, 0, 0);
    let (other, is_done) = (db.clone(), Arc::new(AtomicBool::new(false)));
    let done = is_done.clone();
    after_pages(&db, pages, move || {
        let retained = other.retain(&closed(200), at(300), false).unwrap();
        assert!(counts(&retained).1 > 16 * 3);
        done.store(true, Ordering::SeqCst);
    });
    (home, db, is_done)
}

/// They were answered without the conversations that the run had removed.
#[test]
fn a_report_that_a_run_overtakes_is_expired_or_right() {
    let before = {
        let home = Home::new();
        let db = home.open();
        fill(&db, &events(0..200));
        [0, 100].map(|from| report(&db, from).unwrap())
    };
    let mut runs = 0;
    for pages in 0.. {
        let mut is_over = true;
        for (from, before) in [0, 100].into_iter().zip(&before) {
            let (_home, db, is_done) = overtaken(pages);
            let answer = report(&db, from);
            let was_overtaken = is_done.load(Ordering::SeqCst);
            match answer {
                Ok(answer) => assert!(answer == *before && (from == 100 || !was_overtaken), "{pages} {from}"),
                Err(ReportError::Storage(StorageError::Expired { .. })) => assert!(from == 0 && was_overtaken),
                Err(error) => panic!("{pages} {from}: {error:?}"),
            }
            runs += u64::from(was_overtaken);
            is_over &= !was_overtaken;
            if was_overtaken {
                assert!(is_clean(&db));
            }
        }
        if is_over {
            break;
        }
    }
    assert!(runs > 10, "{runs}");
}

/// The last pages are gone then, and were taken for damaged.
#[test]
fn a_conversation_that_is_read_while_a_run_makes_the_storage_shorter_is_found() {
    let id = "case-0199";
    let state = |db: &Convofold| db.state(id).unwrap().unwrap();
    let all = {
        let home = Home::new();
        let db = home.open();
        fill(&db, &events(0..200));
        state(&db)
    };
    let ask: [fn(&Convofold, &str); 4] = [
        |_, _| {},
        |db, id| assert_eq!(db.history(id).unwrap().unwrap().len() as u64, EVENTS),
        |db, id| assert_eq!(db.at(Moment::LATEST).state(id).unwrap().unwrap().id.as_ref(), id),
        |db, _| {
            let found = db.query(&Query::new().status(StatusFilter::Any).member("m-7").limit(1_000)).unwrap();
            let ids: BTreeSet<_> = found.rows.iter().map(|row| row.id()).collect();
            assert_eq!((ids.len(), ids.contains("case-0199")), (found.rows.len(), true));
            assert_eq!(found.rows.len() as u64, db.stats().conversations);
        },
    ];
    for ask in ask {
        let (_home, db, is_done) = overtaken(0);
        ask(&db, id);
        assert_eq!(state(&db), all);
        assert!(is_done.load(Ordering::SeqCst));
        assert!(is_clean(&db));
    }
}
