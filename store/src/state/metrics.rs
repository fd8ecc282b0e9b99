//! Publishes [`Counters`] through the facade of the crate `metrics`, to the recorder that the host has installed.
//!
//! ```
//! use convofold_store::{Convofold, metrics};
//!
//! # let dir = tempfile::tempdir()?;
//! # let db = Convofold::open(dir.path().join("conversations"))?;
//! metrics::describe();
//! // At intervals, for example at every scrape:
//! metrics::publish(&db.counters(), &[("store", "chats")]);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! | name | kind | meaning |
//! |---|---|---|
//! | `convofold_events_total` | counter, by `effect` | committed events |
//! | `convofold_rejected_total` | counter | rejections |
//! | `convofold_batches_total`, `convofold_groups_total` | counter | committed batches; groups of them |
//! | `convofold_queue_full_total` | counter | batches refused because the queue was full |
//! | `convofold_clock_jumps_total` | counter | jumps of the wall clock by more than an hour |
//! | `convofold_checkpoints_total` | counter | checkpoints written |
//! | `convofold_reloaded_total`, `convofold_pages_read_total` | counter | conversations reloaded into memory; pages read |
//! | `convofold_commit_latency_seconds_*`, `convofold_barrier_latency_seconds_*` | counters | see below |
//! | `convofold_queue_depth`, `convofold_queue_capacity` | gauge | submissions in the queue; maximum |
//! | `convofold_conversations`, `convofold_open_conversations`, `convofold_resident_conversations` | gauge | all; open; in memory |
//! | `convofold_resident_bytes`, `convofold_log_bytes`, `convofold_checkpoint_bytes` | gauge | memory; disk |
//! | `convofold_last_seq`, `convofold_durable_seq`, `convofold_checkpoint_seq` | gauge | sequence numbers |
//! | `convofold_checkpoint_age_seconds` | gauge | time since the last checkpoint; absent before the first |
//! | `convofold_poisoned` | gauge | 1 if no more writes are accepted |
//!
//! The facade accepts single values for a histogram, but not a filled histogram. So latencies are published as counters
//! with the names that Prometheus uses: `_bucket` by `le` (in seconds, cumulative), `_sum` (`_sum_microseconds`, in
//! microseconds, because a counter of the facade is an integer) and `_count`.
//!
//! Counters start at 0 when a database is opened. A recorder keeps the larger value. So if a database is reopened in
//! the same process, publish it under another label, or its counters stand still until they reach the earlier values.

use metrics::{Label, Unit, counter, gauge};

use crate::state::counters::Counters;
use crate::state::histogram::LatencyHistogram;

/// Registers the descriptions of all metrics with the recorder.
pub fn describe() {
    for (name, unit, meaning) in COUNTERS {
        metrics::describe_counter!(name, unit, meaning);
    }
    for (name, unit, meaning) in GAUGES {
        metrics::describe_gauge!(name, unit, meaning);
    }
}

