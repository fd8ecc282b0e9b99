//! The address on which a server listens: connections, TLS, their end.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum_server::Handle;
use axum_server::accept::Accept;
use axum_server::tls_rustls::RustlsAcceptor;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::config::Config;
use crate::error::ServeError;
use crate::guard::GuardedAcceptor;
use crate::tls::Tls;

/// How often the files of the certificate are looked at.
const TLS_RELOAD_INTERVAL: Duration = Duration::from_secs(1);
/// Streams of one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;

/// A router that answers on an address.
pub(crate) struct Front {
    handle: Handle<SocketAddr>,
    address: SocketAddr,
    pub(crate) task: JoinHandle<std::io::Result<()>>,
    reload: Option<JoinHandle<()>>,
}

impl Front {
    /// The certificate of these settings.
    pub(crate) fn tls(config: &Config) -> Result<Option<Tls>, ServeError> {
        let tls = config.tls_cert.as_deref().zip(config.tls_key.as_deref());
        tls.map(|(cert, key)| Tls::open(cert, key)).transpose()
    }

    /// Must be called on a runtime.
    pub(crate) fn start(
        listener: TcpListener,
        config: &Config,
        tls: Option<Tls>,
        guarded: GuardedAcceptor,
        router: Router,
    ) -> Result<Self, ServeError> {
        let address = listener.local_addr()?;
        let handle = Handle::new();
        let server = axum_server::from_tcp(listener)?.handle(handle.clone());
        let read_timeout = config.read_timeout.0;
        let (task, reload) = match tls {
            None => (answer(server.acceptor(guarded), read_timeout, router), None),
            Some(tls) => {
                let acceptor = RustlsAcceptor::new(tls.config()).handshake_timeout(read_timeout);
                let task = answer(server.acceptor(acceptor.acceptor(guarded)), read_timeout, router);
                (task, Some(tokio::spawn(tls.reload_on_change(TLS_RELOAD_INTERVAL))))
            }
        };
        Ok(Self { handle, address, task, reload })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connections, and ends those that are left after this time.
    pub(crate) fn shut_down(&self, within: Duration) {
        self.handle.graceful_shutdown(Some(within));
    }

    /// Waits for the end.
    pub(crate) async fn ended(self, within: Duration) {
        // `graceful_shutdown` ends the connections at the deadline.
        let _ = timeout(within + Duration::from_secs(1), self.task).await;
        if let Some(reload) = self.reload {
            reload.abort();
        }
    }
}

/// Answers connections on a task of its own.
fn answer<A>(
    mut server: axum_server::Server<SocketAddr, A>,
    read_timeout: Duration,
    router: Router,
) -> JoinHandle<std::io::Result<()>>
where
    A: Accept<tokio::net::TcpStream, Router> + Clone + Send + Sync + 'static,
    A::Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send,
    A::Service: axum_server::service::SendService<Request<hyper::body::Incoming>> + Send,
    A::Future: Send,
{
    let builder = server.http_builder();
    builder.http1().header_read_timeout(read_timeout);
    builder.http2().max_concurrent_streams(MAX_STREAMS).keep_alive_interval(Some(read_timeout));
    let server = server.first_request_timeout(read_timeout);
    tokio::spawn(server.serve(router.into_make_service()))
}
