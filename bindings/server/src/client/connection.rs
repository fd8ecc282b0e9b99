//! Where a server is, and connections to it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderValue;
use hyper::client::conn::http1::SendRequest;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::error::ClientError;
use crate::remote::{Remote, RequestBody, UrlError, start};
use crate::socket;

/// The maximum time to connect to a server, with TLS.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Where a server is.
pub(crate) enum Endpoint {
    /// The process that holds the database in this folder.
    Holder(PathBuf),
    /// A server at a URL.
    Server { url: String, remote: Remote },
}

impl Endpoint {
    /// The server at a URL: `http://HOST[:PORT][/BASE]` or `https://...`.
    pub(crate) fn of_url(url: &str) -> Result<Self, ClientError> {
        let invalid = |why| ClientError::Url { url: url.to_owned(), why };
        let remote = Remote::of_url(url).map_err(|error| match error {
            UrlError::User => invalid(format!("{error}; give a token by --token-file or CONVOFOLD_TOKEN")),
            UrlError::Invalid(why) => invalid(why),
        })?;
        if remote.query.is_some() {
            return Err(invalid("it must not have a query".to_owned()));
        }
        Ok(Self::Server { url: url.trim_end_matches('/').to_owned(), remote })
    }

    /// In messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Holder(folder) => format!("the process that has {} open", folder.display()),
            Self::Server { url, .. } => url.clone(),
        }
    }

    pub(crate) fn is_overheard(&self) -> bool {
        match self {
            Self::Holder(_) => false,
            Self::Server { remote, .. } => remote.is_overheard(),
        }
    }

    /// What precedes the path of every request.
    pub(crate) fn base(&self) -> &str {
        match self {
            Self::Holder(_) => "",
            Self::Server { remote, .. } => remote.path.trim_end_matches('/'),
        }
    }

    /// The header `Host`.
    pub(crate) fn authority(&self) -> HeaderValue {
        match self {
            Self::Holder(_) => HeaderValue::from_static("localhost"),
            Self::Server { remote, .. } => remote.authority().clone(),
        }
    }

    /// A new connection. Its other half runs on the runtime.
    pub(crate) async fn connect(&self) -> Result<SendRequest<RequestBody>, ClientError> {
        let connected = match self {
            Self::Holder(folder) => connect_to_holder(folder).await,
            Self::Server { remote, .. } => match timeout(CONNECT_WITHIN, remote.connect()).await {
                Ok(connected) => connected,
                Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {CONNECT_WITHIN:?}"))),
            },
        };
        connected.map_err(|source| ClientError::Connect { at: self.name(), source })
    }
}

async fn connect_to_holder(folder: &std::path::Path) -> io::Result<SendRequest<RequestBody>> {
    let stream = socket::connect(folder)?;
    stream.set_nonblocking(true)?;
    start(UnixStream::from_std(stream)?).await
}

/// The header `Authorization` for a token.
pub(crate) fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}
