//! Metrics in the text format of Prometheus.

use std::fmt::{Display, Write};
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use convofold::LatencyHistogram;

use crate::airship;
use crate::app::App;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::Problem;
use crate::tokens::{Role, clock_ms};

use super::counts::NoParams;
use super::health::free_bytes;

/// Counters and gauges, in the text format of Prometheus. No label names an agent or a tenant.
#[utoipa::path(
    get, path = "/metrics", tag = "health",
    responses(
        (status = 200, body = String, content_type = "text/plain"),
    )
)]
pub(crate) async fn metrics(State(app): State<App>, caller: Caller, _: Params<NoParams>) -> Result<Response, Problem> {
    caller.expect(Role::Read)?;
    caller.expect_all_tenants()?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text(&app)).into_response())
}

fn text(app: &App) -> String {
    let counters = app.db.counters();
    let agents = app.db.agents();
    let mut out = Page::default();
    out.family("convofold_build_info", "gauge", "The version.");
    out.sample("convofold_build_info", &[("version", &env!("CARGO_PKG_VERSION"))], &1);
    out.family("convofold_events_total", "counter", "Committed events by effect.");
    let events = counters.events;
    for (effect, count) in [
        ("applied", events.applied),
        ("late", events.late),
        ("duplicate", events.duplicates),
        ("conflict", events.conflicts),
        ("erased", events.erased),
    ] {
        out.sample("convofold_events_total", &[("effect", &effect)], &count);
    }
    for (name, help, total) in [
        ("convofold_batches_total", "Committed batches.", counters.batches),
        ("convofold_groups_total", "Committed groups of batches.", counters.groups),
        ("convofold_queue_full_total", "Batches that found the queue full.", counters.queue_full),
        ("convofold_clock_jumps_total", "Jumps of the wall clock.", counters.clock_jumps),
        ("convofold_checkpoints_total", "Checkpoints written.", counters.checkpoints),
        ("convofold_reloaded_total", "Conversations reloaded into memory.", counters.reloaded),
        ("convofold_pages_read_total", "Pages read from the disk.", counters.pages_read),
        (
            "convofold_webhook_retries_seen_total",
            "Webhooks with X-SuperOffice-Retry.",
            app.meter.retries_seen.load(Ordering::Relaxed),
        ),
        (
            "convofold_connections_refused_total",
            "Connections beyond the limit.",
            app.meter.connections_refused.load(Ordering::Relaxed),
        ),
    ] {
        out.family(name, "counter", help);
        out.sample(name, &[], &total);
    }
    out.family("convofold_webhook_requests_total", "counter", "Webhooks by source and status of the response.");
    for (source, status, count) in app.meter.webhooks() {
        out.sample("convofold_webhook_requests_total", &[("source", &source), ("status", &status)], &count);
    }
    out.family("convofold_rejections_total", "counter", "Inputs that cannot be events, by reason.");
    for (reason, count) in app.meter.rejections() {
        out.sample("convofold_rejections_total", &[("reason", &reason)], &count);
    }
    out.histogram("convofold_commit_latency_seconds", "Time from submission to durability.", &counters.commit_latency);
    out.histogram("convofold_barrier_latency_seconds", "Duration of barriers.", &counters.barrier_latency);
    let waiting: u64 = agents.iter().map(|load| load.waiting).sum();
    for (name, help, value) in [
        ("convofold_queue_depth", "Submissions in the queue.", counters.queue_depth),
        ("convofold_queue_capacity", "Maximum number of submissions in the queue.", counters.queue_capacity),
        ("convofold_conversations", "Conversations.", counters.conversations),
        ("convofold_open", "Open conversations.", counters.open),
        ("convofold_waiting", "Open conversations that wait for an answer.", waiting),
        ("convofold_resident_conversations", "Conversations in memory.", counters.resident),
        ("convofold_resident_bytes", "Memory of these conversations.", counters.resident_bytes),
        ("convofold_last_seq", "Sequence number of the last event.", counters.last_seq),
        ("convofold_durable_seq", "Sequence number of the last durable event.", counters.durable_seq),
        ("convofold_checkpoint_seq", "Sequence number of the last event in a checkpoint.", counters.checkpoint_seq),
        ("convofold_log_bytes", "Size of the log.", counters.log_bytes),
        ("convofold_checkpoint_bytes", "Size of the pages of the last checkpoint.", counters.checkpoint_bytes),
        ("convofold_poisoned", "1 if a write failed and no more are accepted.", u64::from(counters.poisoned)),
        ("convofold_rejects", "Kept rejects.", app.rejects.len() as u64),
        ("convofold_feed_readers", "Readers of the change feed and of exports.", app.reader_count()),
        ("convofold_ledger_bytes", "Memory of the past numbers of the board.", app.ledger.size().1 as u64),
        ("convofold_screens", "Readers of the board.", app.screen_count()),
    ] {
        out.family(name, "gauge", help);
        out.sample(name, &[], &value);
    }
    alerts(app, &mut out);
    scheduled(app, &mut out);
    if let Some(stream) = &app.stream {
        stream_figures(&mut out, &stream.figures(clock_ms()));
    }
    if let Some(free) = free_bytes(app) {
        out.family("convofold_free_bytes", "gauge", "Free space on the disk of the database.");
        out.sample("convofold_free_bytes", &[], &free);
    }
    if let Some(age) = counters.checkpoint_age {
        out.family("convofold_checkpoint_age_seconds", "gauge", "Time since the last checkpoint.");
        out.sample("convofold_checkpoint_age_seconds", &[], &age.as_secs_f64());
    }
    if let Some(since) = agents.iter().filter_map(|load| load.oldest_waiting_since).min() {
        let waited_ms = clock_ms().saturating_sub(since).max(0);
        out.family("convofold_oldest_waiting_seconds", "gauge", "Time for which the oldest unanswered message waits.");
        #[expect(clippy::cast_precision_loss, reason = "a time of waiting is far below 2^53 ms")]
        out.sample("convofold_oldest_waiting_seconds", &[], &(waited_ms as f64 / 1_000.0));
    }
    out.text
}

