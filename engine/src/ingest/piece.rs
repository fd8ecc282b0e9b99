//! A part of an input that can be parsed independently.

use super::Rejection;

/// A place in an input between two values, where reading can resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Position {
    /// The line, from 1.
    pub line: u64,
    /// The offset in the whole input, in bytes from 0.
    pub byte_offset: u64,
    /// Inside an array, the index of its next element.
    pub element: Option<u64>,
}

impl Position {
    /// The beginning of an input.
    pub const BEGINNING: Self = Self { line: 1, byte_offset: 0, element: None };

    /// A position that was stored.
    #[must_use]
    pub fn new(line: u64, byte_offset: u64, element: Option<u64>) -> Self {
        Self { line, byte_offset, element }
    }

    /// The position after these bytes.
    pub(super) fn after(self, bytes: &[u8], element: Option<u64>) -> Self {
        let lines = memchr::memchr_iter(b'\n', bytes).count() as u64;
        Self { line: self.line + lines, byte_offset: self.byte_offset + bytes.len() as u64, element }
    }
}

/// A part of an input that can be parsed independently, on any thread.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Piece {
    /// Complete values.
    #[non_exhaustive]
    Values {
        /// Where it begins: at the beginning of a line, or after an element of an array.
        start: Position,
        /// The values.
        bytes: Vec<u8>,
        /// Where the next piece begins. If that is inside an array, the array continues there.
        end: Position,
    },
    /// Input that exceeds a limit or cannot be read at all.
    #[non_exhaustive]
    Rejected {
        /// The reason.
        rejection: Rejection,
        /// The end of the rejected input.
        end: Position,
    },
}

impl Piece {
    /// A piece of complete values, which begin at the beginning of a line.
    #[must_use]
    pub fn values(line: u64, byte_offset: u64, bytes: Vec<u8>) -> Self {
        let start = Position::new(line, byte_offset, None);
        let end = start.after(&bytes, None);
        Self::Values { start, bytes, end }
    }

    /// Where the input continues after this piece, for [`Framer::resume`](super::Framer::resume).
    #[must_use]
    pub fn end(&self) -> Position {
        match self {
            Self::Values { end, .. } | Self::Rejected { end, .. } => *end,
        }
    }

    /// The bytes of the piece, which the caller can reuse.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Values { bytes, .. } => bytes,
            Self::Rejected { .. } => Vec::new(),
        }
    }

    /// The number of bytes to parse.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Values { bytes, .. } => bytes.len(),
            Self::Rejected { .. } => 0,
        }
    }

    /// Whether there is nothing to parse.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
