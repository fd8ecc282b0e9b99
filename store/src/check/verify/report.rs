//! What a verification found.

use std::sync::Arc;
use std::time::Duration;

use convofold_engine::{Seq, StateHash};

/// A store in which so much is wrong is wrong everywhere.
const MAX_PROBLEMS: usize = 10_000;

/// What was checked, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct VerifyReport {
    /// The last event of the log that was checked; 0 where there is none.
    pub last_seq: Seq,
    /// Blocks of the log that are right.
    pub blocks: u64,
    /// Events in them.
    pub events: u64,
    /// Their length in bytes.
    pub log_bytes: u64,
    /// Whether all blocks are right, so that there was something to compare with.
    pub log_is_whole: bool,
    /// The checkpoints that are kept.
    pub checkpoints: Vec<VerifiedCheckpoint>,
    /// Conversations in memory that were compared; none where the log is not whole.
    pub conversations: u64,
    /// The state hash of the log folded anew, where it is whole.
    pub state_hash: Option<StateHash>,
    /// Everything that is wrong; nothing where all is well.
    pub problems: Vec<Problem>,
    /// How many more problems there are; only the first 10,000 are listed.
    pub more_problems: u64,
    /// How long it took.
    #[cfg_attr(feature = "serde", serde(rename = "took_ms", serialize_with = "crate::json::as_ms"))]
    pub took: Duration,
}

/// A checkpoint that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct VerifiedCheckpoint {
    /// Its number.
    pub generation: u64,
    /// The last event in it; 0 where that cannot be read.
    pub seq: Seq,
    /// How many of its conversations were compared with the log.
    pub conversations: u64,
    /// Whether it was compared. It is not where its record is damaged, where the log before it is, and where another
    /// checkpoint took its place meanwhile.
    pub compared: bool,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "problem", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Problem {
    /// The end mark is gone.
    #[error("the end mark is missing")]
    EndMarkMissing,
    /// The end mark is damaged.
    #[error("the end mark is damaged")]
    EndMarkUnreadable,
    /// The log ends before a place that it is known to have reached.
    #[error("the log ends with event {found}, and is known to have reached event {expected}")]
    Shortened {
        /// The last event that it is known to have had.
        expected: Seq,
        /// The last event that it has.
        found: Seq,
    },
    /// The log has another block where the end mark was written.
    #[error("block {block_no} is not the one that the end mark was written for")]
    HeadOfAnotherLog {
        /// The block.
        block_no: u64,
    },
    /// The record of where the log begins is damaged, or another one.
    #[error("the record of where the log begins: {why}")]
    LogStart {
        /// What is wrong with it.
        why: String,
    },
    /// Of events that were dropped from the log, what a conversation remembers is not what they were. So there is nothing to
    /// begin folding with.
    #[error("the memory of events that were dropped from the log: {why}")]
    Memory {
        /// What is wrong with it.
        why: String,
    },
    /// A block of the log is damaged.
    #[error("block {block_no} of the log, which should begin with event {seq}: {why}")]
    Block {
        /// The block.
        block_no: u64,
        /// The seq of its first event.
        seq: Seq,
        /// What is wrong with it.
        why: String,
    },
    /// A block has a time of commit before that of a commit before it.
    #[error("block {block_no} was committed at {found_ms} ms, before the commit before it at {expected_ms} ms")]
    CommitTime {
        /// The block.
        block_no: u64,
        /// The time of the commit before it, in milliseconds since the epoch.
        expected_ms: u64,
        /// The time of the block.
        found_ms: u64,
    },
    /// A checkpoint is damaged.
    #[error("checkpoint {generation}: {why}")]
    Checkpoint {
        /// Its number.
        generation: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A conversation in a checkpoint is not what its events say.
    #[error("checkpoint {generation}: {field} of conversation {id:?}: expected {expected}, found {found}")]
    CheckpointConversation {
        /// The number of the checkpoint.
        generation: u64,
        /// The conversation.
        id: Arc<str>,
        /// The part of its memory, or of its state.
        field: String,
        /// What its events say.
        expected: String,
        /// What the checkpoint says.
        found: String,
    },
    /// A conversation in memory is not what its events say.
    #[error("{field} of conversation {id:?}: expected {expected}, found {found}")]
    Conversation {
        /// The conversation.
        id: Arc<str>,
        /// The part of its memory, or of its state.
        field: String,
        /// What its events say.
        expected: String,
        /// What the store says.
        found: String,
    },
    /// A question is answered differently from what the events say.
    #[error("the answer to {question}: expected {expected}, found {found}")]
    Answer {
        /// Which question.
        question: &'static str,
        /// What the events say; the first part that differs, where it is long.
        expected: String,
        /// What the store says.
        found: String,
    },
    /// A bookmark is not what the log says.
    #[error("the bookmark {name:?} is not the one in the log")]
    Bookmark {
        /// Its name.
        name: String,
    },
    /// Values lie where no barrier reaches them. A fault of convofold: please report it.
    #[error("{count} values lie in sled's blobs/, which does not survive a power snapshot")]
    StrayValues {
        /// How many.
        count: u64,
    },
}

impl VerifyReport {
    /// Whether nothing is wrong.
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
