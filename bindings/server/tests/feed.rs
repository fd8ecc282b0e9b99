//! The change feed.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests and their helpers may panic")]

mod common;

use std::time::Duration;

use common::{Desk, message};
use serde_json::{Value, json};

fn lines(desk: &Desk, path: &str, headers: &[(&str, &str)]) -> Vec<Value> {
    let text = desk.request("GET", path, headers, b"").expect(200).text();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The events of a feed, without those of its clock.
struct Events {
    events: common::Events,
    /// Number of times that the server told its time.
    clocks: u64,
}

impl Events {
    fn open(desk: &Desk, path: &str, last_event_id: Option<&str>) -> Self {
        let header = last_event_id.map(|id| ("Last-Event-ID", id));
        Self { events: desk.events(path, header.as_slice()), clocks: 0 }
    }

    /// The next event: its name, its id and its data; `None` at the end.
    fn next(&mut self) -> Option<(String, String, Value)> {
        loop {
            let (name, id, data) = self.events.next()?;
            if name != "clock" {
                return Some((name, id, data));
            }
            assert!(data["now"].as_i64() > Some(1_700_000_000_000) && data["seq"].is_u64(), "{data}");
            self.clocks += 1;
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
