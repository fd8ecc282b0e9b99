//! Where the results of parsing go.

use super::Rejection;
use crate::event::Event;

/// Takes what a [`Parser`](super::Parser) finds, in the order of the input.
pub trait Sink {
    /// An event.
    fn event(&mut self, origin: Origin, event: Event);
    /// Something that is no event and no fault either: to be counted.
    fn ignored(&mut self, origin: Origin, why: Ignored);
    /// Something that cannot be an event (spec W5).
    fn rejected(&mut self, rejection: Rejection);
}

/// A place in an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Origin {
    /// The line, from 1.
    pub line: u64,
    /// The offset in the whole input, in bytes from 0.
    pub byte_offset: u64,
}

/// Why something is neither an event nor a fault (spec W1, W2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Ignored {
    /// A line of nothing but whitespace: a keep-alive.
    Blank,
    /// Airship's `OFFSET_UPDATE`: a keep-alive.
    OffsetUpdate,
    /// Another `type` of Airship's stream, which is not about live chat.
    OtherType,
    /// A custom event with another `body.name`.
    OtherName,
    /// Another `Event` of SuperOffice's, `"test"` included.
    OtherEvent,
}
