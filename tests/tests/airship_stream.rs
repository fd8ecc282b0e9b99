//! `convofold serve` as a client of Airship's stream: every answer that Airship gives, and some that it should not.
//! `torture stream` kills it meanwhile.

#![expect(clippy::unwrap_used, reason = "tests and their helpers may panic")]

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use convofold_tests::command::Desk;
use convofold_tests::rtds::{Coding, Reply, Request, Rtds};
use convofold_tests::serving::Serving;
use serde_json::{Value, json};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that fetches a stream.
struct Case {
    desk: Desk,
    rtds: Rtds,
    serving: Option<Serving>,
}

impl Case {
    fn new(answer: impl Fn(Request, Reply) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self::with(&[], answer)
    }

    fn with(args: &[&str], answer: impl Fn(Request, Reply) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let mut case = Self { desk: Desk::default(), rtds: Rtds::start(answer).unwrap(), serving: None };
        case.desk.write("token", "the-token\n");
        case.start(args);
        case
    }

    fn start(&mut self, args: &[&str]) {
        let url = self.rtds.url();
        let stream = ["--airship-app-key", "the-app", "--airship-token-file", "token", "--airship-url", &url];
        // Short pauses, and no watchdog where it is not tested.
        let times = ["--airship-retry", "20ms", "--airship-silence", "10m"];
        let times = if args.contains(&"--airship-silence") { &times[..2] } else { &times[..] };
        let mut command = self.desk.command(&[&["serve", "--db", "db"], &stream[..], times, args].concat());
        command.stdin(std::process::Stdio::null());
        self.serving = Some(Serving::start(command).unwrap());
    }

    /// Ends the server and returns its log.
    fn stop(&mut self) -> Vec<String> {
        let (ended, log) = self.serving.take().unwrap().terminate().unwrap();
        assert!(ended.success(), "{log:?}");
        log
    }

    fn request(&self, method: &str, path: &str) -> Vec<u8> {
        let mut client = self.serving.as_ref().unwrap().client();
        let (status, body) = client.request(method, path, &[], b"").unwrap();
        assert!(status < 300, "{path}: {status}");
        body
    }

    fn get(&self, path: &str) -> Value {
        serde_json::from_slice(&self.request("GET", path)).unwrap()
    }

    fn stream(&self) -> Value {
        self.get("/api/v1/status")["upstreams"][0].clone()
    }

    fn metrics(&self) -> String {
        String::from_utf8(self.request("GET", "/metrics")).unwrap()
    }

    /// Polls until this is so, and returns the value.
    #[track_caller]
    fn wait<T: std::fmt::Debug>(&self, ask: impl Fn(&Self) -> T, is_so: impl Fn(&T) -> bool) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = ask(self);
            if is_so(&found) {
                return found;
            }
            assert!(Instant::now() < deadline, "still {found:?}; {}", self.stream());
            sleep(Duration::from_millis(5));
        }
    }

    #[track_caller]
    fn wait_for_events(&self, count: u64) {
        self.wait(|case| case.get("/api/v1/status")["seq"].as_u64(), |seq| *seq >= Some(count));
    }

    #[track_caller]
    fn wait_for_requests(&self, count: usize) -> Vec<Request> {
        self.wait(|case| case.rtds.requests(), |requests| requests.len() >= count)
    }

    #[track_caller]
    fn wait_for_metric(&self, line: &str) {
        self.wait(Self::metrics, |text| text.lines().any(|found| found == line));
    }
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

fn time(ms: i64) -> String {
    // As Airship writes it.
    let days = ms.div_euclid(DAY_MS);
    let (z, second) = (days + 719_468, ms.rem_euclid(DAY_MS));
    let (era, of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month_index + 2) / 5 + 1, (month_index + 2) % 12 + 1);
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, rest) = (second / 3_600_000, second / 60_000 % 60, second % 60_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}.{:03}Z", rest / 1_000, rest % 1_000)
}

