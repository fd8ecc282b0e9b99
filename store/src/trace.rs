//! What an operator is told: spans and events of `tracing`, where the feature of that name is on. Where it is off, none of
//! this is compiled, arguments included.
//!
//! Everything has the target `convofold`. Nothing that a conversation says is in it, nor who takes part.

#[cfg(feature = "tracing")]
use std::error::Error;
#[cfg(feature = "tracing")]
use std::fmt;

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
