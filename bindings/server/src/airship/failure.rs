//! Why the stream is not connected.

use std::io;
use std::path::PathBuf;

use axum::http::StatusCode;
use convofold::{CommitError, SubmitError};

use super::backoff::Pace;
use crate::client::ClientError;
use crate::span::Span;
use crate::upstreams::UpstreamState;

/// Why the stream is not connected.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The server is stopping. This is no failure.
    #[error("the server is stopping")]
    Stopping,
    #[error("cannot read the token in {}: {source}", path.display())]
    Token { path: PathBuf, source: io::Error },
    #[error("{}", .0.words())]
    Connect(#[from] ClientError),
    #[error("the request cannot be sent: {0}")]
    Request(#[source] hyper::Error),
    #[error("no byte for {0}")]
    Silence(Span),
    #[error("redirected without a cookie (307)")]
    NoCookie,
    #[error("redirected {0} times in a row (307)")]
    Redirects(usize),
    #[error("{}", describe(*.status, .detail))]
    Refused { status: StatusCode, detail: String },
    #[error("expected Content-Encoding gzip or none, found {0:?}")]
    Encoding(String),
    #[error("the body is damaged: {0}")]
    Damaged(#[source] io::Error),
    #[error("the connection broke: {0}")]
    Broken(#[source] hyper::Error),
    #[error("Airship ended the stream")]
    Ended,
    #[error("the database accepts no events: {0}")]
    Submit(#[source] Box<SubmitError>),
    #[error("the events are not durable: {0}")]
    Commit(#[source] CommitError),
}

fn describe(status: StatusCode, detail: &str) -> String {
    let meaning = match status {
        StatusCode::BAD_REQUEST => "the request is invalid",
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "the token or the app key is not accepted",
        StatusCode::PAYMENT_REQUIRED => "another consumer is connected",
        StatusCode::NOT_FOUND => "there is no data for this app key yet",
        StatusCode::TOO_MANY_REQUESTS => "too many requests",
        status if status.is_server_error() => "Airship cannot answer",
        _ => "an unexpected answer",
    };
    let status = status.as_u16();
    if detail.is_empty() { format!("{meaning} ({status})") } else { format!("{meaning} ({status}): {detail}") }
}

impl Failure {
    /// For the metric.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Stopping => "stopping",
            Self::Token { .. } => "token_file",
            Self::Connect(_) | Self::Request(_) => "connect",
            Self::Silence(_) => "silence",
            Self::NoCookie | Self::Redirects(_) => "redirect",
            Self::Encoding(_) => "encoding",
            Self::Damaged(_) => "damaged",
            Self::Broken(_) => "broken",
            Self::Ended => "ended",
            Self::Submit(_) | Self::Commit(_) => "database",
            Self::Refused { status, .. } => match *status {
                StatusCode::BAD_REQUEST => "bad_request",
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "unauthorized",
                StatusCode::PAYMENT_REQUIRED => "other_consumer",
                StatusCode::NOT_FOUND => "no_data",
                status if status.is_server_error() => "server_error",
                _ => "other_status",
            },
        }
    }

    pub(super) fn pace(&self) -> Pace {
        match self {
            Self::Refused { status: StatusCode::PAYMENT_REQUIRED, .. } => Pace::Slowest,
            Self::Refused { status, .. } if status.is_server_error() => Pace::Soon,
            Self::Refused { .. }
            | Self::Token { .. }
            | Self::NoCookie
            | Self::Redirects(_)
            | Self::Encoding(_)
            | Self::Submit(_)
            | Self::Commit(_) => Pace::Slow,
            _ => Pace::Soon,
        }
    }

    pub(super) fn state(&self) -> UpstreamState {
        match self {
            // It is not refused: there is nothing yet.
            Self::Refused { status: StatusCode::NOT_FOUND, .. } => UpstreamState::Connecting,
            Self::Refused { status, .. } if status.is_server_error() => UpstreamState::Connecting,
            Self::Refused { .. } | Self::Token { .. } | Self::NoCookie | Self::Redirects(_) | Self::Encoding(_) => {
                UpstreamState::Refused
            }
            _ => UpstreamState::Connecting,
        }
    }

    /// Whether nothing changes until a person changes something.
    pub(super) fn needs_a_person(&self) -> bool {
        self.state() == UpstreamState::Refused || matches!(self, Self::Submit(_) | Self::Commit(_))
    }
}
