//! How much an input may ask for.

use super::sources::convofold;
use crate::draft::DEFAULT_MAX_ID_BYTES;

/// How large the parts of an input may be (spec W5 and section 8); what is larger is rejected and never held as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest line in bytes, without its end. 1 MiB unless set otherwise; 4 GiB at most, whatever is set. For a line
    /// of convofold's own form see [`Limits::max_own_line_bytes`].
    pub max_line_bytes: usize,
    /// The longest id in bytes. 1 KiB unless set otherwise.
    pub max_id_bytes: usize,
    /// The longest document over several lines, in bytes. 64 MiB unless set otherwise; 4 GiB at most, whatever is set.
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

    /// The limits with what a place in a text can hold: 32 bits.
    pub(super) fn within_bounds(self) -> Self {
        Self {
            max_line_bytes: self.max_line_bytes.min(BOUND_BYTES),
            max_document_bytes: self.max_document_bytes.min(BOUND_BYTES),
            ..self
        }
    }

    /// How long this line may be.
    pub(super) fn max_bytes_of(&self, line: &[u8]) -> usize {
        if convofold::is_written_here(line) { self.max_own_line_bytes() } else { self.max_line_bytes }
    }

    /// How long a line of convofold's own form may be: no event of a line that was accepted takes more.
    #[must_use]
    pub fn max_own_line_bytes(&self) -> usize {
        self.max_line_bytes.saturating_add(convofold::room_bytes(self.max_id_bytes)).min(BOUND_BYTES)
    }
}
