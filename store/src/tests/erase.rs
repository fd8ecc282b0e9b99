//! Erasure: what is gone, what stays, what does not come back, and what a kill or a failure leaves.

use std::fs;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use convofold_engine::{
    AgentMention, Direction, Draft, Event, Every, GroupBy, Identity, Kind, Moment, NamedBy, Query, ReportQuery, Status,
    StatusFilter, Subject, Time,
};

use super::fixtures::FORMS;
use super::{Home, lived_in, message, messages, submit};
use crate::backup::{BackupError, BackupOptions, restore};
use crate::diff::DryRun;
use crate::erase::{Erase, EraseError, Erased};
use crate::format::frame::Frame;
use crate::open::error::OpenError;
use crate::open::opening::open_on;
use crate::repair::Repair;
use crate::replay::{Input, Replay};
use crate::storage::end_mark::tests::FAILING_MOVES;
use crate::storage::end_mark::{next_folder, storage_folder, storage_folders};
use crate::storage::fragment::Tree;
use crate::storage::memory::{Fault, MemoryStorage};
use crate::storage::sled::{MIN_SEGMENT_BYTES, SledOptions, SledStorage};
use crate::storage::{ReadStorage, Storage};
use crate::{Batch, Convofold, Options, RecordKind};

pub(super) const BEGINNING_MS: i64 = 1_700_000_000_000;

/// What a member says or does. The id of the conversation contains that of the member.
pub(super) fn event(member: u64, number: u64) -> Event {
    let ms = BEGINNING_MS + i64::try_from(number * 60_000).unwrap();
    let (id, business_id) = (format!("member-{member:04}_{BEGINNING_MS}"), format!("member-{member:04}"));
    let (text, name) = (format!("the secret {number} of member {member:04}"), format!("Secret Name {member:04}"));
    let (phone, message) = (format!("+47 9000 {member:04}"), format!("message-{member:04}-{number}"));
    let kind = if number % 7 == 6 { Kind::Close } else { Kind::Message };
    let direction = [Direction::In, Direction::Out][usize::from(number % 3 == 2)];
    let draft = Draft::new("desk", &id, kind, Time::from_ms(ms)).agent(AgentMention::agent("7", "Ida")).tenant("acme");
    let draft =
        if kind == Kind::Message { draft.direction(direction).channel("sms").text(text.as_str()) } else { draft };
    let draft = draft.member_business_id(business_id.as_str()).member_number(phone.as_str()).member_name(name.as_str());
    let identity = number.is_multiple_of(2).then(|| Identity::given(&message, 0));
    draft.identity(identity).build().unwrap()
}

/// The events of some members, mixed.
pub(super) fn events(members: u64, numbers: std::ops::Range<u64>) -> Vec<Event> {
    numbers.flat_map(|number| (0..members).map(move |member| event(member, number))).collect()
}

/// Commits in portions, with checkpoints.
pub(super) fn fill(db: &Convofold, events: &[Event]) {
    for (number, some) in events.chunks(events.len() / 5 + 1).enumerate() {
        submit(db, Batch::new(some.to_vec()).bookmark("upstream", number.to_string()));
        db.checkpoint().unwrap();
    }
}

/// An erasure of open conversations too.
pub(super) fn erase(subjects: impl IntoIterator<Item = Subject>) -> Erase {
    Erase::new(subjects).open_too(true)
}

pub(super) fn member(number: u64) -> Subject {
    Subject::member(&format!("member-{number:04}")).unwrap()
}

/// The export without what an erasure changes, in any order.
pub(super) fn impersonal(db: &Convofold) -> Vec<String> {
    let mut bytes = Vec::new();
    db.export(&mut bytes).unwrap();
    let line = |line: &str| {
        let mut state: serde_json::Value = serde_json::from_str(line).unwrap();
        ["id", "member", "last_message"].iter().for_each(|key| drop(state.as_object_mut().unwrap().remove(*key)));
        state.to_string()
    };
    let mut lines: Vec<_> = String::from_utf8(bytes).unwrap().lines().map(line).collect();
    lines.sort();
    lines
}

