//! The live page. It asks the same questions as everybody, so its files need no token.

use std::path::PathBuf;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::task::spawn_blocking;

use crate::app::App;
use crate::page::{File, INDEX};
use crate::problem::Problem;

/// The paths of the page, besides [`login`]. Its script decides by the path what to show.
pub(crate) const PAGES: [&str; 6] = ["/", "/wall", "/list", "/report", "/status", "/c/{*id}"];

/// Adds the page and its files.
pub(super) fn add_to(mut router: Router<App>) -> Router<App> {
    for page in PAGES {
        router = router.route(page, get(index));
    }
    router.route("/assets/{*name}", get(asset))
}

async fn index(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    file(app.config.ui_dir.clone(), INDEX.to_owned(), &headers).await
}

/// The page on which people sign in. It posts to the same path.
#[utoipa::path(
    get, path = "/login", tag = "session", operation_id = "login_page", security(()),
    responses((status = 200, body = String, content_type = "text/html; charset=utf-8"))
)]
pub(crate) async fn login(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    file(app.config.ui_dir.clone(), INDEX.to_owned(), &headers).await
}

async fn asset(State(app): State<App>, Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    file(app.config.ui_dir.clone(), name, &headers).await
}

/// A file of the page, from this folder or from the binary.
pub(crate) async fn file(folder: Option<PathBuf>, name: String, headers: &HeaderMap) -> Result<Response, Problem> {
    let missing = || Problem::new(StatusCode::NOT_FOUND, "the live page has no such file");
    let file = spawn_blocking(move || File::find(folder.as_deref(), &name)).await?.ok_or_else(missing)?;
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
    let is_known = known.flat_map(|tags| tags.split(',')).any(|tag| tag.trim().trim_start_matches("W/") == file.etag);
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|names| names.to_str().ok());
        let is_accepted = accepted.flat_map(|names| names.split(',')).any(|name| name.trim() == "gzip");
        let content_type = [(header::CONTENT_TYPE, file.content_type)];
        match file.gzip.filter(|_| is_accepted) {
            Some(gzip) => (content_type, [(header::CONTENT_ENCODING, "gzip")], gzip).into_response(),
            None => (content_type, file.content).into_response(),
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(&file.etag) {
        headers.insert(header::ETAG, etag);
    }
    Ok(response)
}
