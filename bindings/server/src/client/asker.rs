//! Many questions to one server at the same time, on a runtime of the caller.

use std::sync::Arc;

use axum::http::HeaderMap;
use hyper::client::conn::http1::SendRequest;
use parking_lot::Mutex;

use super::connection::{Endpoint, bearer};
use super::error::ClientError;
use super::questions::Question;
use super::request::{Allowance, Requests};
use crate::remote::RequestBody;

/// Connections that are kept for the next questions.
const KEPT_CONNECTIONS: usize = 16;

/// Asks a server any number of questions at the same time, each on a connection of its own. A dropped question ends its
/// connection.
///
/// [`Client`](crate::Client) blocks and asks one question after the other.
pub struct Asker {
    requests: Requests,
    idle: Mutex<Vec<SendRequest<RequestBody>>>,
}

/// An answer, with what its headers say.
#[derive(Clone, Debug)]
pub struct Answered<T> {
    /// The answer.
    pub answer: T,
    headers: HeaderMap,
}

impl<T> Answered<T> {
    /// The value of a header of the answer.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Asker {
    /// Asks the server at a URL; as for [`Client::of_url`](crate::Client::of_url).
    ///
    /// # Errors
    /// [`ClientError::Url`] if it is not such a URL.
    pub fn of_url(url: &str) -> Result<Self, ClientError> {
        let endpoint = Endpoint::of_url(url)?.into();
        Ok(Self {
            requests: Requests { endpoint, token: None, patience: None, allowance: None },
            idle: Mutex::default(),
        })
    }

    /// The server, as messages name it.
    #[must_use]
    pub fn name(&self) -> String {
        self.requests.endpoint.name()
    }

    /// Whether others can read what is sent and answered: without TLS, to another machine.
    #[must_use]
    pub fn is_overheard(&self) -> bool {
        self.requests.endpoint.is_overheard()
    }

    /// Asks a question below this path of the server, which is empty for a server of one database, with a token if the server
    /// needs one. The allowance is for all questions that are asked with it. Must be called on a runtime of tokio.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn ask<T: 'static>(
        &self,
        base: &str,
        question: &Question<T>,
        token: Option<&str>,
        allowance: &Arc<Allowance>,
    ) -> Result<Answered<T>, ClientError> {
        let why = "the token contains characters that no token has".to_owned();
        let invalid = || ClientError::Url { url: self.name(), why };
        let token = token.map(|token| bearer(token.trim()).ok_or_else(invalid)).transpose()?;
        let requests = Requests { token, allowance: Some(allowance.clone()), ..self.requests.clone() };
        let path = format!("{base}{}", question.path());
        let mut sender = self.idle.lock().pop();
        let answered = requests.fetch(&mut sender, &path, question).await;
        if let Some(sender) = sender {
            let mut idle = self.idle.lock();
            if idle.len() < KEPT_CONNECTIONS {
                idle.push(sender);
            }
        }
        let (answer, headers) = answered?;
        Ok(Answered { answer, headers })
    }
}

impl std::fmt::Debug for Asker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asker").field("of", &self.name()).finish_non_exhaustive()
    }
}
