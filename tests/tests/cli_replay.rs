//! `convofold replay`: inputs, report, rejects, exit codes, interrupt and resume.

#![expect(clippy::expect_used, reason = "tests and their helpers may panic")]

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use convofold_tests::command::{Desk, Ran};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

const OPEN: &str = r#"{"occurred":"2023-11-14T22:00:00Z","body":{"name":"live_chat_convo","interaction_type":"convo_open","transaction":"a","properties":{"convo":{"started_timestamp":1700000000000}}}}"#;
const SAID: &str = r#"{"occurred":"2023-11-14T22:01:00Z","body":{"name":"live_chat_message","interaction_type":"sms_in","transaction":"b","properties":{"message":{"timestamp":1700000000001,"message":"Hi"}}}}"#;
const TEST: &str = r#"{"Event":"test"}"#;

fn generated(desk: &Desk, name: &str, more: &[&str]) {
    let ran = desk.run_bare(&[&["generate", "--events", "3000", "--seed", "5", "--out", name], more].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

fn rejects(desk: &Desk) -> Vec<Value> {
    desk.read("rejects").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn hash(desk: &Desk) -> String {
    desk.run("hash", &[]).stdout
}

#[test]
fn the_report_counts_everything() {
    let desk = Desk::default();
    desk.write("log", format!("{OPEN}\n{SAID}\n{SAID}\n{TEST}\n{{]\n"));
    let ran = desk.run("replay", &["log", "--json"]);
    assert_eq!((ran.code, ran.stderr.lines().count()), (Some(3), 1), "{ran:?}");
    let report = ran.json();
    for (name, expected) in [
        ("lines", json!(5)),
        ("events", json!(3)),
        ("applied", json!(2)),
        ("late", json!(0)),
        ("duplicates", json!(1)),
        ("conflicts", json!(0)),
        ("ignored", json!(1)),
        ("ignored_by_reason", json!({"superoffice": {"other_event": 1}})),
        ("rejected", json!(1)),
        ("rejected_by_reason", json!({"not JSON": 1})),
        ("conversations", json!(2)),
        ("open", json!(2)),
        ("resumed", json!(false)),
        ("stopped", json!(false)),
    ] {
        assert_eq!(report[name], expected, "{name}");
    }
}

#[test]
fn for_people_the_report_is_on_standard_error() {
    let desk = Desk::default();
    desk.write("log", format!("{OPEN}\n{SAID}\n"));
    let ran = desk.run("replay", &["log"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
    for line in ["lines          2", "  applied      2", "rejected       0", "conversations  2"] {
        assert!(ran.stderr.lines().any(|said| said == line), "{line}: {}", ran.stderr);
    }
}

#[test]
fn a_second_replay_finds_duplicates_only() {
    let desk = Desk::default();
    generated(&desk, "log", &[]);
    let first = desk.run("replay", &["log", "--json"]).json();
    let before = hash(&desk);
    let second = desk.run("replay", &["log", "--json"]).json();
    assert_eq!((&second["duplicates"], &second["applied"], &second["late"]), (&first["events"], &json!(0), &json!(0)));
    assert_eq!(hash(&desk), before);
}

#[test]
fn rejects_say_where_why_and_what() {
    let desk = Desk::default();
    let mut log = format!("{OPEN}\n{{\"Event\": \"chatsession.created\"}}\n").into_bytes();
    log.extend_from_slice(b"\"\xff\"\n");
    log.extend_from_slice(SAID.as_bytes());
    desk.write("log", &log);
    let ran = desk.run("replay", &["log", "--rejects", "rejects"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stderr.ends_with("2 rejected: see rejects\n"), "{}", ran.stderr);

    let rejects = rejects(&desk);
    let [created, not_utf8] = rejects.as_slice() else { panic!("{rejects:?}") };
    assert_eq!(
        (&created["convofold_reject"], &created["source"], &created["line"]),
        (&json!(1), &json!("log"), &json!(2))
    );
    assert_eq!(created["raw"], "{\"Event\": \"chatsession.created\"}");
    for key in ["path", "reason", "expected", "found"] {
        assert!(created[key].is_string(), "{key}: {created}");
    }
    assert_eq!((&not_utf8["line"], &not_utf8["reason"]), (&json!(3), &json!("not UTF-8")));
    assert_eq!((&not_utf8["raw_base64"], not_utf8.get("raw")), (&json!("Iv8i"), None));
    assert_eq!(not_utf8["byte_offset"].as_u64().map(|at| log[usize::try_from(at).expect("small")]), Some(0xff));
}

/// Regression: `--rejects` emptied any existing file, a file of the database included.
#[test]
fn the_file_for_rejects_destroys_nothing() {
    let desk = Desk::default();
    desk.write("log", format!("{OPEN}\nnonsense\n"));
    assert_eq!(desk.run("replay", &["log"]).code, Some(3));
    let before = hash(&desk);
    desk.write("notes", "precious\n");
    #[cfg(unix)]
    std::os::unix::fs::symlink("db/sled/db", desk.path("link")).expect("a link");
    for file in ["notes", "db/sled/db", "db/HEAD", "db/new", "db", "db/../db/sled/db", "link"] {
        let ran = desk.run("replay", &["log", "--rejects", file]);
        assert_eq!(ran.code, Some(2), "{file}: {ran:?}");
        assert!(ran.stderr.contains("hint: "), "{file}: {ran:?}");
        let forced = desk.run("replay", &["log", "--rejects", file, "--force"]);
        assert_eq!(forced.code, Some(if file == "notes" { 3 } else { 2 }), "{file}: {forced:?}");
        assert_eq!(hash(&desk), before, "{file}");
    }
    assert_eq!(desk.read("notes").lines().count(), 1);
    assert!(desk.read("notes").starts_with("{\"convofold_reject\":1,\"source\":\"log\","));
    assert!(!desk.path("db/new").exists());
}

#[test]
fn rejects_are_appended_once_each() {
    let desk = Desk::default();
    desk.write("a", "nonsense\n");
    desk.write("b", "{\n");
    for (files, expected) in [(&["a"][..], 1), (&["b"], 2), (&["a", "b"], 2)] {
        assert_eq!(desk.run("replay", &[files, &["--rejects", "rejects"]].concat()).code, Some(3));
        assert_eq!(rejects(&desk).len(), expected, "{files:?}");
    }
    assert_eq!(desk.run("replay", &["a", "--rejects", "rejects", "--force"]).code, Some(3));
    assert_eq!(rejects(&desk).len(), 1);
}

/// Regression: a rejects file could not be read, whatever was repaired in it.
#[test]
fn repaired_rejects_are_replayed_and_ingested() {
    let desk = Desk::default();
    let misspelt = SAID.replace("sms_in", "sms_inn");
    desk.write("log", [format!("{OPEN}\n[{misspelt},{TEST}]\n{{\n").as_bytes(), b"\"\xff\"\n"].concat());
    assert_eq!(desk.run("replay", &["log", "--rejects", "rejects"]).code, Some(3));
    assert_eq!(rejects(&desk).len(), 3);
    desk.write("whole", format!("{OPEN}\n{SAID}\n"));
    assert_eq!(desk.run_bare(&["replay", "whole", "--db", "expected"]).code, Some(0));

    // As `jq -c '.raw |= sub("sms_inn"; "sms_in")'` does.
    desk.write("repaired", desk.read("rejects").replace("sms_inn", "sms_in"));
    let ran = desk.run("replay", &["repaired", "--rejects", "again", "--json"]);
    let report = ran.json();
    assert_eq!((ran.code, &report["applied"], &report["rejected"]), (Some(3), &json!(1), &json!(2)), "{ran:?}");
    assert_eq!(hash(&desk), desk.run_bare(&["hash", "--db", "expected"]).stdout);
    // What is rejected again is a record of the same raw part, so that the rest can be repaired, too.
    let raw = |file: &str| -> Vec<Value> {
        let records = desk.read(file);
        let records = records.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        records.map(|record| json!([record["raw"], record["raw_base64"]])).collect()
    };
    assert_eq!(raw("again"), raw("rejects")[1..]);

    let input = std::fs::File::open(desk.path("repaired")).expect("a file");
    let ran: Ran = desk.command(&["ingest", "--db", "db"]).stdin(input).output().expect("it runs").into();
    let answers = ran.json_lines();
    assert_eq!((ran.code, answers.len(), &answers[0]["duplicates"]), (Some(3), 3, &json!(1)), "{ran:?}");
}

#[test]
fn without_a_file_for_rejects_their_number_is_told_and_how_to_see_them() {
    let desk = Desk::default();
    desk.write("log", "nonsense\n");
    let ran = desk.run("replay", &["log"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("1 rejected: run again with --rejects FILE"), "{}", ran.stderr);
}

#[test]
fn a_folder_a_pattern_standard_input_and_compressed_files_are_read() {
    let desk = Desk::default();
    generated(&desk, "log", &[]);
    assert_eq!(desk.run("replay", &["log"]).code, Some(0));
    let expected = hash(&desk);

    let lines: Vec<String> = desk.read("log").lines().map(|line| format!("{line}\n")).collect();
    for (number, part) in lines.chunks(700).enumerate() {
        desk.write(&format!("logs/{number}/part.ndjson"), part.concat());
    }
    desk.write("logs/.hidden", "nonsense");
    for (db, file) in [("by-folder", "logs"), ("by-pattern", "logs/*/*.ndjson"), ("by-deep-pattern", "**/part.*")] {
        let ran = desk.run_bare(&["replay", file, "--db", db]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(desk.run_bare(&["hash", "--db", db]).stdout, expected, "{file}");
    }

    let log = desk.read("log");
    desk.write("zstd.log", zstd::encode_all(log.as_bytes(), 1).expect("compressed"));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(log.as_bytes()).expect("compressed");
    desk.write("gzip.log", gzip.finish().expect("compressed"));
    for file in ["zstd.log", "gzip.log"] {
        assert_eq!(desk.run_bare(&["replay", file, "--db", file.trim_end_matches(".log")]).code, Some(0));
        assert_eq!(desk.run_bare(&["hash", "--db", file.trim_end_matches(".log")]).stdout, expected, "{file}");
    }

    let log = std::fs::File::open(desk.path("log")).expect("a log");
    let piped: Ran = desk.command(&["replay", "-", "--db", "piped"]).stdin(log).output().expect("it runs").into();
    assert_eq!(piped.code, Some(0), "{piped:?}");
    assert_eq!(desk.run_bare(&["hash", "--db", "piped"]).stdout, expected);
}

#[test]
fn a_database_and_rejects_among_the_logs_are_not_read_as_logs() {
    let desk = Desk::default();
    desk.write("log", format!("{OPEN}\nnonsense\n"));
    for _ in 0..2 {
        let ran = desk.run("replay", &[".", "--rejects", "rejects", "--json"]);
        assert_eq!((ran.code, &ran.json()["lines"]), (Some(3), &json!(2)), "{ran:?}");
        assert_eq!(rejects(&desk).len(), 1);
    }
}

/// Regression: one damaged file stopped the replay of its folder, and the hint promised that the same command would help.
#[cfg(unix)]
#[test]
fn odd_files_do_not_stop_a_folder() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let desk = Desk::default();
    generated(&desk, "log", &[]);
    let log = desk.read("log");
    let parts: Vec<String> =
        log.lines().collect::<Vec<_>>().chunks(1_000).map(|lines| lines.join("\n") + "\n").collect();
    desk.write("logs/1", &parts[0]);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(parts[1].as_bytes()).expect("compressed");
    let whole = gzip.finish().expect("compressed");
    desk.write("logs/2", &whole[..whole.len() - 4]);
    desk.write("logs/3", &parts[2]);
    for odd in ["logs/.1.swp", "logs/1~", "logs/#1#"] {
        desk.write(odd, "nonsense");
    }
    symlink(".", desk.path("logs/circle")).expect("a link");
    symlink("gone", desk.path("logs/lost")).expect("a link");
    assert!(std::process::Command::new("mkfifo").arg(desk.path("logs/pipe")).status().expect("mkfifo runs").success());
    for runs in 0..2 {
        let ran = desk.run("replay", &["logs", "--json"]);
        assert_eq!(ran.code, Some(3), "{ran:?}");
        let report = ran.json();
        assert_eq!((&report["events"], &report["rejected"]), (&json!(3_000), &json!(0)));
        assert_eq!(report["duplicates"], if runs == 0 { 0 } else { 3_000 });
        assert_eq!((&report["incomplete_inputs"], report["problems"].as_array().map(Vec::len)), (&json!(2), Some(2)));
        for word in ["logs/2: cannot be read from line 1001", "logs/lost: cannot be read", "undamaged copy"] {
            assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
        }
        for word in [".1.swp", "1~", "#1#", "circle", "pipe"] {
            assert!(ran.stderr.lines().any(|line| line.starts_with("skipped: ") && line.contains(word)), "{word}");
        }
    }
    // Root can read everything.
    std::fs::set_permissions(desk.path("logs/1"), std::fs::Permissions::from_mode(0o000)).expect("a mode");
    if std::fs::File::open(desk.path("logs/1")).is_err() {
        let ran = desk.run_bare(&["replay", "logs/1", "logs/3", "--db", "other", "--json"]);
        assert_eq!((ran.code, &ran.json()["events"]), (Some(3), &json!(1_000)), "{ran:?}");
    }
}

#[test]
fn bytes_after_the_compressed_data_are_ignored_with_a_warning() {
    let desk = Desk::default();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(format!("{OPEN}\n{SAID}\n").as_bytes()).expect("compressed");
    desk.write("log", [gzip.finish().expect("compressed").as_slice(), b"garbage"].concat());
    let ran = desk.run("replay", &["log"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("warning: log: ignored 7 bytes"), "{}", ran.stderr);
}

#[test]
fn the_report_explains_late_events_and_names_the_command_for_conflicts() {
    let desk = Desk::default();
    let said = |id: &str, second: u32, text: &str| {
        format!(
            "{{\"convofold\":1,\"source\":\"desk\",\"conversation\":\"c\",\"kind\":\"message\",\"identity\":\"{id}\",\
             \"occurred\":\"2026-03-02T09:15:{second:02}Z\",\"text\":\"{text}\"}}\n"
        )
    };
    desk.write("log", said("1", 2, "Hi") + &said("2", 1, "Before") + &said("1", 2, "Hello"));
    let ran = desk.run("replay", &["log"]);
    for (name, explained) in [
        ("  late", "1 (arrived after newer events of their conversation; harmless)"),
        ("  conflicts", "1 (`convofold conflicts` lists them)"),
    ] {
        let line = format!("{name:<15}{explained}");
        assert!(ran.stderr.lines().any(|said| said == line), "{line}: {}", ran.stderr);
    }

    let listed = desk.run("conflicts", &["--json"]).json();
    assert_eq!((&listed["conversation"], &listed["identity"]), (&json!("c"), &json!("1")), "{listed}");
    let field = &listed["fields"][0];
    let texts = [field["kept"].as_str().expect("a text"), field["lost"].as_str().expect("a text")];
    assert_eq!(field["field"], "text");
    assert!(texts == ["\"Hi\"", "\"Hello\""] || texts == ["\"Hello\"", "\"Hi\""], "{texts:?}");
    let table = desk.run("conflicts", &["c"]).stdout;
    assert!(table.lines().count() == 2 && table.contains("\"Hello\"") && table.contains("  text  "), "{table}");
    assert_eq!(desk.run("conflicts", &["unknown"]).code, Some(4));

    desk.write("other", said("3", 3, "Alone"));
    assert_eq!(desk.run_bare(&["replay", "other", "--db", "other-db"]).code, Some(0));
    let none = desk.run_bare(&["conflicts", "--db", "other-db"]);
    assert_eq!((none.code, none.stdout.as_str(), none.stderr.as_str()), (Some(0), "", "no conflicts\n"));
}

/// Regression: a night with typing signals ended with exit code 3.
#[test]
fn named_interactions_are_ignored_and_counted_by_reason() {
    let desk = Desk::default();
    let typing = SAID.replace("sms_in", "typing_start");
    let snoozed = OPEN.replace("convo_open", "convo_snooze");
    desk.write("log", format!("{OPEN}\n{typing}\n{typing}\n{snoozed}\n{SAID}\n"));
    assert_eq!(desk.run("replay", &["log"]).code, Some(3));
    let ran = desk.run("replay", &["log", "--ignore", "typing_start,convo_snooze", "--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    assert_eq!(ran.json()["ignored_by_reason"], json!({"airship": {"convo_snooze": 1, "typing_start": 2}}));
    let ran = desk.run("replay", &["log", "--ignore", "typing_start,convo_snooze"]);
    assert!(ran.stderr.lines().any(|line| line.starts_with("  airship typing_start  2")), "{}", ran.stderr);
}

/// W4: a zone for times without one; in a gap of the clock a time is shifted forward, of two the earlier counts.
#[test]
fn a_zone_can_be_named_for_times_without_one() {
    let desk = Desk::default();
    let started_at = |zone: &[&str], occurred: &str| {
        let db = format!("db-{}-{occurred}", zone.len());
        desk.write("log", SAID.replace("2023-11-14T22:01:00Z", occurred).replace(r#""timestamp":1700000000001,"#, ""));
        let ran = desk.run_bare(&[&["replay", "log", "--db", &db], zone].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        desk.run_bare(&["export", "--db", &db]).json_lines()[0]["started_at"].clone()
    };
    let berlin = ["--zone", "Europe/Berlin"];
    assert_eq!(started_at(&[], "2026-07-01 12:00:00"), json!(1_782_907_200_000_i64));
    assert_eq!(started_at(&berlin, "2026-07-01 12:00:00"), json!(1_782_900_000_000_i64));
    assert_eq!(started_at(&berlin, "2026-07-01T12:00:00Z"), json!(1_782_907_200_000_i64));
    assert_eq!(started_at(&berlin, "2026-03-29 02:30:00"), json!(1_774_747_800_000_i64));
    assert_eq!(started_at(&berlin, "2026-10-25 02:30:00"), json!(1_792_888_200_000_i64));
    let ran = desk.run("replay", &["log", "--zone", "Mars/Olympus"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("Mars/Olympus"), "{ran:?}");
}

#[test]
fn the_limits_can_be_set() {
    let desk = Desk::default();
    let long = SAID.replace("Hi", &"x".repeat(2 << 20));
    desk.write("log", format!("{OPEN}\n{long}\n{}\n", SAID.replace("\"b\"", &format!("\"{}\"", "b".repeat(1_500)))));
    let ran = desk.run("replay", &["log", "--json"]);
    assert_eq!(ran.json()["rejected_by_reason"], json!({"id too long": 1, "line too long": 1}));
    for option in ["--max-line SIZE", "--max-id SIZE"] {
        assert!(ran.stderr.contains(option), "{option}: {}", ran.stderr);
    }
    let ran = desk.run("replay", &["log", "--json", "--max-line", "3MiB", "--max-id", "2KiB"]);
    assert_eq!((ran.code, &ran.json()["events"]), (Some(0), &json!(3)), "{ran:?}");
    assert_eq!(desk.run("replay", &["log", "--max-line", "much"]).code, Some(2));
}

#[test]
fn a_named_source_takes_only_its_own_events() {
    let desk = Desk::default();
    desk.write("log", format!("{OPEN}\n{TEST}\n"));
    assert_eq!(desk.run("replay", &["log", "--format", "airship", "--json"]).json()["events"], 1);
    assert_eq!(desk.run("replay", &["log", "--format", "superoffice", "--json"]).json()["events"], 0);
    assert_eq!(desk.run("replay", &["log", "--format", "telegraph"]).code, Some(2));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let desk = Desk::default();
    generated(&desk, "log", &["--shuffle", "50"]);
    let hashes = ["1", "2", "7"].map(|threads| {
        assert_eq!(desk.run_bare(&["replay", "log", "--db", threads, "--threads", threads]).code, Some(0));
        desk.run_bare(&["hash", "--db", threads]).stdout
    });
    assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
    for (threads, code) in [("0", 0), ("-1", 2), ("all", 2)] {
        assert_eq!(desk.run("replay", &["log", "--threads", threads]).code, Some(code), "{threads}");
    }
}

#[test]
fn what_cannot_be_read_leaves_no_database_behind() {
    let desk = Desk::default();
    desk.write("log", OPEN);
    for args in [&["none"][..], &["none*"], &["log", "none"], &["log", "--rejects", "log"], &["-", "-"], &[]] {
        let ran = desk.run("replay", args);
        assert!(matches!(ran.code, Some(1 | 2)), "{args:?}: {ran:?}");
        assert!(ran.stderr.starts_with("error: "), "{args:?}: {ran:?}");
        assert!(!desk.path("db").exists(), "{args:?}");
    }
    assert_eq!(desk.read("log"), OPEN);
}

#[test]
fn nothing_to_read_is_no_failure() {
    let desk = Desk::default();
    std::fs::create_dir(desk.path("logs")).expect("a folder");
    let ran = desk.run("replay", &["logs"]);
    assert_eq!((ran.code, ran.stderr.lines().count()), (Some(0), 1), "{ran:?}");
    desk.write("logs/empty", "");
    assert_eq!(desk.run("replay", &["logs"]).code, Some(0));
}

#[cfg(unix)]
#[test]
fn an_interruption_stops_at_a_consistent_point_and_the_same_command_goes_on() {
    let desk = Desk::default();
    let made = desk.run_bare(&["generate", "--events", "60000", "--garbage", ".001", "--json", "--out", "log"]).json();
    let whole = desk.run_bare(&["replay", "log", "--db", "whole", "--rejects", "all"]);
    assert_eq!(whole.code, Some(3), "{whole:?}");

    let args = ["replay", "log", "--db", "db", "--rejects", "rejects", "--json"];
    let mut child = desk.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    while !desk.path("rejects").exists() || desk.read("rejects").is_empty() {
        assert!(child.try_wait().expect("a state").is_none(), "the replay ended before the interrupt");
        std::thread::sleep(Duration::from_millis(1));
    }
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().expect("kill runs").success());
    let interrupted: Ran = child.wait_with_output().expect("an end").into();
    assert_eq!(interrupted.code, Some(130), "{interrupted:?}");
    assert!(interrupted.stderr.contains("run the same command again"), "{interrupted:?}");
    assert_eq!(interrupted.json()["stopped"], true);

    let finished = desk.run_bare(&args);
    let report = finished.json();
    assert_eq!((finished.code, &report["resumed"]), (Some(3), &json!(true)), "{finished:?}");
    assert_eq!((&report["events"], &report["rejected"]), (&made["events"], &made["must_reject"]));
    assert_eq!(hash(&desk), desk.run_bare(&["hash", "--db", "whole"]).stdout);
    assert!(desk.read("rejects") == desk.read("all"), "both runs together have the rejects of one");
}

/// Regression: a named pipe was opened twice, which terminates the process that writes to it.
#[cfg(unix)]
#[test]
fn a_named_pipe_is_read_like_standard_input() {
    let desk = Desk::default();
    generated(&desk, "log", &[]);
    let pipe = desk.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let log = desk.read("log");
    let writer = std::thread::spawn(move || std::fs::write(pipe, log));
    let ran = desk.run("replay", &["pipe", "--json"]);
    writer.join().expect("no panic").expect("the pipe takes all of it");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.json()["events"], 3_000);
}
