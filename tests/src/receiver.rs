//! A receiver of webhooks, for the tests of alerts. It shares no code with the sender: the signature is computed from RFC 2104.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest, Sha256};

/// A request that arrived.
#[derive(Clone, Debug, Default)]
pub struct Got {
    /// The path.
    pub path: String,
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`.
    pub timestamp: String,
    /// `webhook-signature`, one entry for each signature.
    pub signatures: Vec<String>,
    /// The body.
    pub body: String,
    /// The status of the answer; 0 if there was none.
    pub status: u16,
}

impl Got {
    /// The body as JSON; null if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The field of this name in `data`.
    #[must_use]
    pub fn data(&self, name: &str) -> Value {
        self.json()["data"][name].clone()
    }

    /// Whether a signature was made with this key.
    #[must_use]
    pub fn is_signed_with(&self, key: &[u8]) -> bool {
        let signed = format!("{}.{}.{}", self.id, self.timestamp, self.body);
        let expected = format!("v1,{}", base64(&hmac_sha256(key, signed.as_bytes())));
        self.signatures.contains(&expected)
    }
}

/// What a receiver does with a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// It answers with this status, and these header lines.
    Status(u16, &'static str),
    /// It does not answer, and keeps the connection.
    Hang,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    got: Vec<Got>,
    replies: VecDeque<Reply>,
    hanging: Vec<TcpStream>,
}

/// A receiver on a free port. It answers 200 unless [`Receiver::reply`] says otherwise.
#[derive(Clone)]
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Receiver {
    /// A receiver that runs until the end of the process.
    ///
    /// # Errors
    /// If there is no free port.
    pub fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let receiver = Self { address: listener.local_addr()?, shared: Arc::default() };
        let shared = receiver.shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                thread::spawn(move || serve(&stream, &shared));
            }
        });
        Ok(receiver)
    }

    /// Its address.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it does with the next requests.
    pub fn reply(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state().replies.extend(replies);
    }

    /// Answers 200 from now on.
    pub fn recover(&self) {
        self.state().replies.clear();
    }

    /// Every request so far.
    #[must_use]
    pub fn got(&self) -> Vec<Got> {
        self.state().got.clone()
    }

    /// Waits until the requests are enough; returns those that arrived until then, or within a minute.
    #[must_use]
    pub fn wait_until(&self, is_enough: impl Fn(&[Got]) -> bool) -> Vec<Got> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut state = self.state();
        while !is_enough(&state.got) {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { break };
            (state, _) = self.shared.arrived.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
        state.got.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> Option<()> {
    let mut got = read(stream)?;
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    match state.replies.pop_front().unwrap_or(Reply::Status(200, "")) {
        Reply::Status(status, headers) => {
            got.status = status;
            state.got.push(got);
            let answer = format!("HTTP/1.1 {status} Status\r\nContent-Length: 0\r\n{headers}\r\n");
            let mut stream = stream;
            // A server that was killed meanwhile does not read it.
            let _ = stream.write_all(answer.as_bytes());
        }
        Reply::Hang => {
            state.got.push(got);
            state.hanging.extend(stream.try_clone());
        }
    }
    shared.arrived.notify_all();
    Some(())
}

fn read(stream: &TcpStream) -> Option<Got> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let mut got = Got { path: line.split(' ').nth(1)?.to_owned(), ..Got::default() };
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "webhook-id" => value.clone_into(&mut got.id),
            "webhook-timestamp" => value.clone_into(&mut got.timestamp),
            "webhook-signature" => got.signatures = value.split(' ').map(str::to_owned).collect(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    got.body = String::from_utf8(body).ok()?;
    Some(got)
}

/// RFC 2104.
fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = if key.len() > 64 { Sha256::digest(key).to_vec() } else { key.to_vec() };
    block.resize(64, 0);
    let pad = |byte: u8| block.iter().map(|key| key ^ byte).collect::<Vec<_>>();
    let inner = Sha256::digest([pad(0x36).as_slice(), message].concat());
    Sha256::digest([pad(0x5c).as_slice(), &inner].concat()).to_vec()
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Case 1 and 6 of RFC 4231, and section 10 of RFC 4648.
    #[test]
    fn the_arithmetic_is_that_of_the_standards() {
        let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert!(hex(hmac_sha256(&[0x0b; 20], b"Hi There")).starts_with("b0344c61d8db38535ca8afceaf0bf12b"));
        let long = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert!(hex(hmac_sha256(&[0xaa; 131], long)).starts_with("60e431591ee0b67f0d8a26aacbf5b77f"));
        assert_eq!(
            ["", "f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes())),
            ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]
        );
    }
}
