//! Suspects as a report.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use convofold::{MomentReport, PageError, Suspects, SuspectsQuery};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::caller::Caller;
use crate::link::link;
use crate::moment::{Bounds, conditions_of};
use crate::params::PastParams;
use crate::problem::Problem;
use crate::tokens::Role;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct SuspectsParams {
    /// Answers as it was then, with everything learned since: only events at this time or before it count. RFC 3339 with a zone,
    /// `latest`, or a time before now such as `-2h`.
    as_of: Option<String>,
    /// Answers as it was known then: only events that had arrived count. RFC 3339 with a zone, `latest`, `-2h`, or a sequence
    /// number such as `seq:812`.
    known_at: Option<String>,
    /// Only suspect events at this time or later, in milliseconds since the epoch.
    since: Option<i64>,
    /// Only suspect events before this time, in milliseconds since the epoch.
    until: Option<i64>,
    /// Only conversations of this tenant.
    tenant: Option<String>,
    /// Only conversations of this source.
    source: Option<String>,
    /// The time zone in which days begin: a name of the IANA database. Default: UTC.
    tz: Option<String>,
}

/// What is suspect.
#[derive(Serialize, ToSchema)]
pub(crate) struct SuspectsAnswer {
    /// The answer reflects every event up to this sequence number, at least.
    seq: u64,
    /// Conversations with a suspect event, suspect events; the zone of days; counts by `kinds` and source, and by `days`;
    /// `losses`: intervals in which messages were lost by the numbers that the sources state.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    suspects: Suspects,
    /// The list of the conversations, unless the answer counts some of their events only.
    links: BTreeMap<&'static str, String>,
    /// The moment, if the answer is about the past: `as_of` and `known_at`, and the `time` to which ages count.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    moment: Option<MomentReport>,
}

impl SuspectsParams {
    /// What this caller asks for and may know.
    fn query(&self, caller: &Caller) -> Result<SuspectsQuery, Problem> {
        let zone = self.tz.as_deref().unwrap_or("UTC").parse();
        let zone = zone.map_err(|error| Problem::bad_request(format!("tz: {error}")))?;
        let tenants: Option<Vec<String>> = match &self.tenant {
            Some(tenant) => Some(Some(tenant.clone()).filter(|tenant| caller.sees(Some(tenant))).into_iter().collect()),
            None => caller.tenants().map(|tenants| tenants.iter().cloned().collect()),
        };
        let query = SuspectsQuery::new().since_ms(self.since).until_ms(self.until);
        Ok(query.tenants(tenants).source(self.source.clone()).zone(zone))
    }

    /// The list of the conversations. It has other conditions than the report.
    fn links(&self, moment: Vec<(&'static str, String)>) -> BTreeMap<&'static str, String> {
        if self.since.is_some() || self.until.is_some() || self.source.is_some() {
            return BTreeMap::new();
        }
        let conditions = [("status", "any"), ("suspect", "true")].into_iter();
        let tenant = self.tenant.as_deref().map(|tenant| ("tenant", tenant));
        let moment = moment.iter().map(|(name, value)| (*name, value.as_str()));
        [("conversations", link(conditions.chain(tenant).chain(moment)))].into()
    }
}

/// What is suspect in all conversations: kinds, sources, days, and when messages were lost.
///
/// A loss is an interval of time in which a source sent messages that never arrived, by the numbers that it states. `from` and
/// `to` are the time that all of its `gaps` have in common, `earliest` and `latest` contain them all; `missing` is the least
/// number of messages. The answer about the past reads all conversations.
#[utoipa::path(
    get, path = "/api/v1/suspects", tag = "out", params(SuspectsParams),
    responses(
        (status = 200, body = SuspectsAnswer),
    )
)]
pub(crate) async fn suspects(
    State(app): State<App>,
    caller: Caller,
    PastParams(params): PastParams<SuspectsParams>,
) -> Result<Json<SuspectsAnswer>, Problem> {
    caller.expect(Role::Read)?;
    let query = params.query(&caller)?;
    let bounds = Bounds::parse(params.as_of.as_deref(), params.known_at.as_deref())?;
    if let Some((view, scan)) = bounds.scan(&app, &caller).await? {
        let answer = spawn_blocking(move || {
            let _scan = scan;
            let suspects = view.suspects(&query).map_err(failed)?;
            let (moment, links) = (Some(view.report(None)?), params.links(conditions_of(&view)));
            Ok::<_, Problem>(SuspectsAnswer { seq: view.seq(), suspects, links, moment })
        });
        return Ok(Json(answer.await??));
    }
    let (scan, asked) = (app.scan().await?, app.clone());
    let answer = spawn_blocking(move || {
        let _scan = scan;
        let seq = asked.db.counters().durable_seq;
        let (suspects, links) = (asked.db.suspects(&query).map_err(failed)?, params.links(Vec::new()));
        Ok::<_, Problem>(SuspectsAnswer { seq, suspects, links, moment: None })
    });
    Ok(Json(answer.await??))
}

fn failed(error: PageError) -> Problem {
    match error {
        PageError::Storage(error) => error.into(),
        error => Problem::bad_request(error.to_string()),
    }
}
