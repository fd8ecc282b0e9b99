//! The conversations: in memory, or in the pages of the last checkpoint.

pub(crate) mod live;
pub(crate) mod page;
pub(crate) mod archive;
