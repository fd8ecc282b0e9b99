//! What the board keeps of an evicted conversation.

use std::sync::Arc;

use crate::index::Seen;
use crate::query::OpenConversation;

/// What the board keeps of an evicted conversation: enough to find it, to count it and, if it is open, to list it. The
/// fold derives it, so it is valid for one [`crate::FOLD_VERSION`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    pub(crate) fingerprint: u64,
    pub(crate) seen: Seen,
}

impl Outline {
    /// The outline of a closed conversation: 64 bits of its id ([`Outline::fingerprint`]), and the tenant and channel
    /// under which it is counted.
    #[must_use]
    pub fn closed(fingerprint: u64, tenant: Option<Arc<str>>, channel: Option<Arc<str>>) -> Self {
        Self { fingerprint, seen: Seen { tenant, channel, open: None } }
    }

    /// The outline of an open conversation.
    #[must_use]
    pub fn open(row: OpenConversation) -> Self {
        let fingerprint = crate::id_map::fingerprint(&row.id);
        Self { fingerprint, seen: Seen::of_open(&Arc::new(row)) }
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

    /// Its row in lists, if it is open.
    #[must_use]
    pub fn row(&self) -> Option<&Arc<OpenConversation>> {
        self.seen.open.as_ref()
    }
}
