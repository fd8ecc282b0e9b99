//! Members: what is stored about them, erasures, legal holds and retention.

use std::io::{BufRead, BufReader, Write};

use axum::body::Bytes;
use axum::http::Method;
use convofold::erase::{Erasable, Erasure};
use convofold::retention::{Retained, Retention, RetentionRun};
use convofold::{Disclosed, Hold, StateHash, Subject, SubjectParams, Time};
use serde::Deserialize;
use serde_json::json;

use super::Client;
use super::error::ClientError;
use super::request::path;
use crate::routes::{EraseAnswer, EraseRequest, HoldAnswer};

impl Client {
    /// Writes everything that is stored about these subjects; see [`Convofold::disclose`](convofold::Convofold::disclose).
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Write`] if `out` cannot be written.
    pub fn disclose(&self, subjects: &[Subject], out: &mut impl Write) -> Result<Disclosed, ClientError> {
        let mut body = BufReader::new(self.post_json("/api/v1/disclose", &SubjectParams::from_iter(subjects))?);
        let (mut disclosed, mut last, mut line) = (Disclosed::default(), None, Vec::new());
        loop {
            line.clear();
            if body.read_until(b'\n', &mut line).map_err(|error| super::of_body(error, body.get_ref()))? == 0 {
                out.flush().map_err(ClientError::Write)?;
                return Ok(disclosed);
            }
            match serde_json::from_slice(&line).map_err(|error| body.get_ref().unexpected(error))? {
                Of { conversation: None } => disclosed.lines += 1,
                Of { conversation } => {
                    disclosed.events += 1;
                    // The events of a conversation are together.
                    disclosed.conversations += u64::from(last != conversation);
                    last = conversation;
                }
            }
            out.write_all(&line).map_err(ClientError::Write)?;
        }
    }

    /// Erases members; see [`Convofold::erase`](convofold::Convofold::erase). Also cleans the files of the server.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn erase(&self, request: &EraseRequest) -> Result<EraseAnswer, ClientError> {
        self.whole(self.post_json("/api/v1/erase", request)?)
    }

    /// The conversations that an erasure of these subjects would change.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn erasable(&self, subjects: &[Subject]) -> Result<Vec<Erasable>, ClientError> {
        let answer = self.erase(&EraseRequest { dry_run: true, ..EraseRequest::of(subjects) })?;
        Ok(answer.would_erase.unwrap_or_default())
    }

    /// The receipts of all erasures, or of the one before which the state had this hash; see
    /// [`Convofold::erasures`](convofold::Convofold::erasures) and [`Convofold::erasure_of`](convofold::Convofold::erasure_of).
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn erasures(&self, hash_before: Option<StateHash>) -> Result<Vec<Erasure>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            erasures: Vec<Erasure>,
        }
        let params = hash_before.map(|hash| ("hash_before", hash.to_string()));
        self.get(&path("/api/v1/erasures", &Vec::from_iter(params))).map(|Answer { erasures }| erasures)
    }

    /// Removes what is older than these rules allow; see [`Convofold::retain`](convofold::Convofold::retain).
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn retain(&self, rules: &Retention, now: Time, dry_run: bool) -> Result<Retained, ClientError> {
        let params = [("dry_run", dry_run.to_string()), ("now", now.ms().to_string())];
        self.whole(self.post_json(&path("/api/v1/retain", &params), rules)?)
    }

    /// All runs of retention; see [`Convofold::retention_runs`](convofold::Convofold::retention_runs).
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn retention_runs(&self) -> Result<Vec<RetentionRun>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            runs: Vec<RetentionRun>,
        }
        self.get("/api/v1/retention-runs").map(|Answer { runs }| runs)
    }

    /// Places a legal hold, and returns its number; see [`Convofold::hold`](convofold::Convofold::hold).
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn hold(&self, subject: &Subject, reason: &str) -> Result<u64, ClientError> {
        let body = self.post_json("/api/v1/holds", &json!({"subject": subject, "reason": reason}))?;
        self.whole(body).map(|HoldAnswer { number }| number)
    }

    /// Lifts a legal hold; see [`Convofold::lift_hold`](convofold::Convofold::lift_hold).
    ///
    /// # Errors
    /// [`ClientError`]; a refusal with status 404 if there is no such hold.
    pub fn lift_hold(&self, number: u64) -> Result<(), ClientError> {
        self.send(&Method::DELETE, &format!("/api/v1/holds/{number}"), Bytes::new()).map(drop)
    }

    /// All legal holds; see [`Convofold::holds`](convofold::Convofold::holds).
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn holds(&self) -> Result<Vec<Hold>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            holds: Vec<Hold>,
        }
        self.get("/api/v1/holds").map(|Answer { holds }| holds)
    }
}

/// The conversation of an event; `None` for a line of another file.
#[derive(Deserialize)]
struct Of {
    conversation: Option<String>,
}
