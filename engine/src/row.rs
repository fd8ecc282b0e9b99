//! What an event does not share with other events.

use crate::event::{At, Direction, Kind};
use crate::identity::{ContentHash, Identity};
use crate::texts::Span;
use crate::time::Time;

/// The values of one event. Its texts are in an arena, its context and its session are beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) kind: Kind,
    pub(crate) direction: Option<Direction>,
    pub(crate) at: At,
    pub(crate) occurred: Option<Time>,
    pub(crate) sent: Option<Time>,
    pub(crate) started: Option<Time>,
    pub(crate) active: Option<Time>,
    pub(crate) unread: Option<u64>,
    pub(crate) identity: Identity,
    /// See [`Identity::fingerprint`].
    pub(crate) fingerprint: u64,
    pub(crate) content: ContentHash,
    pub(crate) conversation: Span,
    pub(crate) text: Option<Span>,
}

impl Row {
    /// The values of no event, for [`Row::completed`].
    pub(crate) const UNCOMPLETED: Self = Self {
        kind: Kind::Update,
        direction: None,
        at: At::Timed(Time::MIN),
        occurred: None,
        sent: None,
        started: None,
        active: None,
        unread: None,
        identity: Identity::of_content(ContentHash::from_bits(0)),
        fingerprint: 0,
        content: ContentHash::from_bits(0),
        conversation: Span::EMPTY,
        text: None,
    };
}
