//! The change feed for asynchronous code.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use convofold_engine::Seq;
use futures_core::Stream;

use crate::api::error::ChangesError;
use crate::api::feed::{Change, Changes};

/// The feed as a stream, for any executor. It returns the same events as [`Changes::next_timeout`] and waits without a
/// thread.
///
/// It ends when the feed is stopped or the database is closed, and after an error. Closing does not wait for a stream:
/// events that were not read by then follow in the next feed from [`Changes::next_seq`] on. Dropping the future of an
/// event loses nothing.
///
/// Reading an event can read one block of the log from the disk, which takes less than a millisecond if the operating
/// system has it in memory.
impl Stream for Changes {
    type Item = Result<Change, ChangesError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let mut next = self.try_next();
        if matches!(next, Ok(None)) {
            self.shared.feed_wakers.keep(self.number(), context.waker());
            // An event may have become durable before the waker was kept.
            next = self.try_next();
        }
        match next {
            Ok(Some(change)) => Poll::Ready(Some(Ok(change))),
            Ok(None) if self.is_stopped() => Poll::Ready(None),
            Ok(None) => Poll::Pending,
            Err(ChangesError::Closed) => {
                self.has_ended = true;
                Poll::Ready(None)
            }
            Err(error) => {
                self.has_ended = true;
                Poll::Ready(Some(Err(error)))
            }
        }
    }
}

impl Changes {
    /// Waits for the next event, like the method of that name in the extension traits for streams. `None` if the stream
    /// has ended.
    ///
    /// # Errors
    /// [`ChangesError`] if a write failed or the log cannot be read.
    pub async fn next(&mut self) -> Option<Result<Change, ChangesError>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Waits until events are durable that this feed has not returned, and skips them without reading them: for a reader
    /// that only needs to know that something changed. Returns the seq of the last one; `None` if the feed was stopped or no
    /// more events follow. Dropping the future skips nothing.
    pub async fn skip_to_last(&mut self) -> Option<Seq> {
        std::future::poll_fn(|context| {
            let mut skipped = self.skip();
            if skipped.is_pending() {
                self.shared.feed_wakers.keep(self.number(), context.waker());
                // An event may have become durable before the waker was kept.
                skipped = self.skip();
            }
            skipped
        })
        .await
    }

    fn skip(&mut self) -> Poll<Option<Seq>> {
        // Read before the seq, which does not move after a failure.
        let is_over = self.is_stopped() || self.shared.poisoned().is_some();
        let durable = *self.shared.durable.lock();
        if self.next_seq() <= durable.seq {
            self.move_to(durable.seq + 1);
            return Poll::Ready(Some(durable.seq));
        }
        if is_over || durable.is_closed { Poll::Ready(None) } else { Poll::Pending }
    }

    /// Tells feeds of one database apart.
    fn number(&self) -> usize {
        Arc::as_ptr(&self.stopped).addr()
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.shared.feed_wakers.forget(self.number());
    }
}
