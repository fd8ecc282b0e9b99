//! Every listed change is true, and no difference is missing: a naive comparison of two exports finds the same.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::sync::Arc;

use convofold_engine::{Direction, Draft, Event, HistoryEntry, Identity, Kind, Moment, Seq, StateHash, Time};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::api::view::Among;
use crate::replay::{Input, Replay, ReplayReport};
use crate::tests::{Home, export, submit};
use crate::{Batch, Convofold, Options, View};

/// Of these events, half have the identity of another one, with another content.
const POOL: u64 = 48;

/// Messages and closes of five conversations. The closes of one of them have no usable time.
fn pool() -> Vec<Event> {
    let event = |number: u64| {
        let id = format!("case-{}", number % 5);
        let at = Time::from_ms(1_700_000_000_000 + i64::try_from(number * 37 % POOL).unwrap() * 1_000);
        let text = format!("text {number}");
        let identity = Some(Identity::given(&format!("event-{}", number / 10 * 5 + number % 5), 0));
        let draft = match number % 7 {
            6 if number % 5 == 1 => Draft::new("desk", &id, Kind::Close, None).started(at),
            6 => Draft::new("desk", &id, Kind::Close, at),
            5 => Draft::new("desk", &id, Kind::Open, at),
            _ => Draft::new("desk", &id, Kind::Message, at).text(text.as_str()),
        };
        let direction = if number.is_multiple_of(3) { Direction::Out } else { Direction::In };
        draft.direction(direction).identity(identity).build()
    };
    (0..POOL).filter_map(|number| event(number).ok()).collect()
}

fn some_of_the_pool() -> impl Strategy<Value = Vec<Event>> {
    proptest::sample::subsequence(pool(), 0..=pool().len()).prop_shuffle()
}

/// Most conversations are evicted.
fn given(events: Vec<Event>) -> (Home, Convofold) {
    let home = Home::new();
    let db = home.open_on(&Arc::default(), Options::new().memory_bytes(1_000).block_bytes(2_000));
    submit(&db, Batch::new(events));
    db.checkpoint().unwrap();
    (home, db)
}

fn now(db: &Convofold) -> View {
    db.at(Moment::LATEST)
}

fn between(from: &dyn Side, to: &dyn Side) -> Vec<ConversationChange> {
    Diff::between(from, to).unwrap().collect::<Result<_, _>>().unwrap()
}

/// A diff that outlives the views that it was made of, on another thread.
fn owned(from: &View, to: &View) -> Vec<ConversationChange> {
    let diff = from.clone().diff(&to.clone()).unwrap();
    std::thread::spawn(move || diff.collect::<Result<_, _>>().unwrap()).join().unwrap()
}

/// Paths to values that are neither objects nor lists.
type Leaves = BTreeMap<String, String>;
/// Two different values at a path of a conversation.
type Differing = BTreeMap<(String, String), (Option<String>, Option<String>)>;

fn leaves(path: String, value: &Value, into: &mut Leaves) {
    match value {
        Value::Object(fields) => {
            let dot = if path.is_empty() { "" } else { "." };
            fields.iter().for_each(|(name, value)| leaves(format!("{path}{dot}{name}"), value, into));
        }
        Value::Array(elements) => {
            elements.iter().enumerate().for_each(|(place, value)| leaves(format!("{path}[{place}]"), value, into));
        }
        value => drop(into.insert(path, value.to_string())),
    }
}

fn leaves_of(path: &str, json: Option<&str>) -> Leaves {
    let mut found = Leaves::new();
    if let Some(json) = json {
        leaves(path.to_owned(), &serde_json::from_str(json).unwrap(), &mut found);
    }
    found
}

fn differing(id: &str, from: &Leaves, to: &Leaves) -> Differing {
    let paths = from.keys().chain(to.keys());
    let pair = |path: &String| (from.get(path).cloned(), to.get(path).cloned());
    let all = paths.map(|path| ((id.to_owned(), path.clone()), pair(path)));
    all.filter(|(_, (from, to))| from != to).collect()
}

