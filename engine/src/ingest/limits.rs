//! Limits on an input.

use super::sources::convofold;
use crate::draft::DEFAULT_MAX_ID_BYTES;

/// The maximum sizes of the parts of an input (rule W5 and section 8). Larger parts are rejected and never buffered as
/// a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The maximum length of a line in bytes, without its line end, and of an element of an array. Default: 1 MiB; upper
    /// bound: 4 GiB. Lines in convofold's own form have another limit, see [`Limits::max_own_line_bytes`].
    pub max_line_bytes: usize,
    /// The maximum length of an id in bytes. Default: 1 KiB.
    pub max_id_bytes: usize,
    /// The maximum length of an object over several lines in bytes, of which an element of an array can take
    /// [`Limits::max_line_bytes`]. Default: 64 MiB; upper bound: 4 GiB.
    pub max_document_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_line_bytes: 1 << 20, max_id_bytes: DEFAULT_MAX_ID_BYTES, max_document_bytes: 64 << 20 }
    }
}

macro_rules! limit_setters {
    ($($(#[$attribute:meta])* $field:ident,)*) => {
        $(
            $(#[$attribute])*
            #[must_use]
            pub fn $field(mut self, bytes: usize) -> Self {
                self.$field = bytes;
                self
            }
        )*
    };
}

const BOUND_BYTES: usize = u32::MAX as usize - 1;

impl Limits {
    /// The default limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    limit_setters! {
        /// Sets [`Limits::max_line_bytes`](#structfield.max_line_bytes).
        max_line_bytes,
        /// Sets [`Limits::max_id_bytes`](#structfield.max_id_bytes).
        max_id_bytes,
        /// Sets [`Limits::max_document_bytes`](#structfield.max_document_bytes).
        max_document_bytes,
    }

    /// The limits, reduced to what an offset of 32 bits can address.
    pub(super) fn within_bounds(self) -> Self {
        Self {
            max_line_bytes: self.max_line_bytes.min(BOUND_BYTES),
            max_document_bytes: self.max_document_bytes.min(BOUND_BYTES),
            ..self
        }
    }

    /// Whether a line of this length, with its line end, can be too long.
    pub(super) fn can_be_too_long(&self, bytes: usize) -> bool {
        bytes > self.max_line_bytes
    }

    /// Whether this line, or element of an array, is too long.
    pub(super) fn is_too_long(&self, line: &[u8]) -> bool {
        // Nearly all lines are within the common limit and need no second check.
        line.len() > self.max_line_bytes && line.len() > self.max_bytes_of(line)
    }

    /// The maximum length of this line.
    pub(super) fn max_bytes_of(&self, line: &[u8]) -> usize {
        if convofold::is_written_here(line) { self.max_own_line_bytes() } else { self.max_line_bytes }
    }

    /// The maximum length of a line in convofold's own form. The export of an event from an accepted line is never
    /// longer.
    #[must_use]
    pub fn max_own_line_bytes(&self) -> usize {
        self.max_line_bytes.saturating_add(convofold::room_bytes(self.max_id_bytes)).min(BOUND_BYTES)
    }
}
