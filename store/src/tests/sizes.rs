//! Large values, at bounds that are lowered so that small inputs reach them.

use std::sync::Arc;

use convofold_engine::ingest::Format;
use convofold_engine::{AgentMention, Board, Direction, Draft, Event, Identity, Kind, Session, StateHash, Time};
use proptest::prelude::*;

use super::{Home, export, message, message_with, messages, submit};
use crate::bounds::Bounds;
use crate::care::backup::{BackupOptions, restore};
use crate::care::repair::Repair;
use crate::care::trim::TrimError;
use crate::conversations::archive::evict;
use crate::storage::memory::MemoryStorage;
use crate::write::batch::SubmitError;
use crate::write::error::{CloseError, CommitError};
use crate::{Batch, Convofold, Options};

fn bounded(bounds: Bounds) -> Options {
    Options { bounds, ..Options::new().group_max_events(1) }
}

fn trim(db: &Convofold) {
    let before = Time::from_ms(1_800_000_000_000).unwrap();
    let trimmed = db.trim_log(before).map_err(|error| match error {
        TrimError::Commit(error) => error,
        other => panic!("{other}"),
    });
    trimmed.unwrap();
}

#[test]
fn a_value_that_cannot_be_encoded_is_refused_and_does_not_poison() {
    let home = Home::new();
    let db = home.open_with(bounded(Bounds { body_bytes: 2_000, ..Bounds::default() }));
    submit(&db, Batch::new(messages(0, 5)));
    let before = (export(&db), db.stats().last_seq);
    let long = Batch::new(vec![message_with("long", 1, &"x".repeat(3_000))]).bookmark("at", "1");
    let refused = db.submit(long).unwrap().wait();
    assert!(matches!(refused, Err(CommitError::Unstorable { .. })), "{refused:?}");
    assert_eq!((export(&db), db.stats().last_seq), before);
    assert_eq!(db.bookmark("at"), None);
    submit(&db, Batch::new(messages(5, 5)));
    db.checkpoint().unwrap();
    assert!(db.verify(|_| {}).unwrap().is_clean());
    db.close().unwrap();
    let again = home.open();
    assert_eq!((again.stats().last_seq, again.state_hash()), (10, db.state_hash()));
}

#[test]
fn a_checkpoint_that_cannot_be_encoded_leaves_the_previous_one() {
    let home = Home::new();
    let db = home.open_with(bounded(Bounds { body_bytes: 2_000, ..Bounds::default() }));
    submit(&db, Batch::new(messages(0, 5)).bookmark("one", "x".repeat(1_000)));
    db.checkpoint().unwrap();
    submit(&db, Batch::default().bookmark("two", "x".repeat(1_000)));
    let refused = db.checkpoint();
    assert!(matches!(refused, Err(CommitError::Unstorable { .. })), "{refused:?}");
    submit(&db, Batch::new(messages(5, 5)));
    let closed = db.close();
    assert!(matches!(closed, Err(CloseError::Unstorable { .. })), "{closed:?}");
    let again = home.open();
    assert_eq!(again.recovery().checkpoint_seq, Some(5));
    assert_eq!((again.stats().last_seq, again.state_hash()), (10, db.state_hash()));
    assert_eq!(again.bookmarks().len(), 2);
}

#[test]
fn what_cannot_be_stored_is_refused_before_it_is_queued() {
    let home = Home::new();
    let db = home.open_with(bounded(Bounds { batch_bytes: 4_000, bookmarks: 2, ..Bounds::default() }));
    let name = "n".repeat(5_000);
    let named = message("c", 1).draft().member_name(name.as_str()).build().unwrap();
    let refused = db.submit(Batch::new(vec![named]));
    assert!(matches!(refused, Err(SubmitError::TooLarge { what: "bytes", max: 4_000, .. })), "{refused:?}");
    for name in ["one", "two", "one"] {
        submit(&db, Batch::default().bookmark(name, "x"));
    }
    let refused = db.submit(Batch::default().bookmark("three", "x"));
    assert!(matches!(refused, Err(SubmitError::TooLarge { found: 3, max: 2, .. })), "{refused:?}");
    submit(&db, Batch::default().delete_bookmark("two"));
    submit(&db, Batch::new(vec![message("c", 1)]).bookmark("three", "x"));
}

