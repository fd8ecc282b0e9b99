//! Where a server is, and connections to it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderValue, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::error::ClientError;
use crate::socket;

/// The body of a request.
pub(crate) type RequestBody = UnsyncBoxBody<Bytes, io::Error>;

/// Where a server is.
pub(crate) enum Endpoint {
    /// The process that holds the database in this folder.
    Holder(PathBuf),
    /// A server at a URL.
    Server { url: String, host: String, port: u16, tls: Option<Tls>, authority: HeaderValue, base: String },
}

/// How the server of a URL proves who it is.
pub(crate) struct Tls {
    config: Arc<rustls::ClientConfig>,
    name: ServerName<'static>,
}

impl Endpoint {
    /// The server at a URL: `http://HOST[:PORT][/BASE]` or `https://...`.
    pub(crate) fn of_url(url: &str) -> Result<Self, ClientError> {
        let invalid = |why: &str| ClientError::Url { url: url.to_owned(), why: why.to_owned() };
        let uri: Uri = url.parse().map_err(|error: axum::http::uri::InvalidUri| invalid(&error.to_string()))?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| invalid("the host is missing"))?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(invalid("it must not contain a user; give a token by --token-file or CONVOFOLD_TOKEN"));
        }
        if uri.query().is_some() {
            return Err(invalid("it must not have a query"));
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let (tls, port) = match uri.scheme_str() {
            Some("http") => (None, 80),
            Some("https") => {
                let name = ServerName::try_from(bare.clone()).map_err(|error| invalid(&error.to_string()))?;
                (Some(Tls { config: trusted().map_err(|why| invalid(&why))?, name }), 443)
            }
            _ => return Err(invalid("it begins with http:// or https://")),
        };
        let authority = uri.authority().map_or(host, |authority| authority.as_str());
        Ok(Self::Server {
            url: url.trim_end_matches('/').to_owned(),
            port: uri.port_u16().unwrap_or(port),
            authority: HeaderValue::from_str(authority).map_err(|error| invalid(&error.to_string()))?,
            base: uri.path().trim_end_matches('/').to_owned(),
            host: bare,
            tls,
        })
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
            Self::Server { authority, tls, .. } => {
                tls.is_none() && !authority.to_str().is_ok_and(crate::caller::is_local)
            }
        }
    }

    /// What precedes the path of every request.
    pub(crate) fn base(&self) -> &str {
        match self {
            Self::Holder(_) => "",
            Self::Server { base, .. } => base,
        }
    }

    /// The header `Host`.
    pub(crate) fn authority(&self) -> HeaderValue {
        match self {
            Self::Holder(_) => HeaderValue::from_static("localhost"),
            Self::Server { authority, .. } => authority.clone(),
        }
    }

    /// A new connection. Its other half runs on the runtime.
    pub(crate) async fn connect(&self) -> Result<SendRequest<RequestBody>, ClientError> {
        let failed = |source| ClientError::Connect { at: self.name(), source };
        match self {
            Self::Holder(folder) => {
                let stream = socket::connect(folder).map_err(failed)?;
                stream.set_nonblocking(true).map_err(failed)?;
                self.start(UnixStream::from_std(stream).map_err(failed)?).await
            }
            Self::Server { host, port, tls, .. } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(failed)?;
                stream.set_nodelay(true).map_err(failed)?;
                match tls {
                    None => self.start(stream).await,
                    Some(Tls { config, name }) => {
                        let connector = TlsConnector::from(config.clone());
                        self.start(connector.connect(name.clone(), stream).await.map_err(failed)?).await
                    }
                }
            }
        }
    }

    async fn start(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<SendRequest<RequestBody>, ClientError> {
        let failed = |error| ClientError::Connect { at: self.name(), source: io::Error::other(error) };
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(failed)?;
        // A failure also fails the request.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }
}

/// Trusts the certificates that this system trusts, or those of the file SSL_CERT_FILE.
pub(crate) fn trusted() -> Result<Arc<rustls::ClientConfig>, String> {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or("there are none".to_owned(), ToString::to_string);
        return Err(format!("the trusted certificates of this system cannot be read: {why}"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// The header `Authorization` for a token.
pub(crate) fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}
