//! Sends bytes to a running server. No request panics, every response is well-formed, and nonsense is never answered with
//! the status of a fault of the server.
//!
//! An input is a request: its head, an empty line and its body; line ends and the length of the body are added. An input that
//! begins with `RAW ` is sent as it is.

#![no_main]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

use convofold::Convofold;
use convofold_server::{Server, Settings, Span};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Number of requests after which the server gets a new database, so that the rejects do not fill the memory.
const REQUESTS: u32 = 2_000;
/// Time within which the server answers or closes the connection.
const PATIENCE: Duration = Duration::from_secs(8);
/// Silence after which a response is taken to be a feed, which does not end.
const SILENCE: Duration = Duration::from_millis(50);
const RAW: &[u8] = b"RAW ";
/// What follows raw bytes: if they are complete requests, the connection ends here.
const LAST: &[u8] = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Never dropped at the end of the process, when its runtime cannot be used any more.
static DESK: Mutex<Option<Desk>> = Mutex::new(None);

struct Desk {
    requests: u32,
    address: SocketAddr,
    server: Option<Server>,
    db: Convofold,
    runtime: Runtime,
    _dir: TempDir,
}

impl Desk {
    fn new() -> Self {
        let (dir, path) = convofold_fuzz::directory();
        let mut settings = Settings::default();
        settings.db = Some(path.join("db"));
        settings.listen = "127.0.0.1:0".parse().ok();
        settings.read_timeout = Some(Span(Duration::from_millis(100)));
        settings.min_free = Some(0);
        let config = settings.resolve().expect("settings");
        let db = Convofold::open(&config.db).expect("a new database");
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let server = runtime.block_on(async { Server::start(config, db.clone()) }).expect("a server");
        Self { requests: 0, address: server.address(), server: Some(server), db, runtime, _dir: dir }
    }

    /// Returns what the server answered until it closed the connection or was silent.
    fn send(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.requests += 1;
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        // The server may have closed the connection after the head.
        let _ = stream.write_all(bytes);
        let mut response = Vec::new();
        let mut part = [0; 16 << 10];
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        loop {
            match stream.read(&mut part) {
                Ok(0) => return response,
                Ok(count) => response.extend_from_slice(&part[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return response,
                // A signal of the fuzzer's clock.
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    assert!(!response.is_empty(), "no answer within {PATIENCE:?}: {error}");
                    return response;
                }
            }
            stream.set_read_timeout(Some(SILENCE)).expect("a socket");
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.stop(Duration::from_secs(5)));
        }
        self.db.close().expect("a healthy database");
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut desk = DESK.lock().expect("no panic before");
    if desk.as_ref().is_some_and(|desk| desk.requests >= REQUESTS) {
        *desk = None;
    }
    let response = desk.get_or_insert_with(Desk::new).send(&request(bytes));
    // A connection of HTTP/2 answers in frames.
    if !bytes.windows(6).any(|part| part == b"HTTP/2") {
        check(&response);
    }
});

fn request(bytes: &[u8]) -> Vec<u8> {
    if let Some(raw) = bytes.strip_prefix(RAW) {
        return [raw, LAST].concat();
    }
    let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap_or(bytes.len());
    let (head, body) = (&bytes[..end], bytes.get(end + 2..).unwrap_or_default());
    let mut request = Vec::new();
    for (number, line) in head.split(|byte| *byte == b'\n').enumerate() {
        request.extend_from_slice(line);
        request.extend_from_slice(if number == 0 { b" HTTP/1.1\r\nHost: localhost\r\n" } else { b"\r\n" });
    }
    request.extend_from_slice(format!("Content-Length: {}\r\nConnection: close\r\n\r\n", body.len()).as_bytes());
    request.extend_from_slice(body);
    request
}

/// Checks the first response. There is none if the request is not complete.
fn check(response: &[u8]) {
    if response.is_empty() {
        return;
    }
    let end = response.windows(4).position(|four| four == b"\r\n\r\n").expect("the end of the head");
    let head = std::str::from_utf8(&response[..end]).expect("a head of text");
    let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).expect("a status line");
    let status: u16 = status.parse().expect("a status");
    assert!((100..600).contains(&status), "{head}");
    for line in head.lines().skip(1) {
        assert!(line.contains(':'), "{head}");
    }
    if status < 400 {
        return;
    }
    let is_problem = head.contains("content-type: application/problem+json");
    // What hyper cannot parse has no body, and neither has the answer to HEAD.
    let body = &response[end + 4..];
    if !is_problem || body.is_empty() {
        assert!(status < 500, "{head}");
        return;
    }
    let problem = serde_json::Deserializer::from_slice(body).into_iter::<serde_json::Value>().next();
    let problem = problem.expect("a problem").expect("a problem in JSON");
    assert_eq!(problem["status"], status, "{head}");
    let detail = problem["detail"].as_str().expect("a detail");
    let is_meant = status == 501 || status == 503 && detail.contains("readers");
    assert!(status < 500 || is_meant, "{head}\n{problem}");
}
