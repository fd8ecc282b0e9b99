//! A connection to NATS, for all partitions of a node.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, HeaderMap, Message, RequestErrorKind};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::timeout;

use super::source::NatsSource;
use crate::log::SourceError;

/// How long an answer may take.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A broker that answers none of three pings is left for another one: a machine that is cut off closes no connection.
const PING_INTERVAL: Duration = Duration::from_secs(2);
/// Older servers ignore settings that the streams need.
const MIN_VERSION: (i64, i64, i64) = (2, 12, 0);

/// A connection to NATS. It connects again by itself after it was lost. Its sources block, so they cannot be used by an
/// asynchronous task.
#[derive(Clone)]
pub struct Nats {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    handle: Handle,
    /// One thread serves the connection.
    runtime: Option<Runtime>,
}

impl Drop for Shared {
    /// Does not wait for the thread, so that a host can drop a connection anywhere.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Nats {
    /// Connects to one of these servers, separated by commas (`nats://10.0.0.1:4222,nats://10.0.0.2:4222`). Authentication and
    /// TLS are in the options.
    ///
    /// # Errors
    /// [`SourceError::Unreachable`] if none answers, [`SourceError::Refused`] if access is denied or the server is older than
    /// 2.12.
    pub fn connect(servers: &str, options: ConnectOptions) -> Result<Self, SourceError> {
        let nats = Self::start(servers, options)?;
        nats.check_version()?;
        Ok(nats)
    }

    /// Like [`Nats::connect`], but does not fail while no server answers: it connects when one does. Until then, all requests fail.
    ///
    /// # Errors
    /// [`SourceError::Unreachable`] if no address makes sense.
    pub fn connect_later(servers: &str, options: ConnectOptions) -> Result<Self, SourceError> {
        Self::start(servers, options.retry_on_initial_connect())
    }

    fn start(servers: &str, options: ConnectOptions) -> Result<Self, SourceError> {
        let threads = Builder::new_multi_thread().worker_threads(1).thread_name("convofold-nats").enable_all().build();
        let runtime = threads.map_err(|error| unreachable(format!("starting a thread: {error}")))?;
        let addresses: Vec<&str> = servers.split(',').map(str::trim).filter(|address| !address.is_empty()).collect();
        let options = options.request_timeout(Some(ANSWER_TIMEOUT)).connection_timeout(CONNECT_TIMEOUT);
        let options = options.ping_interval(PING_INTERVAL);
        let client = runtime.block_on(async {
            let connected = timeout(CONNECT_TIMEOUT, options.connect(addresses)).await;
            connected.map_err(|_| unreachable(format!("{servers} does not answer")))?.map_err(|error| {
                let why = format!("{servers}: {error}");
                let is_denied = matches!(
                    error.kind(),
                    async_nats::ConnectErrorKind::Authentication | async_nats::ConnectErrorKind::AuthorizationViolation
                );
                if is_denied { SourceError::Refused { why } } else { unreachable(why) }
            })
        })?;
        let shared = Shared { client, handle: runtime.handle().clone(), runtime: Some(runtime) };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Refuses servers that ignore settings of the streams. While there is no connection, nothing is known.
    pub(super) fn check_version(&self) -> Result<(), SourceError> {
        let (client, (major, minor, patch)) = (self.client(), MIN_VERSION);
        let is_connected = client.connection_state() == async_nats::connection::State::Connected;
        if is_connected && !client.is_server_compatible(major, minor, patch) {
            let found = client.server_info().version.clone();
            let why = format!("nats-server {found} is too old: {major}.{minor} or later is needed");
            return Err(SourceError::Refused { why });
        }
        Ok(())
    }

    /// The source of a stream, which must exist and allow direct access (`allow_direct`).
    #[must_use]
    pub fn source(&self, stream: impl Into<String>) -> NatsSource {
        NatsSource::new(self.clone(), stream.into())
    }

    pub(super) fn client(&self) -> &Client {
        &self.shared.client
    }

    /// Where tasks of the connection run.
    pub(super) fn handle(&self) -> &Handle {
        &self.shared.handle
    }

    /// Waits for the outcome of a task. Not for use within an asynchronous runtime.
    pub(super) fn wait<T>(&self, task: impl Future<Output = T>) -> T {
        self.shared.handle.block_on(task)
    }

    /// Sends a request of JetStream's API and waits for the answer.
    pub(crate) fn request(&self, subject: String, payload: Vec<u8>) -> Result<Message, SourceError> {
        self.request_with_headers(subject, HeaderMap::new(), payload)
    }

    /// The same with headers.
    pub(super) fn request_with_headers(
        &self,
        subject: String,
        headers: HeaderMap,
        payload: Vec<u8>,
    ) -> Result<Message, SourceError> {
        let request = async_nats::Request::new().payload(payload.into()).headers(headers);
        let answer = self.wait(self.client().send_request(subject.clone(), request));
        answer.map_err(|error| match error.kind() {
            RequestErrorKind::InvalidSubject => SourceError::Refused { why: format!("{subject:?} is not a subject") },
            _ => unreachable(format!("{subject}: {error}")),
        })
    }
}

pub(super) fn unreachable(why: String) -> SourceError {
    SourceError::Unreachable { why }
}
