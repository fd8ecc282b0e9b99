//! Queries about many conversations (rules Q2 and Q3), and cursors for the next page.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::setters::setters;
use crate::spelling::{same_name, same_number};
use crate::state::{AgentRef, LastMessage};
use crate::unknown::UnknownValue;

/// A query for open conversations, or for closed ones that are unanswered after their close. Every condition that is set must hold; a new query has none.
///
/// Every setter takes a value or an `Option`, except those of flags and of the sort order; `None` removes the
/// condition. The keys of its JSON are the parameters of the server's `/api/v1/conversations`.
///
/// ```
/// use convofold_engine::{Query, Sort};
///
/// let query = Query::new().agent("Ida").sort(Sort::Waiting).limit(50);
/// # let _ = query;
/// ```
#[derive(Clone, Debug, Default, Serialize)]
pub struct Query {
    pub(crate) agent: Option<String>,
    pub(crate) unassigned: bool,
    pub(crate) member: Option<String>,
    pub(crate) number: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) shortcode: Option<String>,
    pub(crate) channel: Option<String>,
    pub(crate) unread_min: Option<u64>,
    #[serde(rename = "idle_since")]
    pub(crate) idle_since_ms: Option<i64>,
    #[serde(rename = "waiting_since")]
    pub(crate) waiting_since_ms: Option<i64>,
    pub(crate) suspect: bool,
    pub(crate) unanswered_after_close: bool,
    pub(crate) sort: Sort,
    pub(crate) limit: Option<usize>,
    pub(crate) cursor: Option<Cursor>,
}

macro_rules! text_conditions {
    ($($(#[$attribute:meta])* $field:ident,)*) => {
        $(
            $(#[$attribute])*
            #[must_use]
            pub fn $field<'a>(mut self, $field: impl Into<Option<&'a str>>) -> Self {
                self.$field = $field.into().map(str::to_owned);
                self
            }
        )*
    };
}

impl Query {
    /// A query that all open conversations match, most recently active first.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    text_conditions! {
        /// The agent's id, or its name in upper or lower case.
        agent,
        /// The member's business id or channel id, or its name in upper or lower case.
        member,
        /// The member's number, with or without `+` and spaces.
        number,
        /// The tenant.
        tenant,
        /// The shortcode, with or without `+` and spaces.
        shortcode,
        /// The channel of the latest message, in upper or lower case.
        channel,
    }

    setters! {
        /// The minimum number of unread messages.
        unread_min: u64,
        /// No activity after this time, in milliseconds since the epoch.
        idle_since_ms: i64,
        /// Waiting for an answer since this time or earlier, in milliseconds since the epoch.
        waiting_since_ms: i64,
        /// The maximum number of conversations in a page; 0, like `None`, is no limit.
        limit: usize,
        /// The end of the previous page: its [`Page::next`].
        cursor: Cursor,
    }

    /// Whether only conversations without an assigned agent match. None matches an [`agent`](Self::agent) as well.
    #[must_use]
    pub fn unassigned(mut self, unassigned: bool) -> Self {
        self.unassigned = unassigned;
        self
    }

    /// Whether only conversations with a suspicion match (rule F10).
    #[must_use]
    pub fn suspect(mut self, suspect: bool) -> Self {
        self.suspect = suspect;
        self
    }

    /// Closed conversations instead of open ones: those with a message that is not outbound after both their last close
    /// and their last outbound message. All other conditions apply to them too.
    #[must_use]
    pub fn unanswered_after_close(mut self, unanswered_after_close: bool) -> Self {
        self.unanswered_after_close = unanswered_after_close;
        self
    }

    /// The order of the conversations.
    #[must_use]
    pub fn sort(mut self, sort: Sort) -> Self {
        self.sort = sort;
        self
    }
}

/// The sort order. Conversations with equal keys are ordered by the bytes of their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sort {
    /// The most recently active one first.
    #[default]
    Activity,
    /// The longest waiting one first; those that do not wait are last.
    Waiting,
    /// The oldest one first.
    Started,
}

crate::named! { Sort is a "sort": Activity "activity", Waiting "waiting", Started "started" }

impl Sort {
    /// The first letter of the name, which stands for the order in a cursor.
    fn letter(self) -> char {
        self.name().chars().next().unwrap_or_default()
    }
}

/// A position in a list. It names the last conversation of a page, so it stays valid while events arrive. A
/// conversation that moves up in the meantime can be missed or appear again; one that does not move appears exactly
/// once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) sort: Sort,
    pub(crate) key: i64,
    pub(crate) id: Arc<str>,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}:{}", self.sort.letter(), self.key, self.id)
    }
}

impl Serialize for Cursor {
    /// As text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    /// From its text.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl std::str::FromStr for Cursor {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let letter = text.chars().next()?;
            let sort = Sort::ALL.into_iter().find(|sort| sort.letter() == letter)?;
            let (key, id) = text.get(letter.len_utf8()..)?.split_once(':')?;
            Some(Self { sort, key: key.parse().ok()?, id: id.into() })
        };
        parse().ok_or_else(|| QueryError::NotACursor { found: text.to_owned() })
    }
}

/// Why a query cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The text is not a valid cursor.
    #[error("invalid cursor {found:?} (expected: the cursor of an earlier page)")]
    NotACursor {
        /// The text.
        found: String,
    },
    /// The cursor was made with another sort order.
    #[error("this cursor was made with sort order {found}, the query has {expected}")]
    CursorOfAnotherOrder {
        /// The sort order of the query.
        expected: Sort,
        /// The sort order of the cursor.
        found: Sort,
    },
}

