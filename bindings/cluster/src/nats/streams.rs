//! The streams of a log: how they are made, and which settings they need.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use super::api::{NO_STREAM, OTHER_SETTINGS, PATIENCE};
use super::connection::Nats;
use super::error::ClusterError;
use super::kv::Bucket;
use super::registry::Registry;
use crate::log::SourceError;
use crate::partition::Partitions;
use crate::records::LogName;

/// The shortest window in which brokers recognise repeated messages. convofold recognises repeated events itself.
const DEDUPE_WINDOW: Duration = Duration::from_millis(100);
/// Rejected inputs are not recognised when they are read again, but by the message that they were in, within this time.
const REJECTS_DEDUPE_WINDOW: Duration = Duration::from_secs(600);
/// Fewer replicas can lose acknowledged messages with one disk.
const SAFE_REPLICAS: u32 = 3;

/// How a log is made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewLog {
    /// The number of partitions.
    pub partitions: Partitions,
    /// The number of replicas of each stream: 1, 3 or 5.
    pub replicas: u32,
    /// How long messages are kept; `None`: until a stream is deleted.
    pub max_age: Option<Duration>,
    /// The maximum size of the stream of each partition; `None`: that of the disk.
    pub max_bytes: Option<u64>,
}

impl NewLog {
    /// A log with this number of partitions, three replicas, and no limits.
    #[must_use]
    pub fn new(partitions: Partitions) -> Self {
        Self { partitions, replicas: SAFE_REPLICAS, max_age: None, max_bytes: None }
    }

    fn stream(&self, log: &LogName, partition: u32) -> serde_json::Value {
        let max_bytes = self.max_bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        serde_json::json!({
            "name": log.stream(partition), "subjects": [log.subject(partition)], "retention": "limits",
            "storage": "file", "discard": "new", "num_replicas": self.replicas, "allow_direct": true,
            "deny_delete": true, "deny_purge": true, "max_age": self.max_age.map_or(0, nanoseconds),
            "max_bytes": max_bytes, "duplicate_window": nanoseconds(DEDUPE_WINDOW),
        })
    }

    fn rejects(&self, log: &LogName) -> serde_json::Value {
        serde_json::json!({
            "name": log.rejects_stream(), "subjects": [log.rejects_subject()], "retention": "limits",
            "storage": "file", "discard": "new", "num_replicas": self.replicas, "allow_direct": true,
            "duplicate_window": nanoseconds(REJECTS_DEDUPE_WINDOW),
        })
    }
}

/// What making a log did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Made {
    /// Number of streams that were made.
    pub made: u32,
    /// Number of streams that were there already, with the same settings.
    pub found: u32,
}

/// Makes a log: its bucket with the record of its partitions, one stream for each partition, and one for rejects. What is
/// there already stays. `tell` gets the number of streams that are done.
///
/// # Errors
/// [`ClusterError::Record`] if there is a log of this name with other partitions, [`ClusterError::Stream`] if a stream cannot
/// be made, for instance because there is one with other settings.
pub fn make_log(nats: &Nats, log: &LogName, new: &NewLog, mut tell: impl FnMut(u32)) -> Result<Made, ClusterError> {
    let bucket = Bucket::of(nats, log).stream(new.replicas);
    let mut made = Made { made: 0, found: 0 };
    let mut create = |stream: &serde_json::Value| {
        let is_new = create_stream(nats, stream)?;
        made.made += u32::from(is_new);
        made.found += u32::from(!is_new);
        tell(made.made + made.found);
        Ok::<_, ClusterError>(())
    };
    create(&bucket)?;
    // Before the streams, so that nobody makes others.
    Registry::create(nats, log, new.partitions)?;
    for partition in 0..new.partitions.count() {
        create(&new.stream(log, partition))?;
    }
    create(&new.rejects(log))?;
    Ok(made)
}

/// Makes a stream. Returns whether there was none.
pub(super) fn create_stream(nats: &Nats, stream: &serde_json::Value) -> Result<bool, ClusterError> {
    #[derive(Deserialize)]
    struct Created {
        /// Left out if the stream was there.
        #[serde(default)]
        did_create: bool,
    }
    let name = stream.get("name").and_then(serde_json::Value::as_str).unwrap_or_default();
    let subject = format!("$JS.API.STREAM.CREATE.{name}");
    let request = stream.to_string();
    let created = nats.insist(PATIENCE, || nats.ask::<Created>(&subject, request.as_bytes()))?;
    created.map(|created| created.did_create).map_err(|error| {
        let why = match error.err_code {
            OTHER_SETTINGS => "there is a stream of this name with other settings".to_owned(),
            _ => error.said(),
        };
        ClusterError::Stream { stream: name.to_owned(), why }
    })
}

/// A setting of a stream that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The name of the stream.
    pub stream: String,
    /// The name of the setting.
    pub setting: &'static str,
    /// What it should be.
    pub expected: String,
    /// What it is.
    pub found: String,
    /// What can happen.
    pub harm: &'static str,
    /// Whether the stream cannot be used so.
    pub is_fatal: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, setting, expected, found, harm, .. } = self;
        write!(f, "{stream}: {setting} should be {expected}, found {found}: {harm}")
    }
}

/// The settings of a stream, as the brokers tell them.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Settings {
    subjects: Vec<String>,
    retention: String,
    storage: String,
    discard: String,
    num_replicas: u32,
    allow_direct: bool,
    deny_delete: bool,
    deny_purge: bool,
    max_msgs: i64,
    max_msgs_per_subject: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            subjects: Vec::new(),
            retention: String::new(),
            storage: String::new(),
            discard: String::new(),
            num_replicas: 0,
            allow_direct: false,
            deny_delete: false,
            deny_purge: false,
            max_msgs: -1,
            max_msgs_per_subject: -1,
        }
    }
}

