//! Reports as JSON. All bindings show these names, so this test detects an accidental change.

use std::time::Duration;

use convofold_engine::ingest::Format;
use convofold_engine::{Effect, StateHash};
use serde::Serialize;

use crate::api::export::EventExportReport;
use crate::api::feed::Change;
use crate::api::handle::Convofold;
use crate::api::ingest::{IgnoredCounts, IngestReport};
use crate::api::query::ExportReport;
use crate::api::stats::Stats;
use crate::care::backup::{BackupContents, BackupReport, RestoreReport};
use crate::care::repair::{Lost, RepairReport};
use crate::check::audit::{AuditDifference, AuditReport};
use crate::check::verify::{Problem, VerifiedCheckpoint, VerifyReport};
use crate::checkpoint::error::SkipReason;
use crate::checkpoint::write::Checkpoint;
use crate::damage::Damage;
use crate::open::report::{Recovery, SkippedCheckpoint};
use crate::replay::{Progress, ReplayReport};
use crate::state::receipt::{EffectCounts, Receipt};
use crate::storage::sled::file::ScanFinding;
use crate::write::trim::Trimmed;

const TOOK: Duration = Duration::from_micros(1_999);

#[track_caller]
fn expect(value: &impl Serialize, json: &str) {
    assert_eq!(serde_json::to_string(value).unwrap(), json);
}

fn hash() -> StateHash {
    StateHash::from_bytes(std::array::from_fn(|place| u8::try_from(place).unwrap()))
}

const HASH: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

