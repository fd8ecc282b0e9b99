//! Bookmarks: values of the host that are committed together with events.

use std::collections::BTreeMap;

/// A few bytes of the host under a name, such as its position in an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bookmark {
    pub(crate) name: String,
    /// `None` deletes the bookmark.
    pub(crate) value: Option<Vec<u8>>,
}

/// A bookmark in a decoded block. No value: it was deleted.
pub(crate) type DecodedBookmark = (String, Option<Vec<u8>>);

/// Bookmarks by name.
pub(crate) type Bookmarks = BTreeMap<String, Vec<u8>>;

/// Sets or deletes a bookmark.
pub(crate) fn set_bookmark((name, value): DecodedBookmark, bookmarks: &mut Bookmarks) {
    match value {
        Some(value) => bookmarks.insert(name, value),
        None => bookmarks.remove(&name),
    };
}
