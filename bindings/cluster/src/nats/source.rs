//! Reads one stream.

use std::time::{Duration, Instant};

use async_nats::Subscriber;
use futures_util::StreamExt;
use tokio::time::{sleep, timeout};

use super::answers::{Direct, Info, stored_message};
use super::connection::{ANSWER_TIMEOUT, Nats, unreachable};
use crate::log::{LogIdentity, Mark, Message, Source, SourceError};

/// The maximum number of messages, and of their bytes, in one request.
const BATCH_MESSAGES: usize = 1_000;
const BATCH_BYTES: usize = 8 << 20;
/// How often a stream is asked while nothing is published.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// After a message was published it takes some time until the replicas have it: the pauses between requests, in ms.
const HINT_PAUSES_MS: [u64; 6] = [1, 2, 4, 8, 16, 32];
/// How often the last message may be missing in a row: a replica can be behind.
const MISSING: u32 = 3;

/// Reads one stream of NATS JetStream.
pub struct NatsSource {
    nats: Nats,
    stream: String,
    /// A subject of the stream. Who subscribes to it learns at once that something was published.
    subject: Option<String>,
    hints: Option<Subscriber>,
    /// The next pause of [`HINT_PAUSES_MS`]; `None` if there was no hint.
    pauses: std::slice::Iter<'static, u64>,
    /// The last message that was returned. The next read begins with it.
    last: Option<Mark>,
    missing: u32,
}

impl NatsSource {
    pub(super) fn new(nats: Nats, stream: String) -> Self {
        Self { nats, stream, subject: None, hints: None, pauses: [].iter(), last: None, missing: 0 }
    }

    /// The messages from this sequence number on.
    fn get(&self, from: u64, count: usize) -> Result<Vec<Message>, SourceError> {
        let request = format!(r#"{{"seq":{from},"batch":{count},"max_bytes":{BATCH_BYTES}}}"#);
        let (client, subject) = (self.nats.client(), direct_get(&self.stream));
        self.nats.wait(async {
            let inbox = client.new_inbox();
            let lost = |error: &dyn std::fmt::Display| unreachable(format!("{subject}: {error}"));
            let mut answers = client.subscribe(inbox.clone()).await.map_err(|error| lost(&error))?;
            let sent = client.publish_with_reply(subject.clone(), inbox, request.into()).await;
            sent.map_err(|error| lost(&error))?;
            let mut messages = Vec::new();
            loop {
                let answer = timeout(ANSWER_TIMEOUT, answers.next()).await;
                let answer =
                    answer.map_err(|_| lost(&"no answer in time"))?.ok_or_else(|| lost(&"the connection ended"))?;
                match Direct::of(&answer)? {
                    Direct::Message(message) => messages.push(message),
                    Direct::NotFound | Direct::End => return Ok(messages),
                }
            }
        })
    }

    /// The messages after this one. If it is the last one that was returned, it must still be there.
    fn fetch(&mut self, after: u64, max: usize) -> Result<Vec<Message>, SourceError> {
        let Some(known) = self.last.filter(|mark| mark.seq == after) else {
            let messages = self.get(after.saturating_add(1), max.min(BATCH_MESSAGES))?;
            self.last = messages.last().map(Mark::of);
            return Ok(messages);
        };
        let mut messages = self.get(after, max.min(BATCH_MESSAGES).saturating_add(1))?;
        match messages.first().map(Mark::of) {
            Some(first) if first == known => drop(messages.remove(0)),
            // It was trimmed.
            Some(first) if first.seq > after => {}
            Some(_) => {
                self.last = None;
                return Err(unreachable(format!("message {after} of {} is another one than before", self.stream)));
            }
            None => {
                self.missing += 1;
                if self.missing >= MISSING {
                    (self.missing, self.last) = (0, None);
                    return Err(unreachable(format!("message {after} of {} is missing", self.stream)));
                }
                return Ok(messages);
            }
        }
        self.missing = 0;
        self.last = messages.last().map_or(self.last, |message| Some(Mark::of(message)));
        Ok(messages)
    }

    /// Waits until something may have been published.
    fn wait_for_hint(&mut self, longest: Duration) {
        let longest = longest.min(POLL_INTERVAL);
        let Self { nats, subject, hints, pauses, .. } = self;
        nats.wait(async {
            if let Some(pause) = pauses.next() {
                return sleep(longest.min(Duration::from_millis(*pause))).await;
            }
            if let Some(subscribed) = hints {
                match timeout(longest, subscribed.next()).await {
                    Ok(Some(_)) => *pauses = HINT_PAUSES_MS.iter(),
                    Ok(None) => *hints = None,
                    Err(_) => {}
                }
                return;
            }
            let Some(subject) = subject else { return sleep(longest).await };
            let client = nats.client();
            let subscribing = async {
                let subscribed = client.subscribe(subject.clone()).await.ok()?;
                // What is published before the server knows the subscription is found by the next request.
                client.flush().await.ok()?;
                Some(subscribed)
            };
            *hints = timeout(ANSWER_TIMEOUT, subscribing).await.ok().flatten();
            if hints.is_none() {
                sleep(longest).await;
            }
        });
    }
}

fn direct_get(stream: &str) -> String {
    format!("$JS.API.DIRECT.GET.{stream}")
}

impl Source for NatsSource {
    fn identity(&mut self) -> Result<LogIdentity, SourceError> {
        let answer = self.nats.request(format!("$JS.API.STREAM.INFO.{}", self.stream), Vec::new())?;
        let info = Info::of(&self.stream, &answer.payload)?;
        self.subject = info.subject;
        Ok(info.identity)
    }

    fn mark(&mut self, seq: u64) -> Result<Option<Mark>, SourceError> {
        let request = format!(r#"{{"seq":{seq}}}"#).into_bytes();
        // Not by direct get, which any replica answers, also one that is behind or has other messages than the leader.
        let answer = self.nats.request(format!("$JS.API.STREAM.MSG.GET.{}", self.stream), request)?;
        Ok(stored_message(&self.stream, &answer.payload)?.as_ref().map(Mark::of))
    }

    fn read(&mut self, after: u64, max: usize, wait: Duration) -> Result<Vec<Message>, SourceError> {
        let until = Instant::now() + wait;
        loop {
            let messages = self.fetch(after, max)?;
            let left = until.saturating_duration_since(Instant::now());
            if !messages.is_empty() {
                // While messages come, nobody needs hints, which are copies of them.
                (self.hints, self.pauses) = (None, [].iter());
                return Ok(messages);
            }
            if left.is_zero() {
                return Ok(messages);
            }
            self.wait_for_hint(left);
        }
    }
}
