//! The first form of what is in a block. It is read for ever, and not written any more.

use serde::{Deserialize, Serialize};

use super::block::StoredBookmarkV1;
use super::event_v1::StoredEventV1;

/// The events, then the bookmarks, each a bincode sequence.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BodyV1<'a> {
    #[serde(borrow)]
    pub(crate) events: Vec<StoredEventV1<'a>>,
    #[serde(borrow)]
    pub(crate) bookmarks: Vec<StoredBookmarkV1<'a>>,
}