/// Publishes a snapshot, with these labels on every value.
pub fn publish(counters: &Counters, labels: &[(&'static str, &str)]) {
    let labels: Vec<Label> = labels.iter().map(|(key, value)| Label::new(*key, (*value).to_owned())).collect();
    let count = |name: &'static str, value| counter!(name, labels.iter()).absolute(value);
    let events = &counters.events;
    for (effect, value) in [
        ("applied", events.applied),
        ("late", events.late),
        ("duplicate", events.duplicates),
        ("conflict", events.conflicts),
        ("erased", events.erased),
    ] {
        counter!("convofold_events_total", with(&labels, "effect", effect.to_owned())).absolute(value);
    }
    count("convofold_rejected_total", counters.rejected);
    count("convofold_batches_total", counters.batches);
    count("convofold_groups_total", counters.groups);
    count("convofold_queue_full_total", counters.queue_full);
    count("convofold_clock_jumps_total", counters.clock_jumps);
    count("convofold_checkpoints_total", counters.checkpoints);
    count("convofold_reloaded_total", counters.reloaded);
    count("convofold_pages_read_total", counters.pages_read);
    publish_latency(&COMMIT_LATENCY, &counters.commit_latency, &labels);
    publish_latency(&BARRIER_LATENCY, &counters.barrier_latency, &labels);
    publish_gauges(counters, &labels);
}

fn publish_gauges(counters: &Counters, labels: &[Label]) {
    #[expect(clippy::cast_precision_loss, reason = "gauges are floating-point; values above 2^53 are approximate")]
    let set = |name: &'static str, value: u64| gauge!(name, labels.iter()).set(value as f64);
    set("convofold_queue_depth", counters.queue_depth);
    set("convofold_queue_capacity", counters.queue_capacity);
    set("convofold_conversations", counters.conversations);
    set("convofold_open_conversations", counters.open);
    set("convofold_resident_conversations", counters.resident);
    set("convofold_resident_bytes", counters.resident_bytes);
    set("convofold_log_bytes", counters.log_bytes);
    set("convofold_checkpoint_bytes", counters.checkpoint_bytes);
    set("convofold_last_seq", counters.last_seq);
    set("convofold_durable_seq", counters.durable_seq);
    set("convofold_checkpoint_seq", counters.checkpoint_seq);
    set("convofold_poisoned", counters.poisoned.into());
    if let Some(age) = counters.checkpoint_age {
        gauge!("convofold_checkpoint_age_seconds", labels.iter()).set(age.as_secs_f64());
    }
}

/// The names of a histogram: its buckets, its sum, its count.
type LatencyNames = [&'static str; 3];

const COMMIT_LATENCY: LatencyNames = [
    "convofold_commit_latency_seconds_bucket",
    "convofold_commit_latency_seconds_sum_microseconds",
    "convofold_commit_latency_seconds_count",
];
const BARRIER_LATENCY: LatencyNames = [
    "convofold_barrier_latency_seconds_bucket",
    "convofold_barrier_latency_seconds_sum_microseconds",
    "convofold_barrier_latency_seconds_count",
];

fn publish_latency([bucket, sum, count]: &LatencyNames, latency: &LatencyHistogram, labels: &[Label]) {
    for (bound, up_to) in latency.cumulative() {
        let le = bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.as_secs_f64().to_string());
        counter!(*bucket, with(labels, "le", le)).absolute(up_to);
    }
    counter!(*sum, labels.iter()).absolute(u64::try_from(latency.sum().as_micros()).unwrap_or(u64::MAX));
    counter!(*count, labels.iter()).absolute(latency.count());
}

fn with(labels: &[Label], key: &'static str, value: String) -> Vec<Label> {
    labels.iter().cloned().chain([Label::new(key, value)]).collect()
}

type Described = (&'static str, Unit, &'static str);

const COUNTERS: [Described; 15] = [
    ("convofold_events_total", Unit::Count, "Committed events, by effect"),
    ("convofold_rejected_total", Unit::Count, "Rejections"),
    ("convofold_batches_total", Unit::Count, "Committed batches"),
    ("convofold_groups_total", Unit::Count, "Committed groups of batches"),
    ("convofold_queue_full_total", Unit::Count, "Batches refused because the queue was full"),
    ("convofold_clock_jumps_total", Unit::Count, "Jumps of the wall clock by more than an hour"),
    ("convofold_checkpoints_total", Unit::Count, "Checkpoints written"),
    ("convofold_reloaded_total", Unit::Count, "Conversations reloaded into memory because of an event"),
    ("convofold_pages_read_total", Unit::Count, "Pages of conversations read from the disk"),
    (COMMIT_LATENCY[0], Unit::Count, "Batches acknowledged within `le` seconds"),
    (COMMIT_LATENCY[1], Unit::Microseconds, "Total time from submission to acknowledgement of batches"),
    (COMMIT_LATENCY[2], Unit::Count, "Acknowledged batches"),
    (BARRIER_LATENCY[0], Unit::Count, "Barriers completed within `le` seconds"),
    (BARRIER_LATENCY[1], Unit::Microseconds, "Total duration of barriers"),
    (BARRIER_LATENCY[2], Unit::Count, "Barriers completed"),
];

const GAUGES: [Described; 13] = [
    ("convofold_queue_depth", Unit::Count, "Submissions in the queue"),
    ("convofold_queue_capacity", Unit::Count, "Maximum number of submissions in the queue"),
    ("convofold_conversations", Unit::Count, "All conversations"),
    ("convofold_open_conversations", Unit::Count, "Open conversations"),
    ("convofold_resident_conversations", Unit::Count, "Conversations in memory"),
    ("convofold_resident_bytes", Unit::Bytes, "Size of the conversations in memory"),
    ("convofold_log_bytes", Unit::Bytes, "Size of the compressed log"),
    ("convofold_checkpoint_bytes", Unit::Bytes, "Size of the pages of the last checkpoint"),
    ("convofold_last_seq", Unit::Count, "Sequence number of the last event in the log"),
    ("convofold_durable_seq", Unit::Count, "Sequence number of the last durable event"),
    ("convofold_checkpoint_seq", Unit::Count, "Sequence number of the last event in the last checkpoint"),
    ("convofold_checkpoint_age_seconds", Unit::Seconds, "Time since the last checkpoint was completed"),
    ("convofold_poisoned", Unit::Count, "1 if a write failed and no more writes are accepted"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    use super::*;
    use crate::state::histogram::Latencies;
    use crate::state::receipt::EffectCounts;

    /// All published values, by name and labels, and whether all names were described.
    fn published(counters: &Counters) -> BTreeMap<String, String> {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        metrics::with_local_recorder(&recorder, || {
            describe();
            publish(counters, &[("store", "chats")]);
        });
        let values = snapshotter.snapshot().into_vec().into_iter().map(|(key, unit, description, value)| {
            assert!(unit.is_some() && description.is_some(), "{key:?}");
            let labels: Vec<_> = key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            let value = match value {
                DebugValue::Counter(value) => value.to_string(),
                DebugValue::Gauge(value) => value.to_string(),
                DebugValue::Histogram(_) => unreachable!("no histograms are published"),
            };
            (format!("{}{{{}}}", key.key().name(), labels.join(",")), value)
        });
        values.collect()
    }

    #[test]
    fn every_figure_is_published_under_a_name_that_is_described() {
        let latencies = Latencies::default();
        latencies.add(Duration::from_micros(3));
        let counters = Counters {
            events: EffectCounts { applied: 1, late: 2, duplicates: 3, conflicts: 4, erased: 5 },
            commit_latency: latencies.snapshot(),
            checkpoint_age: Some(Duration::from_millis(1_500)),
            resident_bytes: 77,
            poisoned: true,
            ..Counters::default()
        };
        let values = published(&counters);
        for (name, value) in [
            ("convofold_events_total{store=chats,effect=duplicate}", "3"),
            ("convofold_commit_latency_seconds_bucket{store=chats,le=0.000002}", "0"),
            ("convofold_commit_latency_seconds_bucket{store=chats,le=0.000004}", "1"),
            ("convofold_commit_latency_seconds_bucket{store=chats,le=+Inf}", "1"),
            ("convofold_commit_latency_seconds_sum_microseconds{store=chats}", "3"),
            ("convofold_commit_latency_seconds_count{store=chats}", "1"),
            ("convofold_checkpoint_age_seconds{store=chats}", "1.5"),
            ("convofold_resident_bytes{store=chats}", "77"),
            ("convofold_poisoned{store=chats}", "1"),
        ] {
            assert_eq!(values.get(name).map(String::as_str), Some(value), "{name} of {values:#?}");
        }
        let names: std::collections::BTreeSet<_> = values.keys().filter_map(|key| key.split('{').next()).collect();
        assert_eq!(names.len(), COUNTERS.len() + GAUGES.len());
    }

    #[test]
    fn there_is_no_age_before_the_first_checkpoint() {
        assert!(!published(&Counters::default()).contains_key("convofold_checkpoint_age_seconds{store=chats}"));
    }
}
