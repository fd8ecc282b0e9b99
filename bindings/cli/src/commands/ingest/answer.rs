//! The answer to a line.

use convofold::ingest::Rejection;
use convofold::{Receipt, Seq};
use serde::Serialize;

use super::line::Line;

/// The answer to a line, whose events are durable.
#[derive(Serialize)]
pub(super) struct AnswerJson<'a> {
    line: u64,
    events: u64,
    applied: u64,
    late: u64,
    duplicates: u64,
    conflicts: u64,
    /// Events that were erased before.
    #[serde(skip_serializing_if = "Option::is_none")]
    erased: Option<u64>,
    ignored: u64,
    rejected: u64,
    /// Sequence number of its last event that was logged.
    last_seq: Option<Seq>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rejections: Vec<RejectionJson<'a>>,
}

/// A rejection. It does not repeat the line, which the sender has.
#[derive(Serialize)]
struct RejectionJson<'a> {
    byte_offset: u64,
    path: &'a str,
    reason: String,
    expected: &'a str,
    found: &'a str,
}

impl<'a> AnswerJson<'a> {
    pub(super) fn new(line: &'a Line, receipt: Option<&Receipt>) -> Self {
        let counts = receipt.map(|receipt| receipt.counts).unwrap_or_default();
        Self {
            line: line.number,
            events: counts.total(),
            applied: counts.applied,
            late: counts.late,
            duplicates: counts.duplicates,
            conflicts: counts.conflicts,
            erased: (counts.erased > 0).then_some(counts.erased),
            ignored: line.ignored,
            rejected: line.rejected,
            last_seq: receipt.and_then(|receipt| receipt.last_seq),
            rejections: line.rejections.iter().map(RejectionJson::new).collect(),
        }
    }
}

impl<'a> RejectionJson<'a> {
    fn new(rejection: &'a Rejection) -> Self {
        let Rejection { byte_offset, path, reason, expected, found, .. } = rejection;
        Self { byte_offset: *byte_offset, path, reason: reason.to_string(), expected, found }
    }
}
