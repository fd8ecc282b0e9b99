//! What is old is removed over HTTP.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests and their helpers may panic")]

mod common;

use common::{Desk, toml_settings};
use convofold_server::Client;
use serde_json::{Value, json};

const DAY_MS: i64 = 24 * 60 * 60_000;
/// 2026-03-12T00:00:00Z.
const NOW: i64 = 1_773_273_600_000;

/// Twenty conversations, one each day of February, each closed on its day.
fn fill(desk: &Desk) {
    for day in 1..=20 {
        let event = |hour: u32, kind: &str, rest: &str| {
            format!(
                r#"{{"convofold":1,"source":"desk","conversation":"day-{day}","kind":"{kind}","occurred":"2026-02-{day:02}T{hour:02}:00:00Z"{rest}}}"#
            )
        };
        let said = format!(r#","direction":"in","text":"what was said on day {day}""#);
        let log = [event(9, "message", &said), event(10, "close", "")].join("\n");
        desk.post("/api/v1/events", log).expect(200);
    }
    // A trim needs both checkpoints.
    desk.db.checkpoint().unwrap();
    desk.post("/api/v1/events", common::message("now", 1, "")).expect(200);
    desk.db.checkpoint().unwrap();
}

fn retain(desk: &Desk, more: &str, rules: &Value) -> Value {
    desk.post(&format!("/api/v1/retain?now={NOW}{more}"), rules.to_string()).expect(200).json()
}

#[test]
fn texts_and_conversations_go_by_rule_and_earlier_moments_are_gone() {
    let desk = Desk::new();
    fill(&desk);
    let texts = json!({"texts_ms": 30 * DAY_MS});
    let would = retain(&desk, "&dry_run=true", &texts);
    assert_eq!(would["horizons"][0]["texts"], 9, "{would}");
    let last = |day: u32| {
        desk.get(&format!("/api/v1/conversations/day-{day}")).expect(200).json()["conversation"]["last_message"].clone()
    };
    assert!(!last(3).is_null());
    assert_eq!(retain(&desk, "", &texts)["horizons"], would["horizons"]);
    assert!(last(3).is_null() && !last(10).is_null());

    let run = retain(&desk, "", &json!({"log_ms": 20 * DAY_MS, "closed_ms": 30 * DAY_MS}));
    assert_eq!(run["horizons"][0]["conversations"], 9, "{run}");
    desk.get("/api/v1/conversations/day-3").expect(404);
    let past = desk.get("/api/v1/totals?as_of=2026-02-05T00:00:00Z").expect(410).json();
    assert_eq!(past["earliest"], run["horizons"][0]["closed_before"], "{past}");
    desk.get("/api/v1/totals?as_of=2026-02-20T00:00:00Z").expect(200);
    let runs = desk.get("/api/v1/retention-runs").expect(200).json();
    assert_eq!((runs["runs"].as_array().unwrap().len(), &runs["runs"][1]["hash_after"]), (2, &run["hash_after"]));
    let client = Client::of_holder(desk.path()).unwrap();
    assert_eq!(client.retention_runs().unwrap(), desk.db.retention_runs());
}

#[test]
fn rules_that_do_not_fit_together_are_refused_and_an_empty_body_needs_settings() {
    let desk = Desk::new();
    desk.post("/api/v1/retain", json!({"closed_ms": DAY_MS}).to_string()).expect(422);
    for wrong in ["", "[]", r#"{"texts":1}"#] {
        desk.post("/api/v1/retain", wrong).expect(400);
    }
    desk.post("/api/v1/retain?now=-1", "{}").expect(400);
    let desk = Desk::with(toml_settings("[retention]\nat = \"03:00\"\ntexts = \"30d\""), |_| {});
    fill(&desk);
    let run = desk.post(&format!("/api/v1/retain?now={NOW}"), "").expect(200).json();
    assert_eq!(run["horizons"][0]["texts"], 9, "{run}");
}
