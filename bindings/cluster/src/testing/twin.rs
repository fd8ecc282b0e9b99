//! A log in memory that does on request what distributed logs do when something goes wrong.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::rules::Subject;
use crate::log::{LogIdentity, Mark, Message, Source, SourceError};

/// A log in memory. Clones are the same log. It is deterministic: it never waits, and each fault happens on request.
#[derive(Clone, Debug)]
pub struct Twin {
    log: Arc<Mutex<Log>>,
}

#[derive(Debug)]
struct Log {
    name: String,
    created: u64,
    first_seq: u64,
    last_seq: u64,
    messages: BTreeMap<u64, Message>,
    /// The time of the next message.
    now_ms: i64,
    /// Changes when all sessions end.
    session: u64,
    faults: Faults,
}

/// How many of the next calls do what.
#[derive(Debug, Default)]
struct Faults {
    failing: u32,
    refusing: u32,
    stalled: u32,
    lagging: u32,
    /// Number of messages that the next read delivers again.
    repeated: u64,
}

impl Twin {
    /// An empty log of this name. Its messages are 400 ms apart.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        let log = Log {
            name: name.into(),
            created: 1,
            first_seq: 1,
            last_seq: 0,
            messages: BTreeMap::new(),
            now_ms: 1_800_000_000_000,
            session: 0,
            faults: Faults::default(),
        };
        Self { log: Arc::new(Mutex::new(log)) }
    }

    /// A consumer of this log.
    #[must_use]
    pub fn source(&self) -> TwinSource {
        TwinSource { log: self.log.clone(), session: self.log.lock().session }
    }

    /// Appends a message. Returns its sequence number.
    pub fn publish(&self, payload: &[u8]) -> u64 {
        let mut log = self.log.lock();
        log.last_seq += 1;
        log.now_ms += 400;
        let (seq, time_ms) = (log.last_seq, log.now_ms);
        log.messages.insert(seq, Message { seq, time_ms, payload: payload.to_vec() });
        seq
    }

    /// Time passes, or with a negative number another broker's clock is behind.
    pub fn pass_ms(&self, ms: i64) {
        self.log.lock().now_ms += ms;
    }

    /// Removes the messages before this one, as retention does.
    pub fn trim(&self, first: u64) {
        let mut log = self.log.lock();
        log.first_seq = first.clamp(log.first_seq, log.last_seq + 1);
        log.messages = log.messages.split_off(&first);
    }

    /// Removes the messages after this one, as brokers that restart with older files. The next messages get the same
    /// sequence numbers. Sessions end.
    pub fn roll_back(&self, last: u64) {
        let mut log = self.log.lock();
        log.last_seq = last.min(log.last_seq);
        log.first_seq = log.first_seq.min(log.last_seq + 1);
        log.messages.split_off(&(last + 1));
        log.session += 1;
    }

    /// Deletes the log and makes it again with the same name. Sessions end.
    pub fn recreate(&self) {
        let mut log = self.log.lock();
        log.created += 1;
        log.messages.clear();
        (log.first_seq, log.last_seq) = (1, 0);
        log.session += 1;
    }

    /// Removes one message from the middle, which a correct configuration forbids.
    pub fn delete(&self, seq: u64) {
        self.log.lock().messages.remove(&seq);
    }

    /// The next read delivers this number of messages again.
    pub fn repeat(&self, messages: u64) {
        self.log.lock().faults.repeated = messages;
    }

    /// The next reads return nothing.
    pub fn stall(&self, reads: u32) {
        self.log.lock().faults.stalled = reads;
    }

    /// The next calls fail, and sessions end.
    pub fn fail(&self, calls: u32) {
        let mut log = self.log.lock();
        log.faults.failing = calls;
        log.session += 1;
    }

    /// The next calls are refused.
    pub fn refuse(&self, calls: u32) {
        self.log.lock().faults.refusing = calls;
    }

    /// The next calls of [`Source::mark`] are answered by a replica that does not have the message yet.
    pub fn lag(&self, calls: u32) {
        self.log.lock().faults.lagging = calls;
    }

    /// The first message, and the last one that the log ever had ([`LogIdentity`]).
    #[must_use]
    pub fn bounds(&self) -> (u64, u64) {
        let log = self.log.lock();
        (log.first_seq, log.last_seq)
    }

    /// The messages that are in the log.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.log.lock().messages.values().cloned().collect()
    }
}

/// A consumer of a [`Twin`].
#[derive(Debug)]
pub struct TwinSource {
    log: Arc<Mutex<Log>>,
    session: u64,
}

/// Takes one of a number of faults.
fn take(count: &mut u32) -> bool {
    let is_left = *count > 0;
    *count = count.saturating_sub(1);
    is_left
}

impl Log {
    fn answer(&mut self) -> Result<(), SourceError> {
        if take(&mut self.faults.failing) {
            return Err(SourceError::Unreachable { why: "the twin fails on request".to_owned() });
        }
        if take(&mut self.faults.refusing) {
            return Err(SourceError::Refused { why: "the twin refuses on request".to_owned() });
        }
        Ok(())
    }
}

impl Source for TwinSource {
    fn identity(&mut self) -> Result<LogIdentity, SourceError> {
        let mut log = self.log.lock();
        log.answer()?;
        let Log { name, created, first_seq, last_seq, .. } = &*log;
        let (name, incarnation) = (name.clone(), created.to_string());
        Ok(LogIdentity { name, incarnation, first_seq: *first_seq, last_seq: *last_seq })
    }

    fn mark(&mut self, seq: u64) -> Result<Option<Mark>, SourceError> {
        let mut log = self.log.lock();
        log.answer()?;
        let is_behind = take(&mut log.faults.lagging);
        Ok(log.messages.get(&seq).filter(|_| !is_behind).map(Mark::of))
    }

    fn read(&mut self, after: u64, max: usize, _wait: Duration) -> Result<Vec<Message>, SourceError> {
        let mut log = self.log.lock();
        log.answer()?;
        if self.session != log.session {
            self.session = log.session;
            return Err(SourceError::Unreachable { why: "the session has ended".to_owned() });
        }
        if take(&mut log.faults.stalled) {
            return Ok(Vec::new());
        }
        let from = after.saturating_sub(std::mem::take(&mut log.faults.repeated)).saturating_add(1);
        Ok(log.messages.range(from..).take(max).map(|(_, message)| message.clone()).collect())
    }
}

/// The twin as the subject of [`RULES`](super::RULES).
#[derive(Debug)]
pub struct TwinSubject(pub Twin);

impl Subject for TwinSubject {
    fn source(&mut self) -> Box<dyn Source> {
        Box::new(self.0.source())
    }

    fn publish(&mut self, payload: &[u8]) -> u64 {
        self.0.publish(payload)
    }

    fn trim(&mut self, first: u64) {
        self.0.trim(first);
    }

    fn recreate(&mut self) {
        self.0.recreate();
    }

    fn roll_back(&mut self, last: u64) -> bool {
        self.0.roll_back(last);
        true
    }
}
