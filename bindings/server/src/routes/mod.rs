//! Every request that is answered, and the document that describes them.

mod health;
pub(crate) mod metrics;
mod moment;
pub(crate) mod webhooks;
pub(crate) mod events;
mod rejects;
mod stream;
mod tenants;
mod conversations;
mod conversation;
mod explain;
mod counts;
mod board;
mod changes;
mod export;
mod disclose;
mod erase;
mod holds;
mod retention;
mod hash;
mod conflicts;
mod ids;
mod stats;
mod suspects;
mod report;
mod batches;
mod bookmarks;
mod backup;
mod care;
pub(crate) mod session;
pub(crate) mod page;
mod alerts;

pub(crate) use board::BoardParams;
pub(crate) use care::VerifyLine;
pub(crate) use changes::accepts_sse;
pub(crate) use counts::NoParams;
pub use erase::{EraseAnswer, EraseRequest};
pub(crate) use holds::HoldAnswer;
pub(crate) use session::Thresholds;
pub(crate) use stream::PROBLEM;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, PathItem, Ref, RefOr, Response as Described, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::problem::Problem;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "convofold",
        description = "The state of every conversation, from live-chat events. Times are milliseconds since the epoch, durations are milliseconds.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    components(schemas(Problem)),
    security((), ("token" = [])),
)]
struct Document;

/// A browser that shows a response loads nothing from elsewhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; frame-ancestors 'none'";

/// Every route that the document describes.
fn described() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(webhooks::superoffice_default))
        .routes(routes!(webhooks::superoffice))
        .routes(routes!(webhooks::airship_default))
        .routes(routes!(webhooks::airship))
        .routes(routes!(events::events))
        .routes(routes!(rejects::list))
        .routes(routes!(rejects::repair, rejects::drop_one))
        .routes(routes!(conversations::conversations))
        .routes(routes!(conversation::state))
        .routes(routes!(conversation::history))
        .routes(routes!(conversation::transcript))
        .routes(routes!(conversation::conflicts))
        .routes(routes!(explain::explain))
        .routes(routes!(conflicts::conflicts))
        .routes(routes!(moment::moment))
        .routes(routes!(ids::ids))
        .routes(routes!(board::board))
        .routes(routes!(board::day))
        .routes(routes!(counts::agents))
        .routes(routes!(counts::totals))
        .routes(routes!(hash::hash))
        .routes(routes!(hash::hashes))
        .routes(routes!(counts::status))
        .routes(routes!(stats::stats))
        .routes(routes!(suspects::suspects))
        .routes(routes!(report::report))
        .routes(routes!(changes::changes))
        .routes(routes!(export::export))
        .routes(routes!(disclose::disclose))
        .routes(routes!(erase::erase))
        .routes(routes!(erase::erasures))
        .routes(routes!(holds::place, holds::list))
        .routes(routes!(holds::lift))
        .routes(routes!(retention::retain))
        .routes(routes!(retention::runs))
        .routes(routes!(batches::batches))
        .routes(routes!(bookmarks::bookmark))
        .routes(routes!(backup::backup))
        .routes(routes!(care::verify))
        .routes(routes!(care::audit))
        .routes(routes!(care::trim))
        .routes(routes!(care::compact))
        .routes(routes!(session::login, page::login))
        .routes(routes!(session::logout))
        .routes(routes!(session::session))
        .routes(routes!(alerts::alerts))
        .routes(routes!(metrics::metrics))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(health::healthz))
}

/// The OpenAPI document of the server (3.1), as the committed `openapi.json` and `GET /openapi.json` have it.
#[must_use]
pub fn openapi() -> String {
    let (_, mut document) = described().split_for_parts();
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    document.components.get_or_insert_default().add_security_scheme("token", bearer);
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let responses = &mut operation.responses.responses;
        // A probe has no other answers than those that it names.
        if !operation.tags.iter().flatten().any(|tag| tag == health::TAG) {
            responses.entry("default".to_owned()).or_insert_with(|| RefOr::T(problem()));
        }
        for (status, response) in responses {
            if let RefOr::T(response) = response {
                describe(status, response);
            }
        }
    }
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut path.get, &mut path.post, &mut path.delete].into_iter().flatten()
}

/// The answer to a request that is refused or fails.
fn problem() -> Described {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new().content("application/problem+json", content).build()
}

/// Adds a description, which every response must have, unless it has one.
fn describe(status: &str, response: &mut Described) {
    if response.description.is_empty() {
        let description = match status {
            "200" => "The answer",
            "404" => "There is no such conversation",
            "503" => "Not ready; the problem says why",
            _ => "The request is refused, or fails; the problem says why",
        };
        description.clone_into(&mut response.description);
    }
}

/// The answers of the server.
pub(crate) fn router(app: App) -> Router {
    let (router, _) = described().split_for_parts();
    let document = Bytes::from(openapi());
    let document = move || async move { ([(header::CONTENT_TYPE, "application/json")], document) };
    page::add_to(router)
        .route("/openapi.json", get(document))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "there is no such path: see /openapi.json") })
        // The router adds the header Allow.
        .method_not_allowed_fallback(|method: Method| async move {
            if method == Method::OPTIONS {
                return StatusCode::NO_CONTENT.into_response();
            }
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path has other methods: see /openapi.json")
                .into_response()
        })
        // Each route that reads a body has its own limit.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn(edge))
        .with_state(app)
}

/// Logs every request and adds the headers that all responses have.
pub(crate) async fn edge(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(VERSION, HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    tracing::debug!(target: "convofold::access", %method, path, status = response.status().as_u16(), "request");
    response
}

/// The header with the version of convofold that answers.
pub(crate) const VERSION: HeaderName = HeaderName::from_static("convofold-version");

/// NDJSON.
pub(crate) const NDJSON: &str = "application/x-ndjson";

/// A JSON body of text that is JSON already.
pub(crate) fn json_text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
