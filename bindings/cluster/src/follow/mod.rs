//! Following one partition of a log.

// In the order in which to read them.
pub(crate) mod codec;
pub(crate) mod bookmark;
pub(crate) mod verification;
pub(crate) mod clock;
pub(crate) mod options;
pub(crate) mod rejects;
pub(crate) mod error;
pub(crate) mod status;
pub(crate) mod pending;
pub(crate) mod commits;
pub(crate) mod follower;
