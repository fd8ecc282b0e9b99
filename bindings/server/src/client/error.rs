//! Why a client has no answer.

use std::io;
use std::time::Duration;

use axum::http::HeaderMap;
use convofold::QueryError;
use serde::Deserialize;

/// Why a [`Client`](crate::Client) has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The address is not a URL of a server.
    #[error("invalid URL {url:?}: {why}")]
    Url {
        /// The text.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The server cannot be reached.
    #[error("cannot connect to {at}")]
    Connect {
        /// The server.
        at: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The server ended, or cut the connection, before the answer was complete.
    #[error("{at} ended the connection before the answer was complete")]
    Ended {
        /// The server.
        at: String,
        /// The error of the connection.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server was silent for longer than [`Client::patience`](crate::Client::patience) allows.
    #[error("{at} has not answered within {within:?}")]
    Silent {
        /// The server.
        at: String,
        /// The time.
        within: Duration,
    },
    /// The answers that were asked for together are longer than allowed.
    #[error("the answers are longer than {max_bytes} bytes together")]
    TooLong {
        /// The maximum.
        max_bytes: u64,
    },
    /// The server refused the request, or could not answer it.
    #[error("{}", .0.detail)]
    Problem(Refusal),
    /// The answer is that of another program, or of another version of convofold.
    #[error("{at} gave an unexpected answer: {why}")]
    Unexpected {
        /// The server.
        at: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// The log no longer has the event at which a feed was to begin.
    #[error("the log begins with event {first_seq}")]
    Dropped {
        /// The first event in the log.
        first_seq: convofold::Seq,
    },
    /// The query is invalid.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The answer could not be written to where it belongs.
    #[error("the answer could not be written")]
    Write(#[source] io::Error),
}

/// An answer that says what is wrong (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Refusal {
    /// The status, such as 401.
    pub status: u16,
    /// What is wrong with the request, and what was expected.
    pub detail: String,
    /// The error behind it, with its causes, as the library words it.
    pub cause: Option<String>,
    /// What was committed before.
    pub report: Option<serde_json::Value>,
    /// Whether the question is about a moment at which the database had no events.
    #[serde(default, rename = "nothing")]
    pub is_nothing: bool,
    /// The earliest time about which the question has an answer, if it was about an earlier one, in milliseconds since the
    /// epoch.
    pub earliest: Option<i64>,
    /// The headers of the answer.
    #[serde(skip)]
    pub(super) headers: Box<HeaderMap>,
}

impl Refusal {
    /// The value of a header of the answer.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl ClientError {
    /// The status of a refused request.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Problem(refusal) => Some(refusal.status),
            _ => None,
        }
    }

    /// The error with its causes on one line, in the words of the library if that is to blame.
    #[must_use]
    pub fn words(&self) -> String {
        use std::error::Error as _;
        if let Some(cause) = self.cause() {
            return cause.to_owned();
        }
        std::iter::successors(self.source(), |&error| error.source())
            .fold(self.to_string(), |text, cause| format!("{text}: {cause}"))
    }

    /// The error behind a request that could not be answered, as the library words it.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        match self {
            Self::Problem(refusal) => refusal.cause.as_deref(),
            _ => None,
        }
    }
}
