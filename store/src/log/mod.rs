//! The log: blocks of events, each chained to the one before it.

pub(crate) mod bookmark;
pub(crate) mod error;
pub(crate) mod start;
pub(crate) mod columns;
pub(crate) mod blocks;
pub(crate) mod reader;
pub(crate) mod events;
pub(crate) mod marks;
