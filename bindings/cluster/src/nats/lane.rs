//! The messages of one partition on their way to the log.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::{Client, HeaderMap, Request, RequestErrorKind};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::api;
use crate::log::SourceError;

/// The first and the longest pause after a message was not acknowledged.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// Number of the error for a message that is longer than the stream allows.
const TOO_LONG: u64 = 10_054;

/// A message that is not acknowledged yet.
pub(super) struct Outgoing {
    pub(super) payload: Bytes,
    pub(super) headers: HeaderMap,
    /// Its part of the memory for unacknowledged messages.
    pub(super) _room: OwnedSemaphorePermit,
    /// Who waits for the acknowledgement, if somebody does. If they are gone, the message is not sent again.
    pub(super) waiter: Option<Waiter>,
}

/// Gets the outcome of a message: the error says why the log never takes it.
pub(super) type Waiter = oneshot::Sender<Result<(), String>>;

impl Outgoing {
    fn is_given_up(&self) -> bool {
        self.waiter.as_ref().is_some_and(Waiter::is_closed)
    }

    fn tell(self, outcome: Result<(), String>) {
        // Who is gone needs no outcome.
        let _ = self.waiter.map(|waiter| waiter.send(outcome));
    }
}

/// What became of the messages of one partition.
#[derive(Debug, Default)]
pub(super) struct LaneCounts {
    pub(super) taken: AtomicU64,
    pub(super) acknowledged: AtomicU64,
    pub(super) repeated: AtomicU64,
    pub(super) refused: AtomicU64,
    /// Those for whose acknowledgement nobody waits any more.
    pub(super) given_up: AtomicU64,
    /// Why the log takes no messages of the partition at the moment, or why it refused one.
    pub(super) why: Mutex<Option<String>>,
}

impl LaneCounts {
    pub(super) fn unacknowledged(&self) -> u64 {
        let done = [&self.acknowledged, &self.refused, &self.given_up].map(|count| count.load(Ordering::Acquire));
        self.taken.load(Ordering::Acquire).saturating_sub(done.iter().sum())
    }
}

/// Why a message was not acknowledged.
#[derive(Debug, PartialEq, Eq)]
enum Failure {
    /// Nothing is wrong with the message.
    Again(String),
    /// The log never takes it.
    Never(String),
}

/// Publishes the messages of one partition.
///
/// At most `window` messages are unacknowledged at a time. After a failure the partition pauses, and then tries one message
/// until the log takes it. So an unreachable partition costs the others nothing.
pub(super) struct Lane {
    client: Client,
    subject: String,
    window: usize,
    counts: Arc<LaneCounts>,
    /// Messages to send before those of the queue.
    next: VecDeque<Outgoing>,
    failures: u32,
    /// The end of the pause.
    paused: Option<Instant>,
}

impl Lane {
    pub(super) fn new(client: Client, subject: String, window: usize, counts: Arc<LaneCounts>) -> Self {
        Self { client, subject, window, counts, next: VecDeque::new(), failures: 0, paused: None }
    }

    /// Runs until the queue is closed and all messages are acknowledged or refused.
    pub(super) async fn run(mut self, mut queue: UnboundedReceiver<Outgoing>) {
        let mut sent = FuturesUnordered::new();
        let mut is_open = true;
        loop {
            while sent.len() < self.room()
                && let Some(outgoing) = self.next.pop_front().or_else(|| queue.try_recv().ok())
            {
                if outgoing.is_given_up() {
                    self.counts.given_up.fetch_add(1, Ordering::AcqRel);
                    continue;
                }
                sent.push(send(self.client.clone(), self.subject.clone(), outgoing));
            }
            let takes = is_open && sent.len() < self.room();
            let paused = self.paused;
            tokio::select! {
                Some((outgoing, outcome)) = sent.next() => self.settle(outgoing, outcome),
                outgoing = queue.recv(), if takes => match outgoing {
                    Some(outgoing) => self.next.push_back(outgoing),
                    None => is_open = false,
                },
                () = sleep_until(paused.unwrap_or_else(Instant::now)), if paused.is_some() => self.paused = None,
                else => return,
            }
        }
    }

