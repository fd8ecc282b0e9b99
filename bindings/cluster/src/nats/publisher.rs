//! Publishes events into the partitions of a log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use convofold::ingest::{Limits, Parser, Rejection};
use convofold::replay::Target;
use convofold::{Batch, CommitError, EffectCounts, Event, Receipt, SubmitError, Ticket};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::connection::Nats;
use super::lane::{Lane, LaneCounts, Outgoing};
use super::registry::Registry;
use super::rejects::origin;
use crate::partition::Partitions;
use crate::split::{Split, Splitter};

/// How often somebody who waits looks whether to stop.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Options of a publisher. The defaults suit most logs.
#[derive(Clone, Debug)]
pub struct PublishOptions {
    window: usize,
    unacknowledged_bytes: u32,
    limits: Limits,
    parse_threads: usize,
    stop: Arc<AtomicBool>,
}

impl Default for PublishOptions {
    fn default() -> Self {
        Self {
            window: 128,
            unacknowledged_bytes: 64 << 20,
            limits: Limits::default(),
            parse_threads: 0,
            stop: Arc::default(),
        }
    }
}

impl PublishOptions {
    /// The default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the maximum number of messages of each partition that are sent and not acknowledged. Default: 128.
    #[must_use]
    pub fn window(mut self, messages: usize) -> Self {
        self.window = messages.max(1);
        self
    }

    /// Sets the size of all messages that are taken and not acknowledged, at which the publisher takes no more. Default: 64 MiB.
    /// While a partition has no leader, its messages collect here, and the others go on.
    #[must_use]
    pub fn unacknowledged_bytes(mut self, bytes: u32) -> Self {
        self.unacknowledged_bytes = bytes.max(1);
        self
    }

    /// Sets the limits on inputs of a replay into the publisher.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the number of threads that parse a replay into the publisher. Default: 0, one for each processor.
    #[must_use]
    pub fn parse_threads(mut self, threads: usize) -> Self {
        self.parse_threads = threads;
        self
    }

    /// Sets a flag that ends all waiting when it is true.
    #[must_use]
    pub fn stop(mut self, stop: Arc<AtomicBool>) -> Self {
        self.stop = stop;
        self
    }
}

/// Publishes events: each one into the partition of its conversation, and inputs that cannot be events into the stream of
/// rejects. A [`Replay`](convofold::replay::Replay) can have it as its target.
///
/// Each partition has a window of unacknowledged messages of its own. What is not acknowledged is sent again, so a message can
/// be in the log twice; its events are duplicates then. All methods block, and cannot be called by an asynchronous task.
///
/// Dropping it ends the publishing. [`Publisher::finish`] waits until everything is acknowledged.
pub struct Publisher {
    nats: Nats,
    partitions: Partitions,
    options: PublishOptions,
    /// One for each partition, and the last one for rejects.
    lanes: Vec<(UnboundedSender<Outgoing>, Arc<LaneCounts>)>,
    tasks: Vec<JoinHandle<()>>,
    room: Arc<Semaphore>,
}

/// What became of the messages so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// Number of messages that are in the log, with all its replicas.
    pub acknowledged: u64,
    /// Number of messages that may not be in the log yet.
    pub unacknowledged: u64,
    /// Number of inputs that cannot be events and are in the stream of rejects.
    pub rejected: u64,
    /// Number of attempts that were not acknowledged, and were repeated.
    pub repeated: u64,
    /// Number of messages that the log never takes, because they are too long.
    pub refused: u64,
    /// The partitions of which messages are not acknowledged, with the reason if an attempt has failed.
    pub waiting: Vec<(u32, Option<String>)>,
}

/// Why events are not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// It was stopped. What is not acknowledged may be in the log; publish it again.
    #[error("stopped while {unacknowledged} messages are not acknowledged")]
    Stopped {
        /// Number of messages that are not acknowledged.
        unacknowledged: u64,
    },
    /// The log does not take a message.
    #[error("the log refuses {count} messages: {why}")]
    Refused {
        /// Number of messages.
        count: u64,
        /// Why one of them is refused.
        why: String,
    },
}

