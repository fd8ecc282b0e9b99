//! A server in front of a cluster: events into the log, and the live page of several databases.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests and their helpers may panic")]

mod common;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{Desk, Events, Response, events_of, message, request, superoffice, toml_settings};
use convofold::Event;
use convofold::ingest::Rejection;
use convofold::ingest::signature::superoffice::sign;
use convofold_server::{
    Answers, Asked, Intake, IntakeFigures, NewToken, NotPut, PartAnswers, Putting, Relay, Reply, Role, ServeError,
    TokenFile,
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// Databases that are asked as the partitions of a cluster.
struct Parts {
    urls: Vec<String>,
    /// Whether the last one does not answer.
    is_cut: AtomicBool,
}

impl Parts {
    fn ask(&self, number: usize, asked: &Asked) -> Reply {
        if number + 1 == self.urls.len() && self.is_cut.load(Ordering::SeqCst) {
            return Reply::Problem { status: 503, detail: "it is cut off".to_owned() };
        }
        let query = serde_urlencoded::to_string(&asked.params).unwrap();
        let bearer = asked.token.as_ref().map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|bearer| ("Authorization", bearer.as_str())).collect();
        let answer = request(&format!("{}{}?{query}", self.urls[number], asked.path), "GET", &headers, b"");
        match answer.status {
            200 => Reply::Json(answer.text()),
            status => Reply::Problem { status, detail: answer.json()["detail"].to_string() },
        }
    }
}

impl Answers for Parts {
    fn answer(&self, asked: &Asked) -> Reply {
        self.ask(0, asked)
    }

    fn answer_parts(&self, asked: &Asked) -> Result<PartAnswers, Reply> {
        let mut found = PartAnswers::default();
        for number in 0..self.urls.len() {
            match self.ask(number, asked) {
                Reply::Json(text) => {
                    found.log_seq += serde_json::from_str::<Value>(&text).unwrap()["seq"].as_u64().unwrap();
                    found.answers.push(text.into());
                }
                Reply::Problem { status: 503, detail } => found.missing.push(format!("partition {number}: {detail}")),
                refused => return Err(refused),
            }
        }
        Ok(found)
    }
}

/// A log that takes events or does not.
#[derive(Default)]
struct Log {
    put: Mutex<Vec<Put>>,
    /// Why it takes none; an empty reason: it says nothing.
    fails: Mutex<Option<NotPut>>,
}

/// The source, the conversations of the events, and the number of rejections of a body.
type Put = (String, Vec<String>, usize);

impl Intake for Log {
    fn put<'a>(&'a self, source: &'a str, events: &'a [Event], rejections: &'a [Rejection]) -> Putting<'a> {
        Box::pin(async move {
            let fails = self.fails.lock().clone();
            match fails {
                Some(NotPut::Unavailable { why }) if why.is_empty() => std::future::pending().await,
                Some(why) => Err(why),
                None => {
                    let conversations = events.iter().map(|event| event.conversation().to_owned()).collect();
                    self.put.lock().push((source.to_owned(), conversations, rejections.len()));
                    Ok(())
                }
            }
        })
    }

    fn figures(&self) -> IntakeFigures {
        IntakeFigures { acknowledged: 7, ..IntakeFigures::default() }
    }
}

/// A cluster of databases, and the server in front of it.
struct Front {
    desks: Vec<Desk>,
    parts: Arc<Parts>,
    log: Arc<Log>,
    address: SocketAddr,
    relay: Option<Relay>,
    runtime: Runtime,
}

impl Front {
    fn of(desks: Vec<Desk>, settings: &str) -> Self {
        let urls = desks.iter().map(|desk| desk.url("")).collect();
        let parts = Arc::new(Parts { urls, is_cut: AtomicBool::new(false) });
        let log = Arc::new(Log::default());
        let runtime = Runtime::new().unwrap();
        let relay = runtime.block_on(async { start(settings, parts.clone(), log.clone()) }).unwrap();
        Self { desks, parts, log, address: relay.address(), relay: Some(relay), runtime }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn get(&self, path: &str) -> Response {
        request(&self.url(path), "GET", &[], b"")
    }

    fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        request(&self.url(path), "POST", headers, body.as_bytes())
    }

    fn put(&self) -> Vec<Put> {
        std::mem::take(&mut *self.log.put.lock())
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let relay = self.relay.take().unwrap();
        self.runtime.block_on(relay.stop(Duration::from_secs(5)));
    }
}

