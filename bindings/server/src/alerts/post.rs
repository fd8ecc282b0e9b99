//! Sends one message.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::caller::is_local;
use crate::client::trusted;

/// Where messages go.
pub(super) struct Target {
    host: String,
    port: u16,
    authority: HeaderValue,
    path: String,
    tls: Option<(Arc<rustls::ClientConfig>, ServerName<'static>)>,
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
        let uri: Uri = url.parse().map_err(|error| format!("the url is not valid: {error}"))?;
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or("the url has no host: it is https://HOST/PATH")?;
        if authority.as_str().contains('@') {
            return Err("the url must not contain a user".to_owned());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let (tls, port) = match uri.scheme_str() {
            Some("https") => {
                let name = ServerName::try_from(host.clone()).map_err(|error| format!("the url: {error}"))?;
                (Some((trusted()?, name)), 443)
            }
            Some("http") if allow_http || is_local(authority.as_str()) => (None, 80),
            Some("http") => {
                return Err(format!(
                    "http://{host} is not on this machine, and messages would cross the network in clear: use https://, or add allow-http = true"
                ));
            }
            _ => return Err("the url begins with https:// or http://".to_owned()),
        };
        Ok(Self {
            port: authority.port_u16().unwrap_or(port),
            authority: HeaderValue::from_str(authority.as_str()).map_err(|error| format!("the url: {error}"))?,
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            host,
            tls,
        })
    }

    /// The host with its port, for the log.
    pub(super) fn host(&self) -> &str {
        self.authority.to_str().unwrap_or(&self.host)
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
            .header(header::HOST, &self.authority)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("convofold/", env!("CARGO_PKG_VERSION")))
            .header(header::CONNECTION, "close");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(io::Error::other)?;
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        match &self.tls {
            None => exchange(stream, request).await,
            Some((config, name)) => {
                exchange(TlsConnector::from(config.clone()).connect(name.clone(), stream).await?, request).await
            }
        }
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> io::Result<Response<Incoming>> {
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // A failure also fails the request; the body of the response is not read.
    let connection = tokio::spawn(async move { drop(connection.await) });
    let response = sender.send_request(request).await.map_err(io::Error::other);
    connection.abort();
    response
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
        assert_eq!((target.path.as_str(), target.port, target.host()), ("/hooks/x?y=z", 80, "chat.example"));
    }
}
