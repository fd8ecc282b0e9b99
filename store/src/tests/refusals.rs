//! What was erased, or removed by retention, does not come back, in whatever order it was erased, removed, held and delivered.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use convofold_engine::{Draft, Event, Identity, Kind, Subject, Time};

use super::erase::is_clean;
use super::{Home, submit};
use crate::backup::{BackupOptions, restore};
use crate::erase::{Erase, Ledger};
use crate::retention::{Retention, Rule};
use crate::storage::memory::MemoryStorage;
use crate::{Batch, Convofold, Options};

const BEGINNING_MS: i64 = 1_700_000_000_000;
const MINUTE: Duration = Duration::from_secs(60);

/// Minutes after the beginning.
fn at(minute: i64) -> Time {
    Time::from_ms(BEGINNING_MS + minute * 60_000).unwrap()
}

/// A message of a conversation, whose content hash is its identity.
fn said(conversation: &str, minute: i64) -> Draft<'_> {
    Draft::new("desk", conversation, Kind::Message, at(minute)).text("the secret of somebody")
}

/// Each event of the conversation has a text and no id.
fn talk(conversation: &str) -> Vec<Event> {
    let of_member = |minute| said(conversation, minute).member_business_id("m-7").build().unwrap();
    (0..4).map(of_member).collect()
}

fn erase(conversation: &str) -> Erase {
    Erase::new([Subject::Conversation(conversation.to_owned())]).open_too(true)
}

fn member() -> Subject {
    Subject::member("m-7").unwrap()
}

/// Removes the texts from before minute 10, by this rule for texts that are older than 10 minutes.
fn remove_texts(db: &Convofold, rules: &Retention) {
    let retained = db.retain(rules, at(20), false).unwrap();
    assert!(retained.run.horizons.iter().any(|horizon| horizon.texts > 0));
}

fn rules() -> Retention {
    Retention::new().texts_older_than(10 * MINUTE)
}

/// A database with one conversation to erase and another one.
fn filled() -> (Home, Convofold) {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new([talk("erased"), talk("other")].concat()));
    (home, db)
}

/// Delivers the erased conversation again.
#[track_caller]
fn expect_refused(db: &Convofold, events: Vec<Event>) {
    let (hash, count) = (db.state_hash(), events.len() as u64);
    let counts = submit(db, Batch::new(events)).counts;
    assert_eq!((counts.erased, counts.total()), (count, count));
    assert_eq!(db.state_hash(), hash);
    assert!(db.state("erased").unwrap().is_none());
}

#[test]
fn an_erased_event_without_its_text_stays_erased_under_a_later_hold() {
    let (_home, db) = filled();
    remove_texts(&db, &rules());
    db.erase(&erase("erased")).unwrap().unwrap();
    db.hold(member(), "case 17").unwrap();
    expect_refused(&db, talk("erased"));
    assert!(is_clean(&db));
}

#[test]
fn an_erased_event_without_its_text_stays_erased_if_it_names_no_tenant() {
    let home = Home::new();
    let db = home.open();
    let first = said("erased", 0).tenant("acme").build().unwrap();
    let events = [vec![first], talk("erased")].concat();
    submit(&db, Batch::new(events.clone()));
    remove_texts(&db, &Retention::new().tenant("acme", Rule::new().texts_older_than(10 * MINUTE)));
    db.erase(&erase("erased")).unwrap().unwrap();
    expect_refused(&db, events);
}

#[test]
fn a_ledger_recognises_events_with_and_without_their_texts() {
    let (home, db) = filled();
    let [whole, without, restored] = ["whole", "without", "restored"].map(|name| home.dir.path().join(name));
    db.backup(&whole, &BackupOptions::new(), |_| {}).unwrap();
    let of_whole = {
        let home = home.killed();
        let db = home.open();
        db.erase(&erase("erased")).unwrap().unwrap();
        Ledger::of(&db).unwrap()
    };
    remove_texts(&db, &rules());
    db.backup(&without, &BackupOptions::new(), |_| {}).unwrap();
    db.erase(&erase("erased")).unwrap().unwrap();
    let of_without = Ledger::of(&db).unwrap();
    for (ledger, file) in [(of_whole, &without), (of_without, &whole)] {
        assert!(talk("erased").iter().all(|event| ledger.has(event.as_ref())));
        restore(&[file], &restored, &Options::new(), |_| {}).unwrap();
        let erased = ledger.erase_from(&restored, &Options::new()).unwrap();
        assert_eq!(erased.unwrap().receipt.conversations, 1);
        let db = Convofold::open(&restored).unwrap();
        expect_refused(&db, talk("erased"));
        db.close().unwrap();
        std::fs::remove_dir_all(&restored).unwrap();
    }
}

