//! Slow, greedy and numerous clients.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests and their helpers may panic")]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::{Desk, message, toml_settings};

fn closed_by_the_server(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn a_header_that_dribbles_in_is_cut_off() {
    let desk = Desk::with(toml_settings("read-timeout = \"300ms\""), |_| {});
    for beginning in ["", "GET /livez HTTP/1.1\r\nHost: loc"] {
        let mut stream = TcpStream::connect(desk.address).unwrap();
        stream.write_all(beginning.as_bytes()).unwrap();
        assert!(closed_by_the_server(&mut stream), "{beginning:?}");
    }
    // Also on a connection that was used already.
    let mut stream = TcpStream::connect(desk.address).unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /li").unwrap();
    assert!(closed_by_the_server(&mut stream));
}

#[test]
fn a_body_that_does_not_arrive_is_answered_408() {
    let desk = Desk::with(toml_settings("read-timeout = \"300ms\""), |_| {});
    for path in ["/webhooks/superoffice", "/api/v1/events"] {
        let mut stream = TcpStream::connect(desk.address).unwrap();
        write!(stream, "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nConnection: close\r\n\r\n{{")
            .unwrap();
        let mut answer = String::new();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 408"), "{path}: {answer}");
    }
}

#[test]
fn connections_beyond_the_limit_are_closed_and_room_is_found_again() {
    let desk = Desk::with(toml_settings("max-connections = 2"), |_| {});
    let hold = |_| {
        let mut stream = TcpStream::connect(desk.address).unwrap();
        // Answered, so it is one of the two.
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        stream
    };
    let held: Vec<_> = (0..2).map(hold).collect();
    let refused = (0..100).any(|_| {
        let mut stream = TcpStream::connect(desk.address).unwrap();
        let _ = stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer.is_empty()
    });
    assert!(refused);
    drop(held);
    let began = Instant::now();
    loop {
        let mut stream = TcpStream::connect(desk.address).unwrap();
        let _ = stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        if answer.starts_with("HTTP/1.1 200") {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn a_client_that_does_not_read_is_cut_off_and_holds_up_nobody() {
    let desk = Desk::with(toml_settings("write-timeout = \"2s\"\nmax-readers = 1"), |_| {});
    // More than the buffers of the sockets hold.
    let text = "x".repeat(100_000);
    let lines: String = (0..300).map(|number| message("c", number, "").replace("words", &text) + "\n").collect();
    desk.post("/api/v1/events", lines).expect(200);
    let mut stream = TcpStream::connect(desk.address).unwrap();
    stream.write_all(b"GET /api/v1/changes?since=0 HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    // Answered, so it is the one reader.
    stream.read_exact(&mut [0; 12]).unwrap();
    desk.get("/api/v1/changes?wait=0").expect(503);
    desk.post("/api/v1/events", message("d", 1, "")).expect(200);
    let began = Instant::now();
    while desk.get("/api/v1/status").expect(200).json()["readers"] != 0 {
        assert!(began.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(50));
    }
    desk.get("/api/v1/changes?wait=0").expect(200);
}

/// The connection is read, but one stream of it is not: its window stays closed.
#[test]
fn a_stream_of_http_2_that_is_not_read_holds_up_nobody() {
    let desk = Desk::with(toml_settings("write-timeout = \"500ms\"\nmax-readers = 1"), |_| {});
    let text = "x".repeat(100_000);
    let lines: String = (0..30).map(|number| message("c", number, "").replace("words", &text) + "\n").collect();
    desk.post("/api/v1/events", lines).expect(200);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _held = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(desk.address).await.unwrap();
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let mut client = client.ready().await.unwrap();
        let uri = format!("http://localhost:{}/api/v1/export?events=true", desk.address.port());
        let request = ureq::http::Request::get(uri).body(()).unwrap();
        let (response, _) = client.send_request(request, true).unwrap();
        // Without `release_capacity`, the server may not send more than the first window.
        (client, response.await.unwrap().into_body())
    });
    let began = Instant::now();
    while desk.get("/api/v1/status").expect(200).json()["readers"] != 0 {
        assert!(began.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(50));
    }
    desk.get("/api/v1/export").expect(200);
}

#[test]
fn the_end_waits_for_a_webhook_that_is_on_its_way() {
    let mut desk = Desk::new();
    let body = common::superoffice("e-1", "created", 42);
    let mut stream = TcpStream::connect(desk.address).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /webhooks/superoffice HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
    )
    .unwrap();
    // The body is asked for, so the request has begun.
    let mut asked = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut asked).unwrap();
    let (first, second) = body.split_at(20);
    stream.write_all(first.as_bytes()).unwrap();
    let rest = second.to_owned();
    let sender = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        stream.write_all(rest.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    desk.stop();
    let answer = sender.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(desk.db.stats().last_seq, 1);
}
