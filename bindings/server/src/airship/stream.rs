//! The life of the stream: connect, read, connect again.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::backoff::Backoff;
use super::bookmark::{Bookmark, still_shown};
use super::connection::{Airship, Opened, Start};
use super::failure::Failure;
use super::intake::Intake;
use super::lines::SLICE_BYTES;
use super::settings::AirshipConfig;
use super::status::Status;
use crate::app::{App, Phase};
use crate::error::ServeError;
use crate::jitter::random;
use crate::tokens::clock_ms;

/// The stream, until the server stops.
pub(crate) struct Stream {
    app: App,
    status: Arc<Status>,
    airship: Airship,
    config: AirshipConfig,
    /// The name of the bookmark.
    name: String,
    backoff: Backoff,
    /// Airship does not know the offset of the bookmark any more.
    is_forgotten: bool,
}

/// Resolves when the stream must end.
type Stopping<'a> = Pin<&'a mut (dyn Future<Output = ()> + Send)>;

impl Stream {
    /// Starts the stream if the settings name it. Must be called on a runtime of tokio.
    pub(crate) fn start(app: &App) -> Result<Option<JoinHandle<()>>, ServeError> {
        let Some((config, status)) = app.config.airship.clone().zip(app.stream.clone()) else { return Ok(None) };
        let refused = |error: crate::client::ClientError| ServeError::Settings { why: format!("airship: {error}") };
        let stream = Self {
            app: app.clone(),
            status,
            airship: Airship::new(config.clone()).map_err(refused)?,
            name: Bookmark::name(&config.app_key),
            backoff: Backoff::new(config.retry.0),
            config,
            is_forgotten: false,
        };
        Ok(Some(tokio::spawn(stream.run())))
    }

    async fn run(mut self) {
        let app = self.app.clone();
        let stopping = app.reach(Phase::EndingStream);
        tokio::pin!(stopping);
        loop {
            let failure = self.attempt(stopping.as_mut()).await;
            if matches!(failure, Failure::Stopping) {
                break;
            }
            let pause = self.backoff.pause(failure.pace(), random());
            self.tell(&failure, pause);
            tokio::select! {
                () = stopping.as_mut() => break,
                () = sleep(pause) => {}
            }
        }
        self.status.stopped();
    }

    fn tell(&self, failure: &Failure, pause: Duration) {
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let is_new = self.status.failed(failure, clock_ms().saturating_add_unsigned(pause_ms));
        let url = &self.config.url;
        if failure.needs_a_person() {
            tracing::error!(url, %failure, pause_ms, "Airship's stream stands still until somebody changes something");
        } else if is_new {
            tracing::warn!(url, %failure, pause_ms, "Airship's stream is not connected");
        } else {
            tracing::info!(url, %failure, pause_ms, "Airship's stream is still not connected");
        }
    }

    /// Connects and reads until that fails, or the server stops.
    async fn attempt(&mut self, mut stopping: Stopping<'_>) -> Failure {
        let bookmark = self.bookmark();
        let start = match &bookmark {
            Some(bookmark) if !self.is_forgotten => Start::After(bookmark.offset.clone()),
            _ => Start::Earliest,
        };
        let opened = tokio::select! {
            () = stopping.as_mut() => return Failure::Stopping,
            opened = timeout(self.config.silence.0, self.airship.open(&start)) => opened,
        };
        let opened = match opened.unwrap_or(Err(Failure::Silence(self.config.silence))) {
            Ok(opened) => opened,
            Err(failure) => {
                self.forget(&failure, bookmark.as_ref());
                return failure;
            }
        };
        self.connected(&start, bookmark.as_ref());
        let (app, status, name) = (self.app.clone(), self.status.clone(), self.name.clone());
        let mut intake = Intake::new(&app, &status, &name, bookmark);
        let failure = match self.read(opened, &mut intake, stopping).await {
            Err(failure) => failure,
            Ok(()) => Failure::Ended,
        };
        if matches!(failure, Failure::Submit(_) | Failure::Commit(_)) {
            // The bookmark must not move past events that are not committed.
            return failure;
        }
        // What has arrived is not asked for again.
        intake.finish().await.err().unwrap_or(failure)
    }

    fn bookmark(&self) -> Option<Bookmark> {
        let value = self.app.db.bookmark(&self.name)?;
        let damaged = |error| tracing::error!(bookmark = self.name, %error, "the bookmark has another form: the stream starts with the earliest event");
        let bookmark = Bookmark::read(&value).map_err(damaged).ok()?;
        self.status.knows_gap(still_shown(bookmark.gap, clock_ms()));
        Some(bookmark)
    }

    /// Airship refuses an offset that is older than the events it has: the next attempt starts with the earliest one.
    fn forget(&mut self, failure: &Failure, bookmark: Option<&Bookmark>) {
        let is_old = bookmark.is_some_and(|bookmark| bookmark.gap_at(clock_ms()).is_some());
        let is_refused = matches!(failure, Failure::Refused { status, .. } if status.as_u16() == 400);
        if is_old && is_refused && !self.is_forgotten {
            tracing::error!(%failure, "Airship does not know the offset any more: the stream starts with the earliest event");
            self.is_forgotten = true;
        }
    }

    fn connected(&mut self, start: &Start, bookmark: Option<&Bookmark>) {
        let now = clock_ms();
        self.status.connected(now);
        tracing::info!(url = self.config.url, ?start, "Airship's stream is connected");
        let gap = bookmark.and_then(|bookmark| bookmark.gap_at(now));
        if self.status.found_gap(gap) {
            let (from, until) = gap.map(|gap| (gap.from, gap.until)).unzip();
            tracing::error!(
                from,
                until,
                "events may be missing: Airship keeps them for 7 days, and the last event that was read is older"
            );
        }
    }

    async fn read(
        &mut self,
        opened: Opened,
        intake: &mut Intake<'_>,
        mut stopping: Stopping<'_>,
    ) -> Result<(), Failure> {
        let Opened { mut body, mut lines } = opened;
        let mut heard_at = Instant::now();
        loop {
            let frame = tokio::select! {
                () = stopping.as_mut() => return Err(Failure::Stopping),
                frame = body.frame() => frame,
                outcome = intake.committed(), if intake.is_waiting() => {
                    outcome?;
                    continue;
                }
                () = sleep_until(heard_at + self.config.silence.0) => return Err(Failure::Silence(self.config.silence)),
            };
            let Some(frame) = frame else { return Ok(()) };
            let Ok(bytes) = frame.map_err(Failure::Broken)?.into_data() else { continue };
            self.status.heard_bytes(clock_ms());
            for slice in bytes.chunks(SLICE_BYTES) {
                let outcome = lines.feed(slice);
                while let Some(line) = lines.next() {
                    intake.take(line);
                }
                if intake.is_large() {
                    intake.commit().await?;
                }
                outcome.map_err(Failure::Damaged)?;
            }
            intake.commit().await?;
            heard_at = Instant::now();
            if intake.has_moved() {
                self.is_forgotten = false;
                self.backoff.succeeded();
            }
        }
    }
}
