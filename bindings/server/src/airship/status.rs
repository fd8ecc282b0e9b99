//! What the stream is doing, for the status and for metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;

use super::bookmark::still_shown;
use super::failure::Failure;
use crate::rhythm::Rhythm;
use crate::upstreams::{Upstream, UpstreamGap, UpstreamKind, UpstreamState};

/// The name for people.
pub(crate) const NAME: &str = "Airship stream";
/// A stream that is further behind than this catches up.
const MAX_LAG_MS: i64 = 60_000;
/// A connected stream without an event for this time has caught up.
const CAUGHT_UP_MS: i64 = 30_000;

/// What the stream is doing.
#[derive(Debug, Default)]
pub(crate) struct Status {
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    is_connected: bool,
    rhythm: Rhythm,
    last_byte_at: Option<i64>,
    /// When Airship had processed the last line, and how long before its arrival.
    processed: Option<i64>,
    lag_ms: i64,
    /// Why it is not connected.
    failure: Option<(UpstreamState, String)>,
    next_try_at: Option<i64>,
    /// Why it is connected and does not read.
    held: Option<String>,
    gap: Option<UpstreamGap>,
    /// Attempts to connect again, by the reason for them.
    reconnects: BTreeMap<&'static str, u64>,
    gaps: u64,
}

/// For metrics.
pub(crate) struct Figures {
    pub(crate) is_connected: bool,
    pub(crate) reconnects: BTreeMap<&'static str, u64>,
    pub(crate) gaps: u64,
    pub(crate) last_byte_age: Option<Duration>,
    pub(crate) lag: Option<Duration>,
}

impl Status {
    /// With the rhythm that is known from before the start.
    pub(crate) fn with(rhythm: Rhythm) -> Self {
        Self { told: Mutex::new(Told { rhythm, ..Told::default() }) }
    }

    pub(crate) fn rhythm(&self) -> Rhythm {
        self.told.lock().rhythm.clone()
    }

    pub(super) fn connected(&self, now: i64) {
        let mut told = self.told.lock();
        (told.is_connected, told.last_byte_at) = (true, Some(now));
        (told.failure, told.next_try_at) = (None, None);
    }

    /// The stream is not connected any more. Returns whether the reason is another one than before.
    pub(super) fn failed(&self, failure: &Failure, next_try_at: i64) -> bool {
        let mut told = self.told.lock();
        (told.is_connected, told.held) = (false, None);
        *told.reconnects.entry(failure.reason()).or_default() += 1;
        told.next_try_at = Some(next_try_at);
        let failure = Some((failure.state(), failure.to_string()));
        let is_new = told.failure != failure;
        told.failure = failure;
        is_new
    }

    pub(super) fn stopped(&self) {
        let mut told = self.told.lock();
        (told.is_connected, told.next_try_at, told.held) = (false, None, None);
    }

    pub(super) fn heard_bytes(&self, now: i64) {
        self.told.lock().last_byte_at = Some(now);
    }

    /// Lines have arrived, the last of which Airship had processed at this time.
    pub(super) fn heard_lines(&self, has_events: bool, processed: Option<i64>, now: i64) {
        let mut told = self.told.lock();
        if has_events {
            told.rhythm.heard(now);
        }
        if let Some(processed) = processed {
            (told.processed, told.lag_ms) = (Some(processed), now.saturating_sub(processed).max(0));
        }
    }

    /// The stream waits, and does not read. Returns whether the reason is another one than before.
    pub(super) fn hold(&self, why: Option<String>) -> bool {
        let mut told = self.told.lock();
        let is_new = told.held != why;
        told.held = why;
        is_new
    }

    /// Events of this period may be missing. Returns whether that is new.
    pub(super) fn found_gap(&self, gap: Option<UpstreamGap>) -> bool {
        let mut told = self.told.lock();
        let is_new = gap.is_some() && told.gap.map(|gap| gap.from) != gap.map(|gap| gap.from);
        told.gaps += u64::from(is_new);
        told.gap = gap.or(told.gap);
        is_new
    }

    /// A gap that was found before the start.
    pub(super) fn knows_gap(&self, gap: Option<UpstreamGap>) {
        self.told.lock().gap = gap;
    }

