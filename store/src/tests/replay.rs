//! Replay of whole logs: on all processors, in order, and resumable.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use convofold_engine::ingest::Format;

use super::{Home, export};
use crate::replay::{Input, InputProblem, Replay, ReplayError, ReplayReport};
use crate::{Convofold, Options};

/// A log of `count` messages from Airship, with blank and broken lines in between.
fn log(first: u64, count: u64) -> String {
    let mut text = String::new();
    for number in first..first + count {
        let seconds = 1_700_000_000_000 + number * 1_000;
        text += &format!(
            r#"{{"occurred":"2023-11-14T22:13:20Z","body":{{"name":"live_chat_message","interaction_type":"sms_in","transaction":"t-{}","properties":{{"message":{{"timestamp":"{seconds}","message":"Number {number}: {}"}}}}}}}}"#,
            number % 91,
            "x".repeat(usize::try_from(number * 31 % 300).unwrap()),
        );
        text.push('\n');
        match number % 100 {
            17 => text.push('\n'),
            42 => text += "{\"occurred\":\n",
            _ => {}
        }
    }
    text
}

fn write(home: &Home, name: &str, bytes: &[u8]) -> PathBuf {
    let path = home.dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn replay(db: &Convofold, paths: &[&PathBuf]) -> ReplayReport {
    Replay::new(db).inputs(paths.iter().map(|path| Input::path(path.as_path()))).run().unwrap()
}

/// The expected state.
fn expected(paths: &[&PathBuf]) -> String {
    let home = Home::new();
    let db = home.open();
    for path in paths {
        db.ingest(&fs::read(path).unwrap(), Format::Auto).unwrap();
    }
    export(&db)
}

#[test]
fn everything_is_counted_and_a_second_time_is_all_duplicates() {
    let home = Home::new();
    let path = write(&home, "a.ndjson", log(0, 10_000).as_bytes());
    let db = home.open();
    let rejected = std::cell::RefCell::new(Vec::new());
    let mut told = 0;
    let report = Replay::new(&db)
        .input(Input::path(&path))
        .on_rejection(|rejection, input| {
            assert_eq!(input, path.display().to_string());
            rejected.borrow_mut().push(rejection.line);
        })
        .on_progress(|progress| {
            assert_eq!(progress.bytes_total, Some(fs::metadata(&path).unwrap().len()));
            told += 1;
        })
        .run()
        .unwrap();
    assert!(told >= 1);
    assert_eq!((report.lines, report.events), (10_200, 10_000));
    assert_eq!(report.bytes, fs::metadata(&path).unwrap().len());
    assert_eq!((report.ignored.get("input", "blank"), report.rejected_total()), (100, 100));
    assert_eq!(report.counts.total(), 10_000);
    assert_eq!(report.counts.duplicates, 0);
    assert!(!report.resumed && !report.stopped && report.uncounted == 0);
    let rejected = rejected.into_inner();
    assert_eq!(rejected.len(), 100);
    assert!(rejected.is_sorted());
    assert_eq!(db.stats().durable_seq, 10_000);
    assert_eq!(db.bookmarks(), []);
    assert_eq!(export(&db), expected(&[&path]));

    let again = replay(&db, &[&path]);
    assert_eq!((again.counts.duplicates, again.resumed), (10_000, false));
    assert_eq!(db.stats().last_seq, 10_000);
}

#[test]
fn compressed_inputs_are_known_by_their_content() {
    let home = Home::new();
    let text = log(0, 3_000);
    let mut gzip = Vec::new();
    // Two gzip members, like the output of `cat a.gz b.gz`.
    for half in [&text.as_bytes()[..100_000], &text.as_bytes()[100_000..]] {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(half).unwrap();
        gzip.extend(encoder.finish().unwrap());
    }
    let zstd = zstd::stream::encode_all(text.as_bytes(), 1).unwrap();
    let plain = write(&home, "plain", text.as_bytes());
    let db = home.open();
    assert_eq!(replay(&db, &[&plain]).counts.duplicates, 0);
    for (name, bytes) in [("gzip", &gzip), ("zstd", &zstd)] {
        let path = write(&home, name, bytes);
        let report = replay(&db, &[&path]);
        assert_eq!((report.counts.duplicates, report.lines, report.bytes), (3_000, 3_060, text.len() as u64), "{name}");
        let reader = std::io::Cursor::new(bytes.clone());
        let report = Replay::new(&db).input(Input::reader("-", reader)).run().unwrap();
        assert_eq!((report.counts.duplicates, report.lines), (3_000, 3_060), "{name} from a reader");
    }
}

#[test]
fn the_log_does_not_depend_on_the_number_of_threads() {
    let home = Home::new();
    let [a, b] = [("a", 0), ("b", 5_000)].map(|(name, first)| write(&home, name, log(first, 5_000).as_bytes()));
    let logs = [1, 2, 7].map(|threads| {
        let home = Home::new();
        let db = home.open_with(Options::new().parse_threads(threads));
        replay(&db, &[&a, &b]);
        let mut changes = db.changes(0);
        std::iter::from_fn(|| changes.try_next().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(logs[0].len(), 10_000);
    assert!(logs[0] == logs[1] && logs[1] == logs[2]);
}

/// Stops after this number of rejections was reported.
fn stop_after(db: &Convofold, paths: &[&PathBuf], rejections: usize) -> ReplayReport {
    let stop = Arc::new(AtomicBool::new(false));
    let mut seen = 0;
    Replay::new(db)
        .inputs(paths.iter().map(|path| Input::path(path.as_path())))
        .stop(stop.clone())
        .on_rejection(|_, _| {
            seen += 1;
            if seen == rejections {
                stop.store(true, Ordering::Relaxed);
            }
        })
        .run()
        .unwrap()
}

#[test]
fn a_stopped_replay_goes_on_where_it_was() {
    let home = Home::new();
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(log(12_000, 12_000).as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let a = write(&home, "a", log(0, 12_000).as_bytes());
    let b = write(&home, "b", &gzip);
    let whole = {
        let home = Home::new();
        let db = home.open();
        let report = replay(&db, &[&a, &b]);
        (export(&db), report)
    };
    let mut db = home.open();
    for (runs, rejections) in [20, 30, 25, 20, 40].into_iter().enumerate() {
        let report = stop_after(&db, &[&a, &b], rejections);
        assert!(report.stopped);
        assert_eq!((report.resumed, report.uncounted), (runs > 0, 0));
        assert_eq!(report.counts.total(), report.events);
        db.close().unwrap();
        db = home.open();
    }
    let report = replay(&db, &[&a, &b]);
    assert!(report.resumed && !report.stopped);
    assert_eq!((report.lines, report.bytes, report.events), (whole.1.lines, whole.1.bytes, whole.1.events));
    assert_eq!((report.counts, report.ignored), (whole.1.counts, whole.1.ignored));
    assert_eq!(report.rejected, whole.1.rejected);
    assert_eq!(export(&db), whole.0);
    assert_eq!(db.bookmarks(), []);
}

#[test]
fn a_killed_replay_goes_on_where_it_was() {
    let home = Home::new();
    let path = write(&home, "a", log(0, 20_000).as_bytes());
    let db = home.open();
    let mut seen = 0;
    let mut killed = Vec::new();
    Replay::new(&db)
        .input(Input::path(&path))
        .on_rejection(|_, _| {
            seen += 1;
            if seen % 60 == 0 {
                // Nothing is written while the folder is copied, so the copy equals what a kill would leave now.
                db.sync().unwrap();
                killed.push(home.killed());
            }
        })
        .run()
        .unwrap();
    let whole = export(&db);
    assert_eq!(killed.len(), 3);
    let mut resumed = 0;
    for survivor in killed {
        let again = survivor.open();
        let report = replay(&again, &[&path]);
        resumed += u64::from(report.resumed);
        assert_eq!((report.events, report.lines), (20_000, 20_400));
        assert_eq!(report.counts.total() + report.uncounted, 20_000);
        assert_eq!(export(&again), whole);
        assert_eq!(again.stats().last_seq, 20_000);
    }
    assert!(resumed > 0);
}

#[test]
fn another_file_under_the_same_name_is_begun_from_the_start() {
    let home = Home::new();
    let path = write(&home, "a", log(0, 10_000).as_bytes());
    let db = home.open();
    assert!(stop_after(&db, &[&path], 50).stopped);
    fs::write(&path, log(50_000, 10_000)).unwrap();
    let report = replay(&db, &[&path]);
    assert_eq!((report.resumed, report.events, report.counts.duplicates), (false, 10_000, 0));
}

/// W4: the zone is part of the identity of events without an id.
#[test]
fn a_resumed_replay_refuses_another_zone() {
    let home = Home::new();
    let path = write(&home, "a", log(0, 10_000).as_bytes());
    let db = home.open();
    assert!(stop_after(&db, &[&path], 50).stopped);
    let again = || Replay::new(&db).input(Input::path(&path));
    let refused = again().zone("Europe/Berlin".parse().unwrap()).run().unwrap_err();
    assert!(
        matches!(&refused, ReplayError::OtherZone { expected, found } if expected == "UTC" && found == "Europe/Berlin"),
        "{refused}"
    );
    let report = again().run().unwrap();
    assert!(report.resumed && !report.stopped);
}

#[test]
fn a_file_that_is_not_there_is_found_out_first() {
    let home = Home::new();
    let path = write(&home, "a", log(0, 10).as_bytes());
    let db = home.open();
    let outcome = Replay::new(&db).inputs([Input::path(&path), Input::path(home.dir.path().join("gone"))]).run();
    assert!(matches!(outcome, Err(ReplayError::Input { name, .. }) if name.ends_with("gone")));
    assert_eq!(db.stats().last_seq, 0);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 1).unwrap()
}

/// Reads one input from a file and from a reader; both find the same. Returns the events and the problems.
fn read_both_ways(bytes: &[u8]) -> (u64, Vec<InputProblem>) {
    let home = Home::new();
    let path = write(&home, "a", bytes);
    let db = home.open();
    let from_file = replay(&db, &[&path]);
    let reader = Input::reader(path.display().to_string(), std::io::Cursor::new(bytes.to_vec()));
    let from_reader = Replay::new(&db).input(reader).run().unwrap();
    assert_eq!(from_file.rejected_total(), 0);
    assert_eq!(from_reader.counts.duplicates, from_file.events);
    assert_eq!((from_reader.lines, &from_reader.problems), (from_file.lines, &from_file.problems));
    (from_file.events, from_file.problems)
}

/// Lines of events only.
fn events(count: usize) -> Vec<String> {
    let is_event = |line: &&str| line.ends_with("}}}}");
    let lines = log(0, 2 * count as u64);
    lines.lines().filter(is_event).take(count).map(|line| format!("{line}\n")).collect()
}

/// Regression: empty members, padding and garbage after the last member were errors.
#[test]
fn members_and_frames_in_a_row_are_one_input() {
    let lines = events(50);
    let text = lines.concat();
    let member_a_line: Vec<u8> = lines.iter().flat_map(|line| gzip(line.as_bytes())).collect();
    let empty_between: Vec<u8> = lines.iter().flat_map(|line| [gzip(line.as_bytes()), gzip(b"")].concat()).collect();
    let within_lines: Vec<u8> = text.as_bytes().chunks(97).flat_map(gzip).collect();
    let skippable = [0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    for (what, bytes) in [
        ("plain", text.clone().into_bytes()),
        ("a member for each line", member_a_line),
        ("empty members", empty_between),
        ("members within lines", within_lines),
        ("zero padding", [gzip(text.as_bytes()), vec![0; 1_000_000]].concat()),
        (
            "padded members",
            [gzip(lines[..9].concat().as_bytes()), vec![0; 3], gzip(lines[9..].concat().as_bytes())].concat(),
        ),
        ("two frames", [zstd(lines[..9].concat().as_bytes()), zstd(lines[9..].concat().as_bytes())].concat()),
        ("skippable frames", [&skippable[..], &zstd(text.as_bytes()), &skippable].concat()),
        ("padded frames", [zstd(text.as_bytes()), vec![0; 5]].concat()),
    ] {
        assert_eq!(read_both_ways(&bytes), (50, Vec::new()), "{what}");
    }
    for packed in [gzip(text.as_bytes()), zstd(text.as_bytes())] {
        let (events, problems) = read_both_ways(&[packed, b"SIGNATURE".to_vec()].concat());
        assert_eq!((events, problems.len(), problems[0].is_harmless), (50, 1, true));
        assert!(problems[0].problem.starts_with("ignored 9 bytes"), "{problems:?}");
    }
}

/// Regression: a damaged archive was an error, and of a short one nothing was read.
#[test]
fn complete_lines_before_damage_are_read() {
    let lines = events(50);
    let text = lines.concat();
    let members: Vec<_> = lines.iter().map(|line| gzip(line.as_bytes())).collect();
    let bad_checksum = {
        let mut members = members.clone();
        let last = members[10].len() - 5;
        members[10][last] ^= 1;
        members.concat()
    };
    let cut_within = |bytes: &[u8], cut: usize| bytes[..bytes.len() - cut].to_vec();
    let cut_line = gzip(&text.as_bytes()[..lines[..14].concat().len() + 60]);
    let header_only = [members[..49].concat(), vec![0x1f]].concat();
    let bad_header = [members[..49].concat(), vec![0x1f, 0x8b, 9, 9, 9]].concat();
    for (what, bytes, expected) in [
        ("a last member without its end", cut_within(&members.concat(), 20), 49),
        ("a last member without its checksum", cut_within(&gzip(text.as_bytes()), 4), 50),
        ("a line without its end", cut_within(&cut_line, 8), 14),
        ("a wrong checksum", bad_checksum, 11),
        ("one byte of a member", header_only, 49),
        ("no header", bad_header, 49),
        (
            "a frame without its end",
            [zstd(lines[..9].concat().as_bytes()), cut_within(&zstd(text.as_bytes()), 4)].concat(),
            9,
        ),
    ] {
        let (events, problems) = read_both_ways(&bytes);
        assert_eq!((events, problems.len()), (expected, 1), "{what}: {problems:?}");
        let at = if what == "a frame without its end" { 9 } else { expected };
        assert_eq!((problems[0].is_harmless, problems[0].line), (false, at + 1), "{what}");
    }
}

/// Regression: up to 32 KiB that were decoded before the damage were lost.
#[test]
fn nothing_that_was_decoded_before_damage_is_lost() {
    let text = events(400).concat();
    // Stored blocks, so that the position of the damage is known.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(text.as_bytes()).unwrap();
    let stored = encoder.finish().unwrap();
    let (mut block, mut decoded) = (10, 0);
    while decoded < 40_000 {
        let [_, low, high, ..] = stored[block..] else { panic!("no block") };
        let length = usize::from(u16::from_le_bytes([low, high]));
        (block, decoded) = (block + 5 + length, decoded + length);
    }
    assert!(decoded < text.len());
    let mut damaged = stored.clone();
    damaged[block + 1] ^= 1;
    let whole = text.as_bytes()[..decoded].iter().filter(|byte| **byte == b'\n').count() as u64;
    let (events, problems) = read_both_ways(&damaged);
    assert_eq!((events, problems.len()), (whole, 1), "{problems:?}");
}

/// Regression: the files after a damaged or unreadable one were not read.
#[test]
fn a_damaged_input_does_not_stop_the_others() {
    let home = Home::new();
    let lines = events(30);
    let text = |range: std::ops::Range<usize>| lines[range].concat().into_bytes();
    let first = write(&home, "1", &gzip(&text(0..10)));
    let cut = gzip(&text(10..20));
    let second = write(&home, "2", &cut[..cut.len() - 4]);
    let folder = home.dir.path().join("3");
    fs::create_dir(&folder).unwrap();
    let fourth = write(&home, "4", &text(20..30));
    let paths = [&first, &second, &folder, &fourth];
    let db = home.open();
    for runs in 0..2 {
        let report = replay(&db, &paths);
        let new = if runs == 0 { 30 } else { 0 };
        assert_eq!((report.events, report.events - report.counts.duplicates), (30, new));
        assert_eq!((report.incomplete_inputs, report.resumed), (2, false));
        let named: Vec<_> = report.problems.iter().map(|problem| problem.input.clone()).collect();
        assert_eq!(named, [&second, &folder].map(|path| path.display().to_string()));
        assert_eq!(db.bookmarks(), []);
    }
}

#[test]
fn a_resumed_replay_counts_each_problem_once() {
    let home = Home::new();
    let cut = gzip(log(0, 3_000).as_bytes());
    let damaged = write(&home, "a", &cut[..cut.len() - 4]);
    let folder = home.dir.path().join("b");
    fs::create_dir(&folder).unwrap();
    let last = write(&home, "c", log(3_000, 12_000).as_bytes());
    let paths = [&damaged, &folder, &last];
    let mut db = home.open();
    for rejections in [20, 10, 40, 30] {
        assert!(stop_after(&db, &paths, rejections).stopped);
        db.close().unwrap();
        db = home.open();
    }
    let report = replay(&db, &paths);
    assert!(report.resumed && !report.stopped);
    assert_eq!((report.events, report.incomplete_inputs, report.problems.len()), (15_000, 2, 2));
}

#[test]
fn when_nothing_can_be_opened_nothing_is_replayed() {
    let home = Home::new();
    let db = home.open();
    let outcome = Replay::new(&db).input(Input::path(home.dir.path())).run();
    assert!(matches!(outcome, Err(ReplayError::Input { .. })), "{outcome:?}");
}

/// A compressed file can expand without bound in one line.
#[test]
fn a_line_without_end_is_rejected_without_being_held() {
    let home = Home::new();
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(b"{").unwrap();
    for _ in 0..96 {
        encoder.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    encoder.write_all(b"\n").unwrap();
    let path = write(&home, "bomb", &encoder.finish().unwrap());
    assert!(fs::metadata(&path).unwrap().len() < 1 << 20);
    let report = replay(&home.open(), &[&path]);
    assert_eq!((report.lines, report.rejected_total(), report.bytes), (1, 1, (96 << 20) + 2));
}

#[test]
fn one_document_is_one_piece() {
    let home = Home::new();
    let path = write(&home, "a.json", b"[\n {\"Event\": \"test\"},\n {\"Event\": \"test\"}\n]\n");
    let db = home.open();
    let report = replay(&db, &[&path]);
    assert_eq!((report.ignored.get("superoffice", "other_event"), report.lines, report.events), (2, 4, 0));
}

/// Regression: each rejection was kept in memory until its piece was submitted.
#[test]
fn rejections_beyond_those_kept_are_counted_and_reported_in_order() {
    let home = Home::new();
    let lines = 20_000;
    let path = write(&home, "a", "1\n".repeat(lines).as_bytes());
    let db = home.open();
    assert_eq!(replay(&db, &[&path]).rejected_total(), lines as u64);
    let mut told = Vec::new();
    let replay = Replay::new(&db).input(Input::path(&path));
    let report = replay.on_rejection(|rejection, _| told.push(rejection.line)).run().unwrap();
    assert_eq!((report.rejected_total(), report.rejected["not an event"]), (lines as u64, lines as u64));
    assert!(told.iter().copied().eq(1..=lines as u64));
    assert_eq!(db.counters().rejected, 2 * lines as u64);
}

#[test]
fn a_failed_write_ends_it() {
    let home = Home::new();
    let path = write(&home, "a", log(0, 20_000).as_bytes());
    let storage = Arc::new(crate::storage::memory::MemoryStorage::default());
    let db = home.open_on(&storage, Options::new());
    storage.fail_append.set(3);
    let outcome = Replay::new(&db).input(Input::path(&path)).run();
    assert!(matches!(outcome, Err(ReplayError::Submit(_) | ReplayError::Commit(_))), "{outcome:?}");
}