pub(super) fn report(db: &Convofold) -> String {
    let query = ReportQuery::new(BEGINNING_MS, BEGINNING_MS + 86_400_000).every(Every::Hours(1)).by([GroupBy::Agent]);
    format!("{:?}", db.measures(query).unwrap().rows)
}

pub(super) fn is_clean(db: &Convofold) -> bool {
    let audit = db.audit(crate::audit::Sample::All).unwrap();
    db.verify_past(|_| {}).unwrap().is_clean() && audit.is_clean()
}

pub(super) fn contains(home: &Home, needle: &str) -> bool {
    contains_bytes(home, needle.as_bytes())
}

/// Whether a file of the closed database, or a stored value without its compression, contains these bytes.
fn contains_bytes(home: &Home, needle: &[u8]) -> bool {
    let has = |bytes: &[u8]| memchr::memmem::find(bytes, needle).is_some();
    let storage = storage_folder(&home.path()).unwrap();
    let options = SledOptions { segment_bytes: MIN_SEGMENT_BYTES, cache_bytes: 1 << 20 };
    let sled = SledStorage::open(&storage, options).unwrap();
    let values = [Tree::Log, Tree::Pages, Tree::Records].map(|tree| sled.entries_after(tree, &[], usize::MAX).unwrap());
    let body = |value: &[u8]| {
        let frame = FORMS.iter().find_map(|form| Frame::open(form.mark, value).ok())?;
        frame.body().ok()
    };
    let mut bodies = values.iter().flatten().filter_map(|(_, value)| body(value));
    let is_in_file = |file: walkdir::DirEntry| file.file_type().is_file() && has(&fs::read(file.path()).unwrap());
    bodies.any(|body| has(&body))
        || walkdir::WalkDir::new(home.path()).into_iter().any(|file| is_in_file(file.unwrap()))
}

#[test]
fn an_erased_member_is_gone_and_every_number_stays() {
    let home = Home::new();
    let db = home.open();
    fill(&db, &events(40, 0..12));
    let seqs = [17, 250, 480].map(Moment::known_at);
    let then = |db: &Convofold| seqs.map(|moment| db.at(moment).totals().unwrap());
    let before = (impersonal(&db), report(&db), then(&db), db.recorded_hashes().unwrap().hashes.len());
    let (hash, last_seq) = (db.state_hash(), db.stats().last_seq);
    let erase = erase([member(3), Subject::Number("47 90000021".to_owned()), member(99)]);
    let found = erase.dry_run(&db).unwrap();
    assert_eq!(found.iter().map(|found| found.events).collect::<Vec<_>>(), [12, 12]);
    db.close().unwrap();
    assert!(contains(&home, "the secret 3 of member 0003"));

    let Erased { receipt, also_elsewhere, .. } = erase.run(home.path()).unwrap().unwrap();
    assert_eq!((receipt.number, receipt.conversations, receipt.events, receipt.last_seq), (1, 2, 24, last_seq));
    assert_eq!(also_elsewhere, 0);
    assert_eq!(storage_folders(&home.path()).unwrap(), ["sled-2"]);
    for secret in [
        "the secret 3 of member 0003",
        "member-0003",
        "member 0003",
        "Secret Name 0003",
        "+47 9000 0021",
        "message-0021",
    ] {
        assert!(!contains(&home, secret), "{secret}");
    }
    let db = home.open();
    assert_eq!((impersonal(&db), report(&db), then(&db), db.recorded_hashes().unwrap().hashes.len()), before);
    assert_eq!((db.state_hash(), db.recovery().events_replayed), (receipt.hash_after, 0));
    assert_eq!(db.erasures().to_vec(), vec![receipt.clone()]);
    assert_eq!((db.erasure_of(hash), db.erasure_of(receipt.hash_after)), (Some(receipt.clone()), None));
    assert!(is_clean(&db));
    assert!(db.state("member-0003_1700000000000").unwrap().is_none());
    let erased = db.query(&Query::new().status(StatusFilter::Any).member("member-0003")).unwrap();
    assert_eq!(erased.rows.len(), 0);
    let of_agent = db.query(&Query::new().status(StatusFilter::Any).agent("7").limit(100)).unwrap();
    assert_eq!(of_agent.rows.len(), 40);
    assert_eq!(of_agent.rows.iter().filter(|row| row.id().starts_with("erased-")).count(), 2);
    // The feed has every seq.
    let mut feed = db.changes(1);
    for seq in 1..=last_seq {
        let change = feed.next_timeout(Duration::from_secs(9)).unwrap().unwrap();
        assert_eq!(change.seq, seq);
        assert!(!format!("{:?}", change.event).contains("member-0003"));
    }
}

