//! convofold beyond one machine: databases that follow the partitions of an existing, replicated log.
//!
//! A conversation belongs to one partition of a log ([`Partitions`]). A [`Splitter`] turns the body of a webhook into one
//! payload for each event. A [`Follower`] reads one partition from a [`Source`] and commits its events into a
//! [`Convofold`](convofold::Convofold), together with a [`Bookmark`]. Any number of databases can follow a partition: the state is
//! a function of the set of events, so all of them end in the same state.
//!
//! The bookmark proves that the log is still the one that was read. A log that was trimmed, restored from old files or made
//! again is noticed, and has a name: [`Verification`].
//!
//! A source for a broker implements [`Source`] and passes the rules in `testing::RULES` (feature `testing`). The feature `nats`
//! adds the one for NATS JetStream.
//!
//! The feature `ask` asks the partitions as if they were one database: `ask::Gather`.
//!
//! ```
//! # #[cfg(feature = "testing")] {
//! use convofold::Convofold;
//! use convofold_cluster::testing::{KeptRejects, Twin};
//! use convofold_cluster::{FollowOptions, Follower, Step};
//!
//! let log = Twin::new("CF_chat_0");
//! log.publish(br#"{"convofold":1,"source":"desk","conversation":"c-1","kind":"open","occurred":"2026-03-02T09:15:00Z"}"#);
//!
//! # let folder = tempfile::tempdir()?;
//! let db = Convofold::open(folder.path().join("partition-0"))?;
//! let mut follower = Follower::new(db.clone(), log.source(), KeptRejects::default(), FollowOptions::new("chat", 0))?;
//! while follower.step()? != Step::Idle {}
//! follower.finish()?;
//! assert_eq!((follower.status().get().seq, db.stats().conversations), (1, 1));
//! # db.close()?;
//! # }
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! Everything blocks; a host runs one thread for each partition ([`Follower::run`]).

#![forbid(unsafe_code)]

// In the order in which to read them.
mod partition;
mod records;
mod split;
#[cfg(any(feature = "ask", feature = "node"))]
mod headers;
mod log;
mod agree;
mod follow;
mod republish;
#[cfg(feature = "ask")]
pub mod ask;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(feature = "node")]
pub mod node;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

#[cfg(test)]
mod tests;

pub use agree::{Agreement, HashPoint, HashTrail, compare};
pub use follow::bookmark::{Bookmark, BookmarkError, Place};
pub use follow::clock::{Clock, SystemClock};
pub use follow::error::FollowError;
pub use follow::follower::{Acceptance, Follower, Step};
pub use follow::options::FollowOptions;
pub use follow::rejects::{Rejected, Rejects, RejectsError};
pub use follow::status::{State, Status, StatusHandle};
pub use follow::verification::{Verification, verify};
pub use log::{LogIdentity, Mark, Message, Source, SourceError};
pub use partition::{Partitions, fnv1a32};
pub use records::{ClusterMap, LogName, LogRecord, NodeRecord, Owners, RecordError, check_name};
#[cfg(any(feature = "ask", feature = "node"))]
pub use republish::OtherNode;
pub use republish::{KeptBack, Republish};
pub use split::{Payload, Split, Splitter};
