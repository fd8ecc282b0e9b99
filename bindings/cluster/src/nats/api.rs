//! Requests of JetStream's API that are answered in JSON.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::connection::{Nats, unreachable};
use crate::log::SourceError;

/// How long a stream may have no leader, as after it was made.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// The pause before a request is repeated.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// Numbers of errors of the API.
pub(super) const NO_MESSAGE: u64 = 10_037;
pub(super) const NO_STREAM: u64 = 10_059;
pub(super) const OTHER_SETTINGS: u64 = 10_058;
pub(super) const OTHER_LAST_SEQ: u64 = 10_071;

/// An error in an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct ApiError {
    pub(super) code: u16,
    /// The number of the error.
    pub(super) err_code: u64,
    pub(super) description: String,
}

#[derive(Deserialize)]
struct Failed {
    error: Option<ApiError>,
}

impl ApiError {
    /// What the brokers say.
    pub(super) fn said(&self) -> String {
        format!("{} ({})", self.description, self.code)
    }
}

/// Reads an answer: what was asked for, or an error.
pub(super) fn read<T: DeserializeOwned>(subject: &str, answer: &[u8]) -> Result<Result<T, ApiError>, SourceError> {
    let broken = |error: serde_json::Error| SourceError::Broken { why: format!("the answer of {subject}: {error}") };
    let Failed { error } = serde_json::from_slice(answer).map_err(broken)?;
    match error {
        Some(error) if error.code == 503 => Err(unreachable(format!("{subject}: {}", error.said()))),
        Some(error) => Ok(Err(error)),
        None => Ok(Ok(serde_json::from_slice(answer).map_err(broken)?)),
    }
}

impl Nats {
    /// Sends a request, and reads its answer.
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        subject: &str,
        payload: &[u8],
    ) -> Result<Result<T, ApiError>, SourceError> {
        let answer = self.request(subject.to_owned(), payload.to_vec())?;
        read(subject, &answer.payload)
    }

    /// Repeats a request while the brokers do not answer, for at most this time.
    pub(super) fn insist<T>(
        &self,
        patience: Duration,
        mut ask: impl FnMut() -> Result<T, SourceError>,
    ) -> Result<T, SourceError> {
        let end = std::time::Instant::now() + patience;
        loop {
            match ask() {
                Err(SourceError::Unreachable { .. }) if std::time::Instant::now() < end => {
                    std::thread::sleep(RETRY_PAUSE);
                }
                outcome => return outcome,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_what_was_asked_for_or_an_error_with_a_number() {
        #[derive(Debug, PartialEq, Eq, Deserialize)]
        struct Acknowledged {
            seq: u64,
        }
        let read = |answer: &str| read::<Acknowledged>("cf.chat.0", answer.as_bytes());
        assert_eq!(read(r#"{"stream":"CF_chat_0","seq":7}"#), Ok(Ok(Acknowledged { seq: 7 })));
        let error = read(r#"{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 3"}}"#);
        assert_eq!(error.unwrap().unwrap_err().err_code, OTHER_LAST_SEQ);
        assert!(matches!(read(r#"{"error":{"code":503}}"#), Err(SourceError::Unreachable { .. })));
        for senseless in ["", "no JSON", "{}", "[]"] {
            assert!(matches!(read(senseless), Err(SourceError::Broken { .. })), "{senseless:?}");
        }
    }
}
