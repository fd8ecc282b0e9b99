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

/// Why something is neither an event nor a fault (rules W1, W2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Ignored {
    /// The name of the source that ignored it, as [`Format::name`](super::Format::name) gives it; `input` for what is ignored
    /// in every format.
    pub source: &'static str,
    /// Why, in one word: `other_type`.
    pub reason: &'static str,
}

impl Ignored {
    /// A line of nothing but whitespace: a keep-alive.
    pub const BLANK: Self = Self { source: "input", reason: "blank" };
}
