//! What the board keeps of a conversation that is away.

use std::sync::Arc;

use crate::index::Seen;
use crate::query::OpenConversation;

/// A conversation as far as the board knows it while it is away: enough to find it, to count it and, where it is open, to
/// list it. It is derived by the fold, so it is good for one [`crate::FOLD_VERSION`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    pub(crate) fingerprint: u64,
    pub(crate) seen: Seen,
}

impl Outline {
    /// The outline of a closed conversation: 64 bits of its id ([`Outline::fingerprint`]), and where it is counted.
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

    /// The tenant it is counted for.
    #[must_use]
    pub fn tenant(&self) -> Option<&Arc<str>> {
        self.seen.tenant.as_ref()
    }

    /// The channel it is counted for.
    #[must_use]
    pub fn channel(&self) -> Option<&Arc<str>> {
        self.seen.channel.as_ref()
    }

    /// How it is listed where it is open.
    #[must_use]
    pub fn row(&self) -> Option<&Arc<OpenConversation>> {
        self.seen.open.as_ref()
    }
}