/// One page of a list.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Page {
    /// The conversations in sort order.
    pub rows: Vec<Arc<ConversationRow>>,
    /// The position of the next page; `None` if this is the last one.
    pub next: Option<Cursor>,
    /// Why the first page is empty: the conditions whose value no open conversation has, with similar values.
    pub unknown: Vec<UnknownValue>,
}

/// A conversation as lists show it: an open one, or a closed one that is unanswered after its close. [`crate::Board::state`] gives the full state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ConversationRow {
    /// The id.
    pub id: Arc<str>,
    /// The tenant.
    pub tenant: Option<Arc<str>>,
    /// The channel of the latest message.
    pub channel: Option<Arc<str>>,
    /// The assigned agent.
    pub agent: Option<AgentRef>,
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
    /// When it began (rule F4), in milliseconds since the epoch.
    pub started_at: i64,
    /// When it was last active, in milliseconds since the epoch. As in rule F4, but also if it is closed.
    pub last_active_at: i64,
    /// When it was closed (rule F3), in milliseconds since the epoch; `None` while open.
    pub closed_at: Option<i64>,
    /// The time of the first message that waits for an answer, in milliseconds since the epoch.
    pub waiting_since: Option<i64>,
    /// Whether it has a suspicion (rule F10).
    pub suspect: bool,
    /// The last text (F8). An index does not keep it; a store fills it in if a query asks for it.
    pub last_message: Option<Box<LastMessage>>,
}

impl ConversationRow {
    /// A row with the fields that every conversation has; all others are `None`. A store that restores a row sets them.
    #[must_use]
    pub fn new(id: Arc<str>, started_at: i64, last_active_at: i64) -> Self {
        Self {
            id,
            tenant: None,
            channel: None,
            agent: None,
            member_name: None,
            member_number: None,
            member_business_id: None,
            member_channel_id: None,
            shortcode: None,
            unread: 0,
            started_at,
            last_active_at,
            closed_at: None,
            waiting_since: None,
            suspect: false,
            last_message: None,
        }
    }

    /// The sort key: the smallest comes first.
    pub(crate) fn sort_key(&self, sort: Sort) -> i64 {
        match sort {
            Sort::Activity => -self.last_active_at,
            Sort::Waiting => self.waiting_since.unwrap_or(i64::MAX),
            Sort::Started => self.started_at,
        }
    }

    pub(crate) fn is_assigned(&self) -> bool {
        self.agent.is_some()
    }
}

impl Query {
    pub(crate) fn wants(&self, row: &ConversationRow) -> bool {
        let is = |wanted: &Option<String>, found: &Option<Arc<str>>, same: fn(&str, &str) -> bool| {
            wanted.as_deref().is_none_or(|wanted| found.as_deref().is_some_and(|found| same(wanted, found)))
        };
        self.wants_agent(row)
            && self.wants_member(row)
            && is(&self.number, &row.member_number, same_number)
            && is(&self.tenant, &row.tenant, |wanted, found| wanted == found)
            && is(&self.shortcode, &row.shortcode, same_number)
            && is(&self.channel, &row.channel, same_name)
            && self.unread_min.is_none_or(|least| row.unread >= least)
            && self.idle_since_ms.is_none_or(|since| row.last_active_at <= since)
            && self.waiting_since_ms.is_none_or(|since| row.waiting_since.is_some_and(|waiting| waiting <= since))
            && (!self.suspect || row.suspect)
    }

    fn wants_agent(&self, row: &ConversationRow) -> bool {
        if self.unassigned && row.is_assigned() {
            return false;
        }
        let Some(wanted) = &self.agent else { return true };
        let Some(agent) = &row.agent else { return false };
        agent.id.as_deref() == Some(wanted) || agent.name.as_deref().is_some_and(|name| same_name(name, wanted))
    }

    fn wants_member(&self, row: &ConversationRow) -> bool {
        let Some(wanted) = &self.member else { return true };
        [&row.member_business_id, &row.member_channel_id].into_iter().any(|known| known.as_deref() == Some(wanted))
            || row.member_name.as_deref().is_some_and(|name| same_name(name, wanted))
    }
}

/// The workload of an agent of a tenant (rule Q3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AgentLoad {
    /// The tenant.
    pub tenant: Option<Arc<str>>,
    /// The agent; `None` for conversations without an assigned agent.
    pub agent: Option<AgentRef>,
    /// Open conversations.
    pub open: u64,
    /// Unread messages in them.
    pub unread: u64,
    /// Open conversations that wait for an answer.
    pub waiting: u64,
    /// The time of the message that waits longest, in milliseconds since the epoch.
    pub oldest_waiting_since: Option<i64>,
}

/// Counts of the conversations of a tenant on a channel (rule Q3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Totals {
    /// The tenant.
    pub tenant: Option<Arc<str>>,
    /// The channel of the latest message.
    pub channel: Option<Arc<str>>,
    /// All conversations, open or closed.
    pub conversations: u64,
    /// The open ones.
    pub open: u64,
    /// Open conversations that wait for an answer.
    pub waiting: u64,
    /// Unread messages in the open ones.
    pub unread: u64,
    /// The closed ones that are unanswered after their close ([`Query::unanswered_after_close`]).
    pub unanswered_after_close: u64,
}