/// An event of conversation `c-N`, as a line.
fn event_at(number: u64, offset: &Value, text: &str, processed: i64) -> String {
    let event = json!({
        "id": format!("id-{number}"), "offset": offset, "type": "CUSTOM",
        "occurred": "2026-03-02T09:15:00.500Z", "processed": time(processed),
        "body": {"name": "live_chat_message", "source": "API", "interaction_type": "app_in", "transaction": format!("c-{number}"),
            "properties": {"message": {"agent_name": "Ida", "message": text}}},
    });
    format!("{event}\n")
}

fn event(number: u64) -> String {
    event_at(number, &json!(format!("off/{number}")), "Blåbærsyltetøy 日本", now_ms())
}

fn offset_update(offset: &Value) -> String {
    let line = json!({"type": "OFFSET_UPDATE", "id": "u", "offset": offset, "occurred": time(now_ms()), "processed": time(now_ms())});
    format!("{line}\n")
}

/// A stream of parts that the test sends one by one.
fn driven(
    coding: Coding,
    encoding: Option<&'static str>,
    bytes: usize,
) -> (Sender<String>, impl Fn(Request, Reply) -> io::Result<()>) {
    let (sender, parts) = channel::<String>();
    let parts: Arc<Mutex<Receiver<String>>> = Arc::new(Mutex::new(parts));
    let answer = move |_: Request, reply: Reply| {
        let mut stream = reply.stream(coding, encoding)?;
        while let Ok(part) = parts.lock().unwrap().recv() {
            stream.send_split(&part, bytes)?;
        }
        stream.hold()
    };
    (sender, answer)
}

#[test]
fn the_first_request_wants_everything_and_the_next_one_what_follows() {
    let mut case = Case::new(|request, reply| {
        let mut stream = reply.gzip()?;
        match request.resume_offset() {
            None => stream.send(&[event(1), event(2)].concat())?,
            // Airship may repeat the last event, with another offset.
            Some(_) => {
                stream.send(&[event_at(2, &json!("again"), "Blåbærsyltetøy 日本", now_ms()), event(3)].concat())?;
            }
        }
        stream.hold()
    });
    case.wait_for_events(2);
    let first = case.rtds.requests().remove(0);
    assert_eq!(first.line, "POST /api/events HTTP/1.1\r\n");
    for (name, value) in [
        ("authorization", "Bearer the-token"),
        ("x-ua-appkey", "the-app"),
        ("accept", "application/vnd.urbanairship+x-ndjson; version=3;"),
        ("content-type", "application/json"),
        ("cookie", ""),
    ] {
        assert_eq!(first.header(name), value, "{name}");
    }
    let expected = json!({"start": "EARLIEST", "filters": [{"types": ["CUSTOM"]}], "enable_offset_updates": true});
    assert_eq!(first.body, expected);
    let stream = case.stream();
    assert_eq!((&stream["state"], &stream["kind"], &stream["why"]), (&json!("ok"), &json!("stream"), &json!(null)));
    assert!(
        stream["last_at"].as_i64() > Some(now_ms() - DAY_MS) && stream["lag_ms"].as_i64() < Some(60_000),
        "{stream}"
    );
    case.wait_for_metric("convofold_rtds_connected 1");
    case.stop();

    case.start(&[]);
    case.wait_for_events(3);
    let second = case.rtds.requests().remove(1);
    assert_eq!((second.resume_offset(), &second.body["start"]), (Some("off/2"), &json!(null)));
    case.wait_for_metric("convofold_events_total{effect=\"duplicate\"} 1");
    case.stop();
}

