//! The log: blocks of events, each chained to the one before it.

pub(crate) mod reader;
pub(crate) mod events;
