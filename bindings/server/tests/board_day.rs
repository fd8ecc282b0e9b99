//! The past numbers of the board, and the lines of today.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests and their helpers may panic")]

mod common;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::Desk;
use serde_json::{Value, json};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// A zone in which it is between eleven and one o'clock by day.
fn zone_at_noon(now: i64) -> String {
    let hours = 12 - now / HOUR % 24;
    format!("Etc/GMT{}{}", if hours < 0 { "%2B" } else { "-" }, hours.abs())
}

fn event(conversation: &str, kind: &str, at: i64, more: &str) -> String {
    let occurred = convofold::Time::from_ms(at).unwrap().to_rfc3339();
    format!(
        r#"{{"convofold":1,"source":"desk","conversation":"{conversation}","identity":"{at}","kind":"{kind}","occurred":"{occurred}"{more}}}"#
    )
}

fn send(desk: &Desk, lines: &[String]) {
    let report = desk.post("/api/v1/events", lines.join("\n")).expect(200).json();
    assert_eq!(report["rejected"], 0, "{}", report["rejections"][0]);
}

const IN: &str = r#","direction":"in""#;
const OUT: &str = r#","direction":"out","agent":{"id":"i","name":"Ida"}"#;

/// Asks again until the answer is as expected.
#[track_caller]
fn until(desk: &Desk, path: &str, is: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let answer = desk.get(path).expect(200).json();
        if is(&answer) {
            return answer;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{answer}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Desk, now and zone: one conversation was answered after ten minutes and is closed, one waits, and Ida has one.
fn desk() -> (Desk, i64, String) {
    let (desk, now) = (Desk::new(), now_ms());
    send(
        &desk,
        &[
            event("a", "message", now - 40 * MINUTE, IN),
            event("a", "message", now - 30 * MINUTE, OUT),
            event("a", "close", now - 10 * MINUTE, ""),
            event("b", "message", now - 20 * MINUTE, IN),
            event("c", "message", now - 5 * MINUTE, OUT),
        ],
    );
    (desk, now, zone_at_noon(now))
}

#[test]
fn the_day_has_lines_and_answers_and_the_board_has_the_numbers_of_before() {
    let (desk, now, zone) = desk();
    let day = desk.get(&format!("/api/v1/day?tz={zone}")).expect(200).json();
    let from = day["from"].as_i64().unwrap();
    assert_eq!((&day["step_ms"], &day["seq"]), (&json!(5 * MINUTE), &json!(5)));
    assert_eq!(
        (day["until"].as_i64().unwrap() - from, day["zone"].as_str().unwrap().replace('+', "%2B")),
        (24 * HOUR, zone.clone())
    );
    let line = |name: &str| -> Vec<i64> { day[name].as_array().unwrap().iter().map(|n| n.as_i64().unwrap()).collect() };
    let (open, waiting) = (line("open"), line("waiting"));
    assert_eq!(open.len() as i64, (day["now"].as_i64().unwrap() - from) / (5 * MINUTE) + 1);
    for (place, (open, waiting)) in open.into_iter().zip(waiting).enumerate() {
        let ago = (now - from - place as i64 * 5 * MINUTE) as f64 / MINUTE as f64;
        let between = |since: f64, until: f64| i64::from(since >= ago && ago > until);
        let expected =
            (between(40.0, 10.0) + between(20.0, -9.0) + between(5.0, -9.0), between(40.0, 30.0) + between(20.0, -9.0));
        assert_eq!((open, waiting), expected, "{ago} minutes ago");
    }
    let hours = day["answers"].as_array().unwrap();
    let answered: Vec<_> = hours.iter().filter(|hour| hour["n"] != 0).collect();
    assert_eq!(answered.len(), 1);
    assert_eq!((&answered[0]["p50"], &answered[0]["max"]), (&json!(10 * MINUTE), &json!(10 * MINUTE)));
    assert!((answered[0]["from"].as_i64()..answered[0]["until"].as_i64()).contains(&Some(now - 30 * MINUTE)));
    assert!(hours.iter().all(|hour| hour["n"] != 0 || hour["p90"].is_null()));

    let board = until(&desk, &format!("/api/v1/board?tz={zone}"), |board| !board["before"].is_null());
    let before = &board["before"];
    assert_eq!(before["at"].as_i64().unwrap(), board["now"].as_i64().unwrap() - 15 * MINUTE);
    assert_eq!(
        json!([
            before["open"],
            before["waiting"],
            before["unassigned"],
            before["unread"],
            before["oldest_waiting_since"]
        ]),
        json!([2, 1, 1, 1, now - 20 * MINUTE])
    );
    assert_eq!(board["last_answered"], json!({"at": now - 30 * MINUTE, "after_ms": 10 * MINUTE}));
    let agents = board["agents"].as_array().unwrap();
    let last_reply = |agent: Value| agents.iter().find(|row| row["agent"] == agent).unwrap()["last_reply_at"].clone();
    assert_eq!(last_reply(json!({"id": "i", "name": "Ida"})), json!(now - 5 * MINUTE));
    assert_eq!(last_reply(json!(null)), json!(null));
}

#[test]
fn late_events_correct_the_past_and_conditions_act_on_it() {
    let (desk, now, zone) = desk();
    let path = format!("/api/v1/board?tz={zone}");
    until(&desk, &path, |board| board["before"]["waiting"] == 1);
    let of_ida = until(&desk, &format!("{path}&agent=Ida"), |board| !board["before"].is_null());
    assert_eq!((&of_ida["before"]["open"], &of_ida["before"]["waiting"]), (&json!(1), &json!(0)));
    let unassigned = desk.get(&format!("{path}&unassigned=true")).expect(200).json();
    assert_eq!(unassigned["before"]["open"], 1);
    // The answer of Ida was before, for the conversation had nobody until then.
    assert_eq!(unassigned["last_answered"]["at"], now - 30 * MINUTE);
    send(&desk, &[event("b", "message", now - 18 * MINUTE, OUT), event("d", "message", now - 50 * MINUTE, IN)]);
    let board = until(&desk, &path, |board| board["before"]["open"] == 3);
    assert_eq!(board["before"]["waiting"], 1);
    assert_eq!(board["last_answered"], json!({"at": now - 18 * MINUTE, "after_ms": 2 * MINUTE}));
    let day = desk.get(&format!("/api/v1/day?tz={zone}&agent=Ida")).expect(200).json();
    assert_eq!(day["open"].as_array().unwrap().last().unwrap(), 2);
    let answers: u64 = day["answers"].as_array().unwrap().iter().map(|hour| hour["n"].as_u64().unwrap()).sum();
    assert_eq!(answers, 2);
    desk.get("/api/v1/day?tz=Nowhere").expect(400);
    desk.get("/api/v1/day?limit=3").expect(400);
}

#[test]
fn a_stream_sends_the_day_when_it_is_known_and_the_board_again() {
    let (desk, now, zone) = desk();
    let mut events = desk.events(&format!("/api/v1/board?tz={zone}"), &[]);
    let mut seen: Vec<(String, Value)> = Vec::new();
    let has = |seen: &[(String, Value)]| {
        seen.iter().any(|(name, _)| name == "day") && seen.iter().any(|(_, data)| data["before"].is_object())
    };
    while !has(&seen) {
        let (name, _, data) = events.next().unwrap();
        seen.push((name, data));
    }
    assert_eq!(seen[0].0, "board");
    let day = &seen.iter().find(|(name, _)| name == "day").unwrap().1;
    assert_eq!(day["open"].as_array().unwrap().last().unwrap(), 2);
    // A late event changes only what was.
    send(&desk, &[event("a", "message", now - 35 * MINUTE, OUT)]);
    loop {
        let (_, _, data) = events.next().unwrap();
        if data["last_answered"] == json!({"at": now - 35 * MINUTE, "after_ms": 5 * MINUTE}) {
            break;
        }
    }
}

#[test]
fn a_board_of_today_has_the_numbers_of_before_its_moment() {
    let (desk, now, zone) = desk();
    let as_of = convofold::Time::from_ms(now - 15 * MINUTE).unwrap().to_rfc3339();
    let path = format!("/api/v1/board?tz={zone}&as_of={as_of}");
    let board = until(&desk, &path, |board| !board["before"].is_null());
    assert_eq!(json!([board["now"], board["open"], board["waiting"]]), json!([now - 15 * MINUTE, 2, 1]));
    assert_eq!(board["before"]["at"], now - 30 * MINUTE);
    assert_eq!(json!([board["before"]["open"], board["before"]["waiting"]]), json!([1, 0]));
    assert_eq!(board["last_answered"]["at"], now - 30 * MINUTE);
    let ida = &board["agents"][0];
    assert_eq!((&ida["agent"]["name"], &ida["last_reply_at"]), (&json!("Ida"), &json!(now - 30 * MINUTE)));
    // What was known then is another truth.
    let known = desk.get(&format!("/api/v1/board?tz={zone}&known_at=seq:4")).expect(200).json();
    assert_eq!((&known["before"], &known["last_answered"]), (&Value::Null, &Value::Null));
}

#[test]
fn the_day_has_the_line_of_a_week_ago_and_marks_late_events() {
    let (desk, now, zone) = desk();
    let week = 7 * 24 * HOUR;
    let south = r#","direction":"in","tenant":"South""#;
    send(
        &desk,
        &[
            event("w", "message", now - week - 48 * HOUR, south),
            event("v", "message", now - week - 90 * MINUTE, IN),
            event("v", "close", now - week + 30 * MINUTE, ""),
            event("a", "message", now - 35 * MINUTE, IN),
        ],
    );
    let path = format!("/api/v1/day?tz={zone}");
    let day = until(&desk, &path, |day| !day["open_week_ago"].is_null() && day["late"] != json!([]));
    let from = day["from"].as_i64().unwrap();
    let open: Vec<_> = day["open_week_ago"].as_array().unwrap().iter().map(|open| open.as_i64().unwrap()).collect();
    assert_eq!(open.len(), 25);
    for (open, hour) in open.into_iter().zip(0..) {
        let at = from + hour * HOUR;
        let is_v_open = (now - 90 * MINUTE..now + 30 * MINUTE).contains(&at);
        assert_eq!(open, 1 + i64::from(is_v_open), "hour {hour}");
    }
    let of_south = desk.get(&format!("{path}&tenant=South")).expect(200).json();
    assert_eq!(of_south["open_week_ago"], json!(vec![1; 25]));
    let late = from + (now - 35 * MINUTE - from) / (5 * MINUTE) * (5 * MINUTE);
    assert_eq!((&day["late"], &of_south["late"]), (&json!([late]), &json!([])));
}