#[test]
fn what_arrives_again_is_counted_and_does_not_come_back() {
    let home = Home::new();
    let db = home.open();
    let all = events(5, 0..10);
    fill(&db, &all);
    db.close().unwrap();
    erase([member(2)]).run(home.path()).unwrap().unwrap();
    // A second erasure keeps the first.
    erase([member(4)]).rule("retention").run(home.path()).unwrap().unwrap();
    assert_eq!(erase([member(2), member(4)]).run(home.path()).unwrap(), None);
    let db = home.open();
    let rules: Vec<_> = db.erasures().iter().map(|erasure| (erasure.number, erasure.rule.clone())).collect();
    assert_eq!(rules, [(1, "request".to_owned()), (2, "retention".to_owned())]);
    let hash = db.state_hash();
    let receipt = submit(&db, Batch::new([all.clone(), all.clone()].concat()));
    assert_eq!((receipt.counts.erased, receipt.counts.duplicates, receipt.counts.total()), (40, 60, 100));
    assert_eq!((db.state_hash(), receipt.first_seq), (hash, None));
    // The same identity with another content, and the same conversation with another event.
    let id = all[2].conversation().to_owned();
    let changed = all[2].draft().text("another secret").build().unwrap();
    let receipt = submit(&db, Batch::new(vec![changed, event(2, 77)]));
    assert_eq!((receipt.counts.erased, receipt.counts.applied), (1, 1));
    assert_eq!(db.state(&id).unwrap().map(|state| state.messages_in + state.messages_out), Some(1));
    db.close().unwrap();
    // After a compaction, and from another opening.
    let db = home.open();
    db.compact().unwrap();
    assert_eq!(submit(&db, Batch::new(all)).counts.erased, 20);
    assert!(is_clean(&db));
}

#[test]
fn restored_and_repaired_databases_know_what_was_erased() {
    let home = Home::new();
    let db = home.open();
    let all = events(3, 0..8);
    fill(&db, &all);
    let [earlier, file] = ["earlier", "backup"].map(|name| home.dir.path().join(name));
    db.backup(&earlier, &BackupOptions::new(), |_| {}).unwrap();
    db.close().unwrap();
    erase([member(1)]).run(home.path()).unwrap().unwrap();
    let db = home.open();
    let since = BackupOptions::new().since(&earlier);
    let error = db.backup(home.dir.path().join("since"), &since, |_| {}).unwrap_err();
    assert!(matches!(error, BackupError::Erased { number: 1, .. }), "{error:?}");
    db.backup(&file, &BackupOptions::new(), |_| {}).unwrap();
    let receipts = db.erasures().to_vec();
    db.close().unwrap();
    let [restored, repaired] = ["restored", "repaired"].map(|name| home.dir.path().join(name));
    restore(&[&file], &restored, &Options::new(), |_| {}).unwrap();
    Repair::new(home.path(), &repaired).run().unwrap();
    for folder in [restored, repaired] {
        let db = Convofold::open(folder).unwrap();
        assert_eq!(db.erasures(), receipts);
        assert_eq!(submit(&db, Batch::new(all.clone())).counts.erased, 8);
        assert!(is_clean(&db));
    }
}

#[test]
fn a_trimmed_log_and_open_conversations_are_erased_too() {
    let home = Home::new();
    let db = home.open();
    fill(&db, &events(20, 0..9));
    db.trim_log(Time::from_ms(BEGINNING_MS + 4 * 60_000).unwrap()).unwrap();
    submit(&db, Batch::new(events(20, 9..11)));
    let (before, figures) = (impersonal(&db), report(&db));
    let file = home.dir.path().join("backup");
    db.backup(&file, &BackupOptions::new(), |_| {}).unwrap();
    db.close().unwrap();
    let erased = erase([member(0), member(19)]).run(home.path()).unwrap().unwrap();
    assert_eq!((erased.receipt.conversations, erased.receipt.events), (2, 22));
    assert!(!contains(&home, "member-0000") && !contains(&home, "member 0019"));
    let db = home.open();
    assert_eq!((impersonal(&db), report(&db)), (before, figures));
    assert!(is_clean(&db));
    let error = db.backup(home.dir.path().join("since"), &BackupOptions::new().since(&file), |_| {}).unwrap_err();
    assert!(matches!(error, BackupError::Erased { number: 1, .. }), "{error:?}");
    submit(&db, Batch::new(events(20, 11..13)));
    db.checkpoint().unwrap();
    assert!(is_clean(&db));
}