fn naive(from: &str, to: &str) -> Differing {
    let by_id = |export: &str| -> BTreeMap<String, String> {
        let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
        export.lines().map(|line| (id(line), line.to_owned())).collect()
    };
    let (from, to) = (by_id(from), by_id(to));
    let of = |export: &BTreeMap<String, String>, id: &String| leaves_of("", export.get(id).map(String::as_str));
    from.keys().chain(to.keys()).flat_map(|id| differing(id, &of(&from, id), &of(&to, id))).collect()
}

fn listed(changes: &[ConversationChange]) -> Differing {
    let fields = changes.iter().flat_map(|change| change.fields.iter().map(|field| (&*change.id, field)));
    fields
        .flat_map(|(id, FieldChange { field, from, to })| {
            let path = if field == WHOLE { "" } else { field };
            differing(id, &leaves_of(path, from.as_deref()), &leaves_of(path, to.as_deref()))
        })
        .collect()
}

/// The events of a conversation that `other` does not have.
fn only_in(db: &Convofold, other: &Convofold, id: &str) -> Vec<Seq> {
    let history = |db: &Convofold| db.history(id).unwrap().unwrap_or_default();
    let others = history(other);
    let is_only_here = |entry: &HistoryEntry| others.iter().all(|other| other.event != entry.event);
    let mut only: Vec<_> = history(db).iter().filter(|entry| is_only_here(entry)).map(|entry| entry.seq).collect();
    only.sort_unstable();
    only
}

fn seqs(change: &ConversationChange, presence: Presence) -> Vec<Seq> {
    let causes = change.because.iter().flatten().filter(|cause| cause.only_in == presence);
    let mut seqs: Vec<_> = causes.map(|cause| cause.seq).collect();
    seqs.sort_unstable();
    seqs
}

fn exported(name: &str, db: &Convofold) -> Export {
    Export::new(Input::reader(name, Cursor::new(export(db))))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_diff_finds_what_a_naive_comparison_of_the_exports_finds(one in some_of_the_pool(), two in some_of_the_pool()) {
        let ((_one_home, one), (_two_home, two)) = (given(one), given(two));
        let changes = between(&now(&one), &now(&two));
        prop_assert_eq!(changes.is_empty(), one.state_hash() == two.state_hash());
        prop_assert_eq!(listed(&changes), naive(&export(&one), &export(&two)));
        prop_assert!(changes.is_sorted_by(|one, next| one.id < next.id));
        for change in &changes {
            let exists = |db: &Convofold| db.state(&change.id).unwrap().is_some();
            let kind = match (exists(&one), exists(&two)) {
                (true, true) => ChangeKind::Changed,
                (true, false) => ChangeKind::Removed,
                _ => ChangeKind::Added,
            };
            prop_assert_eq!(change.change, kind);
            prop_assert_eq!(seqs(change, Presence::From), only_in(&one, &two, &change.id));
            prop_assert_eq!(seqs(change, Presence::To), only_in(&two, &one, &change.id));
        }
        // An export instead of a database: the same, without events.
        let without_causes: Vec<_> =
            changes.iter().map(|change| ConversationChange { because: None, ..change.clone() }).collect();
        prop_assert_eq!(&between(&exported("one", &one), &now(&two)), &without_causes);
        prop_assert_eq!(&between(&exported("one", &one), &exported("two", &two)), &without_causes);
        for number in 0..5 {
            let id = format!("case-{number}");
            let (from, to) = (now(&one), now(&two));
            let of_one = Diff::of_one(&id, &from, &to).map(|diff| diff.map(Result::unwrap).collect::<Vec<_>>());
            let expected: Vec<_> = changes.iter().filter(|change| *change.id == *id).cloned().collect();
            match of_one {
                Ok(found) => prop_assert_eq!(found, expected),
                Err(error) => {
                    assert!(matches!(error, DiffError::NoConversation { .. }));
                    prop_assert!(one.state(&id).unwrap().or(two.state(&id).unwrap()).is_none());
                }
            }
        }
    }

    #[test]
    fn a_dry_run_lists_what_the_replay_then_changes(before in some_of_the_pool(), events in some_of_the_pool()) {
        let (_home, db) = given(before);
        let lines: String = events.iter().map(|event| event.export_line() + "\nnot an event\n").collect();
        let input = || Input::reader("events", Cursor::new(lines.clone()));
        let counted = |report: &ReplayReport| (report.events, report.rejected_total(), report.counts);
        let view = now(&db);
        let known = (export(&db), db.state_hash(), db.stats().last_seq);

        let dry_run = DryRun::of(&view);
        let report = Replay::new(&dry_run).input(input()).run().unwrap();
        let outcome = dry_run.finish().unwrap();
        let changes: Vec<_> = outcome.diff().unwrap().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!((export(&db), db.state_hash(), db.stats().last_seq), known);

        let replayed = Replay::new(&db).input(input()).run().unwrap();
        prop_assert_eq!(counted(&report), counted(&replayed));
        prop_assert_eq!(changes, between(&view, &now(&db)));
    }
}

