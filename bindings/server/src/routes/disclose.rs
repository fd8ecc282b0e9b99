//! What is stored about a member.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use convofold::{Subject, SubjectParams};
use serde::Deserialize;
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Caller;
use crate::intake::expect_plain;
use crate::problem::Problem;
use crate::tokens::Role;

use super::export::events_unreadable;
use super::webhooks::read_json;
use super::{NDJSON, stream};

/// Whom a disclosure is about. There is at least one value. They are in the body, because an address is written to the logs of
/// proxies.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Subjects {
    /// Business ids and channel ids of members, `superoffice:TENANT:customer:ID` or `superoffice:TENANT:contact:ID`.
    members: Vec<String>,
    /// Numbers of members, with or without `+` and spaces.
    numbers: Vec<String>,
    /// Ids of conversations.
    conversations: Vec<String>,
}

impl Subjects {
    fn expect(self) -> Result<Vec<Subject>, Problem> {
        let Self { members, numbers, conversations } = self;
        expect_subjects(&SubjectParams { members, numbers, conversations })
    }
}

/// The subjects, of which there must be one.
pub(super) fn expect_subjects(params: &SubjectParams) -> Result<Vec<Subject>, Problem> {
    params.subjects().map_err(|error| Problem::bad_request(error.to_string()))
}

/// Everything that is stored about members: every event of their conversations, one JSON object a line.
///
/// The bytes are those of `convofold disclose`. If the answer ends early, the connection ends without the end of the body.
#[utoipa::path(
    post, path = "/api/v1/disclose", tag = "care",
    request_body(content = Subjects, content_type = "application/json"),
    responses(
        (status = 200, body = String, content_type = "application/x-ndjson"),
    )
)]
pub(crate) async fn disclose(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    caller.expect(Role::Admin)?;
    caller.expect_all_tenants()?;
    caller.expect_texts("disclosures")?;
    expect_plain(&headers)?;
    let subjects = read_json::<Subjects>(&app, body).await?.expect()?;
    let permit = app.reader()?;
    let scan = app.scan().await?;
    caller.log_texts("disclosure");
    let (mut writer, body) = stream::body(&app, &headers);
    spawn_blocking(move || {
        let _permits = (permit, scan);
        let _export = app.export();
        match app.db.disclose(&subjects, &mut writer) {
            Ok(_) => writer.end(),
            Err(error) => {
                tracing::warn!(%error, "a disclosure ended early");
                writer.fail(&events_unreadable(&error));
            }
        }
    });
    Ok(stream::response(NDJSON, body))
}
