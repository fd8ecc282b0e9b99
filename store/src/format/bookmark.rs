//! Bookmarks in blocks.

use serde::{Deserialize, Serialize};

/// A bookmark that was set or deleted with the events of a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredBookmark<'a> {
    pub(crate) name: &'a str,
    /// `None` if it was deleted.
    pub(crate) value: Option<&'a [u8]>,
}
