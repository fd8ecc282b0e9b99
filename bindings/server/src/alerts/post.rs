//! Sends one message.

use std::fmt;
use std::io;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::remote::{Remote, RequestBody};

/// Where messages go.
pub(super) struct Target {
    remote: Remote,
    /// With the query.
    path: String,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The receiver answered with this status, and wants no further attempt for this time.
    Answered { status: u16, retry_after_ms: i64 },
    /// It did not answer in time.
    Timeout,
    /// It cannot be reached, or the connection broke.
    Failed(String),
}

impl Outcome {
    pub(super) fn is_success(&self) -> bool {
        matches!(self, Self::Answered { status: 200..=299, .. })
    }

    /// As a label: the status, `timeout` or `error`.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Answered { status, .. } => status.to_string(),
            Self::Timeout => "timeout".to_owned(),
            Self::Failed(_) => "error".to_owned(),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered { status, .. } => write!(f, "answered {status}"),
            Self::Timeout => f.write_str("no answer in time"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl Target {
    /// The errors do not contain the path, which is often a secret.
    pub(super) fn new(url: &str, allow_http: bool) -> Result<Self, String> {
        let remote = Remote::of_url(url).map_err(|why| format!("the url is not valid: {why}"))?;
        if remote.is_overheard() && !allow_http {
            return Err(format!(
                "http://{} is not on this machine, and messages would cross the network in clear: use https://, or add allow-http = true",
                remote.name()
            ));
        }
        let query = remote.query.iter().map(|query| format!("?{query}"));
        Ok(Self { path: std::iter::once(remote.path.clone()).chain(query).collect(), remote })
    }

    /// The host with its port, for the log.
    pub(super) fn host(&self) -> &str {
        self.remote.name()
    }

    /// Sends a body with these headers, once. Redirections are not followed.
    pub(super) async fn post(&self, headers: &[(&'static str, String)], body: String, within: Duration) -> Outcome {
        match timeout(within, self.answer(headers, body)).await {
            Err(_) => Outcome::Timeout,
            Ok(Err(error)) => Outcome::Failed(format!("{}: {error}", self.host())),
            Ok(Ok(response)) => {
                let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
                let seconds: u32 = retry_after.and_then(|text| text.trim().parse().ok()).unwrap_or_default();
                let retry_after_ms = i64::from(seconds) * 1_000;
                Outcome::Answered { status: response.status().as_u16(), retry_after_ms }
            }
        }
    }

    async fn answer(&self, headers: &[(&'static str, String)], body: String) -> io::Result<Response<Incoming>> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&self.path)
            .header(header::HOST, self.remote.authority())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("convofold/", env!("CARGO_PKG_VERSION")))
            .header(header::CONNECTION, "close");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let body = RequestBody::new(Full::new(Bytes::from(body)).map_err(|never| match never {}));
        let request = request.body(body).map_err(io::Error::other)?;
        let mut sender = self.remote.connect().await?;
        // The body of the response is not read.
        sender.send_request(request).await.map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_others_could_overhear_is_refused() {
        let refused = |url: &str| Target::new(url, false).map(|target| target.path).unwrap_err();
        assert!(refused("http://chat.example/hooks/sesame").contains("allow-http"));
        for url in
            ["", "chat.example", "ftp://chat.example", "https://", "https://me:sesame@chat.example", "https://a b"]
        {
            assert!(!refused(url).contains("sesame"), "{url}");
        }
        for url in ["http://127.0.0.1:9/x", "http://localhost/", "http://[::1]:9", "https://chat.example/hooks/x?y=z"] {
            assert!(Target::new(url, false).is_ok(), "{url}");
        }
        let target = Target::new("http://chat.example/hooks/x?y=z", true).unwrap();
        assert_eq!((target.path.as_str(), target.host()), ("/hooks/x?y=z", "chat.example"));
    }
}
