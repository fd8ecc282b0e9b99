//! Bookmarks: named values that were committed with events.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::batch::BookmarkValue;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::Problem;
use crate::tokens::Role;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BookmarkParams {
    /// The name of the bookmark.
    name: String,
}

/// The value of a bookmark, which shows a sender of events where to continue.
///
/// The value is base64; it is null if there is no such bookmark.
#[utoipa::path(
    get, path = "/api/v1/bookmarks", tag = "in", params(BookmarkParams),
    responses(
        (status = 200, body = BookmarkValue),
    )
)]
pub(crate) async fn bookmark(
    State(app): State<App>,
    caller: Caller,
    Params(BookmarkParams { name }): Params<BookmarkParams>,
) -> Result<Json<BookmarkValue>, Problem> {
    caller.expect(Role::Ingest)?;
    caller.expect_all_tenants()?;
    let value = app.db.bookmark(&name);
    Ok(Json(BookmarkValue::new(name, value)))
}
