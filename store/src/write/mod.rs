//! Writing: batches, the queue, and the one thread that commits them.

pub(crate) mod batch;
pub(crate) mod clock;
pub(crate) mod error;
pub(crate) mod idle_run;
pub(crate) mod moving;
pub(crate) mod replacing;
pub(crate) mod ticket;
pub(crate) mod removed;
pub(crate) mod group;
pub(crate) mod appender;
pub(crate) mod writer;
pub(crate) mod trim;
