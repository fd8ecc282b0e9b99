//! The result of a verification.

use std::sync::Arc;
use std::time::Duration;

use convofold_engine::{Seq, StateHash};

/// Maximum number of listed problems; with more, everything is suspect.
const MAX_PROBLEMS: usize = 10_000;

/// The result of a verification: what was checked, and the problems found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct VerifyReport {
    /// The seq of the last event that was checked; 0 if there are no events.
    pub last_seq: Seq,
    /// Number of intact blocks.
    pub blocks: u64,
    /// Number of events in these blocks.
    pub events: u64,
    /// Stored size of these blocks in bytes.
    pub log_bytes: u64,
    /// Whether all blocks are intact. Only then can conversations be compared.
    pub log_is_whole: bool,
    /// The kept checkpoints.
    pub checkpoints: Vec<VerifiedCheckpoint>,
    /// Number of live conversations that were compared; 0 if the log is not whole.
    pub conversations: u64,
    /// The state hash of the folded log, if it is whole.
    pub state_hash: Option<StateHash>,
    /// Number of state hashes that checkpoints recorded.
    pub recorded_hashes: u64,
    /// Number of these that were computed again: the newest one, or all of the current fold version in a verification of the
    /// past.
    pub recorded_hashes_compared: u64,
    /// Why the newest recorded hash was not compared; `None` if it was, or there is none.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub newest_hash_skipped: Option<String>,
    /// The problems; empty if the database is intact.
    pub problems: Vec<Problem>,
    /// Number of further problems; only the first 10,000 are listed.
    pub more_problems: u64,
    /// Duration of the verification.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "took_ms", serialize_with = "crate::json::as_ms", deserialize_with = "crate::json::of_ms")
    )]
    pub took: Duration,
}

/// A kept checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct VerifiedCheckpoint {
    /// Its generation.
    pub generation: u64,
    /// The seq of the last event in it; 0 if it cannot be read.
    pub seq: Seq,
    /// Number of its conversations that were compared with the log.
    pub conversations: u64,
    /// Whether it was compared. It is not compared if its record is damaged, if the log before it is damaged, or if
    /// another checkpoint replaced it meanwhile.
    pub compared: bool,
}

/// A problem of the database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "problem", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Problem {
    /// The end mark is missing.
    #[error("the end mark is missing")]
    EndMarkMissing,
    /// The end mark is damaged.
    #[error("the end mark is damaged")]
    EndMarkUnreadable,
    /// The log ends before a log position that it is known to have reached.
    #[error("the log ends with event {found}, and is known to have reached event {expected}")]
    Shortened {
        /// The seq of the last event that it is known to have had.
        expected: Seq,
        /// The seq of its last event.
        found: Seq,
    },
    /// The log has another block at the position of the end mark.
    #[error("block {block_no} does not match the end mark")]
    HeadOfAnotherLog {
        /// The number of the block.
        block_no: u64,
    },
    /// The record of the log start is damaged, or does not match the log.
    #[error("log start: {why}")]
    LogStart {
        /// What is wrong with it.
        why: String,
    },
    /// The conversations that replace dropped events cannot be read or are invalid. The log cannot be folded without
    /// them.
    #[error("conversations with events that were dropped from the log: {why}")]
    Memory {
        /// What is wrong with it.
        why: String,
    },
    /// A block of the log is damaged.
    #[error("block {block_no} of the log, which should begin with event {seq}: {why}")]
    Block {
        /// The number of the block.
        block_no: u64,
        /// The seq of its first event.
        seq: Seq,
        /// What is wrong with it.
        why: String,
    },
    /// The commit time of a block is before that of the previous commit.
    #[error("block {block_no} has commit time {found_ms} ms, before that of the previous commit, {expected_ms} ms")]
    CommitTime {
        /// The number of the block.
        block_no: u64,
        /// The time of the previous commit, in milliseconds since the epoch.
        expected_ms: u64,
        /// The commit time of the block, in milliseconds since the epoch.
        found_ms: u64,
    },
    /// A checkpoint is damaged.
    #[error("checkpoint {generation}: {why}")]
    Checkpoint {
        /// Its generation.
        generation: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A conversation in a checkpoint differs from its events.
    #[error("checkpoint {generation}: {field} of conversation {id:?}: expected {expected}, found {found}")]
    CheckpointConversation {
        /// The generation of the checkpoint.
        generation: u64,
        /// The conversation.
        id: Arc<str>,
        /// The field of its image or of its state.
        field: String,
        /// The value that follows from its events.
        expected: String,
        /// The value in the checkpoint.
        found: String,
    },
    /// A conversation in memory differs from its events.
    #[error("{field} of conversation {id:?}: expected {expected}, found {found}")]
    Conversation {
        /// The conversation.
        id: Arc<str>,
        /// The field of its image or of its state.
        field: String,
        /// The value that follows from its events.
        expected: String,
        /// The value in memory.
        found: String,
    },
    /// The answer to a query differs from the events.
    #[error("answer to {question}: expected {expected}, found {found}")]
    Answer {
        /// The query.
        question: std::borrow::Cow<'static, str>,
        /// The answer that follows from the events; if it is long, the first row that differs.
        expected: String,
        /// The value in memory.
        found: String,
    },
    /// The search index is damaged, or lacks a conversation. Queries about closed conversations read all conversations if it
    /// is damaged; opening the database for writing then builds it again.
    #[error("search index: {why}")]
    SearchIndex {
        /// What is wrong with it.
        why: String,
    },
    /// The events up to this one give another state hash than the checkpoint after it recorded: the past was rewritten.
    #[error("the state hash after event {seq}: expected {expected}, as recorded by a checkpoint, found {found}")]
    RecordedHash {
        /// The last event of the state.
        seq: Seq,
        /// The recorded hash.
        expected: StateHash,
        /// The hash of the state to which the events fold now.
        found: StateHash,
    },
    /// Recorded state hashes cannot be read.
    #[error("value {number} of the recorded state hashes: {why}")]
    RecordedHashes {
        /// The number of the value, from 0.
        number: u64,
        /// What is wrong with them.
        why: String,
    },
    /// A bookmark differs from the log.
    #[error("bookmark {name:?} differs from the log")]
    Bookmark {
        /// Its name.
        name: String,
    },
    /// Values are stored where barriers do not make them durable. A bug in convofold: please report it.
    #[error("{count} values are in sled's blobs/, which does not survive a power cut")]
    StrayValues {
        /// Number of values.
        count: u64,
    },
}

impl VerifyReport {
    /// Returns whether there are no problems.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn add(&mut self, problem: Problem) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        } else {
            self.more_problems += 1;
        }
    }

    pub(super) fn add_all(&mut self, problems: impl IntoIterator<Item = Problem>) {
        problems.into_iter().for_each(|problem| self.add(problem));
    }
}
