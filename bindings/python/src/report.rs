//! Reports and figures.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use convofold::ingest::Reason;
use convofold::{Effect, ScanFinding, SkipReason};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::{Failure, message};
use crate::names::Name;
use crate::result::{Show, result, to_dict};
use crate::wait::in_slices;

result! {
    /// The outcome of a committed batch.
    Receipt from convofold::Receipt {
        /// The effect of each event, in the order of the batch.
        effects: Vec<Name<Effect>>,
        /// Number of events by effect.
        counts: EffectCounts,
        /// Sequence number of the first event that was written to the log; None if none was.
        first_seq: Option<u64>,
        /// Sequence number of the last event that was written to the log; None if none was.
        last_seq: Option<u64>,
        /// Whether the batch already survives a power cut. Always true with `durability="synced"`.
        durable: bool,
    }
}

result! {
    /// Number of events by effect.
    EffectCounts from convofold::EffectCounts {
        /// New events, each later than all known events of its conversation.
        applied: u64,
        /// New events that were inserted before known events of their conversation.
        late: u64,
        /// Events that were already known.
        duplicates: u64,
        /// Events that contradict a known event with the same identity.
        conflicts: u64,
        /// Events that were erased before, and do not come back.
        erased: u64,
    }
}

result! {
    /// The outcome of an ingest.
    IngestReport from convofold::IngestReport {
        /// Number of events found in the input.
        events: u64,
        /// Number of events by effect.
        counts: EffectCounts,
        /// Number of ignored lines and elements by source and reason.
        ignored: Ignored,
        /// Number of rejections by reason.
        rejected: BTreeMap<String, u64>,
        /// The first inputs that are not valid events, in the order of the input.
        rejections: Vec<Rejection>,
    }
}

/// Number of ignored lines and elements by source and reason.
pub(crate) type Ignored = BTreeMap<String, BTreeMap<String, u64>>;

impl Show<Ignored> for convofold::IgnoredCounts {
    fn show(self) -> Ignored {
        let mut ignored = Ignored::new();
        for (source, reason, count) in self.iter() {
            ignored.entry(source.to_owned()).or_default().insert(reason.to_owned(), count);
        }
        ignored
    }
}

result! {
    /// Input that is not a valid event: its position, what was expected there and what was found.
    Rejection from rejection: convofold::ingest::Rejection {
        /// Name of the input file; empty if there is only one input.
        input: String = "",
        /// Line in the input, from 1.
        line: u64,
        /// Byte offset of the invalid value in the input, from 0.
        byte_offset: u64,
        /// JSON path of the invalid value.
        path: String,
        /// The kind of error.
        reason: String,
        /// What was expected.
        expected: String,
        /// The beginning of what was found, with control characters escaped.
        found: String,
        /// The whole line, document or array element, or its first 64 KiB.
        raw: Cow<'static, [u8]>,
        /// Whether `raw` is cut.
        raw_cut: bool,
    }
    methods {
        fn __str__(&self) -> String {
            let Self { line, byte_offset, path, expected, found, .. } = self;
            format!("line {line}, byte {byte_offset}, {path}: expected {expected}, found {found}")
        }

        /// Returns the rejection as a reject record: a line of JSON that `ingest` and `replay` read again after its `raw` was
        /// repaired.
        fn to_json(slf: &Bound<'_, Self>) -> PyResult<String> {
            let record = PyDict::new(slf.py());
            record.set_item("convofold_reject", 1)?;
            let fields = to_dict(slf.as_any(), Self::FIELDS)?;
            record.set_item("source", fields.get_item("input")?)?;
            fields.del_item("input")?;
            record.update(fields.as_mapping())?;
            slf.py().import("json")?.call_method1("dumps", (record,))?.extract()
        }
    }
}

impl Show<String> for Reason {
    fn show(self) -> String {
        self.to_string()
    }
}

