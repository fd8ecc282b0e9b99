//! Why a conversation is what it is.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use convofold::{Explanation, FieldName, MomentReport};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::params::PastParams;
use crate::problem::Problem;

use super::conversation::{Found, One, OneParams, Texts};

/// The field whose value is a text that somebody wrote.
const TEXT: &str = "last_message.text";

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExplainParams {
    /// The path of a field of the export, such as `status`, or of an object, such as `member`; without it, all fields.
    field: Option<String>,
    /// The maximum number of events in a list; 0: no limit. By default 20.
    limit: Option<usize>,
    /// The id, if it is `-` in the path: some proxies change an id that contains `/` or `%`.
    id: Option<String>,
    /// Answers as it was then, with everything that was learned since: only events at this time or before it count. RFC 3339
    /// with a zone, `latest`, or a time before now such as `-2h`.
    as_of: Option<String>,
    /// Answers as it was known then: only events that had arrived count. RFC 3339 with a zone, `latest`, `-2h`, or a sequence
    /// number such as `seq:812`.
    known_at: Option<String>,
}

/// Why a conversation is what it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExplainAnswer {
    /// The answer reflects every event up to this sequence number, at least.
    seq: u64,
    /// The id of the conversation.
    id: String,
    /// The fields in the order of the export, each with its `value`, the number of its `rule` with a `sentence`, the events that
    /// make it so (`because`), those that would decide otherwise (`over`) and later ones that change nothing (`not`), each with
    /// `why`, and its value `without` the events of `because`; that is missing if the conversation would not exist.
    #[schema(value_type = Vec<Object>)]
    fields: Vec<Explanation>,
    /// The moment, if the answer is about the past: `as_of` and `known_at`, the `time` to which ages count, and
    /// `late_events`, the number of events that had happened by then and were learned later. Null where it is not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    moment: Option<MomentReport>,
}

/// The conversation that a request names, and what of it is to be explained.
pub(crate) struct Question {
    one: One,
    field: Option<FieldName>,
    limit: usize,
    /// A long answer is made while no other one is.
    scan: Option<OwnedSemaphorePermit>,
}

/// The limit from which on an answer is long.
const LONG: usize = 1_000;

impl FromRequestParts<App> for Question {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let PastParams(params) = PastParams::from_request_parts(parts, app).await?;
        let ExplainParams { field, limit, id, as_of, known_at } = params;
        let one = One::with(OneParams { id, as_of, known_at }, parts, app).await?;
        let read = |field: String| field.parse().map_err(|error| Problem::bad_request(format!("{error}")));
        let (field, limit) = (field.map(read).transpose()?, limit.unwrap_or(Explanation::LIMIT));
        let is_long = limit == 0 || limit > LONG;
        let scan = if is_long { Some(app.scan().await?) } else { None };
        Ok(Self { one, field, limit, scan })
    }
}

/// Why one conversation is what it is: for each field its rule, the events that decide, and what it would be without them.
#[utoipa::path(
    get, path = "/api/v1/conversations/{id}/explain", tag = "out",
    params(("id" = String, Path, description = "The id, percent-encoded, or `-`"), ExplainParams),
    responses(
        (status = 200, body = ExplainAnswer),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn explain(question: Question) -> Result<Json<ExplainAnswer>, Problem> {
    let Question { one, field, limit, scan } = question;
    let look = one.look(move |app, view, id| {
        let _scan = &scan;
        match view {
            None => app.db.explain(id, field, limit),
            Some(view) => view.explain(id, field, limit),
        }
    });
    let Found { seq, id, found: fields, moment } = look.await?;
    Ok(Json(ExplainAnswer { seq, id, fields, moment }))
}

impl Texts for Vec<Explanation> {
    fn remove(&mut self) {
        for explanation in self.iter_mut().filter(|explanation| explanation.field == TEXT) {
            for value in [Some(&mut explanation.value), explanation.without.as_mut()].into_iter().flatten() {
                if let Value::String(text) = value {
                    text.clear();
                }
            }
        }
    }
}
