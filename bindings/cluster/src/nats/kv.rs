//! The key-value bucket of a log. The leader of its stream answers, so that an answer is never old.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::api::{self, ApiError, NO_MESSAGE, NO_STREAM, OTHER_LAST_SEQ, PATIENCE};
use super::connection::Nats;
use super::error::ClusterError;
use super::streams::nanoseconds;
use crate::log::SourceError;
use crate::records::LogName;

/// Number of older values that are kept of each key.
const HISTORY: u32 = 16;
/// Leases have no ids; shorter than their life, as the brokers demand.
const LEASES_DEDUPE_WINDOW: Duration = Duration::from_millis(100);
/// The header with the number that the value had when it was read.
const EXPECTED: &str = "Nats-Expected-Last-Subject-Sequence";

/// The bucket of a log.
#[derive(Clone)]
pub(super) struct Bucket {
    nats: Nats,
    log: LogName,
    name: String,
    /// How long to ask while the brokers do not answer.
    pub(super) patience: Duration,
}

/// A value with its number, which is raised by each change.
pub(super) struct Entry<T> {
    pub(super) value: T,
    pub(super) revision: u64,
}

#[derive(Deserialize)]
struct Found {
    message: Stored,
}

#[derive(Deserialize)]
struct Stored {
    seq: u64,
    #[serde(default)]
    data: String,
}

#[derive(Deserialize)]
struct Acknowledged {
    seq: u64,
}

impl Bucket {
    pub(super) fn of(nats: &Nats, log: &LogName) -> Self {
        Self { nats: nats.clone(), log: log.clone(), name: log.bucket(), patience: PATIENCE }
    }

    /// The bucket of the leases of a log.
    pub(super) fn of_leases(nats: &Nats, log: &LogName) -> Self {
        Self { name: log.leases_bucket(), ..Self::of(nats, log) }
    }

    /// The stream that holds the bucket, as any client of NATS makes it.
    pub(super) fn stream(&self, replicas: u32) -> serde_json::Value {
        serde_json::json!({
            "name": format!("KV_{}", self.name), "subjects": [format!("$KV.{}.>", self.name)], "retention": "limits",
            "storage": "file", "discard": "new", "num_replicas": replicas, "max_msgs_per_subject": HISTORY,
            "allow_direct": true, "allow_rollup_hdrs": true, "deny_delete": true,
        })
    }

    /// The stream that holds leases. Its sequence numbers are fencing tokens, so it survives a restart of the brokers.
    pub(super) fn stream_of_leases(&self, replicas: u32, ttl: Duration) -> serde_json::Value {
        serde_json::json!({
            "name": format!("KV_{}", self.name), "subjects": [format!("$KV.{}.>", self.name)], "retention": "limits",
            "storage": "file", "discard": "new", "num_replicas": replicas, "max_msgs_per_subject": 1,
            "max_age": nanoseconds(ttl), "duplicate_window": nanoseconds(LEASES_DEDUPE_WINDOW), "deny_delete": true,
        })
    }

    /// A text that nobody else has.
    pub(super) fn unique(&self) -> String {
        self.nats.client().new_inbox()
    }

    /// Number of replicas.
    pub(super) fn replicas(&self) -> Result<u32, ClusterError> {
        #[derive(Deserialize)]
        struct Info {
            config: Config,
        }
        #[derive(Deserialize)]
        struct Config {
            num_replicas: u32,
        }
        let subject = format!("$JS.API.STREAM.INFO.KV_{}", self.name);
        let found = self.nats.insist(self.patience, || self.nats.ask::<Info>(&subject, b""))?;
        found.map(|Info { config }| config.num_replicas).map_err(|error| self.refused(&error))
    }

    fn subject(&self, key: &str) -> String {
        format!("$KV.{}.{key}", self.name)
    }

    fn not_found(&self) -> ClusterError {
        ClusterError::NotFound { log: self.log.to_string() }
    }

    fn refused(&self, error: &ApiError) -> ClusterError {
        match error.err_code {
            NO_STREAM => self.not_found(),
            _ => SourceError::Refused { why: format!("the bucket {}: {}", self.name, error.said()) }.into(),
        }
    }

    /// The value of a key; `None` if it has none.
    pub(super) fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<Entry<T>>, ClusterError> {
        let request = serde_json::json!({ "last_by_subj": self.subject(key) }).to_string();
        let subject = format!("$JS.API.STREAM.MSG.GET.KV_{}", self.name);
        let Stored { seq, data } =
            match self.nats.insist(self.patience, || self.nats.ask::<Found>(&subject, request.as_bytes()))? {
                Ok(found) => found.message,
                Err(ApiError { err_code: NO_MESSAGE, .. }) => return Ok(None),
                Err(error) => return Err(self.refused(&error)),
            };
        let damaged = |why: String| ClusterError::Damaged { key: key.to_owned(), why };
        let value = STANDARD.decode(data).map_err(|error| damaged(error.to_string()))?;
        let value = serde_json::from_slice(&value).map_err(|error| damaged(error.to_string()))?;
        Ok(Some(Entry { value, revision: seq }))
    }

    /// The keys that begin with this word and a dot.
    pub(super) fn keys(&self, word: &str) -> Result<Vec<String>, ClusterError> {
        #[derive(Deserialize)]
        struct Info {
            state: State,
        }
        #[derive(Deserialize)]
        struct State {
            #[serde(default)]
            subjects: std::collections::BTreeMap<String, u64>,
        }
        let filter = self.subject(&format!("{word}.*"));
        let request = serde_json::json!({ "subjects_filter": filter }).to_string();
        let subject = format!("$JS.API.STREAM.INFO.KV_{}", self.name);
        let found = self.nats.insist(self.patience, || self.nats.ask::<Info>(&subject, request.as_bytes()))?;
        let Info { state } = found.map_err(|error| self.refused(&error))?;
        let beginning = self.subject("");
        let key = |subject: &String| subject.strip_prefix(&beginning).map(str::to_owned);
        Ok(state.subjects.keys().filter_map(key).collect())
    }

    /// Writes a value; if `expected` is given, only if the key still has this revision (0: no value).
    pub(super) fn put(
        &self,
        key: &str,
        value: &impl serde::Serialize,
        expected: Option<u64>,
    ) -> Result<(), ClusterError> {
        self.write(key, value, expected).map(drop)
    }

    /// The same. Returns the number of the value.
    pub(super) fn write(
        &self,
        key: &str,
        value: &impl serde::Serialize,
        expected: Option<u64>,
    ) -> Result<u64, ClusterError> {
        let damaged = |error: serde_json::Error| ClusterError::Damaged { key: key.to_owned(), why: error.to_string() };
        let value = serde_json::to_vec(value).map_err(damaged)?;
        let subject = self.subject(key);
        let mut headers = async_nats::HeaderMap::new();
        if let Some(expected) = expected {
            headers.insert(EXPECTED, expected.to_string().as_str());
        }
        // An unanswered write may have been done. Repeated, it is then refused by its expectation, so the caller looks.
        let answer = self.nats.insist(self.patience, || {
            let answer = self.nats.request_with_headers(subject.clone(), headers.clone(), value.clone())?;
            api::read::<Acknowledged>(&subject, &answer.payload)
        })?;
        match answer {
            Ok(Acknowledged { seq }) => Ok(seq),
            Err(error) if error.err_code == OTHER_LAST_SEQ => Err(ClusterError::Changed { key: key.to_owned() }),
            Err(error) => Err(self.refused(&error)),
        }
    }
}
