//! The live page of a cluster, and signing in on it.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::{get, post};

use super::Relayed;
use crate::page::INDEX;
use crate::params::Params;
use crate::problem::Problem;
use crate::routes::NoParams;
use crate::routes::page::{PAGES, file};
use crate::routes::session::{read_login, with_cookie, without_cookie};

/// Adds the page and its files.
pub(super) fn add_to(mut router: Router<Relayed>) -> Router<Relayed> {
    for page in PAGES {
        router = router.route(page, get(index));
    }
    router.route("/assets/{*name}", get(asset)).route("/login", get(index).post(login)).route("/logout", post(logout))
}

async fn index(State(relayed): State<Relayed>, headers: HeaderMap) -> Result<Response, Problem> {
    file(relayed.config.ui_dir.clone(), INDEX.to_owned(), &headers).await
}

async fn asset(
    State(relayed): State<Relayed>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    file(relayed.config.ui_dir.clone(), name, &headers).await
}

async fn login(
    State(relayed): State<Relayed>,
    _: Params<NoParams>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let token = read_login(&uri, &headers, body).await?;
    relayed.session(Some(token.clone())).await?;
    Ok(with_cookie(&relayed.config, &token))
}

async fn logout(State(relayed): State<Relayed>, _: Params<NoParams>) -> Response {
    without_cookie(&relayed.config)
}
