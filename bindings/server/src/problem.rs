//! Errors as problem details (RFC 9457).

use std::fmt;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use convofold::{CommitError, StorageError, SubmitError};
use serde::Serialize;
use utoipa::ToSchema;

/// An error (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: the status says what kind of problem it is.
    r#type: &'static str,
    /// The meaning of the status.
    title: &'static str,
    /// The status.
    status: u16,
    /// What is wrong with this request, and what was expected.
    detail: String,
    /// What was committed before the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    report: Option<Box<serde_json::Value>>,
    /// True if the question is about a moment at which the database had no events.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    nothing: bool,
    /// The earliest time about which the question has an answer, if it was about an earlier one.
    #[serde(skip_serializing_if = "Option::is_none")]
    earliest: Option<i64>,
    /// The error behind the problem, with its causes.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        let (status, detail) = (status.as_u16(), detail.into());
        Self { r#type: "about:blank", title, status, detail, report: None, nothing: false, earliest: None, cause: None }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    /// Adds what was committed before the problem.
    pub(crate) fn with_report(mut self, report: &impl Serialize) -> Self {
        self.report = serde_json::to_value(report).ok().map(Box::new);
        self
    }

    /// Adds that the database had no events at the moment of the question.
    pub(crate) fn of_nothing(mut self) -> Self {
        self.nothing = true;
        self
    }

    /// Adds the earliest time about which the question has an answer.
    pub(crate) fn with_earliest(mut self, earliest: i64) -> Self {
        self.earliest = Some(earliest);
        self
    }

    /// Adds the error behind the problem.
    pub(crate) fn with_cause(mut self, error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let more = error.to_string();
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            cause = error.source();
        }
        self.cause = Some(text);
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED {
            tracing::warn!(status = status.as_u16(), detail = self.detail, "a request failed");
        }
        let mut response = (status, axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match status {
            StatusCode::SERVICE_UNAVAILABLE => drop(headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"))),
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}

impl From<CommitError> for Problem {
    fn from(error: CommitError) -> Self {
        Self::unavailable(format!("the events are not durable: {error}; send them again")).with_cause(&error)
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::TooLarge { .. } => Self::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
            _ => Self::unavailable(format!("the events were not accepted: {error}; send them again")),
        }
        .with_cause(&error)
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Closed => Self::unavailable("the database is closed"),
            StorageError::Expired { before } => {
                Self::new(StatusCode::GONE, error.to_string()).with_earliest(before.ms())
            }
            StorageError::Replaced => Self::unavailable("conversations were erased meanwhile: ask again"),
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("a conversation cannot be read: {error}")),
        }
        .with_cause(&error)
    }
}

impl From<tokio::task::JoinError> for Problem {
    fn from(_: tokio::task::JoinError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "answering the request failed")
    }
}
