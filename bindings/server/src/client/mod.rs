//! A blocking client of the server, with the methods of [`Convofold`](convofold::Convofold).

mod error;
pub(crate) mod connection;
mod request;
mod questions;
mod asker;
mod batches;
mod care;
mod feed;
mod partitions;
mod personal;
mod view;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::Method;
use convofold::{
    AgentLoad, Arrivals, Behind, Conflict, Cursor, DatabaseId, Explanation, FieldName, HistoryEntry, Measure,
    MomentReport, Page, Query, RecordedHashes, Report, ReportQuery, Seq, State, StateHash, Stats, Suspects,
    SuspectsQuery, Totals, UnknownValue,
};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use serde::Deserialize;

use crate::remote::RequestBody;
use connection::{Endpoint, bearer};
use request::{Connection, Requests};

pub use asker::{Answered, Asker};
pub use batches::Batches;
pub use care::ExportedEvents;
pub use error::{ClientError, Refusal};
pub use feed::{Changes, Next};
pub use questions::{ListedPage, Listing, Question, Questions};
pub use request::{Allowance, Body};
pub use view::ClientView;

/// Asks the process that holds a database, or a server from afar, and blocks until the answer is there.
/// Threads that share a client wait for each other.
///
/// The methods have the names of those of [`Convofold`](convofold::Convofold) and the same answers.
pub struct Client {
    requests: Requests,
    connection: Mutex<Connection>,
}

/// Figures about a database.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Figures {
    /// The identity of the database.
    pub database_id: DatabaseId,
    /// The time of the newest event, in milliseconds since the epoch.
    pub latest_at: Option<i64>,
    /// Numbers and sizes.
    pub stats: Stats,
    /// The JSON of [`Recovery`](convofold::Recovery): what opening the database found and did.
    pub recovery: serde_json::Value,
}

/// A page of conversations in full.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct StatePage {
    /// The conversations.
    pub conversations: Vec<State>,
    /// The position of the next page.
    pub next: Option<Cursor>,
    /// Why the first page is empty.
    pub unknown: Vec<UnknownValue>,
    /// What the page is about, if it is about the past.
    pub moment: MomentReport,
}

impl Client {
    /// Connects to the process that holds the database in this folder. It answers there if it is `convofold serve`, a command
    /// that writes, or a program that calls [`answer`](crate::answer).
    ///
    /// # Errors
    /// [`ClientError::Connect`] if no process answers.
    pub fn of_holder(folder: impl AsRef<Path>) -> Result<Self, ClientError> {
        let client = Self::to(Endpoint::Holder(folder.as_ref().to_owned()), None)?;
        client.requests.connect(&client.connection)?;
        Ok(client)
    }

    /// A client of the server at a URL, `http://HOST[:PORT][/BASE]` or `https://...`, with a token if the server needs one.
    /// The certificate of the server must be trusted by this system, or be in the file that the environment variable
    /// `SSL_CERT_FILE` names. Connects with the first request.
    ///
    /// # Errors
    /// [`ClientError::Url`] if it is not such a URL.
    pub fn of_url(url: &str, token: Option<&str>) -> Result<Self, ClientError> {
        let why = "the token contains characters that no token has".to_owned();
        let invalid = || ClientError::Url { url: url.to_owned(), why };
        let token = token.map(|token| bearer(token.trim()).ok_or_else(invalid)).transpose()?;
        Self::to(Endpoint::of_url(url)?, token)
    }

    fn to(endpoint: Endpoint, token: Option<axum::http::HeaderValue>) -> Result<Self, ClientError> {
        let failed = |source| ClientError::Connect { at: endpoint.name(), source };
        let connection = Mutex::new(Connection::new().map_err(failed)?);
        Ok(Self {
            requests: Requests { endpoint: Arc::new(endpoint), token, patience: None, allowance: None },
            connection,
        })
    }

    /// Sets how long the server may be silent: an answer that is read as a whole must come within this time, and the parts of
    /// one that is read while it arrives must not be further apart. Default: no limit, because a verification, for instance, takes long; a
    /// machine that is cut off is noticed in any case.
    #[must_use]
    pub fn patience(mut self, within: Duration) -> Self {
        self.requests.patience = Some(within);
        self
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

    fn get<T: serde::de::DeserializeOwned + 'static>(&self, path: &str) -> Result<T, ClientError> {
        self.ask(&Question::new(path, &[(); 0]))
    }

