//! The receiver of parsing results.

use super::Rejection;
use crate::draft::{Draft, DraftError};
use crate::event::Event;

/// Receives what a [`Parser`](super::Parser) finds, in the order of the input.
pub trait Sink {
    /// An event.
    fn event(&mut self, origin: Origin, event: Event);
    /// An event whose texts are not copied yet, with the limit on ids for [`Draft::build_with`]. The default builds it and
    /// calls [`Sink::event`]; a sink that collects events in [`EventColumns`](crate::EventColumns) appends it there.
    ///
    /// # Errors
    /// [`DraftError`] if it is not a valid event. The parser then rejects the input.
    fn draft(&mut self, origin: Origin, draft: Draft<'_>, max_id_bytes: usize) -> Result<(), DraftError> {
        self.event(origin, draft.build_with(max_id_bytes)?);
        Ok(())
    }
    /// Input that is neither an event nor a fault: to be counted.
    fn ignored(&mut self, origin: Origin, why: Ignored<'_>);
    /// Input that cannot be an event (rule W5).
    fn rejected(&mut self, rejection: Rejection);
}

/// A position in an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Origin {
    /// The line, from 1.
    pub line: u64,
    /// The offset in the whole input, in bytes from 0.
    pub byte_offset: u64,
}

/// Why input is neither an event nor a fault (rules W1, W2 and W5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Ignored<'a> {
    /// The name of the source that ignored it, as in [`Format::name`](super::Format::name); `input` for input that
    /// every format ignores.
    pub source: &'static str,
    /// The reason in one word: `other_type`, or an interaction type of the [`IgnoreList`](super::IgnoreList).
    pub reason: &'a str,
}

impl Ignored<'_> {
    /// A line of only whitespace, such as a keep-alive.
    pub const BLANK: Ignored<'static> = Ignored { source: "input", reason: "blank" };
}
