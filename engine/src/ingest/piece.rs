//! A part of an input that can be parsed by itself.

use super::{Origin, Rejection};

/// A part of an input that can be parsed by itself, on any thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Whole lines; only the last one of an input may be without its `\n`.
    Lines {
        /// The number of the first line in the input, from 1.
        first_line: u64,
        /// The offset of the first line in the input.
        byte_offset: u64,
        /// The lines.
        bytes: Vec<u8>,
    },
    /// One document over several lines, which is all that is in the input but for blank lines.
    Document {
        /// The number of its first line in the input, from 1.
        first_line: u64,
        /// The offset of its first line in the input.
        byte_offset: u64,
        /// The document.
        bytes: Vec<u8>,
        /// Where the whitespace after it ends.
        end: Origin,
    },
    /// Something over the limits, or several documents over several lines each.
    Rejected {
        /// What is wrong.
        rejection: Rejection,
        /// Where what was rejected ends.
        end: Origin,
    },
}

impl Piece {
    /// The line and the offset at which the input goes on after this piece, for [`Framer::resume`](super::Framer::resume).
    #[must_use]
    pub fn end(&self) -> (u64, u64) {
        match self {
            Self::Lines { first_line, byte_offset, bytes } => {
                let ends = memchr::memchr_iter(b'\n', bytes).count();
                let open_line = bytes.last().is_some_and(|last| *last != b'\n');
                (first_line + ends as u64 + u64::from(open_line), byte_offset + bytes.len() as u64)
            }
            Self::Document { end, .. } | Self::Rejected { end, .. } => (end.line, end.byte_offset),
        }
    }
}