#[test]
fn a_conversation_with_conflicts_and_duplicates_is_erased_from_a_database_with_a_long_life() {
    let (home, storage, db) = lived_in(Options::new());
    let before = impersonal(&db);
    let arrivals = db.arrivals("odd").unwrap();
    db.close().unwrap();
    let opened = open_on(&home.path(), &Options::new(), storage.clone()).unwrap();
    let subjects = ["odd", "case-3", "case-36"].map(|id| Subject::Conversation(id.to_owned()));
    let erased = erase(subjects).run_on(opened).unwrap().unwrap();
    assert_eq!(erased.receipt.conversations, 3);
    let db = home.open_on(&MemoryStorage::with(storage.created().unwrap().contents()), Options::new());
    assert_eq!(impersonal(&db), before);
    assert!(is_clean(&db));
    let odd = db.find_ids("erased-", 10).unwrap().into_iter().find(|id| db.arrivals(id).unwrap() == arrivals);
    assert!(odd.is_some());
    assert_eq!(db.bookmark("upstream").as_deref(), Some(b"3".as_slice()));
}

#[test]
fn no_operation_of_an_erasure_can_fail_badly() {
    let erase = erase([member(1)]);
    let (shelf, kept) = (Home::new(), Arc::default());
    let db = shelf.open_on(&kept, Options::new());
    fill(&db, &events(18, 0..3));
    let before = impersonal(&db);
    db.close().unwrap();
    for (fault, repeats) in
        [(Fault::Undone, false), (Fault::Undone, true), (Fault::Done, false), (Fault::NoSpace, false)]
    {
        for at in 1.. {
            let (home, storage) = (shelf.copied_to(Home::new()), MemoryStorage::with(kept.contents()));
            let opened = open_on(&home.path(), &Options::new(), storage.clone()).unwrap();
            storage.fail_any.arm(at, fault, repeats);
            let outcome = erase.run_on(opened);
            storage.fail_any.set(0);
            let created = storage.created();
            let failed =
                [Some(storage.clone()), created.clone()].into_iter().flatten().any(|one| !one.failed().is_empty());
            assert_eq!(outcome.is_err(), failed, "operation {at}: {outcome:?}");
            let named = storage_folder(&home.path()).unwrap();
            let is_moved = named.file_name().unwrap() != "sled";
            assert_eq!(is_moved, outcome.is_ok(), "operation {at}: {outcome:?}");
            let left = if is_moved { created.unwrap() } else { storage };
            for left in [MemoryStorage::with(left.contents()), left.after_power_cut()] {
                let home = home.copied_to(Home::new());
                let survivor = home.open_on(&left, Options::new());
                assert_eq!(impersonal(&survivor), before, "operation {at} ({fault:?})");
                assert_eq!(survivor.state("member-0001_1700000000000").unwrap().is_none(), is_moved);
                assert_eq!(survivor.erasures().len(), usize::from(is_moved));
                assert!(survivor.verify(|_| {}).unwrap().is_clean());
            }
            if !failed {
                assert!(at > 20, "{at} operations");
                break;
            }
        }
    }
}

