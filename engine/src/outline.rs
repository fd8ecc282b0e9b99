//! What the board keeps of an evicted conversation.

use std::sync::Arc;

use crate::extent::{Extent, Rounded};
use crate::index::Seen;
use crate::newest::Newest;
use crate::query::ConversationRow;

/// What the board keeps of an evicted conversation: enough to find it, to count it and, if it is open or unanswered after
/// its close, to list it. The fold derives it, so it is valid for one [`crate::FOLD_VERSION`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    pub(crate) fingerprint: u64,
    pub(crate) seen: Seen,
    pub(crate) extent: Extent,
}

impl Outline {
    /// The outline of a conversation that no list shows: 64 bits of its id ([`Outline::fingerprint`]), the tenant and
    /// channel under which it is counted, its newest event, and the bounds of its events.
    #[must_use]
    pub fn unlisted(
        fingerprint: u64,
        tenant: Option<Arc<str>>,
        channel: Option<Arc<str>>,
        newest: Newest,
        extent: Extent,
    ) -> Self {
        Self { fingerprint, seen: Seen { tenant, channel, newest, row: None }, extent }
    }

    /// The outline of a conversation with this row, its newest event, and the bounds of its events.
    #[must_use]
    pub fn listed(row: ConversationRow, newest: Newest, extent: Extent) -> Self {
        let fingerprint = crate::id_map::fingerprint(row.id());
        Self { fingerprint, seen: Seen::of_row(&Arc::new(row), newest), extent }
    }

    /// What the board keeps of the bounds of its events.
    pub(crate) fn rounded(&self) -> Rounded {
        Rounded::of(&self.extent, self.seen.row.is_some())
    }

    /// XXH3-64 of the id.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The tenant under which it is counted.
    #[must_use]
    pub fn tenant(&self) -> Option<&Arc<str>> {
        self.seen.tenant.as_ref()
    }

    /// The channel under which it is counted.
    #[must_use]
    pub fn channel(&self) -> Option<&Arc<str>> {
        self.seen.channel.as_ref()
    }

    /// Its newest event (rule T1).
    #[must_use]
    pub fn newest(&self) -> Newest {
        self.seen.newest
    }

    /// The bounds of its events.
    #[must_use]
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// Its row in lists, if it is open or unanswered after its close.
    #[must_use]
    pub fn row(&self) -> Option<&Arc<ConversationRow>> {
        self.seen.row.as_ref()
    }
}