fn start(settings: &str, parts: Arc<Parts>, log: Arc<Log>) -> Result<Relay, ServeError> {
    let defaults = "db = \"nats://nowhere/chat\"\nlisten = \"127.0.0.1:0\"\n";
    let config = toml_settings(&format!("{defaults}{settings}")).resolve().unwrap();
    Relay::start(&config, parts, Some(log))
}

/// A database that has a token of each role.
fn desk_with_tokens() -> (Desk, [String; 2]) {
    let mut tokens = None;
    let add = |db: &Path| {
        let token = |name: &str, role| NewToken { name: name.to_owned(), role, tenants: None, texts: false };
        let add = |name, role| format!("Bearer {}", TokenFile::of(db).add(token(name, role)).unwrap());
        tokens = Some([add("asks", Role::Read), add("sends", Role::Ingest)]);
    };
    let desk = Desk::with(toml_settings(""), add);
    (desk, tokens.unwrap())
}

#[test]
fn a_webhook_is_answered_200_when_the_log_has_its_events() {
    let front = Front::of(vec![Desk::new()], "hold = \"1s\"\n[superoffice-secret]\ndefault = \"sesame\"");
    let body = superoffice("e-1", "created", 42);
    let signed = |body: &str| {
        let signature = sign("sesame", body.as_bytes());
        front.post("/webhooks/superoffice", &[("X-SuperOffice-Signature", &signature)], body)
    };
    let report = signed(&body).expect(200).json();
    assert_eq!(report, json!({ "events": 1, "ignored": {}, "rejected": 0, "rejections": [] }));
    front.post("/webhooks/superoffice", &[], &body).expect(401);
    front.post("/webhooks/superoffice/other", &[("Host", "chats.example")], &body).expect(403);
    // What cannot be an event is no reason to send it again.
    let bad = body.replace("\"PrimaryKey\":42", "\"PrimaryKey\":\"?\"");
    assert_eq!(signed(&bad).expect(200).json()["rejected"], 1);
    let source = "superoffice/default".to_owned();
    let one = vec!["superoffice:Cust1:42".to_owned()];
    assert_eq!(front.put(), [(source.clone(), one, 0), (source, Vec::new(), 1)]);
    let metrics = front.get("/metrics").expect(200).text();
    for line in [
        r#"convofold_webhook_requests_total{source="superoffice",status="200"} 2"#,
        r#"convofold_webhook_requests_total{source="superoffice",status="401"} 1"#,
        "convofold_log_acknowledged_total 7",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
    let unavailable = |why: &str| NotPut::Unavailable { why: why.to_owned() };
    for (fails, status) in [
        (unavailable("it has no leader"), 503),
        (unavailable(""), 503),
        (NotPut::Refused { why: "it is too long".to_owned() }, 413),
    ] {
        *front.log.fails.lock() = Some(fails);
        signed(&body).expect(status);
    }
    assert!(front.put().is_empty());
}

#[test]
fn events_of_any_number_go_into_the_log() {
    let front = Front::of(vec![Desk::new()], "");
    let lines = [message("a", 1, ""), message("b", 2, ""), "no JSON".to_owned(), message("c", 3, "")].join("\n");
    let report = front.post("/api/v1/events", &[], &lines).expect(200).json();
    assert_eq!((&report["events"], &report["rejected"]), (&json!(3), &json!(1)));
    let array = format!("[{},{}]", message("d", 4, ""), message("e", 5, ""));
    assert_eq!(front.post("/api/v1/events?source=convofold", &[], &array).expect(200).json()["events"], 2);
    let put = front.put();
    let conversations: Vec<_> = put.iter().flat_map(|(_, conversations, _)| conversations.iter().cloned()).collect();
    assert_eq!(conversations, ["a", "b", "c", "d", "e"]);
    assert_eq!(put.iter().map(|(_, _, rejections)| rejections).sum::<usize>(), 1);
    front.post("/api/v1/events?source=nobody", &[], &array).expect(400);
    *front.log.fails.lock() = Some(NotPut::Unavailable { why: "it has no leader".to_owned() });
    let problem = front.post("/api/v1/events", &[], &lines).expect(503).json();
    assert_eq!(problem["report"]["events"], 0);
    front.post("/api/v1/batches", &[], "").expect(405);
}

#[test]
fn the_nodes_know_who_may_bring_events() {
    let (desk, [asks, sends]) = desk_with_tokens();
    let front = Front::of(vec![desk], "");
    let event = message("a", 1, "");
    let post = |path: &str, headers: &[(&str, &str)]| front.post(path, headers, &event);
    for path in ["/webhooks/airship", "/api/v1/events"] {
        post(path, &[]).expect(401);
        post(path, &[("Authorization", "Bearer guess")]).expect(401);
        post(path, &[("Authorization", &asks)]).expect(403);
        post(path, &[("Authorization", &sends)]).expect(200);
    }
    assert_eq!(front.put().len(), 2);
    // While no node answers, a token that one knew counts, and another one does not.
    front.parts.is_cut.store(true, Ordering::SeqCst);
    post("/api/v1/events", &[("Authorization", &sends)]).expect(200);
    post("/api/v1/events", &[("Authorization", "Bearer guess")]).expect(503);
}

#[test]
fn settings_that_need_a_database_are_refused() {
    let runtime = Runtime::new().unwrap();
    let parts = Arc::new(Parts { urls: Vec::new(), is_cut: AtomicBool::new(false) });
    let started =
        runtime.block_on(async { start("[retention]\nat = \"03:00\"\ntexts = \"30d\"", parts, Arc::default()) });
    assert!(started.unwrap_err().to_string().contains("retention needs a database"));
}

/// Three databases with parts of the events, and one with all of them.
fn parts() -> (Front, Desk) {
    let (desks, all) = ([Desk::new(), Desk::new(), Desk::new()], Desk::new());
    for number in 0..90 {
        let tenant = ["north", "south"][number % 2];
        let channel = ["sms", "in_app", "web"][number % 3];
        let agent = match number % 4 {
            0 => String::new(),
            // A name of then, and another one later.
            agent => format!(r#","agent":{{"id":"a-{agent}","name":"Agent {agent} {}"}}"#, number / 40),
        };
        let more = format!(r#","tenant":"{tenant}","channel":"{channel}"{agent}"#);
        let event = message(&format!("c-{}", number % 25), number as u64, &more);
        desks[number % 25 % 3].post("/api/v1/events", &event).expect(200);
        all.post("/api/v1/events", &event).expect(200);
    }
    (Front::of(desks.into(), ""), all)
}

/// What does not depend on the time of the question, the database, or what is known of the last day.
fn lasting(board: &Value) -> Value {
    let mut board = board.clone();
    for name in ["seq", "now", "database_id", "before", "links", "last_answered", "upstreams", "cluster", "moment"] {
        board.as_object_mut().unwrap().remove(name);
    }
    for agent in board["agents"].as_array_mut().unwrap() {
        agent["last_reply_at"] = Value::Null;
        // At a moment they name a sequence number.
        if agent["links"]["open"].as_str().unwrap().contains("as_of") {
            agent["links"] = Value::Null;
        }
    }
    board
}

#[test]
fn the_board_of_several_databases_is_that_of_one() {
    let (front, all) = parts();
    for params in [
        "",
        "limit=4",
        "tenant=north",
        "agent_id=a-1",
        "unassigned=true&limit=2",
        "waiting=true&warn=1m&crit=2m",
        "channel=sms",
        "unread_min=3",
        "as_of=2026-03-02T09:00:40Z",
        "as_of=2026-03-02T09:00:40Z&tenant=south",
    ] {
        let path = format!("/api/v1/board?{params}");
        let (expected, found) = (all.get(&path).expect(200).json(), front.get(&path).expect(200).json());
        assert_eq!(lasting(&found), lasting(&expected), "{params}");
        assert_eq!(found["cluster"], json!({ "missing": [], "stale": [] }));
        assert_eq!(found["moment"]["time"], expected["moment"]["time"]);
        if params.starts_with("as_of") {
            assert_eq!(found["now"], expected["now"]);
            assert!(found["links"]["open"].as_str().unwrap().contains("as_of=2026-03-02T09%3A00%3A40"));
        } else {
            assert_eq!(found["links"]["open"], expected["links"]["open"]);
        }
    }
    front.get("/api/v1/board?limit=0").expect(400);
    front.get("/api/v1/board?mood=good").expect(400);
}

#[test]
fn a_board_names_the_partitions_that_are_missing() {
    let (front, all) = parts();
    front.parts.is_cut.store(true, Ordering::SeqCst);
    let board = front.get("/api/v1/board").expect(200).json();
    assert!(board["cluster"]["missing"][0].as_str().unwrap().contains("it is cut off"));
    assert!(board["open"].as_u64().unwrap() < all.get("/api/v1/board").json()["open"].as_u64().unwrap());
}

#[test]
fn the_day_of_several_databases_has_the_sums_of_one() {
    let (front, all) = parts();
    let (expected, found) = (all.get("/api/v1/day").expect(200).json(), front.get("/api/v1/day").expect(200).json());
    // A step may have begun in between.
    for line in ["open", "waiting"] {
        let lines = [&expected, &found].map(|day| day[line].as_array().unwrap().clone());
        assert!(lines[0].iter().zip(&lines[1]).all(|(one, other)| one == other), "{line}");
        assert!(!lines[1].is_empty());
    }
    assert_eq!(found["cluster"]["missing"], json!([]));
    front.parts.is_cut.store(true, Ordering::SeqCst);
    assert_eq!(
        front.get("/api/v1/day?tz=Asia/Tokyo").expect(200).json()["cluster"]["missing"].as_array().unwrap().len(),
        1
    );
}

/// The first board of a stream for which this holds.
fn board_with(events: &mut Events, is_it: impl Fn(&Value) -> bool) -> (String, Value) {
    loop {
        let (name, id, data) = events.next().unwrap();
        if name == "board" && is_it(&data) {
            return (id, data);
        }
    }
}

#[test]
fn a_stream_of_boards_follows_all_partitions() {
    let (front, _) = parts();
    let mut events = events_of(&front.url("/api/v1/board"), &[]);
    let (id, first) = board_with(&mut events, |_| true);
    assert_eq!(id, format!("cluster-{}", first["seq"]));
    let open = first["open"].as_u64().unwrap();
    front.desks[1].post("/api/v1/events", message("c-new", 1, "")).expect(200);
    let (_, board) = board_with(&mut events, |board| board["open"] == open + 1);
    assert_eq!(board["seq"].as_u64(), first["seq"].as_u64().map(|seq| seq + 1));
    // Another reader gets the day that is known, and a clock.
    let (mut other, mut names) = (events_of(&front.url("/api/v1/board"), &[]), BTreeSet::new());
    while !["board", "day", "clock"].iter().all(|name| names.contains(*name)) {
        names.insert(other.next().unwrap().0);
    }
    front.parts.is_cut.store(true, Ordering::SeqCst);
    board_with(&mut events, |board| board["cluster"]["missing"].as_array().unwrap().len() == 1);
    assert_eq!(
        request(&front.url("/api/v1/board?as_of=-1h"), "GET", &[("Accept", "text/event-stream")], b"").status,
        400
    );
}

#[test]
fn a_stream_of_a_conversation_says_that_something_happened() {
    let front = Front::of(vec![Desk::new()], "");
    front.desks[0].post("/api/v1/events", message("a/b", 1, "")).expect(200);
    let mut events = events_of(&front.url("/api/v1/changes?conversation=a%2Fb&since=1"), &[]);
    assert_eq!(events.next().unwrap().0, "clock");
    front.desks[0].post("/api/v1/events", message("a/b", 2, "")).expect(200);
    while events.next().unwrap().0 != "change" {}
    front.get("/api/v1/changes?since=0").expect(501);
}

#[test]
fn people_sign_in_with_a_token_of_the_nodes() {
    let (desk, [asks, _]) = desk_with_tokens();
    let front = Front::of(vec![desk], "wait-warn = \"1m\"");
    assert!(front.get("/").expect(200).text().starts_with("<!doctype html>"));
    front.get("/assets/board.js").expect(200);
    front.get("/assets/none.js").expect(404);
    let token = asks.strip_prefix("Bearer ").unwrap();
    let login = |token: &str| front.post("/login", &[], &json!({ "token": token }).to_string());
    login("guess").expect(401);
    assert_eq!(login(token).status, 204);
    front.get("/api/v1/session").expect(401);
    let cookie = format!("convofold={token}");
    let session = request(&front.url("/api/v1/session"), "GET", &[("Cookie", &cookie)], b"").expect(200).json();
    assert_eq!((&session["name"], &session["cluster"]), (&json!("asks"), &json!(true)));
    assert_eq!((&session["thresholds"]["warn_ms"], &session["listen"]), (&json!(60_000), &json!("127.0.0.1:0")));
    let headers = [("Cookie", cookie.as_str()), ("Sec-Fetch-Site", "cross-site")];
    request(&front.url("/api/v1/session"), "GET", &headers, b"").expect(403);
    // The token is removed while somebody watches.
    let mut events = events_of(&front.url("/api/v1/board"), &[("Cookie", &cookie)]);
    assert_eq!(events.next().unwrap().0, "board");
    TokenFile::of(&front.desks[0].path()).remove("asks").unwrap();
    while events.next().unwrap().0 != "signed_out" {}
    assert!(events.next().is_none());
}