    pub(super) fn gap(&self, now: i64) -> Option<UpstreamGap> {
        still_shown(self.told.lock().gap, now)
    }

    /// The stream as an upstream.
    pub(crate) fn upstream(&self, now: i64) -> Upstream {
        let told = self.told.lock();
        let (state, why) = told.state(now);
        Upstream {
            kind: UpstreamKind::Stream,
            source: "airship".to_owned(),
            tenant: None,
            name: NAME.to_owned(),
            state,
            last_at: told.rhythm.last_at(),
            usual_gap_ms: told.rhythm.usual_gap_ms(),
            why,
            next_try_at: told.next_try_at,
            lag_ms: told.lag_ms(now),
            gap: still_shown(told.gap, now),
        }
    }

    pub(crate) fn figures(&self, now: i64) -> Figures {
        let told = self.told.lock();
        let duration = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or_default());
        Figures {
            is_connected: told.is_connected,
            reconnects: told.reconnects.clone(),
            gaps: told.gaps,
            last_byte_age: told.last_byte_at.map(|at| duration(now.saturating_sub(at))),
            lag: told.lag_ms(now).map(duration),
        }
    }
}

impl Told {
    fn state(&self, now: i64) -> (UpstreamState, Option<String>) {
        if let Some((state, why)) = self.failure.clone() {
            return (state, Some(why));
        }
        let state = if !self.is_connected {
            UpstreamState::Connecting
        } else if self.held.is_some() || self.lag_ms(now).is_some_and(|lag| lag > MAX_LAG_MS) {
            UpstreamState::CatchingUp
        } else if self.rhythm.is_quiet(now) {
            UpstreamState::Quiet
        } else {
            UpstreamState::Ok
        };
        (state, self.held.clone())
    }

    /// How far the stream is behind: without a connection, as long as the last line is ago; nothing if it waits for events.
    fn lag_ms(&self, now: i64) -> Option<i64> {
        let processed = self.processed?;
        let is_idle = self.rhythm.last_at().is_none_or(|at| now.saturating_sub(at) > CAUGHT_UP_MS);
        Some(match (self.is_connected, &self.held) {
            (true, None) if is_idle => 0,
            (true, None) => self.lag_ms,
            _ => now.saturating_sub(processed).max(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[test]
    fn the_state_follows_the_connection_and_the_lag() {
        let status = Status::default();
        let state = |now| {
            let upstream = status.upstream(now);
            (upstream.state, upstream.lag_ms)
        };
        assert_eq!(state(0), (UpstreamState::Connecting, None));
        let refused = Failure::Refused { status: StatusCode::PAYMENT_REQUIRED, detail: String::new() };
        assert!(status.failed(&refused, 9_000) && !status.failed(&refused, 10_000));
        let upstream = status.upstream(1_000);
        assert_eq!((upstream.state, upstream.next_try_at), (UpstreamState::Refused, Some(10_000)));
        assert_eq!(upstream.why.as_deref(), Some("another consumer is connected (402)"));
        status.connected(10_000);
        assert_eq!(state(10_000), (UpstreamState::Ok, None));
        status.heard_lines(true, Some(0), 100_000);
        assert_eq!(state(101_000), (UpstreamState::CatchingUp, Some(100_000)));
        status.heard_lines(true, Some(100_000), 101_000);
        assert_eq!(state(102_000), (UpstreamState::Ok, Some(1_000)));
        // It waits for events.
        assert_eq!(state(200_000), (UpstreamState::Ok, Some(0)));
        status.hold(Some("full".to_owned()));
        assert_eq!(state(200_000), (UpstreamState::CatchingUp, Some(100_000)));
        status.failed(&Failure::Ended, 300_000);
        assert_eq!(state(210_000), (UpstreamState::Connecting, Some(110_000)));
        assert_eq!(status.figures(210_000).reconnects, [("ended", 1), ("other_consumer", 2)].into());
    }

    #[test]
    fn a_gap_is_counted_once() {
        let status = Status::default();
        let gap = |until| Some(UpstreamGap { from: 1, until });
        assert!(status.found_gap(gap(2)) && !status.found_gap(gap(3)) && !status.found_gap(None));
        assert_eq!((status.upstream(4).gap, status.figures(4).gaps), (gap(3), 1));
    }
}
