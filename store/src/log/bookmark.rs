//! Bookmarks: values of the host that are committed together with events.

use std::collections::BTreeMap;

/// A few bytes of the host's under a name: how far it is with its upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bookmark {
    pub(crate) name: String,
    /// `None` deletes it.
    pub(crate) value: Option<Vec<u8>>,
}

/// A bookmark as a block carries it; no value means that it was deleted.
pub(crate) type DecodedBookmark = (String, Option<Vec<u8>>);

/// Bookmarks by name.
pub(crate) type Bookmarks = BTreeMap<String, Vec<u8>>;

/// Sets a bookmark, or deletes it.
pub(crate) fn set_bookmark((name, value): DecodedBookmark, bookmarks: &mut Bookmarks) {
    match value {
        Some(value) => bookmarks.insert(name, value),
        None => bookmarks.remove(&name),
    };
}