result! {
    /// A written checkpoint.
    Checkpoint from checkpoint: convofold::Checkpoint {
        /// Sequence number of the last event in the checkpoint.
        seq: u64,
        /// Generation of the checkpoint.
        generation: u64,
        /// Number of pages written.
        pages_written: u64,
        /// Size of these pages, in bytes.
        bytes_written: u64,
        /// Duration in milliseconds.
        took_ms: u64 = checkpoint.took,
    }
}

result! {
    /// Figures about a database.
    Stats from convofold::Stats {
        /// Number of conversations.
        conversations: u64,
        /// Number of open conversations.
        open: u64,
        /// Number of conversations in memory, open or closed.
        resident: u64,
        /// Approximate size of the conversations in memory, in bytes.
        resident_bytes: u64,
        /// Sequence number of the first event in the log: 1, unless the log was trimmed.
        first_seq: u64,
        /// Sequence number of the last event in the log; 0 if the log is empty.
        last_seq: u64,
        /// Sequence number of the last event that survives a power cut.
        durable_seq: u64,
        /// Number of blocks in the log.
        blocks: u64,
        /// Compressed size of the log, in bytes.
        log_bytes: u64,
        /// Sequence number of the last event in the newest checkpoint; 0 if there is no checkpoint.
        checkpoint_seq: u64,
        /// Size of the database on disk, in bytes.
        disk_bytes: u64,
        /// About how many of these bytes are neither the log nor the newest checkpoint; `compact` gives most of them back.
        unused_bytes: u64,
        /// The time before which texts were removed, of one tenant or of all, in milliseconds since the epoch; None if none were.
        texts_before: Option<i64>,
        /// The same for closed conversations.
        closed_before: Option<i64>,
        /// When the last run of retention was, in milliseconds since the epoch; None if there was none.
        last_retention_at: Option<i64>,
    }
}

result! {
    /// Counters and gauges of an open database, for monitoring. Counters start at 0 when the database is opened and never
    /// decrease.
    Counters from counters: convofold::Counters {
        /// Committed events by effect.
        events: EffectCounts,
        /// Rejected input.
        rejected: u64,
        /// Committed batches.
        batches: u64,
        /// Groups of batches that were written to the log together.
        groups: u64,
        /// Batches that were refused because the queue was full.
        queue_full: u64,
        /// Latency of batches, from submission to acknowledgement.
        commit_latency: Latency,
        /// Latency of making written data durable.
        barrier_latency: Latency,
        /// Checkpoints written.
        checkpoints: u64,
        /// Age of the newest checkpoint, in milliseconds; None before the first.
        checkpoint_age_ms: Option<u64> = counters.checkpoint_age,
        /// Conversations that were reloaded into memory because of a new event.
        reloaded: u64,
        /// Pages of conversations that were read from disk.
        pages_read: u64,
        /// Gauge: submissions in the queue of the writer.
        queue_depth: u64,
        /// Maximum number of submissions in the queue.
        queue_capacity: u64,
        /// Gauge: number of conversations.
        conversations: u64,
        /// Gauge: number of open conversations.
        open: u64,
        /// Gauge: number of conversations in memory, open or closed.
        resident: u64,
        /// Gauge: approximate size of the conversations in memory, in bytes.
        resident_bytes: u64,
        /// Sequence number of the last event in the log; 0 if the log is empty.
        last_seq: u64,
        /// Sequence number of the last event that survives a power cut.
        durable_seq: u64,
        /// Sequence number of the last event in the newest checkpoint; 0 if there is no checkpoint.
        checkpoint_seq: u64,
        /// Gauge: compressed size of the log, in bytes.
        log_bytes: u64,
        /// Gauge: size of the pages of the newest checkpoint, in bytes.
        checkpoint_bytes: u64,
        /// Whether a write failed. Further writes are refused until the database is opened again.
        poisoned: bool,
    }
}

