//! Batches that are answered while more are sent, bookmarks, and what keeps a database in order.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests and their helpers may panic")]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use common::{Desk, message, toml_settings};
use convofold::Convofold;
use convofold::backup::{BackupFile, restore};
use serde_json::{Value, json};

/// A request that is still being sent, and its answer.
struct Stream {
    request: TcpStream,
    answer: BufReader<TcpStream>,
}

impl Stream {
    /// Returns after the header of the answer.
    fn open(desk: &Desk) -> Self {
        let mut request = TcpStream::connect(desk.address).unwrap();
        request.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        request
            .write_all(b"POST /api/v1/batches HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
            .unwrap();
        let mut answer = BufReader::new(request.try_clone().unwrap());
        let mut line = String::new();
        answer.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 200"), "{line}");
        while line != "\r\n" {
            line.clear();
            answer.read_line(&mut line).unwrap();
        }
        Self { request, answer }
    }

    fn send(&mut self, text: &str) {
        write!(self.request, "{:x}\r\n{text}\r\n", text.len()).unwrap();
    }

    fn end(&mut self) {
        self.request.write_all(b"0\r\n\r\n").unwrap();
    }

    /// The lines of the next chunk; empty at the end.
    fn chunk(&mut self) -> Vec<Value> {
        let mut size = String::new();
        self.answer.read_line(&mut size).unwrap();
        let mut chunk = vec![0; usize::from_str_radix(size.trim(), 16).unwrap() + 2];
        self.answer.read_exact(&mut chunk).unwrap();
        let lines = std::str::from_utf8(&chunk).unwrap().lines().filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn rest(mut self) -> Vec<Value> {
        let mut lines = Vec::new();
        loop {
            match self.chunk() {
                chunk if chunk.is_empty() => return lines,
                chunk => lines.extend(chunk),
            }
        }
    }
}

fn commit(events: u64, more: &str) -> String {
    format!("{{\"commit\":{events}{more}}}\n")
}

fn batch(number: u64) -> String {
    message("c", number, "") + "\n" + &commit(1, "")
}

#[test]
fn a_batch_is_answered_while_the_request_is_being_sent() {
    let desk = Desk::new();
    let mut stream = Stream::open(&desk);
    stream.send("\n");
    for number in 1..=3 {
        stream.send(&batch(number));
        let committed = &stream.chunk()[0]["committed"];
        assert_eq!((&committed["applied"], &committed["last_seq"]), (&json!(1), &json!(number)), "{committed}");
        assert_eq!(committed["durable"], json!(true));
        assert_eq!(desk.db.counters().durable_seq, number);
    }
    stream.send(&batch(2));
    assert_eq!(stream.chunk()[0]["committed"]["duplicates"], json!(1));
    stream.end();
    assert_eq!(stream.rest(), [json!({"end": {"conversations": 1, "open": 1}})]);
}

#[test]
fn a_batch_is_cut_anywhere_and_carries_a_bookmark() {
    let desk = Desk::new();
    let mut stream = Stream::open(&desk);
    let bookmark = r#","durability":"buffered","bookmark":{"name":"replay/1","value":"MTc="}"#;
    let text = message("a", 1, "") + "\n" + &message("b", 2, "") + "\n" + &commit(2, bookmark);
    for part in text.as_bytes().chunks(7) {
        stream.send(std::str::from_utf8(part).unwrap());
    }
    assert_eq!(stream.chunk()[0]["committed"]["applied"], json!(2));
    assert_eq!(desk.db.bookmark("replay/1").as_deref(), Some(b"17".as_slice()));
    let path = "/api/v1/bookmarks?name=replay%2F1";
    assert_eq!(desk.get(path).expect(200).json(), json!({"name": "replay/1", "value": "MTc="}));
    stream.send(&commit(0, r#","bookmark":{"name":"replay/1","value":null}"#));
    stream.chunk();
    assert_eq!(desk.get(path).expect(200).json()["value"], json!(null));
    stream.end();
    assert_eq!(stream.rest().len(), 1);
}

#[test]
fn what_is_no_batch_ends_the_answer_after_the_batches_before_it() {
    for (what, named) in [
        ("{\"x\":1}\n", "expected"),
        ("[1]\n", "expected"),
        (r#"{"id":"1","body":{"name":"live_chat_message"}}"#, "convofold"),
        (&commit(1, ""), "expected 1 events before a commit, found 0"),
        (&commit(0, ",\"durability\":\"soon\""), "soon"),
        (&commit(0, ",\"bookmark\":{\"name\":\"n\",\"value\":\"?\"}"), "bookmark"),
        (&commit(0, ",\"other\":1"), "expected"),
        (&(message("c", 2, "") + "\n"), "not followed by a line that commits"),
    ] {
        let desk = Desk::new();
        let mut stream = Stream::open(&desk);
        stream.send(&(batch(1) + what + "\n"));
        // The server may have closed the connection already.
        let _ = stream.request.write_all(b"0\r\n\r\n");
        let lines = stream.rest();
        assert_eq!(lines[0]["committed"]["applied"], json!(1), "{what}: {lines:?}");
        let problem = &lines.last().unwrap()["problem"];
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(named)), "{what}: {lines:?}");
        assert_eq!((lines.len(), desk.db.stats().last_seq), (2, 1), "{what}: {lines:?}");
    }
}

#[test]
fn a_client_that_falls_silent_or_is_killed_is_not_waited_for() {
    let mut desk = Desk::with(toml_settings("read-timeout = \"1s\""), |_| {});
    let mut silent = Stream::open(&desk);
    silent.send(&(batch(1) + &message("c", 2, "")));
    let lines = silent.rest();
    assert_eq!(lines[1]["problem"]["status"], json!(408), "{lines:?}");
    let mut killed = Stream::open(&desk);
    killed.send(&(batch(3) + &message("c", 4, "")));
    drop(killed);
    // The end of the server does not wait for a request that goes on.
    let mut open = Stream::open(&desk);
    open.send(&batch(5));
    open.chunk();
    desk.stop();
    let lines = open.rest();
    assert_eq!(lines[0]["problem"]["status"], json!(503), "{lines:?}");
    // Events without a commit are not stored.
    assert_eq!(desk.db.stats().last_seq, 3);
}

/// The answers wait for the client, and the request for the answers: neither grows in memory.
#[test]
fn a_client_that_reads_no_answers_is_not_read_further() {
    let desk = Desk::new();
    let mut stream = Stream::open(&desk);
    stream.request.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let text = "{\"commit\":0}\n".repeat(2_000);
    let chunk = format!("{:x}\r\n{text}\r\n", text.len());
    let taken = (0..2_000).take_while(|_| stream.request.write_all(chunk.as_bytes()).is_ok()).count();
    assert!(taken < 2_000, "{taken} MB of answers were kept");
}

#[test]
fn a_backup_over_http_restores_to_the_same_hash() {
    let desk = Desk::new();
    let lines: String = (1..=500).map(|number| message(&format!("c{}", number % 7), number, "") + "\n").collect();
    desk.post("/api/v1/events", lines).expect(200);
    let folder = tempfile::tempdir().unwrap();
    let [full, more] = ["full", "more"].map(|name| folder.path().join(name));
    std::fs::write(&full, desk.get("/api/v1/backup").expect(200).body).unwrap();
    desk.post("/api/v1/events", message("c1", 501, "")).expect(200);
    let since = BackupFile::open(&full).unwrap().place();
    std::fs::write(&more, desk.get(&format!("/api/v1/backup?since={since}")).expect(200).body).unwrap();
    for file in [&full, &more] {
        BackupFile::open(file).unwrap().check(|_| {}).unwrap();
    }
    let copy = folder.path().join("copy");
    restore(&[&full, &more], &copy, &convofold::Options::new(), |_| {}).unwrap();
    assert_eq!(Convofold::open(&copy).unwrap().state_hash(), desk.db.state_hash());

    let other = Desk::new();
    let problem = other.get(&format!("/api/v1/backup?since={since}")).expect(409).json();
    assert_eq!(problem["report"], json!({"backup": "diverged", "seq": 500}));
    desk.get("/api/v1/backup?since=yesterday").expect(400);
}

#[test]
fn a_database_is_checked_and_trimmed_while_it_is_in_use() {
    let desk = Desk::new();
    for number in 1..=4 {
        desk.post("/api/v1/events", message("c", number, "")).expect(200);
        desk.db.checkpoint().unwrap();
    }
    let text = desk.post("/api/v1/verify", "").expect(200).text();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((&last["report"]["events"], &last["report"]["problems"]), (&json!(4), &json!([])), "{text}");
    let audit = desk.post("/api/v1/audit?sample=1&seed=3", "").expect(200).json();
    assert_eq!((&audit["conversations"], &audit["differences"]), (&json!(1), &json!([])));
    let trimmed = desk.post("/api/v1/trim?before=1900000000000", "").expect(200).json();
    assert!(trimmed["events"].as_u64().unwrap() > 0, "{trimmed}");
    assert_eq!(desk.db.stats().first_seq, trimmed["first_seq"].as_u64().unwrap());
    for path in ["/api/v1/trim", "/api/v1/trim?before=-1", "/api/v1/audit?sample=x", "/api/v1/bookmarks"] {
        let method = if path.contains("bookmarks") { "GET" } else { "POST" };
        desk.request(method, path, &[], b"").expect(400);
    }
}