/// HEAD may name either storage then, so both must stay.
#[test]
fn a_move_that_fails_leaves_everything_of_before_or_of_after() {
    for (slot, own) in [(0, "sled-7871"), (1, "sled-7881")] {
        let home = Home::new();
        let db = home.open();
        fill(&db, &events(6, 0..8));
        let before = impersonal(&db);
        db.close().unwrap();
        fs::create_dir(home.path().join(own)).unwrap();
        let target = next_folder(&home.path()).unwrap();
        FAILING_MOVES.lock().push((target, slot));
        let error = erase([member(1)]).run(home.path()).unwrap_err();
        assert!(matches!(error, EraseError::Move(_)), "{error:?}");
        for home in [home.killed(), home] {
            let db = home.open();
            assert_eq!(impersonal(&db), before, "slot {slot}");
            assert!(is_clean(&db));
            let is_erased = db.state("member-0001_1700000000000").unwrap().is_none();
            db.close().unwrap();
            assert_eq!(is_erased, !contains(&home, "member-0001"), "slot {slot}");
            // The folder that HEAD does not name is gone, and the one of somebody else is not.
            assert_eq!(storage_folders(&home.path()).unwrap().len(), 2);
        }
    }
}

#[test]
fn a_number_that_two_members_share_and_a_common_text_stay_with_the_other() {
    let home = Home::new();
    let db = home.open();
    let shared = |member: u64| {
        let draft = event(member, 0);
        draft.draft().member_number("+47 1234 5678").text("How can we help you today?").build().unwrap()
    };
    submit(&db, Batch::new(vec![shared(1), shared(2), event(3, 1)]));
    db.close().unwrap();
    let erased = erase([member(1)]).run(home.path()).unwrap().unwrap();
    assert_eq!((erased.receipt.conversations, erased.also_elsewhere), (1, 2));
    assert!(contains(&home, "+47 1234 5678"));
    let erased = erase([Subject::Number("4712345678".to_owned())]).run(home.path()).unwrap().unwrap();
    assert_eq!((erased.receipt.number, erased.receipt.conversations, erased.also_elsewhere), (2, 1, 0));
    assert!(!contains(&home, "+47 1234 5678") && !contains(&home, "help you today"));
}

#[test]
fn what_would_be_left_ends_the_erasure_and_nothing_changes() {
    let home = Home::new();
    let db = home.open();
    fill(&db, &events(4, 0..6));
    submit(&db, Batch::default().bookmark("last-member", "member-0002"));
    let before = db.state_hash();
    db.close().unwrap();
    let error = erase([member(2)]).run(home.path()).unwrap_err();
    assert!(matches!(&error, EraseError::InBookmark { name } if name == "\"last-member\""), "{error:?}");
    // A file of somebody else in the directory.
    let note = home.path().join("note.txt");
    fs::write(&note, "call +47 9000 0003 back").unwrap();
    let error = erase([member(3)]).run(home.path()).unwrap_err();
    assert!(matches!(&error, EraseError::Beside { file, line: 1 } if *file == note), "{error:?}");
    let db = home.open();
    assert_eq!((db.state_hash(), db.erasures().len()), (before, 0));
    assert!(matches!(erase([member(1)]).run(home.path()), Err(EraseError::Open(_))));
    db.close().unwrap();
    assert_eq!(storage_folders(&home.path()).unwrap(), ["sled"]);
    fs::remove_file(note).unwrap();
    assert!(erase([member(3)]).run(home.path()).unwrap().is_some());
}

#[test]
fn nothing_is_erased_from_a_database_that_has_nothing_of_the_subject() {
    let home = Home::new();
    home.open().close().unwrap();
    assert_eq!(erase([member(1)]).run(home.path()).unwrap(), None);
    let db = home.open();
    submit(&db, Batch::new(messages(0, 40)));
    db.close().unwrap();
    assert_eq!(erase([member(1)]).run(home.path()).unwrap(), None);
    assert_eq!(storage_folders(&home.path()).unwrap(), ["sled"]);
    // A killed process left events after the last checkpoint.
    let db = home.open();
    submit(&db, Batch::new(vec![event(1, 0), message("case-1", 90)]));
    let killed = home.killed();
    drop(db);
    let erased = erase([member(1)]).run(killed.path()).unwrap().unwrap();
    assert_eq!(erased.receipt.events, 1);
    assert!(is_clean(&killed.open()));
}