/// Compares the settings of the stream of a partition with those that a log needs. Returns what should be different, but can
/// be used.
///
/// # Errors
/// [`ClusterError::Setting`] if the stream cannot be used so, [`ClusterError::NotFound`] if there is none.
pub fn check_stream(nats: &Nats, log: &LogName, partition: u32) -> Result<Vec<Finding>, ClusterError> {
    #[derive(Deserialize)]
    struct Info {
        config: Settings,
    }
    nats.check_version()?;
    let stream = log.stream(partition);
    let subject = format!("$JS.API.STREAM.INFO.{stream}");
    let info = match nats.ask::<Info>(&subject, b"")? {
        Ok(info) => info,
        Err(error) if error.err_code == NO_STREAM => return Err(ClusterError::NotFound { log: log.to_string() }),
        Err(error) => return Err(SourceError::Refused { why: format!("{stream}: {}", error.said()) }.into()),
    };
    let findings = info.config.findings(&stream, &log.subject(partition));
    match findings.iter().find(|finding| finding.is_fatal) {
        Some(fatal) => Err(ClusterError::Setting(fatal.clone())),
        None => Ok(findings),
    }
}

impl Settings {
    fn findings(&self, stream: &str, subject: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut expect = |setting, expected: &str, found: String, is_fatal, harm| {
            if found != expected {
                let (stream, expected) = (stream.to_owned(), expected.to_owned());
                findings.push(Finding { stream, setting, expected, found, harm, is_fatal });
            }
        };
        let Self { subjects, retention, storage, discard, allow_direct, deny_delete, deny_purge, .. } = self;
        expect("subjects", subject, subjects.join(","), true, "events of other partitions would come");
        expect("allow_direct", "true", allow_direct.to_string(), true, "nodes read by direct get");
        expect("retention", "limits", retention.clone(), true, "messages would vanish when one node has read them");
        expect("storage", "file", storage.clone(), false, "a restart of the brokers loses all messages");
        expect("discard", "new", discard.clone(), false, "a full stream drops messages that nobody has read");
        expect(
            "deny_delete",
            "true",
            deny_delete.to_string(),
            false,
            "messages can be deleted, and a node stops at the gap",
        );
        expect(
            "deny_purge",
            "true",
            deny_purge.to_string(),
            false,
            "messages can be purged, and a node stops at the gap",
        );
        expect("max_msgs", "-1", self.max_msgs.to_string(), false, "publishers wait when it is reached");
        let per_subject = self.max_msgs_per_subject;
        expect(
            "max_msgs_per_subject",
            "-1",
            per_subject.to_string(),
            per_subject > 0,
            "older messages are dropped unread",
        );
        if self.num_replicas < SAFE_REPLICAS {
            let (expected, found) = (format!("{SAFE_REPLICAS} or more"), self.num_replicas.to_string());
            expect("num_replicas", &expected, found, false, "the loss of one disk can lose acknowledged messages");
        }
        findings
    }
}

pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn new_log(replicas: u32) -> NewLog {
        NewLog { replicas, ..NewLog::new(Partitions::new(NonZeroU32::new(8).unwrap())) }
    }

    fn findings(change: impl FnOnce(&mut serde_json::Value)) -> Vec<Finding> {
        let mut stream = new_log(3).stream(&"chat".parse().unwrap(), 7);
        change(&mut stream);
        serde_json::from_value::<Settings>(stream).unwrap().findings("CF_chat_7", "cf.chat.7")
    }

    #[test]
    fn a_stream_as_it_is_made_has_the_settings_that_a_log_needs() {
        assert_eq!(findings(|_| ()), []);
    }

    #[test]
    fn each_setting_that_loses_events_is_named() {
        let changes: [(&str, serde_json::Value, bool); 10] = [
            ("subjects", serde_json::json!(["cf.chat.>"]), true),
            ("allow_direct", serde_json::json!(false), true),
            ("retention", serde_json::json!("workqueue"), true),
            ("max_msgs_per_subject", serde_json::json!(5), true),
            ("storage", serde_json::json!("memory"), false),
            ("discard", serde_json::json!("old"), false),
            ("deny_delete", serde_json::json!(false), false),
            ("deny_purge", serde_json::json!(false), false),
            ("max_msgs", serde_json::json!(5), false),
            ("num_replicas", serde_json::json!(1), false),
        ];
        for (setting, value, is_fatal) in changes {
            let found = findings(|stream| stream[setting] = value);
            assert_eq!(found.len(), 1, "{setting}: {found:?}");
            assert_eq!((found[0].setting, found[0].is_fatal), (setting, is_fatal));
            assert!(found[0].to_string().starts_with(&format!("CF_chat_7: {setting} should be")), "{}", found[0]);
        }
    }

    #[test]
    fn limits_are_those_that_were_asked_for() {
        let mut new = new_log(1);
        (new.max_age, new.max_bytes) = (Some(Duration::from_secs(3_600)), Some(1 << 30));
        let stream = new.stream(&"chat".parse().unwrap(), 0);
        assert_eq!(stream["max_age"], 3_600_000_000_000_u64);
        assert_eq!(stream["max_bytes"], 1 << 30);
        assert_eq!((stream["name"].as_str(), stream["subjects"][0].as_str()), (Some("CF_chat_0"), Some("cf.chat.0")));
    }
}
