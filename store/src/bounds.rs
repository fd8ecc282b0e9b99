//! Bounds of what is held in memory or stored as one value.

use crate::format::frame::MAX_BODY_BYTES;

/// The bounds of one database. Tests lower them, so that small inputs reach them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The maximum size of the events in a batch, in bytes.
    pub(crate) batch_bytes: usize,
    /// The size at which the internal submitters (ingest, replay, repair) begin the next batch, in bytes.
    pub(crate) submission_bytes: usize,
    /// The decoded size at which a part of a page ends, in bytes. At most half of a segment of sled is written between two
    /// barriers, and most parts take less than that.
    pub(crate) part_bytes: usize,
    /// The size of lines that are sorted in memory. More are sorted in temporary files.
    pub(crate) sorted_bytes: usize,
    /// The maximum number of bookmarks. Every checkpoint contains all of them.
    pub(crate) bookmarks: usize,
    /// The maximum length of the body of a stored value, in bytes.
    pub(crate) body_bytes: usize,
}

impl Bounds {
    pub(crate) const DEFAULT: Self = Self {
        batch_bytes: 256 << 20,
        submission_bytes: 16 << 20,
        part_bytes: 2 << 20,
        sorted_bytes: 64 << 20,
        bookmarks: 65_536,
        body_bytes: MAX_BODY_BYTES,
    };
}

impl Default for Bounds {
    fn default() -> Self {
        Self::DEFAULT
    }
}