#[test]
fn two_moments_of_a_database_are_compared() {
    let events = pool();
    let (_home, db) = given(events.clone());
    let (_part_home, part) = given(events[..20].to_vec());
    let changes = between(&db.at(Moment::known_at(20)), &now(&db));
    assert_eq!(owned(&db.at(Moment::known_at(20)), &now(&db)), changes);
    assert_eq!(owned(&now(&db), &now(&db)), []);
    assert_eq!(listed(&changes), naive(&export(&part), &export(&db)));
    assert!(changes.iter().all(|change| seqs(change, Presence::To).iter().all(|seq| *seq > 20)));
    assert_eq!(between(&now(&db), &now(&db)), []);
}

/// A side of which nothing is known but its conversations, so that all of them are compared.
struct Opaque<'a>(&'a View);

impl Side for Opaque<'_> {
    fn known_hash(&self) -> Result<Option<StateHash>, DiffError> {
        Ok(None)
    }

    fn conversations(&self) -> Result<Conversations<'_>, DiffError> {
        Side::conversations(self.0)
    }

    fn conversation(&self, id: &str) -> Result<Option<ExportLine>, DiffError> {
        Side::conversation(self.0, id)
    }

    fn history(&self, id: &str) -> Result<Option<Vec<HistoryEntry>>, DiffError> {
        Side::history(self.0, id)
    }
}

fn any_moment() -> impl Strategy<Value = Moment> {
    let time = |seconds: i64| Time::from_ms(1_700_000_000_000 + seconds * 1_000).unwrap();
    let as_of = proptest::option::of((0..50_i64).prop_map(time));
    (as_of, proptest::option::of(1..=POOL)).prop_map(|(as_of, known_at)| Moment { as_of, known_at })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn two_moments_of_a_database_differ_as_two_databases_do(
        events in some_of_the_pool(), moments in proptest::collection::vec([any_moment(), any_moment()], 8),
    ) {
        let (_home, db) = given(events);
        for pair in moments {
            let [from, to] = pair.map(|moment| db.at(moment));
            prop_assert_eq!(between(&from, &to), between(&Opaque(&from), &Opaque(&to)), "{:?}", pair);
        }
    }
}

/// The number of conversations that are folded for an answer about these.
fn folded(view: &View, among: Among) -> u32 {
    view.pages(among).iter().map(|(_, wanted)| wanted.count_ones()).sum()
}