fn alerts(app: &App, out: &mut Page) {
    let counts = app.alerts.counts();
    out.family("convofold_alerts_active", "gauge", "Conversations and upstreams beyond the threshold of an alert.");
    for (alert, count) in &counts.active {
        out.sample("convofold_alerts_active", &[("alert", alert)], count);
    }
    out.family(
        "convofold_alerts_left_out",
        "gauge",
        "The same, without a message because the table of alerts is full.",
    );
    for (alert, count) in &counts.left_out {
        out.sample("convofold_alerts_left_out", &[("alert", alert)], count);
    }
    out.family("convofold_alert_deliveries_total", "counter", "Attempts to deliver a message of an alert, by status.");
    for (alert, status, count) in app.alerts.deliveries() {
        out.sample("convofold_alert_deliveries_total", &[("alert", &alert), ("status", &status)], &count);
    }
    for (name, help, value) in [
        ("convofold_alert_pending", "Messages of alerts that were not delivered.", counts.pending),
        ("convofold_alert_table", "Alerts in the table: active, or not delivered.", counts.crossings),
        ("convofold_alert_table_capacity", "Maximum number of alerts in the table.", counts.max),
    ] {
        out.family(name, "gauge", help);
        out.sample(name, &[], &value);
    }
}

/// Of what runs at a time of day.
fn scheduled(app: &App, out: &mut Page) {
    let runs = app.schedule.runs();
    out.family("convofold_scheduled_runs_total", "counter", "Runs at a time of day, by job and outcome.");
    for (job, runs) in &runs {
        for (outcome, count) in [("done", runs.done), ("skipped", runs.skipped), ("failed", runs.failed)] {
            out.sample("convofold_scheduled_runs_total", &[("job", &job.name()), ("outcome", &outcome)], &count);
        }
    }
    out.family("convofold_scheduled_freed_bytes_total", "counter", "Bytes by which these runs shortened the storage.");
    for (job, runs) in &runs {
        out.sample("convofold_scheduled_freed_bytes_total", &[("job", &job.name())], &runs.freed_bytes);
    }
    let ran = || runs.iter().filter(|(_, runs)| runs.last_at > 0);
    out.family("convofold_scheduled_last_run_timestamp_seconds", "gauge", "When the last run of a job began.");
    for (job, runs) in ran() {
        #[expect(clippy::cast_precision_loss, reason = "a time of this age is far below 2^53 ms")]
        let at = runs.last_at as f64 / 1_000.0;
        out.sample("convofold_scheduled_last_run_timestamp_seconds", &[("job", &job.name())], &at);
    }
    out.family("convofold_scheduled_last_run_seconds", "gauge", "How long the last run of a job took.");
    for (job, runs) in ran() {
        out.sample("convofold_scheduled_last_run_seconds", &[("job", &job.name())], &runs.last_took.as_secs_f64());
    }
}

/// Of Airship's stream.
fn stream_figures(out: &mut Page, figures: &airship::Figures) {
    out.family("convofold_rtds_connected", "gauge", "1 if Airship's stream is connected.");
    out.sample("convofold_rtds_connected", &[], &u64::from(figures.is_connected));
    out.family("convofold_rtds_reconnects_total", "counter", "Failed connections of the stream, by reason.");
    for (reason, count) in &figures.reconnects {
        out.sample("convofold_rtds_reconnects_total", &[("reason", reason)], count);
    }
    out.family("convofold_rtds_gaps_total", "counter", "Periods whose events Airship may have discarded unread.");
    out.sample("convofold_rtds_gaps_total", &[], &figures.gaps);
    for (name, help, duration) in [
        ("convofold_rtds_last_byte_age_seconds", "Time since the last byte of the stream.", figures.last_byte_age),
        ("convofold_rtds_lag_seconds", "How far the stream is behind.", figures.lag),
    ] {
        if let Some(duration) = duration {
            out.family(name, "gauge", help);
            out.sample(name, &[], &duration.as_secs_f64());
        }
    }
}

/// A page of metrics. Writing to a string cannot fail.
#[derive(Default)]
pub(crate) struct Page {
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    pub(crate) fn sample(&mut self, name: &str, labels: &[(&str, &dyn Display)], value: &dyn Display) {
        self.text.push_str(name);
        for (number, (label, value)) in labels.iter().enumerate() {
            let value = value.to_string().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{}{label}=\"{value}\"", if number == 0 { '{' } else { ',' });
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &LatencyHistogram) {
        self.family(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        for (bound, count) in histogram.cumulative() {
            match bound {
                Some(bound) => self.sample(&bucket, &[("le", &bound.as_secs_f64())], &count),
                None => self.sample(&bucket, &[("le", &"+Inf")], &count),
            }
        }
        self.sample(&format!("{name}_sum"), &[], &histogram.sum().as_secs_f64());
        self.sample(&format!("{name}_count"), &[], &histogram.count());
    }
}
