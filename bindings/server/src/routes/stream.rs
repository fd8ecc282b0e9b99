//! Bodies that a thread writes while the client reads them.

use std::io::{self, Write};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use http_body_util::StreamBody;
use hyper::body::Frame;
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;

use crate::app::{App, Phase};
use crate::problem::Problem;

/// Size of a part of a body.
const PART_BYTES: usize = 64 << 10;
/// Number of parts that wait for the client.
const PARTS_AHEAD: usize = 4;
/// The trailer with the problem because of which a body ended early.
pub(crate) const PROBLEM: HeaderName = HeaderName::from_static("problem");

/// The writing end of a body. A client that does not read blocks it until the connection is cut off.
pub(super) struct BodyWriter {
    app: App,
    sender: Sender<io::Result<Frame<Bytes>>>,
    part: Vec<u8>,
    has_trailers: bool,
}

/// A body and its writing end, for a request with these headers.
pub(super) fn body(app: &App, headers: &HeaderMap) -> (BodyWriter, Body) {
    let (sender, receiver) = channel(PARTS_AHEAD);
    let accepts = |value: &HeaderValue| value.to_str().is_ok_and(|value| value.contains("trailers"));
    let has_trailers = headers.get_all(header::TE).iter().any(accepts);
    let body = Body::new(StreamBody::new(ReceiverStream::new(receiver)));
    (BodyWriter { app: app.clone(), sender, part: Vec::new(), has_trailers }, body)
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
        if self.flush().is_err() {
            self.abort();
        }
    }

    /// Ends the body early. A client that accepts trailers gets the problem; for others the connection ends, so that they
    /// do not take a part for the whole.
    pub(super) fn fail(self, problem: &Problem) {
        let text = serde_json::to_string(problem).unwrap_or_default();
        match HeaderValue::from_str(&ascii(&text)) {
            Ok(value) if self.has_trailers => {
                let trailers = HeaderMap::from_iter([(PROBLEM, value)]);
                let _ = self.sender.blocking_send(Ok(Frame::trailers(trailers)));
            }
            _ => self.abort(),
        }
    }

    /// Ends the connection without the end of the body.
    pub(super) fn abort(self) {
        let _ = self.sender.blocking_send(Err(io::ErrorKind::Interrupted.into()));
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

    /// Hands over what was written. Waits for the client; must not be called on a thread of the runtime.
    fn flush(&mut self) -> io::Result<()> {
        if !self.is_wanted() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if self.part.is_empty() {
            return Ok(());
        }
        let part = Bytes::from(std::mem::take(&mut self.part));
        self.sender.blocking_send(Ok(Frame::data(part))).map_err(|_| io::ErrorKind::BrokenPipe.into())
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
