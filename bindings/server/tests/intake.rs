//! Webhooks and events.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests and their helpers may panic")]

mod common;

use std::io::Write;
use std::net::TcpStream;

use common::{Desk, message, superoffice, toml_settings};
use convofold::ingest::signature::superoffice::sign;
use serde_json::json;

const WEBHOOK: &str = "/webhooks/superoffice";

fn signed(desk: &Desk, path: &str, body: &str, secret: &str) -> common::Response {
    desk.request("POST", path, &[("X-SuperOffice-Signature", &sign(secret, body.as_bytes()))], body.as_bytes())
}

fn desk_with_secrets() -> Desk {
    Desk::with(toml_settings("[superoffice-secret]\ndefault = [\"current\", \"next\"]\nother = \"third\""), |_| {})
}

#[test]
fn a_webhook_is_answered_200_once_it_is_durable_and_again_when_it_is_repeated() {
    let desk = desk_with_secrets();
    let body = superoffice("e-1", "created", 42);
    let report = signed(&desk, WEBHOOK, &body, "current").expect(200).json();
    assert_eq!((&report["events"], &report["applied"], &report["last_seq"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(desk.db.counters().durable_seq, 1);
    let again = signed(&desk, WEBHOOK, &body, "next").expect(200).json();
    assert_eq!((&again["duplicates"], &again["last_seq"]), (&json!(1), &json!(null)));
    assert!(desk.db.state("superoffice:Cust1:42").unwrap().is_some());
}

#[test]
fn only_a_secret_of_the_hook_is_accepted() {
    let desk = desk_with_secrets();
    let body = superoffice("e-1", "created", 42);
    for secret in ["third", "guess"] {
        signed(&desk, WEBHOOK, &body, secret).expect(401);
    }
    desk.post(WEBHOOK, &body).expect(401);
    signed(&desk, WEBHOOK, &body.replace("42", "43"), "current").expect(200);
    signed(&desk, "/webhooks/superoffice/other", &body, "current").expect(401);
    signed(&desk, "/webhooks/superoffice/other", &body, "third").expect(200);
    assert_eq!(desk.db.stats().last_seq, 2);
}

#[test]
fn without_a_secret_only_this_machine_is_answered() {
    let body = superoffice("e-1", "created", 42);
    let desk = Desk::new();
    desk.post(WEBHOOK, &body).expect(200);
    desk.request("POST", WEBHOOK, &[("Host", "chats.example")], body.as_bytes()).expect(403);
    desk.request("POST", WEBHOOK, &[("Origin", "https://evil.example")], body.as_bytes()).expect(403);
    // Another port of this machine is another origin.
    desk.request("POST", WEBHOOK, &[("Origin", "http://localhost:3000")], body.as_bytes()).expect(403);
    desk.request("POST", WEBHOOK, &[("Origin", &format!("http://{}", desk.address))], body.as_bytes()).expect(200);
    let behind = Desk::with(toml_settings("behind-proxy = true"), add_token);
    // Not 410, which would disable the hook for good.
    behind.post(WEBHOOK, &body).expect(404);
    behind.post("/webhooks/superoffice/other", &body).expect(404);
}

fn add_token(db: &std::path::Path) {
    let token = convofold_server::NewToken {
        name: "admin".to_owned(),
        role: convofold_server::Role::Admin,
        tenants: None,
        texts: true,
    };
    convofold_server::TokenFile::of(db).add(token).unwrap();
}

#[test]
fn the_test_event_is_answered_and_stores_nothing() {
    let desk = Desk::new();
    let body = r#"{"EventId":"t","Timestamp":"2026-03-02T09:15:00Z","Event":"test","Entity":"test","PrimaryKey":0,"ContextIdentifier":"Cust1"}"#;
    let report = desk.request("POST", WEBHOOK, &[("X-Hook-Test", "true")], body.as_bytes()).expect(200).json();
    assert_eq!((&report["events"], &report["rejected"]), (&json!(0), &json!(0)));
    assert_eq!(desk.db.stats().last_seq, 0);
}

#[test]
fn bodies_are_limited_and_not_compressed() {
    let desk = Desk::with(toml_settings("max-body = 1000"), |_| {});
    let body = superoffice("e-1", "created", 42);
    let padded = |bytes: usize| format!("{body}{}", " ".repeat(bytes - body.len()));
    desk.post(WEBHOOK, padded(1_000)).expect(200);
    desk.post(WEBHOOK, padded(1_001)).expect(413);
    desk.request("POST", WEBHOOK, &[("Content-Encoding", "gzip")], body.as_bytes()).expect(415);
    desk.request("POST", "/api/v1/events", &[("Content-Encoding", "gzip")], body.as_bytes()).expect(415);
}

#[test]
fn what_cannot_be_an_event_is_answered_200_and_kept_until_it_is_repaired() {
    let desk = Desk::with(toml_settings("max-rejects = 2"), |_| {});
    let good = superoffice("e-1", "created", 42);
    let bad = good.replace("\"PrimaryKey\":42", "\"PrimaryKey\":\"?\"").replace("e-1", "e-2");
    let report = desk.post(WEBHOOK, &bad).expect(200).json();
    assert_eq!((&report["events"], &report["rejected"]), (&json!(0), &json!(1)));
    desk.post(WEBHOOK, &bad).expect(200);
    desk.post("/webhooks/airship/second", "[1]").expect(200);
    let list = desk.get("/api/v1/rejects").expect(200).json();
    assert_eq!((&list["total"], &list["rejects"][0]["source"]), (&json!(2), &json!("superoffice/default")));
    assert_eq!((&list["rejects"][0]["raw"], &list["rejects"][0]["convofold_reject"]), (&json!(bad), &json!(1)));
    let first = desk.get("/api/v1/rejects?limit=1").expect(200).json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = desk.get(&format!("/api/v1/rejects?limit=1&cursor={cursor}")).expect(200).json();
    assert_eq!((&second["rejects"][0], &second["next_cursor"]), (&list["rejects"][1], &json!(null)));

    // The table is full.
    desk.post(WEBHOOK, "7").expect(503);
    desk.get("/readyz").expect(503);
    desk.post(WEBHOOK, &good).expect(200);

    let id = list["rejects"][0]["id"].as_str().unwrap();
    let one = format!("/api/v1/rejects/{id}");
    let still = desk.post(&one, "").expect(422).json();
    assert_eq!(still["report"]["rejected"], 1);
    let report = desk.post(&one, bad.replace("\"?\"", "43")).expect(200).json();
    assert_eq!(report["applied"], 1);
    assert!(desk.db.state("superoffice:Cust1:43").unwrap().is_some());
    desk.post(&one, "").expect(404);
    let other = list["rejects"][1]["id"].as_str().unwrap();
    let other = format!("/api/v1/rejects/{other}");
    assert_eq!(desk.request("DELETE", &other, &[], b"").status, 204);
    desk.request("DELETE", &other, &[], b"").expect(404);
    assert_eq!(desk.get("/api/v1/rejects").expect(200).json()["total"], 0);
    desk.get("/readyz").expect(200);
}

#[test]
fn events_come_in_any_form_and_any_number_and_the_report_is_the_answer() {
    let desk = Desk::new();
    let one = message("a", 1, "");
    assert_eq!(desk.post("/api/v1/events", &one).expect(200).json()["applied"], 1);
    let array = format!("[{},{},7]", message("a", 1, ""), message("a", 2, ""));
    let report = desk.post("/api/v1/events", &array).expect(200).json();
    assert_eq!((&report["duplicates"], &report["applied"], &report["rejected"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(report["rejections"][0]["reason"], "not an event");
    // Larger than the limit of a webhook.
    let lines: String = (10..8_010).map(|number| message(&format!("c-{}", number % 500), number, "") + "\n").collect();
    assert!(lines.len() > 1 << 20);
    let report = desk.post("/api/v1/events?source=convofold", &lines).expect(200).json();
    assert_eq!((&report["events"], &report["rejected"]), (&json!(8_000), &json!(0)));
    assert_eq!(desk.db.counters().durable_seq, 8_002);
    let bad = desk.post("/api/v1/events?source=telex", &one).expect(400).json();
    assert!(bad["detail"].as_str().unwrap().contains("telex"), "{bad}");
    // Rejects of this way in are in the report alone.
    assert_eq!(desk.get("/api/v1/rejects").expect(200).json()["total"], 0);
}

#[test]
fn the_zone_and_ignored_types_are_settings() {
    let desk = Desk::with(toml_settings("zone = \"Europe/Oslo\"\nignore = [\"typing_start\"]"), |_| {});
    let event = |kind: &str| {
        format!(
            r#"{{"occurred":"2026-07-02T09:15:00","body":{{"name":"live_chat_message","interaction_type":"{kind}","transaction":"t","properties":{{"message":{{"message":"hi"}}}}}}}}"#
        )
    };
    let report = desk.post("/webhooks/airship", event("sms_in") + "\n" + &event("typing_start")).expect(200).json();
    assert_eq!((&report["applied"], &report["rejected"]), (&json!(1), &json!(0)), "{report}");
    assert_eq!(report["ignored"]["airship"]["typing_start"], 1);
    let state = desk.db.state("t").unwrap().unwrap();
    assert_eq!(state.started_at, 1_782_976_500_000);
}

#[test]
fn a_body_that_breaks_off_is_no_event() {
    let desk = Desk::new();
    let mut stream = TcpStream::connect(desk.address).unwrap();
    let line = message("a", 1, "");
    write!(
        stream,
        "POST /api/v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{line}",
        line.len() + 2
    )
    .unwrap();
    stream.shutdown(std::net::Shutdown::Both).unwrap();
    desk.get("/livez").expect(200);
    // The incomplete body has no report, and its line may or may not be stored; sending it again is safe.
    let report = desk.post("/api/v1/events", &line).expect(200).json();
    assert_eq!(report["applied"].as_u64().unwrap() + report["duplicates"].as_u64().unwrap(), 1);
}

#[test]
fn the_status_lists_what_sends_events() {
    let desk = Desk::new();
    let upstreams = |desk: &Desk| desk.get("/api/v1/status").expect(200).json()["upstreams"].clone();
    let none = upstreams(&desk);
    assert_eq!((&none[0]["kind"], &none[0]["state"], &none[1]), (&json!("stream"), &json!("not_set_up"), &json!(null)));
    desk.post(WEBHOOK, superoffice("e-1", "created", 42)).expect(200);
    desk.post("/api/v1/events", message("a", 1, "")).expect(200);
    let both = upstreams(&desk);
    let shown =
        |at: usize| ["kind", "source", "tenant", "name", "state", "usual_gap_ms"].map(|field| both[at][field].clone());
    assert_eq!(shown(1), [json!("webhook"), json!("desk"), json!(null), json!("desk"), json!("ok"), json!(null)]);
    assert_eq!(
        shown(2),
        ["webhook", "superoffice", "Cust1", "Cust1", "ok"]
            .map(|text| json!(text))
            .into_iter()
            .chain([json!(null)])
            .collect::<Vec<_>>()[..]
    );
    assert!(both[2]["last_at"].as_i64().unwrap() > 1_772_000_000_000, "{both}");
}

#[test]
fn a_closed_database_is_answered_503() {
    let desk = Desk::new();
    desk.db.close().unwrap();
    desk.post(WEBHOOK, superoffice("e-1", "created", 42)).expect(503);
    desk.post("/api/v1/events", message("a", 1, "")).expect(503);
}
