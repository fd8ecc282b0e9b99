//! `convofold serve` and `convofold token`: settings, start, end. `torture_short.rs` kills the server.

#![expect(clippy::unwrap_used, reason = "tests and their helpers may panic")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use convofold_tests::command::Desk;
use convofold_tests::serving::Serving;

fn start(desk: &Desk, args: &[&str]) -> Serving {
    Serving::start(desk.command(&[&["serve", "--db", "db"], args].concat())).unwrap()
}

/// Sends a request and returns the status and the body; `None` if the connection breaks.
fn send(address: SocketAddr, request: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some((status, body.to_owned()))
}

fn webhook(number: u64) -> String {
    let body = format!(
        r#"{{"EventId":"e-{number}","Timestamp":"2026-03-02T09:15:00Z","Event":"chatsession.created","PrimaryKey":{number},"ContextIdentifier":"Cust1"}}"#
    );
    let length = body.len();
    format!(
        "POST /webhooks/superoffice HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

#[test]
fn settings_come_from_arguments_then_the_environment_then_the_file() {
    let desk = Desk::default();
    desk.write("convofold.toml", "db = \"of-file\"\ngrace = \"1s\"\nhold = \"2s\"\nmax-readers = 3\n[superoffice-secret]\ndefault = \"sesame\"\n");
    let mut command = desk.command(&["serve", "--config", "convofold.toml", "--hold", "7s", "--print-config"]);
    let printed = command
        .env("CONVOFOLD_HOLD", "9s")
        .env("CONVOFOLD_GRACE", "8s")
        .env("CONVOFOLD_BEHIND_PROXY", "true")
        .output()
        .unwrap();
    assert!(printed.status.success(), "{printed:?}");
    let text = String::from_utf8(printed.stdout).unwrap();
    for line in [
        "db = \"of-file\"",
        "grace = \"8s\"",
        "hold = \"7s\"",
        "max-readers = 3",
        "behind-proxy = true",
        "default = [\"(set)\"]",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    assert!(!text.contains("sesame"));
    // The placeholder is no secret.
    desk.write("again.toml", &text);
    let ran = desk.run_bare(&["serve", "--config", "again.toml", "--print-config"]);
    assert_eq!((ran.code, ran.stderr.contains("the hook default is missing")), (Some(2), true), "{ran:?}");
    desk.write("again.toml", text.replace("(set)", "sesame"));
    assert_eq!(desk.run_bare(&["serve", "--config", "again.toml", "--print-config"]).stdout, text);

    for (args, named) in [
        (&["serve"][..], "--db"),
        (&["serve", "--config", "none.toml"], "none.toml"),
        (&["serve", "--db", "db", "--grace", "soon"], "soon"),
        (&["serve", "--db", "db", "--tls-cert", "c"], "tls-key"),
    ] {
        let ran = desk.run_bare(args);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.stderr.contains(named), "{ran:?}");
    }
}

#[test]
fn an_address_that_others_reach_is_refused_without_tokens_and_without_tls() {
    let desk = Desk::default();
    let ran = desk.run("serve", &["--listen", "0.0.0.0:0"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("convofold token add"), "{ran:?}");
    // Refused before anything is created.
    assert!(!desk.path("db").exists());
    let ran = desk.run("token", &[]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let added = desk.run_bare(&["token", "add", "wall", "--role", "read", "--db", "db"]);
    assert_eq!(added.code, Some(0), "{added:?}");
    let ran = desk.run("serve", &["--listen", "0.0.0.0:0"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("--behind-proxy"), "{ran:?}");
    let list = desk.run_bare(&["token", "list", "--db", "db", "--json"]).json();
    assert_eq!((&list["tokens"][0]["name"], &list["tokens"][0]["role"]), (&"wall".into(), &"read".into()));

    let serving = start(&desk, &["--behind-proxy"]);
    assert_eq!(serving.client().request("GET", "/api/v1/agents", &[], b"").unwrap().0, 401);
    let token = added.stdout.trim();
    let request = format!(
        "GET /api/v1/agents HTTP/1.1\r\nHost: chats.example\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(send(serving.address(), &request).unwrap().0, 200);
    let removed = desk.run_bare(&["token", "remove", "wall", "--db", "db"]);
    assert_eq!(removed.code, Some(0), "{removed:?}");
    let began = Instant::now();
    while send(serving.address(), &request).unwrap().0 != 401 {
        assert!(began.elapsed() < Duration::from_secs(20));
    }
    assert!(serving.terminate().unwrap().0.success());
}

#[test]
fn sigterm_closes_the_database_and_a_second_server_is_told_of_the_first() {
    let desk = Desk::default();
    let serving = start(&desk, &[]);
    assert_eq!(send(serving.address(), &webhook(1)).unwrap().0, 200);
    let second = desk.run("serve", &["--listen", "127.0.0.1:0"]);
    assert_eq!(second.code, Some(5), "{second:?}");
    assert!(second.stderr.contains("open"), "{second:?}");
    let same_port = desk.run_bare(&["serve", "--db", "other", "--listen", &serving.address().to_string()]);
    assert_eq!(same_port.code, Some(1), "{same_port:?}");
    assert!(same_port.stderr.contains("cannot listen"), "{same_port:?}");

    // A feed is open.
    let mut feed = TcpStream::connect(serving.address()).unwrap();
    feed.write_all(b"GET /api/v1/changes?since=0 HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut first = [0; 12];
    feed.read_exact(&mut first).unwrap();
    let began = Instant::now();
    let (ended, log) = serving.terminate().unwrap();
    assert!(ended.success(), "{log:?}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let stats = desk.run("stats", &["--json"]).json();
    assert_eq!((&stats["events"], &stats["recovery"]["events_replayed"]), (&1.into(), &0.into()));
}