#[test]
fn of_two_moments_only_the_conversations_that_may_differ_are_folded() {
    let minute = |minute: i64| Time::from_ms(1_700_000_000_000 + minute * 60_000).unwrap();
    let event = |number: i64, kind| {
        let id = format!("case-{number:04}");
        let draft = Draft::new("desk", &id, kind, minute(number));
        let draft = if kind == Kind::Message { draft.direction(Direction::Out) } else { draft };
        draft.build().unwrap()
    };
    let of_one = |number| [Kind::Message, Kind::Update, Kind::Close].map(|kind| event(number, kind));
    let (_home, db) = given((0..1_000).flat_map(of_one).collect());
    let compared = |from: Moment, to: Moment| {
        let [from, to] = [from, to].map(|moment| db.at(moment));
        let each = folded(&from, Among::Existing) + folded(&to, Among::Existing);
        (each, folded(&now(&db), Among::Differing([from.pinned(), to.pinned()])), between(&from, &to).len())
    };
    let (before, now, differing) = compared(Moment::as_of(minute(900)), Moment::as_of(minute(910)));
    assert!(before >= 1_812 && differing == 10, "{before}, {differing}");
    assert!((10..=12).contains(&now), "{now}");
    // Sequence numbers of evicted conversations are rounded to 256.
    let (before, now, differing) = compared(Moment::known_at(2_700), Moment::known_at(2_730));
    assert!(before >= 1_810 && differing == 10, "{before}, {differing}");
    assert!((10..=10 + 2 * 256 / 3).contains(&now), "{now}");
}

#[test]
fn a_dry_run_holds_the_conversations_of_its_events_and_no_others() {
    let events = pool();
    let of_one = |event: &&Event| event.conversation() == "case-3";
    let (_alone_home, alone) = given(events.iter().filter(of_one).cloned().collect());
    let (_home, db) = given(events.clone());
    let line = Draft::new("desk", "case-3", Kind::Open, minute_after_the_pool()).build().unwrap().export_line();
    let held = |db: &Convofold| {
        let view = now(db);
        let dry_run = DryRun::of(&view);
        let report = Replay::new(&dry_run).input(Input::reader("events", Cursor::new(line.clone()))).run().unwrap();
        assert_eq!(report.counts.applied, 1);
        dry_run.finish().unwrap().held()
    };
    assert_eq!(held(&db), held(&alone));
    assert_eq!(held(&db).0, 1);
}

fn minute_after_the_pool() -> Option<Time> {
    Time::from_ms(1_700_000_000_000 + 60_000 + i64::try_from(POOL).unwrap() * 1_000)
}

#[test]
fn a_backup_is_a_side() {
    let events = pool();
    let (home, db) = given(events[..30].to_vec());
    let file = home.path().with_extension("backup");
    db.backup(&file, &crate::backup::BackupOptions::default(), |_| ()).unwrap();
    let backup = Backup::open(&file).unwrap();
    assert_eq!(backup.known_hash().unwrap(), Some(db.state_hash()));
    assert_eq!(between(&backup, &now(&db)), []);
    assert!(!backup.is_restored(), "equal hashes are enough");
    let before = now(&db);
    submit(&db, Batch::new(events[30..].to_vec()));
    assert_eq!(between(&backup, &now(&db)), between(&before, &now(&db)));
    assert!(!between(&backup, &now(&db)).is_empty());
    assert!(matches!(Backup::open(home.path().join("HEAD")), Err(DiffError::BackupFile(_))));
}

#[test]
fn a_compressed_export_with_a_byte_order_mark_and_blank_lines_is_read() {
    let (_home, db) = given(pool());
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(format!("\u{feff}{}\r\n \n", export(&db).replace('\n', "\r\n\r\n")).as_bytes()).unwrap();
    let side = Export::new(Input::reader("export.gz", Cursor::new(gzip.finish().unwrap())));
    assert_eq!(between(&side, &now(&db)), []);
}

