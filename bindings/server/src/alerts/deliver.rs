//! Delivers the messages of an alert, each at least once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Alerts;
use super::alert::Alert;
use super::crossing::over_id;
use super::post::Outcome;
use super::signature;
use super::table::Crossing;
use crate::jitter::random;
use crate::tokens::clock_ms;

/// Attempts of one alert at a time.
const MAX_ATTEMPTS: usize = 8;
/// The longest pause after the first failure. It doubles with each further one.
const FIRST_PAUSE_MS: i64 = 1_000;
/// The longest pause while a receiver fails for the first time in a while.
const PAUSE_MS: i64 = 5 * 60 * 1_000;
/// The longest pause after many failures, and after status 410.
const LONG_PAUSE_MS: i64 = 60 * 60 * 1_000;
/// Failures after which pauses become long: some two hours.
const MANY_FAILURES: u32 = 50;
/// The first attempts that fail are logged, each.
const LOGGED_ATTEMPTS: u32 = 3;

/// Delivers the messages of one alert until the server ends.
pub(super) async fn run(alerts: Arc<Alerts>, number: usize) {
    let Some(alert) = alerts.alerts.get(number) else { return };
    let mut news = alerts.news.subscribe();
    let mut stopping = alerts.stopping.subscribe();
    loop {
        news.mark_unchanged();
        let next = deliver_due(&alerts, number, clock_ms()).await;
        let wait_ms = next.map_or(LONG_PAUSE_MS, |at| at.saturating_sub(clock_ms())).clamp(0, LONG_PAUSE_MS);
        let next = Instant::now() + Duration::from_millis(u64::try_from(wait_ms).unwrap_or_default());
        tokio::select! {
            _ = news.changed() => {}
            () = sleep_until(next) => {}
            _ = stopping.wait_for(|is_stopping| *is_stopping) => {
                tracing::debug!(alert = alert.name, "alerts end");
                return;
            }
        }
    }
}

/// Makes every attempt that is due. Returns when the next one is.
pub(super) async fn deliver_due(alerts: &Arc<Alerts>, number: usize, now: i64) -> Option<i64> {
    let permits = Arc::new(Semaphore::new(MAX_ATTEMPTS));
    loop {
        let asked = alerts.clone();
        let due = spawn_blocking(move || {
            let alert = asked.alerts.get(number)?;
            Some(asked.table.as_ref()?.due(&alert.name, now))
        });
        let (due, next) = due.await.ok().flatten()?;
        if due.is_empty() {
            return next;
        }
        let mut attempts = JoinSet::new();
        for crossing in due {
            let (alerts, permits) = (alerts.clone(), permits.clone());
            attempts.spawn(async move {
                // Never closed.
                let _permit = permits.acquire().await;
                if !*alerts.stopping.borrow() {
                    attempt(&alerts, number, crossing, now).await;
                }
            });
        }
        attempts.join_all().await;
        if *alerts.stopping.borrow() {
            return None;
        }
        // The messages after those that were delivered.
    }
}

/// One attempt to deliver the next message of a crossing.
async fn attempt(alerts: &Arc<Alerts>, number: usize, crossing: Crossing, now: i64) {
    let Some(alert) = alerts.alerts.get(number) else { return };
    let began = &crossing.began;
    let (id, body) = match &crossing.over {
        Some(over) if crossing.is_begin_delivered => (over_id(&began.id), &over.body),
        _ => (began.id.clone(), &began.body),
    };
    let outcome = alert.target.post(&headers(alert, id, body), body.clone(), alerts.timeout).await;
    alerts.count_delivery(&alert.name, outcome.label());
    let alerts = alerts.clone();
    let _ = spawn_blocking(move || alerts.record(number, &crossing, &outcome, now)).await;
}

fn headers(alert: &Alert, id: String, body: &str) -> Vec<(&'static str, String)> {
    // Of the attempt, on the clock of this machine: the receiver refuses old ones.
    let timestamp_s = clock_ms() / 1_000;
    let signature = signature::sign(&alert.keys, &id, timestamp_s, body);
    let mut headers = vec![("webhook-id", id), ("webhook-timestamp", timestamp_s.to_string())];
    if !signature.is_empty() {
        headers.push(("webhook-signature", signature));
    }
    headers
}

impl Alerts {
    /// Records how an attempt ended. Blocks.
    fn record(&self, number: usize, crossing: &Crossing, outcome: &Outcome, now: i64) {
        let (Some(alert), Some(table)) = (self.alerts.get(number), &self.table) else { return };
        let (id, attempts) = (&crossing.began.id, crossing.delivery.attempts.saturating_add(1));
        if outcome.is_success() {
            if attempts > LOGGED_ATTEMPTS {
                tracing::info!(alert = alert.name, attempts, "an alert is delivered after failed attempts");
            }
            let Err(error) = table.delivered(id) else { return };
            // It will be delivered once more.
            tracing::error!(alert = alert.name, %error, "the table of alerts cannot be written");
            return table.failed(id, now.saturating_add(PAUSE_MS), error.to_string());
        }
        let pause_ms = pause_ms(attempts, outcome, random());
        if attempts <= LOGGED_ATTEMPTS || attempts.is_multiple_of(MANY_FAILURES) {
            tracing::warn!(alert = alert.name, host = alert.target.host(), attempts, %outcome, pause_ms, "an alert was not delivered");
        }
        table.failed(id, now.saturating_add(pause_ms), outcome.to_string());
    }
}

/// The time until the next attempt: up to twice as long as before, with full jitter, so that the messages for a receiver
/// that comes back do not arrive at once.
fn pause_ms(attempts: u32, outcome: &Outcome, random: f64) -> i64 {
    let longest = match outcome {
        Outcome::Answered { status: 410, .. } => LONG_PAUSE_MS,
        _ if attempts > MANY_FAILURES => LONG_PAUSE_MS,
        _ => FIRST_PAUSE_MS.saturating_mul(1 << attempts.saturating_sub(1).min(20)).min(PAUSE_MS),
    };
    let asked_for = match outcome {
        Outcome::Answered { retry_after_ms, .. } => (*retry_after_ms).clamp(0, LONG_PAUSE_MS),
        _ => 0,
    };
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "at most an hour in milliseconds")]
    let pause = (longest as f64 * random) as i64;
    pause.max(asked_for)
}

/// Waits for the attempts that are being made, until a deadline.
pub(super) async fn finish(tasks: JoinSet<()>, deadline: Instant) {
    let mut tasks = tasks;
    while let Ok(Some(_)) = timeout_at(deadline, tasks.join_next()).await {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, retry_after_ms: i64) -> Outcome {
        Outcome::Answered { status, retry_after_ms }
    }

    #[test]
    fn pauses_grow_have_jitter_and_stay_within_an_hour() {
        let longest = |attempts| pause_ms(attempts, &Outcome::Timeout, 1.0);
        assert_eq!([1, 2, 3, 9, 10, 50].map(longest), [1_000, 2_000, 4_000, 256_000, PAUSE_MS, PAUSE_MS]);
        assert_eq!([51, u32::MAX].map(longest), [LONG_PAUSE_MS; 2]);
        assert_eq!(pause_ms(3, &answered(500, 0), 0.25), 1_000);
        assert_eq!(pause_ms(1, &answered(410, 0), 1.0), LONG_PAUSE_MS);
        assert_eq!(pause_ms(1, &answered(429, 30_000), 0.0), 30_000);
        assert_eq!(pause_ms(1, &answered(503, i64::MAX), 0.0), LONG_PAUSE_MS);
    }
}
