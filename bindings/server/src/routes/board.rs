//! The board of the live page.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use convofold::Zone;
use tokio::task::spawn_blocking;

use crate::app::{App, Phase};
use crate::board::{BoardAnswer, DayAnswer, View, follow, not_ready};
use crate::caller::Caller;
use crate::conditions::{ms, with_conditions};
use crate::config::Config;
use crate::moment::Bounds;
use crate::params::{Params, PastParams};
use crate::problem::Problem;
use crate::tokens::Role;

use super::changes::accepts_sse;
use super::session::Thresholds;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;
/// The time for which a request for the day waits until it is known.
const MAX_WAIT: Duration = Duration::from_secs(5);

with_conditions! {
    BoardParams {
        /// The wait from which on a conversation is in the band `warning` [default: the setting `wait-warn`].
        #[param(value_type = Option<String>, pattern = "^[0-9]{1,6}(s|m|h|d)$")]
        warn: Option<crate::span::Span>,
        /// The wait from which on a conversation is in the band `critical` [default: the setting `wait-crit`]. At least `warn`.
        #[param(value_type = Option<String>, pattern = "^[0-9]{1,6}(s|m|h|d)$")]
        crit: Option<crate::span::Span>,
        /// The zone in which the days are, such as `Europe/Oslo` [default: the setting `zone`].
        tz: Option<String>,
        /// The maximum number of rows in a list, from 1 to 1000 [default: 100].
        #[param(minimum = 1, maximum = 1000)]
        limit: Option<usize>,
        /// The board as it was then, with everything learned since: only events at this time or before it count. RFC 3339 with a
        /// zone, `latest`, or a time before now such as `-2h`. Not for a stream.
        as_of: Option<String>,
        /// The board as it was known then: only events that had arrived count. RFC 3339 with a zone, `latest`, `-2h`, or a
        /// sequence number such as `seq:812`. Not for a stream.
        known_at: Option<String>,
    }
}

impl BoardParams {
    pub(crate) fn bounds(&self) -> Result<Bounds, Problem> {
        Bounds::parse(self.as_of.as_deref(), self.known_at.as_deref())
    }

    /// What is looked at, with these settings.
    pub(crate) fn view(
        mut self,
        config: &Config,
        tenants: Option<BTreeSet<String>>,
        has_texts: bool,
    ) -> Result<View, Problem> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Problem::bad_request(format!("limit is from 1 to {MAX_LIMIT}, found {limit}")));
        }
        let mut thresholds = Thresholds::of(config);
        let given = |span: crate::span::Span| ms(span).unsigned_abs();
        thresholds.warn_ms = self.warn.map_or(thresholds.warn_ms, given);
        thresholds.crit_ms = self.crit.map_or(thresholds.crit_ms, given).max(thresholds.warn_ms);
        Ok(View {
            conditions: self.take_conditions(),
            tenants,
            has_texts,
            thresholds,
            limit,
            zone: zone(config, self.tz.as_deref())?,
        })
    }
}

/// The name of the zone that a request asks for.
pub(crate) fn zone(config: &Config, asked: Option<&str>) -> Result<String, Problem> {
    let zone = asked.unwrap_or(&config.zone).parse::<Zone>();
    zone.map(|zone| zone.name().to_owned()).map_err(|error| Problem::bad_request(error.to_string()))
}

/// What is open: numbers, who waits, conversations without an agent, and the load of the agents, all after exactly one event.
///
/// Every condition acts on every number and list. A number has a link to the list that it counts. With
/// `Accept: text/event-stream`, server-sent events: `board` (this answer; `id: DATABASE-SEQ`) at once and when something changes,
/// at most some four in a second, `day` (the answer of `/api/v1/day`) when it is known and every minute, and `clock` (`{"now":...,"seq":...}`) every 5 s. A client that is slow gets the newest board
/// when it has read the one before. `signed_out` is the last event if the token was removed.
///
/// At a moment, `now` is the time to which ages count. Numbers of before, last replies and last answers are known for the last
/// day, without `known_at`; upstreams are not kept.
#[utoipa::path(
    get, path = "/api/v1/board", tag = "out", params(BoardParams),
    responses(
        (status = 200, description = "The board", content((BoardAnswer = "application/json"), (String = "text/event-stream"))),
    )
)]
pub(crate) async fn board(
    State(app): State<App>,
    caller: Caller,
    PastParams(params): PastParams<BoardParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.expect(Role::Read)?;
    let bounds = params.bounds()?;
    let view = params.view(&app.config, caller.tenants().cloned(), caller.reads_texts())?;
    if caller.reads_texts() {
        caller.log_texts("board");
    }
    app.use_ledger();
    if accepts_sse(&headers) && !bounds.is_now() {
        return Err(Problem::bad_request("a stream is about now: without as_of and known_at"));
    }
    if let Some((then, scan)) = bounds.scan(&app, &caller).await? {
        let asked = app.clone();
        let answer = spawn_blocking(move || {
            let _scan = scan;
            BoardAnswer::at(&asked, &view, &then)
        });
        return Ok(Json(answer.await??).into_response());
    }
    if accepts_sse(&headers) {
        if app.phase() > Phase::Running {
            return Err(Problem::unavailable("the server is stopping"));
        }
        let permit = app.screen()?;
        return Ok(follow(app, caller, view, permit));
    }
    let (answer, _) = spawn_blocking(move || BoardAnswer::of(&app, &view)).await??;
    Ok(Json(answer).into_response())
}

with_conditions! {
    DayParams {
        /// The zone of the day, such as `Europe/Oslo` [default: the setting `zone`].
        tz: Option<String>,
        /// Also the length of each wait, for who adds up the days of several databases.
        parts: bool,
    }
}

/// Today: how many conversations were open and waited, every five minutes from local midnight to now, and by hour how long waits
/// were that ended with an answer.
///
/// Every condition acts on every line: a conversation counts at a time if it met them at that time. An answer counts if the
/// conversation met them right before or right after it. Late events correct the lines. The first answer after a while can take
/// some seconds; 503 means that the lines are still being made.
#[utoipa::path(
    get, path = "/api/v1/day", tag = "out", params(DayParams),
    responses(
        (status = 200, body = DayAnswer),
    )
)]
pub(crate) async fn day(
    State(app): State<App>,
    caller: Caller,
    Params(mut params): Params<DayParams>,
) -> Result<Json<DayAnswer>, Problem> {
    caller.expect(Role::Read)?;
    let view = View {
        conditions: params.take_conditions(),
        tenants: caller.tenants().cloned(),
        has_texts: false,
        thresholds: Thresholds::of(&app.config),
        limit: 0,
        zone: zone(&app.config, params.tz.as_deref())?,
    };
    let has_parts = params.parts;
    app.read_week_ago(&DayAnswer::times_of_week_ago(&view.zone));
    app.await_ledger(MAX_WAIT).await;
    spawn_blocking(move || DayAnswer::of(&app, &view, has_parts)).await?.map(Json).ok_or_else(not_ready)
}
