//! The answers of JetStream.

use async_nats::Message as Answer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use convofold::Time;
use serde::Deserialize;

use super::connection::unreachable;
use crate::log::{LogIdentity, Message, SourceError};

/// What a message of a direct get, or its status, says.
pub(super) enum Direct {
    Message(Message),
    /// No message has this sequence number, or a higher one if several were requested.
    NotFound,
    /// The last message of the batch came before.
    End,
}

impl Direct {
    pub(super) fn of(answer: &Answer) -> Result<Self, SourceError> {
        let status = answer.status.map(|status| status.as_u16());
        match status {
            Some(204) => return Ok(Self::End),
            Some(404) => return Ok(Self::NotFound),
            Some(503) => return Err(unreachable("no replica of the stream answers".to_owned())),
            Some(status) if status != 200 => {
                let description = answer.description.as_deref().unwrap_or_default();
                return Err(unreachable(format!("a direct get was answered {status} {description}")));
            }
            _ => {}
        }
        let header = |name: &str| {
            let value = answer.headers.as_ref().and_then(|headers| headers.get_last(name));
            value.map(async_nats::HeaderValue::as_str).ok_or_else(|| broken(format!("a message without {name}")))
        };
        let (seq, time) = (header("Nats-Sequence")?, header("Nats-Time-Stamp")?);
        let seq = seq.parse().map_err(|_| broken(format!("Nats-Sequence: expected a number, found {seq:?}")))?;
        let time = Time::parse_rfc3339(time).map_err(|error| broken(format!("Nats-Time-Stamp: {error}")))?;
        Ok(Self::Message(Message { seq, time_ms: time.ms(), payload: answer.payload.to_vec() }))
    }
}

/// What is known of a stream.
#[derive(Debug)]
pub(super) struct Info {
    pub(super) identity: LogIdentity,
    /// A subject of its messages.
    pub(super) subject: Option<String>,
}

#[derive(Deserialize)]
struct InfoAnswer {
    error: Option<ApiError>,
    created: Option<String>,
    config: Option<Config>,
    state: Option<StreamState>,
}

#[derive(Deserialize)]
struct ApiError {
    code: u16,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct Config {
    name: String,
    #[serde(default)]
    subjects: Vec<String>,
    #[serde(default)]
    allow_direct: bool,
}

#[derive(Deserialize)]
struct StreamState {
    first_seq: u64,
    last_seq: u64,
}

impl Info {
    pub(super) fn of(stream: &str, answer: &[u8]) -> Result<Self, SourceError> {
        let answer: InfoAnswer =
            serde_json::from_slice(answer).map_err(|error| broken(format!("the description of {stream}: {error}")))?;
        if let Some(ApiError { code, description }) = answer.error {
            let why = format!("{stream}: {description} ({code})");
            return Err(if code == 503 { unreachable(why) } else { SourceError::Refused { why } });
        }
        let (Some(created), Some(config), Some(state)) = (answer.created, answer.config, answer.state) else {
            return Err(broken(format!("the description of {stream} is incomplete")));
        };
        if !config.allow_direct {
            let why = format!("{stream} does not allow direct access: set allow_direct");
            return Err(SourceError::Refused { why });
        }
        let StreamState { first_seq, last_seq } = state;
        let identity = LogIdentity { name: config.name, incarnation: created, first_seq: first_seq.max(1), last_seq };
        Ok(Self { identity, subject: config.subjects.into_iter().next() })
    }
}

/// The message that the leader has, by its answer to a request for it.
pub(super) fn stored_message(stream: &str, answer: &[u8]) -> Result<Option<Message>, SourceError> {
    #[derive(Deserialize)]
    struct Found {
        error: Option<ApiError>,
        message: Option<Stored>,
    }
    #[derive(Deserialize)]
    struct Stored {
        seq: u64,
        time: String,
        /// Left out if it is empty.
        #[serde(default)]
        data: String,
    }
    let nonsense = |error: &dyn std::fmt::Display| broken(format!("a message of {stream}: {error}"));
    let found: Found = serde_json::from_slice(answer).map_err(|error| nonsense(&error))?;
    match (found.error, found.message) {
        (Some(ApiError { code: 404, .. }), _) => Ok(None),
        (Some(ApiError { code, description }), _) => Err(unreachable(format!("{stream}: {description} ({code})"))),
        (None, None) => Err(nonsense(&"it is not there")),
        (None, Some(Stored { seq, time, data })) => {
            let time_ms = Time::parse_rfc3339(&time).map_err(|error| nonsense(&error))?.ms();
            let payload = STANDARD.decode(data).map_err(|error| nonsense(&error))?;
            Ok(Some(Message { seq, time_ms, payload }))
        }
    }
}

fn broken(why: String) -> SourceError {
    SourceError::Broken { why }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = r#"{"type":"io.nats.jetstream.api.v1.stream_info_response","total":0,"config":{"name":"CF_chat_0",
        "subjects":["cf.chat.0"],"retention":"limits","allow_direct":true},"created":"2026-11-30T09:15:00.5Z",
        "state":{"messages":0,"bytes":0,"first_seq":0,"last_seq":0}}"#;

    #[test]
    fn a_stream_is_described() {
        let info = Info::of("CF_chat_0", INFO.as_bytes()).unwrap();
        let LogIdentity { name, incarnation, first_seq, last_seq } = info.identity;
        assert_eq!(
            (name.as_str(), incarnation.as_str(), first_seq, last_seq),
            ("CF_chat_0", "2026-11-30T09:15:00.5Z", 1, 0)
        );
        assert_eq!(info.subject.as_deref(), Some("cf.chat.0"));
    }

    #[test]
    fn only_the_leader_says_that_a_message_is_not_there() {
        let found = |answer: &str| stored_message("CF_chat_0", answer.as_bytes());
        assert_eq!(
            found(
                r#"{"type":"x","message":{"subject":"cf.chat.0","seq":7,"data":"eA==","time":"1970-01-01T00:00:01.5Z"}}"#
            ),
            Ok(Some(Message { seq: 7, time_ms: 1_500, payload: b"x".to_vec() }))
        );
        assert_eq!(
            found(r#"{"type":"x","error":{"code":404,"err_code":10037,"description":"no message found"}}"#),
            Ok(None)
        );
        assert!(matches!(found(r#"{"error":{"code":503}}"#), Err(SourceError::Unreachable { .. })));
        assert!(matches!(found("no JSON"), Err(SourceError::Broken { .. })));
    }

    #[test]
    fn what_an_operator_must_change_is_refused_and_what_makes_no_sense_is_broken() {
        let why = |answer: &str| Info::of("CF_chat_0", answer.as_bytes()).unwrap_err();
        let refused = |answer: &str| matches!(why(answer), SourceError::Refused { .. });
        assert!(refused(&INFO.replace(r#","allow_direct":true"#, "")));
        assert!(refused(r#"{"error":{"code":404,"err_code":10059,"description":"stream not found"}}"#));
        assert!(matches!(why(r#"{"error":{"code":503}}"#), SourceError::Unreachable { .. }));
        assert!(matches!(why("{}"), SourceError::Broken { .. }));
        assert!(matches!(why("no JSON"), SourceError::Broken { .. }));
    }
}
