//! How much an input may ask for.

use crate::draft::DEFAULT_MAX_ID_BYTES;

/// How large the parts of an input may be (spec W5 and section 8); what is larger is rejected and never held as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest line in bytes, without its end. 1 MiB unless set otherwise; 4 GiB at most, whatever is set.
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

impl Limits {
    /// The limits with what a place in a text can hold: 32 bits.
    pub(super) fn within_bounds(self) -> Self {
        let bound = u32::MAX as usize - 1;
        Self {
            max_line_bytes: self.max_line_bytes.min(bound),
            max_document_bytes: self.max_document_bytes.min(bound),
            ..self
        }
    }
}