/// They were asked about one by one, so the answer depended on how events were grouped.
#[test]
fn a_hold_keeps_old_texts_of_events_whose_neighbours_name_the_member() {
    // Members are optional.
    let others = (1..4).map(|minute| said("late", minute).build().unwrap());
    let mut events: Vec<_> = talk("late").into_iter().take(1).chain(others).collect();
    let texts = |db: &Convofold, id: &str| {
        let history = db.history(id).unwrap().unwrap();
        history.iter().filter(|entry| entry.event.text().is_some()).count()
    };
    for is_first in [true, false] {
        let (_home, db) = filled();
        remove_texts(&db, &rules());
        db.hold(member(), "case 17").unwrap();
        if !is_first {
            events.reverse();
        }
        submit(&db, Batch::new(events.clone()));
        assert_eq!(texts(&db, "late"), events.len());
        // One that is not the member's loses its texts in the same batch.
        let both = [said("unheld", 1), said("late", 5)].map(|draft| draft.build().unwrap());
        submit(&db, Batch::new(both.to_vec()));
        assert_eq!((texts(&db, "unheld"), texts(&db, "late")), (0, events.len() + 1));
        // Those that retention removed before the hold do not come back.
        submit(&db, Batch::new(talk("other")));
        assert_eq!(texts(&db, "other"), 0);
        assert!(is_clean(&db));
    }
}

/// It could be one that retention removed before the hold, or one that never arrived.
#[test]
fn a_hold_keeps_a_late_content_of_an_identity_that_has_several() {
    let content = |text: &'static str| {
        said("held", 1).text(text).identity(Identity::given("one", 0)).member_business_id("m-7").build().unwrap()
    };
    let texts = |db: &Convofold| {
        let history = db.history("held").unwrap().unwrap();
        history.iter().filter_map(|entry| entry.event.text().map(str::to_owned)).collect::<BTreeSet<_>>()
    };
    for is_held in [true, false] {
        let (_home, db) = filled();
        db.retain(&rules(), at(20), false).unwrap();
        if is_held {
            db.hold(member(), "case 17").unwrap();
        }
        for text in ["a first one", "a second one", "a third one"] {
            submit(&db, Batch::new(vec![content(text)]));
        }
        let counts = submit(&db, Batch::new(["a first one", "a third one"].map(content).to_vec())).counts;
        assert_eq!(counts.duplicates, 2);
        assert_eq!(texts(&db).len(), if is_held { 3 } else { 0 });
        assert!(is_clean(&db));
    }
}

/// The run recorded its horizon, and nobody asked about what had arrived.
#[test]
fn an_old_text_that_arrives_while_a_run_finds_nothing_to_remove_is_removed() {
    let (home, storage) = (Home::new(), Arc::new(MemoryStorage::default()));
    let db = home.open_on(&storage, Options::new());
    submit(&db, Batch::new(vec![said("new", 15).build().unwrap()]));
    let other = db.clone();
    let begun = db.shared().log_figures.checkpoints_begun.load(Ordering::SeqCst);
    // It is committed after the checkpoint that the run reads, and before the run is recorded.
    storage.before_record.set(move || drop(other.submit(Batch::new(talk("late"))).unwrap()));
    let retained = db.retain(&rules(), at(20), false).unwrap();
    let history = db.history("late").unwrap().unwrap();
    assert!(history.iter().all(|entry| entry.event.text().is_none()));
    assert_eq!((db.retention_runs().len(), retained.run.horizons[0].texts), (1, 4));
    // The first checkpoint did not contain it.
    assert_eq!(db.shared().log_figures.checkpoints_begun.load(Ordering::SeqCst), begun + 2);
    assert!(is_clean(&db));
}
