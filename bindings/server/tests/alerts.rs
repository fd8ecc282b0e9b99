//! Alerts of a running server.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests and their helpers may panic")]

mod common;

use common::{Desk, close, message, toml_settings};
use convofold_server::{NewToken, Role, TokenFile};
use receiver::{Receiver, Reply};
use serde_json::Value;

#[path = "../../../tests/src/receiver.rs"]
#[expect(dead_code, unreachable_pub, reason = "a module of another crate, which uses the rest")]
mod receiver;

/// Events lie in the past, so their waits are beyond the threshold at once.
fn slow(receiver: &Receiver, more: &str) -> String {
    let url = receiver.url("/hook");
    format!("{more}\n[[alert]]\nname = \"slow\"\nwhen = \"waiting\"\nafter = \"10m\"\nurl = \"{url}\"\n")
}

fn metric(desk: &Desk, name: &str) -> String {
    let text = desk.get("/metrics").expect(200).text();
    let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
    line.map(|line| line[name.len() + 1..].to_owned()).unwrap_or_default()
}

#[test]
fn a_commit_is_told_and_the_alert_is_listed_until_its_end_is() {
    let receiver = Receiver::start().unwrap();
    let desk = Desk::with(toml_settings(&slow(&receiver, "")), |_| {});
    desk.post("/api/v1/events", message("a", 1, "")).expect(200);
    let got = receiver.wait_until(|got| got.len() == 1);
    assert_eq!((got[0].path.as_str(), &got[0].json()["type"]), ("/hook", &Value::from("alert.began")));
    let listed = |until: &dyn Fn(&Value) -> bool| loop {
        let page = desk.get("/api/v1/alerts").expect(200).json();
        if until(&page) {
            return page;
        }
        std::thread::yield_now();
    };
    let page = listed(&|page| page["pending"] == 0);
    assert_eq!((&page["total"], &page["next_cursor"]), (&Value::from(1), &Value::Null));
    let shown = &page["alerts"][0];
    assert_eq!((&shown["subject"], &shown["id"]), (&Value::from("a"), &Value::from(got[0].id.clone())));
    assert_eq!((&shown["when"], &shown["over_at"]), (&Value::from("waiting"), &Value::Null));
    assert_eq!(metric(&desk, "convofold_alerts_active{alert=\"slow\"}"), "1");
    assert_eq!(metric(&desk, "convofold_alert_deliveries_total{alert=\"slow\",status=\"200\"}"), "1");
    receiver.reply([Reply::Status(503, "Retry-After: 3600\r\n")]);
    desk.post("/api/v1/events", close("a", "")).expect(200);
    let page = listed(&|page| page["alerts"][0]["attempts"] == 1);
    let shown = &page["alerts"][0];
    assert_eq!((&shown["reason"], &shown["why"]), (&Value::from("closed"), &Value::from("answered 503")));
    assert_eq!(metric(&desk, "convofold_alerts_active{alert=\"slow\"}"), "0");
    assert_eq!(metric(&desk, "convofold_alert_pending"), "1");
}

#[test]
fn pages_of_alerts_join_and_need_a_token_for_all_tenants() {
    let receiver = Receiver::start().unwrap();
    let mut tokens = Vec::new();
    let desk = Desk::with(toml_settings(&slow(&receiver, "")), |path| {
        for (name, tenants) in [("all", None), ("one", Some(["North".to_owned()].into()))] {
            let new = NewToken { name: name.to_owned(), role: Role::Read, tenants, texts: false };
            tokens.push(format!("Bearer {}", TokenFile::of(path).add(new).unwrap()));
        }
    });
    let mut edit = String::new();
    for number in 0..5 {
        edit.push_str(&message(&format!("c-{number}"), number, ""));
        edit.push('\n');
    }
    desk.db.ingest(edit.as_bytes(), convofold::ingest::Format::Auto).unwrap();
    assert_eq!(receiver.wait_until(|got| got.len() == 5).len(), 5);
    let get = |path: &str, token: &str| desk.request("GET", path, &[("authorization", token)], b"");
    get("/api/v1/alerts", &tokens[1]).expect(403);
    get("/api/v1/alerts?limit=0", &tokens[0]).expect(400);
    get("/api/v1/alerts?cursor=none", &tokens[0]).expect(404);
    let (mut subjects, mut path) = (Vec::new(), "/api/v1/alerts?limit=2".to_owned());
    loop {
        let page = get(&path, &tokens[0]).expect(200).json();
        subjects.extend(page["alerts"].as_array().unwrap().iter().map(|alert| alert["subject"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => path = format!("/api/v1/alerts?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(subjects, ["c-0", "c-1", "c-2", "c-3", "c-4"]);
}

/// The receiver has a message and does not answer while the server ends and starts again.
#[test]
fn a_message_without_an_answer_is_sent_again_after_a_restart_with_the_same_id() {
    let receiver = Receiver::start().unwrap();
    receiver.reply([Reply::Hang]);
    let settings = toml_settings(&slow(&receiver, ""));
    let mut desk = Desk::with(settings.clone(), |_| {});
    desk.post("/api/v1/events", message("a", 1, "")).expect(200);
    assert_eq!(receiver.wait_until(|got| got.len() == 1).len(), 1);
    desk.restart(settings);
    let got = receiver.wait_until(|got| got.len() == 2);
    assert_eq!((&got[0].id, &got[0].body), (&got[1].id, &got[1].body));
}

#[test]
fn alerts_that_are_not_in_the_settings_any_more_are_dropped() {
    let receiver = Receiver::start().unwrap();
    let settings = toml_settings(&slow(&receiver, ""));
    let mut desk = Desk::with(settings.clone(), |_| {});
    desk.post("/api/v1/events", message("a", 1, "")).expect(200);
    assert_eq!(receiver.wait_until(|got| got.len() == 1).len(), 1);
    let other = toml_settings(&slow(&receiver, "").replace("slow", "other"));
    desk.restart(other);
    let got = receiver.wait_until(|got| got.len() == 2);
    assert_eq!(got[1].data("alert"), "other");
    assert_eq!(desk.get("/api/v1/alerts").expect(200).json()["total"], 1);
}
