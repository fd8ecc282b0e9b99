//! What an operator is told: spans and events of `tracing`, where the feature of that name is on. Where it is off, none of
//! this is compiled, arguments included.
//!
//! Everything has the target `convofold`. Nothing that a conversation says is in it, nor who takes part.

#[cfg(feature = "tracing")]
use std::error::Error;
#[cfg(feature = "tracing")]
use std::fmt;

use crate::error::OpenError;
use crate::open::recovery::Recovery;
use crate::storage::StorageError;

/// A span from here to the end of the block.
macro_rules! span {
    ($name:literal $($fields:tt)*) => {
        #[cfg(feature = "tracing")]
        let _span = ::tracing::info_span!(target: "convofold", $name $($fields)*).entered();
    };
}

/// An event: its level, fields, and a message.
macro_rules! tell {
    ($level:ident, $($said:tt)+) => {
        #[cfg(feature = "tracing")]
        ::tracing::$level!(target: "convofold", $($said)+);
    };
}

pub(crate) use {span, tell};

/// An error and what caused it, on one line.
#[cfg(feature = "tracing")]
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn Error + 'static));

#[cfg(feature = "tracing")]
impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        std::iter::successors(self.0.source(), |&error| error.source()).try_for_each(|cause| write!(f, ": {cause}"))
    }
}

/// Tells what opening a store found.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "nobody is told"))]
pub(crate) fn opened(outcome: Result<&Recovery, &OpenError>) {
    #[cfg(feature = "tracing")]
    match outcome {
        Ok(recovery) => found(recovery),
        Err(error @ (OpenError::Damaged { .. } | OpenError::Shortened { .. } | OpenError::NoCheckpoint { .. })) => {
            tell!(error, error = %Chain(error), "the store is damaged and was not opened");
        }
        Err(error) => {
            tell!(error, error = %Chain(error), "the store was not opened");
        }
    }
}

/// Tells of damage that was come upon; other failures are told by whoever they are returned to.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "nobody is told"))]
pub(crate) fn came_upon(page_no: u32, error: &StorageError) {
    #[cfg(feature = "tracing")]
    if let StorageError::Value(why) = error {
        tell!(error, page_no, %why, "a page of conversations is damaged");
    }
}

#[cfg(feature = "tracing")]
fn found(recovery: &Recovery) {
    for skipped in &recovery.skipped {
        tell!(warn, generation = skipped.generation, why = %skipped.why, "a checkpoint could not be used");
    }
    for file in &recovery.removed_files {
        tell!(warn, file = %file.display(), "a half-written file was removed");
    }
    if let Some(doubt) = &recovery.doubt {
        tell!(warn, %doubt, "the file did not look like its end; nothing that was durable is missing");
    }
    if recovery.unreadable_head {
        tell!(warn, "the mark of how far the log reaches was damaged or gone, and is written anew");
    }
    if recovery.stray_values > 0 {
        tell!(error, count = recovery.stray_values, "values lie where no barrier reaches them: please report it");
    }
    let Recovery { is_new, checkpoint_seq, events_replayed, last_seq, took, .. } = recovery;
    tell!(info, is_new, checkpoint_seq, events_replayed, last_seq, ?took, "opened");
}

/// Tells what a check of the whole found. What it says of conversations is in its report alone.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "nobody is told"))]
pub(crate) fn checked(by: &str, problems: usize) {
    #[cfg(feature = "tracing")]
    if problems == 0 {
        tell!(info, by, "nothing is wrong");
    } else {
        tell!(error, by, problems, "the store is not what its log says");
    }
}

/// Runs a thread of ours with the subscriber of the thread that starts it, where that has one of its own.
#[cfg(feature = "tracing")]
pub(crate) fn inherited(run: impl FnOnce() + Send) -> impl FnOnce() + Send {
    use tracing::dispatcher::{get_default, with_default};
    use tracing::subscriber::NoSubscriber;

    let subscriber = get_default(Clone::clone);
    move || if subscriber.is::<NoSubscriber>() { run() } else { with_default(&subscriber, run) }
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn inherited(run: impl FnOnce() + Send) -> impl FnOnce() + Send {
    run
}