/// The difference of two state hashes is the hash of the lines that changed, so the one of before is not stored, nor is the one
/// that a checkpoint recorded.
#[test]
fn a_receipt_and_the_database_do_not_tell_the_hash_of_an_erased_line() {
    let home = Home::new();
    let db = home.open();
    fill(&db, &events(3, 0..8));
    let before = db.state_hash();
    db.close().unwrap();
    let receipt = erase([member(1)]).run(home.path()).unwrap().unwrap().receipt;
    assert_eq!(receipt.keyed_hash_before.len(), 64);
    assert_ne!(receipt.keyed_hash_before, before.to_string());
    let db = home.open();
    assert!(db.recorded_hashes().unwrap().hashes.iter().all(|recorded| recorded.hash != before));
    assert_eq!(db.erasure_of(before), Some(receipt));
    db.close().unwrap();
    assert!(!contains_bytes(&home, &before.to_bytes()));
}

#[test]
fn an_open_conversation_is_erased_only_if_asked() {
    let home = Home::new();
    let db = home.open();
    fill(&db, &events(2, 0..6));
    submit(&db, Batch::new(vec![event(0, 6)]));
    let both = Erase::new([member(0), member(1)]);
    let found = both.dry_run(&db).unwrap();
    assert_eq!(found.iter().map(|found| found.status).collect::<Vec<_>>(), [Status::Closed, Status::Open]);
    assert!(found.iter().all(|found| found.by == NamedBy::Event));
    let before = db.state_hash();
    db.close().unwrap();
    let error = both.run(home.path()).unwrap_err();
    assert!(matches!(error, EraseError::StillOpen { conversations: 1 }), "{error:?}");
    let db = home.open();
    assert_eq!(db.state_hash(), before);
    db.close().unwrap();
    assert_eq!(Erase::new([member(0)]).run(home.path()).unwrap().unwrap().receipt.conversations, 1);
    assert_eq!(both.open_too(true).run(home.path()).unwrap().unwrap().receipt.conversations, 1);
}

#[test]
fn a_dry_run_of_a_replay_counts_erased_events_as_the_replay_does() {
    let home = Home::new();
    let db = home.open();
    let all = events(3, 0..7);
    fill(&db, &all);
    db.close().unwrap();
    Erase::new([member(1)]).run(home.path()).unwrap().unwrap();
    let db = home.open();
    let log: String = all.iter().chain(&[event(1, 50)]).map(|event| format!("{}\n", event.export_line())).collect();
    let now = db.at(Moment::LATEST);
    let dry_run = DryRun::of(&now);
    let dry = Replay::new(&dry_run).input(Input::reader("log", Cursor::new(log.clone()))).run().unwrap().counts;
    assert_eq!(dry_run.finish().unwrap().diff().unwrap().count(), 1);
    let wet = Replay::new(&db).input(Input::reader("log", Cursor::new(log))).run().unwrap().counts;
    assert_eq!((wet.erased, wet.duplicates, wet.applied), (7, 14, 1));
    assert_eq!(dry, wet);
}

#[test]
fn a_close_without_a_time_that_is_delivered_again_is_recognised() {
    let home = Home::new();
    let db = home.open();
    let close = |started: i64, identity: Option<&str>| {
        let draft =
            Draft::new("airship", "member-0001_1700000000000", Kind::Close, None).started(Time::from_ms(started));
        draft.identity(identity.map(|id| Identity::given(id, 0))).build().unwrap()
    };
    let all = vec![close(BEGINNING_MS, None), close(BEGINNING_MS + 5, Some("x")), close(BEGINNING_MS + 9, None)];
    submit(&db, Batch::new(all.clone()));
    db.close().unwrap();
    Erase::new([member(1)]).run(home.path()).unwrap().unwrap();
    let db = home.open();
    assert_eq!(submit(&db, Batch::new(all)).counts.erased, 3);
    assert!(is_clean(&db));
}

