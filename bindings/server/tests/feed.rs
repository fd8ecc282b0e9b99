//! The change feed.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests and their helpers may panic")]

mod common;

use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use common::{Desk, agent, message};
use serde_json::{Value, json};

fn lines(desk: &Desk, path: &str, headers: &[(&str, &str)]) -> Vec<Value> {
    let text = desk.request("GET", path, headers, b"").expect(200).text();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Server-sent events from a response that stays open.
struct Events {
    lines: BufReader<Box<dyn Read + Send>>,
    /// Number of times that the server told its time.
    clocks: u64,
}

impl Events {
    fn open(desk: &Desk, path: &str, last_event_id: Option<&str>) -> Self {
        let mut request = agent().get(desk.url(path)).header("Accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        let response = request.call().unwrap();
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { lines: BufReader::new(Box::new(response.into_body().into_reader())), clocks: 0 }
    }

    /// The next event: its name, its id and its data; `None` at the end.
    fn next(&mut self) -> Option<(String, String, Value)> {
        let (mut name, mut id, mut data) = (String::new(), String::new(), Value::Null);
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("event", value)) => name = value.to_owned(),
                Some(("id", value)) => id = value.to_owned(),
                Some(("data", value)) => data = serde_json::from_str(value).unwrap(),
                _ if name.is_empty() => {}
                _ if name == "clock" => {
                    assert!(data["now"].as_i64() > Some(1_700_000_000_000) && data["seq"].is_u64(), "{data}");
                    (name, id) = (String::new(), String::new());
                    self.clocks += 1;
                }
                _ => return Some((name, id, data)),
            }
        }
    }
}

fn desk(events: u64) -> Desk {
    let desk = Desk::new();
    let lines: String = (1..=events).map(|number| message("c", number, "") + "\n").collect();
    desk.post("/api/v1/events", lines).expect(200);
    desk
}

#[test]
fn a_feed_catches_up_and_ends_or_follows() {
    let desk = desk(5);
    let all = lines(&desk, "/api/v1/changes?since=0&wait=0", &[]);
    let seqs: Vec<_> = all.iter().map(|line| line["seq"].as_u64().unwrap()).collect();
    assert_eq!((seqs, &all[0]["event"]["conversation"]), (vec![1, 2, 3, 4, 5], &json!("c")));
    assert_eq!(lines(&desk, "/api/v1/changes?since=3&wait=0", &[]).len(), 2);
    assert!(lines(&desk, "/api/v1/changes?wait=0", &[]).is_empty());

    let database = desk.db.database_id().to_string();
    let mut events = Events::open(&desk, "/api/v1/changes?since=4", None);
    assert_eq!(
        events.next().map(|(name, id, data)| (name, id, data["seq"].clone())),
        Some(("change".into(), format!("{database}-5"), json!(5)))
    );
    desk.post("/api/v1/events", message("c", 6, "")).expect(200);
    assert_eq!(events.next().map(|(_, id, _)| id), Some(format!("{database}-6")));
    // As a browser reconnects: with the old address and the last id.
    let mut again = Events::open(&desk, "/api/v1/changes?since=0", Some(&format!("{database}-5")));
    assert_eq!(again.next().map(|(_, _, data)| data["seq"].clone()), Some(json!(6)));
}

#[test]
fn a_feed_of_one_conversation_has_only_its_events_and_tells_the_time() {
    let desk = desk(2);
    desk.post("/api/v1/events", [message("other/1", 1, ""), message("c", 3, "")].join("\n")).expect(200);
    let of =
        |conversation: &str| lines(&desk, &format!("/api/v1/changes?since=0&wait=0&conversation={conversation}"), &[]);
    let seqs = |lines: Vec<Value>| lines.iter().map(|line| line["seq"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!((seqs(of("c")), seqs(of("other%2F1")), seqs(of("nobody"))), (vec![1, 2, 4], vec![3], vec![]));
    let mut events = Events::open(&desk, "/api/v1/changes?since=0&conversation=other%2F1", None);
    assert_eq!(events.next().map(|(_, _, data)| data["seq"].clone()), Some(json!(3)));
    assert_eq!(events.clocks, 1);
}

#[test]
fn a_reader_of_another_log_is_told_to_look_again() {
    let desk = desk(5);
    let database = desk.db.database_id().to_string();
    for id in ["00000000000000000000000000000000-3", &format!("{database}-77"), "x"] {
        let mut events = Events::open(&desk, "/api/v1/changes", Some(id));
        let (name, id, data) = events.next().unwrap();
        assert_eq!((name.as_str(), id, &data["next_seq"]), ("resync", format!("{database}-5"), &json!(6)));
    }
    let resync = lines(&desk, "/api/v1/changes?since=99&wait=0", &[]);
    assert_eq!((resync.len(), &resync[0]["resync"]["next_seq"]), (1, &json!(6)));
}

#[test]
fn a_reader_of_dropped_events_is_told_to_look_again() {
    let desk = desk(4);
    desk.post("/api/v1/events", message("c", 5, "")).expect(200);
    desk.db.trim_log(convofold::Time::from_ms(4_000_000_000_000).unwrap()).unwrap();
    let first = desk.db.stats().first_seq;
    assert!(first > 1, "{first}");
    let found = lines(&desk, "/api/v1/changes?since=0&wait=0", &[]);
    assert_eq!(found[0]["resync"]["next_seq"], 6, "{found:?}");
}

#[test]
fn the_end_of_the_server_ends_its_feeds() {
    let mut desk = desk(1);
    let mut events = Events::open(&desk, "/api/v1/changes?since=0", None);
    assert!(events.next().is_some());
    let reader = std::thread::spawn(move || events.next());
    std::thread::sleep(Duration::from_millis(50));
    let began = std::time::Instant::now();
    desk.stop();
    assert!(reader.join().unwrap().is_none());
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}
