//! Commands beside a process that holds the database, and from afar.

#![expect(clippy::unwrap_used, reason = "tests and their helpers may panic")]

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use convofold::Convofold;
use convofold_tests::command::{Desk, Ran};
use convofold_tests::holder::Holder;
use convofold_tests::serving::Serving;
use serde_json::Value;

const SOCKET: &str = "db/convofold.sock";

fn message(id: &str, more: &str) -> String {
    let id = Value::from(id);
    format!(
        r#"{{"convofold":1,"source":"desk","conversation":{id},"identity":"1","kind":"message","direction":"in","occurred":"2021-07-29T06:00:00Z"{more}}}"#
    )
}

/// Open and closed conversations, agents, tenants, channels, a conflict, and ids that no URL likes.
fn desk() -> Desk {
    let desk = Desk::default();
    let args = ["generate", "--events", "600", "--seed", "11", "--in-flight", "20"];
    let mut log = String::from_utf8(desk.command(&args).output().unwrap().stdout).unwrap();
    for line in [
        message("desk/1?a=b&c=%2F #", r##","text":"One","channel":"sms","member_name":"Ann""##),
        message("desk/1?a=b&c=%2F #", r##","text":"Two","channel":"sms""##),
        message("desk \"å\u{1f600}\u{7}", r##","text":"line 1\nline 2","agent":{"name":"Bo"}"##),
        message("-", ""),
        message("same", ""),
        message("same-2", r##","agent":null,"text":"\u001b[31m""##),
    ] {
        log.push_str(&line);
        log.push('\n');
    }
    desk.write("log", log);
    desk.write("hours.json", HOURS);
    let ran = desk.run("replay", &["log"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    desk
}

/// Business hours.
const HOURS: &str =
    r#"{"zone":"Europe/Berlin","week":{"thu":[["07:00","12:00"]],"fri":[["07:00","07:30"]]},"holidays":[]}"#;

/// Every reading command, with arguments that are answered, refused or explained.
const ASKED: &[&[&str]] = &[
    &["show", "same", "--as-of", "2021-07-29T06:00:00Z", "--json"],
    &["show", "same", "--as-of", "latest"],
    &["show", "same", "--known-at", "seq:1"],
    &["show", "same", "--as-of", "2021-07-29T05:59:59.999999999Z"],
    &["show", "same", "--known-at", "2000-01-01T00:00:00Z"],
    &["history", "same", "--as-of", "2021-07-29T08:00:00+02:00"],
    &["history", "same", "--known-at", "seq:0", "--format", "json"],
    &["history", "same", "--known-at", "latest", "--format", "json"],
    &["open", "--as-of", "latest", "--limit", "3"],
    &["open", "--as-of", "latest", "--sort", "waiting", "--waiting", "1m", "--json"],
    &["open", "--known-at", "seq:200", "--format", "csv", "--limit", "all"],
    &["open", "--known-at", "seq:200", "--sort", "last_message", "--limit", "4"],
    &["open", "--as-of", "1999-01-01T00:00:00Z"],
    &["open", "--known-at", "seq:99999999"],
    &["list", "--status", "any", "--as-of", "latest", "--known-at", "seq:300", "--format", "jsonl", "--limit", "all"],
    &["agents", "--as-of", "latest"],
    &["agents", "--known-at", "seq:200", "--json"],
    &["totals", "--known-at", "seq:200"],
    &["totals", "--as-of", "latest", "--json"],
    &["hash", "--known-at", "seq:200"],
    &["hash", "--as-of", "latest", "--json"],
    &["hash", "--known-at", "latest"],
    &["hash", "--known-at", "latest", "--json"],
    &["hash", "--recorded"],
    &["hash", "--recorded", "--json"],
    &["hash", "--recorded", "--format", "csv", "--tz", "Asia/Tokyo"],
    &["suspects"],
    &["suspects", "--by", "day", "--tz", "Asia/Tokyo"],
    &["suspects", "--by", "loss", "--format", "csv"],
    &["suspects", "--json"],
    &["suspects", "--json", "--known-at", "seq:300", "--tenant", "none"],
    &["suspects", "--source", "airship", "--since", "2021-07-29", "--until", "2021-07-30", "--format", "jsonl"],
    &["report", "--from", "2021-07-29", "--to", "2021-07-31", "--every", "6h", "--tz", "Asia/Tokyo", "--json"],
    &["report", "--from", "2021-07-29", "--to", "2021-07-31", "--by", "agent,channel", "--format", "csv"],
    &["report", "--from", "2021-07-29", "--to", "2021-07-31", "--by", "tenant"],
    &["report", "--from", "2021-07-29", "--to", "2021-07-31", "--every", "1d", "--by", "agent", "--format", "html"],
    &["report", "--from", "2021-07-29", "--to", "2021-07-31", "--measure", "open,within:1m", "--known-at", "seq:200"],
    &[
        "report",
        "--from",
        "2021-07-29",
        "--to",
        "2021-07-31",
        "--calendar",
        "hours.json",
        "--exclude-agent",
        "bO",
        "--json",
    ],
    &["report", "--from", "2021-07-29", "--to", "2021-07-31", "--tenant", "nobody", "--attribute", "start", "--json"],
    &["report", "--from", "2021-07-29", "--to", "2021-07-31", "--rows", "response", "--by", "agent"],
    &["report", "--from", "2021-07-29", "--to", "2021-07-31", "--rows", "within:1m", "--format", "csv"],
    &["report", "--from", "2021-07-29", "--to", "2021-07-31", "--rows", "unread", "--json", "--known-at", "seq:300"],
    &["report", "--from", "1980-01-01", "--to", "2021-07-31", "--every", "1h"],
    &["report", "--from", "2021-07-31", "--to", "2021-07-29"],
    &["report", "--from", "2021-07-31", "--known-at", "seq:99999999"],
    &["export", "--known-at", "seq:200"],
    &["export", "--as-of", "1999-01-01T00:00:00Z"],
    &["open"],
    &["open", "--now", "latest"],
    &["open", "--now", "latest", "--idle", "1m", "--limit", "3"],
    &["open", "--limit", "2"],
    &["open", "--limit", "all", "--sort", "waiting"],
    &["open", "--limit", "all", "--sort", "started", "--json"],
    &["open", "--unassigned", "--json"],
    &["open", "--unread-min", "2"],
    &["open", "--unread-min", "99999999999"],
    &["open", "--waiting", "1m", "--now", "latest"],
    &["open", "--agent", "nobody of this name"],
    &["open", "--agent", "bO"],
    &["open", "--member", "Ann", "--channel", "SMS"],
    &["open", "--suspect"],
    &["open", "--unanswered-after-close"],
    &["open", "--unanswered-after-close", "--agent", "nobody of this name"],
    &["open", "--cursor", "w5:x"],
    &["open", "--cursor", "nonsense"],
    &["open", "--cursor", "a-1:x", "--limit", "2", "--json"],
    &["open", "--sort", "unread", "--reverse", "--limit", "5"],
    &["open", "--sort", "last_message", "--limit", "all", "--format", "csv", "--now", "latest"],
    &["open", "--sort", "member", "--limit", "3", "--json"],
    &["open", "--format", "jsonl", "--limit", "all"],
    &["open", "--width", "80"],
    &["list"],
    &["list", "--status", "closed", "--sort", "closed", "--reverse", "--limit", "4"],
    &["list", "--limit", "all", "--format", "csv", "--now", "latest"],
    &["list", "--any-agent", "bO", "--json"],
    &["list", "--since", "2021-07-29", "--until", "2021-07-30", "--by", "started", "--columns", "id,started_at"],
    &["list", "--unanswered-after-close"],
    &["list", "--member", "nobody of this name"],
    &["list", "--status", "closed", "--member", "nobody of this name"],
    &["list", "--limit", "all", "--now", "latest"],
    &["list", "--status", "closed", "--limit", "3"],
    &["list", "--status", "closed", "--by", "closed", "--since", "2021-07-29", "--format", "csv"],
    &["list", "--status", "any", "--limit", "all", "--sort", "closed", "--reverse", "--format", "json"],
    &["list", "--status", "any", "--limit", "all", "--format", "jsonl"],
    &["list", "--until", "1980-01-01"],
    &["list", "--sort", "last_message", "--limit", "4"],
    &["open", "--columns", "id,last_message", "--format", "csv", "--limit", "all"],
    TO_THE_CLOCK,
    &["agents", "--format", "csv", "--sort", "open"],
    &["agents"],
    &["agents", "--sort", "open", "--format", "markdown"],
    &["agents", "--json", "--now", "latest"],
    &["agents", "--tenant", "nobody"],
    &["totals"],
    &["totals", "--json"],
    &["hash"],
    &["hash", "--json"],
    &["show", "desk/1?a=b&c=%2F #"],
    &["show", "desk/1?a=b&c=%2F #", "--json"],
    &["show", "desk/1"],
    &["show", "desk"],
    &["show", "same"],
    &["show", "-"],
    &["show", ""],
    &["show", "sam\u{2026}-2"],
    &["show", "\u{2026}e"],
    &["show", "unknown"],
    &["history", "desk \"å\u{1f600}\u{7}"],
    &["history", "desk \"å\u{1f600}\u{7}", "--json"],
    &["history", "des\u{2026}a=b&c=%2F #", "--format", "csv", "--tz", "Asia/Tokyo"],
    &["history", "unknown"],
    &["explain", "same"],
    &["explain", "same", "--json"],
    &["explain", "desk/1", "member", "--all"],
    &["explain", "same", "status", "--known-at", "latest"],
    &["explain", "same", "--as-of", "1999-01-01T00:00:00Z"],
    &["explain", "same", "no field"],
    &["explain", "unknown"],
    &["conflicts"],
    &["conflicts", "--json"],
    &["conflicts", "desk/1"],
    &["conflicts", "same"],
    &["conflicts", "unknown"],
    &["conflicts", "--as-of", "latest", "--json"],
    &["conflicts", "--known-at", "seq:200"],
    &["conflicts", "same", "--known-at", "seq:2"],
    &["conflicts", "same", "--as-of", "1999-01-01T00:00:00Z"],
    &["history", "desk/1", "--format", "markdown"],
    &["audit", "--sample", "5"],
    &["tail", "--limit", "3"],
    &["tail", "--from", "5", "--limit", "2", "--json"],
    &["tail", "--from", "99999999"],
    &["export", "--events"],
    &["disclose", "--conversation", "same", "--number", "+1 23"],
    &["disclose"],
    &["stats"],
    &["stats", "--json"],
    &["export"],
];

/// Fields of `stats` that say how this process or the holder opened the database, and what that needs.
const OF_THE_OPENING: [&str; 4] = ["  in memory", "on disk", "checkpoint", "opened"];
const OF_THE_OPENING_JSON: [&str; 6] =
    ["resident", "resident_bytes", "disk_bytes", "unused_bytes", "checkpoint_seq", "recovery"];

/// The only command whose durations count to the clock. It prints none, but a note with one.
const TO_THE_CLOCK: &[&str] = &["open", "--columns", "id"];

fn comparable(args: &[&str], mut ran: Ran) -> Ran {
    match args {
        _ if *args == *TO_THE_CLOCK => {
            let (before, after) = ran.stderr.split_once("was ").unwrap();
            let (_, after) = after.split_once(" ago").unwrap();
            ran.stderr = format!("{before}{after}");
        }
        ["stats"] => {
            let lines = ran.stdout.lines().filter(|line| OF_THE_OPENING.iter().all(|name| !line.starts_with(name)));
            ran.stdout = lines.collect::<Vec<_>>().join("\n");
        }
        ["audit", ..] => ran.stdout = ran.stdout.lines().filter(|line| !line.starts_with("took")).collect(),
        ["stats", "--json"] => {
            let mut stats = ran.json();
            for name in OF_THE_OPENING_JSON {
                assert!(stats.as_object_mut().unwrap().remove(name).is_some(), "{name}");
            }
            ran.stdout = stats.to_string();
        }
        _ => {}
    }
    ran
}

/// What every command says about this database, which `ask` adds.
fn answers(ask: impl Fn(&[&str]) -> Ran) -> Vec<Ran> {
    let answer = |args: &&[&str]| {
        let has_durations = ["open", "list", "agents", "show"].contains(&args[0]);
        let is_timeless = !has_durations || *args == TO_THE_CLOCK || args.contains(&"--now");
        let now: &[&str] = if is_timeless { &[] } else { &["--now", "2021-07-30"] };
        comparable(args, ask(&[*args, now].concat()))
    };
    ASKED.iter().map(answer).collect()
}

#[track_caller]
fn expect_same(expected: &[Ran], found: &[Ran]) {
    for ((args, expected), found) in ASKED.iter().zip(expected).zip(found) {
        assert_eq!(found, expected, "{args:?}");
    }
}

/// `convofold ingest` that has taken an event, and waits for its next line.
fn holder(desk: &Desk) -> Holder {
    holder_of(desk, "db")
}

fn holder_of(desk: &Desk, folder: &str) -> Holder {
    let mut holder = Holder::of(desk.command(&["ingest", "--db", folder]));
    holder.send(&message("same", ""));
    holder
}

fn serving(desk: &Desk, args: &[&str]) -> Serving {
    Serving::start(desk.command(&[&["serve", "--db", "db"], args].concat())).unwrap()
}

#[test]
fn every_reading_command_answers_the_same_wherever_the_database_is() {
    let desk = desk();
    let here = |args: &[&str]| desk.run_bare(&[args, &["--db", "db"]].concat());
    // A delivery that the holder counts.
    holder(&desk).end();
    let before = answers(here);
    assert!(before.iter().any(|ran| ran.code == Some(4)) && before.iter().any(|ran| ran.code == Some(2)));

    // `convofold ingest` holds it.
    let holder = holder(&desk);
    assert!(Convofold::open(desk.path("db")).is_err());
    let beside = answers(here);
    holder.end();
    // It counted another duplicate.
    let expected = answers(here);
    expect_same(&expected, &beside);

    // A program holds it.
    let db = Convofold::open(desk.path("db")).unwrap();
    let answering = convofold_server::answer(&db).unwrap();
    expect_same(&expected, &answers(here));
    drop(answering);
    db.close().unwrap();
    assert!(!desk.path(SOCKET).exists());

    // A server has it, and is asked by the folder and from afar.
    let serving = serving(&desk, &[]);
    let url = serving.url();
    expect_same(&expected, &answers(here));
    let afar = |args: &[&str]| {
        let mut ran = desk.run_bare(&[args, &["--db", &url]].concat());
        ran.stderr = ran.stderr.replace(&url, "db");
        ran
    };
    expect_same(&expected, &answers(afar));

    // With a token. A request that fails shows when the server has noticed it.
    let secret = desk.run_bare(&["token", "add", "desk", "--role", "admin", "--texts", "--db", "db"]).stdout;
    desk.write("token", &secret);
    let deadline = Instant::now() + Duration::from_secs(60);
    let refused = loop {
        let ran = afar(&["hash"]);
        if ran.code != Some(0) {
            break ran;
        }
        assert!(Instant::now() < deadline, "the token is not noticed");
        thread::yield_now();
    };
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("a token is needed") && refused.stderr.contains("--token-file"), "{refused:?}");
    let with_token = |args: &[&str]| afar(&[args, &["--token-file", "token"]].concat());
    let with_variable = |args: &[&str]| -> Ran {
        let all = [args, &["--db", url.as_str()]].concat();
        desk.command(&all).env("CONVOFOLD_TOKEN", secret.trim()).output().unwrap().into()
    };
    expect_same(&expected, &answers(with_token));
    assert_eq!(with_variable(&["hash"]).stdout, with_token(&["hash"]).stdout);
    // The folder needs none.
    expect_same(&expected, &answers(here));
}

#[test]
fn the_report_of_a_server_is_the_json_of_the_command() {
    let desk = desk();
    let serving = serving(&desk, &[]);
    let days = ["--from", "2021-07-29", "--to", "2021-07-31"];
    let hours: String = HOURS.bytes().map(|byte| format!("%{byte:02x}")).collect();
    for (args, params) in [
        (&["--every", "1h", "--by", "agent,tenant"][..], "every=1h&by=agent,tenant".to_owned()),
        (&["--measure", "open,within:5m", "--tz", "Asia/Tokyo"], "measure=open,within:5m&tz=Asia/Tokyo".to_owned()),
        (&["--exclude-agent", "7", "--exclude-agent", "Bo", "--attribute", "start"], {
            "exclude_agent=7&attribute=start&exclude_agent=Bo".to_owned()
        }),
        (&["--calendar", "hours.json", "--known-at", "seq:300"], format!("calendar={hours}&known_at=seq:300")),
        (&["--rows", "response", "--by", "channel"], "rows=response&by=channel".to_owned()),
        (&["--rows", "within:5m", "--known-at", "seq:300"], "rows=within:5m&known_at=seq:300".to_owned()),
    ] {
        let path = format!("/api/v1/report?from=2021-07-29&to=2021-07-31&{params}");
        let (status, body) = serving.client().request("GET", &path, &[], b"").unwrap();
        assert_eq!(status, 200, "{params}");
        let ran = desk.run("report", &[&days[..], args, &["--json"]].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(format!("{}\n", String::from_utf8(body).unwrap()), ran.stdout, "{params}");
    }
}

#[test]
fn a_server_with_tls_is_asked_if_its_certificate_is_trusted() {
    let desk = desk();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    desk.write("key.pem", made.signing_key.serialize_pem());
    desk.write("cert.pem", made.cert.pem());
    let serving = serving(&desk, &["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    let url = serving.url().replace("http://127.0.0.1", "https://localhost");
    let ask = |trusted: &str| -> Ran {
        let mut command = desk.command(&["hash", "--db", &url]);
        command.env("SSL_CERT_FILE", desk.path(trusted)).output().unwrap().into()
    };
    assert_eq!(ask("cert.pem").stdout, desk.run("hash", &[]).stdout);
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    desk.write("other.pem", other.cert.pem());
    let refused = ask("other.pem");
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("cannot connect to https://localhost"), "{refused:?}");
}

#[test]
fn the_socket_is_private_replaces_that_of_a_killed_process_and_goes_with_its_own() {
    let desk = Desk::default();
    let killed = holder(&desk);
    let mode = |desk: &Desk| std::fs::symlink_metadata(desk.path(SOCKET)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&desk), 0o600);
    killed.kill();
    assert!(desk.path(SOCKET).exists());
    // Nobody holds the database: the command opens it.
    assert_eq!(desk.run("totals", &["--json"]).json()["totals"][0]["conversations"], 1);
    let holder = holder(&desk);
    assert_eq!(mode(&desk), 0o600);
    assert_eq!(desk.run("totals", &["--json"]).json()["totals"][0]["conversations"], 1);
    holder.end();
    assert!(!desk.path(SOCKET).exists());
}

#[test]
fn a_second_holder_says_that_there_is_one() {
    let desk = Desk::default();
    let holder = holder(&desk);
    let second = desk.run("serve", &["--listen", "127.0.0.1:0"]);
    assert_eq!(second.code, Some(5), "{second:?}");
    assert!(second.stderr.contains("already open by process"), "{second:?}");
    // Its socket stays.
    assert_eq!(desk.run("hash", &[]).code, Some(0));
    holder.end();
}

#[test]
fn a_holder_that_does_not_answer_excludes_others() {
    let desk = desk();
    let db = Convofold::open(desk.path("db")).unwrap();
    for _ in 0..2 {
        let ran = desk.run("hash", &[]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(5), ""));
        assert!(ran.stderr.contains("already open by process"), "{ran:?}");
        // A socket without anybody behind it.
        drop(UnixListener::bind(desk.path(SOCKET)));
    }
    db.close().unwrap();
    assert_eq!(desk.run("hash", &[]).code, Some(0));
}

#[test]
fn a_database_with_a_long_path_has_a_socket_too() {
    let desk = Desk::default();
    let folder = format!("{}/db", "long".repeat(50));
    std::fs::create_dir(desk.path("long".repeat(50))).unwrap();
    for folder in [folder.as_str(), desk.path(&folder).to_str().unwrap()] {
        let holder = holder_of(&desk, folder);
        let ran = desk.run_bare(&["totals", "--json", "--db", folder]);
        assert_eq!(ran.json()["totals"][0]["conversations"], 1);
        holder.end();
    }
}

/// A command whose standard output nobody reads yet.
struct Paused {
    child: Child,
}

impl Paused {
    fn start(desk: &Desk, args: &[&str]) -> Self {
        Self { child: desk.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap() }
    }

    /// Reads one byte, so that the command surely runs.
    fn first_byte(&mut self) -> u8 {
        let mut byte = [0];
        self.child.stdout.as_mut().unwrap().read_exact(&mut byte).unwrap();
        byte[0]
    }

    fn rest(self) -> Ran {
        self.child.wait_with_output().unwrap().into()
    }
}

/// More than pipes and sockets hold.
fn large_log() -> String {
    let text = "x".repeat(10_000);
    (0..1_000).map(|number| message(&format!("c-{number:05}"), &format!(r#","text":"{text}""#)) + "\n").collect()
}

#[test]
fn a_paused_export_of_a_held_database_holds_up_neither_the_holder_nor_its_end() {
    let desk = Desk::with_log(large_log());
    let mut holder = holder(&desk);
    let expected = desk.run("export", &[]);
    let mut paused = Paused::start(&desk, &["export", "--db", "db"]);
    let first = paused.first_byte();
    for number in 0..3_000 {
        let answer = holder.send(&message(&format!("new-{number}"), ""));
        assert_eq!(answer["applied"], 1, "{answer}");
    }
    holder.end();
    let rest = paused.rest();
    assert_eq!((rest.code, rest.stderr.as_str()), (Some(0), ""));
    // What was there when it began.
    assert!(format!("{}{}", char::from(first), rest.stdout) == expected.stdout);
}

#[test]
fn a_paused_export_keeps_nobody_from_opening_the_database() {
    let desk = Desk::with_log(large_log());
    let expected = desk.run("export", &[]);
    let mut paused = Paused::start(&desk, &["export", "--db", "db"]);
    let first = paused.first_byte();
    let deadline = Instant::now() + Duration::from_secs(60);
    // The export is written aside as fast as it can be.
    let db = loop {
        match Convofold::open(desk.path("db")) {
            Ok(db) => break db,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    };
    db.close().unwrap();
    let rest = paused.rest();
    assert_eq!(rest.code, Some(0));
    assert!(format!("{}{}", char::from(first), rest.stdout) == expected.stdout);
}

/// Answers one request on the last of these connections to the socket of a database that this process holds.
fn answer_once(desk: &Desk, connections: usize, answer: &str) -> thread::JoinHandle<()> {
    let _ = std::fs::remove_file(desk.path(SOCKET));
    let listener = UnixListener::bind(desk.path(SOCKET)).unwrap();
    let answer = answer.to_owned();
    thread::spawn(move || {
        let mut streams: Vec<_> = (0..connections).map(|_| listener.accept().unwrap().0).collect();
        let stream = streams.last_mut().unwrap();
        let _ = stream.read(&mut [0; 4_096]).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
    })
}

#[test]
fn the_end_of_the_holder_and_another_version_are_errors_that_say_so() {
    let desk = desk();
    let db = Convofold::open(desk.path("db")).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let head = |version: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nconvofold-version: {version}\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{{\"id\"\r\n"
        )
    };
    let own = "the process that has db open";
    for (args, answer, error) in [
        (["export"], head(version), format!("error: {own} ended the connection before the answer was complete")),
        (["hash"], head(version), format!("error: {own} ended the connection before the answer was complete")),
        (["hash"], String::new(), format!("error: {own} ended the connection before the answer was complete")),
        (["hash"], head("0.0.1"), format!("error: {own} gave an unexpected answer: it is convofold 0.0.1, this is ")),
        (
            ["show"],
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
            format!("error: {own} gave an un"),
        ),
    ] {
        // An export has a connection of its own.
        let holder = answer_once(&desk, if args == ["export"] { 2 } else { 1 }, &answer);
        let id: &[&str] = if args == ["show"] { &["desk"] } else { &[] };
        let ran = desk.run_bare(&[args.as_slice(), id, &["--db", "db"]].concat());
        holder.join().unwrap();
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.starts_with(&error), "{ran:?}");
    }
    db.close().unwrap();
}

#[test]
fn a_url_is_refused_where_a_folder_is_needed_and_if_nobody_answers() {
    let desk = Desk::default();
    for args in [["restore", "file"].as_slice(), &["repair", "--into", "new"]] {
        let ran = desk.run_bare(&[args, &["--db", "http://127.0.0.1:1"]].concat());
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.stderr.contains("expected the folder of a database"), "{ran:?}");
    }
    let ran = desk.run_bare(&["hash", "--db", "http://127.0.0.1:1"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("cannot connect to http://127.0.0.1:1: "), "{ran:?}");
    for (url, why) in [("http://", "invalid URL"), ("https://user:word@host", "--token-file"), ("http://h/?a", "query")]
    {
        let ran = desk.run_bare(&["hash", "--db", url]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.stderr.contains(why), "{ran:?}");
    }
}
