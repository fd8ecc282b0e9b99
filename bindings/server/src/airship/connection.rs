//! The request for the stream, and its answer.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::failure::Failure;
use super::lines::{Encoding, Lines};
use super::settings::AirshipConfig;
use crate::client::ClientError;
use crate::client::connection::{Endpoint, bearer};
use crate::remote::RequestBody;

/// Number of redirects in a row: each names another node.
const MAX_REDIRECTS: usize = 5;
/// The part of a refusal that is read.
const MAX_REFUSAL_BYTES: usize = 16 << 10;
/// The part of a refusal that is shown.
const MAX_DETAIL_CHARS: usize = 200;

const ACCEPT: HeaderValue = HeaderValue::from_static("application/vnd.urbanairship+x-ndjson; version=3;");
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("convofold/", env!("CARGO_PKG_VERSION")));

/// Where the stream begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// With the first event that Airship has.
    Earliest,
    /// After an offset.
    After(String),
}

/// The stream at Airship.
pub(super) struct Airship {
    endpoint: Endpoint,
    config: AirshipConfig,
}

/// An open stream.
pub(super) struct Opened {
    pub(super) body: Incoming,
    pub(super) lines: Lines,
}

impl Airship {
    pub(super) fn new(config: AirshipConfig) -> Result<Self, ClientError> {
        Ok(Self { endpoint: Endpoint::of_url(&config.url)?, config })
    }

    /// Sends the request until a node takes it.
    pub(super) async fn open(&self, start: &Start) -> Result<Opened, Failure> {
        let token = self.token().await?;
        let body = body(start);
        let mut cookies = BTreeMap::new();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.post(&token, &cookies, body.clone()).await?;
            match response.status() {
                StatusCode::OK => return opened(response),
                StatusCode::TEMPORARY_REDIRECT => {
                    let given = cookies_of(response.headers());
                    if given.is_empty() {
                        return Err(Failure::NoCookie);
                    }
                    cookies.extend(given);
                }
                status => return Err(Failure::Refused { status, detail: detail(response.into_body()).await }),
            }
        }
        Err(Failure::Redirects(MAX_REDIRECTS + 1))
    }

    async fn token(&self) -> Result<HeaderValue, Failure> {
        let path = &self.config.token_file;
        let failed = |source| Failure::Token { path: path.clone(), source };
        let text = tokio::fs::read_to_string(path).await.map_err(failed)?;
        let text = text.trim();
        let invalid = || failed(std::io::Error::other("expected one line with a token"));
        if text.is_empty() { Err(invalid()) } else { bearer(text).ok_or_else(invalid) }
    }

    async fn post(
        &self,
        token: &HeaderValue,
        cookies: &BTreeMap<String, String>,
        body: Bytes,
    ) -> Result<Response<Incoming>, Failure> {
        let mut sender = self.endpoint.connect().await?;
        let mut request = Request::new(RequestBody::new(Full::new(body).map_err(|never| match never {})));
        *request.method_mut() = Method::POST;
        let path = if self.endpoint.base().is_empty() { "/" } else { self.endpoint.base() };
        // It is the path of a URL.
        *request.uri_mut() = path.parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.endpoint.authority());
        headers.insert(header::AUTHORIZATION, token.clone());
        headers.insert(header::ACCEPT, ACCEPT);
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::USER_AGENT, USER_AGENT);
        // Settings refuse what no header can have.
        headers.extend(HeaderValue::from_str(&self.config.app_key).map(|key| (APP_KEY, key)));
        let cookies: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            headers.extend(HeaderValue::from_str(&cookies.join("; ")).map(|cookies| (header::COOKIE, cookies)));
        }
        sender.send_request(request).await.map_err(Failure::Request)
    }
}

const APP_KEY: header::HeaderName = header::HeaderName::from_static("x-ua-appkey");

/// The events of all apps are custom ones, and offset updates move the bookmark while none come.
fn body(start: &Start) -> Bytes {
    let mut body = json!({"filters": [{"types": ["CUSTOM"]}], "enable_offset_updates": true});
    match start {
        Start::Earliest => body["start"] = "EARLIEST".into(),
        Start::After(offset) => body["resume_offset"] = offset.as_str().into(),
    }
    Bytes::from(body.to_string())
}

/// Names and values, without their attributes.
fn cookies_of(headers: &HeaderMap) -> BTreeMap<String, String> {
    let pairs = headers.get_all(header::SET_COOKIE).iter().filter_map(|cookie| {
        let pair = cookie.to_str().ok()?.split(';').next()?;
        let (name, value) = pair.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    });
    pairs.filter(|(name, _)| !name.is_empty()).collect()
}

fn opened(response: Response<Incoming>) -> Result<Opened, Failure> {
    let encoding = response.headers().get(header::CONTENT_ENCODING);
    let encoding = encoding.map_or("", |encoding| encoding.to_str().unwrap_or("?")).trim().to_ascii_lowercase();
    let encoding = match encoding.as_str() {
        "gzip" | "x-gzip" => Encoding::Gzip,
        "" | "identity" => Encoding::Unnamed,
        _ => return Err(Failure::Encoding(encoding)),
    };
    Ok(Opened { body: response.into_body(), lines: Lines::new(encoding) })
}

/// The `error` of a refusal, or its text.
async fn detail(body: Incoming) -> String {
    let body = Limited::new(body, MAX_REFUSAL_BYTES).collect().await;
    let Ok(body) = body.map(http_body_util::Collected::to_bytes) else { return String::new() };
    let text = match serde_json::from_slice::<Value>(&body) {
        Ok(Value::Object(problem)) if problem.get("error").is_some_and(Value::is_string) => {
            problem["error"].as_str().unwrap_or_default().to_owned()
        }
        _ => String::from_utf8_lossy(&body).into_owned(),
    };
    text.trim().chars().filter(|char| !char.is_control()).take(MAX_DETAIL_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_names_where_it_begins_and_what_it_wants() {
        let request = |start| serde_json::from_slice::<Value>(&body(&start)).unwrap();
        let expected = json!({"start": "EARLIEST", "filters": [{"types": ["CUSTOM"]}], "enable_offset_updates": true});
        assert_eq!(request(Start::Earliest), expected);
        let resumed = request(Start::After("46-x\"".to_owned()));
        assert_eq!((&resumed["resume_offset"], &resumed["start"]), (&json!("46-x\""), &json!(null)));
    }

    #[test]
    fn cookies_are_repeated_without_their_attributes() {
        let mut headers = HeaderMap::new();
        for cookie in ["node=a=1; Path=/; HttpOnly", " lb=7 ;Secure", "nonsense", "=x"] {
            headers.append(header::SET_COOKIE, HeaderValue::from_static(cookie));
        }
        let expected = [("node", "a=1"), ("lb", "7")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(cookies_of(&headers), expected.into());
    }
}