impl Publisher {
    /// A publisher into a log.
    #[must_use]
    pub fn new(nats: &Nats, registry: &Registry, options: PublishOptions) -> Self {
        let (name, partitions) = (registry.name(), registry.partitions());
        let subjects = (0..partitions.count()).map(|partition| name.subject(partition));
        let (mut lanes, mut tasks) = (Vec::new(), Vec::new());
        for subject in subjects.chain([name.rejects_subject()]) {
            let (sender, queue) = unbounded_channel();
            let counts = Arc::new(LaneCounts::default());
            let lane = Lane::new(nats.client().clone(), subject, options.window, counts.clone());
            tasks.push(nats.handle().spawn(lane.run(queue)));
            lanes.push((sender, counts));
        }
        let room = Arc::new(Semaphore::new(options.unacknowledged_bytes as usize));
        Self { nats: nats.clone(), partitions, options, lanes, tasks, room }
    }

    /// Publishes all events of a body, and its rejections; `source` names it in their records. Returns what it consists of.
    ///
    /// # Errors
    /// [`PublishError::Stopped`]
    pub fn publish<'a>(&self, parser: &Parser, source: &str, body: &'a [u8]) -> Result<Split<'a>, PublishError> {
        let split = Splitter::new(parser.clone(), self.partitions).split(body);
        for payload in &split.payloads {
            self.send(payload.partition as usize, payload.bytes.to_vec(), HeaderMap::new())?;
        }
        split.rejections.iter().try_for_each(|rejection| self.reject(source, rejection))?;
        Ok(split)
    }

    /// Publishes an input that cannot be an event into the stream of rejects.
    ///
    /// # Errors
    /// [`PublishError::Stopped`]
    pub fn reject(&self, source: &str, rejection: &Rejection) -> Result<(), PublishError> {
        let record = serde_json::to_vec(&rejection.record(source)).unwrap_or_default();
        self.send(self.partitions.count() as usize, record, origin(source, None))
    }

    /// Publishes the events of one body and its inputs that cannot be events, and waits until the log has acknowledged all of
    /// them; `source` names the body in the records of its rejections.
    ///
    /// If it is dropped before, a part of them can be in the log, and what the log has not taken is given up. Does not block, and can be
    /// called on any runtime.
    ///
    /// # Errors
    /// [`PublishError::Refused`] if the log never takes one of them; the others can be in the log. [`PublishError::Stopped`] if
    /// the publishing has ended.
    pub async fn deliver(&self, source: &str, events: &[Event], rejections: &[Rejection]) -> Result<(), PublishError> {
        let mut sent = Vec::with_capacity(events.len() + rejections.len());
        for event in events {
            let partition = self.partitions.of(event.conversation()) as usize;
            sent.push(self.send_awaited(partition, event.export_line().into_bytes(), HeaderMap::new()).await?);
        }
        for rejection in rejections {
            let record = serde_json::to_vec(&rejection.record(source)).unwrap_or_default();
            sent.push(self.send_awaited(self.partitions.count() as usize, record, origin(source, None)).await?);
        }
        let mut refused = Vec::new();
        for outcome in sent {
            refused.extend(outcome.await.map_err(|_| self.stopped())?.err());
        }
        let count = refused.len() as u64;
        refused.pop().map_or(Ok(()), |why| Err(PublishError::Refused { count, why }))
    }

    /// Waits while too much is unacknowledged. Returns what gets the outcome.
    async fn send_awaited(
        &self,
        lane: usize,
        payload: Vec<u8>,
        headers: HeaderMap,
    ) -> Result<oneshot::Receiver<Result<(), String>>, PublishError> {
        let room = self.room.clone().acquire_many_owned(self.room_of(&payload)).await;
        let (waiter, outcome) = oneshot::channel();
        self.put(
            lane,
            Outgoing {
                payload: Bytes::from(payload),
                headers,
                _room: room.map_err(|_| self.stopped())?,
                waiter: Some(waiter),
            },
        );
        Ok(outcome)
    }

    /// The part of the memory for unacknowledged messages that a message takes. One that is larger than all of it takes all.
    fn room_of(&self, payload: &[u8]) -> u32 {
        u32::try_from(payload.len()).unwrap_or(u32::MAX).clamp(1, self.options.unacknowledged_bytes)
    }

    fn put(&self, lane: usize, outgoing: Outgoing) {
        let Some((sender, counts)) = self.lanes.get(lane) else { return };
        counts.taken.fetch_add(1, Ordering::AcqRel);
        // The task of the lane ends only with this publisher.
        let _ = sender.send(outgoing);
    }

    fn stopped(&self) -> PublishError {
        PublishError::Stopped { unacknowledged: self.published().unacknowledged }
    }

    /// Waits while too much is unacknowledged.
    fn send(&self, lane: usize, payload: Vec<u8>, headers: HeaderMap) -> Result<(), PublishError> {
        let bytes = self.room_of(&payload);
        let mut room: Option<OwnedSemaphorePermit> = self.room.clone().try_acquire_many_owned(bytes).ok();
        while room.is_none() {
            self.expect_running()?;
            let waiting = async { timeout(LOOK_INTERVAL, self.room.clone().acquire_many_owned(bytes)).await };
            room = self.nats.wait(waiting).ok().and_then(Result::ok);
        }
        let Some(room) = room else { return Ok(()) };
        self.put(lane, Outgoing { payload: Bytes::from(payload), headers, _room: room, waiter: None });
        Ok(())
    }

    fn expect_running(&self) -> Result<(), PublishError> {
        if self.options.stop.load(Ordering::Relaxed) {
            return Err(self.stopped());
        }
        Ok(())
    }

    /// What became of the messages so far.
    #[must_use]
    pub fn published(&self) -> Published {
        let mut published = Published::default();
        let rejects = self.partitions.count();
        for (partition, (_, counts)) in (0..).zip(&self.lanes) {
            let [unacknowledged, acknowledged, refused] = settled(counts);
            *(if partition == rejects { &mut published.rejected } else { &mut published.acknowledged }) += acknowledged;
            published.repeated += counts.repeated.load(Ordering::Acquire);
            published.refused += refused;
            published.unacknowledged += unacknowledged;
            if unacknowledged > 0 {
                published.waiting.push((partition, counts.why.lock().clone()));
            }
        }
        published
    }

    /// Waits until everything that was taken is acknowledged. `tell` gets the figures several times a second.
    ///
    /// # Errors
    /// [`PublishError::Stopped`], [`PublishError::Refused`]
    pub fn finish(&self, mut tell: impl FnMut(&Published)) -> Result<Published, PublishError> {
        loop {
            let published = self.published();
            tell(&published);
            if published.unacknowledged == 0 {
                let whys = self.lanes.iter().filter(|(_, counts)| counts.refused.load(Ordering::Acquire) > 0);
                let why = whys.filter_map(|(_, counts)| counts.why.lock().clone()).next();
                return match published.refused {
                    0 => Ok(published),
                    count => Err(PublishError::Refused { count, why: why.unwrap_or_default() }),
                };
            }
            self.expect_running()?;
            std::thread::sleep(LOOK_INTERVAL);
        }
    }
}

