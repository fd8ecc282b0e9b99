//! What the store reports.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use convofold::ingest::Reason;
use convofold::{Doubt, Effect, SkipReason};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::{Failure, message};
use crate::result::{Show, result};

result! {
    /// What a committed batch did.
    Receipt {
        /// What each event did, in the order of the batch: `applied`, `late`, `duplicate` or `conflict`.
        effects: Vec<&'static str>,
        /// How many events did what.
        counts: EffectCounts,
        /// The place in the log of its first event that was logged; None where none was.
        first_seq: Option<u64>,
        /// The place in the log of its last event that was logged.
        last_seq: Option<u64>,
        /// Whether it survives a power cut already. Always true for `synced`.
        durable: bool,
    }
}

impl Show<Receipt> for convofold::Receipt {
    fn show(self) -> Receipt {
        Receipt {
            effects: self.effects.iter().map(|effect| (*effect).show()).collect(),
            counts: self.counts.show(),
            first_seq: self.first_seq,
            last_seq: self.last_seq,
            durable: self.durable,
        }
    }
}

impl Show<&'static str> for Effect {
    fn show(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Late => "late",
            Self::Duplicate => "duplicate",
            Self::Conflict { .. } => "conflict",
        }
    }
}

result! {
    /// How many events did what.
    EffectCounts from convofold::EffectCounts {
        /// The latest of their conversations.
        applied: u64,
        /// Placed before events known already.
        late: u64,
        /// Known already.
        duplicates: u64,
        /// At odds with another event of the same identity.
        conflicts: u64,
    }
}

result! {
    /// What became of the input.
    IngestReport from convofold::IngestReport {
        /// Events found in it.
        events: u64,
        /// What they did.
        counts: EffectCounts,
        /// The number of things that were ignored, by source and reason.
        ignored: Ignored,
        /// What cannot be an event, in the order of the input.
        rejections: Vec<Rejection>,
    }
}

/// The number of things that were ignored, by source and reason.
pub(crate) type Ignored = BTreeMap<String, BTreeMap<String, u64>>;

impl Show<Ignored> for convofold::IgnoredCounts {
    fn show(self) -> Ignored {
        let mut shown = Ignored::new();
        for (source, reason, number) in self.iter() {
            shown.entry(source.to_owned()).or_default().insert(reason.to_owned(), number);
        }
        shown
    }
}

/// Bytes, as Python shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(Vec<u8>);

impl<'py> IntoPyObject<'py> for Bytes {
    type Target = PyBytes;
    type Output = Bound<'py, PyBytes>;
    type Error = std::convert::Infallible;

    fn into_pyobject(self, py: Python<'py>) -> Result<Self::Output, Self::Error> {
        Ok(PyBytes::new(py, &self.0))
    }
}

result! {
    /// Something that cannot be an event: where it is, what was expected there and what was found.
    Rejection {
        /// The input it is in: the name of a file; empty where there is only one input.
        input: String,
        /// The line in the input, from 1.
        line: u64,
        /// The offset of the offending byte or value in the whole input, from 0.
        byte_offset: u64,
        /// The JSON path of the offending value.
        path: String,
        /// What kind of fault it is.
        reason: String,
        /// What should have been there.
        expected: String,
        /// The beginning of what is there, with control characters escaped.
        found: String,
        /// The whole line, document or element of an array, or its first 64 KiB.
        raw: Bytes,
        /// Whether `raw` is only the beginning.
        raw_cut: bool,
    }
    methods {
        fn __str__(&self) -> String {
            let Self { line, byte_offset, path, expected, found, .. } = self;
            format!("line {line}, byte {byte_offset}, {path}: expected {expected}, found {found}")
        }
    }
}

impl Rejection {
    pub(crate) fn of(rejection: convofold::ingest::Rejection, input: &str) -> Self {
        Self {
            input: input.to_owned(),
            line: rejection.line,
            byte_offset: rejection.byte_offset,
            path: rejection.path,
            reason: rejection.reason.show(),
            expected: rejection.expected.into_owned(),
            found: rejection.found,
            raw: Bytes(rejection.raw),
            raw_cut: rejection.raw_cut,
        }
    }
}

impl Show<Rejection> for convofold::ingest::Rejection {
    fn show(self) -> Rejection {
        Rejection::of(self, "")
    }
}

impl Show<String> for Reason {
    fn show(self) -> String {
        self.to_string()
    }
}

result! {
    /// A checkpoint that was written.
    Checkpoint from convofold::Checkpoint {
        /// The last event in it.
        seq: u64,
        /// The number of the checkpoint.
        generation: u64,
        /// How many pages of conversations had to be written.
        pages_written: u64,
        /// How many bytes they have.
        bytes_written: u64,
        /// How long it took.
        took_ms: u64 = took,
    }
}

result! {
    /// Figures about a store.
    Stats from convofold::Stats {
        /// All conversations.
        conversations: u64,
        /// The open ones.
        open: u64,
        /// Those that are in memory, open or closed.
        resident: u64,
        /// About how many bytes these take.
        resident_bytes: u64,
        /// The first event that the log has, or will have: 1, unless its beginning was dropped.
        first_seq: u64,
        /// The last event in the log; 0 where there is none.
        last_seq: u64,
        /// The last event that survives a power cut.
        durable_seq: u64,
        /// Blocks in the log.
        blocks: u64,
        /// What the log takes, compressed.
        log_bytes: u64,
        /// The last event in the last checkpoint; 0 where there is none.
        checkpoint_seq: u64,
        /// What the store takes on the disk.
        disk_bytes: u64,
    }
}

