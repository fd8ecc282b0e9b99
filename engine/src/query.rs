//! Queries about many conversations (rules Q2 and Q3), and cursors for the next page.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::cursor::{Cursor, Order, Sort};
use crate::own_texts::OwnTexts;
use crate::setters::setters;
use crate::spelling::{same_name, same_number};
use crate::state::{AgentRef, LastMessage};
use crate::unknown::UnknownValue;

/// A query for conversations. Every condition that is set must hold. A new query has none, and finds open
/// conversations only ([`Query::status`]).
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
    pub(crate) status: Option<StatusFilter>,
    pub(crate) agent: Option<String>,
    pub(crate) any_agent: Option<String>,
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
    #[serde(rename = "since")]
    pub(crate) since_ms: Option<i64>,
    #[serde(rename = "until")]
    pub(crate) until_ms: Option<i64>,
    pub(crate) by: TimeField,
    pub(crate) suspect: bool,
    pub(crate) unanswered_after_close: bool,
    #[serde(flatten)]
    pub(crate) order: Order,
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
        /// The assigned agent's id, or its name in upper or lower case.
        agent,
        /// The id or name of an agent that is assigned or was assigned before (F5).
        any_agent,
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
        /// The time named by [`by`](Self::by) is this one or later, in milliseconds since the epoch.
        since_ms: i64,
        /// The time named by [`by`](Self::by) is before this one, in milliseconds since the epoch.
        until_ms: i64,
        /// Open conversations, closed ones, or both. By default open ones; closed ones if
        /// [`unanswered_after_close`](Self::unanswered_after_close) is set.
        status: StatusFilter,
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

    /// The time to which [`since_ms`](Self::since_ms) and [`until_ms`](Self::until_ms) apply.
    #[must_use]
    pub fn by(mut self, by: TimeField) -> Self {
        self.by = by;
        self
    }

    /// Whether only conversations match that are unanswered after their close: closed, with a message that is not
    /// outbound after both their last close and their last outbound message. If it is set and
    /// [`status`](Self::status) is not, the query finds closed conversations. No open conversation matches.
    #[must_use]
    pub fn unanswered_after_close(mut self, unanswered_after_close: bool) -> Self {
        self.unanswered_after_close = unanswered_after_close;
        self
    }

    /// The order of the conversations.
    #[must_use]
    pub fn sort(mut self, sort: Sort) -> Self {
        self.order.sort = sort;
        self
    }

    /// Whether the order is reversed.
    #[must_use]
    pub fn reverse(mut self, reverse: bool) -> Self {
        self.order.reverse = reverse;
        self
    }
}

/// Which conversations a query finds, by status (F2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StatusFilter {
    /// Open ones.
    #[default]
    Open,
    /// Closed ones.
    Closed,
    /// Both.
    Any,
}

crate::named! { StatusFilter is a "status": Open "open", Closed "closed", Any "any" }

impl StatusFilter {
    pub(crate) fn includes(self, is_closed: bool) -> bool {
        match self {
            Self::Open => !is_closed,
            Self::Closed => is_closed,
            Self::Any => true,
        }
    }
}

/// A time of a conversation ([`Query::since_ms`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TimeField {
    /// When it began ([`ConversationRow::started_at`]).
    Started,
    /// When it was closed ([`ConversationRow::closed_at`]). An open conversation has no such time, and does not match.
    Closed,
    /// When it was last active ([`ConversationRow::last_active_at`]).
    #[default]
    Active,
}

crate::named! { TimeField is a "time": Started "started", Closed "closed", Active "active" }

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
        expected: Order,
        /// The sort order of the cursor.
        found: Order,
    },
    /// [`Index::query`](crate::Index::query) only.
    #[error("the query concerns closed conversations, which are not in the index")]
    NotInIndex,
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

