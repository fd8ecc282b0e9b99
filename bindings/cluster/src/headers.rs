//! The headers in which a node says who answers, and how current that is.

/// The name of the node.
pub(crate) const NODE: &str = "convofold-node";
/// The name of the log.
pub(crate) const LOG: &str = "convofold-log";
/// The last message of the log that was read.
pub(crate) const LOG_SEQ: &str = "convofold-log-seq";
/// The number of messages that were not read yet, as far as it is known.
pub(crate) const LAG: &str = "convofold-lag";
/// How long ago the brokers took the last message that was read, in milliseconds; 0 if all were read.
pub(crate) const LAG_MS: &str = "convofold-lag-ms";
/// What the follower does, as in `/partitions`.
pub(crate) const STATE: &str = "convofold-state";
/// How long ago the bookmark was verified, in milliseconds.
pub(crate) const VERIFIED_AGE_MS: &str = "convofold-verified-age-ms";