result! {
    /// What an open store has done since it was opened, and how it stands now. What is counted only ever grows.
    Counters from convofold::Counters {
        /// Committed events, by what they did.
        events: EffectCounts,
        /// What could not be an event.
        rejected: u64,
        /// Committed batches.
        batches: u64,
        /// Groups of batches that went to the log together.
        groups: u64,
        /// Batches that were given back because the queue was full.
        queue_full: u64,
        /// How long batches took from being submitted to being acknowledged.
        commit_latency: Latency,
        /// How long the disk took to make durable what was written before.
        barrier_latency: Latency,
        /// Checkpoints that were written.
        checkpoints: u64,
        /// How long ago the last of them was complete; None before the first.
        checkpoint_age_ms: Option<u64> = checkpoint_age,
        /// Conversations that came back into memory because of an event of theirs.
        brought_back: u64,
        /// Pages of conversations that were read from the disk.
        pages_read: u64,
        /// Submissions that wait for the writer now.
        queue_depth: u64,
        /// How many may.
        queue_capacity: u64,
        /// All conversations.
        conversations: u64,
        /// The open ones.
        open: u64,
        /// Those that are in memory, open or closed.
        resident: u64,
        /// About how many bytes these take.
        resident_bytes: u64,
        /// The last event in the log; 0 where there is none.
        last_seq: u64,
        /// The last event that survives a power cut.
        durable_seq: u64,
        /// The last event in the last checkpoint; 0 where there is none.
        checkpoint_seq: u64,
        /// What the log takes, compressed.
        log_bytes: u64,
        /// What the pages of the last checkpoint take.
        checkpoint_bytes: u64,
        /// Whether a write failed, so that no more are taken until the store is opened again.
        poisoned: bool,
    }
}

result! {
    /// How often something took how long, in microseconds. The parts are rounded up to a power of two.
    Latency {
        /// How often it happened.
        count: u64,
        /// How long it took, all times together.
        sum_us: u64,
        /// Within this time half of all were done; None where it never happened.
        p50_us: Option<u64>,
        /// Within this time 99 in 100 were done.
        p99_us: Option<u64>,
        /// Within this time 999 in 1,000 were done.
        p999_us: Option<u64>,
    }
}

impl Show<Latency> for convofold::LatencyHistogram {
    fn show(self) -> Latency {
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let within = |part| self.quantile(part).map(us);
        let (p50_us, p99_us, p999_us) = (within(0.5), within(0.99), within(0.999));
        Latency { count: self.count(), sum_us: us(self.sum()), p50_us, p99_us, p999_us }
    }
}

result! {
    /// What opening the store found and did.
    Recovery from convofold::Recovery {
        /// Whether the store was made just now.
        is_new: bool,
        /// The last event in the checkpoint that was used; None where the whole log was folded.
        checkpoint_seq: Option<u64>,
        /// How many events of the log were folded after it.
        events_replayed: u64,
        /// How many log blocks they lay in.
        blocks_replayed: u64,
        /// The last event in the log; 0 where there is none.
        last_seq: u64,
        /// Checkpoints that could not be used, newest first. Nothing is lost by that but time.
        skipped: Vec<SkippedCheckpoint>,
        /// Files that a killed process left half-written and that were removed.
        removed_files: Vec<String>,
        /// What in sled's file did not look like its end, as a process that was killed leaves it.
        doubt: Option<String>,
        /// Whether the file that says how far the log reaches was damaged or gone.
        unreadable_head: bool,
        /// Values that lie where no barrier reaches them. Always 0.
        stray_values: u64,
        /// How long it took.
        took_ms: u64 = took,
    }
}

result! {
    /// A checkpoint that could not be used.
    SkippedCheckpoint from convofold::SkippedCheckpoint {
        /// Its number.
        generation: u64,
        /// Why.
        why: String,
    }
}

impl Show<String> for SkipReason {
    fn show(self) -> String {
        message(&self)
    }
}

impl Show<String> for Doubt {
    fn show(self) -> String {
        self.to_string()
    }
}

impl Show<String> for PathBuf {
    fn show(self) -> String {
        self.display().to_string()
    }
}

result! {
    /// How much was exported.
    ExportReport from convofold::ExportReport {
        /// Conversations, one a line.
        conversations: u64,
        /// Bytes, line feeds included.
        bytes: u64,
    }
}

result! {
    /// How much was exported.
    EventExportReport from convofold::EventExportReport {
        /// Events, one a line.
        events: u64,
        /// The place in the log of the last of them; 0 where there is none.
        last_seq: u64,
        /// Bytes, line feeds included.
        bytes: u64,
        /// The longest line without its line feed.
        longest_line_bytes: u64,
    }
}

/// A batch on its way. It is committed whether or not anybody waits for it.
#[pyclass(frozen, module = "convofold")]
pub(crate) struct Ticket(pub(crate) convofold::Ticket);

#[pymethods]
impl Ticket {
    /// Waits until the batch is committed, or `timeout` seconds; TimeoutError where it is still on its way then.
    #[pyo3(signature = (timeout=None))]
    pub(crate) fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> Result<Receipt, Failure> {
        let outcome = crate::database::in_slices(py, timeout, |slice| self.0.wait_timeout(slice))?;
        let late = || pyo3::exceptions::PyTimeoutError::new_err("the batch is still on its way");
        Ok(outcome.ok_or_else(late)??.show())
    }

    /// Whether the outcome is there already.
    fn done(&self) -> bool {
        self.0.try_get().is_some()
    }
}

/// A duration given in seconds.
pub(crate) fn seconds(given: f64) -> Result<Duration, Failure> {
    Duration::try_from_secs_f64(given).map_err(|error| crate::error::value_error(format!("{given} seconds: {error}")))
}