result! {
    /// A latency distribution, in microseconds. Quantiles are rounded up to a power of two.
    Latency from latency: convofold::LatencyHistogram {
        /// Number of measurements.
        count: u64 = latency.count(),
        /// Sum of all measurements.
        sum_us: u64 = us(latency.sum()),
        /// Median; None without measurements.
        p50_us: Option<u64> = latency.quantile(0.5).map(us),
        /// 99th percentile; None without measurements.
        p99_us: Option<u64> = latency.quantile(0.99).map(us),
        /// 99.9th percentile; None without measurements.
        p999_us: Option<u64> = latency.quantile(0.999).map(us),
    }
}

fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

result! {
    /// What opening the database found and did.
    Recovery from recovery: convofold::Recovery {
        /// Whether the database was created.
        is_new: bool,
        /// Sequence number of the last event in the checkpoint that was loaded; None if the whole log was folded.
        checkpoint_seq: Option<u64>,
        /// Number of events folded after the checkpoint.
        events_replayed: u64,
        /// Number of log blocks with these events.
        blocks_replayed: u64,
        /// Sequence number of the last event in the log; 0 if the log is empty.
        last_seq: u64,
        /// Checkpoints that could not be loaded, newest first. No data is lost: opening only takes longer.
        skipped: Vec<SkippedCheckpoint>,
        /// Incomplete files of a killed process, which were removed.
        removed_files: Vec<String>,
        /// Unexpected data after the end of sled's log, as a killed process can leave it; None if there was none.
        scan_finding: Option<String>,
        /// Whether the file that records the end of the log was damaged or missing.
        unreadable_end_mark: bool,
        /// Numbers of erasures whose records are damaged. Only a database that is opened for reading has any; otherwise opening
        /// fails.
        damaged_erasures: Vec<u64>,
        /// The same for legal holds.
        damaged_holds: Vec<u64>,
        /// Number of values outside the part of the file that is made durable. Always 0.
        stray_values: u64,
        /// Duration in milliseconds.
        took_ms: u64 = recovery.took,
    }
}

result! {
    /// A checkpoint that could not be loaded.
    SkippedCheckpoint from convofold::SkippedCheckpoint {
        /// Generation of the checkpoint.
        generation: u64,
        /// The reason.
        why: String,
    }
}

impl Show<String> for SkipReason {
    fn show(self) -> String {
        message(&self)
    }
}

impl Show<String> for ScanFinding {
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
    /// The size of an export of conversations.
    ExportReport from convofold::ExportReport {
        /// Number of conversations, one per line.
        conversations: u64,
        /// Size in bytes, line feeds included.
        bytes: u64,
    }
}

result! {
    /// The size of an export of events.
    EventExportReport from convofold::EventExportReport {
        /// Number of events, one per line.
        events: u64,
        /// Sequence number of the last exported event; 0 if there is none.
        last_seq: u64,
        /// Size in bytes, line feeds included.
        bytes: u64,
        /// Size of the longest line in bytes, without its line feed.
        longest_line_bytes: u64,
    }
}

/// A submitted batch. It is committed whether or not anybody waits for it.
#[pyclass(frozen, module = "convofold")]
pub(crate) struct Ticket(pub(crate) convofold::Ticket);

#[pymethods]
impl Ticket {
    /// Waits until the batch is committed, for at most `timeout` seconds (None: without limit). Raises TimeoutError after
    /// the timeout; the batch can still be committed then.
    #[pyo3(signature = (timeout=None))]
    pub(crate) fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> Result<Receipt, Failure> {
        let outcome = in_slices(py, timeout, |slice| self.0.wait_timeout(slice))?;
        let late = || pyo3::exceptions::PyTimeoutError::new_err("timeout: the batch is not committed yet");
        Ok(outcome.ok_or_else(late)??.show())
    }

    /// Returns whether the outcome is known.
    fn done(&self) -> bool {
        self.0.try_get().is_some()
    }
}