    /// How many messages may be unacknowledged now.
    fn room(&self) -> usize {
        match (self.paused, self.failures) {
            (Some(_), _) => 0,
            (None, 0) => self.window,
            (None, _) => 1,
        }
    }

    fn settle(&mut self, outgoing: Outgoing, outcome: Result<(), Failure>) {
        let Self { subject, counts, .. } = self;
        match outcome {
            Ok(()) => {
                counts.acknowledged.fetch_add(1, Ordering::AcqRel);
                if self.failures > 0 {
                    tracing::info!(subject, "the log takes messages of the partition again");
                    *counts.why.lock() = None;
                }
                (self.failures, self.paused) = (0, None);
                outgoing.tell(Ok(()));
            }
            Err(Failure::Never(why)) => {
                tracing::error!(subject, why, "the log refuses a message");
                *counts.why.lock() = Some(why.clone());
                counts.refused.fetch_add(1, Ordering::AcqRel);
                outgoing.tell(Err(why));
            }
            Err(Failure::Again(why)) => {
                if self.failures == 0 {
                    tracing::warn!(subject, why, "the log takes no messages of the partition");
                }
                *counts.why.lock() = Some(why);
                counts.repeated.fetch_add(1, Ordering::AcqRel);
                self.next.push_back(outgoing);
                // What was sent before the first failure fails too, and makes the pause no longer.
                if self.paused.is_none() {
                    self.paused = Some(Instant::now() + pause(self.failures));
                    self.failures = self.failures.saturating_add(1);
                }
            }
        }
    }
}

/// The pause after this number of failures in a row.
fn pause(failures: u32) -> Duration {
    PAUSES.0.saturating_mul(1 << failures.min(8)).min(PAUSES.1)
}

async fn send(client: Client, subject: String, outgoing: Outgoing) -> (Outgoing, Result<(), Failure>) {
    let request = Request::new().payload(outgoing.payload.clone()).headers(outgoing.headers.clone());
    let outcome = match client.send_request(subject.clone(), request).await {
        Ok(answer) => acknowledged(&subject, &answer.payload),
        Err(error) => Err(match error.kind() {
            RequestErrorKind::MaxPayloadExceeded | RequestErrorKind::InvalidSubject => {
                Failure::Never(error.to_string())
            }
            _ => Failure::Again(error.to_string()),
        }),
    };
    (outgoing, outcome)
}

fn acknowledged(subject: &str, answer: &[u8]) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Acknowledged {
        #[serde(rename = "seq")]
        _seq: u64,
    }
    match api::read::<Acknowledged>(subject, answer) {
        Ok(Ok(Acknowledged { .. })) => Ok(()),
        Ok(Err(error)) if error.err_code == TOO_LONG => Err(Failure::Never(error.said())),
        Ok(Err(error)) => Err(Failure::Again(error.said())),
        Err(SourceError::Unreachable { why } | SourceError::Refused { why } | SourceError::Broken { why }) => {
            Err(Failure::Again(why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_message_that_is_too_long_is_never_sent_again() {
        let of = |answer: &str| acknowledged("cf.chat.0", answer.as_bytes());
        assert_eq!(of(r#"{"stream":"CF_chat_0","seq":7,"duplicate":true}"#), Ok(()));
        assert!(matches!(
            of(r#"{"error":{"code":400,"err_code":10054,"description":"message size exceeds maximum allowed"}}"#),
            Err(Failure::Never(_))
        ));
        for answer in [
            r#"{"error":{"code":400,"err_code":10077,"description":"maximum bytes exceeded"}}"#,
            r#"{"error":{"code":503,"err_code":10008,"description":"JetStream system temporarily unavailable"}}"#,
            "no JSON",
        ] {
            assert!(matches!(of(answer), Err(Failure::Again(_))), "{answer}");
        }
    }

    #[test]
    fn the_pauses_grow_to_a_second() {
        assert_eq!([0, 1, 2, 3, 4, 40].map(|failures| pause(failures).as_millis()), [100, 200, 400, 800, 1_000, 1_000]);
    }
}
