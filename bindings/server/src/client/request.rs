//! Requests and their answers.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Buf, Incoming};
use hyper::client::conn::http1::SendRequest;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::connection::Endpoint;
use super::error::{ClientError, Refusal};
use super::questions::Question;
use crate::remote::RequestBody;
use crate::routes::{PROBLEM, VERSION};

/// Sends requests to one server.
#[derive(Clone)]
pub(super) struct Requests {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) token: Option<HeaderValue>,
    /// How long the server may be silent; `None`: no limit.
    pub(super) patience: Option<Duration>,
    /// How much of answers is read; `None`: all.
    pub(super) allowance: Option<Arc<Allowance>>,
}

/// The number of bytes that several answers may have together.
#[derive(Debug)]
pub struct Allowance {
    max_bytes: u64,
    read_bytes: AtomicU64,
}

impl Allowance {
    /// This number of bytes.
    #[must_use]
    pub fn new(max_bytes: u64) -> Self {
        Self { max_bytes, read_bytes: AtomicU64::new(0) }
    }

    fn take(&self, bytes: usize) -> Result<(), ClientError> {
        let bytes = bytes as u64;
        let read_bytes = self.read_bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if read_bytes > self.max_bytes { Err(ClientError::TooLong { max_bytes: self.max_bytes }) } else { Ok(()) }
    }
}

/// A connection that is used for one request after the other. Its other half runs while somebody waits for an answer.
pub(super) struct Connection {
    runtime: Runtime,
    sender: Option<SendRequest<RequestBody>>,
}

impl Connection {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?, sender: None })
    }
}

/// An answer that is read while it arrives.
///
/// Reading fails with a [`ClientError`] inside the error if the connection ends before the answer.
pub struct Body {
    requests: Requests,
    connection: Connection,
    headers: Box<HeaderMap>,
    incoming: Incoming,
    part: Bytes,
}

impl Requests {
    fn request(&self, method: &Method, path: &str, body: RequestBody) -> Result<Request<RequestBody>, ClientError> {
        let target = format!("{}{path}", self.endpoint.base());
        let mut request = Request::new(body);
        *request.method_mut() = method.clone();
        let invalid =
            |error: axum::http::uri::InvalidUri| ClientError::Url { url: target.clone(), why: error.to_string() };
        *request.uri_mut() = target.parse().map_err(invalid)?;
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.endpoint.authority());
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        if let Some(token) = &self.token {
            headers.insert(header::AUTHORIZATION, token.clone());
        }
        Ok(request)
    }

    pub(super) fn ended(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ClientError {
        ClientError::Ended { at: self.endpoint.name(), source: source.into() }
    }

    pub(super) fn unexpected(&self, why: impl ToString) -> ClientError {
        ClientError::Unexpected { at: self.endpoint.name(), why: why.to_string() }
    }

    /// Sends a request. If the server closed the connection since the last one, a new connection is used.
    async fn send(
        &self,
        sender: &mut Option<SendRequest<RequestBody>>,
        mut request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, ClientError> {
        let mut is_new = false;
        loop {
            if sender.as_ref().is_none_or(SendRequest::is_closed) {
                *sender = Some(self.endpoint.connect().await?);
                is_new = true;
            }
            let Some(open) = sender.as_mut() else { continue };
            let failure = match open.ready().await {
                Ok(()) => match open.try_send_request(request).await {
                    Ok(response) => return self.checked(response).await,
                    Err(mut failure) => {
                        let unsent = failure.take_message();
                        match unsent {
                            Some(unsent) if !is_new => request = unsent,
                            _ => return Err(self.ended(failure.into_error())),
                        }
                        *sender = None;
                        continue;
                    }
                },
                Err(error) => error,
            };
            *sender = None;
            if is_new {
                return Err(self.ended(failure));
            }
        }
    }

    /// Turns a problem into an error, and refuses the answer of another program or version.
    async fn checked(&self, response: Response<Incoming>) -> Result<Response<Incoming>, ClientError> {
        let status = response.status();
        let version = response.headers().get(VERSION).map(|version| version.to_str().unwrap_or_default());
        let own = env!("CARGO_PKG_VERSION");
        match version {
            Some(version) if is_compatible(version, own) => {}
            Some(version) => return Err(self.unexpected(format!("it is convofold {version}, this is {own}"))),
            None => {
                return Err(self.unexpected(format!("the status is {status}, and nothing says that it is convofold")));
            }
        }
        if status.is_success() {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let body = self.whole(body).await?;
        let foreign = |_| Refusal {
            status: status.as_u16(),
            detail: format!("{} answers {status}", self.endpoint.name()),
            cause: None,
            report: None,
            is_nothing: false,
            earliest: None,
            headers: Box::default(),
        };
        let refusal = serde_json::from_slice(&body).unwrap_or_else(foreign);
        Err(ClientError::Problem(Refusal { headers: parts.headers.into(), ..refusal }))
    }

    async fn whole(&self, mut body: Incoming) -> Result<Vec<u8>, ClientError> {
        let mut whole = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(part) = frame.map_err(|error| self.ended(error))?.into_data() else { continue };
            self.allowance.as_ref().map_or(Ok(()), |allowance| allowance.take(part.len()))?;
            whole.extend_from_slice(&part);
        }
        Ok(whole)
    }

    /// Connects if there is no connection.
    pub(super) fn connect(&self, connection: &Mutex<Connection>) -> Result<(), ClientError> {
        let Connection { runtime, sender } = &mut *connection.lock();
        *sender = Some(runtime.block_on(self.endpoint.connect())?);
        Ok(())
    }

    /// Asks for an answer that is read as a whole.
    pub(super) fn get<T: 'static>(
        &self,
        connection: &Mutex<Connection>,
        question: &Question<T>,
    ) -> Result<T, ClientError> {
        let Connection { runtime, sender } = &mut *connection.lock();
        runtime.block_on(self.fetch(sender, question.path(), question)).map(|(answer, _)| answer)
    }

    /// Asks for an answer that is read as a whole, at this path. The sender is left if it can be used again.
    pub(super) async fn fetch<T: 'static>(
        &self,
        sender: &mut Option<SendRequest<RequestBody>>,
        path: &str,
        question: &Question<T>,
    ) -> Result<(T, HeaderMap), ClientError> {
        let fetched = self.in_time(self.fetch_whole(sender, path, question)).await;
        fetched.unwrap_or_else(|silent| {
            *sender = None;
            Err(silent)
        })
    }

    /// The outcome, if it comes before the patience ends.
    async fn in_time<T>(&self, outcome: impl Future<Output = T>) -> Result<T, ClientError> {
        let within = self.patience.unwrap_or(Duration::MAX);
        timeout(within, outcome).await.map_err(|_| self.silent(within))
    }

    fn silent(&self, within: Duration) -> ClientError {
        ClientError::Silent { at: self.endpoint.name(), within }
    }

    async fn fetch_whole<T: 'static>(
        &self,
        sender: &mut Option<SendRequest<RequestBody>>,
        path: &str,
        question: &Question<T>,
    ) -> Result<(T, HeaderMap), ClientError> {
        let nothing = RequestBody::new(Full::default().map_err(|never| match never {}));
        let request = self.request(&Method::GET, path, nothing)?;
        let response = match self.send(sender, request).await {
            Err(ClientError::Problem(refusal)) if refusal.status == StatusCode::NOT_FOUND.as_u16() => {
                return match question.missing() {
                    Some(missing) => Ok((missing, *refusal.headers)),
                    None => Err(ClientError::Problem(refusal)),
                };
            }
            response => response?,
        };
        let (parts, body) = response.into_parts();
        let body = self.whole(body).await.inspect_err(|_| *sender = None)?;
        let answer = question.read(&body).map_err(|error| self.unexpected(error))?;
        Ok((answer, parts.headers))
    }

    /// Sends a request on a connection of its own, and returns when the answer begins.
    pub(super) fn open(&self, method: &Method, path: &str, body: RequestBody) -> Result<Body, ClientError> {
        let mut connection = Connection::new().map_err(|error| self.ended(error))?;
        let Connection { runtime, sender } = &mut connection;
        let sent = self.send(sender, self.request(method, path, body)?);
        let response = runtime.block_on(self.in_time(sent))??;
        let (parts, incoming) = response.into_parts();
        Ok(Body { requests: self.clone(), headers: parts.headers.into(), incoming, connection, part: Bytes::new() })
    }
}

