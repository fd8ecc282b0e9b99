//! The board as a stream.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests and their helpers may panic")]

mod common;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::{Desk, Events, message, toml_settings};
use convofold_server::{NewToken, Role, Settings, TokenFile};
use serde_json::Value;

/// The next board of a stream, and its id.
#[track_caller]
fn board(events: &mut Events) -> (String, Value) {
    loop {
        let (name, id, data) = events.next().unwrap();
        if name == "board" {
            return (id, data);
        }
    }
}

/// The first board with this number of open conversations.
#[track_caller]
fn board_with(events: &mut Events, open: u64) -> Value {
    loop {
        let (_, board) = board(events);
        if board["open"] == open {
            return board;
        }
    }
}

fn send(desk: &Desk, conversation: &str, number: u64) {
    desk.post("/api/v1/events", message(conversation, number, "")).expect(200);
}

fn screens(desk: &Desk) -> u64 {
    let metrics = desk.get("/metrics").expect(200).text();
    let line = metrics.lines().find_map(|line| line.strip_prefix("convofold_screens ")).unwrap();
    line.parse().unwrap()
}

#[track_caller]
fn until(is: impl Fn() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_stream_begins_with_the_board_and_follows_it() {
    let desk = Desk::new();
    send(&desk, "a", 1);
    let mut events = desk.events("/api/v1/board?limit=5", &[]);
    let (name, id, first) = events.next().unwrap();
    assert_eq!((name.as_str(), id), ("board", format!("{}-1", desk.db.database_id())));
    let mut asked = desk.get("/api/v1/board?limit=5").expect(200).json();
    // The past numbers may be known by now.
    for moving in ["now", "links", "before"] {
        asked[moving] = first[moving].clone();
    }
    assert_eq!(first, asked);
    // The day and another board come before it if the past numbers are known by then.
    let clock = std::iter::from_fn(|| events.next()).find(|(name, _, _)| name == "clock").map(|(_, _, clock)| clock);
    assert_eq!(clock.unwrap()["seq"], 1);
    send(&desk, "b", 1);
    assert_eq!(board_with(&mut events, 2)["seq"], 2);
    // Another reader of the same view gets the same board, and one of another view its own.
    let mut same = desk.events("/api/v1/board?limit=5", &[]);
    let mut other = desk.events("/api/v1/board?unassigned=true&unread_min=2", &[]);
    assert_eq!(board(&mut same).1["seq"], 2);
    assert_eq!(board(&mut other).1["open"], 0);
    send(&desk, "b", 2);
    assert_eq!(board_with(&mut other, 1)["seq"], 3);
    while board(&mut same).1["seq"] != 3 {}
}

#[test]
fn many_events_make_few_boards_and_the_last_one_is_complete() {
    const EVENTS: u64 = 300;
    let desk = Desk::new();
    let mut events = desk.events("/api/v1/board", &[]);
    assert_eq!(board(&mut events).1["open"], 0);
    for number in 1..=EVENTS {
        send(&desk, &format!("c-{number}"), number);
    }
    let mut boards = 0;
    loop {
        boards += 1;
        let (_, board) = board(&mut events);
        assert_eq!(board["open"], board["seq"]);
        if board["open"] == EVENTS {
            break;
        }
    }
    assert!(boards < EVENTS / 4, "{boards}");
}

#[test]
fn a_slow_reader_skips_boards_and_heals() {
    let desk = Desk::with(toml_settings("write-timeout = \"10m\""), |_| {});
    // One board fills the buffers of the sockets.
    let text = "x".repeat(60_000);
    let lines: String =
        (0..60).map(|number| message(&format!("c-{number}"), 1, "").replace("words", &text) + "\n").collect();
    desk.post("/api/v1/events", lines).expect(200);
    let mut slow = desk.events("/api/v1/board", &[]);
    let mut quick = desk.events("/api/v1/board", &[]);
    let mut made = Vec::new();
    let mut open = 60;
    while made.len() < 6 {
        open += 1;
        send(&desk, &format!("n-{open}"), open);
        made.push(board_with(&mut quick, open)["seq"].as_u64().unwrap());
    }
    let mut read = Vec::new();
    while read.last() != made.last() {
        read.push(board(&mut slow).1["seq"].as_u64().unwrap());
    }
    assert!(read.is_sorted_by(|a, b| a < b) && read.len() < made.len(), "{read:?} of {made:?}");
    send(&desk, "last", 1);
    assert_eq!(board_with(&mut slow, open + 1)["seq"], open + 1);
}

#[test]
fn a_reader_that_does_not_read_is_cut_off_and_the_number_of_readers_is_limited() {
    let desk = Desk::with(toml_settings("write-timeout = \"2s\"\nmax-screens = 1\nmax-readers = 0"), |_| {});
    let text = "x".repeat(60_000);
    let lines: String =
        (0..300).map(|number| message(&format!("c-{number}"), 1, "").replace("words", &text) + "\n").collect();
    desk.post("/api/v1/events", lines).expect(200);
    let stuck = desk.events("/api/v1/board?limit=1000", &[]);
    desk.request("GET", "/api/v1/board", &[("Accept", "text/event-stream")], b"").expect(503);
    desk.get("/api/v1/board").expect(200);
    until(|| screens(&desk) == 0);
    drop(stuck);
    assert_eq!(board(&mut desk.events("/api/v1/board", &[])).1["open"], 300);
}

#[test]
fn a_board_follows_when_a_wait_becomes_a_warning() {
    let desk = Desk::new();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let now = convofold::Time::from_ms(i64::try_from(now).unwrap()).unwrap().to_rfc3339();
    let line = message("a", 1, "").replace("2026-03-02T09:00:01Z", &now);
    desk.post("/api/v1/events", line).expect(200);
    let mut events = desk.events("/api/v1/board?warn=1s&crit=2s", &[]);
    let mut bands = Vec::new();
    loop {
        let (_, board) = board(&mut events);
        let band = board["bands"].as_object().unwrap().iter().find(|(_, count)| **count == 1).unwrap().0.clone();
        if band == "critical" {
            break;
        }
        bands.push(band);
    }
    // Without any event. On a busy machine the first band may be over already.
    assert!(bands.is_empty() || bands.contains(&"warning".to_owned()), "{bands:?}");
    assert_eq!(desk.db.stats().last_seq, 1);
}

#[test]
fn the_removal_of_the_token_ends_the_stream() {
    let mut token = String::new();
    let desk = Desk::with(Settings::default(), |db| {
        let new = NewToken { name: "wall".to_owned(), role: Role::Read, tenants: None, texts: false };
        token = TokenFile::of(db).add(new).unwrap();
    });
    let authorization = format!("Bearer {token}");
    let mut events = desk.events("/api/v1/board", &[("Authorization", &authorization)]);
    assert_eq!(events.next().unwrap().0, "board");
    TokenFile::of(&desk.path()).remove("wall").unwrap();
    let mut last = None;
    while let Some((name, ..)) = events.next() {
        last = Some(name);
    }
    assert_eq!(last.as_deref(), Some("signed_out"));
}

#[test]
fn the_end_of_the_server_ends_its_streams_and_another_database_has_another_id() {
    let mut desk = Desk::new();
    let mut events = desk.events("/api/v1/board", &[]);
    let (id, _) = board(&mut events);
    let reader = std::thread::spawn(move || while events.next().is_some() {});
    until(|| screens(&desk) == 1);
    let began = Instant::now();
    desk.stop();
    reader.join().unwrap();
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    let other = Desk::new();
    let mut events = other.events("/api/v1/board", &[("Last-Event-ID", &id)]);
    let (other_id, board) = board(&mut events);
    assert!(other_id != id && board["database_id"] == other_id.split_once('-').unwrap().0, "{other_id}");
}