#[test]
fn what_a_batch_did() {
    let counts = EffectCounts { applied: 1, late: 2, duplicates: 3, conflicts: 4, erased: 0 };
    expect(&counts, r#"{"applied":1,"late":2,"duplicates":3,"conflicts":4}"#);
    let receipt = Receipt {
        effects: [Effect::Applied, Effect::Late, Effect::Duplicate, Effect::Conflict { counts: true }].into(),
        counts: EffectCounts::default(),
        first_seq: Some(7),
        last_seq: None,
        durable: true,
    };
    expect(
        &receipt,
        r#"{"effects":["applied","late","duplicate",{"conflict":{"counts":true}}],"counts":{"applied":0,"late":0,"duplicates":0,"conflicts":0},"first_seq":7,"last_seq":null,"durable":true}"#,
    );
}

#[test]
fn what_became_of_a_request() {
    let mut ignored = IgnoredCounts::default();
    for (source, reason, count) in [("input", "blank", 1), ("airship", "other_type", 2), ("airship", "other_name", 3)] {
        ignored.add(source, reason, count);
    }
    expect(&ignored, r#"{"airship":{"other_name":3,"other_type":2},"input":{"blank":1}}"#);
    let folder = tempfile::tempdir().unwrap();
    let db = Convofold::open(folder.path()).unwrap();
    expect(
        &db.ingest(b"{\"a\":1}", Format::Convofold).unwrap(),
        r#"{"events":0,"counts":{"applied":0,"late":0,"duplicates":0,"conflicts":0},"ignored":{},"rejected":{"missing":1},"rejections":[{"convofold_reject":1,"line":1,"byte_offset":0,"path":"$.convofold","reason":"missing","expected":"1, the version of the form","found":"nothing","raw":"{\"a\":1}"}]}"#,
    );
    assert!(serde_json::to_string(&IngestReport::default()).unwrap().ends_with(r#""rejections":[]}"#));
}

#[test]
fn checkpoints_figures_and_what_opening_found() {
    let checkpoint = Checkpoint { seq: 9, generation: 2, pages_written: 3, bytes_written: 4, took: TOOK };
    expect(&checkpoint, r#"{"seq":9,"generation":2,"pages_written":3,"bytes_written":4,"took_ms":1}"#);
    let stats = Stats {
        conversations: 1,
        open: 2,
        resident: 3,
        resident_bytes: 4,
        first_seq: 5,
        last_seq: 6,
        durable_seq: 7,
        blocks: 8,
        log_bytes: 9,
        checkpoint_seq: 10,
        disk_bytes: 11,
        unused_bytes: 12,
        ..Stats::default()
    };
    expect(
        &stats,
        r#"{"conversations":1,"open":2,"resident":3,"resident_bytes":4,"first_seq":5,"last_seq":6,"durable_seq":7,"blocks":8,"log_bytes":9,"checkpoint_seq":10,"disk_bytes":11,"unused_bytes":12}"#,
    );
    let recovery = Recovery {
        checkpoint_seq: Some(1),
        skipped: vec![SkippedCheckpoint { generation: 4, why: SkipReason::Record(Damage::Missing) }],
        removed_files: vec!["sled/snap.0.generating".into()],
        scan_finding: Some(ScanFinding::Gap { at: 512 }),
        took: TOOK,
        ..Recovery::default()
    };
    expect(
        &recovery,
        r#"{"is_new":false,"checkpoint_seq":1,"events_replayed":0,"blocks_replayed":0,"last_seq":0,"skipped":[{"generation":4,"why":"the record is damaged: it is missing"}],"removed_files":["sled/snap.0.generating"],"scan_finding":"a segment is missing before byte 512 of sled's file","unreadable_end_mark":false,"clock_ahead_ms":null,"stray_values":0,"took_ms":1}"#,
    );
}

#[test]
fn counters_are_flat_and_histograms_count_by_bucket() {
    let latencies = crate::state::histogram::Latencies::default();
    latencies.add(Duration::from_micros(3));
    let counters = crate::Counters {
        commit_latency: latencies.snapshot(),
        checkpoint_age: Some(TOOK),
        poisoned: true,
        ..Default::default()
    };
    let zeros = |count| vec!["0"; count].join(",");
    expect(
        &counters,
        &format!(
            r#"{{"events":{{"applied":0,"late":0,"duplicates":0,"conflicts":0}},"rejected":0,"batches":0,"groups":0,"queue_full":0,"commit_latency":{{"buckets":[0,0,1,{}],"sum_us":3}},"barrier_latency":{{"buckets":[{}],"sum_us":0}},"clock_jumps":0,"last_clock_jump_ms":null,"checkpoints":0,"checkpoint_age_ms":1,"reloaded":0,"pages_read":0,"queue_depth":0,"queue_capacity":0,"conversations":0,"open":0,"resident":0,"resident_bytes":0,"last_seq":0,"durable_seq":0,"checkpoint_seq":0,"log_bytes":0,"checkpoint_bytes":0,"poisoned":true}}"#,
            zeros(26),
            zeros(29)
        ),
    );
}

#[test]
fn a_change_holds_the_event_in_convofolds_own_form() {
    let folder = tempfile::tempdir().unwrap();
    let db = Convofold::open(folder.path()).unwrap();
    let line = r#"{"convofold":1,"source":"desk","conversation":"c","identity":"m1","kind":"message","occurred":"2026-03-02T09:15:00.000Z","agent":null,"text":""}"#;
    assert_eq!(db.ingest(line.as_bytes(), Format::Auto).unwrap().counts.applied, 1);
    let change: Change = db.changes(1).try_next().unwrap().unwrap();
    expect(&change, &format!(r#"{{"seq":1,"at":1772442900000,"event":{line}}}"#));
    let conversation = serde_json::to_value(db.scan().next().unwrap().unwrap()).unwrap();
    assert_eq!(
        (&conversation["state"]["id"], &conversation["history"][0]["event"]["kind"]),
        (&"c".into(), &"message".into())
    );
}

#[test]
fn a_page_is_continued_by_a_text() {
    let folder = tempfile::tempdir().unwrap();
    let db = Convofold::open(folder.path()).unwrap();
    for conversation in ["a", "b"] {
        let line = format!(
            r#"{{"convofold":1,"source":"desk","conversation":"{conversation}","kind":"message","direction":"in","occurred":"1970-01-01T00:00:07Z"}}"#
        );
        db.ingest(line.as_bytes(), Format::Auto).unwrap();
    }
    let query = convofold_engine::Query::new().limit(1);
    expect(
        &db.query(&query).unwrap(),
        r#"{"rows":[{"id":"a","tenant":null,"channel":null,"agent":null,"member_name":null,"member_number":null,"member_business_id":null,"member_channel_id":null,"shortcode":null,"unread":1,"started_at":7000,"last_active_at":7000,"closed_at":null,"waiting_since":7000,"suspect":false,"last_message":null}],"next":"a-7000:a","unknown":[]}"#,
    );
    expect(
        &db.agents(),
        r#"[{"tenant":null,"agent":null,"open":2,"unread":2,"waiting":2,"oldest_waiting_since":7000}]"#,
    );
    expect(
        &db.totals(),
        r#"[{"tenant":null,"channel":null,"conversations":2,"open":2,"waiting":2,"unread":2,"unanswered_after_close":0}]"#,
    );
}

#[test]
fn ways_in_and_out() {
    expect(&ExportReport { conversations: 1, bytes: 2 }, r#"{"conversations":1,"bytes":2}"#);
    let exported = EventExportReport { events: 1, last_seq: 2, bytes: 3, longest_line_bytes: 4 };
    expect(&exported, r#"{"events":1,"last_seq":2,"bytes":3,"longest_line_bytes":4}"#);
    let trimmed = Trimmed { events: 1, blocks: 2, bytes: 3, first_seq: 4 };
    expect(&trimmed, r#"{"events":1,"blocks":2,"bytes":3,"first_seq":4}"#);
    let replayed = ReplayReport { rejected: [("not JSON".to_owned(), 2)].into(), took: TOOK, ..Default::default() };
    expect(
        &replayed,
        r#"{"lines":0,"bytes":0,"events":0,"counts":{"applied":0,"late":0,"duplicates":0,"conflicts":0},"uncounted":0,"ignored":{},"rejected":{"not JSON":2},"incomplete_inputs":0,"problems":[],"resumed":false,"stopped":false,"took_ms":1}"#,
    );
    let progress = Progress {
        bytes_read: 1,
        bytes_total: None,
        events: 2,
        events_per_second: 0.5,
        elapsed: TOOK,
        input: "a.ndjson",
    };
    expect(
        &progress,
        r#"{"bytes_read":1,"bytes_total":null,"events":2,"events_per_second":0.5,"elapsed_ms":1,"input":"a.ndjson"}"#,
    );
}

#[test]
fn backups_and_what_was_made_of_them() {
    let contents = BackupContents {
        incremental: false,
        first_seq: 1,
        last_seq: 2,
        blocks: 3,
        conversations: 4,
        bookmarks: 5,
        fold_version: 6,
        state_hash: hash(),
        bytes: 7,
    };
    let written = format!(
        r#""incremental":false,"first_seq":1,"last_seq":2,"blocks":3,"conversations":4,"bookmarks":5,"fold_version":6,"state_hash":"{HASH}","bytes":7"#
    );
    expect(&contents, &format!("{{{written}}}"));
    expect(&BackupReport { contents, took: TOOK }, &format!(r#"{{{written},"took_ms":1}}"#));
    let restored = RestoreReport { last_seq: 1, blocks: 2, conversations: 3, state_hash: hash(), took: TOOK };
    expect(&restored, &format!(r#"{{"last_seq":1,"blocks":2,"conversations":3,"state_hash":"{HASH}","took_ms":1}}"#));
    let repaired = RepairReport {
        blocks: 1,
        events: 2,
        from_checkpoints: 3,
        lost: vec![Lost { first_seq: 4, last_seq: 5, after_ms: None, before_ms: Some(6) }],
        bookmarks_dropped: vec!["upstream".to_owned()],
        lost_erasures: vec![8],
        lost_holds: vec![9],
        lost_retention_runs: vec![10, 11],
        conversations: 7,
        state_hash: hash(),
        took: TOOK,
    };
    expect(
        &repaired,
        &format!(
            r#"{{"blocks":1,"events":2,"from_checkpoints":3,"lost":[{{"first_seq":4,"last_seq":5,"after_ms":null,"before_ms":6}}],"bookmarks_dropped":["upstream"],"lost_erasures":[8],"lost_holds":[9],"lost_retention_runs":[10,11],"conversations":7,"state_hash":"{HASH}","took_ms":1}}"#
        ),
    );
}

#[test]
fn what_was_checked() {
    let verified = VerifyReport {
        last_seq: 1,
        blocks: 2,
        events: 3,
        log_bytes: 4,
        log_is_whole: true,
        checkpoints: vec![VerifiedCheckpoint { generation: 5, seq: 6, conversations: 7, compared: true }],
        conversations: 8,
        state_hash: Some(hash()),
        recorded_hashes: 9,
        recorded_hashes_compared: 1,
        newest_hash_skipped: None,
        problems: vec![Problem::Shortened { expected: 9, found: 8 }],
        more_problems: 0,
        took: TOOK,
    };
    expect(
        &verified,
        &format!(
            r#"{{"last_seq":1,"blocks":2,"events":3,"log_bytes":4,"log_is_whole":true,"checkpoints":[{{"generation":5,"seq":6,"conversations":7,"compared":true}}],"conversations":8,"state_hash":"{HASH}","recorded_hashes":9,"recorded_hashes_compared":1,"problems":[{{"problem":"shortened","expected":9,"found":8}}],"more_problems":0,"took_ms":1}}"#
        ),
    );
    let difference =
        AuditDifference { id: "c".into(), field: "unread".into(), expected: "1".into(), found: "2".into() };
    let audited = AuditReport { conversations: 1, differences: vec![difference], took: TOOK, ..Default::default() };
    expect(
        &audited,
        r#"{"conversations":1,"events":0,"last_seq":0,"differences":[{"id":"c","field":"unread","expected":"1","found":"2"}],"more_differences":0,"took_ms":1}"#,
    );
}