impl Body {
    /// The value of a header of the answer.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The next part of the answer; `None` at its end.
    ///
    /// # Errors
    /// [`ClientError::Ended`] if the connection ends before the answer; [`ClientError::Problem`] if the server says why.
    pub fn next_part(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            if let Some(part) = self.next_part_timeout(Duration::MAX)? {
                return Ok(part);
            }
        }
    }

    /// Like [`Body::next_part`], but `None` if nothing arrives in this time. [`ClientError::Silent`] counts from the call.
    ///
    /// # Errors
    /// As for [`Body::next_part`].
    pub fn next_part_timeout(&mut self, within: Duration) -> Result<Option<Option<Bytes>>, ClientError> {
        let Self { requests, connection, incoming, .. } = self;
        let patience = requests.patience.unwrap_or(Duration::MAX);
        loop {
            let frame = connection.runtime.block_on(async { timeout(within.min(patience), incoming.frame()).await });
            let frame = match frame {
                Err(_) if within > patience => return Err(requests.silent(patience)),
                Err(_) => return Ok(None),
                Ok(None) => return Ok(Some(None)),
                Ok(Some(frame)) => frame.map_err(|error| requests.ended(error))?,
            };
            match frame.into_data() {
                Ok(part) if part.is_empty() => {}
                Ok(part) => return Ok(Some(Some(part))),
                Err(frame) => {
                    if let Some(problem) = frame.trailers_ref().and_then(|trailers| trailers.get(PROBLEM)) {
                        let refusal = serde_json::from_slice(problem.as_bytes());
                        return Err(refusal.map_or_else(|error| requests.unexpected(error), ClientError::Problem));
                    }
                }
            }
        }
    }

    /// The error for a line of another form.
    pub(super) fn unexpected(&self, why: impl ToString) -> ClientError {
        self.requests.unexpected(why)
    }
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.part.is_empty() {
            self.part = self.next_part().map_err(io::Error::other)?.unwrap_or_default();
        }
        let length = self.part.len().min(into.len());
        self.part.copy_to_slice(into.get_mut(..length).unwrap_or_default());
        Ok(length)
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("of", &self.requests.endpoint.name()).finish_non_exhaustive()
    }
}

/// Whether two versions have the same requests: those with the same major and minor number.
fn is_compatible(one: &str, other: &str) -> bool {
    let series = |version: &str| version.rsplit_once('.').map(|(series, _)| series.to_owned());
    series(one).is_some() && series(one) == series(other)
}

/// A path with query parameters.
pub(super) fn path(path: &str, params: &impl Serialize) -> String {
    match serde_urlencoded::to_string(params) {
        Ok(params) if !params.is_empty() => format!("{path}?{params}"),
        _ => path.to_owned(),
    }
}