    /// Asks a question.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn ask<T: 'static>(&self, question: &Question<T>) -> Result<T, ClientError> {
        self.requests.get(&self.connection, question)
    }

    /// Sends a request with this body on a connection of its own, and returns when the answer begins. `path` has a query if
    /// one is needed.
    ///
    /// # Errors
    /// [`ClientError`] if there is no answer, or it says what is wrong.
    pub fn send(&self, method: &Method, path: &str, body: impl Into<Bytes>) -> Result<Body, ClientError> {
        let body = Full::new(body.into()).map_err(|never| match never {});
        self.requests.open(method, path, RequestBody::new(body))
    }

    /// Asks for an answer that is read while it arrives. `path` has a query if one is needed.
    ///
    /// # Errors
    /// As for [`Client::send`].
    pub fn stream(&self, path: &str) -> Result<Body, ClientError> {
        self.send(&Method::GET, path, Bytes::new())
    }

    /// The workload of every agent, unassigned conversations last.
    ///
    /// # Errors
    /// [`ClientError`], as for every method.
    pub fn agents(&self) -> Result<Vec<AgentLoad>, ClientError> {
        self.now().agents()
    }

    /// Counts per tenant and channel.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn totals(&self) -> Result<Vec<Totals>, ClientError> {
        self.now().totals()
    }

    /// The state hash.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn state_hash(&self) -> Result<StateHash, ClientError> {
        self.now().state_hash()
    }

    /// The sequence number of the last event, and the state hash of exactly the events up to it.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn seq_and_hash(&self) -> Result<(Seq, StateHash), ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            seq: Seq,
            hash: StateHash,
        }
        self.get("/api/v1/hash").map(|Answer { seq, hash }| (seq, hash))
    }

    /// What is suspect; see [`Convofold::suspects`](convofold::Convofold::suspects). The answer has at most one tenant.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn suspects(&self, query: &SuspectsQuery) -> Result<Suspects, ClientError> {
        self.now().suspects(query)
    }

    /// What happened, by time and group; see [`Convofold::measures`](convofold::Convofold::measures). The server cuts the end
    /// to its present.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn measures(&self, query: &ReportQuery) -> Result<Report, ClientError> {
        self.now().measures(query)
    }

    /// What is behind the numbers of a measure of a report; see [`Convofold::behind`](convofold::Convofold::behind).
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn behind(&self, query: &ReportQuery, measure: Measure) -> Result<Behind, ClientError> {
        self.now().behind(query, measure)
    }

    /// The state hashes that checkpoints recorded.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn recorded_hashes(&self) -> Result<RecordedHashes, ClientError> {
        self.get("/api/v1/hashes")
    }

    /// Numbers and sizes, the time of the newest event, and how the database was opened.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn figures(&self) -> Result<Figures, ClientError> {
        self.get("/api/v1/stats")
    }

    /// The state of a conversation and how its events arrived; `None` if there is no such conversation.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn state(&self, id: &str) -> Result<Option<(State, Arrivals)>, ClientError> {
        let found = self.ask(&Questions::NOW.state(id))?;
        let missing = || self.requests.unexpected("the arrivals are missing");
        found.map(|(state, arrivals)| Ok((state, arrivals.ok_or_else(missing)?))).transpose()
    }

    /// Every event of a conversation; `None` if there is no such conversation.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn history(&self, id: &str) -> Result<Option<Vec<HistoryEntry>>, ClientError> {
        self.now().history(id)
    }

    /// Why a conversation is what it is, with at most `limit` events in a list; `None` if there is no such conversation.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn explain(
        &self,
        id: &str,
        field: Option<FieldName>,
        limit: usize,
    ) -> Result<Option<Vec<Explanation>>, ClientError> {
        self.now().explain(id, field, limit)
    }

    /// The conflicts of a conversation; `None` if there is no such conversation.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn conflicts(&self, id: &str) -> Result<Option<Vec<Conflict>>, ClientError> {
        self.now().conflicts(id)
    }

    /// The conflicts of all conversations.
    ///
    /// # Errors
    /// [`ClientError`], also of each item.
    pub fn scan_conflicts(&self) -> Result<impl Iterator<Item = Result<Conflict, ClientError>> + use<>, ClientError> {
        self.now().scan_conflicts()
    }

    /// The ids that begin with these characters, sorted by their bytes, `limit` at most (1,000 at most).
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn find_ids(&self, prefix: &str, limit: usize) -> Result<Vec<String>, ClientError> {
        self.ask(&Questions::ids(prefix, limit))
    }

    /// One page of the conversations that match a query, with their last messages.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Query`] if the cursor was made with another sort order.
    pub fn query(&self, query: &Query) -> Result<Page, ClientError> {
        self.now().query(query)
    }

    /// One page of the conversations that match a query, in full.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Query`] if the cursor was made with another sort order.
    pub fn query_states(&self, query: &Query) -> Result<StatePage, ClientError> {
        self.now().query_states(query)
    }

    /// Writes every conversation as one line of JSON, sorted by id. Returns their number.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Write`] if `out` cannot be written.
    pub fn export(&self, out: &mut impl Write) -> Result<u64, ClientError> {
        self.now().export(out)
    }
}

/// The error inside an error of reading an answer.
fn of_body(error: std::io::Error, body: &Body) -> ClientError {
    match error.downcast::<ClientError>() {
        Ok(error) => error,
        Err(error) => body.unexpected(error),
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("of", &self.name()).finish_non_exhaustive()
    }
}
