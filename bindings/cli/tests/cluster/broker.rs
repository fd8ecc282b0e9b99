//! Requests to a broker, without a client of NATS: JetStream's API in the text protocol.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::servers::{Servers, until};

const TIMEOUT: Duration = Duration::from_secs(2);

/// Repeats a request until one of the brokers answers it without an error.
pub(crate) fn request(servers: &Servers, subject: &str, payload: &str) -> Value {
    until(subject, || servers.urls.split(',').find_map(|url| ask(url.strip_prefix("nats://")?, subject, payload)))
}

fn ask(address: &str, subject: &str, payload: &str) -> Option<Value> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(TIMEOUT)).ok()?;
    let length = payload.len();
    let commands = format!(
        "CONNECT {{\"verbose\":false,\"pedantic\":false}}\r\nSUB answer 1\r\nPUB {subject} answer {length}\r\n{payload}\r\n"
    );
    stream.write_all(commands.as_bytes()).ok()?;
    let mut lines = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).ok()? == 0 {
            return None;
        }
        // MSG subject id length
        if line.starts_with("MSG ") {
            let length = line.trim_end().rsplit(' ').next()?.parse().ok()?;
            let mut answer = vec![0; length];
            lines.read_exact(&mut answer).ok()?;
            let answer: Value = serde_json::from_slice(&answer).ok()?;
            return answer["error"].is_null().then_some(answer);
        }
    }
}

/// What the brokers say about the stream of a partition.
pub(crate) fn stream(servers: &Servers, partition: u32) -> Value {
    request(servers, &format!("$JS.API.STREAM.INFO.CF_chat_{partition}"), "")
}

/// The number of the broker that leads a partition.
pub(crate) fn leader(servers: &Servers, partition: u32) -> usize {
    until("a leader", || stream(servers, partition)["cluster"]["leader"].as_str()?.strip_prefix('n')?.parse().ok())
}

/// Deletes the stream of a partition.
pub(crate) fn delete_stream(servers: &Servers, partition: u32) {
    request(servers, &format!("$JS.API.STREAM.DELETE.CF_chat_{partition}"), "");
}

/// Drops all messages of a partition, as a limit on their age does. Streams of a log cannot be purged.
pub(crate) fn drop_messages(servers: &Servers, partition: u32) {
    let set_max_age = |nanoseconds: u64| {
        let mut config = stream(servers, partition)["config"].clone();
        config["max_age"] = nanoseconds.into();
        request(servers, &format!("$JS.API.STREAM.UPDATE.CF_chat_{partition}"), &config.to_string());
    };
    set_max_age(1_000_000_000);
    until("the messages are dropped", || (stream(servers, partition)["state"]["messages"] == 0).then_some(()));
    set_max_age(0);
}
