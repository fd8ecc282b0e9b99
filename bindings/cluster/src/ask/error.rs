//! Why there is no answer.

use convofold::{QueryError, ReportPartsError, ReportQueryError, Seq};
use convofold_server::ClientError;

use super::answer::Missing;

/// Why a cluster has no answer at all. Partitions that do not answer are no error: the answer names them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatherError {
    /// The question is refused, or cannot be sent: each node would say the same.
    #[error("{node} refuses the question")]
    Refused {
        /// The node.
        node: String,
        /// What is wrong with the question.
        #[source]
        source: Box<ClientError>,
    },
    /// `known_at` is a sequence number. Two owners of a partition can have different ones for the same event.
    #[error(
        "known_at is seq:{seq}: in a cluster give a time; sequence numbers differ between the owners of a partition"
    )]
    Seq {
        /// The sequence number.
        seq: Seq,
    },
    /// No partition had an event at this moment.
    #[error("no partition has an event at this moment{}", .earliest.map_or(String::new(), |at| format!("; the first one has one at {at}")))]
    Nothing {
        /// The earliest time about which there is an answer, in milliseconds since the epoch.
        earliest: Option<i64>,
    },
    /// The answers of the partitions are too long: ask about less, such as a shorter time.
    #[error(
        "the answers of the partitions have more than {max_bytes} bytes together: ask about less, such as a shorter time"
    )]
    TooLong {
        /// [`AskOptions::answer_bytes`](crate::ask::AskOptions::answer_bytes).
        max_bytes: u64,
    },
    /// A partition does not answer, and without it there is no answer.
    #[error("{0}")]
    Missing(Missing),
    /// An owner has answered a part.
    #[error("the answer of {node} about partition {partition} ended early, or is not what it must be")]
    Broken {
        /// The partition.
        partition: u32,
        /// The node.
        node: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What was asked for could not be written to where it belongs.
    #[error("the answer could not be written")]
    Write(#[source] std::io::Error),
    /// The query is invalid.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The report is invalid, or too large.
    #[error(transparent)]
    Report(#[from] ReportQueryError),
    /// A node counted another report than the one that was asked for.
    #[error("the report of partition {partition} cannot be added")]
    Parts {
        /// The partition.
        partition: u32,
        /// What is wrong.
        #[source]
        source: ReportPartsError,
    },
    /// The threads that ask cannot be started.
    #[error("cannot start to ask")]
    Start(#[source] std::io::Error),
}