#[test]
fn a_redirect_is_followed_with_its_cookies() {
    let case = Case::new(|request, reply| match request.number {
        0 => reply.status(307, &[("Set-Cookie", "node=a; Path=/; Secure")], ""),
        1 => reply.status(307, &[("Set-Cookie", "node=b"), ("Set-Cookie", "lb=7; HttpOnly")], "elsewhere"),
        _ => {
            let mut stream = reply.gzip()?;
            stream.send(&event(1))?;
            stream.hold()
        }
    });
    case.wait_for_events(1);
    let requests = case.rtds.requests();
    let cookies: Vec<_> = requests.iter().map(|request| request.header("cookie")).collect();
    assert_eq!(cookies, ["", "node=a", "lb=7; node=b"]);
    assert!(requests.iter().all(|request| request.body == requests[0].body && request.line == requests[0].line));
    assert!(!case.metrics().contains("convofold_rtds_reconnects_total{"));
}

#[test]
fn redirects_without_a_cookie_or_without_an_end_are_refused() {
    let case = Case::new(|request, reply| match request.number {
        0 => reply.status(307, &[("Location", "http://127.0.0.1:1/")], ""),
        1..=6 => reply.status(307, &[("Set-Cookie", "node=a")], ""),
        _ => {
            let mut stream = reply.gzip()?;
            stream.send(&event(1))?;
            stream.hold()
        }
    });
    case.wait_for_events(1);
    // Six in a row, then a new attempt without a cookie.
    assert_eq!(case.rtds.requests().remove(7).header("cookie"), "");
    case.wait_for_metric("convofold_rtds_reconnects_total{reason=\"redirect\"} 2");
}

