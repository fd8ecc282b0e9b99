//! The stream of inputs that cannot be events.

use async_nats::HeaderMap;
use xxhash_rust::xxh3::xxh3_64;

use super::api;
use super::connection::Nats;
use crate::follow::rejects::{Rejected, Rejects, RejectsError};
use crate::log::SourceError;
use crate::records::LogName;

/// The headers of a reject: where it comes from, and the sequence number of its message if that was in the log.
const SOURCE: &str = "Convofold-Source";
const SEQ: &str = "Convofold-Seq";
/// The header by which the brokers recognise a message that was published before.
const MESSAGE_ID: &str = "Nats-Msg-Id";
/// The longest value of a header.
const MAX_SOURCE_CHARS: usize = 256;

/// Publishes messages that cannot be events into the stream of rejects (`cf.LOG.rejects`). The payload of each is a reject
/// record (rule W5), which can be repaired and published again.
pub struct DeadLetters {
    nats: Nats,
    subject: String,
}

impl DeadLetters {
    /// The rejects of a log.
    #[must_use]
    pub fn new(nats: &Nats, log: &LogName) -> Self {
        Self { nats: nats.clone(), subject: log.rejects_subject() }
    }

    fn publish(&self, headers: HeaderMap, record: Vec<u8>) -> Result<(), String> {
        let said = |error: SourceError| error.to_string();
        let answer = self.nats.request_with_headers(self.subject.clone(), headers, record).map_err(said)?;
        let answer = api::read::<serde_json::Value>(&self.subject, &answer.payload).map_err(said)?;
        answer.map(drop).map_err(|error| error.said())
    }
}

impl Rejects for DeadLetters {
    fn keep(&mut self, rejected: &Rejected) -> Result<(), RejectsError> {
        let Rejected { stream, seq, rejections, .. } = rejected;
        for (number, rejection) in rejections.iter().enumerate() {
            let mut headers = origin(stream, Some(*seq));
            // All owners of the partition find the same.
            headers.insert(MESSAGE_ID, message_id(rejected, number).as_str());
            let source = format!("{stream} {seq}");
            let record = serde_json::to_vec(&rejection.record(&source)).unwrap_or_default();
            self.publish(headers, record).map_err(|why| RejectsError { why })?;
        }
        Ok(())
    }
}

/// What names a part of a message among all that the log ever had: after a rollback, other messages have the same numbers.
fn message_id(rejected: &Rejected, number: usize) -> String {
    let Rejected { stream, seq, time_ms, payload, .. } = rejected;
    format!("{stream}/{seq}/{time_ms}/{:016x}/{number}", xxh3_64(payload))
}

/// The headers that say where a reject comes from.
pub(super) fn origin(source: &str, seq: Option<u64>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // The name of a file can contain what ends a header.
    let source: String = source.chars().filter(|c| !c.is_control()).take(MAX_SOURCE_CHARS).collect();
    headers.insert(SOURCE, source.as_str());
    if let Some(seq) = seq {
        headers.insert(SEQ, seq.to_string().as_str());
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_message_with_the_same_number_is_another_reject() {
        let rejected = |time_ms, payload: &[u8]| {
            let (stream, payload) = ("CF_chat_0".to_owned(), payload.to_vec());
            Rejected { stream, seq: 7, time_ms, payload, count: 2, rejections: Vec::new() }
        };
        let id = |time_ms, payload, number| message_id(&rejected(time_ms, payload), number);
        let one = id(1_000, b"no event", 0);
        assert_eq!(one, id(1_000, b"no event", 0), "what another owner finds");
        for other in [id(1_001, b"no event", 0), id(1_000, b"no events", 0), id(1_000, b"no event", 1)] {
            assert_ne!(one, other);
        }
    }
}