#[test]
fn what_is_not_a_sorted_export_is_refused_with_its_line() {
    let failed = |text: &str| {
        let side = Export::new(Input::reader("x", Cursor::new(text.to_owned())));
        let empty = Export::new(Input::reader("empty", Cursor::new("")));
        Diff::between(&side, &empty).unwrap().find_map(Result::err).unwrap()
    };
    let unsorted = failed("{\"id\":\"b\"}\n\n{\"id\":\"a\"}\n");
    assert!(matches!(&unsorted, DiffError::Order { line: 3, id, after, .. } if **id == *"a" && **after == *"b"));
    assert!(matches!(failed("{\"id\":\"a\"}\n{\"id\":\"a\"}\n"), DiffError::Order { line: 2, .. }));
    assert!(matches!(failed(&"x".repeat(1_000)), DiffError::Line { line: 1, .. }));
    assert!(matches!(failed("{\"id\":\"a\"}\n{\"id\":"), DiffError::Line { line: 2, .. }));
}

#[test]
fn a_line_of_an_export_has_a_maximum_length_and_the_error_names_the_line() {
    let read = |text: &str| {
        let side = Export::new(Input::reader("x", Cursor::new(text.to_owned()))).max_line_bytes(20);
        side.read().unwrap().map(|line| line.map(|line| line.id)).collect::<Result<Vec<_>, _>>()
    };
    let (fits, long) = (r#"{"id":"a","more":10}"#, r#"{"id":"b","more":100}"#);
    for end in ["\n", "\r\n", ""] {
        assert_eq!(read(&format!("{fits}{end}")).unwrap(), ["a".into()]);
        let refused = read(&format!("{fits}\n{long}{end}")).unwrap_err();
        assert_eq!(refused.to_string(), "x, line 2: expected at most 20 bytes, found more");
    }
    // Blank input without a line end is not read to its end either.
    assert!(matches!(read(&" ".repeat(1_000)), Err(DiffError::LineTooLong { line: 1, .. })));
}

#[test]
fn an_export_is_read_once() {
    let side = Export::new(Input::reader("x", Cursor::new("")));
    assert!(side.conversations().unwrap().next().is_none());
    assert!(matches!(side.conversations(), Err(DiffError::ReadAlready { .. })));
}

#[test]
fn a_diff_ends_after_an_error() {
    let side = Export::new(Input::reader("x", Cursor::new("{}\n{}\n")));
    let empty = Export::new(Input::reader("empty", Cursor::new("")));
    assert_eq!(Diff::between(&side, &empty).unwrap().map(|change| change.is_err()).collect::<Vec<_>>(), [true]);
}

#[test]
fn changes_are_counted_by_kind_and_field() {
    let field = |field: &str| FieldChange { field: field.to_owned(), from: None, to: None };
    let change = |change, fields| ConversationChange { change, id: "c".into(), fields, because: None };
    let mut counts = DiffCounts::default();
    counts.add(&change(
        ChangeKind::Changed,
        vec![field("assignments[0].at"), field("assignments[12].at"), field("unread")],
    ));
    counts.add(&change(ChangeKind::Changed, vec![field("unread"), field("suspect[3]")]));
    counts.add(&change(ChangeKind::Added, vec![field(WHOLE)]));
    counts.add(&change(ChangeKind::Removed, vec![field(WHOLE)]));
    assert_eq!((counts.added, counts.removed, counts.changed, counts.total()), (1, 1, 2, 4));
    let fields: Vec<_> = counts.fields.iter().map(|(field, count)| (field.as_str(), *count)).collect();
    assert_eq!(fields, [("assignments[].at", 1), ("suspect[]", 1), ("unread", 2)]);
}

#[test]
fn a_dry_run_needs_the_events_of_the_conversations() {
    let side = Export::new(Input::reader("x", Cursor::new("")));
    let dry_run = DryRun::new(&side, 0);
    let lines = pool()[0].export_line();
    assert!(Replay::new(&dry_run).input(Input::reader("events", Cursor::new(lines))).run().is_err());
    assert!(matches!(dry_run.finish(), Err(DiffError::NoEvents)));
}