/// A conversation as lists show it. [`crate::Board::state`] gives the full state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConversationRow {
    pub(crate) own: OwnTexts,
    /// The tenant.
    pub tenant: Option<Arc<str>>,
    /// The channel of the latest message.
    pub channel: Option<Arc<str>>,
    /// The assigned agent.
    pub agent: Option<AgentRef>,
    /// The agents that were assigned before and are not now, each once. Not part of the JSON form: the state has all
    /// assignments.
    pub earlier_agents: Arc<[AgentRef]>,
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
    pub fn new(id: &str, started_at: i64, last_active_at: i64) -> Self {
        Self::of_texts(OwnTexts::new(id, [None; _]), started_at, last_active_at)
    }

    pub(crate) fn of_texts(own: OwnTexts, started_at: i64, last_active_at: i64) -> Self {
        Self {
            own,
            tenant: None,
            channel: None,
            agent: None,
            earlier_agents: Arc::default(),
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

    /// The row with these texts of the member: name, number, business id and channel id.
    #[must_use]
    pub fn with_member(self, texts: [Option<&str>; 4]) -> Self {
        Self { own: OwnTexts::new(self.id(), texts), ..self }
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.own.id()
    }

    /// The member's name.
    #[must_use]
    pub fn member_name(&self) -> Option<&str> {
        self.own.of_member(0)
    }

    /// The member's number.
    #[must_use]
    pub fn member_number(&self) -> Option<&str> {
        self.own.of_member(1)
    }

    /// The member's id at the business.
    #[must_use]
    pub fn member_business_id(&self) -> Option<&str> {
        self.own.of_member(2)
    }

    /// The member's channel id.
    #[must_use]
    pub fn member_channel_id(&self) -> Option<&str> {
        self.own.of_member(3)
    }

    /// The sort key: the smallest comes first.
    pub(crate) fn sort_key(&self, sort: Sort) -> i64 {
        match sort {
            Sort::Activity => -self.last_active_at,
            Sort::Waiting => self.waiting_since.unwrap_or(i64::MAX),
            Sort::Started => self.started_at,
            Sort::Closed => self.closed_at.map_or(i64::MAX, |at| -at),
        }
    }

    pub(crate) fn time(&self, field: TimeField) -> Option<i64> {
        match field {
            TimeField::Started => Some(self.started_at),
            TimeField::Closed => self.closed_at,
            TimeField::Active => Some(self.last_active_at),
        }
    }

    pub(crate) fn is_assigned(&self) -> bool {
        self.agent.is_some()
    }
}

/// The JSON form of a row.
#[derive(Serialize, Deserialize)]
#[serde(rename = "ConversationRow")]
struct RowFields<'a> {
    id: Cow<'a, str>,
    tenant: Option<Arc<str>>,
    channel: Option<Arc<str>>,
    agent: Option<AgentRef>,
    member_name: Option<Cow<'a, str>>,
    member_number: Option<Cow<'a, str>>,
    member_business_id: Option<Cow<'a, str>>,
    member_channel_id: Option<Cow<'a, str>>,
    shortcode: Option<Arc<str>>,
    unread: u64,
    started_at: i64,
    last_active_at: i64,
    closed_at: Option<i64>,
    waiting_since: Option<i64>,
    suspect: bool,
    last_message: Option<Box<LastMessage>>,
}

impl Serialize for ConversationRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = self.clone();
        let fields = RowFields {
            id: self.id().into(),
            tenant: row.tenant,
            channel: row.channel,
            agent: row.agent,
            member_name: self.member_name().map(Into::into),
            member_number: self.member_number().map(Into::into),
            member_business_id: self.member_business_id().map(Into::into),
            member_channel_id: self.member_channel_id().map(Into::into),
            shortcode: row.shortcode,
            unread: row.unread,
            started_at: row.started_at,
            last_active_at: row.last_active_at,
            closed_at: row.closed_at,
            waiting_since: row.waiting_since,
            suspect: row.suspect,
            last_message: row.last_message,
        };
        fields.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ConversationRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = RowFields::deserialize(deserializer)?;
        let member = [fields.member_name, fields.member_number, fields.member_business_id, fields.member_channel_id];
        let member = member.each_ref().map(Option::as_deref);
        Ok(Self {
            tenant: fields.tenant,
            channel: fields.channel,
            agent: fields.agent,
            shortcode: fields.shortcode,
            unread: fields.unread,
            closed_at: fields.closed_at,
            waiting_since: fields.waiting_since,
            suspect: fields.suspect,
            last_message: fields.last_message,
            ..Self::of_texts(OwnTexts::new(&fields.id, member), fields.started_at, fields.last_active_at)
        })
    }
}