/// The numbers of messages that are not acknowledged, acknowledged, and refused. Read in this order: a message that is settled
/// meanwhile counts twice, and is never left out.
fn settled(counts: &LaneCounts) -> [u64; 3] {
    let unacknowledged = counts.unacknowledged();
    [unacknowledged, counts.acknowledged.load(Ordering::Acquire), counts.refused.load(Ordering::Acquire)]
}

/// A batch is accepted when its events are on their way; its ticket does not wait for the log. Bookmarks are ignored: a
/// repeated replay publishes everything again.
impl Target for Publisher {
    fn limits(&self) -> Limits {
        self.options.limits
    }

    fn parse_threads(&self) -> usize {
        self.options.parse_threads
    }

    fn bookmark(&self, _name: &str) -> Result<Option<Vec<u8>>, CommitError> {
        Ok(None)
    }

    fn submit(&self, batch: Batch) -> Result<Ticket, SubmitError> {
        for event in batch.into_parts().events {
            let partition = self.partitions.of(event.conversation()) as usize;
            let payload = event.export_line().into_bytes();
            self.send(partition, payload, HeaderMap::new()).map_err(|_| SubmitError::Closed)?;
        }
        let (ticket, completer) = Ticket::pending();
        completer.complete(Ok(Receipt::of_counts(EffectCounts::default(), None, None, false)));
        Ok(ticket)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").field("partitions", &self.partitions).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_refused_while_the_figures_are_read_is_in_one_of_them() {
        let counts = LaneCounts::default();
        let taken = 2_000_000;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..taken {
                    counts.taken.fetch_add(1, Ordering::AcqRel);
                    counts.refused.fetch_add(1, Ordering::AcqRel);
                }
            });
            while counts.refused.load(Ordering::Acquire) < taken {
                let before = counts.taken.load(Ordering::Acquire);
                let found = settled(&counts);
                assert!(found.iter().sum::<u64>() >= before, "{found:?} of {before}");
            }
        });
        assert_eq!(settled(&counts), [0, 0, taken]);
    }
}
