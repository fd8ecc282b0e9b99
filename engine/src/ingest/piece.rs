//! A part of an input that can be parsed independently.

use super::{Origin, Rejection};

/// A part of an input that can be parsed independently, on any thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Complete lines. Only the last line of an input can lack its `\n`.
    Lines {
        /// The number of the first line in the input, from 1.
        first_line: u64,
        /// The offset of the first line in the input.
        byte_offset: u64,
        /// The lines.
        bytes: Vec<u8>,
    },
    /// One document over several lines, which is the whole input except for blank lines.
    Document {
        /// The number of its first line in the input, from 1.
        first_line: u64,
        /// The offset of its first line in the input.
        byte_offset: u64,
        /// The document.
        bytes: Vec<u8>,
        /// The end of the whitespace after it.
        end: Origin,
    },
    /// Input that exceeds a limit, or several documents over several lines each.
    Rejected {
        /// The reason.
        rejection: Rejection,
        /// The end of the rejected input.
        end: Origin,
    },
}

impl Piece {
    /// The position at which the input continues after this piece, for [`Framer::resume`](super::Framer::resume).
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
