use convofold::ingest::Format;
use convofold::{Convofold, Time};
use tempfile::TempDir;

use super::*;
use crate::Settings;

/// A database, of which half of the storage is unused after a trim.
fn app(toml: &str) -> (TempDir, Convofold, App) {
    let folder = tempfile::tempdir().unwrap();
    let db = Convofold::open(folder.path().join("db")).unwrap();
    let settings: Settings = toml::from_str(&format!("db = {:?}\n{toml}", db.dir())).unwrap();
    let app = App::new(db.clone(), settings.resolve().unwrap()).unwrap();
    (folder, db, app)
}

fn add(db: &Convofold, from: u32) {
    let event = |number: u32| {
        let text: String =
            (0..60).map(|place| char::from(b'a' + (number.wrapping_mul(place * 7 + 13) % 26) as u8)).collect();
        format!(
            r#"{{"convofold":1,"source":"desk","conversation":"c-{}","identity":"{number}","kind":"message","direction":"in","occurred":"2026-03-02T09:00:00Z","text":"{text}"}}"#,
            number % 50
        )
    };
    let log: String = (from..from + 2_000).map(|number| event(number) + "\n").collect();
    assert_eq!(db.ingest(log.as_bytes(), Format::Auto).unwrap().rejected_total(), 0);
    db.checkpoint().unwrap();
}

#[test]
fn each_job_is_due_at_its_time() {
    let (_folder, db, app) = app("zone = \"Europe/Oslo\"\n[compact]\nat = \"03:30\"");
    // 2026-03-02T00:00:00Z.
    let midnight = 1_772_409_600_000;
    assert_eq!(app.schedule.next(midnight), [(Job::Compact, midnight + 150 * 60_000)].into());
    assert_eq!(app.schedule.runs(), [(Job::Compact, Runs::default())].into());
    db.close().unwrap();
}

#[test]
fn old_texts_are_removed_and_a_run_without_old_ones_is_skipped() {
    let (_folder, db, app) = app("[retention]\nat = \"03:30\"\ntexts = \"1d\"");
    add(&db, 0);
    assert!(db.state("c-1").unwrap().unwrap().last_message.is_some());
    run(&app, Job::Retention, Time::now());
    assert!(db.state("c-1").unwrap().unwrap().last_message.is_none());
    run(&app, Job::Retention, Time::now());
    let runs = app.schedule.runs()[&Job::Retention];
    assert_eq!((runs.done, runs.skipped, runs.failed, db.retention_runs().len()), (1, 1, 0, 2));
    db.close().unwrap();
}

#[test]
fn a_storage_is_compacted_if_most_of_it_is_unused_and_each_run_is_counted() {
    let (_folder, db, app) = app("[compact]\nat = \"03:30\"");
    for from in [0, 2_000, 4_000] {
        add(&db, from);
    }
    db.trim_log(Time::MAX).unwrap();
    run(&app, Job::Compact, Time::now());
    let done = app.schedule.runs()[&Job::Compact];
    assert!(done.done == 1 && done.freed_bytes > 0 && done.last_at > 0, "{done:?}");
    db.close().unwrap();
    run(&app, Job::Compact, Time::now());
    let closed = app.schedule.runs()[&Job::Compact];
    assert_eq!((closed.done, closed.failed + closed.skipped, closed.freed_bytes), (1, 1, done.freed_bytes));
}
