//! What can be asked of the open conversations (spec Q2, Q3), and how a page of the answer is continued.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::state::AgentRef;

/// Which open conversations are wanted. Every condition that is given must hold; the default wants all of them.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Whose they are.
    pub agent: Option<AgentFilter>,
    /// The member's name, business id or channel id.
    pub member: Option<String>,
    /// The member's number.
    pub number: Option<String>,
    /// The tenant.
    pub tenant: Option<String>,
    /// The shortcode.
    pub shortcode: Option<String>,
    /// The channel of the latest message.
    pub channel: Option<String>,
    /// At least so many unread messages.
    pub unread_min: Option<u64>,
    /// Last active at this time or before, in milliseconds since the epoch.
    pub idle_since_ms: Option<i64>,
    /// Waiting for an answer since this time or before, in milliseconds since the epoch.
    pub waiting_since_ms: Option<i64>,
    /// Only those with a suspicion (spec F10).
    pub suspect: bool,
    /// The order of the answer.
    pub sort: Sort,
    /// At most so many in one page, at least one; `None` is all of them.
    pub limit: Option<usize>,
    /// Where the page before this one ended: [`Page::next`].
    pub cursor: Option<Cursor>,
}

/// Whose conversations are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentFilter {
    /// Those of the agent with this id or name.
    Is(String),
    /// Those that nobody is assigned to.
    Unassigned,
}

/// The order of an answer. Conversations that are equal in it are ordered by the bytes of their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sort {
    /// The one active last comes first.
    #[default]
    Activity,
    /// The one that waits longest comes first; those that do not wait come last.
    Waiting,
    /// The one that began first comes first.
    Started,
}

impl Sort {
    /// Every order with its letter in a cursor.
    const LETTERS: [(char, Self); 3] = [('a', Self::Activity), ('w', Self::Waiting), ('s', Self::Started)];
}

/// A place in an answer. It names the last conversation that was seen, so it stays good while events arrive: a
/// conversation that moves up in the meantime may be missed or seen again, one that does not move never is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) sort: Sort,
    pub(crate) key: i64,
    pub(crate) id: Arc<str>,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let letter = Sort::LETTERS.iter().find(|(_, sort)| *sort == self.sort).map_or('a', |(letter, _)| *letter);
        write!(f, "{letter}{}:{}", self.key, self.id)
    }
}

impl Serialize for Cursor {
    /// As its text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::str::FromStr for Cursor {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let letter = text.chars().next()?;
            let (_, sort) = Sort::LETTERS.into_iter().find(|(known, _)| *known == letter)?;
            let (key, id) = text.get(letter.len_utf8()..)?.split_once(':')?;
            Some(Self { sort, key: key.parse().ok()?, id: id.into() })
        };
        parse().ok_or_else(|| QueryError::NotACursor { found: text.to_owned() })
    }
}

/// Why a question cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The text is no cursor.
    #[error("expected a cursor from an earlier page, found {found:?}")]
    NotACursor {
        /// The text.
        found: String,
    },
    /// The cursor comes from an answer in another order.
    #[error("the cursor belongs to an answer ordered by {found:?}, this one is ordered by {expected:?}")]
    CursorOfAnotherOrder {
        /// The order asked for.
        expected: Sort,
        /// The order of the cursor.
        found: Sort,
    },
}

/// One page of an answer.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Page {
    /// The conversations, in order.
    pub rows: Vec<Arc<OpenConversation>>,
    /// Where the next page begins; `None` where this is the last one.
    pub next: Option<Cursor>,
}

/// An open conversation, as far as a list shows it; [`crate::Board::state`] has the whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenConversation {
    /// The id.
    pub id: Arc<str>,
    /// The tenant.
    pub tenant: Option<Arc<str>>,
    /// The channel of the latest message.
    pub channel: Option<Arc<str>>,
    /// The assigned agent's id.
    pub agent_id: Option<Arc<str>>,
    /// The assigned agent's name.
    pub agent_name: Option<Arc<str>>,
    /// The member's name.
    pub member_name: Option<Arc<str>>,
    /// The member's number.
    pub member_number: Option<Arc<str>>,
    /// The member's id at the business.
    pub member_business_id: Option<Arc<str>>,
    /// The member's channel id.
    pub member_channel_id: Option<Arc<str>>,
    /// The shortcode.
    pub shortcode: Option<Arc<str>>,
    /// Unread messages.
    pub unread: u64,
    /// When it began, in milliseconds since the epoch.
    pub started_at: i64,
    /// When it was last active, in milliseconds since the epoch.
    pub last_active_at: i64,
    /// The first message that waits for an answer, in milliseconds since the epoch.
    pub waiting_since: Option<i64>,
    /// Whether there is a suspicion.
    pub suspect: bool,
}

impl OpenConversation {
    /// The number by which answers are ordered: the smallest comes first.
    pub(crate) fn sort_key(&self, sort: Sort) -> i64 {
        match sort {
            Sort::Activity => -self.last_active_at,
            Sort::Waiting => self.waiting_since.unwrap_or(i64::MAX),
            Sort::Started => self.started_at,
        }
    }

    pub(crate) fn is_assigned(&self) -> bool {
        self.agent_id.is_some() || self.agent_name.is_some()
    }
}

impl Query {
    pub(crate) fn wants(&self, row: &OpenConversation) -> bool {
        let is = |wanted: &Option<String>, found: &Option<Arc<str>>| {
            wanted.is_none() || wanted.as_deref() == found.as_deref()
        };
        self.wants_agent(row)
            && self.wants_member(row)
            && is(&self.number, &row.member_number)
            && is(&self.tenant, &row.tenant)
            && is(&self.shortcode, &row.shortcode)
            && is(&self.channel, &row.channel)
            && self.unread_min.is_none_or(|least| row.unread >= least)
            && self.idle_since_ms.is_none_or(|since| row.last_active_at <= since)
            && self.waiting_since_ms.is_none_or(|since| row.waiting_since.is_some_and(|waiting| waiting <= since))
            && (!self.suspect || row.suspect)
    }

    fn wants_agent(&self, row: &OpenConversation) -> bool {
        match &self.agent {
            None => true,
            Some(AgentFilter::Unassigned) => !row.is_assigned(),
            Some(AgentFilter::Is(wanted)) => {
                [&row.agent_id, &row.agent_name].into_iter().any(|known| known.as_deref() == Some(wanted))
            }
        }
    }

    fn wants_member(&self, row: &OpenConversation) -> bool {
        let Some(wanted) = &self.member else { return true };
        [&row.member_name, &row.member_business_id, &row.member_channel_id]
            .into_iter()
            .any(|known| known.as_deref() == Some(wanted))
    }
}

/// What an agent has to do (spec Q3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgentLoad {
    /// The agent; `None` stands for the conversations that nobody is assigned to.
    pub agent: Option<AgentRef>,
    /// Open conversations.
    pub open: u64,
    /// Unread messages in them.
    pub unread: u64,
    /// Those that wait for an answer.
    pub waiting: u64,
    /// The message that waits longest, in milliseconds since the epoch.
    pub oldest_waiting_since: Option<i64>,
}

/// The conversations of a tenant on a channel (spec Q3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// The tenant.
    pub tenant: Option<Arc<str>>,
    /// The channel of the latest message.
    pub channel: Option<Arc<str>>,
    /// All conversations, open or closed.
    pub conversations: u64,
    /// The open ones.
    pub open: u64,
    /// Those that wait for an answer.
    pub waiting: u64,
    /// Unread messages in the open ones.
    pub unread: u64,
}
