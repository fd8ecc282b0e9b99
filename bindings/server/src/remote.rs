//! A server on the network: its address, and connections to it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::uri::InvalidUri;
use axum::http::{HeaderValue, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustix::net::sockopt;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::caller::is_local;

/// The system asks after a silence of this length whether the other machine is there,
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
/// again after this time,
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// and ends the connection after this number of questions without an answer.
const KEEPALIVE_PROBES: u32 = 4;

/// The body of a request.
pub(crate) type RequestBody = UnsyncBoxBody<Bytes, io::Error>;

/// Why a URL names no server. Contains neither path nor user, which can be secrets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UrlError {
    #[error("it must not contain a user")]
    User,
    #[error("{0}")]
    Invalid(String),
}

impl From<String> for UrlError {
    fn from(why: String) -> Self {
        Self::Invalid(why)
    }
}

/// The server of a URL.
pub(crate) struct Remote {
    host: String,
    port: u16,
    tls: Option<Tls>,
    authority: HeaderValue,
    /// What follows the host in the URL.
    pub(crate) path: String,
    pub(crate) query: Option<String>,
}

/// How the server proves who it is.
struct Tls {
    config: Arc<rustls::ClientConfig>,
    name: ServerName<'static>,
}

impl Remote {
    /// The server of `http://HOST[:PORT][/PATH]` or `https://...`.
    pub(crate) fn of_url(url: &str) -> Result<Self, UrlError> {
        let uri: Uri = url.parse().map_err(|error: InvalidUri| error.to_string())?;
        let authority = uri
            .authority()
            .filter(|authority| !authority.host().is_empty())
            .ok_or_else(|| "the host is missing".to_owned())?;
        if authority.as_str().contains('@') {
            return Err(UrlError::User);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let (tls, port) = match uri.scheme_str() {
            Some("http") => (None, 80),
            Some("https") => {
                let name = ServerName::try_from(host.clone()).map_err(|error| error.to_string())?;
                (Some(Tls { config: trusted()?, name }), 443)
            }
            _ => return Err(UrlError::Invalid("it begins with http:// or https://".to_owned())),
        };
        Ok(Self {
            port: authority.port_u16().unwrap_or(port),
            authority: HeaderValue::from_str(authority.as_str()).map_err(|error| error.to_string())?,
            path: uri.path().to_owned(),
            query: uri.query().map(str::to_owned),
            host,
            tls,
        })
    }

    /// The header `Host`.
    pub(crate) fn authority(&self) -> &HeaderValue {
        &self.authority
    }

    /// The host with its port, if that was given.
    pub(crate) fn name(&self) -> &str {
        self.authority.to_str().unwrap_or(&self.host)
    }

    /// Whether what is sent to it crosses the network in clear.
    pub(crate) fn is_overheard(&self) -> bool {
        self.tls.is_none() && !is_local(self.name())
    }

    /// A new connection. Its other half runs on the runtime. It ends within a minute if the other machine is gone, also while
    /// nothing is sent.
    pub(crate) async fn connect(&self) -> io::Result<SendRequest<RequestBody>> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        keep_alive(&stream)?;
        match &self.tls {
            None => start(stream).await,
            Some(Tls { config, name }) => {
                start(TlsConnector::from(config.clone()).connect(name.clone(), stream).await?).await
            }
        }
    }
}

/// Without it, a connection to a machine that is cut off is never closed.
fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(stream, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(stream, KEEPALIVE_PROBES)?;
    // What was sent and is not acknowledged counts too; the system would try for a quarter of an hour.
    #[cfg(target_os = "linux")]
    {
        let limit = KEEPALIVE_IDLE + KEEPALIVE_INTERVAL * KEEPALIVE_PROBES;
        sockopt::set_tcp_user_timeout(stream, u32::try_from(limit.as_millis()).unwrap_or(u32::MAX))?;
    }
    Ok(())
}

/// Starts to speak HTTP/1 on a stream.
pub(crate) async fn start(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> io::Result<SendRequest<RequestBody>> {
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // A failure also fails the request. It ends when the sender and the response are dropped.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// Trusts the certificates that this system trusts, or those of the file SSL_CERT_FILE.
fn trusted() -> Result<Arc<rustls::ClientConfig>, String> {
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