#[test]
fn every_refusal_is_named_and_tried_again() {
    let refusals = [
        (400, "refused", "the request is invalid (400): bad filter", "bad_request"),
        (401, "refused", "the token or the app key is not accepted (401): bad filter", "unauthorized"),
        (402, "refused", "another consumer is connected (402): bad filter", "other_consumer"),
        (403, "refused", "the token or the app key is not accepted (403): bad filter", "unauthorized"),
        (404, "connecting", "there is no data for this app key yet (404): bad filter", "no_data"),
        (429, "refused", "too many requests (429): bad filter", "other_status"),
        (500, "connecting", "Airship cannot answer (500): bad filter", "server_error"),
        (503, "connecting", "Airship cannot answer (503): bad filter", "server_error"),
        (204, "refused", "an unexpected answer (204)", "other_status"),
    ];
    let current = Arc::new(Mutex::new(refusals[0].0));
    let status = current.clone();
    let case = Case::new(move |_, reply| {
        let status = *status.lock().unwrap();
        if status == 200 {
            let mut stream = reply.gzip()?;
            stream.send(&event(1))?;
            return stream.hold();
        }
        let body = if status == 204 { "" } else { r#"{"error":"bad filter","error_code":40001,"details":{}}"# };
        reply.status(status, &[], body)
    });
    for (status, state, why, reason) in refusals {
        *current.lock().unwrap() = status;
        let stream = case.wait(Case::stream, |stream| stream["why"] == why);
        assert_eq!((&stream["state"], stream["next_try_at"].is_i64()), (&json!(state), true), "{stream}");
        assert!(case.metrics().contains(&format!("convofold_rtds_reconnects_total{{reason=\"{reason}\"}}")));
        assert!(case.metrics().contains("convofold_rtds_connected 0"));
    }
    *current.lock().unwrap() = 200;
    case.wait_for_events(1);
    let stream = case.stream();
    assert_eq!([&stream["state"], &stream["why"], &stream["next_try_at"]], [&json!("ok"), &json!(null), &json!(null)]);
}

#[test]
fn a_line_is_stored_before_the_next_one_is_sent_in_any_coding() {
    for (coding, encoding) in [
        (Coding::Flushed, Some("gzip")),
        (Coding::Members, Some("gzip")),
        (Coding::Flushed, None),
        (Coding::Plain, None),
    ] {
        // Every byte for itself, so that characters are split too.
        for bytes in [1, 1 << 20] {
            let (send, answer) = driven(coding, encoding, bytes);
            let case = Case::new(answer);
            for number in 1..=3 {
                send.send(format!("\r\n{}\n\n", event(number).trim_end())).unwrap();
                case.wait_for_events(number);
            }
            let transcript = case.get("/api/v1/conversations/c-2");
            assert_eq!(transcript["conversation"]["last_message"]["text"], "Blåbærsyltetøy 日本", "{transcript}");
            assert_eq!(case.get("/api/v1/rejects")["total"], 0);
        }
    }
}

#[test]
fn another_coding_and_damage_in_it_are_refused() {
    let case = Case::new(|request, reply| match request.number {
        0 => reply.stream(Coding::Plain, Some("br"))?.hold(),
        1 => {
            let mut stream = reply.gzip()?;
            stream.send(&event(1))?;
            stream.raw(&[0xff; 64])?;
            stream.hold()
        }
        _ => {
            let mut stream = reply.gzip()?;
            stream.send(&event(2))?;
            stream.hold()
        }
    });
    case.wait_for_events(2);
    assert_eq!(case.rtds.requests().remove(2).resume_offset(), Some("off/1"));
    let metrics = case.metrics();
    for reason in ["encoding", "damaged"] {
        assert!(metrics.contains(&format!("convofold_rtds_reconnects_total{{reason=\"{reason}\"}} 1")), "{metrics}");
    }
}

#[test]
fn silence_ends_a_connection_and_a_request_without_an_answer() {
    let case = Case::with(&["--airship-silence", "300ms"], |request, reply| match request.number {
        0 => reply.silent(),
        1 => {
            let mut stream = reply.gzip()?;
            stream.send(&event(1))?;
            stream.hold()
        }
        _ => {
            let mut stream = reply.gzip()?;
            stream.send(&event(2))?;
            stream.hold()
        }
    });
    case.wait_for_events(2);
    assert_eq!(case.rtds.requests().remove(2).resume_offset(), Some("off/1"));
    assert!(case.metrics().contains("convofold_rtds_reconnects_total{reason=\"silence\"}"));
}

#[test]
fn a_connection_that_ends_or_breaks_is_made_again_after_the_last_whole_line() {
    let case = Case::new(|request, reply| {
        let mut stream = reply.gzip()?;
        match request.number {
            0 => {
                stream.send(&[event(1).as_str(), &event(2)[..60]].concat())?;
                stream.finish()
            }
            1 => {
                stream.send(&event(2))?;
                stream.send(&event(3)[..60])
            }
            _ => {
                stream.send(&event(3))?;
                stream.hold()
            }
        }
    });
    case.wait_for_events(3);
    let resumed: Vec<_> =
        case.rtds.requests().iter().map(|request| request.resume_offset().map(str::to_owned)).collect();
    assert_eq!(resumed, [None, Some("off/1".to_owned()), Some("off/2".to_owned())]);
    assert_eq!(case.get("/api/v1/rejects")["total"], 0);
    let metrics = case.metrics();
    for reason in ["ended", "broken"] {
        assert!(metrics.contains(&format!("convofold_rtds_reconnects_total{{reason=\"{reason}\"}} 1")), "{metrics}");
    }
}

#[test]
fn an_offset_update_moves_the_bookmark_and_stores_nothing() {
    let (send, answer) = driven(Coding::Flushed, Some("gzip"), 1 << 20);
    let mut case = Case::new(answer);
    let other = event(9).replace("live_chat_message", "purchase");
    send.send(
        [event(1), other, offset_update(&json!("z")), offset_update(&json!(98_765_432_109_876_543_u64))].concat(),
    )
    .unwrap();
    case.wait_for_events(1);
    // What has arrived is committed at the end.
    let bookmark =
        |case: &Case| case.get("/api/v1/bookmarks?name=airship/the-app")["value"].as_str().map(str::to_owned);
    case.wait(bookmark, Option::is_some);
    case.stop();
    case.start(&[]);
    let requests = case.wait_for_requests(2);
    assert_eq!(requests[1].resume_offset(), Some("98765432109876543"));
    // When the last event came is known after a restart.
    assert!(case.stream()["last_at"].is_i64(), "{}", case.stream());
    assert_eq!(case.get("/api/v1/status")["seq"], 1);
    assert_eq!(case.get("/api/v1/rejects")["total"], 0);
}

#[test]
fn a_bad_line_is_kept_among_the_rejects_and_the_stream_continues() {
    let (send, answer) = driven(Coding::Members, Some("gzip"), 1 << 20);
    let case = Case::new(answer);
    let long = format!("{{\"type\":\"CUSTOM\",\"offset\":\"long\",\"pad\":\"{}\"}}\n", "x".repeat(2 << 20));
    let cut = "{\"type\":\"CUSTOM\",\"offset\":\"off/0\",\"body\":{\n".to_owned();
    let no_transaction = event(7).replace("\"c-7\"", "null");
    send.send([event(1), cut.clone(), event(2), "\u{fffd}\n".to_owned(), no_transaction, event(3)].concat()).unwrap();
    send.send([long.clone(), event(4)].concat()).unwrap();
    case.wait_for_events(4);
    let rejects = case.get("/api/v1/rejects");
    let reasons: Vec<_> =
        rejects["rejects"].as_array().unwrap().iter().map(|reject| reject["reason"].as_str().unwrap()).collect();
    assert_eq!(rejects["total"], 4, "{reasons:?}");
    assert_eq!(
        (&rejects["rejects"][0]["raw"], &rejects["rejects"][0]["source"]),
        (&json!(cut.trim_end()), &json!("airship/stream"))
    );
    let last = &rejects["rejects"][3];
    assert_eq!((&last["reason"], &last["raw_cut"]), (&json!("line too long"), &json!(true)), "{reasons:?}");
    assert!(last["found"].as_str().unwrap().contains(&format!("{} bytes", long.len() - 1)), "{}", last["found"]);
    case.wait_for_metric("convofold_rtds_connected 1");
}

#[test]
fn a_full_table_of_rejects_holds_the_stream_and_loses_nothing() {
    let (go, gone) = channel();
    let gone = Mutex::new(gone);
    let mut case = Case::with(&["--max-rejects", "1"], move |request, reply| {
        let mut stream = reply.gzip()?;
        if request.number == 0 {
            stream.send(&[event(1), "bad\n".to_owned()].concat())?;
            gone.lock().unwrap().recv().unwrap();
        }
        stream.send(&["worse\n".to_owned(), event(2)].concat())?;
        stream.hold()
    });
    case.wait_for_events(1);
    go.send(()).unwrap();
    let held = case.wait(Case::stream, |stream| stream["why"].as_str().is_some_and(|why| why.contains("is full")));
    assert_eq!((&held["state"], &case.get("/api/v1/status")["seq"]), (&json!("catching_up"), &json!(1)));
    // The server can be stopped, and asks for the line again.
    case.stop();
    case.start(&["--max-rejects", "1"]);
    assert_eq!(case.wait_for_requests(2)[1].resume_offset(), Some("off/1"));
    case.wait(Case::stream, |stream| stream["state"] == "catching_up");
    let id = case.get("/api/v1/rejects")["rejects"][0]["id"].as_str().unwrap().to_owned();
    case.request("DELETE", &format!("/api/v1/rejects/{id}"));
    case.wait_for_events(2);
    assert_eq!(case.get("/api/v1/rejects")["rejects"][0]["raw"], "worse");
    case.wait(Case::stream, |stream| stream["state"] == "ok");
}

#[test]
fn an_absence_of_more_than_seven_days_is_told_and_survives_a_restart() {
    let old = now_ms() - 9 * DAY_MS;
    let mut case = Case::new(move |request, reply| match (request.number, request.resume_offset()) {
        (0, _) => {
            let mut stream = reply.gzip()?;
            stream.send(&event_at(1, &json!("old"), "hi", old))?;
            stream.finish()
        }
        // Airship has discarded it.
        (_, Some("old")) => reply.status(400, &[], r#"{"error":"unknown offset"}"#),
        _ => {
            let mut stream = reply.gzip()?;
            stream.send(&event(2))?;
            stream.hold()
        }
    });
    case.wait_for_events(2);
    let starts: Vec<_> = case.rtds.requests().iter().map(|request| request.body["start"].clone()).collect();
    assert_eq!(starts, [json!("EARLIEST"), json!(null), json!("EARLIEST")]);
    let gap = case.stream()["gap"].clone();
    let (from, until) = (gap["from"].as_i64().unwrap(), gap["until"].as_i64().unwrap());
    assert_eq!(from, old);
    assert!((now_ms() - 7 * DAY_MS - until).abs() < DAY_MS, "{gap}");
    case.wait_for_metric("convofold_rtds_gaps_total 1");
    let log = case.stop();
    assert!(log.iter().any(|line| line.contains("\"ERROR\"") && line.contains("events may be missing")), "{log:?}");
    case.start(&[]);
    case.wait(Case::stream, |stream| stream["gap"] == gap);
    case.wait_for_metric("convofold_rtds_gaps_total 0");
}

#[test]
fn a_missing_token_and_a_server_that_is_not_there_are_tried_again() {
    let mut case = Case::new(|_, reply| {
        let mut stream = reply.gzip()?;
        stream.send(&event(1))?;
        stream.hold()
    });
    case.wait_for_events(1);
    case.stop();
    case.desk.write("token", "");
    case.start(&[]);
    let refused = case.wait(Case::stream, |stream| stream["state"] == "refused");
    assert!(refused["why"].as_str().unwrap().contains("token"), "{refused}");
    // A new token is used without a restart.
    case.desk.write("token", "another");
    assert_eq!(case.wait_for_requests(2)[1].header("authorization"), "Bearer another");
    case.stop();
    let url = "http://127.0.0.1:1/api/events";
    let mut command =
        case.desk.command(&["serve", "--db", "db", "--airship-app-key", "k", "--airship-token-file", "token"]);
    command.args(["--airship-retry", "20ms", "--airship-url", url]);
    case.serving = Some(Serving::start(command).unwrap());
    let stream = case.wait(Case::stream, |stream| stream["why"].is_string());
    assert_eq!(stream["state"], "connecting", "{stream}");
    assert!(stream["why"].as_str().unwrap().contains("cannot connect"), "{stream}");
}

#[test]
fn the_settings_are_options_environment_and_a_table_and_show_no_token() {
    let desk = Desk::default();
    desk.write("token", "sesame");
    desk.write(
        "c.toml",
        "db = \"db\"\n[airship]\napp-key = \"of-file\"\ntoken-file = \"token\"\nregion = \"eu\"\nretry = \"5s\"\n",
    );
    let mut command = desk.command(&["serve", "--config", "c.toml", "--airship-silence", "45s", "--print-config"]);
    let printed = command.env("CONVOFOLD_AIRSHIP_APP_KEY", "of-environment").output().unwrap();
    let text = String::from_utf8(printed.stdout).unwrap();
    for line in [
        "[airship]",
        "app-key = \"of-environment\"",
        "token-file = \"token\"",
        "url = \"https://connect.asnapieu.com/api/events\"",
        "silence = \"45s\"",
        "retry = \"5s\"",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    assert!(!text.contains("sesame"));
    desk.write("again.toml", &text);
    assert_eq!(desk.run_bare(&["serve", "--config", "again.toml", "--print-config"]).stdout, text);
    for (args, named) in [
        (&["--airship-app-key", "k"][..], "token-file"),
        (&["--airship-region", "asia"], "asia"),
        (&["--airship-app-key", "k", "--airship-token-file", "t", "--airship-url", "http://example.com/"], "in clear"),
    ] {
        let ran = desk.run_bare(&[&["serve", "--db", "db"], args].concat());
        assert_eq!((ran.code, ran.stderr.contains(named)), (Some(2), true), "{ran:?}");
    }
}