impl Query {
    /// The status that conversations must have.
    pub(crate) fn effective_status(&self) -> StatusFilter {
        let default = if self.unanswered_after_close { StatusFilter::Closed } else { StatusFilter::Open };
        self.status.unwrap_or(default)
    }

    /// Whether an [`Index`](crate::Index) can answer the query: every match is open or unanswered after its close.
    #[must_use]
    pub fn is_in_index(&self) -> bool {
        self.unanswered_after_close || self.effective_status() == StatusFilter::Open
    }

    /// Whether no conversation with this sort key matches, nor any after it in the order of the query: a condition
    /// limits the time by which it sorts. Such a query costs as much as it finds.
    pub(crate) fn is_past(&self, key: i64) -> bool {
        match (self.order.sort, self.order.reverse) {
            // Those that do not wait are last.
            (Sort::Waiting, false) => self.waiting_since_ms.is_some_and(|since| key > since || key == i64::MAX),
            (Sort::Activity, true) => self.idle_since_ms.is_some_and(|since| key.saturating_neg() > since),
            _ => false,
        }
    }

    /// Whether a conversation meets every condition, except [`unanswered_after_close`](Self::unanswered_after_close).
    pub(crate) fn wants(&self, row: &ConversationRow) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>, same: fn(&str, &str) -> bool| {
            wanted.as_deref().is_none_or(|wanted| found.is_some_and(|found| same(wanted, found)))
        };
        self.effective_status().includes(row.closed_at.is_some())
            && self.wants_agent(row)
            && self.any_agent.as_deref().is_none_or(|wanted| had_agent(row, wanted))
            && self.wants_member(row)
            && self.wants_time(row)
            && is(&self.number, row.member_number(), same_number)
            && is(&self.tenant, row.tenant.as_deref(), |wanted, found| wanted == found)
            && is(&self.shortcode, row.shortcode.as_deref(), same_number)
            && is(&self.channel, row.channel.as_deref(), same_name)
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
        row.agent.as_ref().is_some_and(|agent| is_agent(agent, wanted))
    }

    fn wants_time(&self, row: &ConversationRow) -> bool {
        if self.since_ms.is_none() && self.until_ms.is_none() {
            return true;
        }
        row.time(self.by).is_some_and(|at| {
            self.since_ms.is_none_or(|since| at >= since) && self.until_ms.is_none_or(|until| at < until)
        })
    }

    fn wants_member(&self, row: &ConversationRow) -> bool {
        let Some(wanted) = &self.member else { return true };
        [row.member_business_id(), row.member_channel_id()].contains(&Some(wanted))
            || row.member_name().is_some_and(|name| same_name(name, wanted))
    }
}

/// Whether the agent has this id, or this name in upper or lower case.
fn is_agent(agent: &AgentRef, wanted: &str) -> bool {
    agent.id.as_deref() == Some(wanted) || agent.name.as_deref().is_some_and(|name| same_name(name, wanted))
}

fn had_agent(row: &ConversationRow, wanted: &str) -> bool {
    row.agent.iter().chain(row.earlier_agents.iter()).any(|agent| is_agent(agent, wanted))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_back_from_its_json() {
        let mut row = ConversationRow::new("case-7", 1, 2).with_member([Some("Mo"), None, Some(""), None]);
        row.tenant = Some("t".into());
        row.unread = 3;
        let json = serde_json::to_string(&row).unwrap();
        let expected = concat!(
            r#"{"id":"case-7","tenant":"t","channel":null,"agent":null,"member_name":"Mo","member_number":null,"#,
            r#""member_business_id":"","member_channel_id":null,"shortcode":null,"unread":3,"started_at":1,"#,
            r#""last_active_at":2,"closed_at":null,"waiting_since":null,"suspect":false,"last_message":null}"#,
        );
        assert_eq!((json.as_str(), serde_json::from_str(&json).ok()), (expected, Some(row)));
    }

    /// There is one for each open conversation.
    #[test]
    fn a_row_is_small() {
        assert!(size_of::<ConversationRow>() <= 208);
    }
}
