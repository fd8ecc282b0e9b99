//! Limits of connections: their number, and how long a client may leave its response unread.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

use crate::app::App;

/// Closes connections beyond the limit at once, and guards the others.
#[derive(Clone)]
pub(crate) struct GuardedAcceptor {
    /// Number of connections beyond the limit.
    refused: Arc<AtomicU64>,
    permits: Arc<Semaphore>,
    write_timeout: Duration,
}

impl GuardedAcceptor {
    pub(crate) fn of(app: &App) -> Self {
        let refused = app.meter.connections_refused.clone();
        Self::new(app.config.max_connections, app.write_timeout(), refused)
    }

    pub(crate) fn new(max_connections: usize, write_timeout: Duration, refused: Arc<AtomicU64>) -> Self {
        Self { refused, permits: Arc::new(Semaphore::new(max_connections)), write_timeout }
    }
}

impl<S, Service> Accept<S, Service> for GuardedAcceptor {
    type Stream = Guarded<S>;
    type Service = Service;
    type Future = std::future::Ready<io::Result<(Guarded<S>, Service)>>;

    fn accept(&self, stream: S, service: Service) -> Self::Future {
        let write_timeout = self.write_timeout;
        std::future::ready(match self.permits.clone().try_acquire_owned() {
            Ok(permit) => Ok((Guarded { stream, write_timeout, waiting: None, _permit: permit }, service)),
            Err(_) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(io::Error::other("too many connections"))
            }
        })
    }
}

/// A connection that ends if its client does not read.
pub(crate) struct Guarded<S> {
    stream: S,
    write_timeout: Duration,
    /// Set while a write waits for the client.
    waiting: Option<Pin<Box<Sleep>>>,
    _permit: OwnedSemaphorePermit,
}

impl<S> Guarded<S> {
    /// Passes on the result of a write, or ends the connection if it has waited for too long.
    fn bounded<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let write_timeout = self.write_timeout;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(write_timeout)));
        match waiting.as_mut().poll(context) {
            Poll::Ready(()) => {
                // Later writes fail at once, too.
                waiting.as_mut().reset(Instant::now());
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read its response")))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.bounded(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.bounded(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.bounded(context, shut)
    }
}