/// Bounds at which a few messages fill a batch.
fn small_batches() -> Bounds {
    Bounds { batch_bytes: 4_000, submission_bytes: 2_000, ..Bounds::default() }
}

#[test]
fn repair_splits_its_batches_by_bytes() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new((0..40).map(|number| message_with("c", number, &"x".repeat(1_000))).collect()));
    for trims in [false, true] {
        if trims {
            trim(&db);
        }
        db.sync().unwrap();
        let damaged = home.killed();
        let into = damaged.dir.path().join("repaired");
        let mut repair = Repair::new(damaged.path(), &into);
        repair.bounds = small_batches();
        let report = repair.run().unwrap();
        assert_eq!((report.events, report.state_hash), (40, db.state_hash()));
    }
}

#[test]
fn ingest_splits_its_batches_by_bytes() {
    let home = Home::new();
    let db = home.open_with(bounded(small_batches()));
    let lines: String = messages(0, 40).iter().map(|event| event.export_line() + "\n").collect();
    let report = db.ingest(lines.as_bytes(), Format::Convofold).unwrap();
    assert_eq!((report.events, report.counts.applied + report.counts.late), (40, 40));
}

/// Names and texts that are repeated, near the bounds of the tests, and at the limit of names.
const LENGTHS: [usize; 8] = [0, 1, 20, 299, 300, 301, 2_000, 8_192];

fn text(seed: usize, length: usize) -> String {
    (0..length).map(|at| char::from(b'a' + u8::try_from((seed * 7 + at) % 26).unwrap())).collect()
}

prop_compose! {
    fn an_event()(
        conversation in 0..6_usize,
        kind in prop::sample::select(vec![Kind::Message, Kind::Message, Kind::Open, Kind::Update, Kind::Close]),
        ms in 0..40_i64,
        identity in 0..40_usize,
        agent in prop::option::of((0..5_usize, prop::sample::select(LENGTHS.to_vec()))),
        name in prop::option::of((0..3_usize, prop::sample::select(LENGTHS.to_vec()))),
        said in prop::option::of((0..9_usize, prop::sample::select(LENGTHS.to_vec()))),
        tenant in prop::option::of(0..3_usize),
        alias in prop::option::of((0..2_usize, prop::sample::select(LENGTHS.to_vec()))),
        untimed in prop::bool::weighted(0.1),
    ) -> Event {
        let time = Time::from_ms(1_700_000_000_000 + ms * 1_000).unwrap();
        let (id, conversation) = (format!("agent {:?}", agent.map(|(number, _)| number)), format!("c{conversation}"));
        let [agent_name, name, said, alias] = [agent, name, said, alias].map(|given| given.map(|(seed, length)| text(seed, length)));
        let tenant = tenant.map(|number| text(number, 30));
        let identity = (identity > 9).then(|| Identity::given(&identity.to_string(), 0));
        let mention = agent_name.as_deref().map_or(AgentMention::Silent, |name| AgentMention::agent(id.as_str(), name));
        let draft = if untimed && kind == Kind::Close {
            Draft::new("desk", &conversation, kind, None).started(time)
        } else {
            Draft::new("desk", &conversation, kind, time)
        };
        let draft = draft.identity(identity).agent(mention).direction(Direction::In);
        let draft = draft.member_name(name.as_deref()).tenant(tenant.as_deref()).text(said.as_deref());
        let draft = match alias {
            Some(alias) => draft.session(Session::new().customer_alias(alias)),
            None => draft,
        };
        draft.build().unwrap()
    }
}