#[test]
fn a_damaged_record_of_an_erasure_is_named_and_the_database_can_be_read_and_repaired() {
    let home = Home::new();
    let db = home.open();
    fill(&db, &events(3, 0..7));
    db.close().unwrap();
    for number in [0, 1] {
        Erase::new([member(number)]).run(home.path()).unwrap().unwrap();
    }
    let hash = home.open().state_hash();
    let options = SledOptions { segment_bytes: MIN_SEGMENT_BYTES, cache_bytes: 1 << 20 };
    let sled = SledStorage::open(&storage_folder(&home.path()).unwrap(), options).unwrap();
    sled.put_record("erasures/0000000003", b"damaged").unwrap();
    sled.barrier().unwrap();
    drop(sled);
    let error = Convofold::open(home.path()).unwrap_err();
    assert!(matches!(error, OpenError::DamagedRecord { kind: RecordKind::Erasure, number: 3, .. }), "{error:?}");
    let db = Options::new().read_only(true).open(home.path()).unwrap();
    assert_eq!((db.state_hash(), db.recovery().damaged_erasures.as_slice()), (hash, [3].as_slice()));
    assert_eq!(db.erasures().iter().map(|receipt| receipt.number).collect::<Vec<_>>(), [1, 2]);
    db.close().unwrap();
    let repaired = home.dir.path().join("repaired");
    let report = Repair::new(home.path(), &repaired).run().unwrap();
    assert_eq!((report.lost.len(), report.lost_erasures), (0, vec![3]));
    assert_eq!(Convofold::open(repaired).unwrap().erasures().len(), 2);
}

/// A host whose bookmark is the id of the last event that it read.
#[test]
fn a_bookmark_of_before_that_names_the_member_is_erased_and_the_newest_one_is_the_hosts() {
    let home = Home::new();
    let db = home.open();
    let last = |member: u64, number: u64| format!("message-{member:04}-{number}");
    for number in 0..7 {
        for member in 0..3 {
            submit(&db, Batch::new(vec![event(member, number)]).bookmark("last-read", last(member, number)));
            submit(&db, Batch::default().bookmark(format!("of message-{member:04}-2"), "x"));
        }
        // A block without events, and bookmarks that were deleted.
        submit(&db, Batch::default().bookmark("last-read", last(1, number)));
        submit(&db, Batch::default().delete_bookmark("of message-0001-2"));
    }
    db.checkpoint().unwrap();
    let hash = db.state_hash();
    db.close().unwrap();
    let error = erase([member(1)]).run(home.path()).unwrap_err();
    assert!(matches!(&error, EraseError::InBookmark { name } if name == "\"last-read\""), "{error:?}");
    let db = home.open();
    submit(&db, Batch::default().bookmark("last-read", last(0, 6)));
    let bookmarks = db.bookmarks();
    db.close().unwrap();
    let erased = erase([member(1)]).run(home.path()).unwrap().unwrap();
    // Every second event has an id.
    for number in [0, 2, 4, 6] {
        assert!(!contains(&home, &last(1, number)), "{number}");
    }
    let db = home.open();
    assert_eq!((db.bookmarks(), db.erasure_of(hash)), (bookmarks.clone(), Some(erased.receipt)));
    assert!(is_clean(&db));
    // What a backup and a repair read.
    let [backup, restored, repaired] = ["backup", "restored", "repaired"].map(|name| home.dir.path().join(name));
    db.backup(&backup, &BackupOptions::new(), |_| {}).unwrap();
    db.close().unwrap();
    restore(&[&backup], &restored, &Options::new(), |_| {}).unwrap();
    Repair::new(home.path(), &repaired).run().unwrap();
    for folder in [restored, repaired] {
        assert_eq!(Convofold::open(folder).unwrap().bookmarks(), bookmarks);
    }
}

#[test]
fn a_damaged_recorded_hash_does_not_stop_an_erasure_and_is_counted() {
    let (home, storage) = (Home::new(), Arc::new(MemoryStorage::default()));
    let db = home.open_on(&storage, Options::new());
    fill(&db, &events(3, 0..7));
    db.close().unwrap();
    let recorded = |contents: &mut crate::storage::memory::Contents| {
        let (_, value) = contents.records.iter_mut().find(|(name, _)| name.starts_with("recorded-hashes/")).unwrap();
        value[40] ^= 1;
    };
    storage.damage(recorded);
    let opened = open_on(&home.path(), &Options::new(), storage.clone()).unwrap();
    let erased = Erase::new([member(1)]).run_on(opened).unwrap().unwrap();
    assert_eq!((erased.receipt.conversations, erased.damaged_values), (1, 1));
    let db = home.open_on(&MemoryStorage::with(storage.created().unwrap().contents()), Options::new());
    assert!(is_clean(&db));
}
