//! Spans and events of `tracing`, if the feature of that name is enabled. Otherwise nothing of this is compiled,
//! including the arguments.
//!
//! All have the target `convofold`. They never contain text of conversations or names of participants.

#[cfg(feature = "tracing")]
use std::error::Error;
#[cfg(feature = "tracing")]
use std::fmt;

/// Opens a span until the end of the block.
macro_rules! span {
    ($name:literal $($fields:tt)*) => {
        #[cfg(feature = "tracing")]
        let _span = ::tracing::info_span!(target: "convofold", $name $($fields)*).entered();
    };
}

/// Records an event: level, fields and a message.
macro_rules! tell {
    ($level:ident, $($said:tt)+) => {
        #[cfg(feature = "tracing")]
        ::tracing::$level!(target: "convofold", $($said)+);
    };
}

pub(crate) use {span, tell};

/// An error and its causes, on one line.
#[cfg(feature = "tracing")]
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn Error + 'static));

#[cfg(feature = "tracing")]
impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        std::iter::successors(self.0.source(), |&error| error.source()).try_for_each(|cause| write!(f, ": {cause}"))
    }
}

/// Runs a thread with the subscriber of the thread that starts it, if that thread has one of its own.
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