fn expect_state(db: &Convofold, hash: StateHash, lines: &str) {
    assert_eq!(db.state_hash(), hash);
    assert!(export(db) == lines);
    let verified = db.verify(|_| {}).unwrap();
    assert!(verified.is_clean(), "{verified:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 50, ..ProptestConfig::default() })]

    /// Whatever the sizes of what was accepted, no operation fails, and none changes the state.
    #[test]
    fn any_accepted_events_survive_every_operation(
        events in prop::collection::vec(an_event(), 1..60),
        part_bytes in prop::sample::select(vec![1, 300, 5_000, 2 << 20]),
        batch in 1..20_usize,
    ) {
        let bounds = Bounds { part_bytes, batch_bytes: 2 << 20, submission_bytes: 3_000, sorted_bytes: 500, ..Bounds::default() };
        let options = || Options { bounds, ..Options::new().memory_bytes(1) };
        let mut board = Board::new();
        for (seq, event) in (1..).zip(&events) {
            board.edit().apply(seq, event);
        }
        let hash = board.state_hash();
        let lines: String = board.ids().iter().map(|id| board.state(id).unwrap().export_line() + "\n").collect();
        let expect = |db: &Convofold| expect_state(db, hash, &lines);

        let home = Home::in_memory();
        let db = home.open_with(options());
        for events in events.chunks(batch) {
            submit(&db, Batch::new(events.to_vec()));
        }
        expect(&db);
        db.checkpoint().unwrap();
        evict(&db.shared().live, 0, 0);
        expect(&db);
        db.close().unwrap();
        let db = home.open_with(options());
        expect(&db);
        for (number, trims) in [false, true].into_iter().enumerate() {
            if trims {
                trim(&db);
                expect(&db);
            }
            let beside = |name: &str| home.dir.path().join(format!("{name}-{number}"));
            let mut exported = Vec::new();
            db.export_events(&mut exported).unwrap();
            let again = options().open(beside("ingested")).unwrap();
            again.ingest(&exported, Format::Convofold).unwrap();
            expect(&again);

            db.backup(beside("backup"), &BackupOptions::new(), |_| {}).unwrap();
            restore(&[beside("backup")], beside("restored"), &options(), |_| {}).unwrap();
            expect(&options().open(beside("restored")).unwrap());

            let damaged = home.copied_to(Home::in_memory());
            let mut repair = Repair::new(damaged.path(), beside("repaired"));
            repair.bounds = bounds;
            prop_assert_eq!(repair.run().unwrap().state_hash, hash);
            expect(&options().open(beside("repaired")).unwrap());
        }
        db.close().unwrap();
        expect(&home.open_with(options()));
    }
}

/// One conversation, and sixteen that share a page.
#[test]
fn a_page_has_parts_of_a_bounded_size() {
    // A chunk of facts ends at 64 KiB and is not divided.
    let bounds = Bounds { part_bytes: 100_000, ..Bounds::default() };
    for conversations in [1, 16] {
        let home = Home::new();
        let storage = Arc::new(MemoryStorage::default());
        let db = home.open_on(&storage, bounded(bounds));
        for number in 0..200 {
            let text = text(3, 12_500);
            submit(&db, Batch::new(vec![message_with(&format!("c{}", number % conversations), number, &text)]));
        }
        db.checkpoint().unwrap();
        let pages = storage.contents().pages;
        assert!(pages.len() > 20, "{} parts", pages.len());
        assert!(pages.values().all(|value| value.len() < 6_000));
        evict(&db.shared().live, 0, 0);
        let state = db.state("c0").unwrap().unwrap();
        assert_eq!(state.messages_in + state.messages_out, 200_u64.div_ceil(conversations));
        // A longer page replaces both halves.
        for number in 200..203 {
            submit(&db, Batch::new(vec![message("c0", number)]));
            db.checkpoint().unwrap();
        }
        let again = Home::new();
        let storage = MemoryStorage::with(storage.contents());
        let again = again.open_on(&storage, Options::new());
        assert_eq!((again.recovery().skipped.len(), again.state_hash()), (0, db.state_hash()));
        // Without one of its parts, a page is damaged.
        storage.damage(|contents| contents.pages.retain(|key, _| key.part != 3));
        assert!(!again.verify(|_| {}).unwrap().is_clean());
    }
}
