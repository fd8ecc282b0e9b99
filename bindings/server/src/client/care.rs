//! Backup, checks, trim and the export of events.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use axum::body::Bytes;
use axum::http::Method;
use convofold::audit::{AuditReport, Sample};
use convofold::backup::{BackupError, BackupFile, BackupSource, Progress};
use convofold::verify::{VerifyProgress, VerifyReport};
use convofold::{Compacted, Seq, Time, Trimmed};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::{ClientError, Refusal};
use super::request::path;
use super::{Body, Client};
use crate::routes::VerifyLine;

/// The size of an export of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportedEvents {
    /// Number of events; each is one line.
    pub events: u64,
    /// Length of the longest line in bytes, without its line feed.
    pub longest_line_bytes: u64,
}

impl Client {
    /// Checks the whole database; see [`Convofold::verify`](convofold::Convofold::verify).
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn verify(&self, on_progress: impl FnMut(VerifyProgress)) -> Result<VerifyReport, ClientError> {
        self.verify_at("/api/v1/verify", on_progress)
    }

    /// Checks the whole database and its past; see [`Convofold::verify_past`](convofold::Convofold::verify_past).
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn verify_past(&self, on_progress: impl FnMut(VerifyProgress)) -> Result<VerifyReport, ClientError> {
        self.verify_at("/api/v1/verify?past=true", on_progress)
    }

    fn verify_at(&self, path: &str, mut on_progress: impl FnMut(VerifyProgress)) -> Result<VerifyReport, ClientError> {
        let mut body = BufReader::new(self.post(path)?);
        let mut line = String::new();
        loop {
            line.clear();
            if body.read_line(&mut line).map_err(|error| super::of_body(error, body.get_ref()))? == 0 {
                return Err(body.get_ref().unexpected("the report is missing"));
            }
            match serde_json::from_str::<VerifyLine<VerifyReport, Refusal>>(&line) {
                Ok(VerifyLine::Progress { step, done, of }) => on_progress(match step.as_str() {
                    "log" => VerifyProgress::Log { seq: done, last_seq: of },
                    "past" => VerifyProgress::Past { conversations: done, of },
                    _ => VerifyProgress::Live { conversations: done, of },
                }),
                Ok(VerifyLine::Report(report)) => return Ok(report),
                Ok(VerifyLine::Problem(refusal)) => return Err(ClientError::Problem(refusal)),
                Err(error) => return Err(body.get_ref().unexpected(error)),
            }
        }
    }

    /// Folds conversations again from the log; see [`Convofold::audit`](convofold::Convofold::audit).
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn audit(&self, sample: Sample) -> Result<AuditReport, ClientError> {
        let mut params = Vec::new();
        if let Sample::Random { conversations, seed } = sample {
            params = vec![("sample", conversations), ("seed", seed)];
        }
        self.post_for(&path("/api/v1/audit", &params))
    }

    /// Drops the beginning of the log; see [`Convofold::trim_log`](convofold::Convofold::trim_log).
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn trim_log(&self, before: Time) -> Result<Trimmed, ClientError> {
        self.post_for(&path("/api/v1/trim", &[("before", before.ms())]))
    }

    /// Rewrites the storage without unused room; see [`Convofold::compact`](convofold::Convofold::compact).
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn compact(&self) -> Result<Compacted, ClientError> {
        self.post_for("/api/v1/compact")
    }

    /// Writes every accepted event as one line; see [`Convofold::export_events`](convofold::Convofold::export_events).
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Write`] if `out` cannot be written.
    pub fn export_events(&self, out: &mut impl Write) -> Result<ExportedEvents, ClientError> {
        self.now().export_events(out)
    }

    fn post(&self, path: &str) -> Result<Body, ClientError> {
        self.send(&Method::POST, path, Bytes::new())
    }

    pub(super) fn post_json(&self, path: &str, body: &impl Serialize) -> Result<Body, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.requests.unexpected(error))?;
        self.send(&Method::POST, path, body)
    }

    fn post_for<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.whole(self.post(path)?)
    }

    /// Reads an answer to its end.
    pub(super) fn whole<T: DeserializeOwned>(&self, mut body: Body) -> Result<T, ClientError> {
        let mut answer = Vec::new();
        while let Some(part) = body.next_part()? {
            answer.extend_from_slice(&part);
        }
        serde_json::from_slice(&answer).map_err(|error| self.requests.unexpected(error))
    }
}

/// The file is written and checked by the caller; see [`convofold::backup::write`]. There is no progress while it arrives.
impl BackupSource for Client {
    fn write_backup(
        &self,
        file: &Path,
        since: Option<&BackupFile>,
        out: &mut dyn Write,
        _on_progress: &mut dyn FnMut(Progress),
    ) -> Result<(), BackupError> {
        let params = since.map(|since| ("since", since.place().to_string()));
        let failed = |error| not_backed_up(error, since);
        let mut body = self.stream(&path("/api/v1/backup", &Vec::from_iter(params))).map_err(failed)?;
        let unwritten = |source| BackupError::Io { doing: "writing", path: file.to_owned(), source };
        while let Some(part) = body.next_part().map_err(failed)? {
            out.write_all(&part).map_err(unwritten)?;
        }
        out.flush().map_err(unwritten)
    }
}

/// What the server adds to a problem with a backup.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Blame {
    backup: String,
    seq: Seq,
    first_seq: Seq,
}

fn not_backed_up(error: ClientError, since: Option<&BackupFile>) -> BackupError {
    let report = match &error {
        ClientError::Problem(Refusal { report: Some(report), .. }) => report.clone(),
        _ => serde_json::Value::Null,
    };
    let Blame { backup, seq, first_seq } = serde_json::from_value(report).unwrap_or_default();
    match (backup.as_str(), since.map(|since| since.path().to_owned())) {
        ("diverged", Some(since)) => BackupError::Diverged { since, seq },
        ("dropped", Some(since)) => BackupError::Dropped { since, seq, first_seq },
        (backup, _) => BackupError::Remote { why: error.words(), is_damaged: backup == "damaged" },
    }
}
