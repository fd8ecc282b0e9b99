//! A client beside a host, on its socket, and from afar.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests and their helpers may panic")]

mod common;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use axum::http::Method;
use common::{Desk, close, message, toml_settings};
use convofold::erase::Erase;
use convofold::ingest::{Format, Limits};
use convofold::replay::Target;
use convofold::{
    Batch, Convofold, Draft, Kind, Moment, Options, Query, Sort, StatusFilter, Subject, SuspectsQuery, Time, When,
};
use convofold_server::{Client, ClientError, ServeError, answer};
use tempfile::TempDir;

/// A database with this log.
fn host(log: &str) -> (TempDir, Convofold) {
    let folder = tempfile::tempdir().unwrap();
    let db = Convofold::open(folder.path().join("db")).unwrap();
    add(&db, log);
    (folder, db)
}

fn add(db: &Convofold, log: &str) {
    let report = db.ingest(log.as_bytes(), Format::Auto).unwrap();
    assert_eq!(report.rejections.len(), 0, "{report:?}");
}

fn log(count: u64, text: &str) -> String {
    (0..count)
        .map(|number| message(&format!("c-{number}"), number, &format!(r#","channel":"{text}""#)) + "\n")
        .collect()
}

#[test]
fn a_client_has_the_answers_of_the_database() {
    let (folder, db) = host(&log(2_500, "sms"));
    add(&db, &message("c-1", 1, r#","channel":"in_app","agent":{"id":"7"}"#));
    add(&db, &close("c-5", ""));
    let answering = answer(&db).unwrap();
    let client = Client::of_holder(folder.path().join("db")).unwrap();
    let mut agents = db.agents();
    agents.sort_by_key(|load| load.agent.is_none());
    assert_eq!(client.agents().unwrap(), agents);
    assert_eq!(client.totals().unwrap(), db.totals());
    assert_eq!(client.state_hash().unwrap(), db.state_hash());
    db.checkpoint().unwrap();
    assert_eq!(client.recorded_hashes().unwrap(), db.recorded_hashes().unwrap());
    let known_at = db.at(Moment::known_at(2_502));
    let proof = client.at(None, Some(When::Seq(2_502))).hash_proof().unwrap();
    assert_eq!((proof, proof.equal), (known_at.hash_proof().unwrap(), Some(true)));
    assert_eq!(client.verify_past(|_| {}).unwrap().recorded_hashes_compared, 1);
    let query = SuspectsQuery::new().zone("Asia/Tokyo".parse().unwrap()).since_ms(5).tenants(vec!["t".to_owned()]);
    assert_eq!(client.suspects(&query).unwrap(), db.suspects(&query).unwrap());
    assert_eq!(client.suspects(&query).unwrap().zone, "Asia/Tokyo");
    assert_eq!(client.state("c-1").unwrap(), db.state("c-1").unwrap().zip(db.arrivals("c-1").unwrap()));
    assert_eq!(client.history("c-1").unwrap(), db.history("c-1").unwrap());
    assert_eq!(client.conflicts("c-1").unwrap(), db.conflicts("c-1").unwrap());
    for (field, limit) in [(None, 20), (Some("status".parse().unwrap()), 0), (Some("agent".parse().unwrap()), 1)] {
        assert_eq!(client.explain("c-1", field, limit).unwrap(), db.explain("c-1", field, limit).unwrap());
        assert!(client.explain("nobody", field, limit).unwrap().is_none());
    }
    assert_eq!(client.conflicts("c-1").unwrap().unwrap().len(), 1);
    assert_eq!(client.scan_conflicts().unwrap().collect::<Result<Vec<_>, _>>().unwrap().len(), 1);
    assert_eq!(client.find_ids("c-12", 5).unwrap(), db.find_ids("c-12", 5).unwrap());
    let figures = client.figures().unwrap();
    assert_eq!(figures.database_id, db.database_id());
    assert_eq!(figures.latest_at, db.latest_at().unwrap());
    assert_eq!((figures.stats.last_seq, figures.stats.conversations), (2_502, 2_500));
    for missing in ["nobody", "", "-"] {
        assert!(client.state(missing).unwrap().is_none());
        assert!(client.history(missing).unwrap().is_none());
        assert!(client.conflicts(missing).unwrap().is_none());
    }
    let (mut here, mut there) = (Vec::new(), Vec::new());
    db.export(&mut here).unwrap();
    assert_eq!(client.export(&mut there).unwrap(), 2_500);
    assert!(here == there);
    // Without a limit in several requests, and page by page.
    let closed = Query::new().status(StatusFilter::Closed);
    for query in [closed, Query::new(), Query::new().limit(1_500).sort(Sort::Started), Query::new().limit(7)] {
        let expected = db.query_with_last_messages(&query).unwrap();
        let found = client.query(&query).unwrap();
        assert_eq!(found.rows, expected.rows);
        assert_eq!((&found.next, &found.unknown), (&expected.next, &expected.unknown));
        let found = client.query_states(&query).unwrap();
        let states: Vec<_> = expected.rows.iter().map(|row| db.state(row.id()).unwrap().unwrap()).collect();
        assert_eq!(found.conversations, states);
        assert_eq!((found.next, found.unknown), (expected.next, expected.unknown));
    }
    let unknown = Query::new().agent("Nobody of this name");
    assert_eq!(client.query(&unknown).unwrap().unknown, db.query(&unknown).unwrap().unknown);
    let next = db.query(&Query::new().limit(1)).unwrap().next;
    assert!(matches!(client.query(&Query::new().sort(Sort::Waiting).cursor(next)), Err(ClientError::Query(_))));
    drop(answering);
    assert!(matches!(client.agents(), Err(ClientError::Connect { .. } | ClientError::Ended { .. })));
    db.close().unwrap();
}

/// A message of a member.
fn of_member(member: &str, number: u64) -> String {
    message(&format!("{member}_{number}"), number, &format!(r#","member_business_id":"{member}""#))
}

#[test]
fn a_client_discloses_what_the_database_does() {
    let (folder, db) = host(&format!("{}\n{}\n", of_member("m-7", 1), of_member("m-8", 2)));
    add(&db, &of_member("m-7", 3));
    add(&db, &message("m-7_1", 4, ""));
    let answering = answer(&db).unwrap();
    let client = Client::of_holder(folder.path().join("db")).unwrap();
    for subject in [Subject::member("m-7").unwrap(), Subject::Conversation("m-8_2".to_owned())] {
        let (mut here, mut there) = (Vec::new(), Vec::new());
        let expected = db.disclose(std::slice::from_ref(&subject), &mut here).unwrap();
        assert_eq!(client.disclose(&[subject], &mut there).unwrap(), expected);
        assert!(here == there && expected.events > 0);
    }
    let nobody = client.disclose(&[], &mut Vec::new()).unwrap_err();
    assert_eq!((nobody.status(), nobody.to_string().contains("found none")), (Some(400), true), "{nobody}");
    let misspelled = client.send(&Method::POST, "/api/v1/disclose", r#"{"member":["m-7"]}"#).unwrap_err();
    assert!(misspelled.status() == Some(400) && misspelled.to_string().contains("member"), "{misspelled}");
    drop(answering);
    db.close().unwrap();
}

#[test]
fn erased_events_that_arrive_again_are_counted_in_the_answer() {
    let (folder, db) = host(&of_member("m-7", 1));
    add(&db, &close("m-7_1", ""));
    db.close().unwrap();
    let path = folder.path().join("db");
    Erase::new([Subject::member("m-7").unwrap()]).run(&path).unwrap().unwrap();
    let db = Convofold::open(&path).unwrap();
    let answering = answer(&db).unwrap();
    let client = Client::of_holder(&path).unwrap();
    let mut answer = Vec::new();
    client.send(&Method::POST, "/api/v1/events", of_member("m-7", 1)).unwrap().read_to_end(&mut answer).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!([&report["events"], &report["erased"], &report["applied"]], [1, 1, 0]);
    drop(answering);
    db.close().unwrap();
}

#[test]
fn a_database_that_is_open_read_only_is_not_held() {
    let (folder, db) = host(&log(1, "sms"));
    db.close().unwrap();
    let db = Options::new().read_only(true).open(folder.path().join("db")).unwrap();
    assert!(matches!(answer(&db), Err(ServeError::Settings { .. })));
    assert!(!folder.path().join("db/convofold.sock").exists());
}

/// More than sockets and buffers hold.
fn large() -> String {
    log(1_000, &"x".repeat(1_000)).replace("words", &"y".repeat(8_000))
}

#[test]
fn a_paused_export_holds_up_neither_commits_nor_questions_and_a_dropped_one_ends() {
    let (folder, db) = host(&large());
    let answering = answer(&db).unwrap();
    let client = Client::of_holder(folder.path().join("db")).unwrap();
    let mut expected = Vec::new();
    db.export(&mut expected).unwrap();
    let mut paused = client.send(&Method::GET, "/api/v1/export", "").unwrap();
    let mut found = vec![0];
    paused.read_exact(&mut found).unwrap();
    let dropped = client.send(&Method::GET, "/api/v1/export", "").unwrap();
    for number in 0..3_000 {
        add(&db, &message(&format!("n-{number}"), number, ""));
    }
    assert_eq!(client.figures().unwrap().stats.last_seq, 4_000);
    drop(dropped);
    paused.read_to_end(&mut found).unwrap();
    // The conversations that were there when it began.
    assert!(found == expected);
    drop(answering);
    db.close().unwrap();
}

#[test]
fn the_end_waits_for_an_export_that_is_read_and_cuts_off_one_that_is_not() {
    let (folder, db) = host(&large());
    let mut expected = Vec::new();
    db.export(&mut expected).unwrap();
    for reads in [true, false] {
        let answering = answer(&db).unwrap();
        let client = Client::of_holder(folder.path().join("db")).unwrap();
        let mut export = client.send(&Method::GET, "/api/v1/export", "").unwrap();
        let mut found = vec![0];
        export.read_exact(&mut found).unwrap();
        let is_ending = AtomicBool::new(false);
        thread::scope(|scope| {
            let ending = scope.spawn(|| {
                is_ending.store(true, Ordering::SeqCst);
                drop(answering);
            });
            while !is_ending.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            if !reads {
                ending.join().unwrap();
            }
            let outcome = export.read_to_end(&mut found);
            assert_eq!(outcome.is_ok(), reads, "{outcome:?}");
            if reads {
                assert!(found == expected);
            } else {
                let error = outcome.unwrap_err().downcast::<ClientError>().unwrap();
                assert!(matches!(error, ClientError::Ended { .. }), "{error}");
            }
        });
    }
    db.close().unwrap();
}

#[test]
fn a_server_answers_on_its_socket_without_a_token_and_ends_it() {
    let mut desk = Desk::with(toml_settings(""), |path| {
        let new = convofold_server::NewToken {
            name: "only".to_owned(),
            role: convofold_server::Role::Ingest,
            tenants: None,
            texts: false,
        };
        convofold_server::TokenFile::of(path).add(new).unwrap();
    });
    desk.post("/api/v1/events", message("c-1", 1, "")).expect(401);
    let client = Client::of_holder(desk.path()).unwrap();
    assert!(client.agents().unwrap().is_empty());
    let afar = Client::of_url(&desk.url(""), None).unwrap();
    let refused = afar.agents().unwrap_err();
    assert_eq!(refused.status(), Some(401));
    let afar = Client::of_url(&desk.url("/"), Some("convofold_unknown")).unwrap();
    assert!(matches!(afar.totals(), Err(ClientError::Problem(refusal)) if refusal.detail.contains("not known")));
    desk.stop();
    assert!(!desk.path().join("convofold.sock").exists());
}

/// Its clock would not be the one of the log that the host copies.
#[test]
fn a_client_cannot_give_a_batch_its_commit_time() {
    let (folder, db) = host(&log(1, "sms"));
    let answering = answer(&db).unwrap();
    let client = Client::of_holder(folder.path().join("db")).unwrap();
    let batches = client.batches(Limits::default(), 1).unwrap();
    let event = Draft::new("desk", "c-9", Kind::Open, Time::from_ms(1_772_443_000_000)).build().unwrap();
    let timed = Batch::new(vec![event]).committed_at(Time::from_ms(1_772_443_000_000).unwrap());
    let refused = batches.submit(timed).unwrap().wait().unwrap_err();
    assert!(refused.to_string().contains("commit time"), "{refused}");
    batches.finish().unwrap();
    drop(answering);
    assert!(db.state("c-9").unwrap().is_none());
}

#[test]
fn a_server_that_says_nothing_is_named_after_the_patience() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let within = Duration::from_millis(40);
    let client = |address, within| Client::of_url(&format!("http://{address}"), None).unwrap().patience(within);
    let is_silent = |error: ClientError| matches!(error, ClientError::Silent { .. });
    let to_silent = client(silent.local_addr().unwrap(), within);
    assert!(is_silent(to_silent.totals().unwrap_err()));
    assert!(is_silent(to_silent.send(&Method::GET, "/api/v1/backup", "").unwrap_err()));
    // It begins an answer, and says no more.
    let stops = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = stops.local_addr().unwrap();
    let stopping = thread::spawn(move || {
        let (mut stream, _) = stops.accept().unwrap();
        // An answer before the request would be a fault of the server.
        assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconvofold-version: ";
        write!(stream, "{head}{}\r\n\r\n5\r\nwords\r\n", env!("CARGO_PKG_VERSION")).unwrap();
        stream
    });
    let mut body = client(address, Duration::from_secs(1)).send(&Method::GET, "/api/v1/export", "").unwrap();
    let _stream = stopping.join().unwrap();
    assert_eq!(body.next_part().unwrap().unwrap(), "words");
    assert!(body.next_part_timeout(Duration::from_millis(1)).unwrap().is_none());
    assert!(is_silent(body.next_part().unwrap_err()));
}
