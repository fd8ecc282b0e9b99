//! Bodies that a thread writes while the client reads them.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use http_body_util::StreamBody;
use hyper::body::Frame;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use crate::app::{App, Phase};
use crate::problem::Problem;

/// Size of a part of a body.
const PART_BYTES: usize = 64 << 10;
/// Number of parts that wait for the client.
const PARTS_AHEAD: usize = 4;
/// The trailer with the problem because of which a body ended early.
pub(crate) const PROBLEM: HeaderName = HeaderName::from_static("problem");

/// The writing end of a body. If it is dropped before the end, the connection ends without the end of the body, so that the
/// client does not take a part for the whole.
pub(super) struct BodyWriter {
    app: App,
    runtime: Handle,
    sender: Sender<Frame<Bytes>>,
    part: Vec<u8>,
    has_trailers: bool,
    /// Whether a part was not taken.
    is_broken: bool,
    is_complete: Arc<AtomicBool>,
}

/// A body and its writing end, for a request with these headers. Must be called on a runtime.
pub(super) fn body(app: &App, headers: &HeaderMap) -> (BodyWriter, Body) {
    let (sender, receiver) = channel(PARTS_AHEAD);
    let accepts = |value: &HeaderValue| value.to_str().is_ok_and(|value| value.contains("trailers"));
    let has_trailers = headers.get_all(header::TE).iter().any(accepts);
    let is_complete = Arc::new(AtomicBool::new(false));
    let writer = BodyWriter {
        app: app.clone(),
        runtime: Handle::current(),
        sender,
        part: Vec::new(),
        has_trailers,
        is_broken: false,
        is_complete: is_complete.clone(),
    };
    let end = std::iter::once_with(move || {
        (!is_complete.load(Ordering::Acquire)).then(|| Err(io::Error::from(io::ErrorKind::Interrupted)))
    });
    let frames = ReceiverStream::new(receiver).map(Ok).chain(tokio_stream::iter(end.flatten()));
    (writer, Body::new(StreamBody::new(frames)))
}

/// The response with a body of this type.
pub(super) fn response(content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::TRAILER, HeaderValue::from_static("problem"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

impl BodyWriter {
    /// Whether somebody reads the body, and the server is not ending its readers.
    pub(super) fn is_wanted(&self) -> bool {
        !self.sender.is_closed() && self.app.phase() < Phase::EndingReaders
    }

    /// Hands over the rest of a complete body.
    pub(super) fn end(mut self) {
        if self.hand_over().is_ok() {
            self.is_complete.store(true, Ordering::Release);
        }
    }

    /// Ends the body early. A client that accepts trailers gets the problem; for others the connection ends.
    pub(super) fn fail(mut self, problem: &Problem) {
        let text = serde_json::to_string(problem).unwrap_or_default();
        if let Ok(value) = HeaderValue::from_str(&ascii(&text))
            && self.has_trailers
            && self.send(Frame::trailers(HeaderMap::from_iter([(PROBLEM, value)]))).is_ok()
        {
            self.is_complete.store(true, Ordering::Release);
        }
    }

    fn hand_over(&mut self) -> io::Result<()> {
        if self.part.is_empty() {
            return Ok(());
        }
        let part = Bytes::from(std::mem::take(&mut self.part));
        self.send(Frame::data(part))
    }

    /// Waits for the client, but not for longer than the time to write. The connection has this limit too, but a stream of
    /// HTTP/2 can stand still while its connection does not.
    fn send(&mut self, frame: Frame<Bytes>) -> io::Result<()> {
        if self.is_broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let limit = self.app.write_timeout();
        let sent = self.runtime.block_on(async { timeout(limit, self.sender.send(frame)).await });
        self.is_broken = !matches!(sent, Ok(Ok(())));
        match sent {
            Ok(sent) => sent.map_err(|_| io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read its response")),
        }
    }
}

/// JSON without characters that a header cannot have.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            let mut units = [0; 2];
            text.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    text
}

impl Write for BodyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.part.extend_from_slice(bytes);
        if self.part.len() >= PART_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    /// Hands over what was written. Must not be called on a thread of the runtime.
    fn flush(&mut self) -> io::Result<()> {
        if !self.is_wanted() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.hand_over()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_in_a_header_is_the_same_json() {
        let text = "{\"a\":\"\u{e9} \u{1f600} x\"}";
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert!(ascii(text).is_ascii());
        assert_eq!(value(&ascii(text)), value(text));
    }
}
