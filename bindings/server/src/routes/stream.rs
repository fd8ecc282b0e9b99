//! Bodies that a thread writes while the client reads them.

use std::io::{self, Write};

use axum::body::{Body, Bytes};
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;

use crate::app::{App, Phase};

/// Size of a part of a body.
const PART_BYTES: usize = 64 << 10;
/// Number of parts that wait for the client.
const PARTS_AHEAD: usize = 4;

/// The writing end of a body. A client that does not read blocks it until the connection is cut off.
pub(super) struct BodyWriter {
    app: App,
    sender: Sender<io::Result<Bytes>>,
    part: Vec<u8>,
}

/// A body and its writing end.
pub(super) fn body(app: &App) -> (BodyWriter, Body) {
    let (sender, receiver) = channel(PARTS_AHEAD);
    let body = Body::from_stream(ReceiverStream::new(receiver));
    (BodyWriter { app: app.clone(), sender, part: Vec::new() }, body)
}

impl BodyWriter {
    /// Whether somebody reads the body, and the server is not ending its readers.
    pub(super) fn is_wanted(&self) -> bool {
        !self.sender.is_closed() && self.app.phase() < Phase::EndingReaders
    }

    /// Ends the connection without the end of the body, so that the client does not take a part for the whole.
    pub(super) fn abort(self) {
        let _ = self.sender.blocking_send(Err(io::ErrorKind::Interrupted.into()));
    }
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
        self.sender.blocking_send(Ok(part)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
