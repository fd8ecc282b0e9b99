//! Members are erased, disclosed and held over HTTP.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests and their helpers may panic")]

mod common;

use std::sync::{Mutex, mpsc};

use common::{Desk, Events, close, message, toml_settings};
use convofold::Subject;
use convofold::erase::Erase;
use receiver::{Receiver, Reply};
use serde_json::{Value, json};

#[path = "../../../tests/src/receiver.rs"]
#[expect(dead_code, unreachable_pub, reason = "a module of another crate, which uses the rest")]
mod receiver;

/// A message of a member.
fn of_member(member: &str, number: u64) -> String {
    message(&format!("{member}_{number}"), number, &format!(r#","member_business_id":"{member}""#))
}

/// Two closed conversations of one member, and one of another.
fn fill(desk: &Desk) {
    for (member, number) in [("m-700100", 1), ("m-700100", 2), ("m-700200", 3)] {
        desk.post("/api/v1/events", of_member(member, number)).expect(200);
        desk.post("/api/v1/events", close(&format!("{member}_{number}"), "")).expect(200);
    }
}

fn erase(desk: &Desk, request: &Value) -> Value {
    desk.post("/api/v1/erase", request.to_string()).expect(200).json()
}

#[test]
fn a_member_is_erased_while_the_server_answers() {
    let desk = Desk::new();
    fill(&desk);
    let member = json!({"members": ["m-700100"]});
    let listed = erase(&desk, &json!({"members": ["m-700100"], "dry_run": true}));
    assert_eq!(listed["would_erase"].as_array().map(Vec::len), Some(2), "{listed}");
    desk.get("/api/v1/conversations/m-700100_1").expect(200);
    let answer = erase(&desk, &member);
    let receipt = &answer["erased"];
    assert_eq!([&receipt["number"], &receipt["conversations"], &receipt["events"]], [1, 2, 4], "{answer}");
    for gone in ["m-700100_1", "m-700100_2"] {
        desk.get(&format!("/api/v1/conversations/{gone}")).expect(404);
        desk.get(&format!("/api/v1/conversations/{gone}/history")).expect(404);
    }
    desk.get("/api/v1/conversations/m-700200_3").expect(200);
    assert_eq!(desk.get("/api/v1/hash").expect(200).json()["hash"], receipt["hash_after"]);
    let receipts = desk.get("/api/v1/erasures").expect(200).json();
    assert_eq!(receipts["erasures"][0]["hash_after"], receipt["hash_after"], "{receipts}");
    assert!(!receipts.to_string().contains("m-700100"));
    // The upstream sends it again.
    let again = desk.post("/api/v1/events", of_member("m-700100", 1)).expect(200).json();
    assert_eq!((&again["erased"], &again["applied"]), (&json!(1), &json!(0)));
    assert_eq!(erase(&desk, &member)["erased"], Value::Null);
    let metrics = desk.get("/metrics").expect(200).text();
    assert!(metrics.contains("convofold_events_total{effect=\"erased\"} 1"), "{metrics}");
}

/// The next board with this number of open conversations.
fn board_with(events: &mut Events, open: u64) -> Value {
    loop {
        let (name, _, board) = events.next().unwrap();
        if name == "board" && board["open"] == open {
            return board;
        }
    }
}

#[test]
fn a_watched_board_does_not_show_an_erased_conversation() {
    let desk = Desk::new();
    desk.post("/api/v1/events", of_member("m-700100", 1)).expect(200);
    desk.post("/api/v1/events", of_member("m-700200", 2)).expect(200);
    let mut events = desk.events("/api/v1/board?limit=5", &[]);
    assert!(board_with(&mut events, 2).to_string().contains("m-700100"));
    let refused = desk.post("/api/v1/erase", json!({"members": ["m-700100"]}).to_string()).expect(409);
    assert!(refused.text().contains("open"), "{refused:?}");
    let answer = erase(&desk, &json!({"members": ["m-700100"], "open_too": true}));
    assert_eq!(answer["erased"]["conversations"], 1, "{answer}");
    // Counts stay, under a random id.
    let after = loop {
        let board = board_with(&mut events, 2);
        if !board.to_string().contains("m-700100") {
            break board;
        }
    };
    assert!(after.to_string().contains("erased-"), "{after}");
    let mut new = desk.events("/api/v1/board?limit=5", &[]);
    assert!(!board_with(&mut new, 2).to_string().contains("m-700100"));
}

#[test]
fn rejects_and_alerts_of_the_member_are_removed_and_counted() {
    let receiver = Receiver::start().unwrap();
    receiver.reply([Reply::Status(503, "Retry-After: 3600\r\n")]);
    let alert = format!(
        "[[alert]]\nname = \"slow\"\nwhen = \"waiting\"\nafter = \"10m\"\nurl = \"{}\"\n",
        receiver.url("/hook")
    );
    let desk = Desk::with(toml_settings(&alert), |_| {});
    desk.post("/api/v1/events", of_member("m-700100", 1)).expect(200);
    assert_eq!(receiver.wait_until(|got| got.len() == 1).len(), 1);
    // JSON in JSON, and bytes that are no text.
    for reject in
        [&br#"{"id":"x","nested":"{\"member\":\"m-700100\"}"}"#[..], b"{\"m-700100\": \"\xff\"}", b"{\"other\":7}"]
    {
        desk.request("POST", "/webhooks/airship", &[], reject).expect(200);
    }
    assert_eq!(desk.get("/api/v1/rejects").expect(200).json()["total"], 3);
    desk.post("/api/v1/events", close("m-700100_1", "")).expect(200);
    while desk.get("/api/v1/alerts").expect(200).json()["pending"] != 2 {
        std::thread::yield_now();
    }
    let answer = erase(&desk, &json!({"members": ["m-700100"]}));
    assert_eq!(answer["cleaned"], json!({"rejects": 2, "alerts": 1, "undelivered": 2}), "{answer}");
    assert_eq!(desk.get("/api/v1/rejects").expect(200).json()["total"], 1);
    assert_eq!(desk.get("/api/v1/alerts").expect(200).json()["total"], 0);
    for file in ["rejects.ndjson", "alerts.ndjson"] {
        let text = std::fs::read(desk.path().join("serve").join(file)).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains("m-700100"), "{file}");
    }
    // Alerts are evaluated again.
    receiver.reply([Reply::Status(200, "")]);
    desk.post("/api/v1/events", of_member("m-700200", 2)).expect(200);
    let is_of_other = |got: &receiver::Got| got.json().to_string().contains("m-700200_2");
    assert!(receiver.wait_until(|got| got.last().is_some_and(is_of_other)).last().is_some_and(is_of_other));
}

#[test]
fn a_legal_hold_keeps_a_member_until_it_is_lifted() {
    let desk = Desk::new();
    fill(&desk);
    let hold = json!({"subject": {"member": "m-700100"}, "reason": "case 7"});
    assert_eq!(desk.post("/api/v1/holds", hold.to_string()).expect(201).json()["number"], 1);
    let holds = desk.get("/api/v1/holds").expect(200).json();
    assert_eq!((&holds["holds"][0]["reason"], &holds["holds"][0]["subject"]), (&json!("case 7"), &hold["subject"]));
    let refused = desk.post("/api/v1/erase", json!({"members": ["m-700100"]}).to_string()).expect(409);
    assert!(refused.text().contains("hold"), "{refused:?}");
    desk.get("/api/v1/conversations/m-700100_1").expect(200);
    desk.request("DELETE", "/api/v1/holds/1", &[], b"").expect(204);
    for unknown in ["1", "2", "x"] {
        desk.request("DELETE", &format!("/api/v1/holds/{unknown}"), &[], b"").expect(404);
    }
    assert_eq!(erase(&desk, &json!({"members": ["m-700100"]}))["erased"]["conversations"], 2);
}

#[test]
fn a_second_erasure_while_one_runs_is_refused() {
    let desk = Desk::new();
    fill(&desk);
    let (begun, is_begun) = mpsc::channel();
    let (end, is_ended) = mpsc::channel::<()>();
    let ended = Mutex::new(is_ended);
    let subject = Subject::member("m-700100").unwrap();
    let running = Erase::new([subject]).beside(move |_| {
        begun.send(()).unwrap();
        ended.lock().unwrap().recv().map_err(std::io::Error::other)
    });
    let db = desk.db.clone();
    let erasure = std::thread::spawn(move || db.erase(&running).map(|erased| erased.is_some()));
    is_begun.recv().unwrap();
    let refused = desk.post("/api/v1/erase", json!({"members": ["m-700200"]}).to_string()).expect(409);
    assert!(refused.text().contains("written again"), "{refused:?}");
    desk.get("/api/v1/conversations/m-700200_3").expect(200);
    end.send(()).unwrap();
    assert!(erasure.join().unwrap().unwrap());
    assert_eq!(erase(&desk, &json!({"members": ["m-700200"]}))["erased"]["conversations"], 1);
}

#[test]
fn a_request_that_names_nobody_or_misspells_a_name_is_refused() {
    let desk = Desk::new();
    for (body, said) in [
        ("", "body"),
        ("{}", "found none"),
        (r#"{"member":["m-1"]}"#, "member"),
        (r#"{"members":["superoffice:7"]}"#, "superoffice:7"),
        (r#"{"members":["m-1"],"dryrun":true}"#, "dryrun"),
        (r#"{"numbers":[""]}"#, "numbers"),
    ] {
        let refused = desk.post("/api/v1/erase", body).expect(400);
        assert!(refused.text().contains(said), "{body}: {}", refused.text());
    }
}
